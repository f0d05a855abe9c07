"""Numbers whose squares or powers no float can hold, against the formula evaluated with 50 decimal digits."""

import itertools
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import local_response_norm, local_response_norm_gradient, local_response_norm_scale

from . import scalar

ENGINES = pytest.mark.parametrize("engine", ["reference", "numba"])
# What an error may be, as a fraction of the sum of the absolute values added up, for exponents up to 1; beyond, an
# error of the base is multiplied by the exponent.
TOLERANCE = {np.float16: 2**-10, np.float32: 1e-6, np.float64: 2e-12}
ORDINARY = [1.5, -2.0, 0.0, 0.75, -3.0, 1.0, 2.5, -0.5, 0.25]


def assert_true(result, truth, size, tolerance):
    """Assert that floats are as near to decimal numbers as their type allows, and infinite only beyond its range."""
    limits = np.finfo(result.dtype)
    largest, tiny = Decimal(float(limits.max)), Decimal(float(limits.smallest_subnormal))
    assert not np.isnan(result).any()
    for value, true, whole in zip(result.ravel().tolist(), truth.ravel(), size.ravel(), strict=True):
        if true.is_nan():  # not even decimal exponents could hold it
            continue
        if np.isinf(value):
            # As for finite values, the error may be a share of the terms, which can cancel.
            allowed = Decimal(tolerance) * abs(whole)
            assert abs(true) + allowed >= largest * (1 - Decimal(tolerance))
            assert (true > 0) == (value > 0) or abs(true) <= allowed
        else:
            assert abs(Decimal(value) - true) <= Decimal(tolerance) * abs(whole) + tiny, (value, true)


def assert_all_true(x, dy, engine, **arguments):
    """Check y, scale and dx of one array of channels, in both layouts; beside it lies a pixel of ordinary numbers."""
    tolerance = TOLERANCE[x.dtype.type] * max(1, arguments["beta"])
    ordinary = np.resize(ORDINARY, len(x)).astype(x.dtype)
    x, dy = np.stack([x, ordinary], axis=1)[None], np.stack([dy, ordinary[::-1]], axis=1)[None]
    scale = scalar.decimally(scalar.scale, x, **arguments)
    y = scalar.decimally(scalar.normalized, x, **arguments)
    dx, size = scalar.decimally(scalar.gradient_and_size, dy, x, **arguments)
    for order, axes in (("NCHW", (0, 1, 2)), ("NHWC", (0, 2, 1))):
        a, b = x.transpose(axes).copy(), dy.transpose(axes).copy()
        given_so = {**arguments, "order": order, "engine": engine}
        found = local_response_norm_scale(a, **given_so).transpose(axes)
        assert_true(found, scale, scale, TOLERANCE[x.dtype.type])
        assert_true(local_response_norm(a, **given_so).transpose(axes), y, y, tolerance)
        assert_true(local_response_norm_gradient(b, a, **given_so).transpose(axes), dx, size, 2 * tolerance)


EXTREMES = {
    "largest": (np.float32, [3e38, -3.4e38, 1, 0, 1e-30, -2e20, 7, 8], {}),
    "largest, beta 0.5": (np.float32, [3e38, -3.4e38, 1, 0, 1e-30, -2e20, 7, 8], dict(beta=0.5)),
    "largest, beta 1": (np.float32, [3e38, -3.4e38, 1, 0, 1e-30, -2e20, 7, 8], dict(beta=1)),
    "largest, beta 0.6": (np.float32, [3e38, -3.4e38, 1, 0, 1e-30, -2e20, 7, 8], dict(beta=0.6)),
    "one of 1e20": (np.float32, [1, -2, 0, 1e20, 3, 4, 5, 6, 7], dict(alpha=1.0)),
    "tiny with tiny bias": (np.float32, [1e-30, -1e-25, 0, 1e-20, 3e-16, 1e-38], dict(bias=1e-30, alpha=1.0)),
    "tiny with no bias": (np.float32, [1e-30, -1e-25, 2e-28, 1e-20, 3e-16, 1e-38], dict(bias=0.0, alpha=1.0)),
    "denormal": (np.float32, [1e-45, -1e-40, 3e-39, 0, 1e-42, 1], dict(bias=1e-38, alpha=1e30)),
    "denormal with no bias": (np.float32, [1e-45, -1e-40, 3e-39, 1e-43, 1e-42, 1], dict(bias=0.0, alpha=1e30)),
    "mixed": (np.float32, [1e30, 1e-30, -1e10, 1e-10, 0, 1, -1e38, 1e-38], dict(bias=1e-10)),
    "alpha 0": (np.float32, [3e38, -1e30, 1, 0, 1e-30, 1e19], dict(alpha=0.0)),
    "alpha 0, tiny bias": (np.float32, [3e20, -1e30, 1, 0, 1e-30, 1e19], dict(alpha=0.0, bias=1e-30)),
    "alpha beyond the type": (np.float32, [1, -2, 0, 1e-30, 3e38, 4], dict(alpha=1e300)),
    "alpha below the type": (np.float32, [1.8e19, -2e30, 0, 0, 0, 4, 0, 0, 0, 1.8e19], dict(alpha=5e-46, bias=1e-6)),
    "alpha denormal in the type": (np.float32, [1.8e19, 0, 0, 0, 0, 4, 0, 0, 1e18], dict(alpha=3e-44, bias=1e-6)),
    "bias beyond the type": (np.float32, [1, -2, 0, 1e-30, 3e38, 4], dict(bias=1e200)),
    "bias below the type": (np.float32, [1, 0, 0, 0, 0, 0, 4, 1e-30], dict(bias=1e-200)),
    "beta 1000": (np.float32, [1, -2, 0, 1e-30, 0.5, 4], dict(beta=1000.0)),
    "beta 1000, base below 1": (np.float32, [1, -2, 0, 1e-30, 0.5, 4], dict(beta=1000.0, bias=0.9)),
    "beta beyond the type": (np.float32, [1, -2, 0, 1e-30, 0.5, 4], dict(beta=1e40)),
    "beta below the type": (np.float32, [1e18, 1e15, 0, 1e10, 0.5, 4], dict(beta=1e-50, alpha=1e-30)),
    "zeros": (np.float32, [0, 0, -0.0, 0, 0, 0, 0], dict(bias=1e-40)),
    "largest half": (np.float16, [65504, -65504, 1, 0, 6e-8, 60000, 2], {}),
    "largest half, alpha 1000": (np.float16, [65504, -65504, 1, 0, 6e-8, 60000, 2], dict(alpha=1e3, beta=1)),
    "denormal half": (np.float16, [6e-8, -6e-5, 1e-6, 0, 1e-3, 6e-7], dict(alpha=1e6, bias=1e-8)),
    "largest double": (np.float64, [1e308, -1.7e308, 1, 0, 1e-300, -2e160, 7, 8], dict(beta=0.6)),
    "denormal double": (np.float64, [5e-324, -1e-310, 1e-300, 0, 1e-200, 1], dict(bias=1e-300, beta=0.6)),
    "denormal double with no bias": (
        np.float64,
        [5e-324, -1e-310, 1e-300, 3e-320, 2e-200, 1],
        dict(bias=0.0, beta=0.6),
    ),
    "mixed double": (np.float64, [1e300, 1e-300, -1e100, 1e-100, 0, 1, -1e308, 1e-308], dict(bias=1e-100, beta=0.6)),
    "alpha of 1e308": (np.float64, [1e308, -1, 1e-160, 0, 1e-300, 5], dict(alpha=1e308, beta=0.6)),
    "alpha of 5e-324": (np.float64, [1e308, -1, 1e-160, 0, 1e-300, 5], dict(alpha=5e-324, beta=0.6)),
    "bias of 1e-300": (np.float64, [1e-160, -1, 1e-170, 0, 1e-150, 5], dict(bias=1e-300, beta=2.3)),
    "bias of 1e308": (np.float64, [1e160, -1, 1e-170, 0, 1e150, 5], dict(bias=1e308, beta=2.3)),
}


@ENGINES
@pytest.mark.parametrize("upstream", ["one", "largest", "smallest", "mixed"])
@pytest.mark.parametrize("case", EXTREMES)
def test_extremes(case, upstream, engine):
    dtype, values, arguments = EXTREMES[case]
    x = np.array(values, dtype)
    limits = np.finfo(dtype)
    choices = {
        "one": [1],
        "largest": [limits.max, -limits.max, limits.max / 3],
        "smallest": [limits.smallest_subnormal, -limits.tiny],
        "mixed": [limits.max, 1, -limits.tiny, 0, -1e-3, 1e4],
    }
    dy = np.resize(np.array(choices[upstream], dtype), len(x))
    assert_all_true(x, dy, engine, **{"size": 5, "alpha": 0.7, "beta": 0.75, "bias": 1.0, **arguments})


@ENGINES
@pytest.mark.parametrize("size", [1, 3, 7, 21])
def test_extremes_in_windows_of_other_sizes(size, engine):
    x = np.array([3e38, 1, 2e-30, 5, 0, -1e25, 1e-45, 2, 3], np.float32)
    assert_all_true(x, x[::-1].copy(), engine, size=size, alpha=0.7, beta=0.75, bias=1e-20)


@ENGINES
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_extremes_within_a_channel(order, engine):
    # Far more rows than a job takes, so that numbers to compute again stand beside numbers that need not be.
    x = np.resize(np.array(ORDINARY, np.float32), (1, 1, 70, 3))
    x[0, 0, 31], x[0, 0, 50], x[0, 0, 69, 1] = [3e38, 0, 1e-30], [1e20, -1e-20, 1], 1e25
    dy = x[:, :, ::-1].copy()
    arguments = dict(size=3, alpha=0.7, beta=0.75, bias=1.0, region="within")
    scale = scalar.decimally(scalar.scale, x, **arguments)
    y = scalar.decimally(scalar.normalized, x, **arguments)
    dx, size = scalar.decimally(scalar.gradient_and_size, dy, x, **arguments)
    axes = (0, 1, 2, 3) if order == "NCHW" else (0, 2, 3, 1)
    back = (0, 1, 2, 3) if order == "NCHW" else (0, 3, 1, 2)
    x, dy = x.transpose(axes).copy(), dy.transpose(axes).copy()
    arguments = {**arguments, "order": order, "engine": engine}
    assert_true(local_response_norm_scale(x, **arguments).transpose(back), scale, scale, 1e-6)
    assert_true(local_response_norm(x, **arguments).transpose(back), y, y, 1e-6)
    assert_true(local_response_norm_gradient(dy, x, **arguments).transpose(back), dx, size, 2e-6)


@ENGINES
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_an_extreme_in_one_of_many_tiles(order, engine):
    x = np.random.default_rng(0).normal(size=(2, 5, 20_000)).astype(np.float32)
    x[1, 2, 17_000] = 2e38
    x[0, 3, 5] = -1e22
    arguments = dict(size=3, alpha=0.7, beta=0.75, bias=1.0)
    axes = (0, 1, 2) if order == "NCHW" else (0, 2, 1)
    y = local_response_norm(x.transpose(axes).copy(), **arguments, order=order, engine=engine).transpose(axes)
    dx = local_response_norm_gradient(*[x.transpose(axes).copy()] * 2, **arguments, order=order, engine=engine)
    # float64 holds all of these squares, so that NumPy alone can say what the formula gives.
    squares = np.pad(x.astype(np.float64) ** 2, [(0, 0), (1, 1), (0, 0)])
    scale = 1 + 0.7 / 3 * (squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:])
    np.testing.assert_allclose(y, x * scale**-0.75, rtol=1e-6, atol=1e-45)  # the smallest float32
    term = np.pad(x.astype(np.float64) ** 2 * scale**-1.75, [(0, 0), (1, 1), (0, 0)])
    total = term[:, :-2] + term[:, 1:-1] + term[:, 2:]
    direct, indirect = x * scale**-0.75, 2 * 0.7 / 3 * 0.75 * x * total
    error = np.abs(dx.transpose(axes) - (direct - indirect))
    assert np.all(error <= 2e-6 * (np.abs(direct) + np.abs(indirect)))


@ENGINES
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("beta", [0.0, 1e-320, 1.1, 1e39, 1e300, 1e308])
def test_no_argument_makes_it_undefined(beta, dtype, engine):
    limits = np.finfo(dtype)
    values = [0, 1, -limits.max, limits.smallest_subnormal, -limits.tiny, 0, 0, 0, 0, limits.max, 3]
    x = np.array(values, dtype).reshape(1, 11, 1)
    for alpha, bias in itertools.product([0.0, 5e-324, 1.0, 1e308], [5e-324, 1e-30, 0.5, 1.0, 1e308]):
        arguments = dict(alpha=alpha, beta=beta, bias=bias, engine=engine)
        assert not np.isnan(local_response_norm(x, **arguments)).any(), arguments
        assert not np.isnan(local_response_norm_scale(x, **arguments)).any(), arguments
        for dy in (np.ones_like(x), x, x[:, ::-1]):
            assert not np.isnan(local_response_norm_gradient(dy, x, **arguments)).any(), arguments


def powers_of_ten(low, high):
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


@ENGINES
@settings(deadline=None, derandomize=True, max_examples=80, database=None)
@given(
    values=st.lists(
        st.tuples(*[st.floats(width=32, allow_nan=False, allow_infinity=False)] * 2), min_size=1, max_size=9
    ),
    alpha=st.just(0.0) | powers_of_ten(-45, 40),
    beta=st.sampled_from([0.0, 0.5, 0.75, 1.0]) | st.floats(0, 3),
    bias=powers_of_ten(-45, 39),
    size=st.sampled_from([1, 3, 5, 7]),
)
def test_any_float32(engine, values, alpha, beta, bias, size):
    x, dy = np.array(values, np.float32).T
    assert_all_true(x, dy, engine, size=size, alpha=alpha, beta=beta, bias=bias)


@ENGINES
@settings(deadline=None, derandomize=True, max_examples=80, database=None)
@given(
    exponents=st.lists(st.tuples(st.floats(-44, 38), st.floats(-44, 38)), min_size=5, max_size=9),
    alpha=powers_of_ten(-45, 40),
    beta=st.sampled_from([0.5, 0.75, 1.0]) | st.floats(0, 3),
    bias=powers_of_ten(-45, 39),
)
def test_float32_of_any_magnitude(engine, exponents, alpha, beta, bias):
    x, dy = 10 ** np.array(exponents).T
    x[::2] *= -1
    dy[1::3] *= -1
    assert_all_true(x.astype(np.float32), dy.astype(np.float32), engine, size=5, alpha=alpha, beta=beta, bias=bias)


@ENGINES
@settings(deadline=None, derandomize=True, max_examples=40, database=None)
@given(
    exponents=st.lists(st.tuples(st.floats(-323, 308), st.floats(-323, 308)), min_size=5, max_size=9),
    alpha=powers_of_ten(-320, 308),
    beta=st.floats(0, 3),
    bias=powers_of_ten(-320, 308),
)
def test_float64_of_any_magnitude(engine, exponents, alpha, beta, bias):
    x, dy = 10 ** np.array(exponents).T
    x[::2] *= -1
    dy[1::3] *= -1
    assert_all_true(x, dy, engine, size=5, alpha=alpha, beta=beta, bias=bias)
