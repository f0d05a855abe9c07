"""Generate regression problems y = X w + noise with few non-zero weights, and evenly spread sparse matrices."""

import math
from typing import Any

import numpy as np

NOISE = 0.3  # standard deviation of the noise, as a share of that of X w
PLANTED = 0.01  # share of the weights that are not 0


def planted_dense(shape: tuple[int, int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return X (n, features), standard normal numbers in Fortran order, and y (n,)."""
    rng = np.random.default_rng(seed)
    matrix = np.asfortranarray(rng.standard_normal(shape))
    return matrix, _planted(matrix, rng)


def planted_sparse(shape: tuple[int, int], density: float, seed: int = 0) -> tuple[Any, np.ndarray]:
    """Return X, a CSC array whose share of normal entries is about `density`, at uniformly drawn places, and y (n,)."""
    from scipy.sparse import csc_array

    rng = np.random.default_rng(seed)
    places = np.unique(rng.integers(0, shape[0] * shape[1], round(density * shape[0] * shape[1])))
    rows, columns = (numbers.astype(np.int32) for numbers in np.divmod(places, shape[1]))
    matrix = csc_array((rng.standard_normal(places.size), (rows, columns)), shape=shape)
    return matrix, _planted(matrix, rng)


def spread_matrix(shape: tuple[int, int], count: int) -> Any:
    """Return a CSR matrix with `count` float32 entries: one at a random place in each of `count` equal stretches."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(0)
    step = math.prod(shape) // count
    places = np.arange(count) * step + rng.integers(0, step, count)
    rows, columns = np.divmod(places, shape[1])
    starts = np.searchsorted(rows, np.arange(shape[0] + 1)).astype(np.int32)
    return csr_array((rng.standard_normal(count, np.float32), columns.astype(np.int32), starts), shape=shape)


def _planted(matrix: Any, rng: np.random.Generator) -> np.ndarray:
    n, features = matrix.shape
    weights = np.zeros(features)
    planted = rng.choice(features, round(PLANTED * features), replace=False)
    weights[planted] = rng.standard_normal(planted.size)
    signal = matrix @ weights
    return signal + NOISE * signal.std() * rng.standard_normal(n)
