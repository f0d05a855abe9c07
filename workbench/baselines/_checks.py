"""Check the arguments that several baselines share."""

from typing import Any

import numpy as np

from workbench.arrays import FLOATS, INTEGERS, NUMBERS, check_axes, is_sparse, native_array
from workbench.operator import Arg
from workbench.sparse_dropout import RATIO


def checked_ratio(ratio: Any, training: Any = True) -> float:
    """Return the share that is dropped, which is 0 outside of training."""
    ratio = RATIO.check(ratio)
    return ratio if checked_flag("training", training) else 0.0


def checked_flag(name: str, value: Any) -> bool:
    """Return a bool."""
    return Arg(name, bool, False, "").check(value)


def checked_floats(name: str, x: Any, axes: str | None = None) -> np.ndarray:
    """Return x as a float array in the machine's byte order; `axes`, as "(N, in)", are the ones that it must have."""
    if is_sparse(x):
        raise TypeError(f"{name} is a sparse matrix: must be an array; convert it, as with {name}.toarray()")
    x = native_array(name, x, FLOATS)
    if axes is not None:
        check_axes(name, x, axes)
    return x


def check_same_type(**arrays: np.ndarray) -> None:
    """Raise TypeError unless all arrays have one dtype."""
    if len({array.dtype for array in arrays.values()}) > 1:
        found = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise TypeError(f"the dtypes are {found}: must be equal; convert all to one")


def check_shape(name: str, array: np.ndarray, shape: tuple[int, ...], source: str) -> None:
    """Raise ValueError unless the array has a shape, which follows from `source`."""
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}: must be {shape}, as {source}")


def checked_dropped(dropped: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask of a given shape, as the forward pass returned it."""
    dropped = _checked_mask(dropped)
    check_shape("dropped", dropped, shape, "the forward pass returned it")
    return dropped


def checked_dropped_entries(dropped: Any) -> np.ndarray:
    """Return a mask over a sparse matrix's stored entries, as the forward pass returned it."""
    dropped = _checked_mask(dropped)
    check_axes("dropped", dropped, "(entries,)")
    return dropped


def checked_lists(values: Any, lengths: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the values and the lengths of ragged lists, which add up."""
    values, lengths = native_array("values", values, NUMBERS), native_array("lengths", lengths, INTEGERS)
    check_axes("values", values, "(values,)")
    check_axes("lengths", lengths, "(lists,)")
    if lengths.size and lengths.min() < 0:
        place = int(lengths.argmin())
        raise ValueError(f"lengths[{place}]={lengths[place]}: must be at least 0")
    total = sum(map(int, lengths))
    if total != values.size:
        raise ValueError(f"lengths add up to {total} and there are {values.size} values: must be equal")
    return values, lengths


def _checked_mask(dropped: Any) -> np.ndarray:
    dropped = np.asarray(dropped)
    if dropped.dtype != np.bool_:
        raise TypeError(f"dropped has dtype {dropped.dtype}: must be bool, as the forward pass returned it")
    return dropped
