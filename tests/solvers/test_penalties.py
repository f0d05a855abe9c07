"""Penalties against minima found by search, suprema found by search, finite differences and sums written out."""

import dataclasses
import math
from decimal import Decimal, Overflow, localcontext

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from workbench import lp_gradient, lp_prox
from workbench.solvers.penalties import (
    ElasticNet,
    GroupLasso,
    L1Ball,
    Lp,
    elastic_net_prox,
    group_prox,
    l1_ball_projection,
    max_norm_prox,
)

PS = [0.0, 0.3, 0.5, 2 / 3, 0.9, 1.0, 1.2, 1.5, 2.0, 3.3, 7.0, math.inf]
POINTS = np.array([-40.0, -3.0, -1.3, -0.6, -0.05, 0.0, 0.02, 0.4, 0.9, 1.1, 2.5, 700.0])


def written_out(penalty, w):
    """Return the penalty of a list of numbers, in a loop."""
    if isinstance(penalty, Lp):
        if penalty.p == math.inf:
            return 0.0 if max(map(abs, w)) <= 1 else math.inf
        return penalty.alpha * sum(abs(each) ** penalty.p for each in w if each != 0)
    if isinstance(penalty, ElasticNet):
        l1, l2 = penalty.l1_ratio, 1 - penalty.l1_ratio
        return penalty.alpha * sum(l1 * abs(each) + l2 / 2 * each**2 for each in w)
    groups = [w[at : at + penalty.size] for at in range(0, len(w), penalty.size)]
    return penalty.alpha * sum(math.hypot(*group) for group in groups)


def best_on_grid(penalty_of_number, v, step):
    """Return the lowest 1/2 (z - v)^2 + step * penalty(z): on a dense grid, then by search around its minimum."""

    def height(z):
        return min((z - v) ** 2 / 2 + step * penalty_of_number(z), 1e300)  # finite, for the search's parabolas

    grid = np.linspace(-1.001 * abs(v), 1.001 * abs(v), 801)
    grid = np.append(grid, [v, 0.0, -1.0, 1.0])
    heights = np.array([height(z) for z in grid])
    at, reach = grid[heights.argmin()], max(abs(v) / 300, 1e-9)
    found = minimize_scalar(height, bounds=(at - reach, at + reach), method="bounded", options={"xatol": 1e-13})
    return min(heights.min(), found.fun)


PENALTIES = [
    *[Lp(0.7, p) for p in PS],
    Lp(0.0, 0.5),
    ElasticNet(0.7, 0.0),
    ElasticNet(0.7, 0.3),
    ElasticNet(0.7, 1.0),
    ElasticNet(0.0, 0.5),
    GroupLasso(0.7, 1),
    GroupLasso(0.7, 3),
    GroupLasso(0.7, 5),  # the last group has two
    GroupLasso(0.7, 40),  # the only group is shorter than that
]
CONVEX = [penalty for penalty in PENALTIES if penalty.convex]
SEPARABLE = [penalty for penalty in PENALTIES if not isinstance(penalty, GroupLasso)]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_value(penalty):
    for w in (POINTS, POINTS / 800, np.zeros(7)):
        assert penalty.value(w) == pytest.approx(written_out(penalty, w.tolist()), rel=1e-13)


def test_what_they_are():
    assert [Lp(1.0, p).convex for p in (0, 0.5, 1, 1.5, math.inf)] == [False, False, True, True, True]
    assert Lp(0.0, 0.5).convex  # it is no penalty at all
    assert ElasticNet(1.0).convex
    assert GroupLasso(1.0, 3).convex


@pytest.mark.parametrize("penalty", [p for p in PENALTIES if getattr(p, "p", 1) not in (0, math.inf)], ids=str)
def test_subgradient_is_the_slope(penalty):
    w = POINTS[POINTS != 0]
    found = penalty.subgradient(w)
    size = penalty.size if isinstance(penalty, GroupLasso) else 1
    for j in range(w.size):
        h = 1e-4 if size > 1 else 1e-6 * abs(w[j])
        high, low = w.copy(), w.copy()
        high[j] += h
        low[j] -= h
        part = slice(j // size * size, j // size * size + size)  # the rest would hide a small slope by its rounding
        rise = written_out(penalty, high[part].tolist()) - written_out(penalty, low[part].tolist())
        assert found[j] == pytest.approx(rise / (2 * h), rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_subgradient_at_zero_and_of_counts_and_bounds(penalty):
    assert not penalty.subgradient(np.zeros(7)).any()
    for flat in (Lp(0.7, 0.0), Lp(0.7, math.inf)):
        assert not flat.subgradient(np.array([-0.5, 0.0, 0.3])).any()


@pytest.mark.parametrize("step", [0.013, 0.9, 40.0])
@pytest.mark.parametrize("penalty", SEPARABLE, ids=str)
def test_prox_is_as_low_as_a_dense_grid(penalty, step):
    found = penalty.prox(POINTS, step)
    for v, z in zip(POINTS.tolist(), found.tolist(), strict=True):
        height = (z - v) ** 2 / 2 + step * written_out(penalty, [z])
        assert height <= best_on_grid(lambda z: written_out(penalty, [z]), v, step) * (1 + 1e-12) + 1e-15
        assert z == 0 or (z > 0) == (v > 0)


@pytest.mark.parametrize("step", [0.2, 1.5])
@pytest.mark.parametrize("size", [3, 5, 40])
def test_prox_of_groups_is_as_low_as_a_search(size, step):
    v, penalty = POINTS[1:9], GroupLasso(0.7, size)

    def height(z):
        return float((z - v) @ (z - v)) / 2 + step * written_out(penalty, z.tolist())

    found = height(penalty.prox(v, step))
    rng = np.random.default_rng(3)
    for start in (v, 0.1 * v, rng.normal(size=v.size)):
        search = minimize(height, start, method="Powell", options={"xtol": 1e-10, "ftol": 1e-14, "maxiter": 10_000})
        assert found <= search.fun + 1e-9
    for scale in (1e-7, 1e-3, 1e-1):  # nor is any neighbour lower
        for _ in range(50):
            assert found <= height(penalty.prox(v, step) + scale * rng.normal(size=v.size)) + 1e-14


@pytest.mark.parametrize("penalty", [p for p in SEPARABLE if p.convex and p.alpha], ids=str)
@pytest.mark.parametrize("v", [-3.0, -0.69, -0.1, 0.0, 0.2, 0.7, 1.9])
def test_conjugate_is_the_supremum(penalty, v):
    def minus(w):
        return written_out(penalty, [w]) - v * w

    found = penalty.conjugate(np.array([v]))
    if isinstance(penalty, Lp) and penalty.p == math.inf:
        assert found == abs(v)
    elif found == math.inf:
        assert v * 1e9 - written_out(penalty, [1e9]) > 1e6 or -v * 1e9 - written_out(penalty, [1e9]) > 1e6
    else:
        top = max(
            -minimize_scalar(minus, bounds=bounds, method="bounded", options={"xatol": 1e-12}).fun
            for bounds in ((-2000, 0), (0, 2000), (-2, 2))
        )
        assert found == pytest.approx(max(top, 0.0), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("penalty", CONVEX, ids=str)
def test_conjugate_is_above_every_plane(penalty):
    rng = np.random.default_rng(4)
    for scale in (0.01, 0.3, 2.0):
        v = scale * rng.normal(size=13)
        bound = penalty.conjugate(v)
        for reach in (0.1, 1.0, 10.0):
            w = (
                np.clip(reach * rng.normal(size=13), -1, 1)
                if penalty == Lp(0.7, math.inf)
                else reach * rng.normal(size=13)
            )
            assert v @ w - written_out(penalty, w.tolist()) <= bound + 1e-12


def test_conjugate_of_groups():
    penalty = GroupLasso(5.0, 2)
    assert penalty.conjugate(np.array([3.0, -4.0, 0.0, 5.0, -5.0])) == 0
    assert penalty.conjugate(np.array([3.0, -4.0, 0.1, 5.0, -5.0])) == math.inf
    assert penalty.conjugate(np.array([3.0, -4.0, 0.0, 5.0, -5.1])) == math.inf


@pytest.mark.parametrize("penalty", CONVEX, ids=str)
def test_feasible_scale_is_the_largest(penalty):
    rng = np.random.default_rng(5)
    for scale in (1e-3, 0.7, 30.0, 1e200):
        v = scale * rng.normal(size=13)
        s = penalty.feasible_scale(v)
        assert 0 <= s <= 1
        with np.errstate(over="ignore"):
            if scale < 1e100:
                assert math.isfinite(penalty.conjugate(s * v))
            if s < 1:
                assert penalty.conjugate(s * (1 + 1e-9) * v + 1e-12 * np.sign(v)) == math.inf
    assert penalty.feasible_scale(np.zeros(13)) == 1


def test_feasible_scale_by_hand():
    assert Lp(2.0).feasible_scale(np.array([1.0, -8.0])) == 0.25
    assert GroupLasso(2.0, 2).feasible_scale(np.array([1.0, 3.0, -4.0, 0.0, 0.5])) == pytest.approx(
        2 / math.hypot(4, 0)
    )
    assert ElasticNet(4.0, 0.5).feasible_scale(np.array([1.0, -8.0])) == 1
    assert ElasticNet(2.0, 1.0).feasible_scale(np.array([1.0, -8.0])) == 0.25
    assert Lp(0.0).feasible_scale(np.array([1.0, -8.0])) == 0
    assert Lp(0.0, 2.0).feasible_scale(np.array([1.0, -8.0])) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_group_prox_row_by_row(axis, dtype):
    x = np.random.default_rng(6).normal(size=(3, 5, 2)).astype(dtype)
    x[0], x[:, 3] = 0, 0
    found = group_prox(x, 0.8, axis)
    assert found.dtype == dtype
    rows, results = np.moveaxis(x, axis, -1), np.moveaxis(found, axis, -1)
    for index in np.ndindex(rows.shape[:-1]):
        norm = math.hypot(*rows[index].tolist())
        for value, result in zip(rows[index].tolist(), results[index].tolist(), strict=True):
            expected = value * max(1 - 0.8 / norm, 0) if norm else 0
            assert result == pytest.approx(expected, abs=4 * float(np.finfo(dtype).eps))


def test_group_prox_is_safe():
    huge, tiny = 1e300, 1e-300
    np.testing.assert_allclose(
        group_prox(np.array([[3 * huge, -4 * huge]]), huge), [[2.4 * huge, -3.2 * huge]], rtol=1e-15
    )
    np.testing.assert_allclose(
        group_prox(np.array([[3 * tiny, -4 * tiny]]), tiny), [[2.4 * tiny, -3.2 * tiny]], rtol=1e-15
    )
    assert not group_prox(np.array([[3 * tiny, 5e-324]]), 1e10).any()
    assert not group_prox(np.zeros((2, 3)), 0.0).any()
    assert group_prox(np.zeros((0, 3)), 1.0).shape == (0, 3)
    assert group_prox(np.zeros((3, 0)), 1.0).shape == (3, 0)
    x = np.array([[1.0, -2.0]])
    assert np.array_equal(group_prox(x, 0.0), x)
    assert x.tolist() == [[1.0, -2.0]]
    assert np.isnan(group_prox(np.array([[np.nan, 1.0]]), 0.5)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
def test_elastic_net_prox(l1_ratio, dtype):
    x = POINTS.astype(dtype).reshape(3, 4)
    found = elastic_net_prox(x, 0.8, l1_ratio)
    assert (found.shape, found.dtype) == ((3, 4), dtype)
    for v, z in zip(x.reshape(-1).tolist(), found.reshape(-1).tolist(), strict=True):
        height = (z - v) ** 2 / 2 + 0.8 * written_out(ElasticNet(1.0, l1_ratio), [z])
        best = best_on_grid(lambda z: written_out(ElasticNet(1.0, l1_ratio), [z]), v, 0.8)
        assert height <= best * (1 + 1e-5 if dtype == np.float32 else 1 + 1e-12) + 1e-15
    assert elastic_net_prox(np.array([3.0]), 1.0, 0.5).tolist() == [2.5 / 1.5]


@pytest.mark.parametrize("weight", [0.0, 0.3, 4.0, 11.0, 50.0])
def test_max_norm_prox_is_as_low_as_a_search_over_the_bound(weight):
    x = np.array([[-4.0, 0.5, 3.0], [2.5, -0.1, 0.0]])

    def height(bound):  # for a given maximum t of |z| the nearest z is x clipped to it
        return sum((abs(v) - min(abs(v), bound)) ** 2 for v in x.reshape(-1).tolist()) / 2 + weight * bound

    found = max_norm_prox(x, weight)
    heights = [height(bound) for bound in np.linspace(0, 4, 40_001)]
    value = float(((found - x) ** 2).sum()) / 2 + weight * float(np.abs(found).max())
    assert value <= min(heights) + 1e-12
    assert value == pytest.approx(min(heights), abs=1e-6)


def test_max_norm_prox_by_hand_and_edges():
    assert max_norm_prox(np.array([8.0, -6.0, 1.0]), 6.0).tolist() == [4.0, -4.0, 1.0]  # 4 + 2 are clipped off
    assert max_norm_prox(np.array([5.0, -4.0, 1.0]), 10.0).tolist() == [0.0, 0.0, 0.0]
    assert max_norm_prox(np.array([5.0, -4.0, 1.0]), 0.0).tolist() == [5.0, -4.0, 1.0]
    assert max_norm_prox(np.array([5.0, 5.0], np.float32), 1.0).tolist() == [4.5, 4.5]
    assert max_norm_prox(np.array([5.0], np.float32), 1.0).dtype == np.float32
    assert max_norm_prox(np.zeros((2, 0)), 1.0).shape == (2, 0)
    np.testing.assert_allclose(max_norm_prox(np.array([1e308, -1e308]), 1e308), [5e307, -5e307])
    assert np.isnan(max_norm_prox(np.array([np.nan, 1.0]), 1.0)).all()


@pytest.mark.parametrize("radius", [0.0, 0.3, 4.0, 9.0, 50.0])
def test_projection_on_the_l1_ball(radius):
    x = np.array([[-4.0, 0.5, 3.0], [2.5, -0.1, 0.0]])
    found = l1_ball_projection(x, radius)
    assert np.abs(found).sum() <= radius * (1 + 1e-12)

    def distance(v):  # of x from the point of the ball that v stands for
        return float(np.sum((x.reshape(-1) - v) ** 2))

    least = min(  # over all sets of elements that stay: those are shrunk by the same amount, the others are zero
        (
            distance(np.where(kept, np.sign(x.reshape(-1)) * (np.abs(x.reshape(-1)) - by), 0.0))
            for kept in (np.array([code >> j & 1 for j in range(6)], bool) for code in range(1, 64))
            for by in [(np.abs(x.reshape(-1))[kept].sum() - radius) / kept.sum()]
            if by >= 0 and (np.abs(x.reshape(-1))[kept] >= by).all()
        ),
        default=0.0,
    )
    assert distance(found.reshape(-1)) == pytest.approx(least, abs=1e-12)
    np.testing.assert_allclose(found, x - max_norm_prox(x, radius), rtol=0, atol=1e-14)


def test_projection_by_hand_and_edges():
    assert l1_ball_projection(np.array([3.0, -1.0]), 2.0).tolist() == [2.0, 0.0]
    np.testing.assert_allclose(l1_ball_projection(np.array([3.0, -2.0]), 3.0), [2.0, -1.0], rtol=1e-15)
    assert l1_ball_projection(np.array([0.5, -0.25], np.float32), 1.0).tolist() == [0.5, -0.25]
    assert l1_ball_projection(np.zeros((2, 0)), 1.0).shape == (2, 0)
    np.testing.assert_allclose(l1_ball_projection(np.array([1e308, -1e308]), 1e308), [5e307, -5e307])
    assert np.isnan(l1_ball_projection(np.array([np.nan, 1.0]), 1.0)).all()


def test_infinite_elements():
    x = np.array([[math.inf, 3.0], [-1.0, 0.5]])
    assert group_prox(x, 0.5)[0].tolist() == [math.inf, 3.0]
    np.testing.assert_allclose(group_prox(x, 0.5)[1], x[1] * (1 - 0.5 / math.hypot(1, 0.5)))
    assert np.isnan(group_prox(np.array([[math.inf, math.nan]]), 0.5)).all()
    assert GroupLasso(1.0, 2).norms(np.array([math.inf, 3.0, 1.0])).tolist() == [math.inf, 1.0]
    assert max_norm_prox(x, 0.5).tolist() == x.tolist()
    assert elastic_net_prox(x[0], 0.5, 0.5).tolist() == [math.inf, 2.75 / 1.25]


def test_checked_and_kept():
    assert Lp(1, 2) == Lp(1.0, 2.0)
    assert isinstance(Lp(np.float32(1), 2).alpha, float)
    assert dataclasses.replace(GroupLasso(1.0, 3), alpha=2).alpha == 2.0


REFUSALS = [
    (lambda: Lp(-1.0), "alpha=-1.0: must be a number of at least 0"),
    (lambda: Lp(math.nan), "alpha=nan: must be finite"),
    (lambda: Lp(math.inf), "alpha=inf: must be finite"),
    (lambda: Lp(True), "alpha=True: must be a number"),
    (lambda: Lp(1.0, -0.5), "p=-0.5: must be a number of at least 0, infinity included"),
    (lambda: Lp(1.0, math.nan), "p=nan: must be a number of at least 0, infinity included"),
    (lambda: Lp(1.0, "2"), "p='2': must be a number"),
    (lambda: ElasticNet(1.0, 1.5), "l1_ratio=1.5: must be a number from 0.0 to 1.0"),
    (lambda: ElasticNet(-1.0), "alpha=-1.0"),
    (lambda: GroupLasso(1.0, 0), "size=0: must be a whole number of at least 1"),
    (lambda: GroupLasso(1.0, 2.5), "size=2.5: must be a whole number"),
    (lambda: Lp(1.0, 0.5).conjugate(np.ones(3)), "p=0.5: the conjugate and a duality gap need a convex penalty"),
    (lambda: Lp(1.0, 0.5).feasible_scale(np.ones(3)), "p=0.5: the conjugate"),
    (lambda: group_prox(np.ones(3), -1.0), "weight=-1.0"),
    (lambda: group_prox(np.ones(3, int), 1.0), "x has dtype int64: must be float32 or float64"),
    (lambda: group_prox(np.float64(3.0), 1.0), "x has no axes"),
    (lambda: elastic_net_prox(np.ones(3), 1.0, -0.1), "l1_ratio=-0.1"),
    (lambda: max_norm_prox(np.ones(3), math.nan), "weight=nan"),
    (lambda: l1_ball_projection(np.ones(3), -1.0), "radius=-1.0: must be a number of at least 0"),
    (lambda: L1Ball(-1.0), "radius=-1.0: must be a number of at least 0"),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError)) as refusal:
        call()
    assert message in str(refusal.value)


def test_elastic_net_prox_of_float32_where_digits_cancel():
    x = np.float32([1e6, -0.1])
    expected = [float(x[0]) - 999999.9, float(x[1]) + 0.0999]
    for value, weight, z in zip(x, (999999.9, 0.0999), expected, strict=True):
        assert elastic_net_prox(np.array([value]), weight, 1.0)[0] == np.float32(z)


def test_max_norm_prox_of_a_weight_that_rounding_loses():
    assert max_norm_prox(np.array([1.0, 0.5]), 1e-30).tolist() == [1.0, 0.5]


# -- the ends of the range ---------------------------------------------------------------------------------------------

HUGE, LEAST = 1.7e308, 5e-324


def test_an_alpha_of_zero_costs_nothing_even_beyond_the_range():
    w = np.array([HUGE, -HUGE, 3.0])
    for penalty in (Lp(0.0, 2.0), ElasticNet(0.0, 0.5), GroupLasso(0.0, 2)):
        assert penalty.value(w) == 0
    assert ElasticNet(1e-300, 1.0).value(w[1:]) == pytest.approx(1.7e8)  # no ridge
    assert ElasticNet(0.5, 0.0).value(w) == math.inf


@pytest.mark.parametrize(
    ("alpha", "p"), [(LEAST, 1.5), (1e-310, 1 + 2**-52), (1e-300, 3.0), (HUGE, 3.0), (HUGE, 1.001)]
)
def test_conjugates_at_the_ends_of_the_range(alpha, p):
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 40, -(10**17), 10**17
        context.traps[Overflow] = False  # the result is infinite
        strength, power = Decimal(alpha), Decimal(p)
        for size in (0.0, alpha / 2, alpha, min(2 * alpha * p, HUGE), 1.0, HUGE):
            share = Decimal(size) / (strength * power)
            exact = (power - 1) * strength * share ** (power / (power - 1)) if size else 0
            found = Lp(alpha, p).conjugate(np.array([-size]))
            assert found == pytest.approx(min(float(exact), math.inf), rel=1e-11, abs=LEAST), size


def test_conjugate_of_the_ridge_at_the_ends_of_the_range():
    assert ElasticNet(HUGE, 0.0).conjugate(np.array([1e200])) == math.inf  # 1e400 in between
    assert ElasticNet(HUGE, 0.0).conjugate(np.array([1e150])) == pytest.approx(1e300 / 2 / HUGE)
    assert ElasticNet(LEAST, 0.0).conjugate(np.array([0.0, 1e-170])) == 0  # the square is below the range


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_result_for_one_number_is_an_array_without_axes(dtype):
    for function in (elastic_net_prox, max_norm_prox, lp_prox, lp_gradient):
        for x in (np.array(-3.0, dtype), np.dtype(dtype).type(-3.0), np.array(0.0, dtype)):
            found = function(x, 0.5)
            assert (type(found), found.dtype, found.shape) == (np.ndarray, dtype, ())
            assert found == function(x[None], 0.5)[0]
