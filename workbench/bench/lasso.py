"""Time the Lasso by coordinate descent beside other solvers, each with the tolerance that it needs.

Every solver minimizes 1/(2n) |y - X w|^2 + alpha |w|_1 until the duality gap is at most GAP * |y|^2 / n, the meaning of
scikit-learn's `tol`. A solver may stop well below the gap that it is asked for, or above it if it checks optimality
conditions instead. So each solver, ours too, gets the largest tolerance with which its weights reach the gap, as
computed here. All solvers take X as it is and fit no intercept.
"""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from workbench.bench.case import Case, Target
from workbench.bench.driver import WrongResult, all_threads
from workbench.bench.results import MISSED, Measurement, dimensions
from workbench.machines import plain_loops
from workbench.machines.timing import Contender, measure, thread_counts
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

OURS = "workbench"
SHARE = 3  # one round in so many, because a solver takes as long as many calls of an operator
PEER_TARGETS = {"scikit-learn": 1.0}  # peer's time / our time, at least
MANY = 100_000  # passes at most; no problem here needs as many
GAP = 1e-6  # largest duality gap, in units of |y|^2 / n
FRACTION = 20  # alpha is the smallest alpha for which all weights are 0, divided by this
TIGHT, EQUAL = 1e-12, 1e-6  # tolerance of the estimators that are compared, and how far their weights may be apart
FOLD_ALPHAS = 50  # alphas in a cross-validation
ESTIMATED = {"tall": (1200, 200), "wide": (200, 900), "sparse": ((600, 500), 0.03)}  # X of the estimators, and density
TOLERANCES = tuple(GAP * 2.0**k for k in range(10, -21, -1))  # tried one after another

LEGEND = (
    "copy, and limit: a plain loop that reads X once, as many threads. gap: of |y - Xw|²/(2n) + alpha |w|₁, in units "
    "of |y|²/n, computed alike from every solver's weights. Each solver, ours too, has the largest tolerance "
    f"with which it gets there; the figures below tell which. {MISSED}: misses its target."
)


def relative_gap(matrix: Any, y: np.ndarray, alpha: float, weights: np.ndarray) -> float:
    """Return (objective - a lower bound on every objective) / (|y|^2 / n), at least 0 up to rounding.

    The bound is the dual objective 1/(2n) (|y|^2 - |y - u|^2), where u is the residual y - X w, scaled down until
    |X^T u| <= n alpha. Weights of a wrong shape, or not finite, have an infinite gap.
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
    """A Lasso problem: X (n, features), float64, column-major or CSC; y (n,); and alpha.

    `settled` holds, by solver, the tolerance that it is asked for and the gap that it reaches.
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
        """Return (), because results are checked by their duality gap."""
        return ()

    def problem(self, results: tuple, expected: tuple, least: float = 0.0) -> str:
        """Return what is wrong with a solver's weights, "" if nothing."""
        gap = self.gap(results[0])
        return "" if gap <= GAP else f"duality gap {gap:.3g}, at most {GAP:g} allowed"

    def tolerance(self, solver: str, fit: Callable[[float], np.ndarray]) -> float:
        """Return the largest of TOLERANCES with which `fit` reaches GAP at every thread count, else the smallest."""
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
        """Return the duality gap that each solver reaches."""
        return [
            Measurement(f"{self.name}, {name} asked for {tolerance:.2g}: duality gap", gap, "", GAP)
            for name, (tolerance, gap) in self.settled.items()
        ]


def case(matrix: Any, y: np.ndarray) -> LassoCase:
    """Return coordinate descent as a case beside one pass over X; see FRACTION for alpha."""
    dense = isinstance(matrix, np.ndarray)
    alpha = float(np.abs(matrix.T @ y).max() / y.size / FRACTION)

    def read_once() -> None:
        for array in [matrix] if dense else [matrix.data, matrix.indices]:
            flat = array.reshape(-1, order="A")
            plain_loops.move(flat.view(f"i{flat.itemsize}"), 0)  # integer sums, whose order does not matter

    def fit(tolerance: float) -> np.ndarray:
        return solve(matrix, y, Lp(alpha), tolerance=2 * tolerance).weights  # in units of |y|^2 / (2n)

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


def estimator_ratios(problems: dict[str, tuple[Any, np.ndarray]], rounds: int) -> tuple[Measurement, ...]:
    """Return our estimators' times over scikit-learn's, for one fit and for five folds of FOLD_ALPHAS alphas.

    Both fit an intercept, with tolerances that allow the same gap, one after the other in every round.

    Raises:
        WrongResult: with tight tolerances, the weights differ by more than EQUAL times the largest of scikit-learn's.
            Nothing has been timed then.
    """
    pairs = {
        f"{name}, {what}": pair for name, problem in problems.items() for what, pair in _estimators(*problem).items()
    }
    for name, fit in pairs.items():
        theirs, mine = (each.coef_ for each in fit(TIGHT))
        apart = np.abs(mine - theirs).max() / np.abs(theirs).max()
        if not apart <= EQUAL:
            raise WrongResult(f"estimator, {name}: weights differ by {apart:.3g} of the largest, at most {EQUAL:g}")
    found = []
    for name, fit in pairs.items():
        theirs, mine = (Contender(partial(model.fit, *fit.args[-2:])) for model in fit(GAP))
        times = measure({"theirs": theirs, "ours": mine}, rounds)
        ratio = times["ours"].seconds / times["theirs"].seconds
        found.append(Measurement(f"estimator, {name}: ours / scikit-learn", ratio, "", 1.0))
    return tuple(found)


def _estimators(matrix: Any, y: np.ndarray) -> dict[str, partial]:
    """Return functions of a tolerance that return scikit-learn's estimator and ours, fitted."""
    sklearn, ours = import_module("sklearn.linear_model"), import_module("workbench.solvers.estimators")
    most = float(np.abs(matrix.T @ (y - y.mean())).max() / y.size)
    alphas = most * np.geomspace(1, 1 / FRACTION, FOLD_ALPHAS)
    one = sklearn.Lasso(most / FRACTION, max_iter=MANY), ours.LpRegressor(most / FRACTION)
    folds = sklearn.LassoCV(alphas=alphas, max_iter=MANY), ours.LpRegressorCV(alphas=alphas)
    return {"one fit": partial(_fitted, *one, matrix, y), "five folds": partial(_fitted, *folds, matrix, y)}


def _fitted(theirs: Any, mine: Any, matrix: Any, y: np.ndarray, tolerance: float) -> tuple[Any, Any]:
    """Fit both until the gap is at most `tolerance`, in units of |y|^2 / n; ours is told in units of |y|^2 / (2n)."""
    return theirs.set_params(tol=tolerance).fit(matrix, y), mine.set_params(tol=2 * tolerance).fit(matrix, y)


def solver(name: str, model: Callable[[float, float], Any]) -> Callable[[Case, int], Contender | None]:
    """Return the `build` of a Lasso peer: a model with `fit` and `coef_`, and the tolerance that reaches GAP."""

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
    # It also continues until no weight changes by more than the tolerance.
    "scikit-learn": lambda alpha, tolerance: _lasso("sklearn.linear_model", alpha, tolerance, max_iter=MANY),
    "celer": lambda alpha, tolerance: _lasso("celer", alpha, tolerance),
    # Its tolerance is for the violation of optimality conditions; the gap is about the square of that.
    "skglm": lambda alpha, tolerance: _lasso("skglm", alpha, alpha * math.sqrt(tolerance)),
}
MODULES = {"scikit-learn": "sklearn"}
SOLVERS = {name: ((MODULES.get(name, name),), solver(name, model)) for name, model in MODELS.items()}
