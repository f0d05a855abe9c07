"""Random subsampling of sparse inputs: dropped entries are removed from the structure, and cause no further work.

Each entry of a sparse matrix has its own draw. It belongs to the entry's place in the dense matrix, so that a CSR and a
CSC matrix lose the same entries:

    r_ij  = word i * columns + j of the seed's stream / 2^32
    y     = the stored x_ij with r_ij >= ratio, times s        s = scaled ? 1 / (1 - ratio) : 1
    dx_ij = r_ij < ratio ? 0 : s dy_ij

A ragged list keeps at most `keep` of its ids: id k of all lists has word k of the stream, and a list keeps the ids
with the `keep` smallest words. Every choice of `keep` ids is then equally likely. (If two words are equal, as for one
pair of ids in 2^32, the earlier id counts as smaller.)
"""

import math
from typing import Any

import numpy as np

from workbench import philox
from workbench.arrays import FLOATS, INTEGERS, NUMBERS, check_axes, check_dtype, check_sound, is_sparse, native_array
from workbench.baselines import _common as common
from workbench.operator import REQUIRED, Arg
from workbench.sparse_dropout import SCALED, SEED

_AT_LEAST_0 = "a whole number of at least 0"
_KEEP = Arg("keep", int, REQUIRED, "ids that a list keeps at most", low=0, high=math.inf, words=_AT_LEAST_0)

PLACES = 1 << 64  # number of words in a seed's stream


def subsample_entries(
    x: Any, ratio: float = 0.5, *, seed: int, training: bool = True, scaled: bool = False
) -> tuple[Any, np.ndarray]:
    """Remove each stored entry of a sparse matrix with probability `ratio`.

    Args:
        x: a `scipy.sparse` CSR or CSC matrix or 2-D array of float16, float32 or float64. Stored zeros take part, and
            an element that is stored twice is kept or dropped as one.
        ratio: from 0 (keep all) to 1 (return a matrix without entries).
        seed: a whole number below 2^64. The same elements are dropped as by `dropout` of the dense matrix.
        training: False returns a copy.
        scaled: whether kept entries are scaled by 1 / (1 - ratio), so that the expectation of y is x.

    Returns:
        y, a new matrix of x's class, format and dtype with its entries in x's order, and `dropped`, bool, shape (stored
        entries of x,). A dropped infinity or NaN leaves no trace.
    """
    _check_matrix(x)
    ratio = common.checked_ratio(ratio, training)
    dropped = philox.words_at(SEED.check(seed), _places(x)) * philox.UNIT < ratio
    kept = np.flatnonzero(~dropped)
    scale = common.scale_of(ratio) if SCALED.check(scaled) else 1.0
    data = common.multiplied(x.data[kept].astype(x.dtype.newbyteorder("=")), scale)
    kept_before = np.concatenate([[0], np.cumsum(~dropped)])  # kept entries before entry k of x
    indptr = kept_before[x.indptr].astype(x.indptr.dtype)
    return type(x)((data, x.indices[kept], indptr), shape=x.shape), dropped


def subsample_entries_gradient(
    dy: Any, dropped: Any, ratio: float, *, training: bool = True, scaled: bool = False
) -> np.ndarray:
    """Return the gradient of a loss in x.data, given its gradient dy in y.data, for y = subsample_entries(x)."""
    dy, dropped = common.checked_floats("dy", dy, "(entries,)"), common.checked_mask(dropped)
    check_axes("dropped", dropped, "(entries,)")
    common.check_shape("dy", dy, (int(np.count_nonzero(~dropped)),), "many as dropped has entries that are kept")
    ratio = common.checked_ratio(ratio, training)
    dx = np.zeros(dropped.shape, dy.dtype)
    dx[~dropped] = common.multiplied(dy, common.scale_of(ratio) if SCALED.check(scaled) else 1.0)
    return dx


def subsample_lists(values: Any, lengths: Any, keep: int, *, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep at most `keep` ids of each ragged list, chosen uniformly without replacement; their order is preserved.

    Args:
        values: the ids of all lists, one after another, shape (values,), integers or floats.
        lengths: the number of ids in each list, shape (lists,), int32 or int64; their sum is len(values).
        keep: a whole number, at least 0. Lists that are not longer than this are returned unchanged.
        seed: a whole number below 2^64.

    Returns:
        The kept values, the new lengths min(lengths, keep) in the dtype of lengths, and the mask of the kept values.
    """
    values, lengths = _checked_lists(values, lengths)
    keep = _KEEP.check(keep)
    words = philox.words(SEED.check(seed), values.size)
    lists = np.repeat(np.arange(lengths.size), lengths)
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    order = np.lexsort((words, lists))  # sort by list, then by word; the sort is stable
    rank = np.arange(values.size) - starts[lists]  # rank[k] is that of the value order[k] in its list
    kept = np.empty(values.size, bool)
    kept[order] = rank < keep
    return values[kept], np.minimum(lengths, min(keep, values.size)).astype(lengths.dtype), kept


def _checked_lists(values: Any, lengths: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the checked values and lengths of ragged lists; raise ValueError if they do not fit together."""
    values, lengths = native_array("values", values, NUMBERS), native_array("lengths", lengths, INTEGERS)
    check_axes("values", values, "(values,)")
    check_axes("lengths", lengths, "(lists,)")
    if lengths.size and lengths.min() < 0:
        place = int(lengths.argmin())
        raise ValueError(f"lengths[{place}]={lengths[place]}: must be at least 0")
    total = sum(map(int, lengths))
    if total != values.size:
        raise ValueError(f"lengths add up to {total} and there are {values.size} values: must be equal")
    return values, lengths


def _check_matrix(x: Any) -> None:
    sparse = is_sparse(x)
    if not sparse or x.format not in ("csr", "csc") or x.ndim != 2:
        kind = f"a sparse {x.ndim}-D {x.format.upper()} array" if sparse else f"of type {type(x).__name__}"
        raise TypeError(
            f"x is {kind}: must be a scipy.sparse CSR or CSC matrix; convert it, as with "
            + ("x.tocsr()" if sparse else "scipy.sparse.csr_array(x)")
        )
    check_dtype("x", x.dtype, FLOATS)
    check_sound("x", x)
    if x.shape[0] * x.shape[1] > PLACES:
        raise ValueError(f"x has shape {x.shape}: must have at most 2^64 elements, one word of the stream each")


def _places(x: Any) -> np.ndarray:
    """Return the place of each stored entry in the dense matrix, in C order, uint64."""
    majors = np.repeat(np.arange(x.indptr.size - 1, dtype=np.uint64), np.diff(x.indptr).astype(np.intp))
    minors = x.indices[: majors.size].astype(np.uint64)
    rows, columns = (majors, minors) if x.format == "csr" else (minors, majors)
    return rows * np.uint64(x.shape[1]) + columns
