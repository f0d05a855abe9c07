"""What notebooks say of claims: the ledger's verdict and no other, and the numbers as they are saved."""

import json

import pytest

from workbench.claims import CLAIMS, saved
from workbench.claims.evidence import FOLDER
from workbench.claims.in_notebooks import recorded, span, tell


def test_a_verdict_that_the_ledger_does_not_have_is_an_error(capsys):
    tell("L22", "depends", {"entropy of shares": "fails"})
    tell("L22")
    shown = capsys.readouterr().out
    assert shown.count(f"L22: {CLAIMS['L22'].paraphrase}\n") == 2
    with pytest.raises(AssertionError, match="L22 depends: change the text"):
        tell("L22", "holds")
    with pytest.raises(AssertionError, match="L22"):
        tell("L22", "depends", {"entropy of shares": "holds"})


def test_numbers_are_those_of_the_file_and_a_setting_without_them_is_left_out():
    name = "relative gain over random pruning"
    written = json.loads((FOLDER / "L20.json").read_text(encoding="utf-8"))["numbers"]
    found = recorded("L20", name)
    assert list(found) == [setting for setting, seeds in written.items() if name in seeds[0]]
    for setting, values in found.items():
        assert values == [each[name] for each in written[setting]]
    assert recorded("L20", "unheard of") == {}
    assert len(saved(CLAIMS["L20"]).numbers) == len(written)


def test_a_span_is_the_interval_of_the_mean_in_percent():
    # Mean 0.2, deviation 0.1, and t at 99 % with two degrees of freedom 9.925: 9.925 * 0.1 / sqrt(3) = 0.573
    assert span([0.1, 0.2, 0.3]) == "-37% to +77%"
    assert span([0.1, 0.2, 0.3], 1) == "-37.3% to +77.3%"
