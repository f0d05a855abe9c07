"""Fast products with stored weights: choose the loop for the number of examples, and share blocks of rows to threads.

A row is computed by one thread in a fixed order, so the result does not depend on the number of threads.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from workbench import parallel
from workbench.compiling import unlocked
from workbench.sparse_inference import loops
from workbench.sparse_inference.loops import LANES, ROWS

FEW = 4  # from so many examples on, a vector of LANES of them is filled; one by one, the weights are read each time

Stored = Sequence[np.ndarray]  # values, columns or a bitmap, row starts, scales


def csr(stored: Stored, x: np.ndarray) -> np.ndarray:
    """Return the product of CSR weights with x (batch, in), in the type of x."""
    return _product(loops.csr_one, loops.csr_many, stored, x, x.shape[1])


def bitmap(stored: Stored, x: np.ndarray) -> np.ndarray:
    """Return the product of weights with a bitmap with x (batch, in), in the type of x."""
    width = stored[1].shape[1] * LANES[x.dtype]  # a word has a bit for each lane
    return _product(loops.bitmap_one, loops.bitmap_many, stored, x, width)


def _product(one: Callable, many: Callable, stored: Stored, x: np.ndarray, width: int) -> np.ndarray:
    """Return the product; `one` and `many` take x with `width` columns, of which those beyond x are 0."""
    values, *others = map(unlocked, stored)
    rows, (batch, inputs) = len(others[1]) - 1, x.shape
    y = np.empty((batch, rows), x.dtype)

    def share(loop: Callable, *arguments: Any, elements: int) -> None:
        parallel.run(lambda start, stop: loop(values, *others, *arguments, start, stop), -(-rows // ROWS), elements)

    if batch < FEW:
        for example, result in zip(_filled_up(x, width), y, strict=True):
            share(one, example, result, elements=values.size)
        return y
    lanes = LANES[x.dtype]
    groups = -(-batch // lanes)
    in_lanes, sums = np.zeros((groups, inputs, lanes), x.dtype), np.zeros((groups, rows, lanes), x.dtype)
    loops.to_lanes(unlocked(np.ascontiguousarray(x)), in_lanes)
    share(many, in_lanes.reshape(-1), sums.reshape(-1), inputs, elements=values.size * batch)
    loops.from_lanes(sums, y)
    return y


def _filled_up(x: np.ndarray, width: int) -> np.ndarray:
    """Return x with columns of zeros up to `width`, in C order."""
    if x.shape[1] == width:
        return unlocked(np.ascontiguousarray(x))
    filled = np.zeros((len(x), width), x.dtype)
    filled[:, : x.shape[1]] = x
    return filled
