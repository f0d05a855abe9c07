"""Local response normalization for dask arrays; each block is computed with a halo as wide as the windows reach."""

from typing import Any

import dask.array as da
import numpy as np

from workbench import lrn
from workbench.cluster.blocks import as_dask, check, like, on_one_thread, stand_in
from workbench.lrn.window import window_axes
from workbench.operator import Operator


@like(lrn.local_response_norm)
def local_response_norm(x: Any, engine: str, **arguments: Any) -> da.Array:
    """Normalize each response by the energy of its neighbours.

    Arguments and errors are those of `workbench.local_response_norm`, but x is a dask array, chunked in any way along
    any axis. Along the axes of the window, a block has a halo of size // 2. Chunks shorter than the halo are merged; if
    the whole axis is not longer than the halo, it becomes one chunk.

    Returns:
        y, a lazy dask array of x's shape and type. The computation of a block raises if a base is not positive.
    """
    return _normalize(lrn.LRN, (x,), engine, **arguments)


@like(lrn.local_response_norm_scale)
def local_response_norm_scale(x: Any, engine: str, **arguments: Any) -> da.Array:
    """Return scale_i = bias + alpha/n * sum of x_j^2 over the window around i.

    Arguments, chunks and errors are those of `local_response_norm`; the result is a lazy dask array.
    """
    return _normalize(lrn.LRN_SCALE, (x,), engine, **arguments)


@like(lrn.local_response_norm_gradient)
def local_response_norm_gradient(dy: Any, x: Any, engine: str, **arguments: Any) -> da.Array:
    """Return the gradient of a loss in x, given its gradient dy in y = local_response_norm(x).

    Arguments and errors are those of `workbench.local_response_norm_gradient`, but dy and x are dask arrays, whose
    chunks may differ. The halo is twice that of the forward pass: dx_i needs its neighbours' scale, which needs theirs.

    Returns:
        dx, a lazy dask array of x's shape and type.
    """
    return _normalize(lrn.LRN_GRADIENT, (dy, x), engine, **arguments)


def _normalize(operator: Operator, inputs: tuple, engine: str, **arguments: Any) -> da.Array:
    arrays = [as_dask(name, x) for name, x in zip(operator.inputs, inputs, strict=True)]
    *_, window, channels_last = check(operator, arguments, engine, *map(stand_in, arrays))
    x = arrays[-1]
    windows = len(inputs)  # 2 for a gradient: it needs its neighbours' scale, which needs their neighbours
    halo = windows * window.before
    axes = window_axes(x.ndim, window.region, channels_last)
    # An axis that is not longer than the halo becomes one chunk, which needs no halo.
    arrays = [array.rechunk({axis: -1 for axis in axes if halo >= x.shape[axis]}) for array in arrays]
    between_ones = {"axes": axes} if window.bias == 0 else {}
    return da.map_overlap(
        _between_ones if between_ones else on_one_thread,
        *arrays,
        depth={axis: halo for axis in axes if halo < x.shape[axis]},
        boundary="none",
        dtype=x.dtype,
        meta=np.empty((0,) * x.ndim, x.dtype),
        plain=getattr(lrn, operator.function),
        engine=engine,
        **between_ones,
        **arguments,
    )


def _between_ones(*blocks: np.ndarray, axes: tuple[int, ...], block_info: dict, **arguments: Any) -> np.ndarray:
    """Compute a block padded with ones beyond its halo, so that the windows of the halo's elements hold a one.

    The halo cuts off such a window, which might then hold only zeros. With a bias of 0, its base would be refused,
    although the base of the whole window is positive. No window of the block itself reaches the padding.
    """
    place, count = block_info[0]["chunk-location"], block_info[0]["num-chunks"]
    widths = [(0, 0)] * blocks[0].ndim
    for axis in axes:
        widths[axis] = (int(place[axis] > 0), int(place[axis] < count[axis] - 1))
    result = on_one_thread(*(np.pad(block, widths, constant_values=1) for block in blocks), **arguments)
    return result[
        tuple(slice(before, length - after) for (before, after), length in zip(widths, result.shape, strict=True))
    ]
