"""What the operators accept, and what they say of the rest."""

from typing import Any

import numpy as np

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
INDICES = (np.dtype(np.int32), np.dtype(np.int64))


def checked_values(name: str, x: Any) -> np.ndarray:
    """Return x as an array of float32 or float64 in the machine's byte order."""
    refuse_masked(name, x)
    try:
        x = np.asarray(x)
    except ValueError as problem:
        raise TypeError(f"{name}: must be an array of float32 or float64 ({problem})") from None
    _check_float(name, x)
    return x.astype(x.dtype.newbyteorder("="), copy=False)


def check_in_place(name: str, w: Any) -> None:
    """Refuse what cannot be changed in place: anything but a writable float array whose elements are all distinct."""
    refuse_masked(name, w)
    if not isinstance(w, np.ndarray):
        raise TypeError(f"{name}: must be a NumPy array, which is changed in place, not {type(w).__name__}")
    _check_float(name, w)
    if not w.dtype.isnative:
        raise TypeError(f"{name} has dtype {w.dtype}, not in this machine's byte order; convert it first")
    if not w.flags.writeable:
        raise ValueError(f"{name} is read-only and is changed in place; give a copy, as with {name}.copy()")
    low, high = np.lib.array_utils.byte_bounds(w)
    if w.size and high - low < w.nbytes:
        raise ValueError(
            f"{name}: several of its elements share one place in memory; give a copy, as with {name}.copy()"
        )


def checked_indices(indices: Any, rows: int) -> np.ndarray:
    """Return row numbers as a flat copy that nobody else can change, each from 0 to rows - 1."""
    refuse_masked("indices", indices)
    try:
        indices = np.asarray(indices)
    except ValueError as problem:
        raise TypeError(f"indices: must be an array of int32 or int64 ({problem})") from None
    if indices.dtype.newbyteorder("=") not in INDICES:
        hint = (
            "; convert it, as with indices.astype(np.int64)" if indices.dtype.kind in "iu" or not indices.size else ""
        )
        raise TypeError(f"indices has dtype {indices.dtype}: must be int32 or int64{hint}")
    indices = indices.astype(indices.dtype.newbyteorder("="), order="C").reshape(-1)
    wrong = np.flatnonzero((indices < 0) | (indices >= rows))
    if wrong.size:
        first = int(wrong[0])
        allowed = f"from 0 to {rows - 1}" if rows else "none, as param has no rows"
        raise ValueError(
            f"indices[{first}]={int(indices[first])}: must be {allowed}, the rows of param "
            f"({wrong.size} of {indices.size} indices out of range; nothing was written)"
        )
    return indices


def _check_float(name: str, x: np.ndarray) -> None:
    if x.dtype.newbyteorder("=") not in FLOATS:
        raise TypeError(
            f"{name} has dtype {x.dtype}: must be float32 or float64; convert it, as with {name}.astype(float)"
        )


def refuse_masked(name: str, x: Any) -> None:
    """Raise TypeError for a masked array."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name}: a masked array's mask would be lost; fill it first, as with {name}.filled(0.0)")
