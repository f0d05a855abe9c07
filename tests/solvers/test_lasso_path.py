"""The Lasso's path from X^T X: its weights as scikit-learn's, its gaps from all rows, and where it is not taken."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import Lasso

from workbench.solvers import lasso_path as module
from workbench.solvers.lasso_path import lasso_path, pays
from workbench.solvers.paths import path_weights
from workbench.solvers.penalties import Lp
from workbench.solvers.problem import make_problem

ROWS, FEATURES = 67, 31
rng = np.random.default_rng(3)
X = rng.normal(1.0, 2.0, (ROWS, FEATURES)) * (rng.random((ROWS, FEATURES)) < 0.08)
X[:, 4] = 0.0
Y = X[:, :3] @ [2.0, -3.0, 1.0] + rng.normal(5.0, 0.4, ROWS)
COUNTS = np.arange(ROWS) % 3 + 0.5
ALPHAS = np.geomspace(0.5, 0.005, 7)
WAVE = 2 * np.cos(np.arange(ROWS))
SPOILT = {"a constant column": np.full(ROWS, 3.0), "a large mean": WAVE + 1e4, "a huge mean": WAVE + 1e9}
KINDS = {"dense": np.asfortranarray, "sparse": scipy.sparse.csc_array, "few rows": lambda x: np.array(x[:17])}


def rows_gap(x, y, counts, intercept, alpha, w):
    """Return the duality gap in units of the objective at zero weights, from all rows."""
    shares = counts / counts.mean()
    if intercept:
        x, y = x - shares @ x / len(y), y - shares @ y / len(y)
    x, y = np.sqrt(shares)[:, None] * x, np.sqrt(shares) * y
    residual = y - x @ w
    dual = residual * min(1.0, len(y) * alpha / np.abs(x.T @ residual).max())
    above = residual @ residual / 2 + len(y) * alpha * np.abs(w).sum()
    return (above - (y @ y - (y - dual) @ (y - dual)) / 2) / (y @ y / 2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_and_gaps(kind, intercept, weighted):
    x = KINDS[kind](X)
    y, counts = Y[: x.shape[0]], COUNTS[: x.shape[0]] if weighted else None
    problem = make_problem(x, y, Lp(1.0), "least squares", intercept, counts)
    assert pays(problem, ALPHAS, 1e-12)
    tight, gaps = lasso_path(problem, ALPHAS, 1e-12, 1000)
    assert gaps.max() <= 1e-12
    for alpha, found in zip(ALPHAS, tight, strict=True):
        model = Lasso(alpha, fit_intercept=intercept, tol=1e-14, max_iter=100_000).fit(x, y, counts)
        np.testing.assert_allclose(found, model.coef_, rtol=0, atol=1e-5)
    plain, rows = x.toarray() if kind == "sparse" else x, np.ones(len(y)) if counts is None else counts
    loose, gaps = lasso_path(problem, ALPHAS, 1e-2, 1000)
    assert 1e-6 < gaps.max() <= 1e-2
    for alpha, found, gap in zip(ALPHAS, loose, gaps, strict=True):
        assert gap == pytest.approx(rows_gap(plain, y, rows, intercept, alpha, found), rel=1e-6, abs=1e-13)


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_column_whose_mean_hides_its_digits(kind, spoil):
    x = np.column_stack([X, SPOILT[spoil]])
    problem = make_problem(KINDS[kind](x), Y, Lp(1.0), "least squares", True)
    assert pays(problem, ALPHAS, 1e-9)
    found, gaps = lasso_path(problem, ALPHAS, 1e-9, 1000)
    assert gaps.max() <= 1e-9
    model = Lasso(ALPHAS[-1], tol=1e-12, max_iter=100_000).fit(
        np.column_stack([X, SPOILT[spoil] - SPOILT[spoil][0]]), Y
    )
    np.testing.assert_allclose(found[-1], model.coef_, rtol=0, atol=1e-3)
    np.testing.assert_allclose(
        x @ found[-1] + problem.intercept(found[-1]),
        x @ model.coef_ + model.intercept_ - SPOILT[spoil][0] * model.coef_[-1],
        rtol=0,
        atol=1e-2,
    )


@pytest.mark.parametrize("spoil", ["alpha 0", "a tiny tolerance", "one alpha"])
def test_where_it_is_not_taken(spoil, monkeypatch):
    x, alphas, tolerance = X.copy(), ALPHAS, 1e-9
    if spoil == "alpha 0":
        alphas = np.append(ALPHAS, 0.0)
    elif spoil == "one alpha":
        alphas = ALPHAS[-1:]
    else:
        tolerance = 1e-15
    monkeypatch.setattr(module.coordinate_loops, "lasso_path", lambda *arguments: pytest.fail("taken"))
    how = dict(intercept=True, sample_weight=None, solver="coordinate descent", max_iterations=1000)
    sparse = scipy.sparse.csc_array(x)
    weights, intercepts, converged = path_weights(sparse, Y, Lp(1.0), alphas=alphas, tolerance=tolerance, **how)
    assert weights.shape == (alphas.size, FEATURES)
    assert converged[: ALPHAS.size].all()
    model = Lasso(ALPHAS[-1], tol=1e-12, max_iter=100_000).fit(x, Y)
    last = min(ALPHAS.size, alphas.size) - 1
    np.testing.assert_allclose(weights[last], model.coef_, rtol=0, atol=1e-3)
    np.testing.assert_allclose(x @ weights[last] + intercepts[last], model.predict(x), rtol=0, atol=1e-2)


def test_where_the_limit_ends_it_the_usual_way_begins_anew():
    how = dict(intercept=True, sample_weight=None, solver="coordinate descent", tolerance=1e-9)
    problem = make_problem(X, Y, Lp(1.0), "least squares", True)
    assert lasso_path(problem, ALPHAS, 1e-9, 0)[1].max() > 1e-3
    weights, intercepts, converged = path_weights(X, Y, Lp(1.0), alphas=ALPHAS, max_iterations=0, **how)
    assert (weights.any(), converged[-1], intercepts[0]) == (False, False, pytest.approx(Y.mean()))
    full, _, converged = path_weights(X, Y, Lp(1.0), alphas=ALPHAS, max_iterations=1000, **how)
    assert converged.all()
    assert full.any()
