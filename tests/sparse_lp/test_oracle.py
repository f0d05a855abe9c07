"""Both engines against what Caffe2's own SparseLpRegularizer returned, and refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from workbench import sparse_lp_regularizer

from . import scalar
from .common import assert_same_bits

ORACLE = Path(__file__).parent.parent / "oracle"
NAME = "SparseLpRegularizer"
RECORDS = json.loads((ORACLE / "caffe2_open.json").read_text())
CASES = [
    pytest.param(case["case"], case["args"], case["repeated_indices"], id=case["case"])
    for case in RECORDS["cases"]
    if case["operator"] == NAME
]
REFUSED = [refusal for refusal in RECORDS["refusals"] if refusal["operator"] == NAME]

ACCEPTED = [refusal for refusal in REFUSED if "only implemented for p=1 or p=2" in refusal["message"]]
STILL_REFUSED = [refusal for refusal in REFUSED if refusal["message"].startswith("reg_lambda_")]


@pytest.fixture(scope="module")
def recorded():
    with np.load(ORACLE / "caffe2_open.npz") as arrays:
        return dict(arrays)


def test_all_cases_are_there(recorded):
    assert len(CASES) == 16
    assert sum(name.startswith("sparse_lp_") and name.endswith("/param_out") for name in recorded) == 16
    assert (len(REFUSED), len(ACCEPTED), len(STILL_REFUSED)) == (7, 2, 4)  # and one for not working in place


@pytest.mark.parametrize(("case", "arguments", "repeated"), CASES)
def test_recorded_case(case, arguments, repeated, engine, recorded):
    before, indices = recorded[f"{case}/param"], recorded[f"{case}/indices"]
    assert indices.dtype == ("int32" if "int32" in case else "int64")
    assert (len(np.unique(indices)) < indices.size) is repeated
    param = before.copy()
    assert sparse_lp_regularizer(param, indices, **arguments, engine=engine) is None
    assert_same_bits(param, recorded[f"{case}/param_out"])


@pytest.mark.parametrize("refusal", STILL_REFUSED, ids=lambda refusal: str(refusal["args"]))
def test_recorded_refusal(refusal):
    strength = refusal["args"]["reg_lambda"]
    with pytest.raises(ValueError, match=f"^reg_lambda={strength}: must be a number above 0.0 and below 1.0$"):
        sparse_lp_regularizer(np.array([[1.5, -2.5, 0.5]], np.float32), np.array([0]), **refusal["args"])


@pytest.mark.parametrize("refusal", ACCEPTED, ids=lambda refusal: str(refusal["args"]))
def test_other_exponents_are_taken_here(refusal, engine):
    p, weight = refusal["args"]["p"], refusal["args"]["reg_lambda"]
    param = np.array([[1.5, -2.5, 0.1], [0.3, -0.2, 3.5]])
    given = param.copy()
    sparse_lp_regularizer(param, np.array([1]), p, weight, engine=engine)
    assert_same_bits(param[0], given[0])
    expected = [scalar.prox(value, weight, p) for value in given[1].tolist()]
    np.testing.assert_allclose(param[1], expected, rtol=1e-12)
