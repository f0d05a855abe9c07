"""Replacement values computed from a dask array, in passes over its blocks that keep little data from each block."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np

from workbench.sparse_dropout import strategies
from workbench.sparse_dropout.strategies import present


def typical_value(name: str, x: da.Array, per_feature: bool) -> np.ndarray:
    """Return the value of `workbench.sparse_dropout.strategies.typical_value` for the whole array.

    "median" is exact; "mean" may differ by rounding, since the sum has another order.
    """
    per_feature = per_feature and x.ndim > 0
    if name == "zero":
        return strategies.typical_value(name, np.empty((0, *x.shape[-1:])), per_feature)
    x = x if x.ndim else x.reshape(1)
    return (_mean if name == "mean" else _median)(x, per_feature)


def _mean(x: da.Array, per_feature: bool) -> np.ndarray:
    """Return the mean as the sum of the blocks' means, weighted by their counts / total, so that no sum overflows."""
    parts = _of_blocks(_count_and_mean, x, per_feature, (2,), np.dtype(float))
    axes = _summed(x, per_feature)
    counts, means = parts[..., 0], parts[..., 1]
    total = np.maximum(counts.sum(axis=axes, keepdims=True), 1)
    return np.asarray((means * (counts / total)).sum(axis=axes).compute())


def _count_and_mean(block: np.ndarray, *, per_feature: bool) -> np.ndarray:
    features = block.shape[-1]
    values, columns = present(block, features if per_feature else None)
    count = values.size if columns is None else np.bincount(columns, minlength=features)
    mean = strategies.typical_value("mean", block, per_feature)
    return _as_part(np.stack([count, mean], axis=-1), block.ndim, per_feature)


def _median(x: da.Array, per_feature: bool) -> np.ndarray:
    """Return the median: find the two middle values digit by digit, by counting values that share the digits so far.

    Values are mapped to integers of the same order. A digit has 16 bits, or 8 with `per_feature`, for small histograms.
    """
    features = x.shape[-1] if per_feature else 1
    bits = 8 if per_feature else 16
    found = np.zeros((2, features), np.uint64)
    left = None  # rank of each middle value among the values that share its digits found so far
    for shift in range(x.dtype.itemsize * 8 - bits, -1, -bits):
        parts = _of_blocks(
            _histograms, x, per_feature, (2, 1 << bits), np.dtype(np.int64), found=found, shift=shift, bits=bits
        )
        counts = parts.sum(axis=_summed(x, per_feature)).compute().reshape(features, 2, 1 << bits).swapaxes(0, 1)
        if left is None:
            total = counts[0].sum(axis=-1)
            left = np.maximum([(total - 1) // 2, total // 2], 0)
        through = np.cumsum(counts, axis=-1)
        digit = np.minimum((through <= left[..., np.newaxis]).sum(axis=-1, keepdims=True), (1 << bits) - 1)
        left = left - np.take_along_axis(through - counts, digit, axis=-1)[..., 0]
        found = (found << np.uint64(bits)) | digit[..., 0].astype(np.uint64)
    middle = np.where(total > 0, _values(found, x.dtype), 0).astype(x.dtype)
    return strategies.typical_value("median", middle, per_feature)


def _histograms(
    block: np.ndarray, *, per_feature: bool, found: np.ndarray, shift: int, bits: int, block_info: dict
) -> np.ndarray:
    """Count the digits at `shift` of those values whose higher digits are the ones found for a middle value."""
    features = block.shape[-1] if per_feature else 1
    values, columns = present(block, features if per_feature else None)
    first = block_info[0]["array-location"][-1][0] if per_feature else 0
    keys = _keys(values)
    above, digits = keys >> shift >> bits, (keys >> shift & keys.dtype.type((1 << bits) - 1)).astype(np.intp)
    places = digits if columns is None else columns * np.intp(1 << bits) + digits
    counts = []
    for prefix in found[:, first : first + features].astype(keys.dtype):
        sharing = above == (prefix[0] if columns is None else prefix[columns])
        counts.append(np.bincount(places[sharing], minlength=features << bits).reshape(features, 1 << bits))
    stacked = np.stack(counts, axis=1)
    return _as_part(stacked if per_feature else stacked[0], block.ndim, per_feature)


def _keys(values: np.ndarray) -> np.ndarray:
    """Return unsigned integers in the order of the values: flip all bits if negative, otherwise the sign bit."""
    unsigned = np.dtype(f"u{values.itemsize}")
    bits, sign = values.view(unsigned), unsigned.type(1 << (unsigned.itemsize * 8 - 1))
    return np.where(bits & sign, ~bits, bits | sign)


def _values(keys: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the values of the given keys, the inverse of `_keys`."""
    unsigned = np.dtype(f"u{dtype.itemsize}")
    keys, sign = keys.astype(unsigned), unsigned.type(1 << (unsigned.itemsize * 8 - 1))
    return np.where(keys & sign, keys & ~sign, ~keys).view(dtype)


def _of_blocks(
    function: Callable, x: da.Array, per_feature: bool, shape: tuple[int, ...], dtype: np.dtype, **options: Any
) -> da.Array:
    """Return the results of `function`, with `shape` as the last axes, for each block or each feature of a block."""
    sizes = [(1,) * len(chunks) for chunks in x.chunks]
    if per_feature:
        sizes[-1] = x.chunks[-1]
    return da.map_blocks(
        function,
        x,
        dtype=dtype,
        meta=np.empty((0,) * (x.ndim + len(shape)), dtype),
        chunks=(*sizes, *((length,) for length in shape)),
        new_axis=range(x.ndim, x.ndim + len(shape)),
        per_feature=per_feature,
        **options,
    )


def _as_part(values: np.ndarray, ndim: int, per_feature: bool) -> np.ndarray:
    """Return the values of one block, reshaped to have an axis for each axis of x."""
    return values.reshape((1,) * (ndim - per_feature) + values.shape)


def _summed(x: da.Array, per_feature: bool) -> tuple[int, ...]:
    return tuple(range(x.ndim - per_feature))
