"""Experiments that make a mistake on purpose: each shows a trap of comparisons, and the design that avoids it.

Each function takes a seed, or the number of worlds, and returns numbers. None of them trains a network.
"""

import functools
from collections.abc import Sequence

import numpy as np
import scipy

from workbench.data import real_data
from workbench.experiments.sparse_truths import FEATURES, NOISE, RELEVANT
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

JUDGED = 100  # coin flips that judge a classifier
STRENGTHS = np.geomspace(1e-3, 10.0, 15)  # of the L2 penalty, from which validation data choose
ALPHAS = np.geomspace(0.01, 1.0, 9)  # strengths of the penalties that are compared at equal alpha
TRAINING, VALIDATION, TEST = 80, 200, 1000  # examples


def luck(counts: Sequence[int], worlds: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Let random classifiers guess coin flips, choose the best of some, and return its share of right guesses.

    The labels are coin flips, so no classifier is better than 1/2 on new data. The first array is the mistake: the test
    data choose the best and judge it too. In the second one, validation data choose, and the test data judge once. Both
    have the shape (worlds, counts), where `counts` says how many classifiers there are to choose from.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(worlds, 2 * JUDGED, 20))
    guesses = x @ rng.normal(size=(worlds, 20, max(counts))) > 0
    labels = rng.random((worlds, 2 * JUDGED, 1)) < 0.5
    validation, test = np.split(guesses == labels, 2, axis=1)
    chosen, judged = validation.mean(1), test.mean(1)
    each = np.arange(worlds)
    return (
        np.stack([judged[:, :count].max(1) for count in counts], axis=1),
        np.stack([judged[each, chosen[:, :count].argmax(1)] for count in counts], axis=1),
    )


def gain_of_ridge(seed: int, examples: int = 100) -> dict[str, float]:
    """Return the relative gain of an L2 penalty over none for a linear model of the diabetes data, on new patients.

    Validation data choose the strength; the test data are used once.
    """
    data = _diabetes()
    order = np.random.default_rng(seed).permutation(len(data.y))
    train, validate, test = np.split(order, [examples, 2 * examples])
    X, y = data.X[train], data.y[train]
    eye = np.eye(X.shape[1])
    fits = [np.linalg.solve(X.T @ X / len(y) + strength * eye, X.T @ y / len(y)) for strength in (0.0, *STRENGTHS)]
    errors = [[np.mean((data.y[part] - data.X[part] @ w) ** 2) for w in fits] for part in (validate, test)]
    best = 1 + int(np.argmin(errors[0][1:]))
    return {"relative gain of L2": float(1 - errors[1][best] / errors[1][0])}


def wrong_verdicts(levels: Sequence[float], claims: int = 60, worlds: int = 10, ledgers: int = 2000) -> np.ndarray:
    """Return how many claims of a ledger are decided although nothing can be decided, shape (levels, ledgers).

    The true gain of every claim is exactly the margin, so that each interval that leaves out the margin is wrong.
    """
    gains = np.random.default_rng(0).normal(size=(ledgers, claims, worlds))
    distance = np.abs(gains.mean(-1)) / (gains.std(-1, ddof=1) / np.sqrt(worlds))
    return np.stack([np.sum(distance > scipy.stats.t.ppf(0.5 + level / 2, worlds - 1), axis=-1) for level in levels])


def errors_by_strength(p: float, worlds: int, alphas: Sequence[float] = ALPHAS) -> tuple[np.ndarray, np.ndarray]:
    """Fit the penalty alpha sum |w|^p in worlds where six of 120 features matter, and return squared errors.

    Returns:
        test: error on new examples for each strength, shape (worlds, strengths).
        tuned: error on new examples at the strength that validation data choose, shape (worlds,).
    """
    fits = np.array([_path(seed, p, alphas) for seed in range(worlds)])
    validation, test = fits[:, 0], fits[:, 1]
    return test, test[np.arange(worlds), validation.argmin(1)]


@functools.cache
def _diabetes() -> real_data.DataSet:
    return real_data.load("diabetes")


def _path(seed: int, p: float, alphas: Sequence[float]) -> np.ndarray:
    """Return the errors on validation and on test data, shape (2, strengths)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(TRAINING + VALIDATION + TEST, FEATURES))
    true = np.where(np.arange(FEATURES) < RELEVANT, rng.choice([-1.0, 1.0], FEATURES), 0.0) / np.sqrt(RELEVANT)
    y = X @ true + NOISE * rng.normal(size=len(X))
    train, validate, test = np.split(np.arange(len(X)), [TRAINING, TRAINING + VALIDATION])
    weights, found = np.zeros(FEATURES), {}
    for alpha in sorted(alphas, reverse=True):
        weights = solve(X[train], y[train], Lp(alpha, p), start=weights, tolerance=1e-4).weights
        found[alpha] = [float(np.mean((y[part] - X[part] @ weights) ** 2)) for part in (validate, test)]
    return np.array([found[alpha] for alpha in alphas]).T
