"""The gradient against the derivative of one number at a time, and the promised subgradient at 0."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from workbench import lp_gradient

from . import scalar
from .common import EXPONENTS

FINITE = [p for p in EXPONENTS if p < math.inf]


@pytest.mark.parametrize("p", FINITE)
def test_against_the_power_of_one_number(p, engine):
    for dtype, rtol in (("float32", 1.2e-7), ("float64", 1e-12)):
        sizes = np.geomspace(1e-30, 1e6, 37)
        w = np.concatenate([sizes, -sizes[::-1]]).astype(dtype)
        with np.errstate(over="ignore"):
            expected = [
                math.copysign(0.3 * p * scalar.power(abs(v), p - 1) if p != 1 else 0.3, v) if p else 0.0
                for v in w.tolist()
            ]
            expected = np.array(expected).astype(dtype)
        smallest = float(np.finfo(dtype).smallest_subnormal)
        dw = lp_gradient(w, 0.3, p, engine=engine)
        np.testing.assert_allclose(dw, expected, rtol=rtol, atol=2 * smallest)


@pytest.mark.parametrize("p", [5e-324, 1e-16, 0.3, 0.5, 1.0, 1 + 1e-16, 1.5, 2.0, 3.0, 50.0, 1e16, 1e300, 1.7e308])
def test_at_the_ends_of_float64(p, engine):
    w = np.array([5e-324, -1e-310, 1e-160, -1e-30, 0.5, math.nextafter(1, 0), -1.0, 1.5, 1e30, -1e160, 1.79e308])
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -(10**17), 10**17
        for alpha in (5e-324, 1e-310, 1e-160, 0.3, 1e160, 1.7e308):
            found = lp_gradient(w, alpha, p, engine=engine)
            for value, slope in zip(w.tolist(), found.tolist(), strict=True):
                logarithm = (Decimal(p) - 1) * Decimal(abs(value)).ln()
                exact = 0.0
                if abs(logarithm) < 10**6:  # else 0 or infinite, whatever alpha is
                    exact = Decimal(alpha) * Decimal(p) * logarithm.exp()
                elif logarithm > 0:
                    exact = math.inf
                exact = math.copysign(min(float(exact), math.inf), value)
                # (p - 1) log2 |w| is below 2100 and has 53 bits.
                assert slope == pytest.approx(exact, rel=1e-12, abs=5e-324), (alpha, value)


def test_by_hand(engine):
    w = np.array([[4.0, -4.0, 0.25], [-0.25, 0.0, 1.0]])
    for p, expected in [
        (0, [[0, 0, 0], [0, 0, 0]]),
        (0.5, [[0.5, -0.5, 2], [-2, 0, 1]]),  # 2 * 0.5 / sqrt(w)
        (1, [[2, -2, 2], [-2, 0, 2]]),
        (1.5, [[6, -6, 1.5], [-1.5, 0, 3]]),
        (2, [[16, -16, 1], [-1, 0, 4]]),
        (3, [[96, -96, 0.375], [-0.375, 0, 6]]),
    ]:
        np.testing.assert_allclose(lp_gradient(w, 2.0, p, engine=engine), expected, rtol=1e-14)
    assert lp_gradient(w, 2.0, engine=engine).tolist() == [[2, -2, 2], [-2, 0, 2]]


@pytest.mark.parametrize("p", FINITE)
def test_it_is_zero_at_zero(p, dtype, engine):
    dw = lp_gradient(np.array([0.0, -0.0, 2.0], dtype), 3.0, p, engine=engine)
    assert dw[:2].tolist() == [0, 0]
    assert not np.signbit(dw[:2]).any()
    # 0 is a subgradient there: a step to either side costs no less.
    for z in (1e-9, -1e-9):
        assert scalar.penalty([z], 3.0, p) >= 0


def test_special_numbers(dtype, engine):
    w = np.array([np.nan, np.inf, -np.inf, 2.0], dtype)
    for p, at_infinity in [
        (0, 0),
        (0.05, 0),
        (0.5, 0),
        (0.9, 0),
        (1, 0.3),
        (1.1, math.inf),
        (2, math.inf),
        (3, math.inf),
    ]:
        dw = lp_gradient(w, 0.3, p, engine=engine)
        np.testing.assert_array_equal(dw[:3], np.array([np.nan, at_infinity, -at_infinity], dtype))
        assert dw[3] == lp_gradient(w[3:], 0.3, p, engine=engine)


@pytest.mark.parametrize("p", FINITE)
def test_alpha_of_zero(p, engine):
    dw = lp_gradient(np.array([3.0, -2.0, 0.0, np.nan, np.inf], np.float32), 0.0, p, engine=engine)
    np.testing.assert_array_equal(dw, np.array([0, 0, 0, np.nan, 0], np.float32))


def test_slopes_beyond_the_type(engine):
    w = np.array([1e30, -1e30], np.float32)
    assert lp_gradient(w, 1.0, 3.0, engine=engine).tolist() == [math.inf, -math.inf]
    np.testing.assert_allclose(lp_gradient(w, 1e-30, 3.0, engine=engine), [3e30, -3e30], rtol=1e-6)
    w = np.array([1e-45, -1e-45], np.float32)  # 2^-149
    np.testing.assert_allclose(lp_gradient(w, 1.0, 0.5, engine=engine), [2.0**73.5, -(2.0**73.5)], rtol=1e-7)


def test_infinity_has_no_gradient():
    with pytest.raises(ValueError, match=r"^p=inf: the penalty has no gradient; use lp_prox, which clips"):
        lp_gradient(np.ones(3), alpha=1.0, p=math.inf)


def test_lists_are_arrays(engine):
    assert lp_gradient([[3.0, -1.0], [0.0, 2.0]], 0.5, 2.0, engine=engine).tolist() == [[3.0, -1.0], [0.0, 2.0]]
