"""Losses of linear models, least squares and logistic, as functions of the predictions u = X w.

    least squares    f(u) = 1/(2 n) sum_i (y_i - u_i)^2
    logistic         f(u) = 1/n sum_i log(1 + exp(-y_i u_i)),  y_i = -1 or 1

Both are convex and smooth, and n d^2 f / d u_i^2 is at most `curvature`. With respect to w, the Lipschitz constant of
the gradient is therefore at most curvature / n * |X|_2^2, and that of df / dw_j at most curvature / n * |X_j|^2.
"""

import dataclasses
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, xlog1py, xlogy

SMALL = 256  # a matrix with at most this many rows or columns gets all its eigenvalues computed
ACCURACY = 1e-3  # relative accuracy of the largest squared singular value of a larger matrix


@dataclasses.dataclass(frozen=True)
class LeastSquares:
    """Half the mean square of y - u; `targets` is y. All arrays are float64, shape (n,)."""

    targets: np.ndarray
    name: ClassVar[str] = "least squares"
    curvature: ClassVar[float] = 1.0
    quadratic: ClassVar[bool] = True

    def value(self, predictions: np.ndarray) -> float:
        """Return 1/(2 n) |y - u|^2."""
        residual = self.targets - predictions
        return float(residual @ residual) / (2 * residual.size)

    def gradient(self, predictions: np.ndarray) -> np.ndarray:
        """Return the gradient with respect to u, (u - y) / n."""
        return (predictions - self.targets) / predictions.size

    def curvatures(self, predictions: np.ndarray) -> np.ndarray:
        """Return n times the second derivative with respect to each u_i, which is 1."""
        return np.ones_like(predictions)

    def conjugate(self, dual: np.ndarray) -> float:
        """Return the Fenchel conjugate sup_u <dual, u> - f(u) = n/2 |dual|^2 + <dual, y>."""
        return float(dual @ dual) * dual.size / 2 + float(dual @ self.targets)


@dataclasses.dataclass(frozen=True)
class Logistic:
    """Mean negative log likelihood of labels y (-1 or 1) with log odds u; methods as in `LeastSquares`."""

    targets: np.ndarray
    name: ClassVar[str] = "logistic"
    curvature: ClassVar[float] = 0.25
    quadratic: ClassVar[bool] = False

    def value(self, predictions: np.ndarray) -> float:
        """Return the mean of log(1 + exp(-y u)), computed without overflow."""
        return float(np.logaddexp(0, -self.targets * predictions).mean())

    def gradient(self, predictions: np.ndarray) -> np.ndarray:
        """Return -y / (1 + exp(y u)) / n."""
        return -self.targets * expit(-self.targets * predictions) / predictions.size

    def curvatures(self, predictions: np.ndarray) -> np.ndarray:
        """Return q (1 - q) with q = 1 / (1 + exp(-u))."""
        return expit(predictions) * expit(-predictions)

    def conjugate(self, dual: np.ndarray) -> float:
        """Return the mean of t log t + (1 - t) log(1 - t), t = -n y dual; infinity if any t is outside [0, 1]."""
        t = -dual.size * self.targets * dual
        if t.min() < 0 or t.max() > 1:
            return np.inf
        return float((xlogy(t, t) + xlog1py(1 - t, -t)).mean())


Loss = LeastSquares | Logistic
LOSSES = {loss.name: loss for loss in (LeastSquares, Logistic)}


def column_squares(matrix: Any) -> np.ndarray:
    """Return the sum of squares of each column of a float64 array or CSC matrix (n, features)."""
    if isinstance(matrix, np.ndarray):
        return np.einsum("ij,ij->j", matrix, matrix)
    return stretch_squares(matrix.data, matrix.indptr)


def stretch_squares(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the sum of squares of each slice values[bounds[k] : bounds[k + 1]], 0 for an empty one."""
    filled = np.diff(bounds) > 0
    sums = np.zeros(filled.size)
    if filled.any():
        sums[filled] = np.add.reduceat(np.square(values), bounds[:-1][filled])
    return sums


def largest_square(matrix: Any) -> float:
    """Return the square of the largest singular value of a float64 array or CSC matrix, or slightly more.

    For larger matrices it is found by Lanczos iteration to a relative accuracy of `ACCURACY`. It is then increased by
    this share, so that a gradient step of 1 / the Lipschitz constant is safe.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    total = float(column_squares(matrix).sum())  # sum of all squared singular values, an upper bound
    if total == 0:
        return 0.0
    rows, features = matrix.shape
    wide = features > rows
    if min(rows, features) <= SMALL:
        product = matrix @ matrix.T if wide else matrix.T @ matrix
        product = product if isinstance(product, np.ndarray) else product.toarray()
        return max(float(np.linalg.eigvalsh(product)[-1]), 0.0)
    first, then = (matrix.T, matrix) if wide else (matrix, matrix.T)
    product = LinearOperator((min(rows, features),) * 2, matvec=lambda v: then @ (first @ v), dtype=np.float64)
    start = np.random.default_rng(0).normal(size=min(rows, features))
    (largest,) = eigsh(product, 1, which="LA", v0=start, tol=ACCURACY, return_eigenvectors=False)
    return min(float(largest) * (1 + ACCURACY), total)


def lipschitz(matrix: Any, loss: Loss) -> float:
    """Return the Lipschitz constant of the gradient with respect to w: curvature / n times `largest_square`."""
    return loss.curvature * largest_square(matrix) / matrix.shape[0]
