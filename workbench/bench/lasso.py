"""The Lasso by coordinate descent: problems with a known answer, their solvers, and how far each must be sent.

Every solver minimizes 1/(2n) |y - X w|^2 + alpha |w|_1 until the duality gap is at most GAP * |y|^2 / n, which is what
scikit-learn's `tol` means. A solver asked for a gap may stop well below it, or above: one that looks at optimality
conditions knows no gap. Each, ours too, is therefore given the largest tolerance with which its weights get there, as
judged here. All take X as it is and fit no intercept.
"""

import dataclasses
import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from workbench.bench.case import Case, Target
from workbench.bench.driver import all_threads
from workbench.bench.results import MISSED, Measurement, dimensions
from workbench.machines import plain_loops
from workbench.machines.timing import Contender, thread_counts
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

OURS = "workbench"
SHARE = 3  # one in so many rounds; a solver takes as long as many calls of an operator
PEER_TARGETS = {"scikit-learn": 1.0}  # of a peer's time, in times of ours
MANY = 100_000  # passes at most, more than any of these problems takes
GAP = 1e-6  # of |y|^2 / n
FRACTION = 20  # alpha is as much below the smallest for which all weights are 0
TOLERANCES = tuple(GAP * 2.0**k for k in range(10, -21, -1))  # what a solver is asked for, one after another

LEGEND = (
    "copy, and limit: a plain loop that reads X once, as many threads. gap: of |y - Xw|²/(2n) + alpha |w|₁, in units "
    "of |y|²/n, computed alike from every solver's weights. Each solver, ours too, has the largest tolerance "
    f"with which it gets there; the figures below tell which. {MISSED}: misses its target."
)


def relative_gap(matrix: Any, y: np.ndarray, alpha: float, weights: np.ndarray) -> float:
    """Return (objective - a lower bound on every objective) / (|y|^2 / n), at least 0 up to rounding.

    The bound is the dual objective 1/(2n) (|y|^2 - |y - u|^2) of the multiple u of the residual y - X w that is as near
    to it as |X^T u| <= n alpha allows. Weights of another shape, or not finite, have an infinite gap.
    """
    if np.shape(weights) != (matrix.shape[1],) or not np.isfinite(weights).all():
        return np.inf
    n = y.size
    residual = y - matrix @ weights
    objective = residual @ residual / (2 * n) + alpha * np.abs(weights).sum()
    dual = residual * min(1.0, n * alpha / np.abs(matrix.T @ residual).max())
    bound = (y @ y - (y - dual) @ (y - dual)) / (2 * n)
    return float((objective - bound) / (y @ y / n))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LassoCase(Case):
    """A problem to solve: X (n, features), float64, in columns or CSC; y (n,); and alpha.

    `settled` holds, by solver, the tolerance that it is asked for and the gap that it gets to.
    """

    alpha: float
    settled: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"Lasso, {dimensions(self.shape)} {self.layout}"

    def gap(self, weights: np.ndarray) -> float:
        """Return the duality gap of weights; see `relative_gap`."""
        return relative_gap(*self.inputs, self.alpha, weights)

    def expected(self) -> tuple:
        """Return nothing: results are judged by their duality gap."""
        return ()

    def problem(self, results: tuple, expected: tuple, least: float = 0.0) -> str:
        """Return what is wrong with a solver's weights, "" for nothing."""
        gap = self.gap(results[0])
        return "" if gap <= GAP else f"duality gap {gap:.3g}, at most {GAP:g} allowed"

    def tolerance(self, solver: str, fit: Callable[[float], np.ndarray]) -> float:
        """Return the largest of TOLERANCES with which `fit` gets to GAP at every thread count, else the smallest."""
        if solver not in self.settled:
            for tolerance in TOLERANCES:
                gaps = []
                for threads in thread_counts():
                    with all_threads(threads):
                        gaps.append(self.gap(fit(tolerance)))
                gap = max(gaps)
                if gap <= GAP:
                    break
            self.settled[solver] = tolerance, gap
        return self.settled[solver][0]

    def gaps(self) -> list[Measurement]:
        """Return how near to the minimum each solver gets."""
        return [
            Measurement(f"{self.name}, {name} asked for {tolerance:.2g}: duality gap", gap, "", GAP)
            for name, (tolerance, gap) in self.settled.items()
        ]


def case(matrix: Any, y: np.ndarray) -> LassoCase:
    """Return coordinate descent beside one pass over X, alpha a part of the smallest for which all weights are 0."""
    dense = isinstance(matrix, np.ndarray)
    alpha = float(np.abs(matrix.T @ y).max() / y.size / FRACTION)

    def read_once() -> None:
        for array in [matrix] if dense else [matrix.data, matrix.indices]:
            flat = array.reshape(-1, order="A")
            plain_loops.move(flat.view(f"i{flat.itemsize}"), 0)  # sums of whole numbers, which need no order

    def fit(tolerance: float) -> np.ndarray:
        return solve(matrix, y, Lp(alpha), tolerance=2 * tolerance).weights  # of |y|^2 / (2n)

    made = LassoCase(
        operator="Lasso",
        direction="coordinate descent",
        shape=matrix.shape,
        layout="dense" if dense else "CSC",
        arguments={"alpha": f"lambda_max / {FRACTION}", "gap": GAP},
        inputs=(matrix, y),
        run=lambda inputs, engine: (fit(made.tolerance(OURS, fit)),),
        results=("weights",),
        limits={"pass over X": read_once},
        targets=(Target("ours / pass over X"),),
        peer_targets=PEER_TARGETS,
        alpha=alpha,
    )
    return made


def solver(name: str, model: Callable[[float, float], Any]) -> Callable[[Case, int], Contender | None]:
    """Return what builds a peer of the Lasso from a model with `fit` and `coef_`, sent as far as it must be."""

    def build(case: Case, threads: int) -> Contender | None:
        if not isinstance(case, LassoCase):
            return None

        def fit(asked: Any) -> np.ndarray:
            asked.fit(*case.inputs)
            return np.asarray(asked.coef_)

        settled = model(case.alpha, case.tolerance(name, lambda tolerance: fit(model(case.alpha, tolerance))))
        return Contender(lambda: fit(settled), case.reads)

    return build


def _lasso(module: str, alpha: float, tolerance: float, **options: Any) -> Any:
    return import_module(module).Lasso(alpha=alpha, tol=tolerance, fit_intercept=False, **options)


MODELS = {
    # It also goes on until no weight moves by more than the tolerance.
    "scikit-learn": lambda alpha, tolerance: _lasso("sklearn.linear_model", alpha, tolerance, max_iter=MANY),
    "celer": lambda alpha, tolerance: _lasso("celer", alpha, tolerance),
    # It stops at a violation of the optimality conditions; a gap is about the square of one.
    "skglm": lambda alpha, tolerance: _lasso("skglm", alpha, alpha * math.sqrt(tolerance)),
}
MODULES = {"scikit-learn": "sklearn"}
SOLVERS = {name: ((MODULES.get(name, name),), solver(name, model)) for name, model in MODELS.items()}
