"""Dropout of ragged dask arrays: their values are cut anywhere, in the middle of a segment too."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import dask.array as da
import numpy as np

from workbench import sparse_dropout as plain
from workbench.cluster.blocks import as_dask, check, like, map_blocks, on_one_thread, one_each, stand_in
from workbench.operator import Operator
from workbench.sparse_dropout.inputs import Drop, check_sum


@like(plain.sparse_dropout_with_replacement)
def sparse_dropout_with_replacement(x: Any, lengths: Any, engine: str, **arguments: Any) -> tuple[da.Array, da.Array]:
    """Replace whole segments of a ragged array by one value each, with chance `ratio`.

    Arguments and errors as for `workbench.sparse_dropout_with_replacement`, with dask arrays x and lengths, chunked in
    any way. The lengths are computed at once and held in memory: the sizes of the result depend on them.

    Returns:
        y, a lazy dask array with as many chunks as x, of known sizes, where a dropped segment's one value is in the
        chunk in which the segment began; and output_lengths, a dask array with the chunks of lengths.
    """
    x, lengths, chunks, drop, value = _prepared(plain.SPARSE_DROPOUT, x, lengths, engine, **arguments)
    function = plain.SPARSE_DROPOUT.implementation(engine)
    # Empty segments become one value if they are dropped, and none if they are kept.
    dropped = function(np.empty(0, x.dtype), np.zeros_like(lengths), drop, value)[1] == 1
    pieces = list(_pieces(lengths, dropped, x.chunks[0]))
    y = map_blocks(
        _drop_segments,
        x,
        one_each([piece.lengths for piece in pieces]),
        one_each([np.array([piece.segment], np.uint64) for piece in pieces]),
        one_each([np.array([piece.surplus]) for piece in pieces]),
        dtype=x.dtype,
        chunks=(tuple(piece.size for piece in pieces),),
        function=function,
        drop=drop,
        value=value,
    )
    return y, da.from_array(np.where(dropped, 1, lengths).astype(lengths.dtype), chunks=chunks)


@like(plain.sparse_itemwise_dropout_with_replacement)
def sparse_itemwise_dropout_with_replacement(
    x: Any, lengths: Any, engine: str, **arguments: Any
) -> tuple[da.Array, da.Array]:
    """Replace single values of a ragged array, each with chance `ratio`.

    Arguments and errors as for `workbench.sparse_itemwise_dropout_with_replacement`, with dask arrays x and lengths,
    chunked in any way. The lengths are computed at once and held in memory, to be checked.

    Returns:
        y and output_lengths, dask arrays with the chunks of x and of lengths.
    """
    x, lengths, chunks, drop, value = _prepared(plain.SPARSE_ITEMWISE_DROPOUT, x, lengths, engine, **arguments)
    function = plain.SPARSE_ITEMWISE_DROPOUT.implementation(engine)
    y = map_blocks(_drop_items, x, dtype=x.dtype, function=function, drop=drop, value=value)
    return y, da.from_array(lengths.copy(), chunks=chunks)


@dataclasses.dataclass(frozen=True)
class _Piece:
    """What one chunk of x holds: the lengths of its parts of segments, of which the first is of `segment`.

    Where that one began in an earlier chunk and is dropped, its value there is `surplus` here: 1, else 0. `size` is how
    many values come out.
    """

    lengths: np.ndarray
    segment: int
    surplus: int
    size: int


def _pieces(lengths: np.ndarray, dropped: np.ndarray, sizes: tuple[int, ...]) -> Iterator[_Piece]:
    """Cut the segments at the borders of chunks; an empty one at a border belongs to the chunk that begins there."""
    ends = np.cumsum(lengths, dtype=np.int64)
    begins = ends - lengths
    stop = 0
    for number, size in enumerate(sizes):
        at, stop = stop, stop + size
        first, last = np.searchsorted(begins, (at, stop))
        last = len(lengths) if number == len(sizes) - 1 else last  # with the empty segments at the very end
        continued = int(first > 0 and ends[first - 1] > at)
        part = slice(first - continued, last)
        held = np.minimum(ends[part], stop) - np.maximum(begins[part], at)
        gone = dropped[part]
        surplus = int(continued and gone[0])
        yield _Piece(held, part.start, surplus, int(np.where(gone, 1, held).sum()) - surplus)


def _prepared(
    operator: Operator, x: Any, lengths: Any, engine: str, **arguments: Any
) -> tuple[da.Array, np.ndarray, Any, Drop, np.generic]:
    """Check everything; return x, the lengths and their chunks, and what says who is dropped and what for."""
    x = as_dask("x", x)
    chunks = lengths.chunks if isinstance(lengths, da.Array) else "auto"
    lengths = as_dask("lengths", lengths).compute() if isinstance(lengths, da.Array) else lengths
    _, lengths, drop, value = check(operator, arguments, engine, stand_in(x), lengths)
    check_sum(lengths, x.size)
    return x, lengths, chunks, drop, value


def _drop_segments(
    x: np.ndarray,
    lengths: np.ndarray,
    segment: np.ndarray,
    surplus: np.ndarray,
    *,
    function: Callable,
    drop: Drop,
    value: np.generic,
) -> np.ndarray:
    here = dataclasses.replace(drop, start=drop.start + int(segment[0]))
    return on_one_thread(x, lengths, here, value, plain=function)[0][int(surplus[0]) :]


def _drop_items(x: np.ndarray, *, function: Callable, drop: Drop, value: np.generic, block_info: dict) -> np.ndarray:
    here = dataclasses.replace(drop, start=drop.start + block_info[0]["array-location"][0][0])
    return on_one_thread(x, np.array([x.size]), here, value, plain=function)[0]
