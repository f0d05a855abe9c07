"""Experiments on what a sampler's trials are worth: random search against grids, and TPE in many dimensions.

The regret of a sweep is its best loss less the lowest loss there is. Each function takes a seed and returns logarithms
(base 10) of one regret over another: above 0, the first sampler is farther from the lowest loss.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench.experiments import tuning
from workbench.experiments.tuning_studies import gridded, run_sweep
from workbench.operator import checked_choice

TRIALS = 16
LONG = 100  # trials of TPE that look for the lowest loss
LONG_SEED = 1_000_000
SMALLEST = 1e-4  # regret; smaller ones count as this one
CURVED = 2  # axes that matter, where a few do
PROBLEMS: Mapping[str, tuple[Callable, Mapping[str, Any]]] = {  # those of notebook 07
    "LRN": (
        tuning.lrn_on_digits,
        {
            "alpha": "1e-3..1e3:log",
            "beta": "0..1",
            "size": [1, 3, 5, 7, 9, 11, 13, 15],
            "C": "1e-2..10:log",
            "contrast": 1.0,
            "folds": 5,
        },
    ),
    "sparse Lp": (
        tuning.sparse_lp_on_breast_cancer,
        {"alpha": "1e-4..0.3:log", "p": "0.3..2", "sparsity_threshold": "0..0.5", "folds": 8},
    ),
}


def grid_and_random(seed: int, problem: str) -> dict[str, float]:
    """Compare a grid with random search of 16 trials each; a seed shifts the grid within its cells.

    The lowest loss is the best of 100 trials of TPE and of the two sweeps.
    """
    function, space = PROBLEMS[checked_choice("problem", problem, PROBLEMS)]
    grid = _best(function, shifted(space, TRIALS, seed), "grid", TRIALS, seed)
    random = _best(function, space, "random", TRIALS, seed)
    lowest = min(_lowest(problem), grid, random)
    return {
        "logarithm of the grid's regret over random search's": _over(grid - lowest, random - lowest),
        "loss of the grid less that of random search": grid - random,
    }


def shifted(space: Mapping[str, Any], trials: int, seed: int) -> dict[str, Any]:
    """Return `gridded(space, trials)` with the points of each range moved by one random share of their distance.

    A share is uniform between -1/2 and 1/2, so that a point may lie anywhere in the part of which it is the middle.
    """
    rng = np.random.default_rng(seed)
    points = gridded(space, trials)
    for name, what in space.items():
        if isinstance(what, str) and ".." in what:
            limits, *options = what.split(":")
            low, high = map(float, limits.split(".."))
            shares = (np.arange(len(points[name])) + rng.uniform()) / len(points[name])
            values = low * (high / low) ** shares if "log" in options else low + (high - low) * shares
            points[name] = values.tolist()
    return points


def in_many_dimensions(seed: int, axes: int, trials: int, matter: str) -> dict[str, float]:
    """Compare TPE with random search, a grid and quasi-random points on a bowl, the sum of (x_j - c_j)^2.

    A seed chooses the centre c in the unit cube and, for `matter` "two axes" rather than "all axes", the axes that
    count. The lowest loss is 0.
    """
    checked_choice("matter", matter, ("two axes", "all axes"))
    rng = np.random.default_rng(seed)
    centre, count = rng.uniform(size=axes), CURVED if matter == "two axes" else axes
    counted = rng.permutation(axes)[:count]

    def bowl(**x: float) -> dict[str, float]:
        return {"loss": float(sum((x[f"x{j}"] - centre[j]) ** 2 for j in counted))}

    one = inspect.Parameter
    bowl.__signature__ = inspect.Signature(  # a sweep asks for the names, types and defaults
        [one(f"x{j}", one.KEYWORD_ONLY, default=0.5, annotation=float) for j in range(axes)]
    )
    space = {f"x{j}": "0..1" for j in range(axes)}
    regrets = {
        sampler: _best(bowl, shifted(space, trials, seed) if sampler == "grid" else space, sampler, trials, seed)
        for sampler in ("tpe", "random", "grid", "qmc")
    }
    names = {"random": "random search's", "grid": "the grid's", "qmc": "quasi-random points'"}
    return {
        f"logarithm of {name} regret over TPE's": _over(regrets[each], regrets["tpe"]) for each, name in names.items()
    }


def _best(function: Callable, space: Mapping[str, Any], sampler: str, trials: int, seed: int) -> float:
    return run_sweep(function, space, trials=trials, sampler=sampler, seed=seed).best.values[0]


@functools.cache
def _lowest(problem: str) -> float:
    function, space = PROBLEMS[problem]
    return _best(function, space, "tpe", LONG, LONG_SEED)


def _over(regret: float, other: float) -> float:
    return math.log10(max(regret, SMALLEST) / max(other, SMALLEST))
