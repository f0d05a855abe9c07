"""Both engines against what Caffe2's own SparseLpRegularizer returned, and refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from workbench import OPERATORS, sparse_lp_regularizer
from workbench.parallel import thread_limit

from . import scalar
from .common import ENGINES, assert_same_bits

ORACLE = Path(__file__).parent.parent / "oracle"
NAME = "SparseLpRegularizer"
RECORDS = json.loads((ORACLE / "caffe2_open.json").read_text())
CASES = [
    pytest.param(case["case"], case["args"], case["repeated_indices"], id=case["case"])
    for case in RECORDS["cases"]
    if case["operator"] == NAME
]
REFUSED = [refusal for refusal in RECORDS["refusals"] if refusal["operator"] == NAME]

# What Caffe2 said (the beginning), and what we say of the same.
REASONS = {
    "reg_lambda_ > 0.0. 0 vs 0.": "reg_lambda=0.0: must be a number above 0.0 and below 1.0",
    "reg_lambda_ > 0.0. -0.1 vs 0.": "reg_lambda=-0.1: must be a number above 0.0 and below 1.0",
    "reg_lambda_ < 1.0. 1 vs 1.": "reg_lambda=1.0: must be a number above 0.0 and below 1.0",
    "reg_lambda_ < 1.0. 1.5 vs 1.": "reg_lambda=1.5: must be a number above 0.0 and below 1.0",
}
ACCEPTED = [refusal for refusal in REFUSED if "only implemented for p=1 or p=2" in refusal["message"]]
STILL_REFUSED = [refusal for refusal in REFUSED if refusal["message"].startswith("reg_lambda_")]
NOT_IN_PLACE = [refusal for refusal in REFUSED if refusal["args"].get("inplace") is False]


@pytest.fixture(scope="module")
def recorded():
    with np.load(ORACLE / "caffe2_open.npz") as arrays:
        return dict(arrays)


def test_all_cases_are_there(recorded):
    assert len(CASES) == 16
    assert sum(name.startswith("sparse_lp_") and name.endswith("/param_out") for name in recorded) == 16
    assert (len(REFUSED), len(ACCEPTED), len(STILL_REFUSED), len(NOT_IN_PLACE)) == (7, 2, 4, 1)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("case", "arguments", "repeated"), CASES)
def test_recorded_case(case, arguments, repeated, engine, threads, recorded):
    before, indices = recorded[f"{case}/param"], recorded[f"{case}/indices"]
    assert indices.dtype == ("int32" if "int32" in case else "int64")
    assert (len(np.unique(indices)) < indices.size) is repeated
    for function in (sparse_lp_regularizer, OPERATORS[NAME].run):
        param = before.copy()
        with thread_limit(threads):
            result = function(param, indices, **arguments, engine=engine)
        assert_same_bits(param, recorded[f"{case}/param_out"])
        assert result is (None if function is sparse_lp_regularizer else param)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("refusal", STILL_REFUSED, ids=lambda refusal: str(refusal["args"]))
def test_recorded_refusal(refusal, engine):
    param = np.array([[1.5, -2.5, 0.5]], np.float32)
    before = param.tobytes()
    (reason,) = [ours for theirs, ours in REASONS.items() if refusal["message"].startswith(theirs)]
    with pytest.raises(ValueError, match="must be") as raised:
        sparse_lp_regularizer(param, np.array([0]), **refusal["args"], engine=engine)
    assert str(raised.value) == reason
    assert param.tobytes() == before


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("refusal", ACCEPTED, ids=lambda refusal: str(refusal["args"]))
def test_other_exponents_are_taken_here(refusal, engine):
    p, weight = refusal["args"]["p"], refusal["args"]["reg_lambda"]
    param = np.array([[1.5, -2.5, 0.1], [0.3, -0.2, 3.5]])
    given = param.copy()
    sparse_lp_regularizer(param, np.array([1]), p, weight, engine=engine)
    assert_same_bits(param[0], given[0])
    expected = [scalar.prox(value, weight, p) for value in given[1].tolist()]
    np.testing.assert_allclose(param[1], expected, rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_output_must_be_the_input(engine):
    assert len(NOT_IN_PLACE) == 1
    param = np.array([[1.5, -2.5, 0.5], [3.5, 4.5, -5.5]])
    before = param.tobytes()
    for other in (param.copy(), param[:], np.empty((2, 3))):
        with pytest.raises(ValueError, match="works in place") as raised:
            OPERATORS[NAME].run(param, np.array([1]), engine=engine, outputs={"output_param": other})
        assert str(raised.value) == (
            "SparseLpRegularizer works in place: its output 'output_param' must be its input 'param'"
        )
        assert param.tobytes() == before
    assert OPERATORS[NAME].run(param, np.array([1]), engine=engine, outputs={"output_param": param}) is param
    assert param.tobytes() != before


def test_should_not_do_gradient():
    with pytest.raises(TypeError, match="SparseLpRegularizer should not be differentiated"):
        OPERATORS[NAME].gradient_operator()
