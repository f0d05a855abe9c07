"""Bags of ids: against PyTorch's recorded values, and rows added by hand."""

import numpy as np
import pytest

from tests.training.recorded import cases
from workbench.training import network
from workbench.training.layers import EmbeddingBag
from workbench.training.random import world_seeds


def padded(ids, lengths):
    """Return lists that lie one after another as the rows of an array, with -1 after their ends."""
    rows = np.full((len(lengths), max(lengths)), -1)
    rows[np.arange(max(lengths)) < lengths[:, None]] = ids
    return rows


@pytest.mark.parametrize("case", list(cases("embedding_bag")), ids=lambda case: case[0])
def test_bags_are_pytorch_s(case):
    _, arguments, inputs, outputs = case
    rng = np.random.default_rng(3)
    lists = padded(inputs["ids"], inputs["lengths"])
    x = np.stack([np.where(lists < 0, 0, 8 - lists), lists, rng.permuted(lists)])
    weight, dy = (rng.normal(size=(3, *inputs[name].shape)) for name in ("weight", "dy"))
    weight[1], dy[1] = inputs["weight"], inputs["dy"]
    layer = EmbeddingBag(*inputs["weight"].shape, mode=arguments["mode"])
    y, saved = layer.forward({"weight": weight}, x, training=True)
    np.testing.assert_allclose(y[1], outputs["y"], rtol=1e-9, atol=1e-9)
    dx, gradients = layer.backward({"weight": weight}, saved, dy)
    np.testing.assert_allclose(gradients["weight"][1], outputs["dweight"], rtol=1e-9, atol=1e-9)
    assert dx.shape == x.shape
    assert not dx.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("ids", [np.int8, np.int64])
@pytest.mark.parametrize(("mode", "divisors"), [("sum", (1, 1, 1)), ("mean", (4, 1, 2))])
def test_rows_are_added_once_for_each_time_they_are_named(dtype, ids, mode, divisors):
    x = np.array(
        [[[2, 0, 2, 2], [-1, -1, -1, -1], [4, -1, 1, -1]], [[3, 3, 3, 3], [0, -1, -1, -1], [1, 4, -1, -1]]], ids
    )
    weight = (np.arange(20).reshape(2, 5, 2) ** 2).astype(dtype)
    y, saved = EmbeddingBag(5, 2, mode).forward({"weight": weight}, x, training=False)
    first, second = weight
    wanted = [
        [first[0] + 3 * first[2], 0 * first[0], first[1] + first[4]],
        [4 * second[3], second[0], second[1] + second[4]],
    ]
    counts = np.array([divisors, (divisors[0], 1, divisors[2])], dtype)[..., None]
    assert y.dtype == dtype
    np.testing.assert_allclose(y, np.array(wanted) / counts, rtol=1e-6)
    dy = np.array([[[1, 2], [4, 8], [16, 32]], [[3, 5], [7, 11], [13, 17]]], dtype)
    gradient = EmbeddingBag(5, 2, mode).backward({"weight": weight}, saved, dy)[1]["weight"]
    (a, _, c), (d, e, f) = dy / counts
    assert gradient.dtype == dtype
    np.testing.assert_allclose(gradient[0], [a, c, 3 * a, 0 * a, c], rtol=1e-6)
    np.testing.assert_allclose(gradient[1], [e, f, 0 * e, 4 * d, f], rtol=1e-6)


def test_a_world_does_not_depend_on_the_number_of_worlds():
    rng = np.random.default_rng(4)
    layer, x = EmbeddingBag(7, 3, "mean"), rng.integers(-1, 7, (5, 40, 6))
    (parameters,) = network.initial([layer], (6,), world_seeds(range(5)), np.float32)
    y, saved = layer.forward(parameters, x, training=True)
    gradient = layer.backward(parameters, saved, np.cos(y))[1]["weight"]
    for worlds in (slice(0, 2), slice(3, 4)):
        own = {"weight": parameters["weight"][worlds]}
        some, saved = layer.forward(own, x[worlds], training=True)
        np.testing.assert_array_equal(some, y[worlds])
        np.testing.assert_array_equal(layer.backward(own, saved, np.cos(some))[1]["weight"], gradient[worlds])


def test_weights_are_standard_normal_numbers_unless_an_initializer_draws_them():
    (parameters,) = network.initial([EmbeddingBag(90, 40)], (4,), world_seeds([1, 2]), np.float64)
    assert parameters["weight"].shape == (2, 90, 40)
    np.testing.assert_allclose(parameters["weight"].std(axis=(1, 2)), 1, atol=0.05)
    assert (EmbeddingBag(5, 2, initializer=lambda *given: given[2:]).initial((4,), None, 3))["weight"] == (5, 2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: EmbeddingBag(0, 3), ValueError, "rows=0: must be at least 1"),
        (lambda: EmbeddingBag(4, 2.5), TypeError, "columns=2.5: must be an int"),
        (lambda: EmbeddingBag(4, 2, "max"), ValueError, "mode='max': must be one of 'sum', 'mean'"),
        (lambda: EmbeddingBag(4, 2).output((3, 2)), ValueError, r"one axis, got shape \(3, 2\)"),
        (lambda: bag_of(4), ValueError, "x holds the id 4: must be from 0 to 3, or -1"),
        (lambda: bag_of(-2), ValueError, "x holds the id -2: must be from 0 to 3, or -1"),
        (lambda: bag_of(1.0), TypeError, "x has dtype float64: must be ids"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()


def bag_of(number):
    return EmbeddingBag(4, 2).forward({"weight": np.ones((1, 4, 2))}, np.array([[[0, number]]]), training=True)
