"""Solvers against scikit-learn, optimality conditions, searches, and the rival; losses against loops and slopes."""

import itertools
import math
import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy.optimize import minimize_scalar
from sklearn.linear_model import ElasticNet as SklearnElasticNet
from sklearn.linear_model import Lasso, LogisticRegression

from workbench.solvers import coordinate_descent, coordinate_loops
from workbench.solvers.columns import largest_square
from workbench.solvers.losses import LeastSquares, Logistic
from workbench.solvers.optimality import dual_value
from workbench.solvers.penalties import ElasticNet, GroupLasso, Lp
from workbench.solvers.problem import make_problem
from workbench.solvers.solve import SOLVERS, solve

from . import rival
from .test_penalties import written_out

CONVEX_SOLVERS = ("proximal gradient", "FISTA", "coordinate descent")
LOSSES = ("least squares", "logistic")
SHAPES = [(70, 31), (40, 113)]
PENALTIES = [Lp(0.05), ElasticNet(0.08, 0.6), GroupLasso(0.1, 4), Lp(0.05, 2.0), Lp(0.05, 1.4), Lp(0.05, 3.0)]
BELOW_ONE = (0.0, 0.3, 0.5, 2 / 3, 0.9)


def data(shape, loss="least squares", seed=0, density=None):
    """Return X, whose columns are correlated and of different lengths, and y of a few of them."""
    rng = np.random.default_rng(seed)
    n, d = shape
    X = (rng.normal(size=(n, d)) + rng.normal(size=(n, 1))) * rng.uniform(0.5, 2.0, size=d)
    if density is not None:
        X *= rng.random((n, d)) < density
    u = X[:, :4] @ np.array([1.0, -0.7, 0.5, -1.2]) + 0.5 * rng.normal(size=n)
    return X, u if loss == "least squares" else np.where(u > np.median(u), 1.0, -1.0)


def loss_written_out(X, y, w, loss):
    return rival.objective(X, y, w, 0.0, 1.0, loss)


def suited(solver, penalty, nonzeros=3):
    """Return a solver's arguments for a penalty; iterative hard thresholding takes a number of weights instead."""
    hard = solver == "iterative hard thresholding"
    return dict(solver=solver, penalty=None if hard else penalty, nonzeros=nonzeros if hard else None)


def slopes_by_hand(X, y, w, loss="least squares"):
    """Return the gradient of the loss, summed number by number."""
    rows, targets = X.tolist(), y.tolist()
    predicted = [sum(x * each for x, each in zip(row, w, strict=True)) for row in rows]
    if loss == "least squares":
        pulls = [u - target for u, target in zip(predicted, targets, strict=True)]
    else:
        pulls = [-target / (1 + math.exp(target * u)) for u, target in zip(predicted, targets, strict=True)]
    return [sum(row[j] * pull for row, pull in zip(rows, pulls, strict=True)) / len(y) for j in range(len(w))]


def slope(X, y, w, loss):
    """Return the gradient of the loss."""
    u = X @ w
    return X.T @ (u - y if loss == "least squares" else -y / (1 + np.exp(y * u))) / len(y)


# Against scikit-learn


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [0.3, 0.02, 0.004])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.1])
def test_least_squares_as_scikit_learn(l1_ratio, alpha, shape, sparse):
    X, y = data(shape, density=0.3 if sparse else None)
    given = scipy.sparse.csc_matrix(X) if sparse else X
    arguments = dict(fit_intercept=False, tol=1e-11, max_iter=1_000_000)
    model = Lasso(alpha, **arguments) if l1_ratio == 1 else SklearnElasticNet(alpha, l1_ratio=l1_ratio, **arguments)
    model.fit(given, y)
    penalty = Lp(alpha) if l1_ratio == 1 else ElasticNet(alpha, l1_ratio)
    result = solve(given, y, penalty, tolerance=1e-11)
    theirs = loss_written_out(X, y, model.coef_, "least squares") + written_out(penalty, model.coef_.tolist())
    ours = loss_written_out(X, y, result.weights, "least squares") + written_out(penalty, result.weights.tolist())
    assert result.converged
    assert ours == pytest.approx(theirs, rel=1e-8)
    np.testing.assert_allclose(result.weights, model.coef_, rtol=0, atol=2e-4)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [0.1, 0.02])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
def test_logistic_as_scikit_learn(l1_ratio, alpha, shape, sparse):
    X, y = data(shape, "logistic", density=0.3 if sparse else None)
    given = scipy.sparse.csc_matrix(X) if sparse else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of arguments, which differ between versions
        if l1_ratio == 1:
            model = LogisticRegression(penalty="l1", solver="liblinear", tol=1e-12, max_iter=100_000)
        elif l1_ratio == 0:
            model = LogisticRegression(solver="newton-cg", tol=1e-12, max_iter=100_000)
        else:
            model = LogisticRegression(
                penalty="elasticnet", l1_ratio=l1_ratio, solver="saga", tol=1e-9, max_iter=100_000, random_state=0
            )
        model.set_params(C=1 / (len(y) * alpha), fit_intercept=False).fit(given, y)
    penalty = Lp(alpha) if l1_ratio == 1 else ElasticNet(alpha, l1_ratio)
    result = solve(given, y, penalty, loss="logistic", tolerance=1e-11)
    theirs = loss_written_out(X, y, model.coef_[0], "logistic") + written_out(penalty, model.coef_[0].tolist())
    ours = loss_written_out(X, y, result.weights, "logistic") + written_out(penalty, result.weights.tolist())
    assert result.converged
    assert ours == pytest.approx(theirs, rel=1e-8)


# Optimality


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_optimality_conditions(penalty, loss, shape):
    X, y = data(shape, loss)
    w = solve(X, y, penalty, loss=loss, tolerance=1e-14, max_iterations=200).weights
    g, alpha, slack = slope(X, y, w, loss), penalty.alpha, 1e-6
    if isinstance(penalty, GroupLasso):
        for at in range(0, w.size, penalty.size):
            group, pull = w[at : at + penalty.size], g[at : at + penalty.size]
            if group.any():
                np.testing.assert_allclose(pull, -alpha * group / np.linalg.norm(group), rtol=0, atol=slack)
            else:
                assert np.linalg.norm(pull) <= alpha + slack
    elif isinstance(penalty, ElasticNet) or penalty.p == 1:
        ratio = penalty.l1_ratio if isinstance(penalty, ElasticNet) else 1.0
        zero = w == 0
        assert zero.any()
        assert (np.abs(g[zero]) <= alpha * ratio + slack).all()
        expected = -alpha * (ratio * np.sign(w) + (1 - ratio) * w)[~zero]
        np.testing.assert_allclose(g[~zero], expected, rtol=0, atol=slack)
    else:
        expected = -alpha * penalty.p * np.sign(w) * np.abs(w) ** (penalty.p - 1)
        np.testing.assert_allclose(g, expected, rtol=0, atol=slack)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", [*PENALTIES, Lp(0.1, math.inf)], ids=str)
def test_solvers_agree(penalty, loss):
    X, y = data((47, 23), loss)
    y = y if loss == "least squares" else np.where(np.arange(47) % 5 == 0, -y, y)  # no plane parts these
    sparse, tolerance = scipy.sparse.csr_matrix(X), 1e-4 if penalty == Lp(0.1, math.inf) else 1e-6
    found = [
        solve(given, y, penalty, loss=loss, solver=solver, tolerance=tolerance)
        for solver in CONVEX_SOLVERS
        for given in (X, sparse)
    ]
    assert all(result.converged and result.measure == "duality gap" for result in found)
    for result in found:
        value = loss_written_out(X, y, result.weights, loss) + written_out(penalty, result.weights.tolist())
        assert result.objective[-1] == pytest.approx(value, rel=1e-12)
        assert result.objective[-1] == pytest.approx(found[0].objective[-1], abs=2 * result.target)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", [*PENALTIES, Lp(0.1, math.inf), Lp(1e-6, 1.05), ElasticNet(0.1, 0.999999)], ids=str)
@pytest.mark.parametrize("solver", ["FISTA", "coordinate descent", "subgradient descent"])
def test_gap_is_at_least_what_is_missing(solver, penalty, loss):
    if solver == "subgradient descent" and penalty == Lp(0.1, math.inf):
        return  # is refused
    X, y = data((29, 37), loss)
    best = solve(X, y, penalty, loss=loss, tolerance=1e-13, max_iterations=300).objective.min()
    result = solve(X, y, penalty, loss=loss, solver=solver, tolerance=1e-9, max_iterations=60)
    assert (result.optimality >= result.objective - best - 1e-13).all()
    assert result.optimality[-1] < result.optimality[0]
    if solver == "coordinate descent" and penalty != Lp(1e-6, 1.05):  # an ill-conditioned fit, nearly exact
        assert result.converged
        assert result.optimality[-1] <= result.target == pytest.approx(1e-9 * loss_written_out(X, y, [0.0] * 37, loss))


@pytest.mark.parametrize("penalty", [Lp(0.2), ElasticNet(0.2, 0.7), GroupLasso(0.3, 4), Lp(0.2, 1.5)], ids=str)
@pytest.mark.parametrize("loss", LOSSES)
def test_dual_value_is_below_every_objective(loss, penalty):
    X, y = data((13, 19), loss)
    problem = make_problem(X, y, penalty, loss)
    rng = np.random.default_rng(1)
    lowest = solve(X, y, penalty, loss=loss, tolerance=1e-12).objective[-1]
    for scale in (0.0, 0.1, 1.0):
        dual = problem.loss.gradient(X @ (scale * rng.normal(size=19)))
        assert dual_value(problem, dual, X.T @ dual) <= lowest + 1e-13


# p < 1


@pytest.mark.parametrize("p", [*BELOW_ONE, 1.0, 1.01, 1.5, 2.0, 2.5, 30.0, math.inf])
@pytest.mark.parametrize("solver", CONVEX_SOLVERS)
def test_orthogonal_designs_end_at_the_global_minimum(solver, p):
    rng = np.random.default_rng(2)
    n, d, alpha = 41, 17, 0.4
    X = math.sqrt(n) * np.linalg.qr(rng.normal(size=(n, d)))[0]
    fits = rng.normal(size=d) * np.geomspace(0.1, 30, d)
    y = X @ fits
    result = solve(X, y, Lp(alpha, p), solver=solver, tolerance=1e-12)

    def height(z, fit):
        pull = (0.0 if abs(z) <= 1 else 1e300) if p == math.inf else alpha * abs(z) ** p if z else 0.0
        return (z - fit) ** 2 / 2 + min(pull, 1e300)

    for fit, z in zip(fits.tolist(), result.weights.tolist(), strict=True):
        grid = [*np.linspace(-1.1 * abs(fit), 1.1 * abs(fit), 2001).tolist(), 0.0, fit, -1.0, 1.0]
        heights = [height(each, fit) for each in grid]
        at, reach = grid[int(np.argmin(heights))], abs(fit) / 500
        search = minimize_scalar(height, bounds=(at - reach, at + reach), args=(fit,), method="bounded")
        assert height(z, fit) <= min(*heights, search.fun) + 1e-9


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("p", BELOW_ONE)
@pytest.mark.parametrize("solver", ["coordinate descent", "proximal gradient", "FISTA"])
def test_stationary_points_that_the_rival_cannot_improve(solver, p, loss):
    X, y = data((53, 11), loss)
    y = y if loss == "least squares" else np.where(np.arange(53) % 7 == 0, -y, y)  # no plane parts these
    alpha = 0.05 if loss == "least squares" else 0.02
    result = solve(X, y, Lp(alpha, p), loss=loss, solver=solver, tolerance=1e-10, max_iterations=50_000)
    value = rival.objective(X, y, result.weights, alpha, p, loss)
    assert result.measure == "violation"
    assert result.converged
    assert result.objective[-1] == pytest.approx(value, rel=1e-12)
    assert 0 < np.count_nonzero(result.weights) < 11
    polished = rival.restricted(X, y, result.weights, alpha, p, loss)
    assert value <= rival.objective(X, y, polished, alpha, p, loss) + 1e-10
    if solver == "coordinate descent" and loss == "least squares":  # each weight is where it is best alone
        assert value <= rival.coordinatewise(X, y, result.weights, alpha, p, loss) + 1e-10
    if loss == "least squares" and p:
        assert value <= rival.objective(X, y, rival.reweighted(X, y, result.weights, alpha, p), alpha, p) + 1e-10


@pytest.mark.parametrize("p", [0.0, 0.5, 0.8])
def test_no_lower_than_the_best_of_all_supports(p):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(31, 6))
    y = X @ np.array([2.0, 0.0, -1.5, 0.0, 0.1, 0.0]) + 0.2 * rng.normal(size=31)
    best = rival.exhaustive(X, y, 0.1, p)
    for solver in CONVEX_SOLVERS:
        found = solve(X, y, Lp(0.1, p), solver=solver, tolerance=1e-11).objective[-1]
        assert found == pytest.approx(best, abs=1e-9)  # with two strong features of six there is one basin


@pytest.mark.parametrize("loss", LOSSES)
def test_coordinate_descent_never_rises(loss):
    X, y = data((40, 113), loss, seed=5)
    for penalty in (Lp(0.01), Lp(0.01, 0.5), Lp(0.01, 0.0), GroupLasso(0.01, 3)):
        result = solve(X, y, penalty, loss=loss, tolerance=1e-12, max_iterations=30)
        assert (np.diff(result.objective) <= 1e-14).all()


def plain_descent(A, z, weight, tolerance, limit):
    """Minimize 1/2 |z - A w|^2 + weight sum |w| one weight at a time; return w and the passes made."""
    w, r = np.zeros(A.shape[1]), z.copy()
    for done in range(1, limit + 1):
        largest = 0.0
        for j in range(w.size):
            square = A[:, j] @ A[:, j]
            pull = square * w[j] + A[:, j] @ r
            new = math.copysign(max(abs(pull) - weight, 0.0), pull) / square
            r -= A[:, j] * (new - w[j])
            largest, w[j] = max(largest, square * abs(new - w[j])), new
        if largest <= tolerance:
            return w, done
    return w, limit


@pytest.mark.parametrize("form", ["dense", "products", "sparse"])
def test_extrapolation_saves_passes_and_never_raises_the_objective(form):
    rng = np.random.default_rng(8)
    A = rng.normal(size=(50, 12)) + 3 * rng.normal(size=(50, 1))  # columns much alike: one at a time is slow
    z = A @ rng.normal(size=12) + rng.normal(size=50)
    squares, terms = (A**2).sum(axis=0), coordinate_loops.Terms(20.0, 1.0, 0.0)
    sparse = scipy.sparse.csc_array(A)

    def descend(limit, tolerance):
        columns, residual, w = coordinate_loops.Dense(np.ascontiguousarray(A.T)), z.copy(), np.zeros(12)
        if form == "sparse":
            columns = coordinate_loops.Sparse(sparse.data, sparse.indices, sparse.indptr)
        if form == "products":
            columns, residual = coordinate_loops.Products(A.T @ A, A.T @ z), A.T @ z
        done = coordinate_loops.descend(columns, residual, w, squares, terms, (), tolerance, limit)
        np.testing.assert_allclose(residual, A.T @ (z - A @ w) if form == "products" else z - A @ w, rtol=0, atol=1e-7)
        return w, done

    for limit in range(1, coordinate_loops.MEMORY + 1):  # the first passes are plain
        np.testing.assert_allclose(descend(limit, 0.0)[0], plain_descent(A, z, 20.0, 0.0, limit)[0], rtol=0, atol=1e-10)
    heights = []
    for limit in range(1, 80):
        w, _ = descend(limit, 0.0)
        heights.append(((z - A @ w) ** 2).sum() / 2 + 20 * np.abs(w).sum())
    assert (np.diff(heights) <= 1e-11 * heights[0]).all()
    found, done = descend(10_000, 1e-8)
    expected, plain = plain_descent(A, z, 20.0, 1e-8, 10_000)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert 0 < np.count_nonzero(found) < 12
    assert done < plain / 3


# Solvers, step by step


def sign(v):
    return (v > 0) - (v < 0)


def cut(w, slopes, k):
    moved = [v - 0.02 * (s + 0.3 * 1.5 * abs(v) ** 0.5 * sign(v)) for v, s in zip(w, slopes, strict=True)]
    return [v if abs(v) > 0.15 else 0.0 for v in moved]


def shrunk(w, slopes, k):
    moved = [v - 0.05 * s for v, s in zip(w, slopes, strict=True)]
    return [math.copysign(max(abs(v) - 0.05 * 0.3, 0), v) for v in moved]


def slower(w, slopes, k):
    return [v - 0.5 / math.sqrt(k) * (s + 0.3 * sign(v)) for v, s in zip(w, slopes, strict=True)]


@pytest.mark.parametrize(
    ("solver", "penalty", "given", "step"),
    [
        ("thresholded gradient descent", Lp(0.3, 1.5), dict(step=0.02, sparsity_threshold=0.15), cut),
        ("proximal gradient", Lp(0.3), dict(step=0.05), shrunk),
        ("subgradient descent", Lp(0.3), dict(step=0.5, loss="logistic"), slower),
    ],
)
def test_steps_by_hand(solver, penalty, given, step):
    loss = given.get("loss", "least squares")
    X, y = data((7, 4), loss)
    start = np.array([0.4, 0.0, -0.06, 0.9])
    path = [start.tolist()]
    for k in range(6):
        result = solve(X, y, penalty, solver=solver, start=start, max_iterations=k, tolerance=1e-12, **given)
        assert result.iterations == k
        np.testing.assert_allclose(result.weights, path[k], rtol=0, atol=1e-13)
        path.append(step(path[k], slopes_by_hand(X, y, path[k], loss), k + 1))
    assert solver != "thresholded gradient descent" or any(0.0 in w for w in path[1:])


def test_fista_by_hand_and_its_restarts():
    X, y = data((7, 4))
    alpha, step, w, t = 0.1, 0.05, [0.0] * 4, 1.0
    ahead = w
    for k in range(1, 7):
        moved = [v - step * s for v, s in zip(ahead, slopes_by_hand(X, y, ahead), strict=True)]
        following = [math.copysign(max(abs(v) - step * alpha, 0), v) for v in moved]
        later = (1 + math.sqrt(1 + 4 * t * t)) / 2
        ahead = [new + (t - 1) / later * (new - old) for new, old in zip(following, w, strict=True)]
        w, t = following, later
        result = solve(X, y, Lp(alpha), solver="FISTA", step=step, restart="none", max_iterations=k, tolerance=1e-12)
        np.testing.assert_allclose(result.weights, w, rtol=0, atol=1e-13)
    X, y = data((60, 30), seed=4)
    passes = {}
    for restart in ("gradient", "function", "none"):
        result = solve(X, y, Lp(0.01), solver="FISTA", restart=restart, tolerance=1e-9, max_iterations=20_000)
        assert result.converged
        passes[restart] = result.iterations
        if restart == "function":
            assert (np.diff(result.objective) <= 1e-12).all()
    assert max(passes["gradient"], passes["function"]) < passes["none"]
    slow = solve(X, y, Lp(0.01), solver="proximal gradient", tolerance=1e-9, max_iterations=100_000)
    assert passes["gradient"] < slow.iterations / 4


def test_subgradient_descent_comes_near():
    X, y = data((60, 20))
    best = solve(X, y, Lp(0.05), tolerance=1e-10).objective[-1]
    result = solve(X, y, Lp(0.05), solver="subgradient descent", max_iterations=3000)
    assert best <= result.objective[-1] < best + 0.02 * result.objective[0]
    assert np.count_nonzero(result.weights) == 20  # it makes no zeros


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sparse", [False, True])
def test_hard_thresholding_finds_planted_supports(sparse, loss):
    rng = np.random.default_rng(6)
    n, d, k = 260, 160, 4
    X, planted = rng.normal(size=(n, d)), np.sort(rng.choice(d, k, replace=False))
    w = np.zeros(d)
    w[planted] = rng.choice([-2.0, 2.0], k) * rng.uniform(1, 1.5, k)
    u = X @ w + 0.05 * rng.normal(size=n)
    y = u if loss == "least squares" else np.where(u + 2 * rng.normal(size=n) > 0, 1.0, -1.0)
    given = scipy.sparse.csc_matrix(X) if sparse else X
    result = solve(given, y, None, loss=loss, solver="iterative hard thresholding", nonzeros=k)
    assert result.converged
    assert (result.nonzeros[1:] <= k).all()
    assert np.array_equal(np.flatnonzero(result.weights), planted)
    assert (np.diff(result.objective) <= 1e-12).all()
    refit = rival.restricted(X, y, result.weights, 0.0, 1.0, loss)
    np.testing.assert_allclose(result.weights, refit, rtol=0, atol=1e-4 if loss == "least squares" else 1e-2)


def test_hard_thresholding_by_hand():
    X, y = data((9, 5))
    start, step = [0.4, 0.0, -0.06, 0.9, 0.1], 0.05
    w = [0.4, 0.0, 0.0, 0.9, 0.0]  # the two largest
    for k in range(1, 5):
        moved = [v - step * s for v, s in zip(w, slopes_by_hand(X, y, w), strict=True)]
        largest = sorted(range(5), key=lambda j: -abs(moved[j]))[:2]
        w = [moved[j] if j in largest else 0.0 for j in range(5)]
        result = solve(
            X, y, None, solver="iterative hard thresholding", nonzeros=2, step=step, start=start, max_iterations=k
        )
        np.testing.assert_allclose(result.weights, w, rtol=0, atol=1e-13)


# What is given, and what is returned


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_kind_of_matrix(solver):
    X, y = data((19, 8))
    X = np.round(4 * X)
    arguments = dict(max_iterations=12, tolerance=1e-12, start=np.linspace(-1, 1, 8), **suited(solver, Lp(0.5)))
    expected = solve(X, y, **arguments).weights
    strided = np.zeros((38, 24))[::2, ::3]
    strided[:] = X
    doubled = scipy.sparse.csr_matrix(np.hstack([X / 2, X / 2]))
    doubled = scipy.sparse.csr_matrix((doubled.data, doubled.indices % 8, doubled.indptr), shape=X.shape)
    kinds = [
        np.asfortranarray(X),
        strided,
        X.astype(np.float32),
        X.astype(np.int16),
        X.tolist(),
        scipy.sparse.csc_matrix(X),
        scipy.sparse.csr_array(X.astype(np.float32)),
        scipy.sparse.csc_matrix(X.astype(np.int64)),
        doubled,  # each element is stored in two parts
    ]
    for given in kinds:
        np.testing.assert_allclose(solve(given, y, **arguments).weights, expected, rtol=0, atol=1e-10)
    assert doubled.nnz > np.count_nonzero(X)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("sparse", [False, True])
def test_nothing_given_is_changed(sparse, solver):
    X, y = data((19, 8))
    start = np.linspace(-1, 1, 8)
    given = scipy.sparse.csc_matrix(X) if sparse else X
    before = X.tobytes(), y.tobytes(), start.tobytes()
    for array in (y, start, given.data if sparse else X):
        array.flags.writeable = False
    result = solve(given, y, start=start, max_iterations=5, **suited(solver, Lp(0.1)))
    assert before == ((given.toarray() if sparse else X).tobytes(), y.tobytes(), start.tobytes())
    assert result.weights.flags.writeable
    assert not np.shares_memory(result.weights, start)


def test_elements_stored_twice_are_left_so():
    X, y = data((19, 8))
    halves = scipy.sparse.csr_array(np.vstack([X / 2, X / 2]).T)  # its rows are the columns of X, each twice as long
    parts = (halves.data.copy(), halves.indices % 19, halves.indptr.copy())
    doubled = scipy.sparse.csc_matrix(parts, shape=X.shape)
    before = doubled.data.tobytes(), doubled.indices.tobytes(), doubled.indptr.tobytes()
    result = solve(doubled, y, Lp(0.1), tolerance=1e-10)
    assert before == (doubled.data.tobytes(), doubled.indices.tobytes(), doubled.indptr.tobytes())
    np.testing.assert_allclose(result.weights, solve(X, y, Lp(0.1), tolerance=1e-10).weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
def test_result_fits_together(solver):
    X, y = data((40, 9))
    arguments = suited(solver, Lp(0.1))
    result = solve(X, y, max_iterations=7, tolerance=1e-12, **arguments)
    count = result.iterations + 1
    assert 2 <= count <= 8
    for each in (result.objective, result.optimality, result.seconds, result.nonzeros):
        assert each.shape == (count,)
    assert result.solver == solver
    assert result.nonzeros[-1] == np.count_nonzero(result.weights)
    assert result.passes >= result.iterations
    assert (np.diff(result.seconds) >= 0).all()
    assert result.seconds[0] >= 0
    assert result.objective[0] == pytest.approx(sum(each**2 for each in y.tolist()) / 80)
    assert result.measure == ("violation" if arguments["nonzeros"] else "duality gap")
    assert result.converged == (result.optimality[-1] <= result.target)


@pytest.mark.parametrize("solver", SOLVERS)
def test_limits(solver):
    X, y = data((40, 60))
    arguments = dict(tolerance=1e-12, **suited(solver, Lp(0.001)))
    for limit in (0, 1, 2):
        result = solve(X, y, max_iterations=limit, **arguments)
        assert result.iterations == limit
        assert not result.converged
    result = solve(X, y, max_seconds=0, **arguments)
    assert (result.iterations, result.converged) == (0, False)


def test_a_start_at_the_solution_is_noticed():
    X, y = data((40, 60))
    found = solve(X, y, Lp(0.01), tolerance=1e-10)
    again = solve(X, y, Lp(0.01), tolerance=1e-8, start=found.weights)
    assert (again.converged, again.iterations, again.passes) == (True, 0, 0)
    assert np.array_equal(again.weights, found.weights)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "penalty", [Lp(0.01), Lp(0.01, 0.5), Lp(0.01, 0.0), Lp(0.01, 2.0), GroupLasso(0.01, 3), None], ids=str
)
def test_columns_of_zeros_and_constants(penalty, solver, loss):
    X, y = data((30, 7), loss)
    X[:, 2], X[:, 3] = 0, 5.0
    X[:, 6] = X[:, 5]  # and one that there is twice
    arguments = suited(solver, penalty)
    for given in (X, scipy.sparse.csc_matrix(X)):
        result = solve(given, y, loss=loss, max_iterations=40, **arguments)
        assert np.isfinite(result.weights).all()
        assert result.weights[2] == 0
        if solver != "subgradient descent" or penalty != Lp(0.01, 0.5):  # whose slope near 0 has no bound
            assert result.objective[-1] < result.objective[0]


@pytest.mark.parametrize("penalty", [Lp(0.1), Lp(0.1, 0.5), ElasticNet(0.1), GroupLasso(0.1, 2)], ids=str)
def test_a_start_on_columns_of_zeros(penalty):
    X, y = data((30, 7))
    X[:, 2] = 0
    result = solve(X, y, penalty, start=np.ones(7), tolerance=1e-8)
    assert result.converged
    assert result.weights[2] == 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_to_learn(solver):
    for X, y in [(np.zeros((5, 3)), np.arange(5.0)), (np.ones((5, 3)), np.zeros(5)), (np.ones((1, 1)), np.zeros(1))]:
        result = solve(X, y, **suited(solver, Lp(0.1), nonzeros=1))
        assert result.converged
        assert not result.weights.any()


def test_a_step_too_large_is_said():
    X, y = data((40, 9))
    result = solve(X, y, Lp(0.01), solver="proximal gradient", step=1e6)
    assert not result.converged
    assert result.iterations < 200
    assert not math.isfinite(result.objective[-1])


@pytest.mark.parametrize("solver", CONVEX_SOLVERS)
def test_no_penalty_is_least_squares(solver):
    X, y = data((40, 9))
    expected = np.linalg.lstsq(X, y, rcond=None)[0]
    for penalty in (None, Lp(0.0, 0.5), ElasticNet(0.0), GroupLasso(0.0, 2)):
        result = solve(X, y, penalty, solver=solver, tolerance=1e-10, max_iterations=50_000)
        assert (result.converged, result.measure) == (True, "violation")
        np.testing.assert_allclose(result.weights, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "penalty", [Lp(0.003), Lp(0.05, 0.5), Lp(0.05, 0.0), ElasticNet(0.01, 0.9), GroupLasso(0.01, 7)], ids=str
)
def test_working_sets_that_grow(penalty, loss, monkeypatch):
    X, y = data((40, 113), loss)
    at_once = solve(X, y, penalty, loss=loss, tolerance=1e-9)
    monkeypatch.setattr(coordinate_descent, "FIRST_SET", 3)
    for given in (X, scipy.sparse.csc_matrix(X)):
        result = solve(given, y, penalty, loss=loss, tolerance=1e-9)
        assert result.converged
        assert result.nonzeros[-1] > (1 if penalty == Lp(0.05, 0.0) else 3)
        if penalty.convex:
            assert result.objective[-1] == pytest.approx(at_once.objective[-1], abs=2 * result.target)
        elif loss == "least squares":  # another basin, perhaps, but no weight is better alone
            found = rival.coordinatewise(X, y, result.weights, penalty.alpha, penalty.p, loss)
            assert found >= result.objective[-1] - 1e-9


@pytest.mark.parametrize("sparse", [False, True])
def test_an_easy_lasso_is_solved_in_one_iteration_and_no_further_than_asked(sparse):
    X, y = data((190, 43), density=0.4 if sparse else None)
    alpha = float(np.abs(X.T @ (y - y.mean())).max()) / len(y) / 30
    given = scipy.sparse.csc_array(X) if sparse else X
    results = [solve(given, y, Lp(alpha), tolerance=each, intercept=True) for each in (1e-2, 1e-4, 1e-8)]
    assert [result.iterations for result in results] == [1, 1, 1]
    assert all(result.converged for result in results)
    assert results[0].passes < results[1].passes < results[2].passes
    model = Lasso(alpha, tol=1e-14, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(results[2].weights, model.coef_, rtol=0, atol=1e-4)


@pytest.mark.parametrize("penalty", [Lp(0.001), ElasticNet(0.002, 0.5), GroupLasso(0.002, 3)])
def test_products_take_over_where_many_passes_are_needed(penalty, monkeypatch):
    X, y = data((97, 61))
    given, descend = [], coordinate_loops.descend

    def noted(columns, *others):
        given.append(type(columns).__name__)
        return descend(columns, *others)

    monkeypatch.setattr(coordinate_loops, "descend", noted)
    result = solve(X, y, penalty, tolerance=1e-10)
    assert {"Dense", "Products"} <= set(given)
    monkeypatch.setattr(coordinate_descent, "SOON", 61)  # products at once
    at_once = solve(X, y, penalty, tolerance=1e-10)
    assert result.converged
    np.testing.assert_allclose(result.weights, at_once.weights, rtol=0, atol=1e-4)


def test_groups_of_which_most_columns_are_zero(monkeypatch):
    X, y = data((40, 60))
    X[:, np.arange(60) % 6 != 2] = 0  # one column of each group of 6 is left, so that groups act as single weights
    monkeypatch.setattr(coordinate_descent, "FIRST_SET", 3)
    groups = solve(X, y, GroupLasso(0.001, 6), tolerance=1e-10)
    single = solve(X, y, Lp(0.001), solver="FISTA", tolerance=1e-10)
    assert groups.converged
    assert groups.nonzeros[-1] > 6
    np.testing.assert_allclose(groups.weights, single.weights, rtol=0, atol=1e-4)


# Losses


@pytest.mark.parametrize("kind", [LeastSquares, Logistic])
def test_losses_and_their_derivatives(kind):
    rng = np.random.default_rng(7)
    y = rng.choice([-1.0, 1.0], 11)
    u, h = 3 * rng.normal(size=11), 1e-4
    loss = kind(y)
    assert loss.value(u) == pytest.approx(loss_written_out(u[:, None], y, [1.0], loss.name), rel=1e-14)
    for i in range(11):
        unit = np.eye(11)[i] * h
        rise = (loss.value(u + unit) - loss.value(u - unit)) / (2 * h)
        assert loss.gradient(u)[i] == pytest.approx(rise, abs=1e-9)
        bend = (loss.gradient(u + unit)[i] - loss.gradient(u - unit)[i]) / (2 * h) * 11
        assert loss.curvatures(u)[i] == pytest.approx(bend, abs=1e-8)
        assert bend <= loss.curvature + 1e-9


@pytest.mark.parametrize("kind", [LeastSquares, Logistic])
def test_conjugates_of_losses(kind):
    y = np.array([-1.0, 1.0, 1.0])
    loss = kind(y)
    for shares in ([0.2, 0.5, 0.9], [0.01, 1.0, 0.0]):
        dual = -y * np.array(shares) / 3
        best = 0.0  # the supremum is over each prediction alone
        for i in range(3):

            def minus(each, i=i, dual=dual):
                return rival.objective([[1.0]], [y[i]], [each], 0.0, 1.0, loss.name) / 3 - dual[i] * each

            searches = [
                minimize_scalar(minus, bounds=b, method="bounded", options={"xatol": 1e-10})
                for b in ((-50, 50), (-5, 5))
            ]
            best += max(-search.fun for search in searches)
        assert loss.conjugate(dual) == pytest.approx(best, abs=1e-9)
    assert Logistic(y).conjugate(-y * 1.1 / 3) == math.inf
    assert Logistic(y).conjugate(y * 0.1 / 3) == math.inf


def test_large_margins():
    loss = Logistic(np.array([1.0, -1.0, 1.0, -1.0]))
    u = np.array([1e4, 1e4, -1e300, -750.0])
    with np.errstate(all="raise", under="ignore"):
        assert Logistic(loss.targets[:2]).value(u[:2]) == 5000.0
        np.testing.assert_allclose(loss.gradient(u), [0.0, 0.25, -0.25, 0.0], atol=1e-300)
        assert loss.value(u) == pytest.approx((1e4 + 1e300) / 4)
        assert loss.conjugate(loss.gradient(u)) == 0.0


@pytest.mark.parametrize("shape", [(13, 29), (29, 13), (300, 400), (400, 300)])
def test_lipschitz_constants(shape):
    X = np.random.default_rng(9).normal(size=shape) + 0.3
    square = np.linalg.norm(X, 2) ** 2
    expected = [sum(each**2 for each in column) / shape[0] / 4 for column in X.T.tolist()]
    for given in (X, np.asfortranarray(X), scipy.sparse.csc_array(X)):
        assert square * (1 - 1e-12) <= largest_square(given) <= square * 1.002
        assert make_problem(given, X[:, 0], None, "least squares").lipschitz == largest_square(given) / shape[0]
        problem = make_problem(given, np.sign(X[:, 0]), None, "logistic")
        assert problem.lipschitz == largest_square(given) / shape[0] / 4
        np.testing.assert_allclose(problem.coordinate_lipschitz, expected, rtol=1e-12)
    assert largest_square(np.zeros(shape)) == 0
    assert largest_square(np.outer(X[:, 0], X[0])) == pytest.approx((X[:, 0] @ X[:, 0]) * (X[0] @ X[0]), rel=2e-3)
    gaps = scipy.sparse.csc_array(np.array([[0.0, 3.0, 0.0], [0.0, -4.0, 0.0]]))
    assert make_problem(gaps, np.ones(2), None, "least squares").coordinate_lipschitz.tolist() == [0, 12.5, 0]


# Refusals

X3, Y3 = np.arange(12.0).reshape(4, 3), np.array([1.0, -1.0, 1.0, 2.0])
NAN = X3.copy()
NAN[2, 1] = np.nan
REFUSALS = [
    (dict(X=X3[0]), "X has shape (3,): must have 2 axes"),
    (dict(X=X3[:0], y=Y3[:0]), "X has shape (0, 3): must have at least one row"),
    (dict(X=X3[:, :0]), "X has shape (4, 0): must have at least one row and one feature"),
    (dict(X=X3 > 1), "X has dtype bool: must be numbers"),
    (dict(X=X3 * 1j), "X has dtype complex128"),
    (dict(X=NAN), "X[2, 1]=nan: must be finite"),
    (dict(X=scipy.sparse.csc_matrix(NAN)), "X[2, 1]=nan: must be finite"),
    (dict(X=X3 * 1e200), "X[:, 0]: its sum of squares is beyond the range of float64"),
    (dict(X=X3 * 1e-170), "X[:, 0]: its sum of squares is 0 in float64; scale the column up"),
    (dict(X=scipy.sparse.csc_array(X3 * 1e-170)), "X[:, 0]: its sum of squares is 0 in float64; scale the column up"),
    (dict(X=np.ma.array(X3)), "X: a masked array's mask would be lost"),
    (dict(X=[[1.0], [2.0, 3.0]]), "X: must be an array of numbers"),
    (dict(y=Y3 * 1e200), "y: its sum of squares is beyond the range of float64; scale y"),
    (dict(y=Y3 * 1e-200), "y: its sum of squares is beyond the range of float64; scale y"),
    (dict(X=scipy.sparse.coo_matrix(X3)), "X is a sparse 2-D COO array: must be a CSR or CSC matrix"),
    (dict(y=Y3[:3]), "y has shape (3,): must be (4,), one target per row of X"),
    (dict(y=Y3[:, None]), "y has shape (4, 1)"),
    (dict(y=np.array([1.0, np.inf, 0.0, 1.0])), "y[1]=inf: must be finite"),
    (dict(y=np.array(["a", "b", "c", "d"])), "y has dtype <U1: must be numbers"),
    (dict(loss="logistic"), "y[3]=2: must be -1 or 1 for loss='logistic'; convert 0 and 1 with 2 * y - 1"),
    (dict(y=np.array([0, 1, 1, 0]), loss="logistic"), "y[0]=0: must be -1 or 1"),
    (dict(loss="hinge"), "loss='hinge': must be one of 'least squares', 'logistic'"),
    (dict(solver="newton"), "solver='newton': must be one of 'subgradient descent'"),
    (dict(penalty="l1"), "penalty='l1': must be a penalty such as Lp(alpha=0.1), or None for none"),
    (dict(tolerance=0.0), "tolerance=0.0: must be a number above 0.0 and below 1.0"),
    (dict(tolerance=math.nan), "tolerance=nan"),
    (dict(max_iterations=-1), "max_iterations=-1: must be a whole number of at least 0"),
    (dict(max_iterations=2.5), "max_iterations=2.5: must be a whole number"),
    (dict(max_seconds=-1), "max_seconds=-1: must be a number of at least 0"),
    (dict(start=np.zeros(4)), "start has shape (4,): must be (3,), one weight per feature of X"),
    (dict(start=[0.0, np.nan, 0.0]), "start[1]=nan: must be finite"),
    (dict(step=0.1), "step=0.1: solver='coordinate descent' does not use it; it is for 'subgradient descent'"),
    (dict(solver="FISTA", step=0), "step=0: must be above 0"),
    (dict(solver="FISTA", step=-0.1), "step=-0.1"),
    (dict(solver="FISTA", restart="always"), "restart='always': must be one of 'gradient', 'function', 'none'"),
    (dict(solver="FISTA", nonzeros=2), "nonzeros=2: solver='FISTA' does not use it; it is for 'iterative hard"),
    (dict(sparsity_threshold=0.1), "sparsity_threshold=0.1: solver='coordinate descent' does not use it"),
    (dict(solver="thresholded gradient descent", sparsity_threshold=-0.1), "sparsity_threshold=-0.1"),
    (dict(solver="iterative hard thresholding", penalty=None), "nonzeros: is missing; give a whole number"),
    (dict(solver="iterative hard thresholding", penalty=None, nonzeros=0), "nonzeros=0"),
    (dict(solver="iterative hard thresholding", nonzeros=1), "limits the non-zeros instead; give penalty=None"),
    (dict(solver="subgradient descent", penalty=Lp(1.0, math.inf)), "p=inf: is a bound and has no gradient"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_refusals(arguments, message):
    given = dict(X=X3, y=Y3, penalty=Lp(0.1)) | arguments
    with pytest.raises((TypeError, ValueError)) as refusal:
        solve(given.pop("X"), given.pop("y"), given.pop("penalty"), **given)
    assert message in str(refusal.value)


def test_a_group_larger_than_all_features():
    found = [solve(X3, Y3, GroupLasso(0.05, size), tolerance=1e-10).weights for size in (3, 10**12)]
    np.testing.assert_allclose(*found, rtol=1e-7)


def test_the_objective_never_rises_within_bounds():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((12, 7)), 4 * rng.standard_normal(12)
        found = solve(X, y, Lp(0.1, math.inf), tolerance=1e-10)
        assert found.converged
        assert np.all(np.diff(found.objective) <= 1e-12)


@pytest.mark.parametrize("solver", ["coordinate descent", "FISTA", "proximal gradient"])
def test_a_gap_that_rounds_to_zero_is_not_the_end(solver):
    # Ridge regression with singular values from 1 down to 1e-8, and the weights that solve its linear equations.
    rng = np.random.default_rng(5)
    left, right = (np.linalg.qr(rng.standard_normal((size, 12)))[0] for size in (40, 15))
    X = left * np.logspace(0, -8, 12) @ right.T
    y = X @ rng.standard_normal(15) + rng.standard_normal(40)
    exact = np.linalg.solve(X.T @ X / 40 + 0.1 * np.eye(15), X.T @ y / 40)
    found = solve(X, y, ElasticNet(0.1, 0.0), solver=solver, tolerance=1e-16)
    assert found.converged
    assert found.measure == "duality gap"
    np.testing.assert_allclose(found.weights, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "iterative hard thresholding"])
def test_a_start_beyond_the_range_is_refused(solver):
    starts, penalties = (1e200, 1e300, 1.7e308), (Lp(0.1), Lp(0.1, 0.5), None)
    for start, penalty in itertools.product(starts, penalties):
        weights = [start, 0.0, -start]
        with pytest.raises(ValueError, match=r"^start: the loss there is beyond the range of float64; give smaller"):
            solve(X3, Y3, penalty, solver=solver, start=weights)


def test_a_start_outside_the_box_is_no_overflow():
    found = solve(X3, Y3, Lp(0.1, math.inf), start=[5.0, 0.0, 0.0], tolerance=1e-9)
    assert found.objective[0] == math.inf
    assert found.converged
    assert np.abs(found.weights).max() <= 1


@pytest.mark.parametrize("groups", [(), (np.array([0, 2, 5]),)], ids=["weights", "groups"])
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, math.inf])
def test_the_penalty_in_the_loops_has_its_ridge(p, groups):
    # It decides whether an extrapolation is lower, so no result shows directly that a term is missing.
    weights, ridge = [0.5, -2.0, 1.0, 0.0, -3.0], 0.25 / 2 * (0.25 + 4 + 1 + 9)
    power = sum(abs(w) ** p for w in weights if w) if p < math.inf else 0.0
    if groups:
        power = math.hypot(0.5, 2.0) + math.hypot(1.0, 3.0)
    for rest in (0.0, 0.25):
        terms = coordinate_loops.Terms(0.7, p, rest)
        found = coordinate_loops._power_sum.py_func(np.array(weights), terms, groups)  # not compiled for Python
        assert found == pytest.approx(0.7 * power + ridge * bool(rest), rel=1e-14)
