"""The ledger: every claim is whole, and its saved evidence follows from the code."""

import dataclasses
import datetime
import json
import re
from pathlib import Path

import numpy as np
import pytest

from workbench.claims import evidence, running
from workbench.claims.claim import KINDS, TEXTS, Claim
from workbench.claims.ledger import CLAIMS, gather, select
from workbench.claims.rules import Exact
from workbench.files import Refused

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LETTERS = {"D": "sparse dropout", "P": "sparse Lp", "L": "LRN"}
EXACT = [id for id, claim in CLAIMS.items() if claim.exact]
OTHERS = [id for id, claim in CLAIMS.items() if claim.run and not claim.exact]
SAMPLE = np.random.default_rng(datetime.date.today().toordinal()).permutation(OTHERS)[:3].tolist()


def headings(stem):
    cells = json.loads((NOTEBOOKS / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return set(re.findall(r"^#+ (.+)$", text, re.MULTILINE))


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))
def test_a_claim_has_a_rule_a_source_and_a_place(claim):
    assert claim.text == LETTERS[claim.id[0]]
    assert claim.kind in KINDS
    assert claim.question
    assert claim.paraphrase.endswith((".", "?"))
    assert claim.rule
    assert claim.sources
    assert claim.settings
    assert claim.finding or claim.run is None
    notebook, _, heading = claim.shown_in.partition("#")
    if claim.run:
        assert heading in headings(notebook)


@pytest.mark.parametrize("id", [*EXACT, *SAMPLE])
def test_the_evidence_follows_from_the_code(id):
    settings = 1 if CLAIMS[id].retrained else None  # dear: `workbench claims --check` runs all
    assert [reason for _, reason in running.check([id], seeds=1, settings=settings)] == []


def test_no_evidence_without_a_claim_that_runs():
    assert {path.stem for path in evidence.FOLDER.glob("*.json")} == {id for id, claim in CLAIMS.items() if claim.run}


@pytest.mark.parametrize("id", [id for id, claim in CLAIMS.items() if claim.run])
def test_evidence_has_every_setting_and_seed(id):
    numbers = evidence.record(id)["numbers"]
    assert {name: len(seeds) >= CLAIMS[id].seeds for name, seeds in numbers.items()} == dict.fromkeys(
        CLAIMS[id].settings, True
    )


def made_up(id="L99"):
    rule = (Exact("n", most=1.0),)
    return Claim(id, "LRN", "Q1", "definition", "Made up.", rule, lambda seed: {"n": float(seed)}, "", ())


@pytest.fixture
def ledger_of_one(monkeypatch, tmp_path):
    """Put one made-up claim in the place of all, with an empty folder of evidence."""
    monkeypatch.setattr("workbench.claims.ledger.CLAIMS", {"L99": made_up()})
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    evidence.record.cache_clear()
    yield tmp_path
    evidence.record.cache_clear()


def test_a_run_is_judged_saved_and_read_again(ledger_of_one):
    verdict = running.run("L99", seeds=2)
    assert (verdict.verdict, verdict.numbers) == ("holds", {"": [{"n": 0.0}, {"n": 1.0}]})
    evidence.save(verdict, {"python": "3"}, "2026-01-02", ledger_of_one)
    assert evidence.saved(verdict.claim).numbers == verdict.numbers
    assert evidence.record("L99")["date"] == "2026-01-02"
    assert running.run("L99", seeds=2, first=1).verdict == "fails"


def test_check_reports_evidence_that_the_code_contradicts(ledger_of_one):
    assert ["no saved evidence" in reason for _, reason in running.check(["L99"])] == [True]
    claim = made_up()
    evidence.save(claim.judge({"": [{"n": 5.0}, {"n": 1.0}]}), {}, "2026-01-02", ledger_of_one)
    assert [reason for _, reason in running.check(["L99"])] == [
        "is now holds for these seeds, and was fails on 2026-01-02",
        "n of seed 0 is 0, saved as 5",
    ]
    evidence.save(claim.judge({"": [{"n": 0.5}, {"n": 1.0}]}), {}, "2026-01-02", ledger_of_one)
    assert [reason for _, reason in running.check(["L99"])] == ["n of seed 0 is 0, saved as 0.5"]
    evidence.save(claim.judge({"": [{"n": 0.0}, {"n": 0.999}, {"n": 7.0}]}), {}, "2026-01-02", ledger_of_one)
    assert [reason for _, reason in running.check(["L99"])] == []


def test_check_compares_the_verdict_alone_where_numbers_change_with_python(ledger_of_one, monkeypatch):
    claim = dataclasses.replace(made_up(), only_verdict=("",))
    monkeypatch.setattr("workbench.claims.ledger.CLAIMS", {"L99": claim})
    evidence.save(claim.judge({"": [{"n": 0.5}, {"n": 1.0}]}), {}, "2026-01-02", ledger_of_one)
    assert [reason for _, reason in running.check(["L99"])] == []
    evidence.save(claim.judge({"": [{"n": 5.0}, {"n": 1.0}]}), {}, "2026-01-02", ledger_of_one)
    assert ["is now holds" in reason for _, reason in running.check(["L99"])] == [True]


def test_numbers_of_networks_that_are_trained_again_may_differ_within_the_spread_of_the_seeds(
    ledger_of_one, monkeypatch
):
    claim = dataclasses.replace(made_up(), retrained=True)
    monkeypatch.setattr("workbench.claims.ledger.CLAIMS", {"L99": claim})
    for wrong, reasons in ((2.0, []), (40.0, ["n of seed 0 is 0, saved as 40"])):
        rest = [{"n": float(n % 2)} for n in range(1, 60)]
        evidence.save(claim.judge({"": [{"n": wrong}, *rest]}), {}, "2026-01-02", ledger_of_one)
        assert [reason for _, reason in running.check(["L99"])] == reasons


def test_numbers_that_json_cannot_hold_are_kept(ledger_of_one):
    verdict = made_up().judge({"": [{"n": np.inf}, {"n": np.nan}]})
    evidence.save(verdict, {}, "2026-01-02", ledger_of_one)
    again = evidence.saved(verdict.claim).numbers[""]
    assert again[0]["n"] == np.inf
    assert np.isnan(again[1]["n"])


def test_claims_come_in_the_order_of_texts_and_numbers():
    assert list(gather(made_up(id) for id in ("L2", "P10", "P9", "D1", "L10"))) == ["D1", "P9", "P10", "L2", "L10"]
    with pytest.raises(ValueError, match="L2 is declared twice"):
        gather([made_up("L2"), made_up("L2")])


def test_select():
    everything = list(CLAIMS.values())
    assert select(everything) == everything
    assert {claim.text for claim in select(everything, operator="LRN")} == {"LRN"}
    assert select(everything, operator="LRN") == select(everything, operator=TEXTS["LRN"])
    assert {claim.kind for claim in select(everything, kind="definition")} == {"definition"}
    assert {evidence.saved(claim).verdict for claim in select(everything, verdict="fails")} == {"fails"}
    assert "L15" in [claim.id for claim in select(everything, text="SOFTMAX")]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: running.run("X1"), "claim 'X1': is not in the ledger"),
        (lambda: running.run(7), "claim 7: is not in the ledger"),
        (lambda: running.run("L12", seeds=0), "seeds: 0 is less than 1"),
        (lambda: select([], verdict="true"), "verdict 'true': must be one of holds, fails, depends, open"),
        (lambda: select([], kind="fact"), "kind 'fact': must be one of definition"),
        (lambda: select([], operator="Softmax"), "operator 'Softmax': must be one of"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(Refused, match=re.escape(message)):
        call()
