"""Dropout of ragged dask arrays, whose values may be cut anywhere, even in the middle of a segment."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np

from workbench import sparse_dropout as plain
from workbench.cluster.blocks import as_dask, check, like, map_blocks, on_one_thread, one_each, stand_in
from workbench.operator import Operator
from workbench.sparse_dropout.inputs import Drop, check_sum


@like(plain.sparse_dropout_with_replacement)
def sparse_dropout_with_replacement(x: Any, lengths: Any, engine: str, **arguments: Any) -> tuple[da.Array, da.Array]:
    """Replace whole segments of a ragged array by one value each, with probability `ratio`.

    Arguments and errors are those of `workbench.sparse_dropout_with_replacement`, but x and lengths are dask arrays,
    chunked in any way. The lengths are computed at once and held in memory: the sizes of the result depend on them.

    Returns:
        y, a lazy dask array with as many chunks as x, of known sizes (the value of a dropped segment is in the chunk in
        which the segment begins); and output_lengths, a dask array with the chunks of lengths.
    """
    x, lengths, chunks, drop, value = _prepared(plain.SPARSE_DROPOUT, x, lengths, engine, **arguments)
    function = plain.SPARSE_DROPOUT.implementation(engine)
    # Empty segments become one value if they are dropped, and none if they are kept.
    dropped = function(np.empty(0, x.dtype), np.zeros_like(lengths), drop, value)[1] == 1
    *pieces, sizes = zip(*_pieces(lengths, dropped, x.chunks[0]), strict=True)
    how = {"function": function, "drop": drop, "value": value}
    y = map_blocks(_drop_segments, x, *map(one_each, pieces), dtype=x.dtype, chunks=(sizes,), **how)
    return y, da.from_array(np.where(dropped, 1, lengths).astype(lengths.dtype), chunks=chunks)


@like(plain.sparse_itemwise_dropout_with_replacement)
def sparse_itemwise_dropout_with_replacement(
    x: Any, lengths: Any, engine: str, **arguments: Any
) -> tuple[da.Array, da.Array]:
    """Replace single values of a ragged array, each with probability `ratio`.

    Arguments and errors are those of `workbench.sparse_itemwise_dropout_with_replacement`, but x and lengths are dask
    arrays, chunked in any way. The lengths are computed at once and held in memory, to be checked.

    Returns:
        y and output_lengths, dask arrays with the chunks of x and of lengths.
    """
    x, lengths, chunks, drop, value = _prepared(plain.SPARSE_ITEMWISE_DROPOUT, x, lengths, engine, **arguments)
    function = plain.SPARSE_ITEMWISE_DROPOUT.implementation(engine)
    y = map_blocks(_drop_items, x, dtype=x.dtype, function=function, drop=drop, value=value)
    return y, da.from_array(lengths.copy(), chunks=chunks)


def _pieces(lengths: np.ndarray, dropped: np.ndarray, sizes: tuple[int, ...]) -> list[tuple]:
    """Cut the segments at the borders of chunks; an empty segment at a border belongs to the chunk that begins there.

    Return, for each chunk of x, four items: the lengths of its parts of segments, the number of the first segment, a
    surplus (these three as arrays), and the number of output values. The surplus is 1 if the first segment began in an
    earlier chunk and is dropped, since its value is in that chunk.
    """
    pieces = []
    ends = np.cumsum(lengths, dtype=np.int64)
    begins = ends - lengths
    stop = 0
    for number, length in enumerate(sizes):
        at, stop = stop, stop + length
        first, last = np.searchsorted(begins, (at, stop))
        last = len(lengths) if number == len(sizes) - 1 else last  # include empty segments at the very end
        continued = int(first > 0 and ends[first - 1] > at)
        part = slice(first - continued, last)
        held = np.minimum(ends[part], stop) - np.maximum(begins[part], at)
        gone = dropped[part]
        surplus = int(continued and gone[0])
        size = int(np.where(gone, 1, held).sum()) - surplus
        pieces.append((held, np.array([part.start], np.uint64), np.array([surplus]), size))
    return pieces


def _prepared(
    operator: Operator, x: Any, lengths: Any, engine: str, **arguments: Any
) -> tuple[da.Array, np.ndarray, Any, Drop, np.ndarray]:
    """Check all arguments; return x, the lengths, their chunks, the rule of what to drop, and the replacement value."""
    x = as_dask("x", x)
    chunks = lengths.chunks if isinstance(lengths, da.Array) else "auto"
    lengths = as_dask("lengths", lengths).compute() if isinstance(lengths, da.Array) else lengths
    _, lengths, drop, value = check(operator, arguments, engine, stand_in(x), lengths)
    check_sum(lengths, x.size)
    return x, lengths, chunks, drop, value


def _drop_segments(x: np.ndarray, *piece: np.ndarray, function: Callable, drop: Drop, value: np.ndarray) -> np.ndarray:
    lengths, (segment,), (surplus,) = piece
    here = drop._replace(start=drop.start + int(segment))
    return on_one_thread(x, lengths, here, value, plain=function)[0][surplus:]


def _drop_items(x: np.ndarray, *, function: Callable, drop: Drop, value: np.ndarray, block_info: dict) -> np.ndarray:
    here = drop._replace(start=drop.start + block_info[0]["array-location"][0][0])
    return on_one_thread(x, np.array([x.size]), here, value, plain=function)[0]
