"""Solve the Lasso for many alphas from X^T X, which costs less than the passes over X that it saves."""

import numpy as np

from workbench.solvers import coordinate_loops
from workbench.solvers.problem import Problem

MOST = 3000  # features; X^T X of more takes too much memory
WORTH = 3e7  # multiplications in X^T X that an alpha saves, about a millisecond
DENSE = 0.1  # with a larger share of numbers that are not 0, a dense product is faster than a sparse one
LEAST = 1e-13  # a gap computed from X^T X cannot be told from 0 below this share of the objective at zero weights


def lasso_path(problem: Problem, alphas: np.ndarray, tolerance: float, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Minimize a problem's least squares plus alpha |w|_1 for each of some decreasing alphas.

    Returns:
        The weights, shape (alphas, features), and their duality gaps in units of the objective at zero weights, shape
        (alphas,). A gap is above the tolerance where `limit` or rounding ended the search.
    """
    n, features = problem.matrix.shape
    products, slopes, square = _products(problem)
    weights, gaps = np.empty((alphas.size, features)), np.empty(alphas.size)
    height = square / 2
    coordinate_loops.lasso_path(products, slopes, square, n * alphas, tolerance * height, limit, weights, gaps)
    return weights, gaps / (height or 1.0)


def pays(problem: Problem, alphas: np.ndarray, tolerance: float) -> bool:
    """Return whether `lasso_path` is faster for these alphas than one solution after another, and as accurate."""
    if problem.size > MOST or alphas.size == 1 or alphas[-1] == 0 or tolerance < LEAST:
        return False
    rows, features = problem.matrix.shape
    share = getattr(problem.matrix, "nnz", rows * features) / (rows * features)
    return rows * features**2 * min(1.0, share / DENSE) ** 2 <= WORTH * alphas.size


def _products(problem: Problem) -> tuple[np.ndarray, np.ndarray, float]:
    """Return X^T X, X^T y and |y|^2, centred for an intercept; row i counts shares[i] times."""
    matrix, loss, means = problem.matrix, problem.loss, problem.means
    n = matrix.shape[0]
    start = -n * problem.first_gradient
    if not isinstance(matrix, np.ndarray) and matrix.nnz > DENSE * n * matrix.shape[1]:
        matrix = matrix.toarray()
    if isinstance(matrix, np.ndarray):
        centred = matrix if means is None else matrix - means
        scaled = centred if loss.shares is None else np.sqrt(loss.shares)[:, None] * centred
        products = scaled.T @ scaled
    else:
        scaled = matrix if loss.shares is None else matrix.multiply(loss.shares[:, None])
        products = (matrix.T @ scaled).toarray(order="C")
        if means is not None:
            products -= np.outer(np.sqrt(n) * means, np.sqrt(n) * means)
    np.fill_diagonal(products, problem.squares)  # 0 for a column that an intercept makes zero
    return products, start, 2 * n * loss.value(problem.nothing)
