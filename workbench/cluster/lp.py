"""Lp regularization of dask arrays: each block is computed alone, and changed weights are returned as a new array."""

from collections.abc import Callable
from typing import Any, cast

import dask.array as da
import numpy as np

import workbench
from workbench.cluster.blocks import as_dask, check, like, map_blocks, on_one_thread, one_each, pick, sum_over
from workbench.sparse_lp import SPARSE_LP, SPARSE_LP_REGULARIZER


@like(cast(Callable, workbench.sparse_lp_regularizer))  # the cast hides that the plain one needs a NumPy array
def sparse_lp_regularizer(param: Any, indices: Any, engine: str, **arguments: Any) -> da.Array:
    """Return the table with the rows in `indices` shrunk, once for each time that a row is listed.

    The plain function works in place; a dask array cannot be changed, so here the new table is the result.

    Arguments and errors are those of `workbench.sparse_lp_regularizer`, but param is a dask array, shape (rows, ...),
    chunked in any way. The indices are a NumPy array; an index that is out of range is an error at once.

    Returns:
        A lazy dask array of param's shape, type and chunks. A block without a row in `indices` is passed on unchanged.
    """
    param = as_dask("param", param)
    # The checks look only at the number of rows, so an array without elements, which takes no memory, is enough.
    table = np.empty((*param.shape[:1], 0), param.dtype) if param.ndim else np.empty((), param.dtype)
    _, indices, *values = check(SPARSE_LP_REGULARIZER, arguments, engine, table, indices)
    borders = np.cumsum((0, *param.chunks[0]))
    rows = np.sort(indices)
    by_block = np.split(rows, np.searchsorted(rows, borders[1:-1]))
    local = one_each([part - border for part, border in zip(by_block, borders[:-1], strict=True)])
    axes = tuple(range(param.ndim))
    return da.blockwise(
        _shrink_rows,
        axes,
        param,
        axes,
        local,
        axes[:1],
        align_arrays=False,
        dtype=param.dtype,
        meta=np.empty((0,) * param.ndim, param.dtype),
        function=SPARSE_LP_REGULARIZER.implementation(engine),
        values=values,
    )


@like(cast(Callable, workbench.sparse_lp))
def sparse_lp(w: Any, engine: str, **arguments: Any) -> tuple[da.Array, da.Array, da.Array]:
    """Return the penalty of the weights, the mask of the kept weights, and the weights with the others set to zero.

    The plain function changes w in place; a dask array cannot be changed, so here the new weights are a third result.
    Arguments and errors are those of `workbench.sparse_lp`, but w is a dask array, chunked in any way.

    Returns:
        Lazy dask arrays, best computed together: loss, float64, with no axes; mask, bool, and the new w, of w's shape
        and chunks. The loss is a sum over blocks, so its last bits may differ from the loss of the whole array.
    """
    w = as_dask("w", w)
    _, *values = check(SPARSE_LP, arguments, engine, np.empty(0, w.dtype))
    results = map_blocks(_penalize, w, dtype=w.dtype, function=SPARSE_LP.implementation(engine), values=values)
    losses = pick(results, 0, np.dtype(float), chunks=tuple((1,) * count for count in w.numblocks))
    loss = sum_over(losses, tuple(range(w.ndim)))[(0,) * w.ndim]
    return loss, pick(results, 1, np.dtype(bool)), pick(results, 2, w.dtype)


def _shrink_rows(param: np.ndarray, rows: np.ndarray, *, function: Callable, values: list) -> np.ndarray:
    if not rows.size:
        return param
    return on_one_thread(param.copy(order="C"), rows, *values, plain=function)


def _penalize(w: np.ndarray, *, function: Callable, values: list) -> tuple:
    """Return the loss as an array with w's axes, the mask, and the new weights."""
    w = w.copy(order="C")
    loss, mask = on_one_thread(w, *values, plain=function)
    return np.full((1,) * w.ndim, loss), mask, w
