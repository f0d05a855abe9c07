"""Reference implementation of dropout with replacement in NumPy, as close to the formula as possible.

    r = word / 2^32              one word of the stream per element, or per segment
    y = r < ratio ? new : x      element by element
    y = r < ratio ? (new,) : x   segment by segment

Source: Caffe2's SparseDropoutWithReplacement, which drops whole segments of a ragged array, and
SparseItemwiseDropoutWithReplacement. The element-wise form applies the same formula to an array.
"""

import numpy as np

from workbench import philox
from workbench.sparse_dropout.inputs import Drop, check_entries, check_sum
from workbench.sparse_dropout.sparse_entries import Stored


def dropout_with_replacement(x, drop: Drop, replacement: np.ndarray, scale: float | None) -> tuple:
    if isinstance(x, Stored):
        return _stored(x, drop, replacement, scale)
    dropped = _dropped(drop, x.size).reshape(x.shape)
    return _replaced(x, dropped, replacement, drop.ratio, scale), dropped


def dropout_of_runs(x, begins: np.ndarray, drop: Drop, replacement: np.ndarray, scale: float | None) -> tuple:
    """Apply dropout to a block of a larger array; its contiguous runs begin at words drop.start + begins."""
    length = x.size // max(begins.size, 1)
    places = np.uint64(drop.start) + begins[:, None] + np.arange(length, dtype=np.uint64)
    dropped = (philox.words_at(drop.seed, places) * philox.UNIT < drop.ratio).reshape(x.shape)
    return _replaced(x, dropped, replacement, drop.ratio, scale), dropped


def dropout_with_replacement_gradient(dy, dropped, scale: float, replacement_shape: tuple[int, ...]) -> tuple:
    if isinstance(dy, Stored):
        dx = np.where(dropped.data, 0, _scaled(dy.data, scale))
        shares = _shares_of_replacement(dy.data, dropped.data, scale)
        return dy.like(dx), _rounded(_sum_stored_to(dy, shares, replacement_shape), dx.dtype)
    dx = np.where(dropped, 0, _scaled(dy, scale))
    shares = _shares_of_replacement(dy, dropped, scale)
    return dx, _rounded(sum_to(shares, replacement_shape), dx.dtype)


def sparse_dropout_with_replacement(x: np.ndarray, lengths: np.ndarray, drop: Drop, value: np.ndarray) -> tuple:
    check_sum(lengths, x.size)
    dropped = _dropped(drop, lengths.size)
    output_lengths = np.where(dropped, 1, lengths).astype(lengths.dtype)
    bounds = np.cumsum(lengths)[:-1] if lengths.size else ()
    segments = np.split(x, bounds)
    new = np.full(1, value)
    y = [new if gone else segment for gone, segment in zip(dropped, segments, strict=False)]
    return np.concatenate([x[:0], *y]), output_lengths


def sparse_itemwise_dropout_with_replacement(x, lengths: np.ndarray, drop: Drop, value: np.ndarray) -> tuple:
    check_sum(lengths, x.size)
    return np.where(_dropped(drop, x.size), value, x), lengths.copy()


def _dropped(drop: Drop, count: int) -> np.ndarray:
    return philox.uniforms(drop.seed, count, drop.start) < drop.ratio


def _replaced(x: np.ndarray, dropped: np.ndarray, new: np.ndarray, ratio: float, scale: float | None) -> np.ndarray:
    if scale is None:
        return np.where(dropped, new, x)
    wide = _wide(x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        # new + (x - new) * scale, in the form with the least cancellation for a large new and a small ratio.
        kept = (x.astype(wide) - new.astype(wide) * wide.type(ratio)) * wide.type(scale)
        return np.where(dropped, new, _rounded(kept, x.dtype))


def _wide(dtype: np.dtype) -> np.dtype:
    """Return the type to compute in: float32 for float16, which is then rounded once, else the same type."""
    return np.dtype(np.float32) if dtype == np.float16 else dtype


def _stored(x: Stored, drop: Drop, replacement: np.ndarray, scale: float | None) -> tuple:
    check_entries("x", x)
    rows, columns = x.as_rows_and_columns(x.majors, x.minors)
    place = rows.astype(np.uint64) * np.uint64(x.matrix.shape[1]) + columns.astype(np.uint64) + np.uint64(drop.start)
    dropped = philox.words_at(drop.seed, place) * philox.UNIT < drop.ratio
    new = np.broadcast_to(replacement, x.matrix.shape)[rows, columns]
    return x.like(_replaced(x.data, dropped, new, drop.ratio, scale)), x.like(dropped)


def _scaled(dy: np.ndarray, scale: float) -> np.ndarray:
    wide = _wide(dy.dtype)
    with np.errstate(over="ignore"):
        return _rounded(dy.astype(wide) * wide.type(scale), dy.dtype)


def _shares_of_replacement(dy: np.ndarray, dropped: np.ndarray, scale: float) -> np.ndarray:
    """Return each element's part of the replacement's gradient; a kept element is new + (x - new) * scale."""
    with np.errstate(over="ignore"):
        kept = dy.astype(np.float64) * (1 - scale) if scale != 1 else 0.0
    return np.where(dropped, dy.astype(np.float64), kept)


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype)


def _sum_stored_to(dy: Stored, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if not shape:
        return sum_to(values, ())
    total = np.zeros(shape)
    places = dy.as_rows_and_columns(dy.majors, dy.minors)[2 - len(shape) :]
    places = tuple(np.minimum(place, length - 1) for place, length in zip(places, shape, strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        np.add.at(total, places, values)
    return total


def sum_to(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the sum over the axes that broadcasting from `shape` adds or stretches."""
    with np.errstate(over="ignore", invalid="ignore"):
        return values.sum(axis=summed_axes(values.ndim, shape), keepdims=True).reshape(shape)


def summed_axes(rank: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of an array with `rank` axes that broadcasting from `shape` adds or stretches."""
    added = rank - len(shape)
    return tuple(range(added)) + tuple(added + i for i, length in enumerate(shape) if length == 1)
