"""Sparse Lp regularization of dask arrays: element by element, so any block does for itself."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np

from workbench.cluster.blocks import as_dask, check, map_blocks, on_one_thread, one_each, pick, stand_in, sum_over
from workbench.sparse_lp import LP_GRADIENT, LP_PROX, SPARSE_LP, SPARSE_LP_REGULARIZER
from workbench.sparse_lp import lp_gradient as plain_gradient
from workbench.sparse_lp import lp_prox as plain_prox


def sparse_lp_regularizer(
    param: Any, indices: Any, p: float = 2.0, reg_lambda: float = 1e-5, *, exact: bool = False, engine: str = "numba"
) -> da.Array:
    """Return the table with the rows that `indices` names shrunk, once for each time a row is named.

    The plain function works in place; a dask array cannot be changed, so here the new table is the result.

    Arguments and errors as for `workbench.sparse_lp_regularizer`, with param a dask array, shape (rows, ...), chunked
    in any way. The indices are a NumPy array, and one that is out of range is an error at once.

    Returns:
        A lazy dask array of param's shape, type and chunks. A block none of whose rows is named is passed on as it is.
    """
    param = as_dask("param", param)
    # All but the rows takes no part in the checks, and an array without elements no memory.
    table = np.empty((*param.shape[:1], 0), param.dtype) if param.ndim else np.empty((), param.dtype)
    arguments = {"p": p, "reg_lambda": reg_lambda, "exact": exact}
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


def sparse_lp(
    w: Any, alpha: float, p: float = 1.0, sparsity_threshold: float = 0.0, *, engine: str = "numba"
) -> tuple[da.Array, da.Array, da.Array]:
    """Return the penalty of the weights, which are kept, and the weights with the others set to zero.

    The plain function changes w in place; a dask array cannot be changed, so here the new weights are a third result.
    Arguments and errors as for `workbench.sparse_lp`, with w a dask array, chunked in any way.

    Returns:
        loss, float64, with no axes; mask, bool, and the new w, of w's shape and chunks: lazy dask arrays, best computed
        together. The loss is added up block by block, and may differ from that of the whole array in its last bits.
    """
    w = as_dask("w", w)
    _, *values = check(
        SPARSE_LP, {"alpha": alpha, "p": p, "sparsity_threshold": sparsity_threshold}, engine, np.empty(0, w.dtype)
    )
    results = map_blocks(_penalize, w, dtype=w.dtype, function=SPARSE_LP.implementation(engine), values=values)
    losses = pick(results, 0, np.dtype(float), chunks=tuple((1,) * count for count in w.numblocks))
    loss = sum_over(losses, tuple(range(w.ndim)))[(0,) * w.ndim]
    return loss, pick(results, 1, np.dtype(bool)), pick(results, 2, w.dtype)


def lp_gradient(w: Any, alpha: float, p: float = 1.0, *, engine: str = "numba") -> da.Array:
    """Return the gradient of alpha * sum |w|^p: alpha p |w|^(p - 1) sign(w), and 0 where w is 0.

    Arguments and errors as for `workbench.lp_gradient`, with w a dask array; the result is a lazy one of its chunks.
    """
    w = as_dask("w", w)
    check(LP_GRADIENT, {"alpha": alpha, "p": p}, engine, stand_in(w))
    return map_blocks(on_one_thread, w, dtype=w.dtype, plain=plain_gradient, alpha=alpha, p=p, engine=engine)


def lp_prox(x: Any, weight: float, p: float = 1.0, *, engine: str = "numba") -> da.Array:
    """Return argmin_z 1/2 (z - x)^2 + weight |z|^p for every element: the proximal operator of the penalty.

    Arguments and errors as for `workbench.lp_prox`, with x a dask array; the result is a lazy one of its chunks.
    """
    x = as_dask("x", x)
    check(LP_PROX, {"weight": weight, "p": p}, engine, stand_in(x))
    return map_blocks(on_one_thread, x, dtype=x.dtype, plain=plain_prox, weight=weight, p=p, engine=engine)


def _shrink_rows(param: np.ndarray, rows: np.ndarray, *, function: Callable, values: list) -> np.ndarray:
    if not rows.size:
        return param
    return on_one_thread(param.copy(order="C"), rows, *values, plain=function)


def _penalize(w: np.ndarray, *, function: Callable, values: list) -> tuple:
    """Return the loss as an array with w's axes, the mask, and the new weights."""
    w = w.copy(order="C")
    loss, mask = on_one_thread(w, *values, plain=function)
    return np.full((1,) * w.ndim, loss), mask, w
