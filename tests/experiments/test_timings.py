"""The worked example's convolution against a loop, its gradients against finite differences; what is timed, in full."""

import numpy as np
import pytest

from tests.declared import keep_operators
from tests.machines.flat import flat_machine
from workbench.experiments.timings import (
    columns_of,
    convolve,
    convolve_back,
    image_of,
    measure_points,
    time_example,
    time_tricks,
)
from workbench.hardware.tricks import TRICKS


def convolve_by_loops(x, weights):
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    y = np.zeros((n, len(weights), h, w))
    for i, f, r, s in np.ndindex(y.shape):
        y[i, f, r, s] = sum(
            weights[f, k, a, b] * padded[i, k, r + a, s + b] for k in range(c) for a in range(3) for b in range(3)
        )
    return y


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.standard_normal((2, 3, 4, 5)), rng.standard_normal((7, 3, 3, 3)), rng.standard_normal((2, 7, 4, 5))


def test_convolution_against_a_loop(arrays):
    x, weights, _ = arrays
    np.testing.assert_allclose(convolve(x, weights), convolve_by_loops(x, weights))


def test_gradients_against_finite_differences(arrays):
    x, weights, dy = arrays
    to_input, to_weights = convolve_back(dy, x, weights)
    for array, gradient, loss in (
        (x, to_input, lambda: np.sum(dy * convolve(x, weights))),
        (weights, to_weights, lambda: np.sum(dy * convolve(x, weights))),
    ):
        for place in list(np.ndindex(array.shape))[::17]:
            kept, sides = array[place], []
            for step in (1e-5, -1e-5):
                array[place] = kept + step
                sides.append(loss())
            array[place] = kept
            assert gradient[place] == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-6, abs=1e-8)


def test_what_is_laid_out_comes_back_as_often_as_it_was_copied():
    # An inner element is in nine windows, one at a side in six, at a corner in four.
    x = np.ones((1, 3, 4))
    assert image_of(columns_of(x), (1, 3, 4))[0].tolist() == [[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]]


def test_every_part_is_predicted_and_timed():
    found = time_example(flat_machine(), 2, batch=2, channels=3, pixels=6, size=3, beta=1.0, rounds=2)
    parts = [(each.layer, each.direction) for each in found]
    assert parts == [(name, way) for name in ("convolution", "ReLU", "LRN") for way in ("forward", "gradient")]
    assert all(each.measured > 0 for each in found)
    # ReLU forward: 216 elements, 1728 bytes at two billion a second, and a launch.
    assert found[2].predicted == pytest.approx(1728 / 2e9 + 1e-6)
    assert found[2].bound == "launch"


def test_points_of_the_roofline(monkeypatch):
    keep_operators(monkeypatch, "lrn", "sparse_dropout", "sparse_lp")
    points = {point.name: point for point in measure_points(384, rounds=1)}
    assert set(points) == {
        *("LRN", "LRNGradient", "LRN within", "LRNGradient within", "LpProx p = 0.5", "LpGradient p = 0.5"),
        *("DropoutWithReplacement", "DropoutWithReplacementGradient", "SparseDropoutWithReplacement"),
        *("SparseItemwiseDropoutWithReplacement", "SparseLpRegularizer p = 2", "SparseLp p = 0.5"),
    }
    assert points["LpProx p = 0.5"].before is None
    # Dropout of 384: a word, a comparison and a choice an element; 4 bytes read, 5 written; 4 of the replacement.
    assert points["DropoutWithReplacement"].after[0] == pytest.approx(3 * 384 / (9 * 384 + 4))
    assert all(point.before[0] < point.after[0] for point in points.values() if point.before)
    assert all(min(point.after) > 0 for point in points.values())


def test_a_copy_and_every_trick_are_timed():
    x = np.random.default_rng(0).standard_normal(5000, np.float32)
    times = time_tricks(x, 0.3, 1, rounds=2)
    assert list(times) == ["copy", *TRICKS]
    assert all(seconds > 0 for seconds in times.values())
    assert list(time_tricks(x[:5], 0.3, 1, rounds=1, threads=2, tricks={})) == ["copy"]
