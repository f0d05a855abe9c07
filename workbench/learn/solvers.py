"""Solvers of penalized linear models: minimize f(X w) + penalty(w) for least squares or logistic loss f.

    subgradient descent             w - step_k (gradient + subgradient of the penalty), step_k = step / sqrt(k)
    thresholded gradient descent    the same with a constant step, and small weights then set to zero by `sparse_lp`
    proximal gradient               prox(w - step gradient, step)
    FISTA                           the same from a point further on, restarted where that leads astray
    coordinate descent              one weight, or one group, at a time, on a growing working set; compiled
    iterative hard thresholding     w - step gradient with all but the largest `nonzeros` weights set to zero

The first two make no use of the proximal operator: for p < 1, where the slope of the penalty has no bound near zero, a
step from there may lead far away.

A solver is a generator: it takes a `Problem` and `Options` and yields an `Iterate`, the start first, then one after
each iteration. What it is worth, and when to stop, is measured by `solve`, at no cost to the solver's time.

Sources: Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm for linear inverse problems, 2009;
O'Donoghue and Candes, Adaptive restart for accelerated gradient schemes, 2015; Blumensath and Davies, Iterative hard
thresholding for compressed sensing, 2009, and Normalized iterative hard thresholding: guaranteed stability and
performance, 2010; Lee, Sun and Saunders, Proximal Newton-type methods for minimizing composite functions, 2014;
Massias, Gramfort and Salmon, Celer: a fast solver for the Lasso with dual extrapolation, 2018, for working sets.
"""

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workbench.learn import coordinate
from workbench.learn.losses import LOSSES, Loss, column_squares, lipschitz, stretch_squares
from workbench.operator import REQUIRED, Arg
from workbench.sparse_dropout.inputs import is_sparse
from workbench.sparse_lp import sparse_lp
from workbench.sparse_lp.penalties import ElasticNet, GroupLasso, Lp, Penalty
from workbench.sparse_lp.threshold import lp_threshold

GAP, VIOLATION = "duality gap", "violation"
RESTARTS = ("gradient", "function", "none")

FIRST_SET = 100  # features of the first working set, at least
PASSES = 200  # over a working set, at most, before the whole problem is looked at again
INNER = 0.1  # of the largest violation of the whole problem, to which a working set is solved
NEWTON_STEPS = 10  # on a working set, at most
SHORTEST = 1e-10  # part of a Newton step
ARMIJO = 0.01  # of the decrease that the slope promises, at least
ROUNDING = 1e-12  # of an eigenvalue
FLATTEST = 1e-6  # second derivative of a loss, below which it is not followed
DUAL_RANGE = -28.0  # logarithm of the smallest share by which a dual point is scaled down
DUAL_STEPS = 10  # of a golden section

TOLERANCE = Arg("tolerance", float, 1e-6, "when to stop", low=0.0, high=1.0, open=True)
ITERATIONS = Arg("max_iterations", int, REQUIRED, "iterations at most", low=0)
SECONDS = Arg("max_seconds", float, REQUIRED, "seconds at most", low=0.0)
STEP = Arg("step", float, REQUIRED, "length of a gradient step", low=0.0)
THRESHOLD = Arg("sparsity_threshold", float, 1e-3, "weights up to this size become zero", low=0.0)
NONZEROS = Arg("nonzeros", int, REQUIRED, "weights that are kept", low=1)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a solver found and how it got there; entry k of an array is after k iterations, entry 0 the start.

    Attributes:
        weights: the last iterate, float64, shape (features,).
        objective: f(X w) + penalty(w).
        optimality: how far from a solution each iterate is at most, in terms of `measure`.
        measure: "duality gap", the objective less a lower bound on all objectives, the best found so far; or
            "violation", max_j L_j |w_j - prox(w_j - g_j / L_j, 1 / L_j)| with the gradient g of the loss, which is 0
            where no step of length 1 / L_j changes a weight. Coordinate descent takes the Lipschitz constant of each
            weight for L_j, other solvers 1 / step for all; iterative hard thresholding sets all but the largest weights
            to zero instead of the proximal operator.
        target: the optimality at which the solver stops as converged.
        seconds: of the solver's own work, without that of measuring.
        nonzeros: weights that are not 0.
        passes: over the data or, for coordinate descent, over working sets.
        converged: whether the last optimality is at most `target`.
        solver: its name.
    """

    weights: np.ndarray
    objective: np.ndarray
    optimality: np.ndarray
    measure: str
    target: float
    seconds: np.ndarray
    nonzeros: np.ndarray
    passes: int
    converged: bool
    solver: str

    @property
    def iterations(self) -> int:
        """Return how many iterations were made."""
        return self.objective.size - 1


@dataclasses.dataclass(frozen=True)
class Problem:
    """A loss of predictions X w plus a penalty on w; `matrix` is X, a float64 array or CSC array (n, features)."""

    matrix: Any
    loss: Loss
    penalty: Penalty
    squares: np.ndarray  # of each column, summed: shape (features,)

    @property
    def features(self) -> int:
        return self.matrix.shape[1]

    @functools.cached_property
    def lipschitz(self) -> float:
        """Return the Lipschitz constant of the loss's gradient by w; 1 for an X of zeros, where any step will do."""
        return lipschitz(self.matrix, self.loss) or 1.0

    @property
    def coordinate_lipschitz(self) -> np.ndarray:
        """Return the Lipschitz constant of the loss's derivative by each weight."""
        return self.loss.curvature * self.squares / self.matrix.shape[0]

    def with_penalty(self, penalty: Penalty) -> "Problem":
        """Return the problem with another penalty; what is known of the loss stays known."""
        other = dataclasses.replace(self, penalty=penalty)
        if "lipschitz" in self.__dict__:
            other.__dict__["lipschitz"] = self.lipschitz
        return other

    def predictions(self, weights: np.ndarray) -> np.ndarray:
        """Return X w."""
        return self.matrix @ weights

    def gradient(self, predictions: np.ndarray) -> np.ndarray:
        """Return the gradient of the loss by w."""
        return self.matrix.T @ self.loss.gradient(predictions)

    def objective(self, weights: np.ndarray, predictions: np.ndarray) -> float:
        """Return loss plus penalty."""
        return self.loss.value(predictions) + self.penalty.value(weights)


@dataclasses.dataclass(frozen=True)
class Options:
    """What a solver is told besides the problem; None is for it to choose, and `start` is its own to change."""

    start: np.ndarray
    step: float | None = None
    sparsity_threshold: float | None = None
    nonzeros: int | None = None
    restart: str | None = None
    tolerance: float = 1e-6


@dataclasses.dataclass(frozen=True)
class Iterate:
    """Weights, and what the solver knows of them anyway.

    Predictions, the gradient of the loss, the violation, the step that a violation is measured with, the passes so far.
    """

    weights: np.ndarray
    predictions: np.ndarray | None = None
    gradient: np.ndarray | None = None
    violation: float | None = None
    step: float | None = None
    passes: int | None = None


@dataclasses.dataclass(frozen=True)
class Solver:
    """A generator of iterates, the options that it reads, and the iterations that it is given by default."""

    iterates: Callable[[Problem, Options], Iterator[Iterate]]
    options: tuple[str, ...]
    max_iterations: int


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
        penalty: one of `workbench.sparse_lp.penalties`; None or alpha = 0 for none.
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
        TypeError, ValueError: an argument is not what is said above.
    """
    options = {
        "step": step,
        "sparsity_threshold": sparsity_threshold,
        "nonzeros": nonzeros,
        "restart": restart,
    }
    problem = make_problem(X, y, penalty, loss)
    return run(problem, solver, tolerance, max_iterations, max_seconds, start, options)


def make_problem(X: Any, y: Any, penalty: Penalty | None, loss: str) -> Problem:
    """Return a checked problem, for `run`; arguments and errors as for `solve`."""
    _check_choice("loss", loss, LOSSES)
    penalty = Lp(0.0) if penalty is None else penalty
    if not isinstance(getattr(penalty, "alpha", None), float) or not callable(getattr(penalty, "prox", None)):
        raise TypeError(f"penalty={penalty!r}: must be a penalty such as Lp(alpha=0.1), or None for none")
    matrix = _checked_matrix(X)
    squares = column_squares(matrix)
    _check_finite(matrix, squares)
    targets = _checked_targets(y, matrix.shape[0], loss)
    return Problem(matrix, LOSSES[loss](targets), penalty, squares)


def run(
    problem: Problem,
    solver: str,
    tolerance: float,
    max_iterations: int | None,
    max_seconds: float | None,
    start: Any,
    options: dict[str, Any],
) -> Result:
    """Run a solver on a problem and measure each iterate; arguments, errors and result as for `solve`."""
    _check_choice("solver", solver, SOLVERS)
    chosen = SOLVERS[solver]
    tolerance = TOLERANCE.check(tolerance)
    limit = chosen.max_iterations if max_iterations is None else ITERATIONS.check(max_iterations)
    seconds = math.inf if max_seconds is None else SECONDS.check(max_seconds)
    checked = _checked_options(solver, problem, options)
    start = _checked_start(start, problem.features)
    iterates = chosen.iterates(problem, Options(start, tolerance=tolerance, **checked))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # a step too large: the objective shows it
        return _measured(problem, solver, iterates, tolerance, limit, seconds)


def _measured(
    problem: Problem, solver: str, iterates: Iterator[Iterate], tolerance: float, limit: int, max_seconds: float
) -> Result:
    meter = _Meter(problem, tolerance, has_gap=problem.penalty.alpha > 0 and problem.penalty.convex)
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


class _Meter:
    """Measure iterates: objective and duality gap or violation, and the target of the latter."""

    def __init__(self, problem: Problem, tolerance: float, has_gap: bool) -> None:
        self.problem = problem
        self.measure = GAP if has_gap else VIOLATION
        self.bound = 0.0  # both losses are at least 0, so every objective is
        zero = np.zeros(problem.matrix.shape[0])
        if has_gap:
            self.target = tolerance * problem.loss.value(zero)
        else:
            self.target = tolerance * float(np.abs(problem.gradient(zero)).max())

    def read(self, iterate: Iterate) -> tuple[float, float]:
        """Return the objective and the optimality."""
        problem, weights = self.problem, iterate.weights
        predictions = problem.predictions(weights) if iterate.predictions is None else iterate.predictions
        value = problem.objective(weights, predictions)
        if self.measure == VIOLATION and iterate.violation is not None:
            return value, iterate.violation
        gradient = problem.gradient(predictions) if iterate.gradient is None else iterate.gradient
        if self.measure == VIOLATION:
            return value, _violation(problem, weights, gradient, iterate.step)
        if math.isfinite(value):
            target = value - self.target
            self.bound = max(self.bound, dual_value(problem, problem.loss.gradient(predictions), gradient, target))
        return value, max(value - self.bound, 0.0) if math.isfinite(value) else math.inf


def dual_value(problem: Problem, dual: np.ndarray, gradient: np.ndarray, enough: float = math.inf) -> float:
    """Return a lower bound on every objective, the dual objective of the best multiple of a dual point found.

    max_s  -loss*(s dual) - penalty*(-s X^T dual),  0 <= s <= 1

    Args:
        problem: with a convex penalty.
        dual: the derivative of the loss by each prediction, shape (n,).
        gradient: X^T dual, shape (features,).
        enough: where the largest possible s gives that much, no better one is looked for.
    """

    def value(s: float) -> float:
        return -problem.loss.conjugate(s * dual) - problem.penalty.conjugate(-s * gradient)

    def value_without(exponent: float) -> float:
        return value(most * -math.expm1(exponent) if exponent < 0 else 0.0)

    most = problem.penalty.feasible_scale(-gradient)
    best = value(most)
    if best >= enough or problem.penalty.conjugate(-most * gradient) == 0:
        return best
    # The best s is often next to the largest, so what is looked for is the logarithm of the share that is missing.
    low, high, ratio = DUAL_RANGE, 0.0, (math.sqrt(5) - 1) / 2
    inner, outer = high + ratio * (low - high), low + ratio * (high - low)
    at_inner, at_outer = value_without(inner), value_without(outer)
    for _ in range(DUAL_STEPS):  # the function is concave in s, and -inf where s is too large
        if at_outer >= at_inner:
            low, inner, at_inner = inner, outer, at_outer
            outer = low + ratio * (high - low)
            at_outer = value_without(outer)
        else:
            high, outer, at_outer = outer, inner, at_inner
            inner = high + ratio * (low - high)
            at_inner = value_without(inner)
    return max(best, at_inner, at_outer)


def _violation(problem: Problem, weights: np.ndarray, gradient: np.ndarray, step: float) -> float:
    moved = weights - problem.penalty.prox(weights - step * gradient, step)
    return float(np.abs(moved).max()) / step


def _subgradient_descent(problem: Problem, options: Options) -> Iterator[Iterate]:
    step, weights, taken = options.step or 1 / problem.lipschitz, options.start, 0
    while True:
        predictions = problem.predictions(weights)
        gradient = problem.gradient(predictions)
        yield Iterate(weights, predictions, gradient, step=step)
        taken += 1
        weights = weights - step / math.sqrt(taken) * (gradient + problem.penalty.subgradient(weights))


def _thresholded_gradient_descent(problem: Problem, options: Options) -> Iterator[Iterate]:
    step, weights, penalty = options.step or 1 / problem.lipschitz, options.start, problem.penalty
    alpha, p = (penalty.alpha, penalty.p) if isinstance(penalty, Lp) else (0.0, 1.0)
    while True:
        predictions = problem.predictions(weights)
        gradient = problem.gradient(predictions)
        yield Iterate(weights, predictions, gradient, step=step)
        weights = weights - step * (gradient + penalty.subgradient(weights))
        sparse_lp(weights, alpha, p, options.sparsity_threshold)


def _proximal_gradient(problem: Problem, options: Options) -> Iterator[Iterate]:
    step, weights = options.step or 1 / problem.lipschitz, options.start
    while True:
        predictions = problem.predictions(weights)
        gradient = problem.gradient(predictions)
        following = problem.penalty.prox(weights - step * gradient, step)
        yield Iterate(weights, predictions, gradient, float(np.abs(following - weights).max()) / step)
        weights = following


def _fista(problem: Problem, options: Options) -> Iterator[Iterate]:
    step = options.step or 1 / problem.lipschitz
    restart = options.restart or ("gradient" if problem.penalty.convex else "function")
    weights = ahead = options.start
    momentum, value = 1.0, math.inf
    while True:
        yield Iterate(weights, step=step)
        following = _proximal_step(problem, ahead, step)
        if restart == "function":
            following_value = problem.objective(following, problem.predictions(following))
            if following_value > value and ahead is not weights:
                momentum, following = 1.0, _proximal_step(problem, weights, step)
                following_value = problem.objective(following, problem.predictions(following))
            value = following_value
        elif restart == "gradient" and (ahead - following) @ (following - weights) > 0:
            momentum = 1.0
        later = (1 + math.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / later * (following - weights)
        weights, momentum = following, later


def _proximal_step(problem: Problem, point: np.ndarray, step: float) -> np.ndarray:
    gradient = problem.gradient(problem.predictions(point))
    return problem.penalty.prox(point - step * gradient, step)


def _iterative_hard_thresholding(problem: Problem, options: Options) -> Iterator[Iterate]:
    weights = _largest(options.start, options.nonzeros)
    while True:
        predictions = problem.predictions(weights)
        gradient = problem.gradient(predictions)
        step = options.step or _normalized_step(problem, weights, gradient, options.nonzeros)
        following = _largest(weights - step * gradient, options.nonzeros)
        while options.step is None and _is_too_long(problem, step, weights, following):
            step /= 2
            following = _largest(weights - step * gradient, options.nonzeros)
        yield Iterate(weights, predictions, gradient, float(np.abs(following - weights).max()) / step)
        weights = following


def _largest(weights: np.ndarray, count: int) -> np.ndarray:
    """Return the weights with all but the `count` largest in magnitude set to zero; of equal ones the first stay."""
    kept = np.argsort(-np.abs(weights), kind="stable")[:count]
    result = np.zeros_like(weights)
    result[kept] = weights[kept]
    return result


def _normalized_step(problem: Problem, weights: np.ndarray, gradient: np.ndarray, count: int) -> float:
    """Return the step that is best along the gradient's elements where weights are not zero."""
    support = weights != 0 if weights.any() else _largest(gradient, count) != 0
    direction = np.where(support, gradient, 0.0)
    squares, bent = float(direction @ direction), _bend(problem, direction)
    return squares / bent if squares > 0 and bent > 0 else 1 / problem.lipschitz


def _is_too_long(problem: Problem, step: float, weights: np.ndarray, following: np.ndarray) -> bool:
    """Say whether a step to another support may raise the loss."""
    moved = following - weights
    return not np.array_equal(weights != 0, following != 0) and step * _bend(problem, moved) > 0.99 * moved @ moved


def _bend(problem: Problem, direction: np.ndarray) -> float:
    """Return the largest second derivative of the loss along a direction, times the direction's square."""
    ahead = problem.predictions(direction)
    return problem.loss.curvature / ahead.size * float(ahead @ ahead)


def _coordinate_descent(problem: Problem, options: Options) -> Iterator[Iterate]:
    blocks = _Blocks(problem)
    weights = options.start
    weights[problem.squares == 0] = 0.0  # they predict nothing
    predictions = problem.predictions(weights) if weights.any() else np.zeros(problem.matrix.shape[0])
    passes, size, work = 0, math.ceil(FIRST_SET / blocks.size), None
    while True:
        gradient = problem.gradient(predictions)
        violations = blocks.violations(gradient, weights)
        tolerance = INNER * float(violations.max())
        yield Iterate(weights.copy(), predictions, gradient, float(violations.max()), passes=passes)
        if work is None or not work.covers(violations, tolerance):
            size = max(size, 2 * blocks.count_active(weights))
            work = _WorkingSet(problem, blocks, blocks.choose(size, gradient, weights), weights, predictions)
        passes += work.solve(tolerance)
        if np.array_equal(weights[work.features], work.weights):
            return
        weights[work.features] = work.weights
        predictions = work.predictions


class _Blocks:
    """What coordinate descent moves at a time: single weights, or groups of them."""

    def __init__(self, problem: Problem) -> None:
        penalty = problem.penalty
        self.size = penalty.size if isinstance(penalty, GroupLasso) else 1
        self.grouped = self.size > 1
        self.terms = _terms(penalty)
        self.features = problem.features
        self.curvatures = problem.coordinate_lipschitz
        self.all_active = self.terms.weight == 0 or self.terms.p > 1  # nothing is held at zero

    def violations(self, gradient: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return by how much each block misses its own minimum, in units of the gradient."""
        if not self.grouped:
            out = np.empty_like(weights)
            coordinate.violations(gradient, weights, self.curvatures, self.terms, out)
            return out
        norms = self._norms(weights)
        inside = np.divide(weights, self._spread(norms), out=np.zeros_like(weights), where=weights != 0)
        distance = self._norms(gradient + self.terms.weight * inside)  # to the subdifferential where a norm is not 0
        return np.where(norms > 0, distance, np.maximum(self._norms(gradient) - self.terms.weight, 0))

    def choose(self, size: int, gradient: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return `size` blocks, in order: those that are not zero, then those that are nearest to becoming so."""
        blocks = self.bounds.size
        if self.all_active or size >= blocks:
            return np.arange(blocks)
        score = self._sizes(gradient) * self.scales - self.bounds
        score[self._sizes(weights) > 0] = np.inf
        return np.sort(np.argpartition(score, blocks - size)[blocks - size :])

    def count_active(self, weights: np.ndarray) -> int:
        """Return how many blocks are not zero."""
        return int(np.count_nonzero(self._sizes(weights)))

    def _sizes(self, values: np.ndarray) -> np.ndarray:
        return self._norms(values) if self.grouped else np.abs(values)

    @functools.cached_property
    def scales(self) -> np.ndarray:
        """Return what turns a gradient's size into the distance that the loss would go: 1 / sqrt(curvature)."""
        curvatures = self._norms(np.sqrt(self.curvatures)) ** 2 if self.grouped else self.curvatures
        return np.divide(1.0, np.sqrt(curvatures), out=np.zeros_like(curvatures), where=curvatures > 0)

    @functools.cached_property
    def bounds(self) -> np.ndarray:
        """Return the distance, as scaled, from which on a block that is zero becomes another."""
        p, scales = self.terms.p, self.scales
        if p > 1:
            return np.zeros_like(scales)
        # (threshold of weight / curvature) * sqrt(curvature), and infinite for a column of zeros, which never becomes
        power = 2 / (2 - p) - 1
        bounds = lp_threshold(1.0, p) * self.terms.weight ** (1 / (2 - p)) * (scales if power == 1 else scales**power)
        return np.where(scales > 0, bounds, np.inf)

    def members(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of the chosen blocks, and where each block begins among them, and the end."""
        if not self.grouped:
            return chosen, np.arange(chosen.size + 1)
        features = (chosen[:, None] * self.size + np.arange(self.size)).reshape(-1)
        features = features[features < self.features]  # the last group may be shorter
        return features, np.append(np.arange(chosen.size) * self.size, features.size)

    def _norms(self, values: np.ndarray) -> np.ndarray:
        return GroupLasso(0.0, self.size).norms(values)

    def _spread(self, of_groups: np.ndarray) -> np.ndarray:
        return np.repeat(of_groups, self.size)[: self.features]


def _terms(penalty: Penalty) -> coordinate.Terms:
    """Return the penalty of one weight or group, as the compiled loops take it."""
    if isinstance(penalty, ElasticNet):
        return coordinate.Terms(penalty.lasso, 1.0, penalty.ridge)
    return coordinate.Terms(penalty.alpha, penalty.p if isinstance(penalty, Lp) else 1.0, 0.0)


class _WorkingSet:
    """The problem in some of the weights, the others being zero."""

    def __init__(
        self, problem: Problem, blocks: _Blocks, chosen: np.ndarray, weights: np.ndarray, predictions: np.ndarray
    ) -> None:
        self.problem, self.loss, self.terms, self.chosen = problem, problem.loss, blocks.terms, chosen
        self.features, self.starts = blocks.members(chosen)
        self.groups = (self.starts,) if blocks.grouped else ()
        self.columns = _columns(problem.matrix, self.features)
        self.weights, self.predictions = weights[self.features], predictions
        self.squares = problem.squares[self.features]
        if blocks.grouped:
            self.squares = _largest_eigenvalues(self.columns, self.starts, blocks.size, predictions.size)

    def covers(self, violations: np.ndarray, tolerance: float) -> bool:
        """Say whether what is missing from the set may stay so for now."""
        missing = violations.copy()
        missing[self.chosen] = 0.0
        return bool(missing.max() <= tolerance)

    def solve(self, tolerance: float) -> int:
        """Minimize until no violation is above the tolerance, or enough passes are made; return their number.

        A loss that is not quadratic is replaced by quadratic models of it, one after another.
        """
        if self.loss.quadratic:
            found, passes = self._minimum_of_model(None, tolerance)
            self._go_to(found)
            return passes
        passes = 0
        for _ in range(NEWTON_STEPS):
            before = self.weights
            done = self._newton_step(tolerance) if self.problem.penalty.convex else self._safe_step(tolerance)
            passes += done
            if done == 1 or np.array_equal(before, self.weights):  # the model was at its minimum as it came
                break
        return passes

    def _newton_step(self, tolerance: float) -> int:
        """Go to the minimum of Newton's model, or, where the objective is not low enough there, a part of the way."""
        found, passes = self._minimum_of_model(self.loss.curvatures(self.predictions), tolerance)
        way, penalty = found - self.weights, self.problem.penalty
        ahead = _product(self.columns, way, self.predictions.size)
        before, penalty_before = self._objective(self.weights, self.predictions), penalty.value(self.weights)
        promised = self.loss.gradient(self.predictions) @ ahead + penalty.value(found) - penalty_before
        length = 1.0
        while length > SHORTEST:
            weights = found if length == 1 else self.weights + length * way
            if self._objective(weights, self.predictions + length * ahead) <= before + ARMIJO * length * promised:
                self._go_to(weights)
                break
            length /= 2
        return passes

    def _safe_step(self, tolerance: float) -> int:
        """Go to the minimum of a model that is nowhere below the loss, then to that of Newton's if it is lower."""
        found, passes = self._minimum_of_model(np.full_like(self.predictions, self.loss.curvature), tolerance)
        self._go_to(found)
        if passes > 1:
            found, more = self._minimum_of_model(self.loss.curvatures(self.predictions), tolerance)
            passes += more
            predictions = _product(self.columns, found, self.predictions.size)
            if self._objective(found, predictions) < self._objective(self.weights, self.predictions):
                self._go_to(found)
        return passes

    def _minimum_of_model(self, bends: np.ndarray | None, tolerance: float) -> tuple[np.ndarray, int]:
        """Return the weights that minimize a quadratic model, and the passes this took.

        The model of n times the loss is 1/2 |r - A (w - weights)|^2, where A = sqrt(bends) X and r = -n dual /
        sqrt(bends) with the derivative `dual` of the loss by each prediction.
        """
        n = self.predictions.size
        columns, squares, residual = self.columns, self.squares, -n * self.loss.gradient(self.predictions)
        if bends is not None:
            root = np.sqrt(np.maximum(bends, FLATTEST))
            columns, residual = _scaled(columns, root), residual / root
            squares = squares * self.loss.curvature if self.groups else _squares(columns)
        weights = self.weights.copy()
        if len(columns) == 1 and weights.size <= n:
            products = self._products if bends is None else columns.columns @ columns.columns.T
            residual = columns.columns @ residual
            columns = coordinate.Products(products, residual + products @ weights)
        terms = coordinate.Terms(self.terms.weight * n, self.terms.p, self.terms.ridge * n)
        done = coordinate.descend(columns, residual, weights, squares, terms, self.groups, tolerance * n, PASSES)
        return weights, done

    @functools.cached_property
    def _products(self) -> np.ndarray:
        return self.columns.columns @ self.columns.columns.T

    def _objective(self, weights: np.ndarray, predictions: np.ndarray) -> float:
        return self.loss.value(predictions) + self.problem.penalty.value(weights)

    def _go_to(self, weights: np.ndarray) -> None:
        self.weights, self.predictions = weights, _product(self.columns, weights, self.predictions.size)


def _columns(matrix: Any, features: np.ndarray) -> coordinate.Dense | coordinate.Sparse:
    """Return columns one after another, a copy only where they are not so already."""
    every = features.size == matrix.shape[1]
    if isinstance(matrix, np.ndarray):
        return coordinate.Dense(np.ascontiguousarray(matrix.T if every else matrix[:, features].T))
    some = matrix if every else matrix[:, features]
    return coordinate.Sparse(some.data, some.indices, some.indptr)


def _scaled(columns: coordinate.Dense | coordinate.Sparse, by: np.ndarray) -> coordinate.Dense | coordinate.Sparse:
    """Return columns whose rows are multiplied by numbers."""
    if len(columns) == 1:
        return coordinate.Dense(columns.columns * by)
    return columns._replace(data=columns.data * by[columns.indices])


def _squares(columns: coordinate.Dense | coordinate.Sparse) -> np.ndarray:
    """Return the sum of squares of each column."""
    if len(columns) == 1:
        return column_squares(columns.columns.T)
    return stretch_squares(columns.data, columns.bounds)


def _product(columns: coordinate.Dense | coordinate.Sparse, weights: np.ndarray, rows: int) -> np.ndarray:
    """Return X w for these columns of X."""
    if len(columns) == 1:
        return weights @ columns.columns
    return np.bincount(columns.indices, columns.data * np.repeat(weights, np.diff(columns.bounds)), rows)


def _largest_eigenvalues(
    columns: coordinate.Dense | coordinate.Sparse, starts: np.ndarray, size: int, rows: int
) -> np.ndarray:
    """Return the largest eigenvalue of X_g^T X_g for each group of columns."""
    products = np.zeros((starts.size - 1, size, size))
    coordinate.block_products(columns, starts, rows, products)
    return np.maximum(np.linalg.eigvalsh(products)[:, -1], 0.0) * (1 + ROUNDING)


SOLVERS = {
    "subgradient descent": Solver(_subgradient_descent, ("step",), 10_000),
    "thresholded gradient descent": Solver(_thresholded_gradient_descent, ("step", "sparsity_threshold"), 10_000),
    "proximal gradient": Solver(_proximal_gradient, ("step",), 10_000),
    "FISTA": Solver(_fista, ("step", "restart"), 10_000),
    "coordinate descent": Solver(_coordinate_descent, (), 1000),
    "iterative hard thresholding": Solver(_iterative_hard_thresholding, ("step", "nonzeros"), 10_000),
}
_GRADIENT = ("subgradient descent", "thresholded gradient descent")


def _check_choice(name: str, value: Any, choices: Any) -> None:
    Arg(name, str, REQUIRED, "", choices=tuple(choices)).check(value)


def _checked_options(solver: str, problem: Problem, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that a solver reads, checked; refuse those that it would not read."""
    for name, value in options.items():
        if value is not None and name not in SOLVERS[solver].options:
            readers = [other for other, each in SOLVERS.items() if name in each.options]
            raise ValueError(f"{name}={value!r}: solver={solver!r} does not use it; it is for {_listed(readers)}")
    penalty, checked = problem.penalty, {}
    if options["step"] is not None:
        checked["step"] = STEP.check(options["step"])
        if checked["step"] == 0:
            raise ValueError("step=0: must be above 0; leave it out for 1 / the Lipschitz constant of the gradient")
    if options["restart"] is not None:
        _check_choice("restart", options["restart"], RESTARTS)
        checked["restart"] = options["restart"]
    if solver == "thresholded gradient descent":
        given = options["sparsity_threshold"]
        checked["sparsity_threshold"] = THRESHOLD.check(THRESHOLD.default if given is None else given)
    if solver == "iterative hard thresholding":
        checked["nonzeros"] = NONZEROS.check(REQUIRED if options["nonzeros"] is None else options["nonzeros"])
        if penalty.alpha > 0:
            raise ValueError(f"penalty={penalty!r}: solver={solver!r} limits the non-zeros instead; give penalty=None")
    if solver in _GRADIENT and isinstance(penalty, Lp) and penalty.p == math.inf:
        raise ValueError(f"p=inf: is a bound and has no gradient for solver={solver!r}; use 'proximal gradient'")
    if solver == "coordinate descent" and not isinstance(penalty, Lp | ElasticNet | GroupLasso):
        raise TypeError(f"penalty={penalty!r}: solver={solver!r} knows Lp, ElasticNet and GroupLasso; use 'FISTA'")
    return checked


def _listed(names: list[str]) -> str:
    return " and ".join(map(repr, names))


def _checked_start(start: Any, features: int) -> np.ndarray:
    """Return a float64 copy of the weights to start from."""
    if start is None:
        return np.zeros(features)
    start = _checked_vector("start", start, features, "one weight a feature of X")
    return start.copy()


def _checked_vector(name: str, values: Any, length: int, meaning: str) -> np.ndarray:
    """Return numbers as float64, shape (length,)."""
    values = np.asarray(values)
    if values.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {values.dtype}: must be numbers; convert it, as with {name}.astype(float)")
    if values.shape != (length,):
        raise ValueError(f"{name} has shape {values.shape}: must be ({length},), {meaning}")
    values = values.astype(np.float64, copy=False)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise ValueError(f"{name}[{wrong[0]}]={values[wrong[0]]}: must be finite")
    return values


def _checked_matrix(matrix: Any) -> Any:
    """Return X as a float64 array, contiguous, or CSC array that stores no element twice; copied only where needed."""
    if is_sparse(matrix):
        from scipy.sparse import csc_array

        if matrix.format not in ("csr", "csc") or matrix.ndim != 2:
            raise TypeError(
                f"X is a sparse {matrix.ndim}-D {matrix.format.upper()} array: must be a CSR or CSC matrix; "
                "convert it, as with X.tocsc()"
            )
        _check_matrix_type(matrix)
        matrix.check_format(full_check=True)
        found = csc_array(matrix).astype(np.float64, copy=False)
        if not found.has_canonical_format:
            found = found.copy()
            found.sum_duplicates()
    else:
        matrix = np.asarray(matrix)
        _check_matrix_type(matrix)
        if matrix.ndim != 2:
            raise ValueError(f"X has shape {matrix.shape}: must have 2 axes, (n, features)")
        found = matrix.astype(np.float64, copy=False)
        if not (found.flags.c_contiguous or found.flags.f_contiguous):
            found = np.asfortranarray(found)
    if 0 in found.shape:
        raise ValueError(f"X has shape {found.shape}: must have at least one row and one feature")
    return found


def _check_matrix_type(matrix: Any) -> None:
    if matrix.dtype.kind not in "iuf":
        raise TypeError(f"X has dtype {matrix.dtype}: must be numbers; convert it, as with X.astype(np.float64)")


def _check_finite(matrix: Any, squares: np.ndarray) -> None:
    """Raise ValueError unless X is finite, which its columns' sums of squares show at no further cost."""
    wrong = np.flatnonzero(~np.isfinite(squares))
    if not wrong.size:
        return
    first = int(wrong[0])
    column = matrix[:, [first]]
    column = column.reshape(-1) if isinstance(column, np.ndarray) else column.toarray().reshape(-1)
    rows = np.flatnonzero(~np.isfinite(column))
    if rows.size:
        raise ValueError(f"X[{rows[0]}, {first}]={column[rows[0]]}: must be finite")
    raise ValueError(f"X[:, {first}]: its sum of squares is beyond the range of float64; scale the column down")


def _checked_targets(y: Any, rows: int, loss: str) -> np.ndarray:
    y = _checked_vector("y", y, rows, "one target a row of X")
    if loss == "logistic":
        wrong = np.flatnonzero(np.abs(y) != 1)
        if wrong.size:
            raise ValueError(
                f"y[{wrong[0]}]={y[wrong[0]]:g}: must be -1 or 1 for loss='logistic'; convert 0 and 1 with 2 * y - 1"
            )
    return y
