"""An experiment: how does an embedding table change if only the rows that a batch uses are regularized?

Each id has a hidden vector. A batch holds ids, some of them common and others rare, and a noisy observation of each
id's vector. Gradient descent moves the id's row towards the observation, and rows are shrunk at each step. The rows
start at random, like those of real embedding tables.
"""

import dataclasses

import numpy as np

from workbench.operator import checked_choice
from workbench.sparse_lp import sparse_lp_regularizer

METHODS = ("none", "rows of the batch", "every row", "caught up")
STEP = 0.05  # gradient step, for each time that an id occurs in a batch
NOISE = 1.5  # standard deviation of an observation around its vector, whose elements have standard deviation 1
START = 0.5  # standard deviation of the rows before training


@dataclasses.dataclass(frozen=True)
class Training:
    """Result of training: the table (rows, columns), and how many rows were shrunk in total, counting repeats."""

    table: np.ndarray
    rows_shrunk: int


@dataclasses.dataclass(frozen=True)
class World:
    """The chance of each id (rows,), its hidden vector (rows, columns), and batches of ids (steps, batch)."""

    chances: np.ndarray
    vectors: np.ndarray
    batches: np.ndarray
    seed: int

    @property
    def frequencies(self) -> np.ndarray:
        """Return the chance that a batch contains each id, shape (rows,)."""
        return 1 - (1 - self.chances) ** self.batches.shape[1]


def make_world(rows: int = 2000, columns: int = 8, steps: int = 1000, batch: int = 32, *, seed: int = 0) -> World:
    """Return a world in which the chance of an id falls as 1 / rank, with batches drawn by these chances."""
    for name, value in (("rows", rows), ("columns", columns), ("steps", steps), ("batch", batch)):
        if value < 1:
            raise ValueError(f"{name}={value}: must be at least 1")
    rng = np.random.default_rng(seed)
    chances = 1 / np.arange(1, rows + 1)
    chances /= chances.sum()
    vectors = rng.standard_normal((rows, columns))
    return World(chances, vectors, rng.choice(rows, (steps, batch), p=chances), seed)


def train(world: World, method: str, p: float = 2.0, reg_lambda: float = 0.01) -> Training:
    """Train a table on the batches of a world, with one of METHODS as regularization.

    "rows of the batch" shrinks a row once for each time that its id occurs in the batch, as Caffe2 does. "every row"
    shrinks all rows once after each step. "caught up" applies a row's missed shrinking in one call before its next use.
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
