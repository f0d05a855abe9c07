"""Measure the entropy of activations: of their shares, of each unit, or of the pattern that the units form."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import entr

from workbench.measures.activations import by_width, checked_activations, shares
from workbench.operator import checked_choice

KINDS = ("shares", "marginal", "joint")


def entropy(y: Any, kind: str = "shares", bins: int | Sequence[float] | np.ndarray = 10) -> float:
    """Return an entropy of activations, in bits.

    "shares" is the mean over examples of the entropy of the units' shares of the example's sum, from 0 for a single
    active unit to log2(units) for equal ones. It is high for copies of one unit, so it is no measure of diversity.

    "marginal" is the sum over units of the entropy of a unit's activations, sorted into bins. It does not see whether
    units are alike.

    "joint" is the entropy of the pattern of units above their median: 1 for copies of a unit, and one bit a unit for
    independent ones. It has the correction of Miller and Madow, (patterns - 1) / (2 examples ln 2) bits. It cannot be
    far above log2(examples), so the examples should be many more than 2**units.

    Args:
        y: activations (examples, units); at least 0 for "shares".
        kind: one of the three.
        bins: for "marginal", the number of equally wide bins between the smallest and the largest activation of all
            units; or their edges, which make the entropies of two populations comparable.

    Raises:
        TypeError: y is masked, or holds no numbers; or `bins` is neither whole numbers nor edges.
        ValueError: y has not two axes, an example and a unit; a number is NaN or infinite; a share would be negative or
            0 / 0; or `kind` or `bins` is not allowed.
    """
    if checked_choice("kind", kind, KINDS) == "shares":
        return float(np.mean(_bits(shares(y))))
    y = checked_activations("y", y)
    if kind == "joint":
        patterns = np.packbits(y > np.percentile(y, 50, axis=0, method="lower"), axis=1)
        return float(miller_madow(np.unique(patterns, axis=0, return_counts=True)[1]))
    classes = by_width(y, bins)
    return float(sum(_bits(np.bincount(unit) / len(y)) for unit in classes.T))


def miller_madow(counts: np.ndarray) -> np.ndarray:
    """Return the entropy in bits of counts (..., classes), corrected for the small number of examples.

    The entropy of observed frequencies is too low on average; Miller (1955) adds (classes seen - 1) / (2 examples).
    """
    examples = counts.sum(axis=-1)
    seen = np.count_nonzero(counts, axis=-1)
    return _bits(counts / examples[..., None]) + (seen - 1) / (2 * examples * np.log(2))


def _bits(p: np.ndarray) -> np.ndarray:
    """Return the entropy over the last axis."""
    return entr(p).sum(axis=-1) / np.log(2)
