"""Solvers of penalized linear models: minimize f(X w) + penalty(w) for least squares or logistic loss f.

    subgradient descent             w - step_k (gradient + subgradient of the penalty), step_k = step / sqrt(k)
    thresholded gradient descent    the same with a constant step, and small weights then set to zero by `sparse_lp`
    proximal gradient               prox(w - step gradient, step)
    FISTA                           the same from a point further on, restarted where that leads astray
    coordinate descent              one weight, or one group, at a time, on a growing working set; compiled
    iterative hard thresholding     w - step gradient with all but the largest `nonzeros` weights set to zero

A solver is a generator: it takes a `Problem` and `Options` and yields an `Iterate`, the start first, then one after
each iteration. What it is worth, and when to stop, is measured by `solve`, at no cost to the solver's time. Sources are
named where the solvers are, in `descent` and `coordinate_descent`.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workbench.operator import REQUIRED, Arg, checked_choice
from workbench.solvers import descent
from workbench.solvers.coordinate_descent import coordinate_descent
from workbench.solvers.optimality import Meter
from workbench.solvers.penalties import ElasticNet, GroupLasso, Lp, Penalty
from workbench.solvers.problem import Iterate, Options, Problem, checked_vector, make_problem

TOLERANCE = Arg("tolerance", float, 1e-6, "when to stop", low=0.0, high=1.0, open=True)
ITERATIONS = Arg("max_iterations", int, REQUIRED, "iterations at most", low=0)
SECONDS = Arg("max_seconds", float, REQUIRED, "seconds at most", low=0.0)
_STEP = "above 0 and below 1e100; leave it out for 1 / the Lipschitz constant of the gradient"
OPTIONS = (
    Arg("step", float, REQUIRED, "length of a gradient step", low=0.0, high=1e100, open=True, words=_STEP),
    Arg("sparsity_threshold", float, REQUIRED, "weights up to this size become zero", low=0.0),
    Arg("nonzeros", int, REQUIRED, "weights that are kept", low=1),
    Arg("restart", str, REQUIRED, "when FISTA drops its momentum", choices=("gradient", "function", "none")),
)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a solver found and how it got there; entry k of an array is after k iterations, entry 0 the start.

    `measure` is "duality gap", the objective less a lower bound on all objectives, the best found so far; or
    "violation", max_j L_j |w_j - prox(w_j - g_j / L_j, 1 / L_j)| with the gradient g of the loss, which is 0 where no
    step of length 1 / L_j changes a weight. Coordinate descent takes the Lipschitz constant of each weight for L_j,
    other solvers 1 / step for all; iterative hard thresholding sets all but the largest weights to zero instead of the
    proximal operator.
    """

    weights: np.ndarray  # the last iterate, float64, shape (features,)
    objective: np.ndarray  # f(X w) + penalty(w)
    optimality: np.ndarray  # how far from a solution each iterate is at most, in terms of `measure`
    measure: str
    target: float  # the optimality at which the solver stops as converged
    seconds: np.ndarray  # of the solver's own work, without that of measuring
    nonzeros: np.ndarray  # weights that are not 0
    passes: int  # over the data or, for coordinate descent, over working sets
    converged: bool  # whether the last optimality is at most `target`
    solver: str

    @property
    def iterations(self) -> int:
        """Return how many iterations were made."""
        return self.objective.size - 1


@dataclasses.dataclass(frozen=True)
class Solver:
    """A generator of iterates, the options that it reads, and the iterations that it is given by default."""

    iterates: Callable[[Problem, Options], Iterator[Iterate]]
    options: tuple[str, ...]
    max_iterations: int = 10_000


SOLVERS = {
    "subgradient descent": Solver(descent.subgradient_descent, ("step",)),
    "thresholded gradient descent": Solver(descent.thresholded_gradient_descent, ("step", "sparsity_threshold")),
    "proximal gradient": Solver(descent.proximal_gradient, ("step",)),
    "FISTA": Solver(descent.fista, ("step", "restart")),
    "coordinate descent": Solver(coordinate_descent, (), max_iterations=1000),
    "iterative hard thresholding": Solver(descent.iterative_hard_thresholding, ("step", "nonzeros")),
}
_GRADIENT = ("subgradient descent", "thresholded gradient descent")


def solve(
    X: Any,
    y: Any,
    penalty: Penalty | None,
    *,
    loss: str = "least squares",
    solver: str = "coordinate descent",
    tolerance: float = 1e-6,
    max_iterations: int | None = None,
    max_seconds: float | None = None,
    start: Any = None,
    step: float | None = None,
    sparsity_threshold: float | None = None,
    nonzeros: int | None = None,
    restart: str | None = None,
) -> Result:
    """Minimize f(X w) + penalty(w), where f is 1/(2n) |y - u|^2 or 1/n sum log(1 + exp(-y_i u_i)).

    Without an intercept: center X and y first, or append a column of ones (which is then penalized).

    A solver stops as converged where the duality gap is at most tolerance times the objective of zero weights,
    |y|^2/(2n) or log 2 (scikit-learn's Lasso stops at twice that for the same number); or, where the penalty is not
    convex or is none at all, where the violation is at most tolerance times the largest element of the gradient at
    zero weights.

    Args:
        X: shape (n, features), float32, float64 or integers; or a `scipy.sparse` CSR or CSC matrix. It is computed with
            in float64, and not copied where it is a float64 array or CSC matrix already.
        y: shape (n,); for the logistic loss -1 or 1.
        penalty: one of `workbench.solvers.penalties`; None or alpha = 0 for none.
        loss: "least squares" or "logistic".
        solver: one of those at the top of this page.
        tolerance: above 0 and below 1.
        max_iterations: 10,000 if not given, for coordinate descent 1000; an iteration of coordinate descent solves the
            problem on one working set.
        max_seconds: of the solver's own time; looked at after each iteration.
        start: weights to start from, shape (features,); zeros if not given.
        step: of the solvers that take gradient steps: 1 / the Lipschitz constant of the loss's gradient if not given,
            and for iterative hard thresholding one that fits the weights that are kept.
        sparsity_threshold: of thresholded gradient descent, 1e-3 if not given: a larger one is sparser.
        nonzeros: of iterative hard thresholding, which has no other penalty: how many weights to keep.
        restart: of FISTA: "gradient" (where the step goes against the momentum), "function" (where the objective
            rises; the step is then repeated without momentum) or "none". If not given, "gradient" for convex
            penalties, else "function".

    Returns:
        A `Result`. Where the iterations end before it has converged, its `converged` says so; so it does where a step
        was too large and the objective overflowed.

    Raises:
        TypeError: X, y or start is no array of numbers, or `penalty` is not one that the solver knows.
        ValueError: X, y and start do not fit together or are not finite; an argument is outside its range; or the
            solver does not use an option that is given, or misses one that it needs.
    """
    options = {"step": step, "sparsity_threshold": sparsity_threshold, "nonzeros": nonzeros, "restart": restart}
    problem = make_problem(X, y, penalty, loss)
    return run(problem, solver, tolerance, max_iterations, max_seconds, start, **options)


def run(
    problem: Problem,
    solver: str = "coordinate descent",
    tolerance: float = 1e-6,
    max_iterations: int | None = None,
    max_seconds: float | None = None,
    start: Any = None,
    **options: Any,
) -> Result:
    """Run a solver on a problem and measure each iterate; arguments, errors and result as for `solve`."""
    chosen = SOLVERS[checked_choice("solver", solver, SOLVERS)]
    tolerance = TOLERANCE.check(tolerance)
    limit = chosen.max_iterations if max_iterations is None else ITERATIONS.check(max_iterations)
    seconds = math.inf if max_seconds is None else SECONDS.check(max_seconds)
    checked = _checked_options(solver, problem, options)
    start = np.zeros(problem.features) if start is None else start
    start = checked_vector("start", start, problem.features, "one weight a feature of X").copy()
    iterates = chosen.iterates(problem, Options(start, **checked))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a step too large: the objective shows it
        return _measured(problem, solver, iterates, tolerance, limit, seconds)


def _measured(
    problem: Problem, solver: str, iterates: Iterator[Iterate], tolerance: float, limit: int, max_seconds: float
) -> Result:
    meter = Meter(problem, tolerance, has_gap=problem.penalty.alpha > 0 and problem.penalty.convex)
    spent, seconds, objective, optimality, nonzeros = 0.0, [], [], [], []
    while True:
        begin = time.perf_counter()
        iterate = next(iterates, None)
        spent += time.perf_counter() - begin
        if iterate is None:  # no further step changes anything
            break
        last = iterate
        value, optimum = meter.read(iterate)
        seconds.append(spent)
        objective.append(value)
        optimality.append(optimum)
        nonzeros.append(int(np.count_nonzero(iterate.weights)))
        done = len(objective) - 1
        diverged = done > 0 and not math.isfinite(value)
        if optimum <= meter.target or diverged or done >= limit or spent >= max_seconds:
            break
    return Result(
        weights=last.weights.copy(),
        objective=np.array(objective),
        optimality=np.array(optimality),
        measure=meter.measure,
        target=meter.target,
        seconds=np.array(seconds),
        nonzeros=np.array(nonzeros),
        passes=len(objective) - 1 if last.passes is None else last.passes,
        converged=bool(optimality[-1] <= meter.target),
        solver=solver,
    )


def _checked_options(solver: str, problem: Problem, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are given, checked; refuse those that the solver would not read."""
    penalty, given = problem.penalty, {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name not in SOLVERS[solver].options:
            readers = " and ".join(repr(other) for other, each in SOLVERS.items() if name in each.options)
            raise ValueError(f"{name}={value!r}: solver={solver!r} does not use it; it is for {readers}")
    if solver == "iterative hard thresholding":
        given.setdefault("nonzeros", REQUIRED)
        if penalty.alpha > 0:
            raise ValueError(f"penalty={penalty!r}: solver={solver!r} limits the non-zeros instead; give penalty=None")
    if solver in _GRADIENT and isinstance(penalty, Lp) and penalty.p == math.inf:
        raise ValueError(f"p=inf: is a bound and has no gradient for solver={solver!r}; use 'proximal gradient'")
    if solver == "coordinate descent" and not isinstance(penalty, Lp | ElasticNet | GroupLasso):
        raise TypeError(f"penalty={penalty!r}: solver={solver!r} knows Lp, ElasticNet and GroupLasso; use 'FISTA'")
    return {arg.name: arg.check(given[arg.name]) for arg in OPTIONS if arg.name in given}
