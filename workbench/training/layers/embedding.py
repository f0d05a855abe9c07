"""Embedding bag: each id of a list names a row of a table, and the rows are added."""

import dataclasses
from typing import Any

import numpy as np

from workbench.cost.record import checked_count
from workbench.operator import checked_choice
from workbench.training.initializers import Initializer, normal
from workbench.training.layers.layer import Layer, Named, Parameters, Passed, Random, Shape
from workbench.training.layers.loops_bags import add_rows

STANDARD_NORMAL = normal(1.0)


@dataclasses.dataclass(frozen=True)
class EmbeddingBag(Layer):
    """Sum or average the rows of a table that a list of ids names, as PyTorch's EmbeddingBag does.

    x is (worlds, batch, max length): whole numbers from 0 to rows - 1, and -1 where a list has ended. An id that
    occurs twice counts twice. An empty list gives zeros. The weight is (worlds, rows, columns). Ids have no derivative:
    that of x is 0.

    Args:
        rows: the number of ids.
        columns: the number of outputs.
        mode: "sum" or "mean".
        initializer: draws the initial weight; by default, standard normal numbers.

    Raises:
        TypeError: rows or columns is not a whole number, or, by `forward`, x is not of an integer type.
        ValueError: rows or columns is below 1, mode is another word, or, by `forward`, an id is out of range.
    """

    rows: int
    columns: int
    mode: str = "sum"
    initializer: Initializer = STANDARD_NORMAL
    takes_ids = True

    def __post_init__(self) -> None:
        checked_count("rows", self.rows, 1)
        checked_count("columns", self.columns, 1)
        checked_choice("mode", self.mode, ("sum", "mean"))

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"EmbeddingBag takes lists of ids, with one axis, got shape {tuple(shape)}")
        return (self.columns,)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        return {"weight": self.initializer((worlds, self.rows, self.columns), rng, self.rows, self.columns)}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        self._check_ids(x)
        weight, ids = np.ascontiguousarray(parameters["weight"]), np.ascontiguousarray(x, np.int64)
        y = np.zeros((*x.shape[:2], self.columns), weight.dtype)
        add_rows(weight, ids, y, False)
        counts = np.maximum(1, (ids >= 0).sum(axis=2)).astype(y.dtype)[..., None] if self.mode == "mean" else 1
        return y / counts, (ids, counts)

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        ids, counts = saved
        total = np.zeros(parameters["weight"].shape, dy.dtype)
        add_rows(total, ids, np.ascontiguousarray(dy / counts), True)
        return np.zeros(ids.shape, dy.dtype), {"weight": total}

    def _check_ids(self, ids: np.ndarray) -> None:
        if ids.dtype.kind not in "iu":
            raise TypeError(f"x has dtype {ids.dtype}: must be ids of rows, of an integer type, padded with -1")
        if ids.size and not -1 <= ids.min() <= ids.max() < self.rows:
            wrong = ids[(ids < -1) | (ids >= self.rows)][0]
            raise ValueError(f"x holds the id {wrong}: must be from 0 to {self.rows - 1}, or -1 where a list has ended")
