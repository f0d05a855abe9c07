"""Measure how close weights are to a solution, by the duality gap or by the violation of the fixed-point equation."""

import math

import numpy as np

from workbench.solvers.problem import Iterate, Problem

GAP, VIOLATION = "duality gap", "violation"
ROUNDING = 4 * float(np.finfo(np.float64).eps)  # relative error of a gap's two objectives
SMALLEST_VIOLATION = 1e-13  # as a share of the gradient's largest element at zero weights; smaller ones are rounding
DUAL_RANGE = -28.0  # natural logarithm of the smallest relative reduction of a dual point that is tried
DUAL_STEPS = 10  # steps of the golden-section search


class Meter:
    """Measure the objective of iterates and their duality gap or violation; at most `target` means converged."""

    def __init__(self, problem: Problem, tolerance: float, has_gap: bool) -> None:
        self.problem = problem
        self.measure = GAP if has_gap else VIOLATION
        self.bound = 0.0  # all losses are at least 0, so every objective is
        zero = problem.nothing
        largest = float(np.abs(problem.gradient(zero)).max())
        self.target = tolerance * (problem.loss.value(zero) if has_gap else largest)
        self.small = max(tolerance, SMALLEST_VIOLATION) * largest

    def read(self, iterate: Iterate) -> tuple[float, float]:
        """Return the objective of an iterate, and its duality gap or violation.

        A gap near the rounding error of the objective says little about the weights. If the target is below this error,
        the gap counts as this error until the violation is small too.
        """
        problem, weights = self.problem, iterate.weights
        predictions = problem.predictions(weights) if iterate.predictions is None else iterate.predictions
        value = problem.objective(weights, predictions)
        gradient = problem.gradient(predictions) if iterate.gradient is None else iterate.gradient
        if self.measure == VIOLATION:
            return value, _violation(problem, iterate, gradient)
        if not math.isfinite(value):
            return value, math.inf
        dual = problem.loss.gradient(predictions) if iterate.dual is None else iterate.dual
        self.bound = max(self.bound, dual_value(problem, dual, gradient, value - self.target))
        gap, error = max(value - self.bound, 0.0), ROUNDING * value
        if gap <= self.target < error and _violation(problem, iterate, gradient) > self.small:
            return value, error
        return value, gap


def dual_value(problem: Problem, dual: np.ndarray, gradient: np.ndarray, enough: float = math.inf) -> float:
    """Return a lower bound on every objective: the dual objective at the best multiple s of a dual point.

    max_s  -loss*(s dual) - penalty*(-s X^T dual),  0 <= s <= 1

    Args:
        problem: a problem with a convex penalty.
        dual: the gradient of the loss with respect to the predictions.
        gradient: X^T dual, the gradient with respect to the weights.
        enough: if the largest feasible s gives at least this value, no better s is searched for.
    """

    def value(s: float) -> float:
        return -problem.loss.conjugate(s * dual) - problem.penalty.conjugate(-s * gradient)

    def value_without(exponent: float) -> float:
        return value(most * -math.expm1(exponent) if exponent < 0 else 0.0)

    most = problem.penalty.feasible_scale(-gradient)
    best = value(most)
    if best >= enough or problem.penalty.conjugate(-most * gradient) == 0:
        return best
    # The best s is often close to the largest, so the search is over log(1 - s / largest).
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


def _violation(problem: Problem, iterate: Iterate, gradient: np.ndarray) -> float:
    if iterate.violation is not None:
        return iterate.violation
    weights, step = iterate.weights, iterate.step
    moved = weights - problem.penalty.prox(weights - step * gradient, step)
    return float(np.abs(moved).max()) / step
