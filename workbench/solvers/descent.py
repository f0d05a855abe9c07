"""Solvers that move all weights at once, along a gradient; the module `solve` lists them with their formulas.

Sources: Beck and Teboulle, A fast iterative shrinkage-thresholding algorithm for linear inverse problems, 2009;
O'Donoghue and Candes, Adaptive restart for accelerated gradient schemes, 2015; Blumensath and Davies, Iterative hard
thresholding for compressed sensing, 2009, and Normalized iterative hard thresholding: guaranteed stability and
performance, 2010.
"""

import math
from collections.abc import Iterator

import numpy as np

from workbench.solvers.penalties import Lp
from workbench.solvers.problem import Iterate, Options, Problem
from workbench.sparse_lp import sparse_lp


def subgradient_descent(problem: Problem, options: Options) -> Iterator[Iterate]:
    step, weights, taken = options.step or 1 / problem.lipschitz, options.start, 0
    while True:
        predictions = problem.predictions(weights)
        gradient = problem.gradient(predictions)
        yield Iterate(weights, predictions, gradient, step=step)
        taken += 1
        weights = _subgradient_step(problem, weights, gradient, step / math.sqrt(taken))


def thresholded_gradient_descent(problem: Problem, options: Options) -> Iterator[Iterate]:
    step, weights, penalty = options.step or 1 / problem.lipschitz, options.start, problem.penalty
    alpha, p = (penalty.alpha, penalty.p) if isinstance(penalty, Lp) else (0.0, 1.0)
    while True:
        predictions = problem.predictions(weights)
        gradient = problem.gradient(predictions)
        yield Iterate(weights, predictions, gradient, step=step)
        weights = _subgradient_step(problem, weights, gradient, step)
        sparse_lp(weights, alpha, p, options.sparsity_threshold)


def proximal_gradient(problem: Problem, options: Options) -> Iterator[Iterate]:
    step, weights = options.step or 1 / problem.lipschitz, options.start
    while True:
        predictions = problem.predictions(weights)
        gradient = problem.gradient(predictions)
        following = problem.penalty.prox(weights - step * gradient, step)
        yield Iterate(weights, predictions, gradient, float(np.abs(following - weights).max()) / step)
        weights = following


def fista(problem: Problem, options: Options) -> Iterator[Iterate]:
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


def iterative_hard_thresholding(problem: Problem, options: Options) -> Iterator[Iterate]:
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


def _subgradient_step(problem: Problem, weights: np.ndarray, gradient: np.ndarray, step: float) -> np.ndarray:
    """Return the weights after a step along the gradient and a subgradient of the penalty.

    The slope of |w|^p, p < 1, has no bound near 0. Where its part of the step would pass 0, that part ends at 0.
    """
    pull = step * problem.penalty.subgradient(weights)
    if not problem.penalty.convex:
        pull = np.where(np.abs(pull) > np.abs(weights), weights, pull)
    return weights - pull - step * gradient


def _proximal_step(problem: Problem, point: np.ndarray, step: float) -> np.ndarray:
    gradient = problem.gradient(problem.predictions(point))
    return problem.penalty.prox(point - step * gradient, step)


def _largest(weights: np.ndarray, count: int) -> np.ndarray:
    """Return the weights with all but the `count` largest in magnitude set to zero; among equal ones keep the first."""
    kept = np.argsort(-np.abs(weights), kind="stable")[:count]
    result = np.zeros_like(weights)
    result[kept] = weights[kept]
    return result


def _normalized_step(problem: Problem, weights: np.ndarray, gradient: np.ndarray, count: int) -> float:
    """Return the best step along the gradient restricted to the non-zero weights."""
    support = weights != 0 if weights.any() else _largest(gradient, count) != 0
    direction = np.where(support, gradient, 0.0)
    squares, bent = float(direction @ direction), _bend(problem, direction)
    return squares / bent if squares > 0 and bent > 0 else 1 / problem.lipschitz


def _is_too_long(problem: Problem, step: float, weights: np.ndarray, following: np.ndarray) -> bool:
    """Return whether a step that changes which weights are zero may raise the loss."""
    moved = following - weights
    return not np.array_equal(weights != 0, following != 0) and step * _bend(problem, moved) > 0.99 * moved @ moved


def _bend(problem: Problem, direction: np.ndarray) -> float:
    """Return an upper bound on the second derivative of t -> loss at weights + t * direction."""
    ahead, rows, shares = problem.predictions(direction), problem.matrix.shape[0], problem.loss.shares
    if problem.means is not None:
        ahead = ahead - ahead.mean(axis=0)
    squares = np.square(ahead) if shares is None else (np.square(ahead).T * shares)
    return problem.loss.curvature / rows * float(squares.sum())
