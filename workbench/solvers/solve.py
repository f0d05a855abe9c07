"""Solvers of penalized linear models: minimize f(X w) + penalty(w) for least squares, logistic or multinomial loss f.

    subgradient descent             w - step_k (gradient + subgradient of the penalty), step_k = step / sqrt(k)
    thresholded gradient descent    the same with a constant step, and small weights then set to zero by `sparse_lp`
    proximal gradient               prox(w - step gradient, step); a projection for the penalty `L1Ball`
    FISTA                           proximal gradient with momentum, which a restart drops where it does harm
    coordinate descent              one weight, or one group, at a time, on a growing working set; compiled
    iterative hard thresholding     w - step gradient with all but the largest `nonzeros` weights set to zero

A solver is a generator: it takes a `Problem` and `Options` and yields an `Iterate`, the start first, then one after
each iteration. `solve` measures each iterate and decides when to stop; the solver's time excludes this work. The
modules of the solvers, `descent` and `coordinate_descent`, name their sources.
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
from workbench.solvers.penalties import ElasticNet, GroupLasso, L1Ball, Lp, Penalty
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
    """Result of a solver and the way to it. Entry k of an array is after k iterations; entry 0 is the start.

    `measure` is "duality gap" or "violation". The duality gap is the objective minus the best lower bound on all
    objectives found so far. The violation is max_j L_j |w_j - prox(w_j - g_j / L_j, 1 / L_j)|, g the gradient of the
    loss; it is 0 if no step of length 1 / L_j changes a weight. L_j is the Lipschitz constant of weight j for
    coordinate descent, else 1 / step. Iterative hard thresholding uses its own thresholding in place of prox.
    """

    weights: np.ndarray  # the last iterate, float64, shape (features,), or (classes, features) for several classes
    objective: np.ndarray  # f(X w) + penalty(w)
    optimality: np.ndarray  # distance of each iterate from a solution, by `measure`
    measure: str
    target: float  # the solver has converged when the optimality is at most this
    seconds: np.ndarray  # the solver's own time since the start, without measuring
    nonzeros: np.ndarray  # number of weights that are not 0
    passes: int  # passes over the data or, for coordinate descent, over working sets
    converged: bool  # whether the last optimality is at most `target`
    solver: str
    intercept: Any = 0.0  # float, or shape (classes,); 0 if none was asked for

    @property
    def iterations(self) -> int:
        """Return the number of iterations."""
        return self.objective.size - 1


@dataclasses.dataclass(frozen=True)
class Solver:
    """A generator of iterates, the options that it uses, and its default limit of iterations."""

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
    intercept: bool = False,
    sample_weight: Any = None,
) -> Result:
    """Minimize f(X w + b) + penalty(w), where f is 1/(2n) |y - u|^2 or 1/n sum log(1 + exp(-y_i u_i)).

    For several classes, f is the multinomial loss, 1/n sum_i (log sum_k exp(u_ik) - u_i,y_i), and the penalty is summed
    over the weights of all classes; `GroupLasso(alpha, size=classes)` makes groups of the weights of one feature.

    With a convex penalty, a solver has converged when the duality gap is at most tolerance times the objective at zero
    weights, |y|^2/(2n) or log 2 (scikit-learn's Lasso stops at twice this gap for the same tolerance). With another
    penalty or none, it has converged when the violation is at most tolerance times the largest element of the gradient
    at zero weights. If the tolerance asks for a gap below the rounding error of the objective, the violation must be
    small as well: at most the larger of tolerance and 1e-13 times that element.

    Args:
        X: shape (n, features), float32, float64 or integers; or a `scipy.sparse` CSR or CSC matrix. Computations are in
            float64. A float64 array or CSC matrix is not copied.
        y: shape (n,); -1 or 1 for the logistic loss; 0, 1, ..., classes - 1 for the multinomial loss.
        penalty: one of `workbench.solvers.penalties`; None or alpha = 0 means no penalty.
        loss: "least squares", "logistic" or "multinomial".
        solver: a name from the list at the top of this module; coordinate descent has no multinomial loss.
        tolerance: above 0 and below 1.
        max_iterations: default 10,000; 1000 for coordinate descent, whose iterations each solve the problem on one
            working set.
        max_seconds: limit of the solver's own time, checked after each iteration.
        start: weights to start from, shaped as the result's; default zeros.
        step: length of a gradient step, not for coordinate descent; default 1 / the Lipschitz constant of the loss's
            gradient. Iterative hard thresholding by default chooses a step that suits the weights it keeps.
        sparsity_threshold: only for thresholded gradient descent; default 1e-3. A larger value gives sparser weights.
        nonzeros: number of weights to keep; only for iterative hard thresholding, which takes no penalty.
        restart: when FISTA drops its momentum: "gradient" (when the step goes against the momentum), "function" (when
            the objective rises; the step is then repeated without momentum) or "none". The default is "gradient" for
            convex penalties, else "function".
        intercept: whether to add the best number b to all predictions, or one for each class. It is not penalized.
        sample_weight: shape (n,), at least 0: how often a row counts. Means over rows become weighted means.

    Returns:
        A `Result`. Its `converged` is False if the solver ended before it converged, or if the step was too large and
        the objective overflowed.

    Raises:
        TypeError: X, y, start or sample_weight is not an array of numbers, or the solver does not support the penalty
            or the loss.
        ValueError: X, y, start and sample_weight do not fit together or are not finite; the loss at start overflows; an
            argument is outside its range; the solver does not use a given option, or needs an option that is missing;
            a class has no row, or an intercept is asked for where all rows have one class.
    """
    options = {"step": step, "sparsity_threshold": sparsity_threshold, "nonzeros": nonzeros, "restart": restart}
    problem = make_problem(X, y, penalty, loss, intercept, sample_weight)
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
    """Run a solver on a problem and measure each iterate; arguments, errors and result are as for `solve`."""
    chosen = SOLVERS[checked_choice("solver", solver, SOLVERS)]
    tolerance = TOLERANCE.check(tolerance)
    limit = chosen.max_iterations if max_iterations is None else ITERATIONS.check(max_iterations)
    seconds = math.inf if max_seconds is None else SECONDS.check(max_seconds)
    checked = _checked_options(solver, problem, options)
    start = _checked_start(problem, start)
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = problem.predictions(start) if start.any() else problem.nothing
        if not math.isfinite(problem.loss.value(predictions)):
            raise ValueError("start: the loss there is beyond the range of float64; give smaller weights")
    iterates = chosen.iterates(problem, Options(start, predictions, tolerance, **checked))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the objective shows a step that is too large
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
    weights = last.weights.copy()
    return Result(
        weights=weights if problem.loss.classes == 1 else weights.reshape(-1, problem.loss.classes).T,
        objective=np.array(objective),
        optimality=np.array(optimality),
        measure=meter.measure,
        target=meter.target,
        seconds=np.array(seconds),
        nonzeros=np.array(nonzeros),
        passes=len(objective) - 1 if last.passes is None else last.passes,
        converged=bool(optimality[-1] <= meter.target and math.isfinite(objective[-1])),
        solver=solver,
        intercept=problem.intercept(weights),
    )


def _checked_start(problem: Problem, start: Any) -> np.ndarray:
    """Return a copy of the weights to start from, as the problem's vector of weights."""
    classes = problem.loss.classes
    if start is None:
        return np.zeros(problem.size)
    if classes == 1:
        return checked_vector("start", start, problem.size, "one weight per feature of X").copy()
    shape = classes, problem.size // classes
    if np.shape(start) != shape:
        raise ValueError(f"start has shape {np.shape(start)}: must be {shape}, (classes, features)")
    return checked_vector("start", np.asarray(start).T.reshape(-1), problem.size, "").copy()


def _checked_options(solver: str, problem: Problem, options: dict[str, Any]) -> dict[str, Any]:
    """Return the given options, checked; raise ValueError if the solver does not use one of them."""
    penalty, given = problem.penalty, {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if name not in SOLVERS[solver].options:
            readers = " and ".join(repr(other) for other, each in SOLVERS.items() if name in each.options)
            raise ValueError(f"{name}={value!r}: solver={solver!r} does not use it; it is for {readers}")
    if solver == "iterative hard thresholding":
        given.setdefault("nonzeros", REQUIRED)
        if penalty.alpha > 0:
            raise ValueError(f"penalty={penalty!r}: solver={solver!r} limits the non-zeros instead; give penalty=None")
    if solver in _GRADIENT and (isinstance(penalty, L1Ball) or getattr(penalty, "p", 1.0) == math.inf):
        name = "p=inf" if isinstance(penalty, Lp) else f"penalty={penalty!r}"
        raise ValueError(f"{name}: is a bound and has no gradient for solver={solver!r}; use 'proximal gradient'")
    if solver == "coordinate descent" and problem.loss.classes > 1:
        raise TypeError(f"loss={problem.loss.name!r}: solver={solver!r} does not support it; use 'FISTA'")
    if solver == "coordinate descent" and not isinstance(penalty, Lp | ElasticNet | GroupLasso):
        raise TypeError(f"penalty={penalty!r}: solver={solver!r} supports Lp, ElasticNet and GroupLasso; use 'FISTA'")
    return {arg.name: arg.check(given[arg.name]) for arg in OPTIONS if arg.name in given}
