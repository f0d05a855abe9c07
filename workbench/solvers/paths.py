"""Regularization paths: solve a problem for decreasing strengths of its penalty, each from the previous solution."""

import dataclasses
import math
from typing import Any

import numpy as np

from workbench.operator import REQUIRED, Arg
from workbench.solvers.lasso_path import lasso_path, pays
from workbench.solvers.penalties import ElasticNet, GroupLasso, L1Ball, Lp, Penalty
from workbench.solvers.problem import Problem, make_problem
from workbench.solvers.solve import ITERATIONS, TOLERANCE, run
from workbench.sparse_lp.reference import lp_threshold

COUNT = Arg("count", int, 100, "strengths on the path", low=1)
ABOVE_ROUNDING = 1 + 1e-12
EPS = Arg("eps", float, 1e-3, "smallest strength as a share of the largest", low=0.0, high=1.0, open=True)


@dataclasses.dataclass(frozen=True)
class Path:
    """Solutions along a path. `alphas` are the strengths of the penalty, decreasing; entry k belongs to alphas[k].

    `weights` has shape (alphas, features), or (alphas, classes, features). The other fields are those of
    `workbench.solvers.solve.Result` for the last iterate; `passes` and `seconds` are the cost of a solution.
    """

    alphas: np.ndarray
    weights: np.ndarray
    objectives: np.ndarray
    optimalities: np.ndarray
    measures: tuple[str, ...]
    nonzeros: np.ndarray
    passes: np.ndarray
    seconds: np.ndarray
    converged: np.ndarray
    solver: str
    intercepts: np.ndarray  # shape (alphas,), or (alphas, classes)


def lambda_max(
    X: Any,
    y: Any,
    penalty: Penalty,
    loss: str = "least squares",
    intercept: bool = False,
    sample_weight: Any = None,
) -> float:
    """Return the smallest alpha for which all weights are zero.

    For a convex penalty, "all zero" means that zero is the minimum. For Lp with p < 1, zero is a local minimum for any
    alpha > 0. There it means that no change of a single weight improves the objective (for the logistic loss, its
    majorizer), so coordinate descent from zero stays at zero; the result is slightly larger, to allow for rounding.

    Lp, p = 1     max_j |g_j|,  g the gradient of the loss at zero weights
    Lp, p < 1     max_j L_j (|g_j| / (L_j t))^(2 - p),  t = lp_threshold(1, p),  L_j the Lipschitz constant of weight j
    ElasticNet    max_j |g_j| / l1_ratio
    GroupLasso    the largest norm of a group of g

    Args:
        X, y, loss, intercept, sample_weight: as for `workbench.solvers.solve.solve`.
        penalty: its alpha is ignored.

    Raises:
        TypeError: as for `solve`.
        ValueError: as for `solve`; or no alpha makes all weights zero, as for p > 1 or l1_ratio = 0.
    """
    return _largest_alpha(make_problem(X, y, penalty, loss, intercept, sample_weight))


def regularization_path(
    X: Any,
    y: Any,
    penalty: Penalty,
    *,
    alphas: Any = None,
    count: int | None = None,
    eps: float | None = None,
    loss: str = "least squares",
    start: Any = None,
    warm: bool = True,
    intercept: bool = False,
    sample_weight: Any = None,
    **how: Any,
) -> Path:
    """Solve a problem for several alphas, from the largest to the smallest, each from the previous solution.

    Args:
        X, y, loss, intercept, sample_weight: as for `workbench.solvers.solve.solve`.
        penalty: its alpha is replaced by each of `alphas`.
        alphas: strengths, at least 0, in any order. By default `count` of them, from `lambda_max` down to `eps` times
            `lambda_max`, with equal ratios.
        count: default 100; only without alphas.
        eps: default 1e-3; only without alphas.
        start: weights to start from for the largest alpha; default zeros.
        warm: False starts every alpha from `start`.
        how: options of `solve`: solver, tolerance, step, sparsity_threshold, restart, and the limits for each alpha,
            max_iterations and max_seconds.

    Raises:
        TypeError: as for `solve`; or `penalty` is None, or `alphas` is not a list of one or more numbers.
        ValueError: as for `solve`; or `alphas` is given together with `count` or `eps`, or is missing although
            `lambda_max` is 0 or does not exist.
    """
    if penalty is None or isinstance(penalty, L1Ball):
        raise TypeError(f"penalty={penalty!r}: must be a penalty such as Lp(alpha=1.0), whose alpha is replaced")
    problem = make_problem(X, y, penalty, loss, intercept, sample_weight)
    problem = dataclasses.replace(problem, kept={})
    alphas = _checked_alphas(problem, alphas, count, eps)
    warm = Arg("warm", bool, True, "").check(warm)
    given: Any = problem.penalty
    results, weights = [], start
    for alpha in alphas:
        problem = problem.with_penalty(dataclasses.replace(given, alpha=float(alpha)))
        results.append(run(problem, start=weights, **how))
        weights = results[-1].weights if warm else start
    return Path(
        alphas=alphas,
        weights=np.array([result.weights for result in results]),
        objectives=np.array([result.objective[-1] for result in results]),
        optimalities=np.array([result.optimality[-1] for result in results]),
        measures=tuple(result.measure for result in results),
        nonzeros=np.array([result.nonzeros[-1] for result in results]),
        passes=np.array([result.passes for result in results]),
        seconds=np.array([result.seconds[-1] for result in results]),
        converged=np.array([result.converged for result in results]),
        solver=results[0].solver,
        intercepts=np.array([result.intercept for result in results]),
    )


def path_weights(
    X: Any,
    y: Any,
    penalty: Penalty,
    *,
    alphas: Any,
    intercept: bool,
    sample_weight: Any,
    solver: str,
    tolerance: float,
    max_iterations: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the `weights`, `intercepts` and `converged` of `regularization_path` alone, which is faster for the Lasso.

    Arguments and errors are as for `regularization_path`. Rounding or the limit may end the fast way for the Lasso
    before it has converged. Then the usual way begins anew.
    """
    if penalty == Lp(1.0) and solver == "coordinate descent":
        problem = make_problem(X, y, penalty, "least squares", intercept, sample_weight)
        alphas = _checked_alphas(problem, alphas, None, None)
        tolerance, limit = TOLERANCE.check(tolerance), ITERATIONS.check(max_iterations)
        if pays(problem, alphas, tolerance):
            weights, gaps = lasso_path(problem, alphas, tolerance, limit)
            if (gaps <= tolerance).all():
                moved = 0.0 if problem.means is None else weights @ (problem.means + problem.offsets)
                intercepts = problem.loss.offset(problem.nothing) - moved
                return weights, np.broadcast_to(intercepts, alphas.shape), np.ones(alphas.shape, bool)
    path = regularization_path(
        X,
        y,
        penalty,
        alphas=alphas,
        intercept=intercept,
        sample_weight=sample_weight,
        solver=solver,
        tolerance=tolerance,
        max_iterations=max_iterations,
    )
    return path.weights, path.intercepts, path.converged


def _largest_alpha(problem: Problem) -> float:
    penalty = problem.penalty
    gradient = problem.gradient(problem.nothing)
    if isinstance(penalty, GroupLasso):
        return float(penalty.norms(gradient).max())
    largest = float(np.abs(gradient).max())
    if isinstance(penalty, ElasticNet) and penalty.l1_ratio > 0:
        return largest / penalty.l1_ratio
    if isinstance(penalty, Lp) and penalty.p == 1:
        return largest
    if isinstance(penalty, Lp) and penalty.p < 1:
        moves = problem.coordinate_lipschitz > 0
        curvatures = problem.coordinate_lipschitz[moves]
        shares = np.abs(gradient[moves]) / (curvatures * lp_threshold(1.0, penalty.p))
        return ABOVE_ROUNDING * max((curvatures * shares ** (2 - penalty.p)).tolist(), default=0.0)
    raise ValueError(f"penalty={penalty!r}: no alpha makes all weights zero; give the alphas of a path yourself")


def _checked_alphas(problem: Problem, alphas: Any, count: int | None, eps: float | None) -> np.ndarray:
    """Return the alphas, checked, in decreasing order."""
    if alphas is None:
        count, eps = (arg.check(arg.default if given is None else given) for arg, given in ((COUNT, count), (EPS, eps)))
        largest = _largest_alpha(problem)
        if largest == 0:
            raise ValueError("alphas: must be given, as X^T y is zero, and so are the weights for every alpha")
        return largest * np.logspace(0, math.log10(eps), count)
    for name, value in (("count", count), ("eps", eps)):
        if value is not None:
            raise ValueError(f"{name}={value!r}: cannot be combined with alphas; leave one of them out")
    alphas = np.asarray(alphas)
    if alphas.dtype.kind not in "iuf" or alphas.ndim != 1 or not alphas.size:
        raise TypeError(
            f"alphas has dtype {alphas.dtype} and shape {alphas.shape}: must be numbers, shape (alphas,), at least one"
        )
    alphas = np.sort(alphas.astype(np.float64))[::-1].copy()
    Arg("alphas", float, REQUIRED, "", low=0.0).check(float(alphas.min()))
    if not np.isfinite(alphas).all():
        raise ValueError(f"alphas: {alphas[~np.isfinite(alphas)][0]} is among them; all must be finite")
    return alphas
