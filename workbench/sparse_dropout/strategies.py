"""Compute replacements from the input: the mean or median of its non-zero values, or zero.

Zeros stand for absent values and are ignored. Infinities and NaN are ignored too, since a single one would otherwise
replace every dropped element.
"""

import numpy as np

from workbench.sparse_dropout.sparse_entries import Stored

STRATEGIES = ("zero", "mean", "median")


def typical_value(name: str, x: np.ndarray | Stored, per_feature: bool) -> np.ndarray:
    """Return zero, or the mean or median of the finite non-zero values of x, float64.

    The shape is (), or with `per_feature` (features,), one value for each index of the last axis. The result is 0 where
    there are no such values.
    """
    per_feature = per_feature and len(x.shape) > 0
    features = x.shape[-1] if per_feature else 1
    if name == "zero":
        return np.zeros(features if per_feature else ())
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
        places = ((values.size - 1) // 2, values.size // 2)
        low, high = np.partition(values, places)[list(places)].astype(np.float64)
        return float(_halfway(low, high))
    if values.dtype == np.float64 and np.abs(values).max() > np.finfo(np.float64).max / values.size:
        return float(np.sum(values / values.size))  # divided first, so that no sum overflows
    return float(np.mean(values, dtype=np.float64))


def _halfway(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the mean of two numbers: large ones are halved first, so the sum cannot overflow; small ones are exact."""
    with np.errstate(over="ignore"):
        return np.where(np.abs(low) > 1, low / 2 + high / 2, (low + high) / 2)


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
