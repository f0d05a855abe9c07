"""Compute replacements from the input: the mean or median of its non-zero values, or zero.

Zeros stand for absent values and are ignored. Infinities and NaN are ignored too, since a single one would otherwise
replace every dropped element.
"""

import math
from typing import Any

import numpy as np

from workbench.sparse_dropout.sparse_entries import Stored

STRATEGIES = ("zero", "mean", "median")
FEW = 255  # rows whose non-zero values one byte can count
NARROW = 1 << 14  # elements of a table that are added up at once if FEW rows have fewer
LINES = 1 << 19  # elements that are transposed at once, so that they stay in the cache


def typical_value(name: str, x: np.ndarray | Stored, per_feature: bool) -> np.ndarray:
    """Return zero, or the mean or median of the finite non-zero values of x, float64.

    The shape is (), or with `per_feature` (features,), one value for each index of the last axis. The result is 0 where
    there are no such values.
    """
    per_feature = per_feature and len(x.shape) > 0
    features = x.shape[-1] if per_feature else 1
    if name == "zero":
        return np.zeros(features if per_feature else ())
    if per_feature and not isinstance(x, Stored):
        table = x.reshape(math.prod(x.shape[:-1]), features)
        return (_means_of_table if name == "mean" else _medians_of_table)(table)
    values, columns = present(x, features if per_feature else None)
    if columns is None:
        return np.asarray(_middle(name, values) if values.size else 0.0)
    return (_means if name == "mean" else _medians)(values, columns, features)


def present(x: np.ndarray | Stored, features: int | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the finite non-zero values, flat, and their columns, or None if `features` is None."""
    data = x.data if isinstance(x, Stored) else x
    present = (data != 0) & np.isfinite(data)
    if features is None:
        return data[present], None
    if isinstance(x, Stored):
        return data[present], x.as_rows_and_columns(x.majors, x.minors)[1][present]
    return data[present], np.broadcast_to(np.arange(features, dtype=np.int32), x.shape)[present]


def _middle(name: str, values: np.ndarray) -> float:
    if name == "median":
        return float(_medians_of_lines(values.reshape(1, -1))[0])
    if values.dtype == np.float64 and np.abs(values).max() > np.finfo(np.float64).max / values.size:
        return float(np.sum(values / values.size))  # divided first, so that no sum overflows
    return float(np.mean(values, dtype=np.float64))


def _halfway(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the mean of two numbers: large ones are halved first, so the sum cannot overflow; small ones are exact."""
    with np.errstate(over="ignore"):
        return np.where(np.abs(low) > 1, low / 2 + high / 2, (low + high) / 2)


def _means_of_table(table: np.ndarray) -> np.ndarray:
    """Return the mean of each column of a table (rows, features), in blocks of rows that stay in the cache."""
    rows, features = table.shape
    counts, sums = np.zeros(features, np.intp), np.zeros(features)
    step = max(FEW, NARROW // max(features, 1))
    kind: Any = np.uint8 if step == FEW else np.intp
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, rows, step):
            block = table[start : start + step]
            sums += block.astype(np.float64).sum(axis=0)
            counts += (block != 0).view(np.uint8).sum(axis=0, dtype=kind)
    if not np.isfinite(sums).all():  # an infinity or NaN, or a sum that overflows
        values, columns = present(table, features)
        return _means(values, np.asarray(columns), features)
    return sums / np.maximum(counts, 1)


def _medians_of_table(table: np.ndarray) -> np.ndarray:
    """Return the median of each column of a table (rows, features)."""
    rows, features = table.shape
    result, step = np.zeros(features), max(1, LINES // max(rows, 1))
    for start in range(0, features, step):
        lines = np.array(table[:, start : start + step].T, order="C")
        absent = (lines == 0) | ~np.isfinite(lines)
        np.copyto(lines, np.inf, where=absent)  # beyond every value that counts
        counts = rows - absent.sum(axis=1)
        for count in np.unique(counts[counts > 0]):
            result[start : start + step][counts == count] = _medians_of_lines(lines[counts == count], count)
    return result


def _medians_of_lines(lines: np.ndarray, count: int | None = None) -> np.ndarray:
    """Return the median of the `count` smallest values of each line (lines, values); all values by default."""
    count = lines.shape[1] if count is None else count
    # NumPy selects a single place much faster than two. Below it are the smaller values in any order.
    parts = np.partition(lines, count // 2, axis=1)
    high = parts[:, count // 2].astype(np.float64)
    return high if count % 2 else _halfway(parts[:, : count // 2].max(axis=1).astype(np.float64), high)


def _medians(values: np.ndarray, columns: np.ndarray, features: int) -> np.ndarray:
    values = values[np.lexsort((values, columns))].astype(np.float64)
    counts = np.bincount(columns, minlength=features)
    ends, some = np.cumsum(counts), counts > 0
    begins, counts = (ends - counts)[some], counts[some]
    result = np.zeros(features)
    result[some] = _halfway(values[begins + (counts - 1) // 2], values[begins + counts // 2])
    return result


def _means(values: np.ndarray, columns: np.ndarray, features: int) -> np.ndarray:
    counts = np.bincount(columns, minlength=features)
    return np.bincount(columns, values / counts[columns], features)  # divided first, so that no sum overflows
