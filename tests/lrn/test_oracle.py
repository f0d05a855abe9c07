"""Both engines against what Caffe2's own LRN returned."""

import json
from pathlib import Path

import numpy as np
import pytest

from workbench import local_response_norm, local_response_norm_gradient, local_response_norm_scale

ORACLE = Path(__file__).parent.parent / "oracle"
CASES = [
    pytest.param(case["case"], case["args"], id=case["case"])
    for case in json.loads((ORACLE / "caffe2_open.json").read_text())["cases"]
    if case["operator"] == "LRN"
]


@pytest.fixture(scope="module")
def recorded():
    with np.load(ORACLE / "caffe2_open.npz") as arrays:
        return dict(arrays)


def test_all_cases_are_there(recorded):
    assert len(CASES) == 14
    assert sum(name.startswith("lrn_") and name.endswith("/dx") for name in recorded) == 14


@pytest.mark.parametrize("engine", ["reference", "numba"])
@pytest.mark.parametrize(("case", "arguments"), CASES)
def test_recorded_case(case, arguments, engine, recorded):
    x, dy = recorded[f"{case}/x"], recorded[f"{case}/dy"]
    results = {
        "y": local_response_norm(x, **arguments, engine=engine),
        "scale": local_response_norm_scale(x, **arguments, engine=engine),
        "dx": local_response_norm_gradient(dy, x, **arguments, engine=engine),
    }
    for name, result in results.items():
        truth = recorded[f"{case}/{name}"]
        assert result.dtype == truth.dtype
        np.testing.assert_allclose(result, truth, rtol=0, atol=1e-6 * np.abs(truth).max(), err_msg=name)
