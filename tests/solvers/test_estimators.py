"""The estimators: scikit-learn's own checks, its estimators, a path by hand, all supports, and what goes wrong."""

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LassoCV, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from workbench.solvers import LpClassifier, LpRegressor, LpRegressorCV
from workbench.solvers.paths import lambda_max
from workbench.solvers.penalties import Lp

from . import rival

rng = np.random.default_rng(4)
X = rng.normal(size=(53, 5)) + rng.normal(size=(53, 1)) + 2
Y = X @ [2.0, 0.0, -1.5, 0.0, 0.1] + 0.3 * rng.normal(size=53) + 7
WEIGHTS = rng.integers(0, 4, 53)


@parametrize_with_checks([LpRegressor(), LpClassifier(max_iter=30), LpRegressorCV(alphas=7, cv=3)])
def test_scikit_learn_accepts_it(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("kind", [np.array, np.float32, scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_lasso_and_ridge(kind, intercept, weights):
    given = kind(X)
    total = len(Y) if weights is None else weights.sum()
    models = {
        1.0: Lasso(0.2, fit_intercept=intercept, tol=1e-12 if given.dtype == np.float64 else 1e-7, max_iter=100_000),
        2.0: Ridge(2 * total * 0.2, fit_intercept=intercept, tol=1e-14),
    }
    for p, model in models.items():
        model.fit(given, Y, sample_weight=weights)
        ours = LpRegressor(0.2, p, fit_intercept=intercept, tol=1e-12).fit(given, Y, sample_weight=weights)
        slack = 1e-4 if given.dtype == np.float32 else 1e-6  # scikit-learn computes in float32 too
        np.testing.assert_allclose(ours.coef_, model.coef_, rtol=0, atol=slack)
        assert ours.intercept_ == pytest.approx(model.intercept_, abs=10 * slack)
        np.testing.assert_allclose(ours.predict(given), model.predict(given), rtol=0, atol=10 * slack)
        assert ours.score(given, Y) == pytest.approx(model.score(given, Y), abs=slack)


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([7, 3, 5])], ids=["two", "three"])
def test_logistic_regression(labels):
    y = labels[np.digitize(Y, np.quantile(Y, [0.5] if len(labels) == 2 else [0.3, 0.6]))]
    scaled = StandardScaler().fit_transform(X)
    model = LogisticRegression(C=1 / (2 * 0.02 * len(y)), tol=1e-10, max_iter=10_000).fit(scaled, y)  # C/2 w^2
    ours = LpClassifier(0.02, 2.0, tol=1e-12).fit(scaled, y)
    assert ours.classes_.tolist() == sorted(labels.tolist())
    assert ours.coef_.shape == model.coef_.shape
    np.testing.assert_allclose(ours.coef_, model.coef_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(ours.decision_function(scaled), model.decision_function(scaled), rtol=0, atol=1e-3)
    np.testing.assert_allclose(ours.predict_proba(scaled), model.predict_proba(scaled), rtol=0, atol=1e-4)
    assert np.array_equal(ours.predict(scaled), model.predict(scaled))


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_matrix])
def test_cross_validation_as_lasso_cv(kind, weights):
    given, alphas = kind(X), np.geomspace(1.0, 0.01, 9)
    model = LassoCV(alphas=alphas, cv=KFold(4), tol=1e-10, max_iter=100_000).fit(given, Y, sample_weight=weights)
    ours = LpRegressorCV(alphas=alphas, cv=KFold(4), tol=1e-10).fit(given, Y, sample_weight=weights)
    np.testing.assert_allclose(ours.mse_path_[0], model.mse_path_, rtol=1e-4)
    assert ours.alpha_ == model.alpha_
    assert ours.alphas_.tolist() == [model.alphas_.tolist()]
    np.testing.assert_allclose(ours.coef_, model.coef_, rtol=0, atol=1e-5)
    assert ours.intercept_ == pytest.approx(model.intercept_, abs=1e-5)


def test_cross_validation_over_exponents_by_hand():
    splits = [(np.arange(20, 53), np.arange(20)), (np.arange(33), np.arange(33, 53))]
    ours = LpRegressorCV([1.0, 0.5], alphas=6, eps=0.05, cv=splits, tol=1e-10).fit(X, Y)
    assert ours.mse_path_.shape == (2, 6, 2)
    for i, p in enumerate((1.0, 0.5)):
        assert ours.alphas_[i, 0] == lambda_max(X, Y, Lp(1.0, p), intercept=True)
        for k, (train, test) in enumerate(splits):
            model = LpRegressor(p=p, tol=1e-10, warm_start=True)
            for a, alpha in enumerate(ours.alphas_[i]):
                model.set_params(alpha=float(alpha)).fit(X[train], Y[train])
                error = np.mean((Y[test] - model.predict(X[test])) ** 2)
                assert ours.mse_path_[i, a, k] == pytest.approx(error, rel=1e-4)
    means = ours.mse_path_.mean(axis=2)
    assert (
        means.min()
        == means[[1.0, 0.5].index(ours.p_), ours.alphas_.tolist()[[1.0, 0.5].index(ours.p_)].index(ours.alpha_)]
    )


def test_half_against_the_best_of_all_supports():
    centred, y = X - X.mean(axis=0), Y - Y.mean()
    best = rival.exhaustive(centred, y, 0.1, 0.5)
    found = LpRegressor(0.1, 0.5, tol=1e-10).fit(X, Y)
    assert 0 < np.count_nonzero(found.coef_) < 5
    assert rival.objective(centred, y, found.coef_, 0.1, 0.5) == pytest.approx(best, abs=1e-9)
    assert found.intercept_ == pytest.approx(np.mean(Y - X @ found.coef_))


def test_warm_starts_continue_where_the_last_fit_ended():
    model = LpRegressor(0.05, 0.5, warm_start=True).fit(X, Y)
    cold = model.n_iter_
    assert model.fit(X, Y).n_iter_ == 1 < cold
    labels = np.median(Y) < Y
    two = LpClassifier(0.05, warm_start=True).fit(X, labels)
    assert two.fit(X, labels).n_iter_ == 1
    three = LpClassifier(0.05, warm_start=True, tol=1e-4).fit(X, np.digitize(Y, [6, 9]))
    assert three.fit(X, np.digitize(Y, [6, 9])).n_iter_ < 5


def test_in_pipelines_and_searches():
    data, target = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LpClassifier())
    grid = {"lpclassifier__p": [1.0, 0.5], "lpclassifier__alpha": [0.01, 0.03]}
    search = GridSearchCV(model, grid, cv=3).fit(data, target)
    assert search.best_score_ > 0.95
    again = pickle.loads(pickle.dumps(clone(search.best_estimator_).fit(data, target)))
    assert np.array_equal(again.predict(data), search.predict(data))


def test_names_of_features_are_kept():
    pandas = pytest.importorskip("pandas")
    model = LpRegressor().fit(pandas.DataFrame(X, columns=list("abcde")), Y)
    assert model.feature_names_in_.tolist() == list("abcde")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LpRegressor(1e-4, max_iter=1, solver="FISTA"), "a duality gap of .* not converged in max_iter=1 iterations"),
        (
            LpRegressorCV(alphas=4, cv=2, max_iter=1, solver="FISTA"),
            "of 4 alphas with p=1: not converged in max_iter=1",
        ),
    ],
)
def test_what_has_not_converged_is_said(model, message):
    with pytest.warns(ConvergenceWarning, match=message):
        model.fit(X, Y)


REFUSALS = [
    (LpRegressor(alpha=-1.0), Y, "alpha=-1.0: must be a number of at least 0"),
    (LpRegressor(p=-1.0), Y, "p=-1.0: must be a number of at least 0"),
    (LpRegressor(solver="newton"), Y, "solver='newton': must be one of"),
    (LpRegressorCV(p=2.0), Y, "no alpha makes all weights zero; give the alphas"),
    (LpRegressorCV(alphas=0), Y, "alphas=0: must be a whole number of at least 1"),
    (LpRegressorCV(eps=2.0), Y, "eps=2.0: must be a number above 0.0 and below 1.0"),
    (LpRegressorCV(alphas=[0.1, -0.1]), Y, "alphas=-0.1: must be a number of at least 0"),
    (LpRegressorCV(p=[]), Y, "p=[]: must be a number or a list of numbers"),
    (LpClassifier(), np.ones(53), "y: there is only one class"),
    (LpClassifier(), Y, "Unknown label type: continuous"),
]


@pytest.mark.parametrize(("model", "y", "message"), REFUSALS, ids=[message for _, _, message in REFUSALS])
def test_refusals(model, y, message):
    with pytest.raises((TypeError, ValueError)) as refusal:
        model.fit(X, y)
    assert message in str(refusal.value)


def test_only_the_estimators_need_scikit_learn():
    script = (
        "import sys; import workbench.solvers, workbench.solvers.paths; print('sklearn' in sys.modules)\n"
        "sys.modules['sklearn'] = None\n"
        "try:\n    from workbench.solvers import LpRegressor\nexcept ModuleNotFoundError as error:\n    print(error)"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert finished.stdout.splitlines() == [
        "False",
        "sklearn is not installed; get it with: pip install 'operator-workbench[notebooks]'",
    ], finished.stderr
