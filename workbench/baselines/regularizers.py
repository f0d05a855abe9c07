"""Caffe2's regularizers: each adds a term to the loss, or changes the weights after the optimizer's step.

    here                       in Caffe2                  adds to the loss
    L1                         L1Norm                     reg_lambda * sum |w|
    L2                         L2Norm                     reg_lambda * sum w^2
    ElasticNet                 ElasticNet                 l1 * sum |w| + l2 * sum w^2
    TrimmedL1                  L1NormTrimmed              reg_lambda * (sum |w| - the k largest of each row)
    TrimmedElasticNet          ElasticNetL1NormTrimmed    the same with l1, + l2 * sum w^2
    LpNorm                     LpNorm                     reg_lambda * (sum over columns |w_j|^p)^(1/p)
    L0Approximation            L0ApproxNorm               reg_lambda * max(0, sum of min(|w_j|/alpha, 1) - budget)
    GroupL1                    GroupL1Norm                reg_lambda * sum over groups sqrt(size) |w_g|

    here                       in Caffe2                  after the step
    LogBarrier                 LogBarrier                 w >= 1e-9, and -reg_lambda * discount * sum log w on the loss
    BoundedGradientProjection  BoundedGradientProjection  lower <= w <= upper
    MaxNorm                    MaxNorm                    |row| <= norm
    ConstantNorm               ConstantNorm               |row| = norm
    SparseLp                   SparseLpNorm               `sparse_lp_regularizer`

The second list is in `weight_bounds`. The regularizers of the first list do not change the weights after the step, and
those of the second add 0 to the loss, except for LogBarrier. |w_j|, |w_g| and |row| are Euclidean lengths. A matrix has
the shape (out, in) of Caffe2's fully connected layers; column j holds the weights of input j.
Caffe2's SparseL1Norm and SparseL2Norm are SparseLp with p = 1 and p = 2.

Formulas and defaults are Caffe2's, with these differences. A strength that adds to the loss may be 0 and must not be
negative (Caffe2's elastic nets take any). Sums are in float64. If a length is 0, the gradient is 0, a subgradient;
Caffe2 divides by 0. Steps that Caffe2 refuses for dense weights are applied to all rows.

Source: Caffe2's python/regularizer.py and the operators that it uses.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.arrays import check_axes
from workbench.baselines.regularizer import Regularizer, above_0, declared, product, strength
from workbench.operator import REQUIRED, Arg, is_number, shown

UNIT = 2.0**-64  # a unit of weights in which no length is beyond the range


def _trimmed_count() -> Any:
    return declared(Arg("k", int, REQUIRED, "weights of each row that are left out of the penalty", low=1))


@dataclasses.dataclass(frozen=True)
class L1(Regularizer):
    """Add reg_lambda * sum |w| to the loss.

    The gradient is reg_lambda sign(w), 0 at 0; Caffe2 uses 0 if |w| <= 1e-12.
    """

    reg_lambda: float = strength()

    def _loss(self, w: np.ndarray) -> float:
        return product(self.reg_lambda, np.abs(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.reg_lambda * np.sign(w)


@dataclasses.dataclass(frozen=True)
class L2(Regularizer):
    """Add reg_lambda * sum w^2 to the loss, without a factor 1/2 and, despite Caffe2's name L2Norm, without a root.

    The gradient is 2 reg_lambda w.
    """

    reg_lambda: float = strength()

    def _loss(self, w: np.ndarray) -> float:
        return product(self.reg_lambda, np.square(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return product(2, self.reg_lambda, w)


@dataclasses.dataclass(frozen=True)
class ElasticNet(Regularizer):
    """Add l1 * sum |w| + l2 * sum w^2 to the loss; `penalties.ElasticNet` follows scikit-learn, with a factor 1/2.

    The gradient is l1 sign(w) + 2 l2 w, 0 at 0.
    """

    l1: float = strength("l1", "factor in front of the sum of sizes")
    l2: float = strength("l2", "factor in front of the sum of squares")

    def _loss(self, w: np.ndarray) -> float:
        return product(self.l1, np.abs(w).sum()) + product(self.l2, np.square(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * np.sign(w) + product(2, self.l2, w)


@dataclasses.dataclass(frozen=True)
class TrimmedL1(Regularizer):
    """Add reg_lambda * (sum |w| - the k largest |w| of each row) to the loss, so that k weights per row are free.

    A row is a line along the last axis, as in the TopK operator that Caffe2 uses: in a matrix (out, in), each output
    has k free inputs. A vector is one row. A row of at most k weights adds 0. w has at least one axis.

    The gradient is reg_lambda sign(w), 0 at 0, and 0 for the k largest; among equal weights the first count as largest.

    Source: Caffe2, which names Bertsimas, Copenhaver and Mazumder, The Trimmed Lasso: Sparsity and Robustness, 2017.
    """

    reg_lambda: float = strength()
    k: int = _trimmed_count()

    def _loss(self, w: np.ndarray) -> float:
        return product(self.reg_lambda, _sum_but_largest(w, self.k))

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

    def _loss(self, w: np.ndarray) -> float:
        return product(self.l1, _sum_but_largest(w, self.k)) + product(self.l2, np.square(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * _sign_but_largest(w, self.k) + product(2, self.l2, w)


@dataclasses.dataclass(frozen=True)
class LpNorm(Regularizer):
    """Add reg_lambda * (sum over columns j of |w_j|^p)^(1/p) to the loss; it selects inputs, not single weights.

    |w_j| is the Euclidean length of column j of w, shape (out, in). p = 1 is a group lasso with the columns as groups;
    p = 2 is the Euclidean length of all of w. p, Caffe2's p_value, is above 0 and finite.

    The gradient is reg_lambda S^(1/p - 1) |w_j|^(p - 2) w_ij, where S is the sum above, and 0 in a column of zeros.
    There, 0 is a subgradient; for p < 1 the slope away from zero is infinite, and such a column stays zero.
    """

    reg_lambda: float = strength()
    p: float = above_0("p", 0.5, "exponent of the norm")

    def _loss(self, w: np.ndarray) -> float:
        largest, powers = self._powers(_column_lengths(w))
        return product(self.reg_lambda, largest, powers.sum() ** (1 / self.p)) if powers.any() else 0.0

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        lengths = _column_lengths(w)
        if _overflows(w, lengths):
            return self._gradient(w * UNIT)  # it does not depend on the unit of the weights
        largest, powers = self._powers(lengths)
        if not powers.any():
            return np.zeros_like(w)
        # |w_j|^(p - 1) is computed as t^p / t with t <= 1, so that neither a small nor a large length overflows.
        slopes = product(_over_positive(largest * powers, lengths), powers.sum() ** (1 / self.p - 1))
        return product(self.reg_lambda, slopes, _over_positive(w, lengths))

    def _powers(self, lengths: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the largest length, and (length / largest)^p for every length."""
        largest = lengths.max(initial=0)
        if largest in (0, np.inf):
            return largest, (lengths == largest) & (lengths > 0)
        return largest, (lengths / largest) ** self.p


@dataclasses.dataclass(frozen=True)
class L0Approximation(Regularizer):
    """Add reg_lambda * max(0, sum over columns j of min(|w_j| / alpha, 1) - budget) to the loss.

    |w_j| is the Euclidean length of column j of w, shape (out, in). The sum counts a column as 1 if its length is
    at least alpha, else as a fraction. It approximates the number of inputs that are used; `budget` of them are free.
    alpha is above 0 and budget at least 0.

    The gradient is reg_lambda / alpha * w_ij / |w_j| if 0 < |w_j| < alpha, else 0. It is also 0 if the sum is at most
    the budget. Thus columns longer than alpha do not move; only short ones become shorter.
    """

    reg_lambda: float = strength()
    alpha: float = above_0("alpha", 0.01, "length from which on a column counts in full")
    budget: float = declared(Arg("budget", float, 0.0, "columns that are free", low=0.0))

    def _loss(self, w: np.ndarray) -> float:
        return product(self.reg_lambda, np.maximum(self._count(_column_lengths(w)) - self.budget, 0))

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        lengths = _column_lengths(w)
        if self._count(lengths) <= self.budget:
            return np.zeros_like(w)
        slope, shares = self.reg_lambda / self.alpha, _over_positive(w, lengths)
        slopes = slope * shares if slope < np.inf else self.reg_lambda * shares / self.alpha
        return np.where(lengths >= self.alpha, 0, slopes)

    def _count(self, lengths: np.ndarray) -> float:
        return np.minimum(lengths / self.alpha, 1).sum()


@dataclasses.dataclass(frozen=True)
class GroupL1(Regularizer):
    """Add reg_lambda * sum over groups g of sqrt(size_g) * sqrt(|w_g|^2 + stabilizer) to the loss: a group lasso.

    Groups are consecutive columns of w, shape (out, in): the first groups[0] inputs, then the next groups[1], and so
    on; the sizes add up to `in`. |w_g| is the Euclidean length of all weights in the group's columns, and size_g =
    groups[g]. (Caffe2's documentation scales by the size; its code, and this class, by the root of the size.) The
    stabilizer, Caffe2's stabilizing_val, is at least 0. Above 0 it makes the loss smooth; Caffe2 recommends 1e-8.

    The gradient is reg_lambda sqrt(size_g) w_ij / sqrt(|w_g|^2 + stabilizer), and 0 if that would divide by 0.

    Source: Caffe2, which names Scardapane, Comminiello, Hussain and Uncini, Group sparse regularization for deep neural
    networks, 2017.
    """

    reg_lambda: float = strength()
    groups: Sequence[int] = declared(Arg("groups", object, REQUIRED, "columns in each group"))
    stabilizer: float = declared(Arg("stabilizer", float, 0.0, "what is added to the squared lengths", low=0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", _checked_groups(self.groups))

    def _loss(self, w: np.ndarray) -> float:
        return product(self.reg_lambda, (np.sqrt(self.groups) * self._lengths(w)).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        slopes = np.repeat(np.sqrt(self.groups), self.groups)
        if _overflows(w, self._lengths(w)):
            return dataclasses.replace(self, stabilizer=self.stabilizer * UNIT**2)._gradient(w * UNIT)
        return product(self.reg_lambda, slopes, _over_positive(w, np.repeat(self._lengths(w), self.groups)))

    def _lengths(self, w: np.ndarray) -> np.ndarray:
        lengths = _column_lengths(w)
        if lengths.size != sum(self.groups):
            raise ValueError(f"w has {lengths.size} columns and groups add up to {sum(self.groups)}: must be equal")
        if not self.groups:
            return np.zeros(0)
        return np.hypot(np.hypot.reduceat(lengths, np.cumsum((0, *self.groups[:-1]))), np.sqrt(self.stabilizer))


def _checked_groups(groups: Any) -> tuple[int, ...]:
    is_list = isinstance(groups, Sequence) or (isinstance(groups, np.ndarray) and groups.ndim == 1)
    if not is_list or not all(is_number(size, int) for size in groups):
        raise TypeError(f"groups={shown(groups)}: must be a list of whole numbers, the columns in each group")
    for g, size in enumerate(groups):
        if size < 1:
            raise ValueError(f"groups[{g}]={shown(size)}: must be at least 1; leave out groups without columns")
    return tuple(map(int, groups))


def _sum_but_largest(w: np.ndarray, k: int) -> float:
    """Return the sum of |w| without the k largest of each row. A difference of two sums would be less accurate."""
    check_axes("w", w, "(..., weights)")
    sizes = np.abs(w)
    rest = max(w.shape[-1] - k, 0)
    if np.isnan(sizes).any():
        return np.nan
    return np.partition(sizes, rest, axis=-1)[..., :rest].sum() if rest else 0.0


def _sign_but_largest(w: np.ndarray, k: int) -> np.ndarray:
    """Return sign(w), with 0 for the k largest |w| of each row."""
    check_axes("w", w, "(..., weights)")
    largest = np.argsort(-np.abs(w), axis=-1, kind="stable")[..., :k]
    signs = np.sign(w)
    np.put_along_axis(signs, largest, 0, axis=-1)
    return signs


def _column_lengths(w: np.ndarray) -> np.ndarray:
    """Return the Euclidean length of each column, shape (in,), without intermediate overflow."""
    check_axes("w", w, "(out, in)")
    return np.hypot.reduce(w, axis=0)


def _overflows(w: np.ndarray, lengths: np.ndarray) -> bool:
    """Return whether finite weights have a length beyond the range."""
    return bool(np.isinf(lengths).any() and np.isfinite(w).all())


def _over_positive(w: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return w / lengths, or 0 where the length is 0."""
    return np.divide(w, lengths, out=np.zeros_like(w), where=lengths != 0)
