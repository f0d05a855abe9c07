"""Measure by derivatives how each unit's input changes each unit's output: who suppresses whom."""

from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.measures.activations import checked_activations
from workbench.operator import Arg

STEP = Arg("step", float, 1e-6, "size of a central difference", low=0.0, open=True)


def influence(function: Callable[[np.ndarray], np.ndarray], x: Any, step: float = STEP.default) -> np.ndarray:
    """Return by how much the input of unit j suppresses the output of unit i, (units, units): row i, column j.

    It is the mean over the examples of -dy_i/dx_j, by central differences. The diagonal is what a unit does to itself:
    negative where it excites itself. Suppression in one example and excitation in another cancel; `slopes` has both.

    Args:
        function: takes x (examples, units), float64, and returns y (examples, units), float64.
        x: the inputs at which it is measured.
        step: how far an input moves up and down, in proportion to inputs above 1. Large steps also see a unit that
            jumps, such as the winner that takes all, whose derivative is 0 nearly everywhere.

    Raises:
        TypeError: x is masked, or holds no numbers; or `function` does not return float64.
        ValueError: x has not two axes, an example and a unit; a number is NaN or infinite; `step` is not above 0, or is
            too small to change a number; or y has another shape.
    """
    return -slopes(function, x, step).mean(axis=0)


def slopes(function: Callable[[np.ndarray], np.ndarray], x: Any, step: float = STEP.default) -> np.ndarray:
    """Return dy_i/dx_j of each example, (examples, units of y, units of x); arguments and errors as for `influence`.

    y may have another number of units than x. The units of one example must not depend on another example.
    """
    x, step = checked_activations("x", x), STEP.check(step)
    columns = []
    for unit in range(x.shape[1]):
        up, down = x.copy(), x.copy()
        distance = step * np.maximum(np.abs(x[:, unit]), 1)
        up[:, unit] += distance
        down[:, unit] -= distance
        width = (up - down)[:, [unit]]  # the sum may be rounded
        if not width.all():
            raise ValueError(f"step={step:g}: too small to change x[:, {unit}]; give 1e-6 or more")
        columns.append((_output(function, up) - _output(function, down)) / width)
    return np.stack(columns, axis=2)


def _output(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    y = np.asarray(function(x))
    if y.dtype != np.float64:
        raise TypeError(f"function: returns {y.dtype} for float64, too coarse for a difference; must return float64")
    if y.ndim != 2 or len(y) != len(x):
        raise ValueError(f"function: returns shape {y.shape} for {x.shape}; must return ({len(x)}, units)")
    return y
