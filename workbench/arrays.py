"""Check the array arguments of operators. Every error message starts with the argument's name."""

import dataclasses
import functools
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Types:
    """The element types that an argument may have, and the words for them in error messages.

    `words` lists the types, `elements` completes "an array of ...", and `example` is a type to convert to. With
    `bfloat16`, that type of the package ml_dtypes is allowed too; it is known by its name, without an import.
    """

    dtypes: frozenset[np.dtype]
    words: str
    elements: str
    example: str
    bfloat16: bool = False

    def __contains__(self, dtype: np.dtype) -> bool:
        if dtype in self.dtypes or dtype.newbyteorder("=") in self.dtypes:
            return True
        return self.bfloat16 and is_bfloat16(dtype)


def is_bfloat16(dtype: np.dtype) -> bool:
    return dtype.itemsize == 2 and dtype.name == "bfloat16"


def _types(codes: str, words: str, elements: str, example: str) -> Types:
    return Types(frozenset(map(np.dtype, codes)), words, elements, example)


FLOATS = _types("efd", "float16, float32 or float64", "float16, float32 or float64", "np.float32")
WIDE_FLOATS = _types("fd", "float32 or float64", "float32 or float64", "float")
NUMBERS = _types("bhilqBHILQefd", "an integer type, float16, float32 or float64", "numbers", "np.float32")
INTEGERS = _types("ilq", "int32 or int64", "int32 or int64", "np.int64")
UNSIGNED = {4: np.uint32, 8: np.uint64}  # by the size of an element
MASKS = _types("?", "bool, as the forward pass returned it", "bool", "bool")


def as_array(name: str, x: Any, wanted: str) -> np.ndarray:
    """Return x as an array; raise TypeError if it is masked, or, saying what is `wanted`, if it is ragged."""
    refuse_masked(name, x)
    try:
        return np.asarray(x)
    except ValueError as problem:
        raise TypeError(f"{name}: must be {wanted} ({problem})") from None


def checked_array(name: str, x: Any, types: Types) -> np.ndarray:
    """Return x as an array in its own byte order; raise TypeError if its type is not allowed.

    An empty list or tuple has no type of its own, so it gets an allowed one.
    """
    if type(x) is np.ndarray and x.dtype in types.dtypes:
        return x  # usual
    array = as_array(name, x, f"an array of {types.elements}")
    if not array.size and isinstance(x, list | tuple) and array.dtype not in types:
        array = array.astype(types.example.removeprefix("np."))
    check_dtype(name, array.dtype, types)
    return array


def native_array(name: str, x: Any, types: Types) -> np.ndarray:
    """Return x as an array in the machine's byte order; raise TypeError if its type is not allowed."""
    x = checked_array(name, x, types)
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def refuse_masked(name: str, x: Any) -> None:
    """Raise TypeError for a masked array."""
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name}: a masked array's mask would be lost; fill it first, as with {name}.filled(0)")


def check_dtype(name: str, dtype: np.dtype, types: Types) -> None:
    """Raise TypeError unless the type is allowed, in either byte order."""
    if dtype not in types:
        lossy = types is MASKS or (types is INTEGERS and dtype.kind not in "iu")
        hint = "" if lossy else f"; convert it, as with {name}.astype({types.example})"
        raise TypeError(f"{name} has dtype {dtype}: must be {types.words}{hint}")


def check_axes(name: str, x: np.ndarray, axes: str) -> None:
    """Raise ValueError unless x has the axes listed in `axes`, such as "(N, in)"; "..." means any number of axes."""
    needed = [axis for axis in axes.strip("(),").split(", ") if axis != "..."]
    if x.ndim < len(needed) or (x.ndim > len(needed) and "..." not in axes):
        raise ValueError(f"{name} has shape {x.shape}: must have the axes {axes}; reshape it")


def check_in_place(name: str, w: Any) -> np.ndarray:
    """Return w as a plain array that shares its memory, as for a np.matrix.

    Raises:
        TypeError: w is no float array in the machine's byte order.
        ValueError: w is read-only, or two of its elements share memory.
    """
    refuse_masked(name, w)
    if not isinstance(w, np.ndarray):
        raise TypeError(f"{name}: must be a NumPy array, which is changed in place, not {type(w).__name__}")
    if w.dtype not in WIDE_FLOATS.dtypes:
        check_dtype(name, w.dtype, WIDE_FLOATS)
        raise TypeError(f"{name} has dtype {w.dtype}, not in this machine's byte order; convert it first")
    if not w.flags.writeable:
        raise ValueError(f"{name} is read-only and is changed in place; give a copy, as with {name}.copy()")
    if w.size and not w.flags.c_contiguous and _overlaps(w):
        raise ValueError(
            f"{name}: several of its elements share one place in memory; give a copy, as with {name}.copy()"
        )
    return np.asarray(w)


def _overlaps(w: np.ndarray) -> bool:
    """Return whether two elements of an array share a byte."""
    axes = sorted((abs(stride), length) for stride, length in zip(w.strides, w.shape, strict=True) if length > 1)
    extent, apart = w.itemsize, True
    for stride, length in axes:
        apart &= stride >= extent
        extent += stride * (length - 1)
    if apart or extent < w.nbytes:
        return not apart
    # Elements of several axes may lie in turns, as with strides of 3 and 2 elements.
    places = functools.reduce(np.add.outer, [stride * np.arange(length) for stride, length in axes])
    return bool(np.diff(np.sort(places, axis=None)).min() < w.itemsize)


def checked_indices(indices: Any, rows: int) -> np.ndarray:
    """Return a flat copy of row numbers; raise ValueError unless each is from 0 to rows - 1."""
    indices = native_array("indices", indices, INTEGERS).flatten()
    unsigned = indices.view(UNSIGNED[indices.itemsize])  # a negative number is a large unsigned one
    if unsigned.size and unsigned.item(unsigned.argmax()) >= rows:
        wrong = np.flatnonzero(unsigned >= rows)
        first = int(wrong[0])
        allowed = f"from 0 to {rows - 1}" if rows else "none, as param has no rows"
        raise ValueError(
            f"indices[{first}]={int(indices[first])}: must be {allowed}, the rows of param "
            f"({wrong.size} of {indices.size} indices out of range; nothing was written)"
        )
    return indices


def is_sparse(x: Any) -> bool:
    """Return whether x is a SciPy sparse array, without importing SciPy."""
    return type(x) is not np.ndarray and any(kind.__module__.startswith("scipy.sparse") for kind in type(x).__mro__)


def check_sound(name: str, matrix: Any, *, indices: bool = True) -> None:
    """Raise ValueError unless the index arrays of a CSR or CSC matrix are valid for its shape.

    With indices=False, indices may be out of range, and the caller must not rely on them.
    """
    if not _has_sound_lines(matrix) or (indices and not _has_sound_indices(matrix)):
        raise ValueError(f"{name}: its index arrays do not describe a matrix of shape {matrix.shape}; build it again")


def _has_sound_lines(matrix: Any) -> bool:
    """Return whether the index arrays have valid types and sizes, and the bounds of lines rise to at most the sizes."""
    lines = matrix.shape[matrix.format != "csr"]
    bounds, places = matrix.indptr, matrix.indices
    if any(not isinstance(array, np.ndarray) or array.ndim != 1 for array in (matrix.data, bounds, places)):
        return False
    if bounds.dtype.kind not in "iu" or places.dtype.kind not in "iu" or bounds.shape != (lines + 1,):
        return False
    sound = bounds[0] == 0 and bounds[-1] <= min(matrix.data.size, places.size) and np.all(bounds[1:] >= bounds[:-1])
    return bool(sound)


def _has_sound_indices(matrix: Any) -> bool:
    """Return whether the indices name only existing positions in their line."""
    places = matrix.indices[: matrix.indptr[-1]]
    return not places.size or bool(places.min() >= 0 and places.max() < matrix.shape[matrix.format == "csr"])
