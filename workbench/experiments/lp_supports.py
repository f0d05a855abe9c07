"""Experiments on which weights sparse Lp keeps: those of features that matter, and the same ones for other samples?

In a world of pairs, each feature has a twin, with which it is correlated; six features matter, and their twins do not.
"""

from typing import Any, NamedTuple

import numpy as np

from workbench.experiments import linear_tasks, sparse_truths
from workbench.experiments.linear_tasks import Examples, cut, error, path, strengths
from workbench.operator import checked_choice
from workbench.solvers.penalties import Lp, Penalty

ROWS, PAIRS = 80, 60
FOLDS, BOOTSTRAPS = 5, 50
STRENGTHS = 15
APPROACH = 4  # strengths on the way to the one that was chosen: for p < 1, a solver that starts at zero may stay there
CS = np.geomspace(1e-3, 1, 7)  # inverse strengths of L2
REPEATS = 10  # permutations of each feature
KEEPERS = {"p = 1/2": 0.5, "p = 1": 1.0, "p = 2 and a threshold": 2.0}


class Chosen(NamedTuple):
    """What cross-validation chose: penalties, the last of which counts, and a threshold for its weights."""

    penalties: list[Penalty]
    threshold: float


def world_of_pairs(seed: int, correlation: float) -> tuple[Examples, np.ndarray]:
    """Return 80 examples of 120 features, and which features matter; feature j and feature j + 60 are twins."""
    rng = np.random.default_rng(seed)
    own, shared = rng.normal(size=(ROWS, 2, PAIRS)), rng.normal(size=(ROWS, 1, PAIRS))
    X = (np.sqrt(1 - correlation) * own + np.sqrt(correlation) * shared).reshape(ROWS, 2 * PAIRS)
    matters = np.arange(2 * PAIRS) < sparse_truths.RELEVANT
    true = np.where(matters, rng.choice([-1.0, 1.0], 2 * PAIRS), 0.0) / np.sqrt(sparse_truths.RELEVANT)
    return (X, X @ true + sparse_truths.NOISE * rng.normal(size=ROWS)), matters


def what_is_kept(seed: int, data: str, **settings: Any) -> dict[str, float]:
    """Return `kept_of_tumours` for "breast cancer", and `kept_in_pairs` for "pairs"."""
    checked_choice("data", data, ("breast cancer", "pairs"))
    return kept_of_tumours(seed) if data == "breast cancer" else kept_in_pairs(seed, **settings)


def kept_in_pairs(seed: int, correlation: float, keeps: str) -> dict[str, float]:
    """Return recall and precision of the features kept in a world of pairs, and the overlap over bootstraps.

    Five folds choose strength and threshold; `keeps` is one of the KEEPERS. The overlap is the mean over pairs of
    bootstrap samples of Jaccard's index: how many features both keep, over how many at least one keeps.
    """
    examples, matters = world_of_pairs(seed, correlation)
    return _kept(examples, matters, "least squares", keeps, seed)


def kept_of_tumours(seed: int) -> dict[str, float]:
    """Return what p = 1 keeps of 300 tumours' measurements, against the permutation importance on the others.

    A feature matters if shuffling it raises the log loss of a tuned logistic regression with L2 by more than two
    standard deviations over ten shuffles, on examples that are not trained on.
    """
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LogisticRegressionCV

    task = linear_tasks.linear_task(seed, "breast cancer")
    (X, y), (X_new, y_new) = (tuple(map(np.concatenate, zip(*each, strict=True))) for each in _halves(task.parts))
    model = LogisticRegressionCV(Cs=CS, cv=FOLDS, scoring="neg_log_loss", l1_ratios=(0,), use_legacy_attributes=False)
    model.fit(X, y)
    drops = permutation_importance(model, X_new, y_new, scoring="neg_log_loss", n_repeats=REPEATS, random_state=seed)
    matters = drops.importances_mean > 2 * drops.importances_std
    return _kept((X, y), matters, task.loss, "p = 1", seed) | {"features that matter": float(matters.sum())}


def _halves(parts: linear_tasks.Parts) -> tuple[list[Examples], list[Examples]]:
    """Return the examples to choose and fit with, and those kept apart."""
    return [parts.train, parts.validate], [parts.test]


def _kept(examples: Examples, matters: np.ndarray, loss: str, keeps: str, seed: int) -> dict[str, float]:
    chosen = by_folds(examples, loss, keeps, seed)
    support = kept(examples, loss, chosen)
    rng, rows = np.random.default_rng([seed, 1]), len(examples[1])
    samples = (rng.integers(0, rows, rows) for _ in range(BOOTSTRAPS))
    supports = np.array([kept((examples[0][each], examples[1][each]), loss, chosen) for each in samples])
    return {
        "recall": float(np.mean(support[matters])) if matters.any() else 1.0,
        "precision": float(np.mean(matters[support])) if support.any() else 0.0,
        "overlap of supports over bootstraps": overlap(supports),
        "features kept": float(support.sum()),
    }


def by_folds(examples: Examples, loss: str, keeps: str, seed: int) -> Chosen:
    """Return the strength, and for p = 2 the threshold, with the lowest loss over five folds."""
    p = KEEPERS[checked_choice("keeps", keeps, KEEPERS)]
    X, y = examples
    penalties = strengths(linear_tasks.Task(linear_tasks.Parts(examples, examples, examples), loss), p, STRENGTHS)
    out = np.array_split(np.random.default_rng([seed, 2]).permutation(len(y)), FOLDS)
    thresholds = np.concatenate([[0.0], np.geomspace(0.003, 0.5, 12)]) if p > 1 else np.zeros(1)
    losses = np.zeros((STRENGTHS, len(thresholds)))
    for left_out in out:
        train = np.setdiff1d(np.arange(len(y)), left_out)
        for i, weights in enumerate(path(X[train], y[train], penalties, loss)):
            losses[i] += [error((X[left_out], y[left_out]), cut(weights, each), loss) for each in thresholds]
    i, j = np.unravel_index(losses.argmin(), losses.shape)
    way = np.geomspace(penalties[0].alpha, penalties[i].alpha, APPROACH) if p < 1 else [penalties[i].alpha]
    return Chosen([Lp(float(alpha), p) for alpha in way], float(thresholds[j]))


def kept(examples: Examples, loss: str, chosen: Chosen) -> np.ndarray:
    """Return which weights are not zero, shape (features,)."""
    return cut(path(*examples, chosen.penalties, loss)[-1], chosen.threshold) != 0


def overlap(supports: np.ndarray) -> float:
    """Return the mean of Jaccard's index over all pairs of supports (samples, features); two empty ones have 1."""
    both = supports.astype(float) @ supports.T
    either = supports.sum(1)[:, None] + supports.sum(1) - both
    index = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return float(index[np.triu_indices(len(supports), 1)].mean())
