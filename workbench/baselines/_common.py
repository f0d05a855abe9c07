"""Helpers that several baselines share: check arguments, draw masks, and apply them.

Dropping selects and does not multiply, so a dropped infinity or NaN leaves no trace.
"""

import math
from typing import Any

import numpy as np

from workbench import philox
from workbench.arrays import FLOATS, MASKS, check_axes, checked_array, is_sparse, native_array
from workbench.sparse_dropout import RATIO, SEED, TRAINING


def checked_ratio(ratio: Any, training: Any = True) -> float:
    """Return the checked share of elements to drop; 0 if not in training."""
    ratio = RATIO.check(ratio)
    return ratio if TRAINING.check(training) else 0.0


def checked_floats(name: str, x: Any, axes: str = "(...)") -> np.ndarray:
    """Return x as a float array in the machine's byte order; it must have `axes`, such as "(N, in)"."""
    if is_sparse(x):
        raise TypeError(f"{name} is a sparse matrix: must be an array; convert it, as with {name}.toarray()")
    x = native_array(name, x, FLOATS)
    check_axes(name, x, axes)
    return x


def check_same_type(**arrays: np.ndarray) -> None:
    """Raise TypeError unless all arrays have the same dtype."""
    if len({array.dtype for array in arrays.values()}) > 1:
        found = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise TypeError(f"the dtypes are {found}: must be equal; convert all to one")


def check_shape(name: str, array: np.ndarray, shape: tuple[int, ...], source: str) -> None:
    """Raise ValueError unless the array has this shape; the message says that it follows from `source`."""
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: must be {shape}, as {source}")


def checked_mask(dropped: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return a mask of the forward pass after checking that it is bool and has `shape`."""
    dropped = checked_array("dropped", dropped, MASKS)
    if shape is not None:
        check_shape("dropped", dropped, shape, "the forward pass returned it")
    return dropped


def drawn(shape: tuple[int, ...], ratio: float, seed: int) -> np.ndarray:
    """Return a mask: element i (C order) is dropped if word i of the seed's stream / 2^32 is below the ratio."""
    return (philox.uniforms(SEED.check(seed), math.prod(shape)) < ratio).reshape(shape)


def scale_of(ratio: float) -> float:
    """Return the factor of kept elements, 1 / (1 - ratio); for ratio 1 none is kept and the factor is 1."""
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
    """Return the sums of x[n, i] * weight[o, i] over all i for which dropped[o, i] is False, shape (n, o)."""
    if np.isfinite(x).all():
        return x @ np.where(dropped, weight.dtype.type(0), weight).T
    # 0 * Inf is NaN, so a dropped connection must not be in the sum at all.
    y = np.empty((x.shape[0], weight.shape[0]), x.dtype)
    for o, kept in enumerate(~dropped):
        y[:, o] = x[:, kept] @ weight[o, kept]
    return y


def wide_type(dtype: np.dtype) -> np.dtype:
    """Return the type for computations: float32 for float16, else the type itself."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values converted to another type; values beyond its range become infinite."""
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype)
