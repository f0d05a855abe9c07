"""How a replacement's values spread over the elements, and how what comes back adds up."""

import math

import numpy as np


def sum_to(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum over the axes that broadcasting from `shape` adds or stretches."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.sum(axis=summed_axes(values.ndim, shape), keepdims=True).reshape(shape)


def summed_axes(rank: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of an array of `rank` that broadcasting from `shape` adds or stretches."""
    added = rank - len(shape)
    return tuple(range(added)) + tuple(added + i for i, length in enumerate(shape) if length == 1)


def covered_axes(values_shape: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple]:
    """Return the lengths in `shape` of the axes from the first to the last along which values differ, () for one value.

    And `run`, how many elements the axes after those make, () where there are none: so element i of the flat array has
    value i // run % prod(lengths).
    """
    varying = [i - len(values_shape) for i, length in enumerate(values_shape) if length != 1]  # axes, from the end
    if not varying:
        return (), ()
    first, end = len(shape) + varying[0], len(shape) + varying[-1] + 1
    return shape[first:end], (math.prod(shape[end:]),) if end < len(shape) else ()


def inner_shape(values_shape: tuple[int, ...], covered: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the values without the axes before and after those that are covered."""
    varying = [i for i, length in enumerate(values_shape) if length != 1]
    return tuple(values_shape[varying[0] : varying[-1] + 1]) if covered else ()
