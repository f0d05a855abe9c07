"""Convolution and pooling: against PyTorch's recorded values, scalar loops, and counts by hand."""

import itertools

import numpy as np
import pytest

from tests.training.recorded import cases
from workbench.training import network
from workbench.training.layers import AveragePool, Convolution, MaxPool, windows
from workbench.training.random import world_seeds

ALIKE = {"rtol": 1e-9, "atol": 1e-9}


def among_others(array):
    """Put an array into world 1 of three."""
    others = np.random.default_rng(3).normal(size=(2, *array.shape))
    return np.stack([others[0], array, others[1]])


def both_ways(layer, parameters, x, dy):
    """Return the output, the derivative of x, and those of the parameters."""
    y, saved = layer.forward(parameters, x, training=True)
    return y, *layer.backward(parameters, saved, dy)


def scalar_convolution(x, weight, bias, stride, padding):
    """Convolve one image (in, rows, columns), pixel by pixel."""
    channels, _, size, _ = weight.shape
    rows, columns = ((length + 2 * padding - size) // stride + 1 for length in x.shape[1:])
    y = np.zeros((channels, rows, columns)) + bias[:, None, None]
    taps = itertools.product(range(len(x)), range(size), range(size))
    for (i, a, b), o, r, c in itertools.product(taps, *map(range, y.shape)):
        row, column = r * stride + a - padding, c * stride + b - padding
        if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
            y[o, r, c] += weight[o, i, a, b] * x[i, row, column]
    return y


@pytest.mark.parametrize("case", list(cases("convolution")), ids=lambda case: case[0])
def test_convolution_is_pytorch_s(case):
    _, arguments, inputs, outputs = case
    parameters = {name: among_others(inputs[name]) for name in ("weight", "bias")}
    layer = Convolution(len(inputs["bias"]), inputs["weight"].shape[-1], arguments["stride"], arguments["padding"])
    y, dx, gradients = both_ways(layer, parameters, among_others(inputs["x"]), among_others(inputs["dy"]))
    for found, name in ((y, "y"), (dx, "dx"), (gradients["weight"], "dweight"), (gradients["bias"], "dbias")):
        np.testing.assert_allclose(found[1], outputs[name], **ALIKE)


@pytest.mark.parametrize(
    ("image", "size", "stride", "padding"),
    [
        ((6, 8), 1, 1, 0),
        ((6, 8), 3, 1, 1),
        ((6, 8), 3, 1, 0),
        ((6, 8), 5, 1, 2),
        ((6, 8), 2, 3, 3),
        ((6, 8), 3, 2, 4),
        ((6, 8), 6, 1, 0),
        ((4, 1), 5, 1, 2),  # some elements of the window are never inside the image
        ((2, 3), 7, 1, 3),
    ],
)
def test_convolution_is_the_sum_over_each_window(image, size, stride, padding):
    rng = np.random.default_rng(1)
    x, weight = rng.normal(size=(2, 5, 3, *image)), rng.normal(size=(2, 4, 3, size, size))
    parameters = {"weight": weight, "bias": rng.normal(size=(2, 4))}
    y, _ = Convolution(4, size, stride, padding).forward(parameters, x, training=True)
    for world, example in ((0, 4), (1, 2)):
        one = scalar_convolution(x[world, example], weight[world], parameters["bias"][world], stride, padding)
        np.testing.assert_allclose(y[world, example], one, **ALIKE)
    y32, _ = Convolution(4, size, stride, padding, bias=False).forward(
        {"weight": weight.astype(np.float32)}, x.astype(np.float32), training=True
    )
    assert y32.dtype == np.float32
    np.testing.assert_allclose(y32 + parameters["bias"][:, None, :, None, None], y, rtol=1e-5, atol=1e-4)


def test_pieces_of_a_batch_give_what_the_whole_batch_gives(monkeypatch):
    rng = np.random.default_rng(2)
    x, dy = rng.normal(size=(2, 7, 3, 5, 6)), rng.normal(size=(2, 7, 4, 5, 6))
    parameters = {"weight": rng.normal(size=(2, 4, 3, 3, 3)), "bias": rng.normal(size=(2, 4))}
    layer = Convolution(4, 3, padding=1)
    found = []
    for pieces in (1, 3, 7):
        monkeypatch.setattr(windows, "MATRIX_BYTES", pieces * 27 * 30 * 8)
        y, dx, gradients = both_ways(layer, parameters, x, dy)
        found.append([y, dx, gradients["weight"], gradients["bias"]])
    for other in found[1:]:
        for some, whole in zip(found[0], other, strict=True):
            np.testing.assert_allclose(some, whole, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found[0][3], dy.sum(axis=(1, 3, 4)), **ALIKE)


@pytest.mark.parametrize(
    "layer", [Convolution(6, 3, padding=1), Convolution(1, 2, 2), MaxPool(2, 2), AveragePool(2, 2)]
)
def test_a_world_does_not_depend_on_the_number_of_worlds(layer):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(5, 33, 2, 9, 8)).astype(np.float32)
    (parameters,) = network.initial([layer], x.shape[2:], world_seeds(range(5)), np.float32)
    dy = rng.normal(size=(5, 33, *layer.output(x.shape[2:]))).astype(np.float32)
    y, dx, gradients = both_ways(layer, parameters, x, dy)
    for worlds in (slice(0, 2), slice(3, 4), slice(2, 4)):
        own = {name: array[worlds] for name, array in parameters.items()}
        some, dx_some, gradients_some = both_ways(layer, own, x[worlds], dy[worlds])
        np.testing.assert_array_equal(some, y[worlds])
        np.testing.assert_array_equal(dx_some, dx[worlds])
        for name, array in gradients_some.items():
            np.testing.assert_array_equal(array, gradients[name][worlds])


def test_what_cannot_be_written_or_lies_in_steps_is_read():
    rng = np.random.default_rng(4)
    x = np.broadcast_to(rng.normal(size=(3, 4, 5)), (2, 6, 3, 4, 5))
    parameters = {"weight": rng.normal(size=(2, 4, 3, 3, 3)), "bias": np.zeros((2, 4))}
    layer = Convolution(4, 3, padding=1)
    wide, _ = layer.forward(parameters, x.repeat(2, axis=4)[..., ::2], training=False)
    np.testing.assert_array_equal(layer.forward(parameters, x, training=False)[0], wide)


def test_weights_are_drawn_for_the_fans_of_a_window():
    (parameters,) = network.initial([Convolution(40, 5)], (3, 7, 9), world_seeds([1, 2]), np.float64)
    weight = parameters["weight"]
    assert weight.shape == (2, 40, 3, 5, 5)
    bound = np.sqrt(6 / (3 * 25))
    assert 0.99 * bound < np.abs(weight).max() < bound
    np.testing.assert_allclose(weight.var(axis=(1, 2, 3, 4)), 2 / (3 * 25), rtol=0.06)
    fans = []
    Convolution(40, 5, initializer=lambda shape, rng, *given: fans.append(given)).initial((3, 7, 9), None, 2)
    assert fans == [(3 * 25, 40 * 25)]


@pytest.mark.parametrize("case", [*cases("max_pool"), *cases("average_pool")], ids=lambda case: case[0])
def test_pooling_is_pytorch_s(case):
    _, arguments, inputs, outputs = case
    layer = {"max_pool": MaxPool, "average_pool": AveragePool}[arguments["kind"]]
    window = [arguments[name] for name in ("size", "stride", "padding")]
    y, dx, _ = both_ways(layer(*window), {}, among_others(inputs["x"]), among_others(inputs["dy"]))
    np.testing.assert_allclose(y[1], outputs["y"], **ALIKE)
    np.testing.assert_allclose(dx[1], outputs["dx"], **ALIKE)


def test_equal_maxima_leave_the_gradient_to_the_first():
    x = np.array([[0.0, 0, 7, 7, 1], [0, 0, 2, 7, 1]]).reshape(1, 1, 1, 2, 5)
    y, dx, _ = both_ways(MaxPool(2, 1), {}, x, np.array([1.0, 10, 100, 1000]).reshape(1, 1, 1, 1, 4))
    np.testing.assert_array_equal(y.ravel(), [0, 7, 7, 7])
    np.testing.assert_array_equal(dx[0, 0, 0], [[1, 0, 110, 1000, 0], [0, 0, 0, 0, 0]])
    _, dx, _ = both_ways(MaxPool(3, 1), {}, np.zeros((1, 1, 1, 4, 5)), np.ones((1, 1, 1, 2, 3)))
    np.testing.assert_array_equal(dx[0, 0, 0], np.pad(np.ones((2, 3)), ((0, 2), (0, 2))))


def test_maxima_of_what_is_not_finite():
    x = np.array([[-np.inf, -np.inf, np.nan], [-np.inf, -np.inf, 5]]).reshape(1, 1, 1, 2, 3)
    y, dx, _ = both_ways(MaxPool(2, 1), {}, x, np.ones((1, 1, 1, 1, 2)))
    np.testing.assert_array_equal(y.ravel(), [-np.inf, np.nan])
    np.testing.assert_array_equal(dx[0, 0, 0], [[1, 0, 1], [0, 0, 0]])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Convolution(0, 3), ValueError, "channels=0: must be at least 1"),
        (lambda: Convolution(4, 2.0), TypeError, "size=2.0: must be"),
        (lambda: Convolution(4, 3, stride=0), ValueError, "stride=0: must be at least 1"),
        (lambda: Convolution(4, 3, padding=-1), ValueError, "padding=-1: must be at least 0"),
        (lambda: MaxPool(3, 2, padding=2), ValueError, "padding=2: must be at most half of size=3, 1"),
        (
            lambda: Convolution(4, 6).output((3, 5, 8)),
            ValueError,
            "Convolution: size=6 is larger than an image of 5 x 8",
        ),
        (lambda: MaxPool(4, 1).output((3, 7, 3)), ValueError, "MaxPool: size=4 is larger than an image of 7 x 3 with"),
        (lambda: AveragePool(2, 2).output((9,)), ValueError, r"AveragePool takes images .*, got shape \(9,\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()
