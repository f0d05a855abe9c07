"""An experiment: what becomes of an embedding table when only the rows that a batch touched are regularized?

Each id stands for a hidden vector. A batch holds ids, common ones often and rare ones seldom, and a noisy look at the
vector of each. Gradient descent pulls the id's row towards what was seen, and after each step rows are shrunk. The rows
start at random, as embedding tables do.
"""

import dataclasses

import numpy as np

from workbench.operator import checked_choice
from workbench.sparse_lp import sparse_lp_regularizer

METHODS = ("none", "rows of the batch", "every row", "caught up")
STEP = 0.05  # of gradient descent, for each time that a row is named
NOISE = 1.5  # standard deviation of what is seen, around vectors whose elements have standard deviation 1
START = 0.5  # standard deviation of the rows before training


@dataclasses.dataclass(frozen=True)
class Training:
    """What training left: the table (rows, columns), and how many rows were shrunk on the way, repeats counted."""

    table: np.ndarray
    rows_shrunk: int


@dataclasses.dataclass(frozen=True)
class World:
    """Ids: the chance of each, the vectors that they stand for (rows, columns), and batches (steps, batch) of ids."""

    chances: np.ndarray
    vectors: np.ndarray
    batches: np.ndarray
    seed: int

    @property
    def frequencies(self) -> np.ndarray:
        """Return the chance that a batch names each row."""
        return 1 - (1 - self.chances) ** self.batches.shape[1]


def make_world(rows: int = 2000, columns: int = 8, steps: int = 1000, batch: int = 32, *, seed: int = 0) -> World:
    """Return ids whose chances fall as 1 / rank, and batches drawn by them."""
    for name, value in (("rows", rows), ("columns", columns), ("steps", steps), ("batch", batch)):
        if value < 1:
            raise ValueError(f"{name}={value}: must be at least 1")
    rng = np.random.default_rng(seed)
    chances = 1 / np.arange(1, rows + 1)
    chances /= chances.sum()
    vectors = rng.standard_normal((rows, columns))
    return World(chances, vectors, rng.choice(rows, (steps, batch), p=chances), seed)


def train(world: World, method: str, p: float = 2.0, reg_lambda: float = 0.01) -> Training:
    """Train a table on the batches of a world, regularizing by one of METHODS.

    "rows of the batch" shrinks each row once for each time that the batch names it, as Caffe2 does; "every row" all
    rows once after each step. "caught up" gives a row all that it missed, in one call, before the row is used again.
    """
    checked_choice("method", method, METHODS)
    rng = np.random.default_rng(world.seed + 1)
    rows, columns = world.vectors.shape
    table = START * rng.standard_normal((rows, columns))
    shrunk = 0

    def shrink(ids: np.ndarray) -> None:
        nonlocal shrunk
        sparse_lp_regularizer(table, ids, p, reg_lambda)
        shrunk += len(ids)

    everything, steps_done = np.arange(rows), np.zeros(rows, np.int64)
    for step, ids in enumerate(world.batches):
        seen = world.vectors[ids] + NOISE * rng.standard_normal((len(ids), columns))
        touched = np.unique(ids)
        if method == "caught up":
            shrink(np.repeat(touched, step - steps_done[touched]))
            steps_done[touched] = step
        np.subtract.at(table, ids, STEP * (table[ids] - seen))
        if method == "rows of the batch":
            shrink(ids)
        elif method == "every row":
            shrink(everything)
    if method == "caught up":
        shrink(np.repeat(everything, len(world.batches) - steps_done))
    return Training(table, shrunk)
