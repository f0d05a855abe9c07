"""Measure how similar each two units are."""

from typing import Any

import numpy as np
import scipy

from workbench.measures.activations import BINS, by_rank, checked_activations, scaled
from workbench.measures.entropies import miller_madow
from workbench.operator import checked_choice

KINDS = ("pearson", "spearman", "mutual information")


def similarity(y: Any, kind: str = "pearson", bins: int = 10) -> np.ndarray:
    """Return the similarity of each two units, (units, units).

    "pearson" is the correlation, from -1 to 1: how close to a line the two lie. "spearman" is the correlation of their
    ranks: how close to a monotone curve. A unit that is constant has neither: its row and column are NaN.

    "mutual information" is what one unit tells of the other, in bits: H(i) + H(j) - H(i, j), with the entropies of
    `bins` classes that hold equally many activations of a unit. It sees any relation, up to log2(bins); a monotone
    change of a unit leaves it as it is. The diagonal is a unit's own entropy, and a constant unit has 0. With Miller
    and Madow's correction, independent units have 0 on average, so that a value may be slightly negative.

    Args:
        y: activations (examples, units), two examples or more.
        kind: one of the three.
        bins: classes for the mutual information, from 2; the examples should be many more than bins**2.

    Raises:
        TypeError: y is masked, or holds no numbers; or `bins` is not a whole number.
        ValueError: y has not two axes, two examples and a unit; a number is NaN or infinite; or `kind` or `bins` is not
            allowed.
    """
    checked_choice("kind", kind, KINDS)
    y, bins = checked_activations("y", y, least=2), BINS.check(bins)
    if kind == "mutual information":
        return _information(by_rank(y, bins), bins)
    if kind == "spearman":
        y = scipy.stats.rankdata(y, axis=0)
    return _correlation(y)


def pairs(matrices: np.ndarray) -> np.ndarray:
    """Return what stands beside the diagonal of matrices (..., units, units), shape (..., units * (units - 1)).

    Raises:
        ValueError: the last two axes are not equally long.
    """
    matrices = np.asarray(matrices)
    if matrices.ndim < 2 or matrices.shape[-1] != matrices.shape[-2]:
        raise ValueError(f"matrices: have shape {matrices.shape}; must be (..., units, units)")
    return matrices[..., ~np.eye(matrices.shape[-1], dtype=bool)]


def _correlation(y: np.ndarray) -> np.ndarray:
    constant = (y == y[0]).all(axis=0)
    y = scaled(y, axis=0)
    centred = y - y.mean(axis=0)
    centred[:, constant] = np.nan
    centred /= np.sqrt(np.sum(centred**2, axis=0))
    return np.clip(centred.T @ centred, -1, 1)


def _information(classes: np.ndarray, bins: int) -> np.ndarray:
    examples, units = classes.shape
    members = (classes[:, :, None] == np.arange(bins)).reshape(examples, units * bins).astype(np.float64)
    together = (members.T @ members).reshape(units, bins, units, bins)
    joint = miller_madow(together.transpose(0, 2, 1, 3).reshape(units, units, bins * bins))
    own = np.diag(joint)
    return own[:, None] + own - joint
