"""Tasks for linear models: examples in three parts by name, paths of solutions, and the choice of a penalty.

A model is fitted to the training part. The validation part chooses, and the test part judges what was chosen, once.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench.data import catalog, real_data
from workbench.data.splits import PARTS, Dataset, split
from workbench.experiments import sparse_truths
from workbench.operator import checked_choice
from workbench.solvers.paths import lambda_max
from workbench.solvers.penalties import Lp, Penalty
from workbench.solvers.solve import solve
from workbench.sparse_lp import sparse_lp

SIZES = {"diabetes": (150, 150), "breast cancer": (200, 150), "digits": (300, 300)}  # training and validation examples
TASKS = (*sparse_truths.TRUTHS, *SIZES)
TRIALS = 40  # strengths of a penalty
WEAKEST = 1e-4  # strength, as a share of the one that makes all weights of p = 1 zero
STRONGEST = 30.0  # the same, for p > 1
TOLERANCE = 1e-4
ITERATIONS = 10  # at most for p < 1, where coordinate descent may go round in circles; most need fewer

Examples = tuple[Any, np.ndarray]  # X (n, features), dense or CSR, and y (n,) or (n, classes)


class Parts(NamedTuple):
    """Features and targets in three parts."""

    train: Examples
    validate: Examples
    test: Examples


class Task(NamedTuple):
    """Three parts, and the loss of `solve`. With several classes, y (n, classes) is 1 for the class, -1 for others."""

    parts: Parts
    loss: str


@dataclasses.dataclass(frozen=True)
class Tuned:
    """A chosen penalty, its weights and errors, and whether it was the first or the last of its trials.

    `weakest` is the test error of the last trial, which has next to no penalty.
    """

    penalty: Any
    weights: np.ndarray
    validation: float
    test: float
    at_the_end: bool
    weakest: float


def linear_task(seed: int, name: str) -> Task:
    """Return one of the TASKS; a seed makes the data, or splits those that ship.

    Digits are odd or even.
    """
    checked_choice("name", name, TASKS)
    rng = np.random.default_rng(seed)
    if name in SIZES:
        data = real_data.load(name)
        rows = rng.permutation(len(data.y))
        return Task(in_parts(data.X[rows], data.y[rows], *SIZES[name]), data.loss)
    features, rows = sparse_truths.FEATURES, 80 + 400 + 2000
    relevant = sparse_truths.RELEVANT if name == sparse_truths.TRUTHS[0] else features
    true = np.where(np.arange(features) < relevant, rng.choice([-1.0, 1.0], features), 0.0) / np.sqrt(relevant)
    X = rng.normal(size=(rows, features))
    return Task(in_parts(X, X @ true + sparse_truths.NOISE * rng.normal(size=rows), 80, 400), "least squares")


def in_parts(X: np.ndarray, y: np.ndarray, train: int, validate: int) -> Parts:
    """Return the first `train` examples, the next `validate`, and the others."""
    ends = [train, train + validate]
    return Parts(*zip(np.split(X, ends), np.split(y, ends), strict=True))


def classification(dataset: Dataset, seed: int, train: int, validate: int, test: int | None = None) -> Task:
    """Return a data set of two or more classes as a task, each class against the others, with a column of ones.

    Features keep their units, which they must share.
    """
    data = split(dataset, seed, train=train, validation=validate, test=test, standardize=False)
    parts = []
    for x, y in ((each[0] for each in data.part(name)) for name in PARTS):
        targets = 2.0 * (y[:, None] == np.arange(data.classes)) - 1
        X = np.column_stack([x, np.ones(len(x))]).astype(float)
        parts.append((X, targets[:, 1] if data.classes == 2 else targets))
    return Task(Parts(*parts), "logistic")


def error(examples: Examples, weights: np.ndarray, loss: str = "least squares") -> float:
    """Return the mean squared error, or the mean logistic loss, over examples and classes."""
    u = examples[0] @ weights
    losses = np.logaddexp(0, -examples[1] * u) if loss == "logistic" else (examples[1] - u) ** 2
    return float(np.mean(losses))


def cut(weights: np.ndarray, threshold: float) -> np.ndarray:
    """Return a copy of the weights in which those up to the threshold are zero."""
    left = weights.copy()
    sparse_lp(left, 1.0, 1.0, threshold)
    return left


def largest(task: Task, p: float = 1.0) -> float:
    """Return the smallest strength for which p <= 1 makes all weights zero, for every class."""
    X, y = task.parts.train
    return max(lambda_max(X, each, Lp(1.0, p), task.loss) for each in np.atleast_2d(y.T))


def strengths(task: Task, p: float, count: int = TRIALS) -> list[Penalty]:
    """Return penalties |w|^p for decreasing strengths, from the one that makes all weights zero for p <= 1.

    For p > 1 there is none such, and the strongest has STRONGEST times the strength that makes them zero for p = 1.
    """
    unit = largest(task, min(p, 1.0))
    return [Lp(float(alpha), p) for alpha in unit * np.geomspace(STRONGEST if p > 1 else 1, WEAKEST, count)]


def path(X: Any, y: np.ndarray, penalties: Iterable[Penalty], loss: str = "logistic") -> list[np.ndarray]:
    """Return the weights (features,) or (features, classes) of each penalty, each started from those before."""
    columns = np.atleast_2d(y.T)
    weights, found = np.zeros((X.shape[1], len(columns))), []
    for penalty in penalties:
        how = {"tolerance": TOLERANCE, "max_iterations": None if penalty.convex else ITERATIONS}
        solved = [
            solve(X, column, penalty, loss=loss, start=start, **how).weights
            for column, start in zip(columns, weights.T, strict=True)
        ]
        weights = np.stack(solved, axis=1)
        found.append(weights[:, 0] if y.ndim == 1 else weights)
    return found


def tuned(task: Task, penalties: Sequence[Penalty]) -> Tuned:
    """Return the penalty whose weights have the lowest validation error; the first are the strongest."""
    solutions = path(*task.parts.train, penalties, task.loss)
    errors = [error(task.parts.validate, weights, task.loss) for weights in solutions]
    best = int(np.argmin(errors))
    at_the_end = best in (0, len(errors) - 1)
    test, weakest = (error(task.parts.test, solutions[each], task.loss) for each in (best, -1))
    return Tuned(penalties[best], solutions[best], errors[best], test, at_the_end, weakest)


def best_of(candidates: Iterable[Tuned]) -> Tuned:
    """Return the candidate with the lowest validation error."""
    return min(candidates, key=lambda each: each.validation)


def words(seed: int, name: str) -> Task:
    """Return words with several classes, "documentation" of Python or generated "text by topics", as sparse features.

    A feature is the logarithm of one plus how often the word occurs.
    """
    from scipy.sparse import csr_array

    checked_choice("name", name, ("documentation", "text by topics"))
    if name == "documentation":
        dataset, sizes = _documentation(), (300, 150, 150)
    else:
        dataset, sizes = catalog.load("topics", examples=1600, seed=seed), (300, 300, 1000)
    task = classification(dataset, seed, *sizes)
    return task._replace(parts=Parts(*((csr_array(np.log1p(X)), y) for X, y in task.parts)))


@functools.cache
def _documentation() -> Dataset:
    return catalog.documentation()
