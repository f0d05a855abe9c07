"""Magnitude pruning: set a given share of the weights, the smallest ones, to zero.

    prune_global       remove the smallest |w| of all layers together
    prune_layers       remove the smallest |w| of each layer
    prune_rows         remove the rows with the smallest norm
    gradual_sparsity   compute the share to remove at a step of training

Exactly round(sparsity * n) of n weights are removed (Python's round: a half goes to the even number). Among equally
small weights the first in C order go, so that the result depends on the weights alone. Zeros are the smallest, so
pruning again to the same sparsity removes the same weights. Removed weights are set to zero, not multiplied by it: an
infinity would become NaN.

Source of the schedule: Zhu and Gupta, To prune, or not to prune: exploring the efficacy of pruning for model
compression, 2017.
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.arrays import check_in_place
from workbench.operator import REQUIRED, Arg

SPARSITY = Arg("sparsity", float, REQUIRED, "share of the weights that is removed", low=0.0, high=1.0)

_P = Arg(
    "p", float, 2.0, "exponent of the norm", low=1.0, high=math.inf, words="a number of at least 1, infinity included"
)
_EXPONENT = Arg("exponent", float, 3.0, "how soon most is removed", low=0.0, open=True, words="a number above 0")

Layers = Mapping[Any, np.ndarray] | Sequence[np.ndarray]
Masks = dict[Any, np.ndarray] | list[np.ndarray]


def prune_global(layers: Layers, sparsity: float) -> Masks:
    """Set the smallest weights of all layers together to zero, in place.

    Args:
        layers: a mapping or a sequence of arrays of weights, float32 or float64, any shape and memory layout, writable,
            without NaN, no two of which share memory.
        sparsity: the share of all weights to remove, from 0 to 1.

    Returns:
        The masks, bool, True where a weight is kept: a dict for a mapping, else a list.

    All arguments are checked before anything is written.
    """
    names, arrays = _checked_layers(layers)
    sparsity = SPARSITY.check(sparsity)
    sizes = [np.abs(w).reshape(-1) for w in arrays]
    kept = _kept(np.concatenate([np.zeros(0, np.float32), *sizes]), sparsity)
    bounds = np.cumsum([w.size for w in arrays])[:-1]
    masks = [part.reshape(w.shape) for part, w in zip(np.split(kept, bounds), arrays, strict=False)]
    return _applied(names, arrays, masks)


def prune_layers(layers: Layers, sparsity: float) -> Masks:
    """Set the same share of each layer's weights, the smallest, to zero in place; arguments as for `prune_global`."""
    names, arrays = _checked_layers(layers)
    sparsity = SPARSITY.check(sparsity)
    masks = [_kept(np.abs(w).reshape(-1), sparsity).reshape(w.shape) for w in arrays]
    return _applied(names, arrays, masks)


def prune_rows(w: np.ndarray, sparsity: float, p: float = 2.0) -> np.ndarray:
    """Set the rows with the smallest p-norm to zero, in place, so that a smaller matrix can replace w.

    Args:
        w: shape (rows, ...), float32 or float64, any memory layout, writable, without NaN. A norm is over all axes of a
            row.
        sparsity: the share of rows to remove, from 0 to 1.
        p: at least 1; infinity ranks the rows by their largest weight.

    Returns:
        The mask of the rows, bool, shape (rows,), True where a row is kept.

    All arguments are checked before anything is written.
    """
    w = _checked_weights("w", w)
    if w.ndim == 0:
        raise ValueError("w has no axes: must have at least one, the rows")
    sparsity, p = SPARSITY.check(sparsity), _P.check(p)
    kept = _kept(_row_norms(w.reshape(len(w), math.prod(w.shape[1:])), p), sparsity)
    w[~kept] = 0
    return kept


def gradual_sparsity(
    step: float, begin: float, end: float, initial: float, final: float, exponent: float = 3.0
) -> float:
    """Return the sparsity to prune to at a step of training; it rises fast at first, when pruning does least harm.

    final + (initial - final) * (1 - (step - begin) / (end - begin))^exponent

    Args:
        step: any number; `initial` up to `begin`, `final` from `end` on.
        begin, end: steps, begin < end.
        initial, final: from 0 to 1, initial <= final.
        exponent: above 0; 1 gives a straight line, and 3 the schedule of Zhu and Gupta.
    """
    steps = {"step": step, "begin": begin, "end": end}
    step, begin, end = (Arg(name, float, REQUIRED, "").check(value) for name, value in steps.items())
    shares = {"initial": initial, "final": final}
    initial, final = (dataclasses.replace(SPARSITY, name=name).check(value) for name, value in shares.items())
    exponent = _EXPONENT.check(exponent)
    if begin >= end:
        raise ValueError(f"end={end!r}: must be above begin={begin!r}")
    if initial > final:
        raise ValueError(f"final={final!r}: must be at least initial={initial!r}; what is removed stays removed")
    left, whole = end - step, end - begin
    if math.isinf(left) or math.isinf(whole):
        left, whole = end / 2 - step / 2, end / 2 - begin / 2
    share = min(max(left / whole, 0.0), 1.0) ** exponent
    return share * initial + (1 - share) * final  # exact at both ends


def _checked_layers(layers: Any) -> tuple[list | None, list[np.ndarray]]:
    """Return the names (None for a sequence) and the checked arrays."""
    if isinstance(layers, np.ndarray) or not isinstance(layers, Mapping | Sequence) or isinstance(layers, str | bytes):
        hint = "; give it as [w]" if isinstance(layers, np.ndarray) else ""
        raise TypeError(f"layers: must be a mapping or a sequence of arrays, not {type(layers).__name__}{hint}")
    names = list(layers) if isinstance(layers, Mapping) else None
    arrays = list(layers) if names is None else [layers[name] for name in names]
    labels = [f"layers[{name!r}]" for name in (range(len(arrays)) if names is None else names)]
    arrays = [_checked_weights(label, w) for label, w in zip(labels, arrays, strict=True)]
    for (label, w), (other_label, other) in itertools.combinations(zip(labels, arrays, strict=True), 2):
        if np.shares_memory(w, other):
            raise ValueError(f"{label} and {other_label} share memory: their weights would count twice; give one")
    return names, arrays


def _checked_weights(label: str, w: Any) -> np.ndarray:
    w = check_in_place(label, w)
    wrong = np.isnan(w)
    if wrong.any():
        place = ", ".join(map(str, np.unravel_index(int(wrong.argmax()), w.shape)))
        raise ValueError(f"{label} is NaN at ({place}), one of {np.count_nonzero(wrong)} such places: must have no NaN")
    return w


def _kept(sizes: np.ndarray, sparsity: float) -> np.ndarray:
    """Return the mask of all but the round(sparsity * n) smallest of n sizes, shape (n,)."""
    count = round(sparsity * sizes.size)
    if count == 0:
        return np.ones(sizes.size, bool)
    threshold = np.partition(sizes, count - 1)[count - 1]
    kept = sizes >= threshold
    equal = np.flatnonzero(sizes == threshold)
    smaller = sizes.size - np.count_nonzero(kept)
    kept[equal[: count - smaller]] = False
    return kept


def _row_norms(rows: np.ndarray, p: float) -> np.ndarray:
    """Return the p-norm of each row, shape (rows,), float64, without intermediate overflow or underflow."""
    sizes = np.abs(rows, dtype=np.float64)
    largest = sizes.max(axis=1, initial=0)
    if p == math.inf:
        return largest
    # Scaling by a power of two does not round, so equal norms stay equal. But it leaves values from 1 to 2, and their
    # powers overflow for a large p.
    scale = largest if p > 2 else np.ldexp(1.0, np.frexp(largest)[1] - 1)
    scale = np.where((largest > 0) & (largest < math.inf), scale, 1)
    with np.errstate(over="ignore", under="ignore"):
        return scale * ((sizes / scale[:, None]) ** p).sum(axis=1) ** (1 / p)


def _applied(names: list | None, arrays: list[np.ndarray], masks: list[np.ndarray]) -> Masks:
    for w, mask in zip(arrays, masks, strict=True):
        w[~mask] = 0
    return masks if names is None else dict(zip(names, masks, strict=True))
