"""Experiments on how much alpha, the threshold and the share of zeros matter in a network."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.experiments.lp_in_networks import TASKS, train, trials
from workbench.experiments.lp_models import along_the_path
from workbench.experiments.lp_sensitivity import FACTORS

SPARSITIES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
MOVED: Mapping[str, tuple[str, str]] = {  # hyperparameter: the arm that has it, and its name among the points
    "alpha": ("L1", "strength"),
    "threshold": ("threshold", "other"),
}


def sensitivity(seed: int, task: str, hyperparameter: str) -> dict[str, float]:
    """Tune an arm, then move one of MOVED by FACTORS from its best value; return how much the test loss rises.

    The best value is that with the lowest validation loss. All else stays at its best value.
    """
    arm, name = MOVED[hyperparameter]
    found = trials(task, arm, seed)
    factors = [1.0, *FACTORS.values()]
    points = {each: np.full(len(factors), values[found.best]) for each, values in found.points.items()}
    points[name] = points[name] * factors
    best, *losses = _losses(task, arm, seed, points)["test"]
    return {
        f"loss at {by} the best value over the best, less 1": loss / best - 1
        for by, loss in zip(FACTORS, losses, strict=True)
    }


def pruned(seed: int, task: str, sparsities: Sequence[float] = SPARSITIES) -> dict[str, float]:
    """Prune networks gradually to several shares of zeros, each at its best learning rate; return test losses.

    Validation data choose the rates, and the best share. The densest and the sparsest are compared with it.
    """
    rates = TASKS[task].rate * np.array([1 / 9, 1 / 3, 1.0, 3.0])
    points = dict(zip(("strength", "rate"), map(np.ravel, np.meshgrid(sparsities, rates, indexing="ij")), strict=True))
    points |= dict.fromkeys(("ratio", "other"), np.zeros(len(points["rate"])))
    losses = {part: each.reshape(-1, len(rates)) for part, each in _losses(task, "pruning", seed, points).items()}
    chosen = losses["validation"].argmin(axis=1)[:, None]
    validation, test = (np.take_along_axis(losses[part], chosen, axis=1)[:, 0] for part in ("validation", "test"))
    best = test[validation.argmin()]
    return {
        "loss of the densest over the best, less 1": test[0] / best - 1,
        "loss of the sparsest over the best, less 1": test[-1] / best - 1,
        "share of zeros at the best": sparsities[int(validation.argmin())],
        **{f"test loss, {share:g} zeros": loss for share, loss in zip(sparsities, test, strict=True)},
    }


def by_number_of_weights(seed: int, data: str) -> dict[str, float]:
    """Compare both ends with the best number of weights: of a linear model, or of a "pruned network, TASK"."""
    task = data.removeprefix("pruned network, ")
    return along_the_path(seed, data) if task == data else pruned(seed, task)


def _losses(task: str, arm: str, seed: int, points: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Train all points in one world; return validation and test losses, infinite where training diverged."""
    data = TASKS[task].data(seed)
    history = train(task, arm, data, seed, **points)
    several = data.take(np.zeros(len(history.seeds), int))
    return {part: np.nan_to_num(history.loss(several, part), nan=np.inf) for part in ("validation", "test")}
