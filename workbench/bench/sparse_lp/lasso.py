"""The Lasso by coordinate descent: problems with a known answer, the duality gap, and how far each solver must be sent.

Every solver minimizes 1/(2n) |y - X w|^2 + alpha |w|_1 until the duality gap is at most GAP * |y|^2 / n, which is what
scikit-learn's `tol` means. A solver asked for a gap may stop well below it, or above: one that looks at optimality
conditions knows no gap. Each, ours too, is therefore given the largest tolerance with which its weights get there, as
judged here.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.bench import limits
from workbench.bench.results import dimensions

GAP = 1e-6  # of |y|^2 / n
FRACTION = 20  # alpha is as much below the smallest for which all weights are 0
TOLERANCES = tuple(GAP * 2.0**k for k in range(10, -21, -1))  # what a solver is asked for, one after another
NOISE = 0.3  # standard deviation, of that of X w
PLANTED = 0.01  # of the weights are not 0


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """X (n, features), float64, in columns or CSC; y (n,); and alpha."""

    matrix: Any
    y: np.ndarray
    alpha: float

    def __str__(self) -> str:
        return f"Lasso, {dimensions(self.matrix.shape)} {self.layout}"

    @property
    def layout(self) -> str:
        return "dense" if isinstance(self.matrix, np.ndarray) else "CSC"

    @property
    def reads(self) -> tuple[np.ndarray, ...]:
        matrix = self.matrix
        return (matrix, self.y) if self.layout == "dense" else (matrix.data, matrix.indices, self.y)

    def read_once(self) -> None:
        """Read every number of X, and every row number where it is sparse, in a plain loop."""
        for array in self.reads[:-1]:
            flat = array.reshape(-1, order="A")
            limits.move(flat.view(f"i{flat.itemsize}"), 0)  # sums of whole numbers, which need no order


def dense_problem(shape: tuple[int, int]) -> Problem:
    """Return a problem with normal numbers in every place of X."""
    rng = np.random.default_rng(0)
    return _planted(np.asfortranarray(rng.standard_normal(shape)), rng)


def sparse_problem(shape: tuple[int, int], density: float) -> Problem:
    """Return a problem with normal numbers in about as many places of X as `density` says, drawn evenly."""
    from scipy.sparse import csc_array

    rng = np.random.default_rng(0)
    places = np.unique(rng.integers(0, shape[0] * shape[1], round(density * shape[0] * shape[1])))
    rows, columns = (numbers.astype(np.int32) for numbers in np.divmod(places, shape[1]))
    return _planted(csc_array((rng.standard_normal(places.size), (rows, columns)), shape=shape), rng)


def _planted(matrix: Any, rng: np.random.Generator) -> Problem:
    """Return a problem whose y is X w and noise, with few weights in w."""
    n, features = matrix.shape
    weights = np.zeros(features)
    planted = rng.choice(features, round(PLANTED * features), replace=False)
    weights[planted] = rng.standard_normal(planted.size)
    signal = matrix @ weights
    y = signal + NOISE * signal.std() * rng.standard_normal(n)
    return Problem(matrix, y, float(np.abs(matrix.T @ y).max() / n / FRACTION))


def relative_gap(problem: Problem, weights: np.ndarray) -> float:
    """Return (objective - a lower bound on every objective) / (|y|^2 / n), at least 0 up to rounding.

    The bound is the dual objective 1/(2n) (|y|^2 - |y - u|^2) of the multiple u of the residual y - X w that is as near
    to it as |X^T u| <= n alpha allows. Weights of another shape, or not finite, have an infinite gap.
    """
    matrix, y, alpha = problem.matrix, problem.y, problem.alpha
    if np.shape(weights) != (matrix.shape[1],) or not np.isfinite(weights).all():
        return np.inf
    n = y.size
    residual = y - matrix @ weights
    objective = residual @ residual / (2 * n) + alpha * np.abs(weights).sum()
    dual = residual * min(1.0, n * alpha / np.abs(matrix.T @ residual).max())
    bound = (y @ y - (y - dual) @ (y - dual)) / (2 * n)
    return float((objective - bound) / (y @ y / n))


def loosest(problem: Problem, fit: Callable[[float], np.ndarray | None]) -> tuple[float, float] | None:
    """Return the largest of TOLERANCES with which `fit` gets to GAP, and the gap that it gets to.

    With none of them: the smallest, and the gap. None where `fit` returns None.
    """
    for tolerance in TOLERANCES:
        weights = fit(tolerance)
        if weights is None:
            return None
        gap = relative_gap(problem, weights)
        if gap <= GAP:
            break
    return tolerance, gap
