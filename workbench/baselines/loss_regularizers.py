"""Caffe2's regularizers that add to the loss; `regularizer` lists them, with their formulas."""

import dataclasses
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.baselines.regularizer import Regularizer, above_0, declared, strength
from workbench.operator import REQUIRED, Arg


def _trimmed_count() -> Any:
    return declared(Arg("k", int, REQUIRED, "weights of each row that are left out of the penalty", low=1))


@dataclasses.dataclass(frozen=True)
class L1(Regularizer):
    """Add reg_lambda * sum |w| to the loss.

    The gradient is reg_lambda sign(w), 0 at 0; Caffe2 takes 0 wherever |w| <= 1e-12.
    """

    reg_lambda: float = strength()

    def _loss(self, w: np.ndarray) -> float:
        return self.reg_lambda * np.abs(w).sum()

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.reg_lambda * np.sign(w)


@dataclasses.dataclass(frozen=True)
class L2(Regularizer):
    """Add reg_lambda * sum w^2 to the loss: the square, without a half, and without the root that "norm" promises.

    The gradient is 2 reg_lambda w.
    """

    reg_lambda: float = strength()

    def _loss(self, w: np.ndarray) -> float:
        return self.reg_lambda * np.square(w).sum()

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return 2 * self.reg_lambda * w


@dataclasses.dataclass(frozen=True)
class ElasticNet(Regularizer):
    """Add l1 * sum |w| + l2 * sum w^2 to the loss; `penalties.ElasticNet` has scikit-learn's convention, with a half.

    The gradient is l1 sign(w) + 2 l2 w, 0 at 0.
    """

    l1: float = strength("l1", "factor in front of the sum of sizes")
    l2: float = strength("l2", "factor in front of the sum of squares")

    def _loss(self, w: np.ndarray) -> float:
        return self.l1 * np.abs(w).sum() + self.l2 * np.square(w).sum()

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * np.sign(w) + 2 * self.l2 * w


@dataclasses.dataclass(frozen=True)
class TrimmedL1(Regularizer):
    """Add reg_lambda * (sum |w| - the k largest |w| of each row) to the loss, so that k weights a row are free.

    A row is a line along the last axis, as in the TopK operator that Caffe2 uses: of a matrix (out, in) every output
    keeps k inputs. A vector is one row. A row of at most k adds 0. w has at least one axis.

    The gradient is reg_lambda sign(w), 0 at 0, and 0 for the k largest; of equal ones the first are the largest.

    Source: Caffe2, which names Bertsimas, Copenhaver and Mazumder, The Trimmed Lasso: Sparsity and Robustness, 2017.
    """

    reg_lambda: float = strength()
    k: int = _trimmed_count()

    _axes = "(..., weights)"

    def _loss(self, w: np.ndarray) -> float:
        return self.reg_lambda * _sum_but_largest(w, self.k)

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.reg_lambda * _sign_but_largest(w, self.k)


@dataclasses.dataclass(frozen=True)
class TrimmedElasticNet(Regularizer):
    """Add l1 * (sum |w| - the k largest |w| of each row) + l2 * sum w^2 to the loss; see `TrimmedL1`.

    The gradient is that of `TrimmedL1` with l1, plus 2 l2 w.
    """

    l1: float = strength("l1", "factor in front of the trimmed sum of sizes")
    l2: float = strength("l2", "factor in front of the sum of squares")
    k: int = _trimmed_count()

    _axes = "(..., weights)"

    def _loss(self, w: np.ndarray) -> float:
        return self.l1 * _sum_but_largest(w, self.k) + self.l2 * np.square(w).sum()

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * _sign_but_largest(w, self.k) + 2 * self.l2 * w


@dataclasses.dataclass(frozen=True)
class LpNorm(Regularizer):
    """Add reg_lambda * (sum over columns j of |w_j|^p)^(1/p) to the loss: few inputs, not few weights.

    |w_j| is the Euclidean length of column j of w, shape (out, in). p = 1 is a group lasso with the columns as groups,
    p = 2 the length of all of w. p, Caffe2's p_value, is above 0 and finite.

    The gradient is reg_lambda S^(1/p - 1) |w_j|^(p - 2) w_ij with S the sum above, and 0 in a column of zeros. There,
    0 is a subgradient; for p < 1 the slope away from it is infinite, and such a column stays zero.
    """

    reg_lambda: float = strength()
    p: float = above_0("p", 0.5, "exponent of the norm")

    _axes = "(out, in)"

    def _loss(self, w: np.ndarray) -> float:
        largest, powers = self._powers(_column_lengths(w))
        return self.reg_lambda * largest * powers.sum() ** (1 / self.p) if powers.any() else 0.0

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        lengths = _column_lengths(w)
        largest, powers = self._powers(lengths)
        if not powers.any():
            return np.zeros_like(w)
        # |w_j|^(p - 1) by way of t^p / t, with t <= 1, so that neither a small nor a large length overflows.
        slopes = _over_positive(largest * powers, lengths) * powers.sum() ** (1 / self.p - 1)
        return self.reg_lambda * slopes * _over_positive(w, lengths)

    def _powers(self, lengths: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the largest length, and every length's share of it to the power of p."""
        largest = lengths.max(initial=0)
        if largest in (0, np.inf):
            return largest, (lengths == largest) & (lengths > 0)
        return largest, (lengths / largest) ** self.p


@dataclasses.dataclass(frozen=True)
class L0Approximation(Regularizer):
    """Add reg_lambda * max(0, sum over columns j of min(|w_j| / alpha, 1) - budget) to the loss.

    |w_j| is the Euclidean length of column j of w, shape (out, in). The sum counts the columns that are at least alpha
    long, and the shorter ones in part: an approximation of how many inputs are used, of which `budget` are free. alpha
    is above 0 and budget at least 0.

    The gradient is reg_lambda / alpha * w_ij / |w_j| where 0 < |w_j| < alpha, else 0; and 0 where the sum is at most
    the budget. Columns longer than alpha are not moved at all: it shortens what is short already.
    """

    reg_lambda: float = strength()
    alpha: float = above_0("alpha", 0.01, "length from which on a column counts in full")
    budget: float = declared(Arg("budget", float, 0.0, "columns that are free", low=0.0))

    _axes = "(out, in)"

    def _loss(self, w: np.ndarray) -> float:
        return self.reg_lambda * np.maximum(self._count(_column_lengths(w)) - self.budget, 0)

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        lengths = _column_lengths(w)
        if self._count(lengths) <= self.budget:
            return np.zeros_like(w)
        return np.where(lengths >= self.alpha, 0, self.reg_lambda / self.alpha * _over_positive(w, lengths))

    def _count(self, lengths: np.ndarray) -> float:
        return np.minimum(lengths / self.alpha, 1).sum()


@dataclasses.dataclass(frozen=True)
class GroupL1(Regularizer):
    """Add reg_lambda * sum over groups g of sqrt(size_g) * sqrt(|w_g|^2 + stabilizer) to the loss: a group lasso.

    A group is a run of columns of w, shape (out, in): the first groups[0] inputs, then the next groups[1], and so on;
    they add up to `in`. |w_g| is the Euclidean length of all weights of the group's columns, and size_g = groups[g]
    (Caffe2's text scales by the size and its code by the root of the size, which is taken here). The stabilizer,
    Caffe2's stabilizing_val, is at least 0; above 0 it makes the loss smooth, and Caffe2 recommends 1e-8.

    The gradient is reg_lambda sqrt(size_g) w_ij / sqrt(|w_g|^2 + stabilizer), and 0 where that divides by 0.

    Source: Caffe2, which names Scardapane, Comminiello, Hussain and Uncini, Group sparse regularization for deep neural
    networks, 2017.
    """

    reg_lambda: float = strength()
    groups: Sequence[int] = declared(Arg("groups", object, REQUIRED, "columns in each group"))
    stabilizer: float = declared(Arg("stabilizer", float, 0.0, "what is added to the squared lengths", low=0.0))

    _axes = "(out, in)"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", _checked_groups(self.groups))

    def _check_shape(self, w: np.ndarray) -> None:
        super()._check_shape(w)
        if w.shape[1] != sum(self.groups):
            raise ValueError(f"w has {w.shape[1]} columns and groups add up to {sum(self.groups)}: must be equal")

    def _loss(self, w: np.ndarray) -> float:
        return self.reg_lambda * (np.sqrt(self.groups) * self._lengths(w)).sum()

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        slopes = np.repeat(np.sqrt(self.groups), self.groups)
        return self.reg_lambda * slopes * _over_positive(w, np.repeat(self._lengths(w), self.groups))

    def _lengths(self, w: np.ndarray) -> np.ndarray:
        if not self.groups:
            return np.zeros(0)
        starts = np.cumsum((0, *self.groups[:-1]))
        return np.hypot(np.hypot.reduceat(_column_lengths(w), starts), np.sqrt(self.stabilizer))


def _checked_groups(groups: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in groups)
    except TypeError:
        raise TypeError(f"groups={groups!r}: must be a list of whole numbers, the columns in each group") from None
    for g, size in enumerate(sizes):
        if size < 1:
            raise ValueError(f"groups[{g}]={size}: must be at least 1; leave out what has no columns")
    return sizes


def _sum_but_largest(w: np.ndarray, k: int) -> float:
    """Return the sum of |w| without the k largest of each row; summed directly, as a difference would cancel."""
    sizes = np.abs(w)
    rest = max(w.shape[-1] - k, 0)
    if np.isnan(sizes).any():
        return np.nan
    return np.partition(sizes, rest, axis=-1)[..., :rest].sum() if rest else 0.0


def _sign_but_largest(w: np.ndarray, k: int) -> np.ndarray:
    """Return sign(w), with 0 for the k largest |w| of each row."""
    largest = np.argsort(-np.abs(w), axis=-1, kind="stable")[..., :k]
    signs = np.sign(w)
    np.put_along_axis(signs, largest, 0, axis=-1)
    return signs


def _column_lengths(w: np.ndarray) -> np.ndarray:
    """Return the Euclidean length of each column, shape (in,), without overflow on the way."""
    return np.hypot.reduce(w, axis=0)


def _over_positive(w: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return w / lengths, and 0 where the length is 0."""
    return np.divide(w, lengths, out=np.zeros_like(w), where=lengths != 0)
