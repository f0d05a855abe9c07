"""Check the inputs of the dropout operators, and define the rule that decides which elements are dropped."""

import contextlib
import functools
import math
from typing import Any, NamedTuple

import numpy as np

from workbench.arrays import (
    INTEGERS,
    MASKS,
    NUMBERS,
    UNSIGNED,
    Types,
    as_array,
    check_dtype,
    check_sound,
    checked_array,
    is_sparse,
    native_array,
)
from workbench.operator import Arg, is_number, shown
from workbench.sparse_dropout.sparse_entries import Stored
from workbench.sparse_dropout.strategies import STRATEGIES, typical_value

REPLACEMENTS = "a number, an array that broadcasts to x, or one of " + ", ".join(map(repr, STRATEGIES))
FITS_ALL = 60_000  # every float type holds numbers up to this
WORDS = 1 << 64  # words in a seed's stream; their positions are uint64
RATIO = Arg("ratio", float, 0.5, "share that is dropped", low=0.0, high=1.0, slider=(0.0, 1.0), step=0.01)


class Drop(NamedTuple):
    """The rule: drop element i if word start + i of the seed's stream, as a number r in [0, 1), is below the ratio.

    A word w gives r = w / 2^32, so r < ratio is the same as w < threshold. Ratio 0 drops exactly none and ratio 1
    exactly all; in between, the probability is threshold / 2^32.
    """

    ratio: float
    seed: int
    start: int = 0

    @property
    def threshold(self) -> int:
        return math.ceil(self.ratio * 2**32)


def checked_matrix(name: str, matrix: Any, types: Types = NUMBERS) -> Stored:
    """Return the stored entries of a CSR or CSC matrix; raise if it is invalid. The engines check its entries."""
    if matrix.format not in ("csr", "csc") or matrix.ndim != 2:
        raise TypeError(
            f"{name} is a sparse {matrix.ndim}-D {matrix.format.upper()} array: must be a CSR or CSC matrix; "
            f"convert it, as with {name}.tocsr()"
        )
    native_array(f"{name}.data", matrix.data, types)
    if matrix.data.dtype == np.float16:
        raise TypeError(f"{name}.data has dtype float16, which SciPy's sparse matrices do not support; use float32")
    check_sound(name, matrix, indices=False)
    return Stored(matrix)


def check_entries(name: str, stored: Stored) -> None:
    """Raise ValueError if an index of a matrix is out of range, or an element is stored twice."""
    check_sound(name, stored.matrix)
    if _has_duplicates(stored):
        raise ValueError(f"{name}: an element is stored twice; add such entries up first, with {name}.sum_duplicates()")


def _has_duplicates(stored: Stored) -> bool:
    minors, bounds = stored.minors, stored.bounds
    rising = np.empty(minors.size + 1, np.bool_)
    np.greater(minors[1:], minors[:-1], out=rising[1:-1])
    rising[bounds] = True  # a line begins or ends here
    if rising.all():
        return False
    majors = stored.majors
    order = np.lexsort((minors, majors))
    majors, minors = majors[order], minors[order]
    return bool(np.any((majors[1:] == majors[:-1]) & (minors[1:] == minors[:-1])))


def checked_dropped(dropped: Any, dy: np.ndarray | Stored) -> np.ndarray | Stored:
    """Return `dropped` as a bool array of dy's shape, or as stored entries in the same positions."""
    if isinstance(dy, Stored) != is_sparse(dropped):
        raise TypeError("dy and dropped: must both be arrays or both be sparse matrices")
    if isinstance(dy, Stored):
        stored = Stored(dropped)
        same = (
            dropped.format == dy.matrix.format
            and dropped.shape == dy.shape
            and np.array_equal(dropped.indptr, dy.matrix.indptr)
            and stored.data.shape == (dy.count,)
            and np.array_equal(stored.minors, dy.minors)
        )
        if not same:
            raise ValueError("dy and dropped: must store the same elements in the same format and order")
        check_dtype("dropped", dropped.data.dtype, MASKS)
        return stored
    dropped = checked_array("dropped", dropped, MASKS)
    if dropped.shape != dy.shape:
        raise ValueError(f"dropped has shape {dropped.shape} and dy has shape {dy.shape}: must be equal")
    return dropped


def check_gradient_ratio(ratio: Any, training: bool, scaled: bool, dropped: np.ndarray | Stored) -> float:
    """Return the ratio, or 0 if it has no effect; raise if `dropped` contradicts the arguments."""
    marks = dropped.data if isinstance(dropped, Stored) else dropped
    if not training and marks.any():
        raise ValueError("training=False: drops nothing, but `dropped` has marks; give training as in the forward pass")
    if ratio is None and not (scaled and training):
        return 0.0
    if ratio is None:
        raise TypeError(f"ratio: is missing; with scaled=True give that of the forward pass, {RATIO.allowed}")
    ratio = RATIO.check(ratio)
    if scaled and training and ((ratio == 0 and marks.any()) or (ratio == 1 and not marks.all())):
        raise ValueError(
            f"ratio={ratio!r}: drops {'none' if ratio == 0 else 'all'}, but `dropped` says otherwise; "
            "with scaled=True give the ratio of the forward pass"
        )
    return ratio if training else 0.0


def checked_replacement_shape(shape: Any, onto: tuple[int, ...]) -> tuple[int, ...]:
    """Return the replacement's shape as a tuple; raise if it does not broadcast to `onto`."""
    if type(shape) is tuple and not shape:
        return shape  # usual
    shape = (shape,) if not isinstance(shape, tuple | list) and is_number(shape, int) else shape
    if not isinstance(shape, tuple | list) or not all(is_number(n, int) and n >= 0 for n in shape):
        raise TypeError(f"replacement_shape={shown(shape)}: must be a tuple of whole numbers, () for a single number")
    _check_broadcast("replacement_shape: ", tuple(shape), onto)
    return tuple(int(length) for length in shape)


def check_places(shape: tuple[int, ...], start: int) -> None:
    """Raise ValueError unless the stream has a word for each element."""
    if start + math.prod(shape) > WORDS:
        raise ValueError(f"x has shape {shape}: must have at most 2^64 - start elements, one word of the stream each")


def checked_lengths(lengths: Any, x: np.ndarray) -> np.ndarray:
    """Return the lengths of segments as a contiguous array; the engines check their sum."""
    if x.ndim != 1:
        raise ValueError(f"x has {x.ndim} axes {x.shape}: must have 1, the values of all segments one after another")
    lengths = native_array("lengths", lengths, INTEGERS)
    if lengths.ndim != 1:
        raise ValueError(f"lengths has {lengths.ndim} axes {lengths.shape}: must have 1, one length per segment")
    return np.ascontiguousarray(lengths)


def check_sum(lengths: np.ndarray, size: int) -> None:
    """Raise ValueError unless the lengths are at least 0 and add up to `size`."""
    wrong = lengths.view(UNSIGNED[lengths.itemsize]) > size  # a negative number is a large unsigned one
    if np.count_nonzero(wrong):
        segment = int(np.argmax(wrong))
        allowed = "at least 0" if lengths[segment] < 0 else f"at most {size}, the number of values in x"
        raise ValueError(f"lengths[{segment}]={lengths[segment]}: must be {allowed}")
    total = int(np.add.reduce(lengths, dtype=np.int64))
    if total != size:
        raise ValueError(f"lengths add up to {total} and x has {size} values: must be equal")


def checked_number(name: str, value: Any, dtype: np.dtype) -> np.ndarray:
    """Return a replacement as an array of x's type and no axes; raise TypeError or ValueError if it does not fit."""
    if type(value) in (int, float) and dtype.kind == "f" and abs(value) < FITS_ALL:
        return np.array(value, dtype)  # usual
    if type(value) is int and dtype.kind in "iu" and _limits(dtype)[0] <= value <= _limits(dtype)[1]:
        return np.array(value, dtype)  # usual
    if not is_number(value):
        raise TypeError(f"{name}={shown(value)}: must be a number, not {type(value).__name__}")
    given = isinstance(value, np.generic)
    number = None
    if dtype.kind == "f":
        with contextlib.suppress(OverflowError), np.errstate(over="ignore"):
            number = dtype.type(value if given else float(value))
            if np.isinf(number) and (np.isfinite(value) if given else math.isfinite(value)):
                number = None
    else:
        exact, (low, high) = value.item() if given else value, _limits(dtype)  # NumPy would compare in the value's type
        if low <= exact <= high and int(exact) == exact:
            number = dtype.type(int(exact))
    if number is None:
        raise ValueError(f"{name}={shown(value)}: does not fit x's dtype {dtype}; give {_fitting(dtype)}, or convert x")
    return np.asarray(number)


def checked_replacement(value: Any, x: np.ndarray | Stored, per_feature: bool) -> np.ndarray:
    """Return a replacement as an array of x's type; raise if it does not fit the type or broadcast to x's shape."""
    dtype, shape = x.dtype, x.shape
    if type(value) is float and dtype.kind == "f" and abs(value) < FITS_ALL and not per_feature:
        return np.array(value, dtype)  # usual
    if isinstance(value, str):
        return _strategy(value, x, per_feature)
    if per_feature:
        raise ValueError("per_feature=True: needs a strategy such as replacement='mean'; or give an array of values")
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype != object:
        value = value[()]
    if is_number(value):
        return checked_number("replacement", value, dtype)
    array = as_array("replacement", value, REPLACEMENTS)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"replacement={shown(value)}: must be {REPLACEMENTS}, not of dtype {array.dtype}")
    _check_broadcast("", array.shape, shape)
    if not _fits(array, dtype):
        raise ValueError(
            f"replacement holds values that do not fit x's dtype {dtype}; give {_fitting(dtype)}, or convert x"
        )
    return array.astype(dtype)


def _strategy(name: str, x: np.ndarray | Stored, per_feature: bool) -> np.ndarray:
    if name not in STRATEGIES:
        raise ValueError(f"replacement={name!r}: must be {REPLACEMENTS}")
    if x.dtype.kind != "f" and name != "zero":
        raise TypeError(
            f"replacement={name!r}: x has dtype {x.dtype}, which may not hold it; convert x to a float type"
        )
    return typical_value(name, x, per_feature).astype(x.dtype)


def _check_broadcast(name: str, shape: tuple[int, ...], onto: tuple[int, ...]) -> None:
    fitting = len(shape) <= len(onto) and all(
        mine in (1, theirs) for mine, theirs in zip(reversed(shape), reversed(onto), strict=False)
    )
    if not fitting:
        raise ValueError(
            f"{name}the replacement has shape {shape} and x has shape {onto}: must broadcast to x, as one value for "
            f"each feature (the last axis) does with shape {onto[-1:]}"
        )


def _fits(values: np.ndarray, dtype: np.dtype) -> bool:
    """Return whether `dtype` can hold the values: whole numbers in range for integers, no overflow for floats."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return bool(np.all(np.isfinite(values.astype(dtype)) | ~np.isfinite(values)))
    if values.dtype.kind == "f" and not np.all(np.isfinite(values) & (values == np.floor(values))):
        return False
    low, high = _limits(dtype)
    return all(low <= int(each) <= high for each in (values.min(initial=0), values.max(initial=0)))


def _fitting(dtype: np.dtype) -> str:
    if dtype.kind == "f":
        return f"numbers of at most {np.finfo(dtype).max:.3g} in magnitude"
    low, high = _limits(dtype)
    return f"whole numbers from {low} to {high}"


@functools.cache
def _limits(dtype: np.dtype) -> tuple[int, int]:
    """Return the lowest and the highest number of an integer type."""
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
