"""Functions for sweeps: they score hyperparameters of LRN and of sparse Lp by cross-validation.

    workbench sweep workbench.experiments.tuning:lrn_on_digits -p alpha=1e-3..1e3:log -p beta=0..1
    workbench sweep workbench.experiments.tuning:sparse_lp_on_breast_cancer -p alpha=1e-4..0.3:log -p p=0.3..2

Each function returns the scores of all folds by metric; a sweep computes their mean and standard deviation. The
function with the suffix `_apart` takes the same arguments but ignores `folds` and `reports`. After each fold, a
function reports to the trial what its pruner needs. Optuna's median and successive halving pruners compare values at
the same step as estimates of the final one, so they need the mean so far ("mean"). Its Wilcoxon pruner tests the
differences to the best trial fold by fold, so it needs each fold's own score ("fold"): means are not independent.
"""

import functools
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from workbench.data import tuning_data
from workbench.lrn import local_response_norm
from workbench.operator import checked_choice
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve
from workbench.sparse_lp import sparse_lp
from workbench.sweep.trial import Trial

CLASSIFIER_TOLERANCE = 1e-3  # a fifth of the iterations of 1e-5; for C <= 10 the loss is within a few percent
CLASSIFIER_ITERATIONS = 500
SOLVER_TOLERANCE = 1e-4
KEPT = 4096  # scores of folds; seeds of a grid, samplers that begin alike and pruners try the same trials again

Scores = dict[str, list[float]]
Losses = np.ndarray  # one loss for each example


def lrn_on_digits(
    size: Annotated[int, "channels in a window of LRN, odd [1 .. 15]"] = 5,
    alpha: Annotated[float, "strength of LRN [0 .. 1e6]"] = 1.0,
    beta: Annotated[float, "exponent of LRN [0 .. 4]"] = 0.75,
    bias: Annotated[float, "constant of LRN [1e-6 .. 1e6]"] = 1.0,
    C: Annotated[float, "inverse strength of the classifier's L2 penalty [1e-6 .. 10]"] = 1.0,
    contrast: Annotated[float, "spread of the logarithm of the digits' contrasts [0 .. 3]"] = 0.0,
    folds: Annotated[int, "folds of the cross-validation [2 .. 20]"] = 5,
    reports: Annotated[str, "what a pruner is told after each fold [mean | fold]"] = "mean",
    trial: Trial | None = None,
) -> Scores:
    """Cross-validate fixed filters, rectification, LRN, pooling and multinomial logistic regression on 300 digits.

    The features of each fold are centered and divided by one number, their standard deviation on the training examples.
    The effect of LRN on their scale, for which C could otherwise compensate, is thus not part of the result, and only
    the ratio of alpha and bias matters.

    Returns:
        "loss" and "error" of each fold: the mean log loss, and the share of wrong answers.

    Raises:
        optuna.TrialPruned: the trial's pruner stops the trial after a fold other than the last.
        ValueError: `reports` is neither "mean" nor "fold", or an argument of LRN or of the penalty is not allowed.
    """
    of_lrn = (size, alpha, beta, bias, contrast)
    return _cross_validate(lambda fold: _digits_scores(fold, folds, C, of_lrn), folds, reports, trial)


def lrn_on_digits_apart(
    size: int = 5,
    alpha: float = 1.0,
    beta: float = 0.75,
    bias: float = 1.0,
    C: float = 1.0,
    contrast: float = 0.0,
    **of_the_folds: Any,
) -> Losses:
    """Return the log loss of each of the 1497 digits kept apart, after training on all digits of the folds."""
    places, targets = tuning_data.digits_parts(), tuning_data.digits_targets()
    X, X_apart = (_lrn_features(each, size, alpha, beta, bias, contrast) for each in (places.folds, places.apart))
    return _classify(X, targets[places.folds], X_apart, targets[places.apart], C)[0]


def sparse_lp_on_breast_cancer(
    alpha: Annotated[float, "strength of the penalty [0 .. 10]"] = 0.01,
    p: Annotated[float, "exponent of the penalty [0 .. 4]"] = 1.0,
    sparsity_threshold: Annotated[float, "weights up to this size become zero at the end [0 .. 10]"] = 0.0,
    folds: Annotated[int, "folds of the cross-validation [2 .. 20]"] = 10,
    reports: Annotated[str, "what a pruner is told after each fold [mean | fold]"] = "mean",
    trial: Trial | None = None,
) -> Scores:
    """Cross-validate logistic regression with the penalty alpha sum |w|^p on 300 of the breast cancer examples.

    Coordinate descent solves it, for p < 1 from the Lasso's solution; then `sparse_lp` applies the threshold.

    Returns:
        "loss", "error" and "nonzeros" of each fold: the mean log loss, the share of wrong answers, and the number of
        weights that are not zero. The function raises the same errors as `lrn_on_digits`.
    """
    of_lp = (alpha, p, sparsity_threshold)
    return _cross_validate(lambda fold: _cancer_scores(fold, folds, *of_lp), folds, reports, trial)


def sparse_lp_on_breast_cancer_apart(
    alpha: float = 0.01, p: float = 1.0, sparsity_threshold: float = 0.0, **of_the_folds: Any
) -> Losses:
    """Return the log loss of each of the 269 examples kept apart, after training on all examples of the folds."""
    fold = tuning_data.cancer_apart()
    with _one_thread():
        return _logistic_losses(fold, _sparse_weights(fold, alpha, p, sparsity_threshold))


def _cross_validate(score: Callable[[int], dict[str, float]], folds: int, reports: str, trial: Trial | None) -> Scores:
    checked_choice("reports", reports, ("mean", "fold"))
    scores: Scores = {}
    for step in range(folds):
        with _one_thread():
            for name, value in score(step).items():
                scores.setdefault(name, []).append(value)
        if trial is not None:
            losses = scores["loss"]
            trial.report(losses[-1] if reports == "fold" else float(np.mean(losses)), step)
            if step + 1 < folds and trial.should_prune():  # pruning after the last fold saves nothing
                from optuna import TrialPruned

                raise TrialPruned
    return scores


@functools.lru_cache(maxsize=KEPT)
def _digits_scores(fold: int, folds: int, C: float, of_lrn: tuple) -> dict[str, float]:
    X, (y, places) = _folds_features(*of_lrn), _digits_folds(folds)
    training, left_out = places[fold]
    losses, wrong = _classify(X[training], y[training], X[left_out], y[left_out], C)
    return {"loss": float(losses.mean()), "error": float(wrong.mean())}


@functools.lru_cache(maxsize=KEPT)
def _cancer_scores(fold: int, folds: int, alpha: float, p: float, sparsity_threshold: float) -> dict[str, float]:
    examples = tuning_data.cancer_folds(folds)[fold]
    weights = _sparse_weights(examples, alpha, p, sparsity_threshold)
    losses = _logistic_losses(examples, weights)
    wrong = losses >= np.log(2)
    return {"loss": float(losses.mean()), "error": float(wrong.mean()), "nonzeros": float(np.sum(weights != 0))}


@functools.cache
def _digits_folds(folds: int) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    y = tuning_data.digits_targets()[tuning_data.digits_parts().folds]
    return y, tuning_data.fold_places(y, folds)


@functools.lru_cache(maxsize=1)  # for the folds of one trial
def _folds_features(*of_lrn: Any) -> np.ndarray:
    return _lrn_features(tuning_data.digits_parts().folds, *of_lrn)


def _lrn_features(places: np.ndarray, size: int, alpha: float, beta: float, bias: float, contrast: float) -> np.ndarray:
    maps = tuning_data.digits_maps(places, contrast)
    return tuning_data.pooled(local_response_norm(maps, size=size, alpha=alpha, beta=beta, bias=bias))


def _classify(
    X: np.ndarray, y: np.ndarray, X_left_out: np.ndarray, y_left_out: np.ndarray, C: float
) -> tuple[Losses, np.ndarray]:
    """Return the log loss of each left-out example, and whether the predicted class is wrong."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = X.mean(axis=0), X.std()
    model = LogisticRegression(C=C, tol=CLASSIFIER_TOLERANCE, max_iter=CLASSIFIER_ITERATIONS)
    with _one_thread():
        model.fit((X - mean) / spread, y)
        log_shares = model.predict_log_proba((X_left_out - mean) / spread)
    right = np.searchsorted(model.classes_, y_left_out)
    return -log_shares[np.arange(len(right)), right], log_shares.argmax(axis=1) != right


def _sparse_weights(fold: tuning_data.Fold, alpha: float, p: float, sparsity_threshold: float) -> np.ndarray:
    how = {"loss": "logistic", "tolerance": SOLVER_TOLERANCE}
    start = solve(fold.X, fold.y, Lp(alpha), **how).weights if p < 1 else None  # from zero they stay nearer to zero
    weights = solve(fold.X, fold.y, Lp(alpha, p), start=start, **how).weights
    sparse_lp(weights, alpha, p, sparsity_threshold)
    return weights


def _logistic_losses(fold: tuning_data.Fold, weights: np.ndarray) -> Losses:
    return np.logaddexp(0, -fold.y_left_out * (fold.X_left_out @ weights))


@functools.cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _one_thread() -> Any:
    """Limit linear algebra to one thread: the matrices are small, and another order of sums rounds differently."""
    return _libraries().limit(limits=1)
