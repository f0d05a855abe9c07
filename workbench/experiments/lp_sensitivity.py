"""Experiments on linear models: loss by strength and by threshold on several data sets, and zeros without a kink.

Each function takes a seed, which makes or splits the data.
"""

from collections.abc import Sequence

import numpy as np
import scipy

from workbench.experiments.linear_tasks import Task, cut, error, largest, linear_task, path, strengths
from workbench.experiments.sparse_truths import NOISE
from workbench.experiments.tuning_studies import explained
from workbench.operator import checked_choice
from workbench.solvers.penalties import Lp

FACTORS = {"a tenth of": 0.1, "half": 0.5, "twice": 2.0, "ten times": 10.0}
SHARES = tuple(np.geomspace(1, 1e-3, 16).tolist())  # of the strength that makes all weights zero
GRID, GROUPS = 20, 5  # strengths and thresholds, and groups of neighbours among them


def along(seed: int, data: str) -> np.ndarray:
    """Return test losses along the path of p = 1 on one of the `linear_tasks.TASKS`, for SHARES, shape (shares,)."""
    task = linear_task(seed, data)
    solutions = path(*task.parts.train, [Lp(largest(task) * share) for share in SHARES], task.loss)
    return np.array([error(task.parts.test, weights, task.loss) for weights in solutions])


def around_the_best(seed: int, data: str, hyperparameter: str) -> dict[str, float]:
    """Return how much the test loss rises if the best alpha, or the best threshold, is multiplied by a number.

    Validation data choose both from a grid. If neighbouring thresholds are equally good, the middle one is chosen. The
    variance that each explains is that of the logarithm of the validation loss over the grid, whose neighbours are
    grouped.
    """
    checked_choice("hyperparameter", hyperparameter, ("alpha", "threshold"))
    task = linear_task(seed, data)
    penalties = strengths(task, 1.0, GRID)
    solutions = path(*task.parts.train, penalties, task.loss)
    thresholds = np.geomspace(1e-3, 1, GRID) * np.abs(solutions).max()
    losses = np.array([[error(task.parts.validate, cut(w, t), task.loss) for t in thresholds] for w in solutions])
    i = int(losses.min(axis=1).argmin())
    equal = np.flatnonzero(losses[i] == losses[i].min())
    alpha, threshold = penalties[i].alpha, float(thresholds[equal[len(equal) // 2]])

    def loss(factor: float) -> float:
        if hyperparameter == "threshold":
            return error(task.parts.test, cut(solutions[i], factor * threshold), task.loss)
        return error(task.parts.test, cut(_solved(task, factor * alpha), threshold), task.loss)

    best, groups = loss(1.0), np.indices(losses.shape) // (GRID // GROUPS)
    shares = (explained(np.log(losses).ravel(), group.ravel()) for group in groups)
    return {
        f"loss at {name} the best value over the best, less 1": loss(by) / best - 1 for name, by in FACTORS.items()
    } | {f"share of the variance by {name}": share for name, share in zip(("alpha", "threshold"), shares, strict=True)}


def _solved(task: Task, alpha: float) -> np.ndarray:
    return path(*task.parts.train, [Lp(alpha)], task.loss)[-1]


def zeros_by_smoothing(seed: int, widths: Sequence[float]) -> np.ndarray:
    """Return the exact zeros of the minimum if the kink of p = 1 is rounded off, shape (widths,).

    |w| is replaced by w^2 / (2 width) + width / 2 where it is below the width (Huber); a width of 0 leaves the kink.
    There are 80 examples and 30 features, of which six matter; the strength is 0.3 of the strongest.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 30))
    y = X[:, :6].sum(1) / np.sqrt(6) + NOISE * rng.normal(size=80)
    alpha = 0.3 * float(np.abs(X.T @ y).max()) / 80

    def objective(w: np.ndarray, width: float) -> tuple[float, np.ndarray]:
        size, residual = np.abs(w), X @ w - y
        rounded = np.where(size < width, size**2 / (2 * width) + width / 2, size)
        slope = X.T @ residual / 80 + alpha * np.clip(w / width, -1, 1)
        return float(residual @ residual) / 160 + alpha * float(rounded.sum()), slope

    def solved(width: float) -> np.ndarray:
        if width == 0:
            return path(X, y, [Lp(alpha)], "least squares")[-1]
        return scipy.optimize.minimize(objective, np.zeros(30), (width,), jac=True, options={"maxiter": 5000}).x

    return np.array([np.sum(solved(width) == 0) for width in widths])
