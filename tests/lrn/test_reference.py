"""Both engines against a scalar loop in float64, the reference in narrow types too, and against sums done by hand."""

import numpy as np
import pytest

from workbench import local_response_norm, local_response_norm_gradient, local_response_norm_scale

from . import scalar

SHAPES = {
    "NCHW": [(3, 7), (2, 7, 3), (2, 7, 3, 4), (2, 7, 1, 3, 4)],
    "NHWC": [(3, 7), (2, 3, 7), (2, 3, 4, 7), (2, 1, 3, 4, 7)],
    "NC": [(3, 7)],
    "NCW": [(2, 7, 3)],
    "NWC": [(2, 3, 7)],
    "NCDHW": [(2, 7, 4, 3, 1)],
    "NDHWC": [(2, 4, 3, 1, 7)],
}
ACROSS = [pytest.param(order, shape, id=f"{order}-rank{len(shape)}") for order in SHAPES for shape in SHAPES[order]]
ENGINES = ["reference", "numba"]


def both_signs(shape, seed=0):
    return np.random.default_rng(seed).normal(scale=3, size=shape)


@pytest.mark.parametrize("engine", ENGINES)
def test_three_channels_by_hand(engine):
    # Squares 1, 4, 9; windows of 3 hold 1+4, 1+4+9, 4+9; alpha / n = 6 / 3 = 2; bias 1.
    x = np.array([[1.0, -2.0, 3.0]])
    scale = local_response_norm_scale(x, 3, 6.0, 1.0, 1.0, engine=engine)
    np.testing.assert_allclose(scale, [[11, 29, 27]], rtol=1e-15)
    np.testing.assert_allclose(
        local_response_norm(x, 3, 6.0, 1.0, 1.0, engine=engine), [[1 / 11, -2 / 29, 3 / 27]], rtol=1e-15
    )
    # dy picks out y_0 = x_0 / s_0: dx_0 = 1/11 - 1/121 * 4 * x_0, dx_1 = -1/121 * 4 * x_1, dx_2 = 0.
    dx = local_response_norm_gradient(np.array([[1.0, 0.0, 0.0]]), x, 3, 6.0, 1.0, 1.0, engine=engine)
    np.testing.assert_allclose(dx, [[1 / 11 - 4 / 121, 8 / 121, 0]], rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_within_channel_by_hand(engine):
    # One channel of 2 x 3 pixels, squares [[1, 4, 9], [16, 25, 36]]; alpha / n = 9 / 3^2 = 1.
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).reshape(1, 1, 2, 3)
    scale = local_response_norm_scale(x, 3, 9.0, 1.0, 0.5, region="within", engine=engine)
    np.testing.assert_allclose(scale[0, 0], [[46.5, 91.5, 74.5], [46.5, 91.5, 74.5]], rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_as_many_images_as_channels(engine):
    # Summing over the batch axis by mistake goes unseen only where the arrays are square and symmetric.
    x = np.arange(1.0, 10.0).reshape(3, 3)
    expected = [[1 + 1 + 4, 1 + 1 + 4 + 9, 1 + 4 + 9], [42, 78, 62], [114, 195, 146]]
    np.testing.assert_allclose(local_response_norm_scale(x, 3, 3.0, engine=engine), expected, rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("order", "shape"), ACROSS)
def test_across_every_order_and_rank(order, shape, engine):
    compare(shape, dict(size=5, alpha=0.7, beta=0.75, bias=1.3, order=order), engine)


@pytest.mark.parametrize("size", [1, 3, 5, 7, 11, 13, 15, 101])
def test_sizes_up_to_more_than_the_channels(size):
    for engine in ENGINES:
        compare((2, 7, 3), dict(size=size, alpha=0.7, beta=0.6, bias=1.3), engine)


@pytest.mark.parametrize("beta", [0, 0.5, 0.6, 0.75, 1, 2.3])
@pytest.mark.parametrize("alpha", [-0.004, 0.0, 0.7])
def test_exponents_and_strengths(alpha, beta):
    for engine in ENGINES:
        compare((2, 7, 3), dict(size=5, alpha=alpha, beta=beta, bias=1.3), engine)


@pytest.mark.parametrize("size", [1, 3, 5, 11])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_within(order, size):
    shape = (2, 3, 5, 4) if order == "NCHW" else (2, 5, 4, 3)
    for engine in ENGINES:
        compare(shape, dict(size=size, alpha=0.7, beta=0.6, bias=1.3, order=order, region="within"), engine)


@pytest.mark.parametrize(
    ("dtype", "half_a_digit"), [(np.float16, 2**-11), (np.float32, 2**-24)], ids=["float16", "float32"]
)
def test_narrow_types_are_rounded_once(dtype, half_a_digit):
    compare((2, 7, 3), dict(size=5, alpha=0.7, beta=0.75, bias=1.3), "reference", dtype, half_a_digit * (1 + 1e-6))


def compare(shape, arguments, engine, dtype=np.float64, tolerance=1e-13):
    x, dy = both_signs(shape).astype(dtype), both_signs(shape, 1).astype(dtype)
    scale = local_response_norm_scale(x, **arguments, engine=engine)
    y = local_response_norm(x, **arguments, engine=engine)
    dx = local_response_norm_gradient(dy, x, **arguments, engine=engine)
    assert scale.dtype == y.dtype == dx.dtype == dtype
    np.testing.assert_allclose(scale.astype(float), scalar.scale(x, **arguments), rtol=tolerance)
    np.testing.assert_allclose(y.astype(float), scalar.normalized(x, **arguments), rtol=tolerance)
    # Of a difference of two rounded numbers, the larger one's last digit is what can be asked for.
    expected, size = scalar.gradient_and_size(dy, x, **arguments)
    assert np.all(np.abs(dx.astype(float) - expected) <= tolerance * np.abs(expected) + 1e-13 * size)
