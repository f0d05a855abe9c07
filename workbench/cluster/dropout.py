"""Dropout with replacement for dask arrays; a block's random words depend on its place in the whole array."""

import dataclasses
from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np

from workbench import sparse_dropout as plain
from workbench.cluster.blocks import as_dask, check, like, map_blocks, on_one_thread, pick, stand_in, sum_over
from workbench.cluster.strategies import typical_value
from workbench.sparse_dropout.inputs import Drop, checked_dropped, checked_replacement, checked_replacement_shape
from workbench.sparse_dropout.reference import summed_axes

DROPOUT_OF_RUNS = dataclasses.replace(plain.DROPOUT, function="dropout_of_runs")


@like(plain.dropout_with_replacement)
def dropout_with_replacement(
    x: Any, replacement: Any, per_feature: bool, engine: str, **arguments: Any
) -> tuple[da.Array, da.Array]:
    """Replace each element with probability `ratio`.

    Arguments and errors are those of `workbench.dropout_with_replacement`, but x is a dask array, chunked in any way.
    Element i of the whole array, in C order, uses word start + i of the seed's stream, so the result is the same, bit
    for bit, however the array is cut. The draws are fastest if the blocks are not cut along the last axes.

    "mean" and "median" are computed at once, since a lazy one would keep every block of x in memory until the last
    block was read. A mean takes one pass over x and all that x is computed from; its last bits may differ from the mean
    of the whole array. A median is exact. It takes one pass for each 16 bits of x's type; with per_feature=True, one
    pass for each 8 bits, and 4 kB for each feature.

    Returns:
        y, of x's type, and `dropped`, bool: lazy dask arrays of x's shape and chunks, best computed together.
    """
    x = as_dask("x", x)
    computed = isinstance(replacement, str)
    given = {} if computed else {"replacement": replacement, "per_feature": per_feature}
    _, drop, new, scale = check(plain.DROPOUT, arguments | given, engine, stand_in(x))
    if computed:
        per_feature = plain.DROPOUT.arg("per_feature").check(per_feature)
        checked_replacement(replacement, np.empty((0,) * x.ndim, x.dtype), per_feature)
    if computed and drop.ratio > 0:
        new = typical_value(replacement, x, per_feature).astype(x.dtype)
    function = DROPOUT_OF_RUNS.implementation(engine)
    both = map_blocks(_drop, x, _alongside(x, new), dtype=x.dtype, function=function, drop=drop, scale=scale)
    return pick(both, 0, x.dtype), pick(both, 1, np.dtype(bool))


@like(plain.dropout_with_replacement_gradient)
def dropout_with_replacement_gradient(
    dy: Any, dropped: Any, replacement_shape: tuple[int, ...], engine: str, **arguments: Any
) -> tuple[da.Array, da.Array]:
    """Return the gradients of a loss in x and in the replacement, given its gradient dy in the output y.

    Arguments and errors are those of `workbench.dropout_with_replacement_gradient`, but dy and dropped are dask arrays,
    whose chunks may differ. If `dropped` contradicts the ratio, the computation raises the error.

    Returns:
        dx and dreplacement, lazy dask arrays. The sums in dreplacement are added block by block in float64.
    """
    dy, dropped = as_dask("dy", dy), as_dask("dropped", dropped)
    check(plain.DROPOUT_GRADIENT, arguments, engine, np.empty(0, dy.dtype), np.empty(0, bool))
    checked_dropped(stand_in(dropped), stand_in(dy))
    shape = checked_replacement_shape(replacement_shape, dy.shape)
    dropped = dropped.rechunk(dy.chunks)
    dx = map_blocks(_gradient_of_x, dy, dropped, dtype=dy.dtype, engine=engine, **arguments)
    summed = summed_axes(dy.ndim, shape)
    chunks = tuple((1,) * len(sizes) if axis in summed else sizes for axis, sizes in enumerate(dy.chunks))
    parts = map_blocks(
        _gradient_of_replacement,
        dy,
        dropped,
        dtype=np.dtype(float),
        chunks=chunks,
        summed=summed,
        engine=engine,
        **arguments,
    )
    total = sum_over(parts, summed)[(0,) * (dy.ndim - len(shape))]
    return dx, map_blocks(_rounded, total, dtype=dy.dtype, to=dy.dtype)


def _drop(
    x: np.ndarray, new: np.ndarray, *, function: Callable, drop: Drop, scale: float | None, block_info: dict
) -> tuple:
    begins = run_begins(block_info[0]["array-location"], block_info[0]["shape"])
    return on_one_thread(x, begins, drop, new, scale, plain=function)


def run_begins(location: list[tuple[int, int]], shape: tuple[int, ...]) -> np.ndarray:
    """Return the place in the whole array, in C order, at which each run of a block's neighbours begins, uint64.

    The block spans location[axis] = (begin, end) of an array of `shape`. The last axes that are not cut, and the
    block's part of the axis before them, form one run.
    """
    split = max(
        (a for a, ((begin, end), length) in enumerate(zip(location, shape, strict=True)) if end - begin < length),
        default=0,
    )
    strides = np.cumprod((1, *shape[:0:-1]), dtype=np.uint64)[::-1]
    begins = np.zeros(1, np.uint64)
    for axis, (begin, end) in enumerate(location[: split + 1]):
        places = np.arange(begin, end if axis < split else begin + 1, dtype=np.uint64)
        begins = np.add.outer(begins, places * strides[axis]).reshape(-1)
    return begins


def _alongside(x: da.Array, values: np.ndarray) -> da.Array:
    """Return `values` as a dask array that broadcasts to x and has matching chunks."""
    chunks = [
        (1,) if length == 1 else sizes
        for length, sizes in zip(values.shape, x.chunks[x.ndim - values.ndim :], strict=True)
    ]
    return da.from_array(values, chunks=tuple(chunks))


def _gradient_of_x(dy: np.ndarray, dropped: np.ndarray, **arguments: Any) -> np.ndarray:
    return on_one_thread(dy, dropped, plain=plain.dropout_with_replacement_gradient, **arguments)[0]


def _gradient_of_replacement(
    dy: np.ndarray, dropped: np.ndarray, *, summed: tuple[int, ...], **arguments: Any
) -> np.ndarray:
    """Return a block's part of the sums in float64; the sums over all blocks are rounded once, at the end."""
    shape = tuple(1 if axis in summed else length for axis, length in enumerate(dy.shape))
    return on_one_thread(
        dy.astype(float), dropped, plain=plain.dropout_with_replacement_gradient, replacement_shape=shape, **arguments
    )[1]


def _rounded(values: np.ndarray, *, to: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(to)
