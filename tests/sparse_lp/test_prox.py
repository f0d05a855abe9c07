"""The proximal operator against a dense grid, against roots of 50 digits, by hand and at the ends of each type."""

import functools
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from workbench import lp_prox
from workbench.sparse_lp.reference import lp_threshold

from . import scalar
from .common import ENGINES, EXPONENTS, FLOATS, assert_same_bits, values

WEIGHTS = [1e-12, 1e-6, 1e-3, 0.3, 1.0, 7.7, 1e3, 1e6]
UP_TO_ONE = [0.0, 0.05, 0.3, 0.5, 0.6, 2 / 3, 0.9, 0.99, 1.0]
ROOTS = [p for p in EXPONENTS if p not in (0, 1, math.inf)]
TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
LEAST = {"float32": 1e-38, "float64": 1e-300}
LARGEST = float(np.finfo(float).max)


@functools.cache
def sizes(weight, p, dtype):
    """Return sizes from tiny to 1e6, and some of the size at which the penalty and the distance are alike, unsigned."""
    own = weight ** (1 / (2 - p)) if p < 2 else weight
    found = np.concatenate([np.geomspace(LEAST[dtype], 1e6, 23), own * np.geomspace(0.3, 40, 14)])
    return found[(found >= LEAST[dtype]) & (found <= 1e6)].astype(dtype)


def signed(x):
    """Return x with every second number negative and in reverse order, so that the sign does not depend on the size."""
    return np.concatenate([x * np.where(np.arange(x.size) % 2, 1, -1).astype(x.dtype), x[::-1]])


@functools.cache
def best_of_grid(size, weight, p):
    """Return the best point of a dense grid from 0 to a size, its cost, and how much it is better than 0 (or worse)."""
    grid = np.linspace(0, size, 4001)
    with np.errstate(over="ignore"):
        penalty = grid**p if p else (grid != 0).astype(float)
        cost = 0.5 * (grid - size) ** 2 + weight * penalty
    best = np.argmin(cost)
    return grid[best], cost[best], cost[0] - cost[1:].min()


@pytest.mark.parametrize("p", [p for p in EXPONENTS if p < math.inf])
def test_no_point_of_a_dense_grid_is_better(p, dtype):
    for weight in WEIGHTS:
        x = sizes(weight, p, dtype)
        x = signed(x[x > 1e-8])
        results = [lp_prox(x, weight, p, engine=engine).astype(float) for engine in ENGINES]
        for k, value in enumerate(x.astype(float)):
            point, least, better = best_of_grid(abs(value), weight, p)
            for result in results:
                z = result[k]
                assert scalar.objective(z, value, weight, p) <= least + 1e-13 * value**2
                if abs(better) > 1e-6 * value**2:  # otherwise 0 and another point are nearly as good as each other
                    assert abs(z - math.copysign(point, value)) <= 1.001 * abs(value) / 4000


def check_root(z, x, weight, p, dtype, share=1):
    """Assert that a result differs from the exact one by a small part of itself, by signs of the equation around it.

    p far from 1, x is exact. Near 1 a change of x by eps changes z by up to eps / |p - 1|, however z is computed: there
    the result is right for an x that differs in its last bits.
    """
    smallest = float(np.finfo(dtype).smallest_subnormal)
    give = Decimal(4 * 2.0**-52) if abs(p - 1) < 0.01 else Decimal(0)
    x, z, weight, p = Decimal(abs(x)), Decimal(abs(z)), Decimal(weight), Decimal(p)
    room = z * share * Decimal(TOLERANCE[dtype]) + 2 * Decimal(smallest)
    assert z.is_finite()
    assert scalar.equation(z + room, x * (1 - give), weight, p) > 0
    if z > room:
        assert scalar.equation(z - room, x * (1 + give), weight, p) < 0
    if p < 1:  # the larger of two roots, and better than 0
        assert z > (weight * p * (1 - p)) ** (1 / (2 - p))
        assert x * (1 + Decimal(TOLERANCE[dtype])) >= z / 2 + weight * z ** (p - 1)


@pytest.mark.parametrize("p", [*ROOTS, 1 - 1e-4, 1 + 1e-4, 1 - 1e-9, 1 + 1e-9])
def test_roots_of_many_digits(p, dtype, engine):
    nonzero = 0
    with localcontext() as context:
        context.prec = scalar.DIGITS
        for weight in WEIGHTS:
            x = signed(sizes(weight, p, dtype))[: sizes(weight, p, dtype).size]  # each size once
            for value, z in zip(x.tolist(), lp_prox(x, weight, p, engine=engine).tolist(), strict=True):
                assert z == 0 or (z < 0) == (value < 0)
                if z or p > 1:
                    check_root(z, value, weight, p, dtype)
                    nonzero += 1
    assert nonzero > 60


def test_the_check_of_roots_sees_an_error():
    x, weight = 1.5, 0.3
    with localcontext() as context:
        context.prec = scalar.DIGITS
        for p in (0.3, 1.5, 3.0):
            z = float(scalar.largest_root(Decimal(x), Decimal(weight), Decimal(p)))
            check_root(z, x, weight, p, "float64")
            for wrong in (z * (1 + 2e-12), z * (1 - 2e-12), 0.0, math.inf):
                with pytest.raises(AssertionError):
                    check_root(wrong, x, weight, p, "float64")


def test_results_by_hand(engine):
    # z + 2 * 3 z = 7; z + 0.5 * 3 z^2 = 8 at 2 (1.5 * 4 + 2); z + 0.25 * 2 / z^0.5 = 4.25 at 4 (4 + 0.5 / 2).
    for x, weight, p, z in [
        (7, 3, 2, 1),
        (8, 0.5, 3, 2),
        (4.25, 1, 0.5, 4),
        (8.5, 1.5, 2 / 3, 8),  # 8 + 1 / 2
        (3, 2, 1, 1),
        (2.5, 3, 0, 2.5),  # beyond sqrt(6)
        (2.4, 3, 0, 0),
        (5, 3, math.inf, 1),
    ]:
        result = lp_prox(np.array([x, -x], float), weight, p, engine=engine)
        np.testing.assert_allclose(result, [z, -z], rtol=1e-14)


def test_closed_forms(dtype, engine):
    for weight in WEIGHTS:
        for p in (1.0, 2.0, math.inf):
            x = signed(sizes(weight, p, dtype))
            expected = np.array([scalar.prox(value, weight, p) for value in x.tolist()]).astype(dtype)
            z = lp_prox(x, weight, p, engine=engine)
            if p == 2:  # a quotient, or a product with what is then rounded once more
                np.testing.assert_allclose(z, expected, rtol=2 * float(np.finfo(dtype).eps))
            else:
                np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("p", ROOTS)
def test_sizes_and_weights_near_the_ends_of_float64(p, engine):
    x = signed(np.geomspace(1e-300, 1e308, 33))[:33]
    with localcontext() as context:
        context.prec = scalar.DIGITS
        for weight in (1e-300, 1e-200, 1.0, 1e200, 1e308):
            for value, z in zip(x.tolist(), lp_prox(x, weight, p, engine=engine).tolist(), strict=True):
                if z or p > 1:
                    check_root(z, value, weight, p, "float64")
                else:
                    assert abs(value) <= lp_threshold(weight, p)


@pytest.mark.parametrize("p", [*ROOTS, 5e-324, 1e-16, 1 - 1e-6, 1 - 2**-53, 1 + 2**-52])
def test_the_ends_of_float64(p, engine):
    # Subnormal weights, and sizes just above the threshold: an exponent of 1000 in a power costs three digits.
    with localcontext() as context:
        context.prec = scalar.DIGITS
        for weight in (5e-324, 1e-310, 1e-300, 1e300, 1.7e308):
            at = lp_threshold(weight, p)
            x = np.array([5e-324, 1e-322, 1e-310, 1.0, *(min(at * by, 1.79e308) for by in (0.9, 1.001, 1.5)), LARGEST])
            for value, z in zip(x.tolist(), lp_prox(x, weight, p, engine=engine).tolist(), strict=True):
                if z or p > 1:
                    check_root(z, value, weight, p, "float64", share=100)
                else:
                    assert abs(value) <= at


@pytest.mark.parametrize("p", UP_TO_ONE)
def test_the_threshold_to_many_digits(p):
    for weight in WEIGHTS:
        exact = scalar.least_worth_leaving_zero(weight, p)
        assert abs(Decimal(lp_threshold(weight, p)) / exact - 1) < Decimal("5e-15")


def test_the_threshold_elsewhere():
    for p in (1.01, 2.0, math.inf):
        assert lp_threshold(3.0, p) == 0
    for p in UP_TO_ONE:
        assert lp_threshold(0.0, p) == 0
        assert math.isfinite(lp_threshold(1e308, p))
        assert lp_threshold(1e-308, p) > 0


@pytest.mark.parametrize("p", UP_TO_ONE)
def test_just_below_and_just_above_the_threshold(p, dtype, engine):
    for weight in WEIGHTS:
        threshold = lp_threshold(weight, p)
        below = np.array(threshold, dtype)
        if float(below) > threshold:
            below = np.nextafter(below, np.array(0, dtype))
        above = np.nextafter(below, np.array(math.inf, dtype))
        x = np.array([np.nextafter(below, np.array(0, dtype)), below, above, -above, -below], dtype)
        z = lp_prox(x, weight, p, engine=engine)
        assert not z[[0, 1, 4]].any()
        assert z[2] > 0
        assert z[3] == -z[2]
        if 0 < p < 1:  # the jump
            with localcontext() as context:
                context.prec = scalar.DIGITS
                check_root(float(z[2]), float(above), weight, p, dtype)
            assert z[2] > above * (1 - p)
        if p == 0:
            assert z[2] == above
        if p == 1:
            assert z[2] <= 2 * np.spacing(above)


@pytest.mark.parametrize("p", EXPONENTS)
def test_odd_and_rising_and_never_beyond_x(p, dtype, engine):
    eps = float(np.finfo(dtype).eps)
    for weight in (1e-3, 0.3, 40.0):
        x = np.unique(np.concatenate([np.linspace(0, 3, 700), np.geomspace(1e-9, 1e3, 400)]).astype(dtype))
        z = lp_prox(x, weight, p, engine=engine)
        np.testing.assert_array_equal(lp_prox(-x, weight, p, engine=engine), -z)
        assert np.all(z >= 0)
        assert np.all(z <= x)
        steps = np.diff(z.astype(float))
        assert np.all(steps >= -4 * eps * z[1:])
        if p >= 1:  # nonexpansive
            assert np.all(steps <= np.diff(x.astype(float)) + 4 * eps * x[1:])


@pytest.mark.parametrize("p", [0.5, 2 / 3])
def test_closed_forms_agree_with_the_solver_beside_them(p, engine):
    for weight in WEIGHTS:
        x = sizes(weight, p, "float64")
        x = signed(x[abs(x / lp_threshold(weight, p) - 1) > 1e-4])
        z = lp_prox(x, weight, p, engine=engine)
        assert z.any()
        for beside in (p - 1e-9, p + 1e-9):
            np.testing.assert_allclose(lp_prox(x, weight, beside, engine=engine), z, rtol=1e-7)


@pytest.mark.parametrize("p", EXPONENTS)
def test_a_weight_of_zero_changes_nothing(p, engine):
    for dtype in FLOATS:
        x = values((5, 3, 7), dtype)
        z = lp_prox(x, 0.0, p, engine=engine)
        assert_same_bits(z, x)
        assert not np.shares_memory(z, x)


@pytest.mark.parametrize("p", EXPONENTS)
def test_special_numbers(p, dtype, engine):
    largest = 1.0 if p == math.inf else math.inf
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 2.0], dtype)
    z = lp_prox(x, 0.25, p, engine=engine)
    np.testing.assert_array_equal(z[:5], [np.nan, largest, -largest, 0.0, 0.0])
    assert np.signbit(z[1:5]).tolist() == [False, True, False, p > 1]
    alone = lp_prox(np.array([2.0], dtype), 0.25, p, engine=engine)
    np.testing.assert_allclose(z[5:], alone, rtol=2 * float(np.finfo(dtype).eps))  # neighbours change nothing
    for special in x[:5]:
        filled = np.full(600, special)
        filled[300] = 2.0
        result = lp_prox(filled, 0.25, p, engine=engine)
        np.testing.assert_allclose(result[300], alone[0], rtol=2 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("p", EXPONENTS)
def test_subnormal_numbers(p, dtype):
    tiny, smallest = (float(getattr(np.finfo(dtype), name)) for name in ("tiny", "smallest_subnormal"))
    x = signed(np.array([smallest, 3 * smallest, tiny / 8, tiny, 3 * tiny], dtype))
    for weight in (1e-12, 0.3):
        for engine in ENGINES:
            z = lp_prox(x, weight, p, engine=engine)
            if p <= 1:
                assert not z.any()
            elif p >= 3:
                np.testing.assert_allclose(z, x, rtol=TOLERANCE[dtype], atol=0)  # z^(p-1) vanishes beside z
            elif p == 2:
                np.testing.assert_allclose(z, x.astype(float) / (1 + 2 * weight), rtol=1e-6, atol=smallest)


@pytest.mark.parametrize("p", [0.5, 0.6, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 16_383, 16_384, 16_385, 50_001])
def test_lengths_around_tiles_and_jobs(count, p, dtype):
    x = np.random.default_rng(count).normal(size=count).astype(dtype)
    expected = lp_prox(x, 0.3, p, engine="reference")
    np.testing.assert_allclose(lp_prox(x, 0.3, p), expected, rtol=TOLERANCE[dtype])


@pytest.mark.parametrize("p", EXPONENTS)
def test_lists_and_numbers_are_arrays(p, engine):
    x = [[3.0, -2.0], [0.1, 5.0]]
    expected = lp_prox(np.array(x), 0.3, p, engine=engine)
    assert_same_bits(lp_prox(x, 0.3, p, engine=engine), expected)
    # Numbers that are treated together may share the number of steps, and so the last bit.
    alone = lp_prox(3.0, 0.3, p, engine=engine)
    assert alone.shape == ()
    np.testing.assert_allclose(alone, expected[0, 0], rtol=1e-14)
    twice = lp_prox(np.broadcast_to(x[0], (2, 2)), 0.3, p, engine=engine)
    np.testing.assert_allclose(twice, expected[[0, 0]], rtol=1e-14)


def test_the_default_is_the_soft_threshold(engine):
    assert lp_prox(np.array([3.0, -0.5, -2.0]), 0.5, engine=engine).tolist() == [2.5, 0.0, -1.5]


@pytest.mark.parametrize("weight", [70.84489634020697, 5e-324])
@pytest.mark.parametrize("p", [1e6, 1e8, 1e16, 1e300])
def test_huge_exponents(p, weight):
    x = np.array([1.01951066039405, 0.5, -1.5, 1e6, LARGEST])
    # z = 1 - t solves weight p (1 - t)^(p-1) = |x| - z, whose right side is known to many digits before t is.
    expected = []
    for size in np.abs(x).tolist():
        z = min(size, 1.0)
        for _ in range(60):
            pull = math.log(max(size - z, 1e-300)) - math.log(weight) - math.log(p)
            z = min(size, math.exp(pull / (p - 1)))
        expected.append(z)
    for engine in ENGINES:
        np.testing.assert_allclose(np.abs(lp_prox(x, weight, p, engine=engine)), expected, rtol=1e-12)
