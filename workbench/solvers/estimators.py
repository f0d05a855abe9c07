"""Linear models with an Lp penalty as estimators of scikit-learn, which the extras `notebooks` and `sweep` bring.

    LpRegressor      1/(2n) |y - X w - b|^2 + alpha sum |w_j|^p
    LpClassifier     mean log loss + alpha sum |w_j|^p, for two or more classes
    LpRegressorCV    LpRegressor with alpha and p chosen by cross-validation

For p = 1, `alpha` means what it means for scikit-learn's Lasso. For p = 2, the penalty is that of Ridge(2 n alpha):
Ridge multiplies the whole objective by 2 n. The log loss is a mean over rows, so alpha = 1 / (n C) for the C of
LogisticRegression. With sample weights, n is their sum.

For p >= 1 the objective is convex, and `tol` bounds the duality gap: the objective is at most `tol` times the objective
at zero weights above its minimum. scikit-learn's Lasso allows twice this gap for the same `tol`.

For p < 1 the objective has many local minima, and no solver finds the lowest for sure. The fit ends at a stationary
point: no step of the proximal operator changes a weight by more than `tol` allows. For coordinate descent and least
squares, no weight can lower the objective alone. Which of these points is found depends on the start. A fit starts at
zero weights, or with `warm_start=True` at the last fit's. A path from a large alpha to a small one, each fit started at
the last, is the usual choice; LpRegressorCV and `workbench.solvers.paths.regularization_path` take it. Weights have no
scale of their own in a penalty: standardize the features first, as with a pipeline.
"""

import dataclasses
import numbers
import warnings
from typing import Any

import numpy as np

from workbench.lazily import naming_the_extra
from workbench.solvers.paths import COUNT, EPS, lambda_max, path_weights, regularization_path
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

with naming_the_extra():
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import check_cv
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

SPARSE = ("csr", "csc")
FINAL = 1e-12  # tolerance of the last fit of a cross-validation, which costs little beside all others


class _LpModel(BaseEstimator):
    """What the estimators share: checks of X, and predictions of a fitted model."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _decide(self, X: Any) -> np.ndarray:
        """Return X w + b, shape (n,), or (n, classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=SPARSE, dtype=np.float64, reset=False)
        return np.asarray(X @ self.coef_.T + self.intercept_)

    def _solve(self, X: Any, y: np.ndarray, loss: str, sample_weight: Any, solver: str) -> tuple[np.ndarray, Any]:
        """Return the weights and the intercept of a fit; warn if it has not converged."""
        start = getattr(self, "coef_", None) if self.warm_start else None
        found = solve(
            X,
            y,
            Lp(self.alpha, self.p),
            loss=loss,
            solver=solver,
            tolerance=self.tol,
            max_iterations=self.max_iter,
            start=start[0] if start is not None and loss == "logistic" else start,
            intercept=self.fit_intercept,
            sample_weight=sample_weight,
        )
        self.n_iter_ = max(found.iterations, 1)
        if not found.converged:
            _warn(self.max_iter, f"a {found.measure} of {found.optimality[-1]:.3g}, above {found.target:.3g}")
        return found.weights, found.intercept


class LpRegressor(RegressorMixin, _LpModel):
    """Least squares with an Lp penalty: 1/(2n) |y - X w - b|^2 + alpha sum |w_j|^p.

    X is an array, or a `scipy.sparse` CSR or CSC matrix, and stays sparse. Computations are in float64.

    Args:
        alpha: strength of the penalty, at least 0.
        p: exponent, at least 0; 1 is the Lasso, and 0 counts the weights that are not zero.
        fit_intercept: whether to fit b, which is not penalized.
        max_iter: iterations at most; after that a ConvergenceWarning is given.
        tol: when to stop; see this module's docstring.
        warm_start: whether a fit starts from the last fit's weights; for p < 1 the start decides where it ends.
        solver: "coordinate descent", "FISTA" or "proximal gradient".

    Attributes:
        coef_: w, shape (features,).
        intercept_: b, or 0.0.
        n_iter_: iterations of the solver; 1 also where the start is the solution.
        n_features_in_, feature_names_in_: number of features, and their names if X has names.

    Raises (by `fit`):
        TypeError: an argument has the wrong type.
        ValueError: an argument, X, y or sample_weight is outside its range.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        p: float = 1.0,
        *,
        fit_intercept: bool = True,
        max_iter: int = 10_000,
        tol: float = 1e-6,
        warm_start: bool = False,
        solver: str = "coordinate descent",
    ) -> None:
        self.alpha = alpha
        self.p = p
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.solver = solver

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LpRegressor":
        """Fit the weights; sample_weight, shape (n,), says how often each row counts."""
        X, y, sample_weight = _checked(self, X, y, sample_weight, y_numeric=True)
        self.coef_, self.intercept_ = self._solve(X, y, "least squares", sample_weight, self.solver)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return X w + b, shape (n,)."""
        return self._decide(X)


class LpClassifier(ClassifierMixin, _LpModel):
    """Logistic or multinomial regression with an Lp penalty: mean log loss + alpha sum |w_j|^p over all weights.

    Two classes share one vector of weights. More classes have one each, and their chances are a softmax.

    Args:
        alpha, p, fit_intercept, max_iter, tol, warm_start: as for `LpRegressor`.
        solver: as for `LpRegressor`; "auto" is coordinate descent for two classes, else FISTA, because coordinate
            descent has no multinomial loss.

    Attributes:
        classes_: the labels, sorted.
        coef_: shape (1, features) for two classes, else (classes, features).
        intercept_: shape (1,) or (classes,).
        n_iter_, n_features_in_, feature_names_in_: as for `LpRegressor`.
    """

    def __init__(
        self,
        alpha: float = 0.01,
        p: float = 1.0,
        *,
        fit_intercept: bool = True,
        max_iter: int = 10_000,
        tol: float = 1e-6,
        warm_start: bool = False,
        solver: str = "auto",
    ) -> None:
        self.alpha = alpha
        self.p = p
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.solver = solver

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LpClassifier":
        """Fit the weights; sample_weight, shape (n,), says how often each row counts."""
        X, y, sample_weight = _checked(self, X, y, sample_weight)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y: there is only one class, {self.classes_[0]!r}; a classifier needs at least two classes"
            )
        two = len(self.classes_) == 2
        solver = ("coordinate descent" if two else "FISTA") if self.solver == "auto" else self.solver
        targets, loss = (2.0 * numbers - 1, "logistic") if two else (numbers, "multinomial")
        weights, intercept = self._solve(X, targets, loss, sample_weight, solver)
        self.coef_ = weights.reshape(-1, X.shape[1])
        self.intercept_ = np.atleast_1d(intercept)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the log odds: of the second class, shape (n,), or of all classes, shape (n, classes)."""
        odds = self._decide(X)
        return odds[:, 0] if len(self.classes_) == 2 else odds

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest class of each row, shape (n,)."""
        odds = self.decision_function(X)
        return self.classes_[(odds > 0).astype(int) if odds.ndim == 1 else odds.argmax(axis=1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, shape (n, classes)."""
        from scipy.special import expit, softmax

        odds = self.decision_function(X)
        return np.column_stack([expit(-odds), expit(odds)]) if odds.ndim == 1 else softmax(odds, axis=1)


class LpRegressorCV(RegressorMixin, _LpModel):
    """`LpRegressor` with the alpha and the p that have the least squared error in cross-validation.

    Each fold's solutions are a path from the largest alpha down, each started at the one before. So is the final fit
    for p < 1, which ends at the point that the path leads to.

    Args:
        p: one exponent, or several to choose from.
        alphas: number of alphas for each p, from the least alpha for which all weights are 0 down to `eps` times it; or
            the alphas themselves, which p > 1 needs.
        eps: least alpha as a share of the largest.
        cv: folds, as everywhere in scikit-learn: a number, a splitter or a list of splits; None is five folds.
        fit_intercept, max_iter, tol, solver: as for `LpRegressor`.

    Attributes:
        alpha_, p_: the choice.
        alphas_: shape (exponents, alphas), decreasing.
        mse_path_: mean squared error on the held-out rows, shape (exponents, alphas, folds).
        coef_, intercept_, n_iter_, n_features_in_, feature_names_in_: of the final fit, as for `LpRegressor`.
    """

    def __init__(
        self,
        p: Any = 1.0,
        *,
        alphas: Any = 100,
        eps: float = 1e-3,
        cv: Any = None,
        fit_intercept: bool = True,
        max_iter: int = 10_000,
        tol: float = 1e-6,
        solver: str = "coordinate descent",
    ) -> None:
        self.p = p
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "LpRegressorCV":
        """Choose alpha and p, and fit the weights to all rows; sample_weight also weighs the errors."""
        X, y, sample_weight = _checked(self, X, y, sample_weight, y_numeric=True)
        splits = list(check_cv(self.cv).split(X, y))
        exponents = np.atleast_1d(np.asarray(self.p)).tolist()
        if not exponents:
            raise ValueError(f"p={self.p!r}: must be a number or a list of numbers, the exponents to choose from")
        self.alphas_ = np.array([self._strengths(X, y, sample_weight, p) for p in exponents])
        self.mse_path_ = np.empty((*self.alphas_.shape, len(splits)))
        sizes = np.empty(len(splits))
        rows = X.tocsr() if hasattr(X, "tocsr") else X
        for k, (train, test) in enumerate(splits):
            weights = None if sample_weight is None else sample_weight[test]
            sizes[k] = len(test) if weights is None else weights.sum()
            for i, p in enumerate(exponents):
                how = self._how(sample_weight, train)
                found, intercepts, converged = path_weights(
                    rows[train], y[train], Lp(1.0, p), alphas=self.alphas_[i], **how
                )
                self._warn_unless(converged, p)
                wrong = rows[test] @ found.T + intercepts - y[test, None]
                self.mse_path_[i, :, k] = np.average(wrong**2, axis=0, weights=weights)
        means = np.average(self.mse_path_, axis=2, weights=None if sample_weight is None else sizes)
        i, best = np.unravel_index(means.argmin(), means.shape)
        self.alpha_, self.p_ = float(self.alphas_[i, best]), float(exponents[i])
        passed = self.alphas_[i, best if self.p_ >= 1 else 0 : best + 1]  # a convex fit needs no path
        how = self._how(sample_weight, slice(None)) | {"tolerance": min(self.tol, FINAL)}
        path = regularization_path(X, y, Lp(1.0, self.p_), alphas=passed, **how)
        self._warn_unless(path.converged, self.p_)
        self.coef_, self.intercept_, self.n_iter_ = path.weights[-1], path.intercepts[-1], max(int(path.passes[-1]), 1)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return X w + b, shape (n,)."""
        return self._decide(X)

    def _strengths(self, X: Any, y: np.ndarray, sample_weight: Any, p: float) -> np.ndarray:
        if not isinstance(self.alphas, numbers.Integral):
            return np.sort(np.asarray(self.alphas, float))[::-1]
        count, eps = dataclasses.replace(COUNT, name="alphas").check(self.alphas), EPS.check(self.eps)
        largest = lambda_max(X, y, Lp(1.0, p), intercept=self.fit_intercept, sample_weight=sample_weight)
        return (largest or 1.0) * np.geomspace(1, eps, count)

    def _how(self, sample_weight: Any, rows: Any) -> dict[str, Any]:
        return {
            "intercept": self.fit_intercept,
            "sample_weight": None if sample_weight is None else sample_weight[rows],
            "solver": self.solver,
            "tolerance": self.tol,
            "max_iterations": self.max_iter,
        }

    def _warn_unless(self, converged: np.ndarray, p: float) -> None:
        if not converged.all():
            _warn(self.max_iter, f"{np.count_nonzero(~converged)} of {converged.size} alphas with p={p:g}")


def _checked(model: Any, X: Any, y: Any, sample_weight: Any, **how: Any) -> tuple[Any, np.ndarray, Any]:
    """Return X, y and sample_weight as arrays of float64, y as it is for a classifier."""
    X, y = validate_data(model, X, y, accept_sparse=SPARSE, dtype=np.float64, **how)
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
    return X, y, sample_weight


def _warn(max_iter: int, what: str) -> None:
    words = f"{what}: not converged in max_iter={max_iter} iterations; raise it, raise tol, or standardize the features"
    warnings.warn(words, ConvergenceWarning, stacklevel=4)
