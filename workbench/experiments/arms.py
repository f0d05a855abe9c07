"""Tune an arm of an experiment in one world: train every point of a grid side by side, choose on validation data.

Both arms of a comparison get the same number of points. The test data are used once, for the chosen point.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.data.splits import Data
from workbench.training.fit import fit
from workbench.training.history import History
from workbench.training.layers import Layer
from workbench.training.optimizers import SGD, Optimizer

RATES = tuple(float(rate) for rate in 0.001 * 3.0 ** np.arange(7))  # seven learning rates, each three times the last
MOMENTUM = 0.9

Built = tuple[Sequence[Layer], Optimizer, dict[str, Any]]  # layers, optimizer, and other options of `fit`
Build = Callable[..., Built]  # takes one array (points,) for each hyperparameter


@dataclasses.dataclass(frozen=True)
class Tuned:
    """The chosen point of an arm: its hyperparameters, its losses and error, and which of them lie at a grid's end.

    `history` holds the chosen point alone, with the weights of its best epoch.
    """

    chosen: dict[str, float]
    at_the_end: tuple[str, ...]
    validation_loss: float
    test_loss: float
    test_error: float
    history: History


def tune(
    build: Build, grid: Mapping[str, Sequence[float]], data: Data, seed: int, *, epochs: int, **options: Any
) -> Tuned:
    """Train all points of a grid in one world, and return the one whose validation loss is lowest at its best epoch.

    Args:
        build: takes one array (points,) for each hyperparameter, and returns the layers, the optimizer, and a dict of
            other options of `fit`. Every point is a world to `fit`, with the same seed.
        grid: the values of each hyperparameter; the points are all combinations.
        data: one world.
        seed: the world's seed.
        epochs: the most epochs; a point is judged by its best epoch, in both arms alike.
        **options: other options of `fit`.

    Raises:
        ValueError: every point diverged, or none was evaluated on validation examples.
    """
    points, history = _train(build, grid, data, seed, {"epochs": epochs, **options})
    return _chosen(history, points, np.arange(len(points)), grid, data)


def tune_each(
    build: Build, grid: Mapping[str, Sequence[float]], data: Data, seed: int, by: str, *, epochs: int, **options: Any
) -> list[Tuned]:
    """Tune one arm for each value of the hyperparameter `by`, all in one fit; arguments and errors as for `tune`.

    All arms have the same trials.
    """
    points, history = _train(build, grid, data, seed, {"epochs": epochs, **options})
    values = points[:, list(grid).index(by)]
    return [_chosen(history, points, np.flatnonzero(values == value), grid, data) for value in grid[by]]


def _train(
    build: Build, grid: Mapping[str, Sequence[float]], data: Data, seed: int, options: dict[str, Any]
) -> tuple[np.ndarray, History]:
    """Train every point of the grid; return the points (points, hyperparameters), and the history."""
    points = np.array(list(itertools.product(*grid.values())), float)
    network, optimizer, others = build(**dict(zip(grid, points.T, strict=True)))
    return points, fit(network, data, optimizer, **{"seed": [seed] * len(points), **options, **others})


def _chosen(
    history: History, points: np.ndarray, places: np.ndarray, grid: Mapping[str, Sequence[float]], data: Data
) -> Tuned:
    """Return the best of the points at `places`."""
    losses = history.validation_loss[places]
    losses = np.where(np.isfinite(losses), losses, np.inf).min(axis=1, initial=np.inf)
    best = int(losses.argmin())
    if not np.isfinite(losses[best]):
        raise ValueError(f"grid={dict(grid)}: every point diverged, or none was validated; give smaller learning rates")
    chosen = dict(zip(grid, points[places[best]].tolist(), strict=True))
    one = history.worlds([places[best]]).at_best()
    return Tuned(
        chosen,
        tuple(name for name, values in grid.items() if len(values) > 1 and chosen[name] in (min(values), max(values))),
        float(losses[best]),
        float(one.loss(data)[0]),
        float(one.error(data)[0]),
        one,
    )


def value_of(replacement: str) -> float | str:
    """Return what a layer of dropout takes for "zero", "mean" or "median", which are names that a sweep can set."""
    return 0.0 if replacement == "zero" else replacement


def sgd(rate: Any, **more: Any) -> SGD:
    """Return gradient descent with the usual momentum."""
    return SGD(rate, momentum=MOMENTUM, **more)


def gain(treated: Tuned, control: Tuned) -> float:
    """Return the relative gain 1 - treated / control of the test losses."""
    return 1 - treated.test_loss / control.test_loss
