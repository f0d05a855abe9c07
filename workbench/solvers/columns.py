"""Sums over the columns of X, a float64 array or CSC array (n, features), and its largest singular value.

With `shares`, row i counts shares[i] times, as if it were multiplied by sqrt(shares[i]). With `means`, they are those
of X with the mean of each column subtracted; a sparse X stays sparse.
"""

from typing import Any

import numpy as np

SMALL = 256  # a matrix with at most this many rows or columns gets all its eigenvalues computed
ACCURACY = 1e-3  # relative accuracy of the largest squared singular value of a larger matrix
LOST = 1e-4  # a difference of squares below this share of them has lost digits
BLOCK = 64  # columns that are centred at a time


def column_means(matrix: Any, shares: np.ndarray | None = None) -> np.ndarray:
    """Return the mean of each column."""
    rows = matrix.shape[0]
    if isinstance(matrix, np.ndarray):
        return (matrix.T @ (np.ones(rows) if shares is None else shares)) / rows
    return stretch_sums(matrix.data if shares is None else matrix.data * shares[matrix.indices], matrix.indptr) / rows


def column_squares(matrix: Any, shares: np.ndarray | None = None) -> np.ndarray:
    """Return the sum of squares of each column."""
    if isinstance(matrix, np.ndarray):
        if shares is None:
            return np.einsum("ij,ij->j", matrix, matrix)
        return np.einsum("ij,ij,i->j", matrix, matrix, shares)
    squares = np.square(matrix.data) if shares is None else np.square(matrix.data) * shares[matrix.indices]
    return stretch_sums(squares, matrix.indptr)


def centred_squares(
    matrix: Any, squares: np.ndarray, means: np.ndarray, shares: np.ndarray | None = None
) -> np.ndarray:
    """Return the sum of squares of each column minus its mean; exactly 0 for a column of equal numbers.

    They are squares - n means^2, unless this difference loses digits. Then the columns are centred, some at a time.
    """
    centred = squares - matrix.shape[0] * means**2
    lost = np.flatnonzero(centred <= LOST * squares)
    for first in range(0, lost.size, BLOCK):
        some = lost[first : first + BLOCK]
        columns = matrix[:, some]
        columns = columns if isinstance(columns, np.ndarray) else columns.toarray()
        found = column_squares(columns - means[some], shares)
        centred[some] = np.where((columns == columns[0]).all(axis=0), 0.0, found)
    return centred


def without_offsets(matrix: Any, squares: np.ndarray, means: np.ndarray, centred: np.ndarray) -> tuple[Any, np.ndarray]:
    """Subtract its mean from each column that has no zero and a mean far above its deviation; return it and the means.

    Products with such a column would lose the digits that tell its numbers apart. `squares` and `centred` are its sums
    of squares, without and with the mean subtracted. A sparse X stays sparse. X itself is not changed.
    """
    sparse = not isinstance(matrix, np.ndarray)
    full = np.diff(matrix.indptr) == matrix.shape[0] if sparse else True
    offsets = np.where(full & (centred <= LOST * squares), means, 0.0)
    if not offsets.any():
        return matrix, offsets
    if not sparse:
        return matrix - offsets, offsets
    data = matrix.data - np.repeat(offsets, np.diff(matrix.indptr))
    return type(matrix)((data, matrix.indices, matrix.indptr), shape=matrix.shape), offsets


def stretch_sums(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Return the sum of each slice values[bounds[k] : bounds[k + 1]], 0 for an empty one."""
    filled = np.diff(bounds) > 0
    sums = np.zeros(filled.size)
    if filled.any():
        sums[filled] = np.add.reduceat(values, bounds[:-1][filled])
    return sums


def largest_square(matrix: Any, means: np.ndarray | None = None, shares: np.ndarray | None = None) -> float:
    """Return the square of the largest singular value, or slightly more.

    For larger matrices it is found by Lanczos iteration to a relative accuracy of `ACCURACY`. It is then increased by
    this share, so that a gradient step of 1 / the Lipschitz constant is safe.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    rows, features = matrix.shape
    root = np.ones((rows, 1)) if shares is None else np.sqrt(shares)[:, None]
    means = np.zeros(features) if means is None else means
    total = float(column_squares(matrix, shares).sum())  # sum of all squared singular values, an upper bound
    if total == 0:
        return 0.0

    def times(v: np.ndarray) -> np.ndarray:
        v = v.reshape(features, -1)
        return root * (matrix @ v - means @ v)

    def back(u: np.ndarray) -> np.ndarray:
        u = root * u.reshape(rows, -1)
        return matrix.T @ u - means[:, None] * u.sum(axis=0)

    if min(rows, features) <= SMALL:
        unit = np.eye(min(rows, features))
        product = times(back(unit)) if features > rows else back(times(unit))
        return max(float(np.linalg.eigvalsh(product)[-1]), 0.0)
    first, then, size = (back, times, rows) if features > rows else (times, back, features)
    product = LinearOperator((size, size), matvec=lambda v: then(first(v)).reshape(-1), dtype=np.float64)
    start = np.random.default_rng(0).normal(size=size)
    (largest,) = eigsh(product, 1, which="LA", v0=start, tol=ACCURACY, return_eigenvectors=False)
    return min(float(largest) * (1 + ACCURACY), total)
