"""Draw who is dropped, and leave the dropped out: by selection, so that a dropped infinity or NaN is gone."""

import math

import numpy as np

from workbench import philox


def drawn(shape: tuple[int, ...], ratio: float, seed: int) -> np.ndarray:
    """Return a mask: element i, in C order, is dropped where word i of the seed's stream / 2^32 is below the ratio."""
    return (philox.uniforms(seed, math.prod(shape)) < ratio).reshape(shape)


def scale_of(ratio: float) -> float:
    """Return 1 / (1 - ratio), what the kept are scaled by; where all are dropped none is, and any number would do."""
    return 1 / (1 - ratio) if ratio < 1 else 1.0


def selected(x: np.ndarray, dropped: np.ndarray, scale: float) -> np.ndarray:
    """Return 0 where dropped and scale * x elsewhere, of x's type."""
    return np.where(dropped, x.dtype.type(0), multiplied(x, scale))


def multiplied(x: np.ndarray, scale: float) -> np.ndarray:
    """Return scale * x, rounded once to x's type."""
    wide = wide_type(x.dtype)
    with np.errstate(over="ignore"):
        return (x.astype(wide) * wide.type(scale)).astype(x.dtype)


def connected(x: np.ndarray, weight: np.ndarray, dropped: np.ndarray) -> np.ndarray:
    """Return the sums over i of x[n, i] * weight[o, i] without those that are dropped[o, i], shape (n, o)."""
    if np.isfinite(x).all():
        return x @ np.where(dropped, weight.dtype.type(0), weight).T
    # A dropped connection carries nothing, but 0 * Inf is NaN: it must not be in the sum at all.
    y = np.empty((x.shape[0], weight.shape[0]), x.dtype)
    for o, kept in enumerate(~dropped):
        y[:, o] = x[:, kept] @ weight[o, kept]
    return y


def wide_type(dtype: np.dtype) -> np.dtype:
    """Return the type that is computed in: float32 for float16, else the type itself."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values in another type, infinite where it cannot hold them."""
    with np.errstate(over="ignore"):
        return values.astype(dtype)
