"""bfloat16, the type of the package ml_dtypes: computed in float32 and rounded once, by both engines."""

import numpy as np
import pytest

from workbench import dropout_with_replacement, local_response_norm, local_response_norm_gradient
from workbench.lrn import half

from . import scalar

# Bits by hand: a sign, eight bits of the exponent, seven of the fraction. Of two equally near numbers, the even one.
ROUNDED = [
    (1.0, 0x3F80),
    (1 + 2**-8, 0x3F80),
    (1 + 2**-8 + 2**-23, 0x3F81),
    (1 + 3 * 2**-8, 0x3F82),
    (-1 - 3 * 2**-8, 0xBF82),
    (float(np.finfo(np.float32).max), 0x7F80),
    (-np.inf, 0xFF80),
    (np.nan, 0x7FC0),
    (2.0**-133, 0x0001),
    (2.0**-134, 0x0000),
    (-3 * 2.0**-134, 0x8002),
]


def test_bits_by_hand():
    values, expected = (np.array(column) for column in zip(*ROUNDED, strict=True))
    bits = np.empty(len(ROUNDED), np.int16)
    half.narrow(values.astype(np.float32), bits)
    np.testing.assert_array_equal(bits.view(np.uint16), expected)
    back = np.empty(3, np.float32)
    half.widen(np.array([0x3F81, 0xFF80, 0x8002], np.uint16).view(np.int16), back)
    np.testing.assert_array_equal(back, [1 + 2**-7, -np.inf, -(2.0**-132)])


def test_it_is_named_where_a_type_is_refused():
    with pytest.raises(TypeError, match=r"^x has dtype int64: must be float16, bfloat16, float32 or float64"):
        local_response_norm(np.ones((2, 3), np.int64))


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("region", ["across", "within"])
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
def test_both_engines(order, region):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x, dy = (np.random.default_rng(seed).normal(scale=3, size=(2, 7, 5, 6)).astype(bfloat16) for seed in (0, 1))
    arguments = dict(size=5, alpha=0.7, beta=0.75, bias=1.3, order=order, region=region)
    wide = [each.astype(np.float32) for each in (x, dy)]
    y = scalar.normalized(x.astype(float), **arguments)
    dx = scalar.gradient(dy.astype(float), x.astype(float), **arguments)
    for arranged in (np.asarray, np.asfortranarray, read_only):
        for engine in ("numba", "reference"):
            found = local_response_norm(arranged(x), **arguments, engine=engine)
            back = local_response_norm_gradient(arranged(dy), arranged(x), **arguments, engine=engine)
            assert found.dtype == back.dtype == bfloat16
            np.testing.assert_allclose(found.astype(float), y, rtol=2**-8)  # half of the last of eight digits
            np.testing.assert_allclose(back.astype(float), dx, rtol=2**-8, atol=1e-6)
    # ml_dtypes rounds the results in float32 to the same bits.
    found = local_response_norm(x, **arguments)
    back = local_response_norm_gradient(dy, x, **arguments)
    np.testing.assert_array_equal(found, local_response_norm(wide[0], **arguments).astype(bfloat16))
    np.testing.assert_array_equal(back, local_response_norm_gradient(wide[1], wide[0], **arguments).astype(bfloat16))


def test_the_reference_rounds_once():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.array([[1, -1, np.nan, np.inf, 2.0**-133, 3e38]], bfloat16)
    above = 1 + 2**-8 + 2**-40  # as a float32 it would be 1 + 2^-8, which rounds to the even 1
    y = local_response_norm(x, alpha=0.0, beta=1.0, bias=1 / above, engine="reference")
    np.testing.assert_array_equal(y[0, :2].astype(float), [1 + 2**-7, -1 - 2**-7])
    assert np.isnan(float(y[0, 2]))
    assert float(y[0, 4]) == 2.0**-133


def test_other_types_of_the_package_and_other_operators_are_refused():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    with pytest.raises(TypeError, match=r"^x has dtype float8_e5m2: must be float16, bfloat16, "):
        local_response_norm(np.ones((2, 3), ml_dtypes.float8_e5m2))
    with pytest.raises(TypeError, match=r"^x has dtype bfloat16: must be an integer type, float16, float32 or float64"):
        dropout_with_replacement(np.ones((2, 3), ml_dtypes.bfloat16), seed=0)
