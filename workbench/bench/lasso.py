"""The Lasso by coordinate descent: problems with a known answer, their solvers, and how far each must be sent.

Every solver minimizes 1/(2n) |y - X w|^2 + alpha |w|_1 until the duality gap is at most GAP * |y|^2 / n, which is what
scikit-learn's `tol` means. A solver asked for a gap may stop well below it, or above: one that looks at optimality
conditions knows no gap. Each, ours too, is therefore given the largest tolerance with which its weights get there, as
judged here. All take X as it is and fit no intercept.
"""

import dataclasses
import math
from collections.abc import Callable
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
NOISE = 0.3  # standard deviation, of that of X w
PLANTED = 0.01  # of the weights are not 0

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
                gap = max(self._gap(fit, tolerance, threads) for threads in thread_counts())
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

    def _gap(self, fit: Callable[[float], np.ndarray], tolerance: float, threads: int) -> float:
        with all_threads(threads):
            return relative_gap(self.problem_solved, fit(tolerance))


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


def _scikit_learn(problem: Problem, tolerance: float) -> Any:
    """Return scikit-learn's Lasso, which also goes on until no weight moves by more than the tolerance."""
    from sklearn.linear_model import Lasso

    return Lasso(alpha=problem.alpha, tol=tolerance, fit_intercept=False, max_iter=MANY)


def _celer(problem: Problem, tolerance: float) -> Any:
    from celer import Lasso

    return Lasso(alpha=problem.alpha, tol=tolerance, fit_intercept=False)


def _skglm(problem: Problem, tolerance: float) -> Any:
    """Return skglm's Lasso, which stops at a violation of the optimality conditions; a gap is about its square."""
    from skglm import Lasso

    return Lasso(alpha=problem.alpha, tol=problem.alpha * math.sqrt(tolerance), fit_intercept=False)


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


SOLVERS = {
    "scikit-learn": (("sklearn",), solver("scikit-learn", _scikit_learn)),
    "celer": (("celer",), solver("celer", _celer)),
    "skglm": (("skglm",), solver("skglm", _skglm)),
}
