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

from workbench.bench.case import Case, Limit, Target
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
            plain_loops.move(flat.view(f"i{flat.itemsize}"), 0)  # sums of whole numbers, which need no order


def make_problem(matrix: Any, y: np.ndarray) -> Problem:
    """Return the problem with alpha so large that few weights are not 0."""
    return Problem(matrix, y, float(np.abs(matrix.T @ y).max() / y.size / FRACTION))


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


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LassoCase(Case):
    """A problem to solve. `settled` holds, by solver, the tolerance that it is asked for and the gap it gets to."""

    problem_solved: Problem
    settled: dict[str, tuple[float, float]] = dataclasses.field(default_factory=dict)

    def expected(self) -> tuple:
        """Return nothing: results are judged by their duality gap."""
        return ()

    def problem(self, results: tuple, expected: tuple, least: float = 0.0) -> str:
        """Return what is wrong with a solver's weights, "" for nothing."""
        gap = relative_gap(self.problem_solved, results[0])
        return "" if gap <= GAP else f"duality gap {gap:.3g}, at most {GAP:g} allowed"

    def tolerance(self, solver: str, fit: Callable[[float], np.ndarray]) -> float:
        """Return the largest of TOLERANCES with which `fit` gets to GAP at every thread count, else the smallest."""
        if solver not in self.settled:
            for tolerance in TOLERANCES:
                gaps = []
                for threads in thread_counts():
                    with all_threads(threads):
                        gaps.append(relative_gap(self.problem_solved, fit(tolerance)))
                gap = max(gaps)
                if gap <= GAP:
                    break
            self.settled[solver] = tolerance, gap
        return self.settled[solver][0]

    def gaps(self) -> list[Measurement]:
        """Return how near to the minimum each solver gets."""
        return [
            Measurement(f"{self.problem_solved}, {name} asked for {tolerance:.2g}: duality gap", gap, "", GAP)
            for name, (tolerance, gap) in self.settled.items()
        ]


def case(problem: Problem) -> LassoCase:
    """Return coordinate descent on a problem, beside one pass over X."""

    def fit(tolerance: float) -> np.ndarray:
        return solve(problem.matrix, problem.y, Lp(problem.alpha), tolerance=2 * tolerance).weights  # of |y|^2 / (2n)

    made = LassoCase(
        operator="Lasso",
        direction="coordinate descent",
        shape=problem.matrix.shape,
        layout=problem.layout,
        arguments={"alpha": f"lambda_max / {FRACTION}", "gap": GAP},
        inputs=(problem.matrix, problem.y),
        run=lambda inputs, engine: (fit(made.tolerance(OURS, fit)),),
        results=("weights",),
        limits=(Limit(f"pass over X, {problem}", problem.read_once),),
        targets=(Target("ours / pass over X"),),
        peer_targets=PEER_TARGETS,
        problem_solved=problem,
    )
    return made


def solver(name: str, model: Callable[[Problem, float], Any]) -> Callable[[Case, int], Contender | None]:
    """Return what builds a peer of the Lasso from a model with `fit` and `coef_`, sent as far as it must be."""

    def build(case: Case, threads: int) -> Contender | None:
        if not isinstance(case, LassoCase):
            return None
        problem = case.problem_solved

        def fit(asked: Any) -> np.ndarray:
            asked.fit(problem.matrix, problem.y)
            return np.asarray(asked.coef_)

        settled = model(problem, case.tolerance(name, lambda tolerance: fit(model(problem, tolerance))))
        return Contender(lambda: fit(settled), case.reads)

    return build


def _lasso(module: str, options: Callable[[Problem, float], dict]) -> Callable[[Problem, float], Any]:
    """Return what makes the Lasso of a module, with the options that a problem and a tolerance ask for."""

    def model(problem: Problem, tolerance: float) -> Any:
        return import_module(module).Lasso(alpha=problem.alpha, fit_intercept=False, **options(problem, tolerance))

    return model


MODELS = {
    # It also goes on until no weight moves by more than the tolerance.
    "scikit-learn": _lasso("sklearn.linear_model", lambda problem, tolerance: {"tol": tolerance, "max_iter": MANY}),
    "celer": _lasso("celer", lambda problem, tolerance: {"tol": tolerance}),
    # It stops at a violation of the optimality conditions; a gap is about the square of one.
    "skglm": _lasso("skglm", lambda problem, tolerance: {"tol": problem.alpha * math.sqrt(tolerance)}),
}
MODULES = {"scikit-learn": "sklearn"}
SOLVERS = {name: ((MODULES.get(name, name),), solver(name, model)) for name, model in MODELS.items()}
