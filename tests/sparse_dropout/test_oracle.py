"""Both engines against what Caffe2's own SparseDropoutWithReplacement returned, and refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from workbench import OPERATORS, sparse_dropout_with_replacement

from .common import ENGINES, assert_same_bits

ORACLE = Path(__file__).parent.parent / "oracle"
NAME = "SparseDropoutWithReplacement"
RECORDS = json.loads((ORACLE / "caffe2_open.json").read_text())
CASES = [
    pytest.param(case["case"], case["args"], id=case["case"]) for case in RECORDS["cases"] if case["operator"] == NAME
]
REFUSED = [refusal for refusal in RECORDS["refusals"] if refusal["operator"] == NAME]

# What Caffe2 said (the beginning), and what we say of the same.
REASONS = {
    "ratio_ >= 0.0. -0.1 vs 0.": "ratio=-0.1: must be a number from 0.0 to 1.0; the nearest legal value is 0.0",
    "ratio_ <= 1.0. 1.1 vs 1.": "ratio=1.1: must be a number from 0.0 to 1.0; the nearest legal value is 1.0",
    "total_input_length == X.numel(). 2 vs 1.": "lengths[0]=2: must be at most 1, the number of values in x",
    "total_input_length == X.numel(). 4 vs 5.": "lengths add up to 4 and x has 5 values: must be equal",
}


@pytest.fixture(scope="module")
def recorded():
    with np.load(ORACLE / "caffe2_open.npz") as arrays:
        return dict(arrays)


def test_all_cases_are_there(recorded):
    assert len(CASES) == 5
    assert len(REFUSED) == 4
    assert sum(name.startswith("sparse_dropout_") and name.endswith("/y") for name in recorded) == 5


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("case", "arguments"), CASES)
def test_recorded_case(case, arguments, engine, seed, recorded):
    x, lengths = recorded[f"{case}/x"], recorded[f"{case}/lengths"]
    for function in (sparse_dropout_with_replacement, OPERATORS[NAME].run):
        y, output_lengths = function(x, lengths, **arguments, seed=seed, engine=engine)
        assert_same_bits(y, recorded[f"{case}/y"])
        assert_same_bits(output_lengths, recorded[f"{case}/output_lengths"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("refusal", REFUSED, ids=[refusal["message"][:30] for refusal in REFUSED])
def test_recorded_refusal(refusal, engine):
    x = np.arange(refusal["args"]["n"])
    lengths = np.array(refusal["args"]["lengths"], np.int32)
    (reason,) = [ours for theirs, ours in REASONS.items() if refusal["message"].startswith(theirs)]
    with pytest.raises(ValueError, match="must be") as raised:
        sparse_dropout_with_replacement(x, lengths, refusal["args"]["ratio"], seed=0, engine=engine)
    assert str(raised.value) == reason
