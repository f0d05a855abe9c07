"""The penalty, the mask and the weights that are kept, against sums of a scalar loop without rounding."""

import math

import numpy as np
import pytest

from workbench import sparse_lp

from . import scalar
from .common import EXPONENTS, FLOATS, assert_same_bits, values

MANY = 1_000_000


def tolerance(p, dtype):
    """Return how far the sum of float32 weights may be off relatively: 1e-6 is promised, and far less is kept.

    Up to p = 6 powers are taken in float32, with an error that grows with p; square roots are as exact as float32.
    """
    if dtype == "float64" or p in (0, 1, 2) or p > 6:
        return 1e-12
    return 6e-8 if p == 0.5 else 8e-8 + 5e-8 * p


@pytest.mark.parametrize("p", EXPONENTS)
def test_against_the_scalar_loop(p, dtype, engine):
    given = values((13, 7, 5), dtype, specials=False)
    given[given > 1.5] = 0
    flat = given.ravel().tolist()
    for alpha in (1.0, 0.3):
        for threshold in (0.0, 0.4, 1.0, 9.0):
            w = given.copy()
            loss, mask = sparse_lp(w, alpha, p, threshold, engine=engine)
            left, kept = scalar.keep_large(flat, threshold)
            assert type(loss) is float
            rtol = tolerance(p, dtype)
            assert math.isclose(loss, scalar.penalty(flat, alpha, p), rel_tol=rtol)
            assert_same_bits(mask, np.reshape(kept, given.shape))
            assert_same_bits(w, np.reshape(left, given.shape).astype(dtype))


def test_by_hand(engine):
    w = np.array([[3.0, -4.0, 0.0], [0.5, -0.5, -0.25]])
    for p, total in [
        (0, 5),
        (0.5, math.sqrt(3) + 2 + 2 * math.sqrt(0.5) + 0.5),
        (1, 8.25),
        (2, 25.5625),
        (3, 91.265625),
    ]:
        loss, mask = sparse_lp(w.copy(), 2.0, p, engine=engine)
        assert math.isclose(loss, 2 * total, rel_tol=1e-14)
        assert mask.tolist() == [[True, True, False], [True, True, True]]
    loss, mask = sparse_lp(w, 2.0, 1.0, 0.5, engine=engine)
    assert loss == 16.5
    assert mask.tolist() == [[True, True, False], [False, False, False]]
    assert w.tolist() == [[3.0, -4.0, 0.0], [0.0, 0.0, 0.0]]
    assert not np.signbit(w[1]).any()


def test_the_default_is_the_sum_of_sizes_and_keeps_all(engine):
    w = np.array([3.0, -4.0, 0.0])
    loss, mask = sparse_lp(w, 2.0, engine=engine)
    assert loss == 14
    assert mask.tolist() == [True, True, False]
    assert w.tolist() == [3.0, -4.0, 0.0]


@pytest.fixture(scope="module")
def many():
    """Return a million small numbers of both signs after one large one, beside which float32 would lose each."""
    w = np.random.default_rng(0).uniform(-2e-3, 2e-3, MANY).astype(np.float32)
    w[0], w[MANY // 2] = 3e3, -2e3
    return w


@pytest.mark.parametrize("p", [0.5, 0.6, 1.0, 2.0, 3.0])
def test_a_million_weights(p, many):
    exact = math.fsum(np.abs(many, dtype=np.float64) ** p)
    assert exact / abs(many.max()) ** p < (1e4 if p < 1 else 10)
    threshold, w = 1e-3, many.copy()
    loss, mask = sparse_lp(w, 1.0, p, threshold)
    assert math.isclose(loss, exact, rel_tol=tolerance(p, "float32"))
    expected = np.abs(many, dtype=np.float64) > threshold
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(w, np.where(expected, many, 0))


@pytest.mark.parametrize("p", [0.0, 0.5, 0.7, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 16_383, 16_385, 33_000, 49_153])
def test_lengths_around_tiles_and_jobs(count, p, dtype, engine):
    given = np.random.default_rng(count).normal(size=count).astype(dtype)
    exact = math.fsum(np.abs(given, dtype=np.float64) ** p)
    expected = np.abs(given, dtype=np.float64) > 0.7
    w = given.copy()
    loss, mask = sparse_lp(w, 1.0, p, 0.7, engine=engine)
    assert math.isclose(loss, exact, rel_tol=tolerance(p, dtype))
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(w, np.where(expected, given, 0))


def test_a_threshold_between_two_float32(engine):
    below = np.float32(0.1)
    below = below if float(below) < 0.1 else np.nextafter(below, np.float32(0))
    above = np.nextafter(below, np.float32(1))
    assert float(below) < 0.1 < float(above)
    given = np.array([below, above, -below, -above], np.float32)
    for threshold, kept in [
        (0.1, [False, True, False, True]),
        (float(below), [False, True, False, True]),
        (math.nextafter(float(below), 0), [True, True, True, True]),
        (math.nextafter(float(below), 1), [False, True, False, True]),
        (math.nextafter(float(above), 0), [False, True, False, True]),
        (float(above), [False, False, False, False]),
    ]:
        w = given.copy()
        _, mask = sparse_lp(w, 1.0, 1.0, threshold, engine=engine)
        assert mask.tolist() == kept
        assert w.tolist() == [v if k else 0.0 for v, k in zip(given.tolist(), kept, strict=True)]


def test_thresholds_at_the_ends_of_float32(engine):
    smallest, largest = np.float32(2.0**-149), np.finfo(np.float32).max
    given = np.array([0, smallest, 2 * smallest, largest, np.inf], np.float32)
    for threshold, kept in [
        (0.0, [False, True, True, True, True]),
        (1e-300, [False, True, True, True, True]),
        (2.0**-149, [False, False, True, True, True]),
        (2.0**-149 * 1.99, [False, False, True, True, True]),
        (float(largest), [False, False, False, False, True]),
        (1e300, [False, False, False, False, True]),
    ]:
        for sign in (1, -1):
            w = sign * given
            _, mask = sparse_lp(w, 1.0, 1.0, threshold, engine=engine)
            assert mask.tolist() == kept
            assert np.count_nonzero(w) == sum(kept)


def test_special_numbers(dtype, engine):
    given = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 2.0, -0.5], dtype)
    for p in (0.05, 0.5, 1.0, 2.0, 3.0, math.inf):
        w = given.copy()
        loss, mask = sparse_lp(w, 1.0, p, 0.5, engine=engine)
        assert math.isnan(loss)
        assert mask.tolist() == [False, True, True, False, False, True, False]
        np.testing.assert_array_equal(w, np.array([np.nan, np.inf, -np.inf, 0, 0, 2, 0], dtype))
        assert w[:1].tobytes() == given[:1].tobytes()
        assert not np.signbit(w[3:5]).any()
        assert sparse_lp(given[1:], 1.0, p, engine=engine)[0] == math.inf
        assert math.isnan(sparse_lp(given[:1], 1.0, p, engine=engine)[0])


def test_p_of_zero_counts(engine):
    w = np.array([[1e-45, 0.0, -0.0], [np.inf, -3.0, 1e-30]], np.float32)
    assert sparse_lp(w, 0.25, 0.0, engine=engine)[0] == 1.0


@pytest.mark.parametrize("p", EXPONENTS)
def test_zeros_cost_nothing_at_all(p, engine):
    for dtype in FLOATS:
        w = np.zeros(1000, dtype)
        w[::3] = -0.0
        loss, mask = sparse_lp(w, 1e9, p, engine=engine)
        assert loss == 0
        assert not mask.any()


def test_p_of_infinity(engine):
    near = math.nextafter(1, 0)
    for w, total in [([0.0, -near, 0.5], 0), ([1.0, -1.0, near], 2), ([0.5, math.nextafter(1, 2)], math.inf)]:
        assert sparse_lp(np.array(w), 0.5, math.inf, engine=engine)[0] == total / 2


@pytest.mark.parametrize("p", EXPONENTS)
def test_alpha_of_zero_costs_nothing_and_still_thresholds(p, engine):
    w = np.array([3.0, -0.5, np.nan, np.inf])
    loss, mask = sparse_lp(w, 0.0, p, 0.5, engine=engine)
    assert loss == 0
    assert mask.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(w, [3.0, 0.0, np.nan, np.inf])


@pytest.mark.parametrize("p", [63.5, 64.0, 64.5, 100.0])
def test_large_exponents_of_float32(p):
    w = np.float32([1.5, -0.75, 1.0, 0.0, -2.25])
    exact = math.fsum(abs(value) ** p for value in w.tolist())
    assert math.isclose(sparse_lp(w, 1.0, p)[0], exact, rel_tol=tolerance(p, "float32"))


def test_powers_beyond_the_type(engine):
    w = np.array([1e30, -1e30], np.float32)
    assert math.isclose(sparse_lp(w, 1.0, 2.0, engine=engine)[0], 2 * float(w[0]) ** 2, rel_tol=1e-14)
    w = np.array([1e-30, -1e-30], np.float32)
    assert math.isclose(sparse_lp(w, 1.0, 2.0, engine=engine)[0], 2 * float(w[0]) ** 2, rel_tol=1e-14)
    assert math.isclose(sparse_lp(w, 1.0, 1.5, engine=engine)[0], 2 * float(w[0]) ** 1.5, rel_tol=2e-7)
    for p in (5.5, 6.0, 6.5):  # beyond float32 at both ends
        for size in (3e38, 1e-45):
            w = np.array([size], np.float32)
            assert math.isclose(sparse_lp(w, 1.0, p, engine=engine)[0], float(w[0]) ** p, rel_tol=4e-7)
    assert sparse_lp(np.array([1e200]), 1.0, 2.0, engine=engine)[0] == math.inf
    assert sparse_lp(np.array([1e200]), 1.0, 2.5, engine=engine)[0] == math.inf
    for count in (2, 40_000):  # in one job, and in several
        w = np.zeros(count)
        w[0] = w[-1] = 1e308
        assert sparse_lp(w, 1.0, 1.0, engine=engine)[0] == math.inf


@pytest.mark.parametrize("p", EXPONENTS)
def test_subnormal_weights(p, engine):
    for dtype in FLOATS:
        smallest = float(np.finfo(dtype).smallest_subnormal)
        w = np.array([smallest, -5 * smallest, 1000 * smallest, float(np.finfo(dtype).tiny)], dtype)
        expected = scalar.penalty(w.tolist(), 1.0, p)
        loss, mask = sparse_lp(w, 1.0, p, engine=engine)
        rtol = tolerance(p, dtype)
        assert math.isclose(loss, expected, rel_tol=rtol, abs_tol=1e-322)
        assert mask.all()
