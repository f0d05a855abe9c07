"""Intercepts, sample weights and several classes: against explicit columns, repeated rows, slopes and scikit-learn."""

import math
import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression, Ridge

from workbench.solvers.columns import centred_squares, column_means, column_squares, largest_square
from workbench.solvers.losses import LeastSquares, Logistic, Multinomial
from workbench.solvers.paths import lambda_max, regularization_path
from workbench.solvers.penalties import ElasticNet, GroupLasso, L1Ball, Lp
from workbench.solvers.problem import make_problem
from workbench.solvers.solve import solve

ROWS, FEATURES, CLASSES = 41, 7, 3
LOSSES = {"least squares": LeastSquares, "logistic": Logistic, "multinomial": Multinomial}
rng = np.random.default_rng(0)
X = (rng.normal(size=(ROWS, FEATURES)) + rng.normal(size=(ROWS, 1))) * rng.uniform(0.5, 2, FEATURES) + 3 * rng.normal(
    size=FEATURES
)
X *= rng.random(X.shape) < 0.7
U = X[:, :3] @ [1.0, -0.7, 0.5] + 0.5 * rng.normal(size=ROWS)
TARGETS = {
    "least squares": U + 4,
    "logistic": np.where(np.where(np.arange(ROWS) % 5 == 0, -1, 1) * (U - np.quantile(U, 0.3)) > 0, 1.0, -1.0),
    "multinomial": np.where(np.arange(ROWS) % 5 == 0, 2, np.digitize(U, np.quantile(U, [0.3, 0.5]))),
}
COUNTS = np.arange(ROWS) % 4  # how often each row is there; some are not
KINDS = {"dense": np.asfortranarray, "sparse": scipy.sparse.csc_array}
WAYS = [
    ("least squares", "coordinate descent"),
    ("least squares", "FISTA"),
    ("logistic", "coordinate descent"),
    ("logistic", "FISTA"),
    ("multinomial", "FISTA"),
]
PENALTIES = [Lp(0.05), Lp(0.05, 2.0), ElasticNet(0.05, 0.5), GroupLasso(0.05, 3)]


def objective(w, b, y, loss, weights=None):
    """Return the loss; w has shape (features,) or (classes, features)."""
    u = X @ np.atleast_2d(w).T + b
    if loss == "least squares":
        heights = (y - u[:, 0]) ** 2 / 2
    elif loss == "logistic":
        heights = np.log1p(np.exp(-y * u[:, 0]))
    else:
        heights = np.log(np.exp(u).sum(axis=1)) - u[np.arange(ROWS), y.astype(int)]
    return float(heights.mean() if weights is None else heights @ weights / weights.sum())


@pytest.mark.parametrize(("loss", "solver"), WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_intercept_is_an_explicit_column_without_penalty(kind, loss, solver):
    found = solve(KINDS[kind](X), TARGETS[loss], Lp(0.05), loss=loss, solver=solver, intercept=True, tolerance=1e-12)
    size, classes = found.weights.size, np.size(found.intercept)

    def height(v):  # weights as differences of two numbers that are at least 0, so that the penalty is linear
        w = (v[:size] - v[size : 2 * size]).reshape(-1, FEATURES)
        return objective(w, v[2 * size :], TARGETS[loss], loss) + 0.05 * v[: 2 * size].sum()

    bounds = [(0, None)] * 2 * size + [(None, None)] * classes
    start = np.concatenate(
        [np.maximum(found.weights, 0).ravel(), np.maximum(-found.weights, 0).ravel(), np.zeros(classes)]
    )
    search = minimize(height, start, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-13, "maxfun": 3000})
    value = objective(found.weights, found.intercept, TARGETS[loss], loss) + 0.05 * np.abs(found.weights).sum()
    assert found.converged
    assert found.measure == "duality gap"
    assert value == pytest.approx(found.objective[-1], rel=1e-12)
    assert value <= search.fun + 1e-10
    assert 0 < np.count_nonzero(found.weights) < found.weights.size
    np.testing.assert_allclose(
        found.intercept, search.x[2 * size :] - search.x[2 * size :].mean() * (classes > 1), atol=0.02
    )


# Coordinate descent has a step of its own for each penalty; FISTA's step knows of the loss and of the prox apart.
WEIGHTED = [(*way, penalty) for way in WAYS for penalty in (PENALTIES[:1] if way[1] == "FISTA" else PENALTIES)]


@pytest.mark.parametrize(("loss", "solver", "penalty"), WEIGHTED, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("intercept", [False, True])
def test_sample_weights_are_repeated_rows(intercept, kind, loss, solver, penalty):
    rows, y = np.repeat(np.arange(ROWS), COUNTS), TARGETS[loss]
    how = dict(loss=loss, solver=solver, intercept=intercept, tolerance=1e-11 if solver != "FISTA" else 1e-9)
    weighted = solve(KINDS[kind](X), y, penalty, sample_weight=0.3 * COUNTS, **how)
    repeated = solve(KINDS[kind](X[rows]), y[rows], penalty, **how)
    assert weighted.converged
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=0, atol=1e-4)
    np.testing.assert_allclose(weighted.intercept, repeated.intercept, rtol=0, atol=1e-3)
    if solver != "FISTA":
        value = objective(weighted.weights, weighted.intercept, y, loss, COUNTS) + penalty.value(weighted.weights)
        assert weighted.objective[-1] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("p", [0.0, 0.5])
@pytest.mark.parametrize("loss", ["least squares", "logistic"])
def test_weighted_intercepts_below_one(loss, p, kind):
    y = TARGETS[loss]
    found = solve(KINDS[kind](X), y, Lp(0.02, p), loss=loss, intercept=True, sample_weight=COUNTS, tolerance=1e-11)
    w, b = found.weights, found.intercept
    kept = np.flatnonzero(w)
    assert found.converged
    assert 0 < kept.size < FEATURES

    def height(v):
        trial = np.zeros(FEATURES)
        trial[kept] = v[:-1]
        return objective(trial, v[-1], y, loss, COUNTS) + 0.02 * (np.abs(v[:-1]) ** p).sum()

    search = minimize(height, np.append(w[kept], b), method="BFGS")
    assert height(np.append(w[kept], b)) <= search.fun + 1e-9


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_losses_and_their_slopes(name, intercept):
    targets = np.eye(CLASSES)[TARGETS[name]] if name == "multinomial" else TARGETS[name]
    shares = rng.uniform(0.2, 2, ROWS)
    shares /= shares.mean()
    loss, u, h = LOSSES[name](targets, shares, intercept), 3 * rng.normal(size=targets.shape), 1e-5
    found = loss.gradient(u)
    for i in [(r, *c) for r in (0, 5, 17) for c in (((0,), (2,)) if u.ndim == 2 else ((),))]:
        unit = np.zeros_like(u)
        unit[i] = h
        assert found[i] == pytest.approx((loss.value(u + unit) - loss.value(u - unit)) / (2 * h), abs=1e-9)
        bend = (loss.gradient(u + unit)[i] - loss.gradient(u - unit)[i]) / (2 * h) * ROWS
        assert bend <= loss.curvature * shares[i[0]] + 1e-9
    if intercept:
        assert np.abs(found.sum(axis=0)).max() < 1e-14
        assert loss.value(u + 2.5) == pytest.approx(loss.value(u), rel=1e-12)
        least = minimize(lambda b: LOSSES[name](targets, shares).value(u + b), np.zeros(np.size(loss.offset(u))))
        assert loss.value(u) == pytest.approx(least.fun, abs=1e-9)
    # Fenchel and Young: f(u) + f*(d) = <d, u> where d is the gradient, and never less elsewhere.
    assert loss.value(u) + loss.conjugate(found) == pytest.approx((found * u).sum(), rel=1e-10)
    for _ in range(3):
        other = 3 * rng.normal(size=u.shape)
        assert loss.value(other) + loss.conjugate(found) >= (found * other).sum() - 1e-12
    if intercept:
        assert loss.conjugate(found + 1e-6) == math.inf


@pytest.mark.parametrize("size", [1.0, 30.0, 300.0])
def test_intercepts_of_huge_predictions(size):
    for loss in (
        Logistic(TARGETS["logistic"], None, True),
        Multinomial(np.eye(CLASSES)[TARGETS["multinomial"]], None, True),
    ):
        u = size * np.random.default_rng(1).normal(size=loss.targets.shape)
        assert np.abs(loss.gradient(u).sum(axis=0)).max() < 1e-13


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("weights", [None, COUNTS + 0.5])
def test_multinomial_as_scikit_learn(weights, l1_ratio):
    y, alpha = TARGETS["multinomial"], 0.05
    Z = (X - X.mean(axis=0)) / X.std(axis=0)  # saga takes long otherwise
    total = ROWS if weights is None else weights.sum()
    model = LogisticRegression(l1_ratio=l1_ratio, solver="saga", C=1 / (total * alpha), tol=1e-11, max_iter=100_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of arguments, which differ between versions
        model.set_params(penalty="elasticnet").fit(Z, y, sample_weight=weights)  # stops early for sparse data
    how = dict(loss="multinomial", solver="FISTA", intercept=True, sample_weight=weights, tolerance=1e-12)
    for kind in KINDS.values():
        found = solve(kind(Z), y, ElasticNet(alpha, l1_ratio), **how)
        assert found.converged
        np.testing.assert_allclose(found.weights, model.coef_, rtol=0, atol=1e-5)
        np.testing.assert_allclose(found.intercept, model.intercept_ - model.intercept_.mean(), rtol=0, atol=1e-4)


def test_the_groups_of_several_classes_are_features():
    found = solve(
        X, TARGETS["multinomial"], GroupLasso(0.1, CLASSES), loss="multinomial", solver="FISTA", intercept=True
    )
    used = (found.weights != 0).any(axis=0)
    assert found.weights.shape == (CLASSES, FEATURES)
    assert 0 < used.sum() < FEATURES
    assert (found.weights[:, used] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_ridge_as_scikit_learn(kind):
    model = Ridge(2 * COUNTS.sum() * 0.3, solver="auto" if kind == "dense" else "sparse_cg", tol=1e-12)
    model.fit(KINDS[kind](X), TARGETS["least squares"], sample_weight=COUNTS)
    found = solve(
        KINDS[kind](X), TARGETS["least squares"], Lp(0.3, 2), intercept=True, sample_weight=COUNTS, tolerance=1e-13
    )
    np.testing.assert_allclose(found.weights, model.coef_, rtol=0, atol=1e-6)
    assert found.intercept == pytest.approx(model.intercept_, abs=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_paths_begin_where_weights_do(loss):
    solver = "FISTA" if loss == "multinomial" else "coordinate descent"
    how = dict(loss=loss, intercept=True, sample_weight=COUNTS)
    start = lambda_max(X, TARGETS[loss], Lp(1.0), **how)
    path = regularization_path(X, TARGETS[loss], Lp(1.0), count=4, eps=0.1, solver=solver, tolerance=1e-9, **how)
    assert path.alphas[0] == start
    assert path.nonzeros[0] == 0 < path.nonzeros[1]
    for k in (0, 3):
        alone = solve(X, TARGETS[loss], Lp(float(path.alphas[k])), solver=solver, tolerance=1e-9, **how)
        np.testing.assert_allclose(path.weights[k], alone.weights, rtol=0, atol=1e-3)
        np.testing.assert_allclose(path.intercepts[k], alone.intercept, rtol=0, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_that_an_intercept_makes_zero_or_almost(kind):
    wide = np.column_stack([X, np.full(ROWS, 1e8), X[:, 0] + 1e7, np.zeros(ROWS)])
    matrix, shares = KINDS[kind](wide), rng.uniform(0.5, 2, ROWS)
    shares /= shares.mean()
    means = column_means(matrix, shares)
    exact = [
        math.fsum(
            s * (x - math.fsum(s * x for s, x in zip(shares, column, strict=True)) / ROWS) ** 2
            for s, x in zip(shares, column, strict=True)
        )
        for column in wide.T.tolist()
    ]
    found = centred_squares(matrix, column_squares(matrix, shares), means, shares)
    np.testing.assert_allclose(np.delete(found, FEATURES), np.delete(exact, FEATURES), rtol=1e-9)
    assert found[FEATURES] == 0
    centred = np.sqrt(shares)[:, None] * (wide - means)
    assert largest_square(matrix, means, shares) == pytest.approx(np.linalg.norm(centred, 2) ** 2, rel=1e-2)
    for loss in ("least squares", "logistic"):
        result = solve(matrix, TARGETS[loss], Lp(0.01), loss=loss, intercept=True, tolerance=1e-7)
        plain = solve(X, TARGETS[loss], Lp(0.01), loss=loss, intercept=True, tolerance=1e-10)
        assert result.weights[[FEATURES, FEATURES + 2]].tolist() == [0, 0]
        assert result.objective[-1] == pytest.approx(plain.objective[-1], rel=1e-5)


@pytest.mark.parametrize("scale", [1e-140, 1e-60, 1e60, 1e140])
@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_huge_and_tiny_columns(p, scale):
    found = solve(scale * X, TARGETS["least squares"], Lp(0.1 * scale**p, p), intercept=True, tolerance=1e-8)
    plain = solve(X, TARGETS["least squares"], Lp(0.1, p), intercept=True, tolerance=1e-8)
    assert found.converged
    np.testing.assert_allclose(found.weights * scale, plain.weights, rtol=0, atol=1e-4)


def test_one_row_and_equal_targets():
    for loss in ("least squares", "logistic"):
        found = solve(X[:1], [1.0], Lp(0.1, 0.5), loss=loss)
        assert np.isfinite(found.weights).all()
    found = solve(X[:1], [3.0], Lp(0.1), intercept=True)
    assert (found.converged, found.intercept, found.weights.any()) == (True, 3.0, False)
    found = solve(X, np.full(ROWS, 5.0), Lp(0.1), intercept=True)
    assert (found.converged, found.weights.any()) == (True, False)
    assert found.intercept == pytest.approx(5.0)


@pytest.mark.parametrize("solver", ["proximal gradient", "FISTA"])
def test_projected_gradient_ends_where_the_multiplier_does(solver):
    y = TARGETS["least squares"]
    free = solve(X, y, Lp(0.4), intercept=True, tolerance=1e-13)
    radius = float(np.abs(free.weights).sum())
    bound = solve(X, y, L1Ball(radius), solver=solver, intercept=True, tolerance=1e-12)
    assert (bound.converged, bound.measure) == (True, "duality gap")
    np.testing.assert_allclose(bound.weights, free.weights, rtol=0, atol=1e-5)


@pytest.mark.parametrize("p", [0.0, 0.01, 0.1, 0.3])
def test_classes_that_few_weights_part(p):
    wide = np.random.default_rng(2).normal(size=(31, 83))
    y = np.sign(wide[:, 0] - wide[:, 1] + 0.5 * wide[:, 2] + 0.1)
    alpha = 0.05 * lambda_max(wide, y, Lp(1.0, p), "logistic")
    found = solve(wide, y, Lp(alpha, p), loss="logistic", max_iterations=200)
    assert found.converged
    assert (y * (wide @ found.weights) > 0).all()
    problem = make_problem(wide, y, Lp(alpha, p), "logistic")
    slope = problem.gradient(wide @ found.weights)[found.weights != 0]
    kept = found.weights[found.weights != 0]
    np.testing.assert_allclose(slope, -alpha * p * np.sign(kept) * np.abs(kept) ** (p - 1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", ["subgradient descent", "thresholded gradient descent"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_subgradients_below_one_do_not_leap(p, solver):
    found = solve(X, TARGETS["least squares"], Lp(0.05, p), solver=solver, max_iterations=300)
    lasso = solve(X, TARGETS["least squares"], Lp(0.05), intercept=False)
    assert np.abs(found.weights).max() < 10 * np.abs(lasso.weights).max()
    assert found.objective[-1] < found.objective[0]
    assert found.objective.max() <= found.objective[0] * 1.5


REFUSALS = [
    (dict(sample_weight=[1.0, 2.0]), "sample_weight has shape (2,): must be (4,), one weight per row of X"),
    (dict(sample_weight=[1.0, -2.0, 1, 1]), "sample_weight[1]=-2: must be at least 0"),
    (dict(sample_weight=np.zeros(4)), "sample_weight: all are 0; at least one must be above 0"),
    (dict(sample_weight=[1.0, np.inf, 1, 1]), "sample_weight[1]=inf: must be finite"),
    (dict(intercept=1), "intercept=1: must be True or False"),
    (
        dict(y=np.ones(4), loss="logistic", intercept=True),
        "y: all rows have one class, so the best intercept is infinite",
    ),
    (
        dict(y=[1, 1, -1, 1], loss="logistic", intercept=True, sample_weight=[1, 1, 0, 1]),
        "y: no row of class -1 has a weight above 0",
    ),
    (dict(y=[0, 1, 1.5, 2], loss="multinomial"), "y[2]=1.5: must be the number of a class, 0, 1, 2, ..."),
    (dict(y=[0, 1, 1, 3], loss="multinomial"), "y: no row has class 2; classes are 0, 1, 2, ..., at least two"),
    (dict(y=np.zeros(4), loss="multinomial"), "y: no row has class 1"),
    (dict(y=[0, 1, 1, 2], loss="multinomial"), "loss='multinomial': solver='coordinate descent' does not support it"),
    (
        dict(y=[0, 1, 1, 2], loss="multinomial", solver="FISTA", start=np.zeros((2, 3))),
        "start has shape (2, 3): must be (3, 2), (classes, features)",
    ),
    (dict(penalty=L1Ball(1.0)), "supports Lp, ElasticNet and GroupLasso; use 'FISTA'"),
    (
        dict(penalty=L1Ball(1.0), solver="subgradient descent"),
        "penalty=L1Ball(radius=1.0): is a bound and has no gradient",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_refusals(arguments, message):
    given = dict(X=X[:4, :2], y=[1.0, -1, 2, 0.5], penalty=Lp(0.1)) | arguments
    with pytest.raises((TypeError, ValueError)) as refusal:
        solve(given.pop("X"), given.pop("y"), given.pop("penalty"), **given)
    assert message in str(refusal.value)


def test_a_path_of_radii_is_refused():
    with pytest.raises(TypeError, match=r"L1Ball\(radius=1.0\): must be a penalty such as Lp"):
        regularization_path(X, U, L1Ball(1.0))
