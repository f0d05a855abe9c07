"""Regularization paths against scikit-learn's, and the strength at which they begin against searches."""

import math

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import enet_path, lasso_path

from workbench.solvers.paths import lambda_max, regularization_path
from workbench.solvers.penalties import ElasticNet, GroupLasso, Lp
from workbench.solvers.solve import solve

from . import rival
from .test_solvers import LOSSES, data, slope


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
@pytest.mark.parametrize("shape", [(37, 23), (23, 61)])
def test_as_scikit_learn(shape, l1_ratio, sparse):
    X, y = data(shape, density=0.5 if sparse else None)
    given = scipy.sparse.csc_matrix(X) if sparse else X
    penalty = Lp(1.0) if l1_ratio == 1 else ElasticNet(1.0, l1_ratio)
    path = regularization_path(given, y, penalty, count=17, eps=0.01, tolerance=1e-10)
    arguments = dict(eps=0.01, tol=1e-13, max_iter=1_000_000)
    if l1_ratio == 1:
        alphas, weights, _ = lasso_path(X, y, alphas=path.alphas, **arguments)
    else:
        alphas, weights, _ = enet_path(X, y, l1_ratio=l1_ratio, alphas=path.alphas, **arguments)
    assert np.array_equal(alphas, path.alphas)
    assert path.weights.shape == (17, shape[1])
    np.testing.assert_allclose(path.weights, weights.T, rtol=0, atol=1e-4)
    for alpha, objective, theirs in zip(alphas, path.objectives, weights.T, strict=True):
        pull = alpha * sum(l1_ratio * abs(w) + (1 - l1_ratio) / 2 * w * w for w in theirs.tolist())
        assert objective == pytest.approx(rival.objective(X, y, theirs, 0.0, 1.0) + pull, rel=1e-8)


def test_alphas_as_scikit_learn():
    X, y = data((37, 23))
    path = regularization_path(X, y, Lp(1.0), count=13, eps=0.02)
    theirs, _, _ = lasso_path(X, y, eps=0.02, n_alphas=13) if _old() else lasso_path(X, y, eps=0.02, alphas=13)
    np.testing.assert_allclose(path.alphas, theirs, rtol=1e-12)
    assert len(regularization_path(X, y, Lp(1.0), eps=0.5).alphas) == 100
    path = regularization_path(X, y, Lp(1.0), count=3)
    assert path.alphas[2] == pytest.approx(path.alphas[0] / 1000)


def _old():
    """Tell whether scikit-learn still calls the number of alphas n_alphas."""
    import sklearn

    return tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 9)


def test_record_fits_together():
    X, y = data((37, 23))
    path = regularization_path(X, y, Lp(1.0), alphas=[0.1, 0.3, 0.0, 0.2], tolerance=1e-8)
    assert path.alphas.tolist() == [0.3, 0.2, 0.1, 0.0]
    assert path.measures == ("duality gap",) * 3 + ("violation",)
    assert path.solver == "coordinate descent"
    assert path.converged.all()
    for k, alpha in enumerate(path.alphas):
        alone = solve(X, y, Lp(alpha), tolerance=1e-8)
        assert path.objectives[k] == pytest.approx(rival.objective(X, y, path.weights[k], alpha, 1.0), rel=1e-12)
        assert path.objectives[k] == pytest.approx(alone.objective[-1], abs=2 * alone.target + 1e-12)
        assert path.nonzeros[k] == np.count_nonzero(path.weights[k])
        assert path.optimalities[k] <= alone.target
    assert (path.seconds >= 0).all()


@pytest.mark.parametrize(
    ("solver", "loss"),
    [
        ("coordinate descent", "least squares"),
        ("coordinate descent", "logistic"),
        ("FISTA", "least squares"),
        ("FISTA", "logistic"),
        ("proximal gradient", "least squares"),
    ],
)
def test_warm_starts_take_fewer_passes(solver, loss):
    X, y = data((60, 40), loss)
    arguments = dict(loss=loss, solver=solver, count=15, eps=0.05, tolerance=1e-6)
    warm = regularization_path(X, y, Lp(1.0), **arguments)
    cold = regularization_path(X, y, Lp(1.0), warm=False, **arguments)
    np.testing.assert_allclose(warm.objectives, cold.objectives, rtol=0, atol=2e-6 * cold.objectives[0])
    assert warm.passes.sum() < cold.passes.sum()


def test_start_is_for_the_first():
    X, y = data((37, 23))
    first = solve(X, y, Lp(0.2), tolerance=1e-10)
    path = regularization_path(X, y, Lp(1.0), alphas=[0.2], start=first.weights)
    assert path.passes.tolist() == [0]
    assert np.array_equal(path.weights[0], first.weights)


# The strength at which they begin


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", [Lp(1.0), ElasticNet(1.0, 0.3), GroupLasso(1.0, 4)], ids=str)
def test_lambda_max_is_where_weights_begin(penalty, loss):
    X, y = data((37, 23), loss)
    start = lambda_max(X, y, penalty, loss)
    above = regularization_path(X, y, penalty, alphas=[start * (1 + 1e-12)], loss=loss, tolerance=1e-12)
    below = regularization_path(X, y, penalty, alphas=[start * 0.999], loss=loss, tolerance=1e-12)
    assert above.nonzeros.tolist() == [0]
    assert below.nonzeros[0] > 0
    assert lambda_max(scipy.sparse.csc_matrix(X), y, penalty, loss) == pytest.approx(start, rel=1e-12)


def test_lambda_max_by_hand():
    X, y = data((37, 23))
    g = np.abs(slope(X, y, np.zeros(23), "least squares"))
    assert lambda_max(X, y, Lp(5.0)) == pytest.approx(g.max())
    assert lambda_max(X, y, ElasticNet(5.0, 0.25)) == pytest.approx(4 * g.max())
    groups = [math.hypot(*g[at : at + 4]) for at in range(0, 23, 4)]
    assert lambda_max(X, y, GroupLasso(5.0, 4)) == pytest.approx(max(groups))
    assert lambda_max(np.zeros((5, 2)), np.ones(5), Lp(1.0, 0.5)) == 0


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 0.9])
def test_lambda_max_below_one_is_where_one_weight_alone_begins_to_help(p):
    X, y = data((37, 7))
    zero = np.zeros(7)
    start = lambda_max(X, y, Lp(1.0, p))
    nothing = rival.objective(X, y, zero, 1.0, p)
    assert rival.coordinatewise(X, y, zero, start * 1.001, p) == pytest.approx(nothing, abs=1e-12)
    assert rival.coordinatewise(X, y, zero, start * 0.98, p) < nothing - 1e-9
    assert solve(X, y, Lp(start * (1 + 1e-9), p)).nonzeros[-1] == 0
    assert solve(X, y, Lp(start * (1 - 1e-9), p)).nonzeros[-1] > 0


def test_paths_below_one_get_denser():
    X, y = data((60, 40))
    path = regularization_path(X, y, Lp(1.0, 0.5), count=12, eps=0.001, tolerance=1e-8)
    assert path.converged.all()
    assert path.measures[0] == "violation"
    assert path.nonzeros[0] == 0
    assert path.nonzeros[-1] > 4
    for k in range(0, 12, 3):
        assert rival.coordinatewise(X, y, path.weights[k], path.alphas[k], 0.5) >= path.objectives[k] - 1e-7


X3, Y3 = np.arange(12.0).reshape(4, 3), np.array([1.0, -1.0, 1.0, 2.0])
REFUSALS = [
    (dict(penalty=Lp(1.0, 2.0)), "no alpha makes all weights zero; give the alphas of a path yourself"),
    (dict(penalty=ElasticNet(1.0, 0.0)), "no alpha makes all weights zero"),
    (dict(penalty=None), "penalty=None: must be a penalty such as Lp(alpha=1.0)"),
    (dict(y=np.zeros(4)), "alphas: must be given, as X^T y is zero"),
    (dict(alphas=[]), "alphas has dtype float64 and shape (0,)"),
    (dict(alphas=[[1.0]]), "shape (1, 1): must be numbers, shape (alphas,)"),
    (dict(alphas=["a"]), "alphas has dtype <U1"),
    (dict(alphas=[0.1, -0.1]), "alphas=-0.1: must be a number of at least 0"),
    (dict(alphas=[0.1, np.nan]), "alphas=nan"),
    (dict(alphas=[0.1, np.inf]), "alphas: inf is among them; all must be finite"),
    (dict(alphas=[0.1], count=3), "count=3: cannot be combined with alphas"),
    (dict(alphas=[0.1], eps=0.1), "eps=0.1: cannot be combined with alphas"),
    (dict(count=0), "count=0: must be a whole number of at least 1"),
    (dict(eps=1.0), "eps=1.0: must be a number above 0.0 and below 1.0"),
    (dict(warm=1), "warm=1: must be True or False"),
    (dict(solver="newton"), "solver='newton': must be one of"),
    (dict(X=X3[0]), "X has shape (3,)"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSALS, ids=[message for _, message in REFUSALS])
def test_refusals(arguments, message):
    given = dict(X=X3, y=Y3, penalty=Lp(0.1)) | arguments
    with pytest.raises((TypeError, ValueError)) as refusal:
        regularization_path(given.pop("X"), given.pop("y"), given.pop("penalty"), **given)
    assert message in str(refusal.value)
