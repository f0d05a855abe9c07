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

Other regularizers add 0 to the loss, or do not change the weights after the step. |w_j|, |w_g| and |row| are Euclidean
lengths. A matrix has the shape (out, in) of Caffe2's fully connected layers; column j holds the weights of input j.
Caffe2's SparseL1Norm and SparseL2Norm are SparseLp with p = 1 and p = 2.

Formulas and defaults are Caffe2's, with these differences. A strength that adds to the loss may be 0 and must not be
negative (Caffe2's elastic nets take any). Sums are in float64. If a length is 0, the gradient is 0, a subgradient;
Caffe2 divides by 0. Steps that Caffe2 refuses for dense weights are applied to all rows.

Source: Caffe2's python/regularizer.py and the operators that it uses.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, check_axes, check_in_place, checked_indices, native_array
from workbench.operator import REQUIRED, Arg, is_number, shown
from workbench.sparse_lp import REG_LAMBDA, SPARSE_LP_REGULARIZER, sparse_lp_regularizer

SMALLEST = 1e-9  # smallest positive weight for Caffe2's barrier, and default distance to an open bound
SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)  # smaller numbers have fewer digits
UNIT = 2.0**-64  # a unit of weights in which no length is beyond the range
TINY = 1e-12  # Caffe2 adds this to a length before dividing by it
PART = 1 << 18  # number of weights that are normalized at a time

_NO_BOUND = "a number, or None for no bound"
_ITERATION = Arg("iteration", int, 1, "step of training", low=0, high=2**63 - 1)


def _declared(arg: Arg) -> Any:
    """Return a dataclass field for an argument; its value is checked when a regularizer is created."""
    default = {} if arg.default is REQUIRED else {"default": arg.default}
    return dataclasses.field(**default, metadata={"arg": arg})


def _strength(name: str = "reg_lambda", meaning: str = "factor in front of what is added to the loss") -> Any:
    return _declared(Arg(name, float, REQUIRED, meaning, low=0.0, slider=(1e-5, 1.0), scale="log"))


def _above_0(name: str, default: float, meaning: str) -> Any:
    return _declared(Arg(name, float, default, meaning, low=0.0, open=True, words="a number above 0"))


def _trimmed_count() -> Any:
    return _declared(Arg("k", int, REQUIRED, "weights of each row that are left out of the penalty", low=1))


@dataclasses.dataclass(frozen=True)
class Regularizer:
    """Base class of the regularizers. Its two hooks, on the loss and after the step, do nothing unless overridden."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            arg, value = field.metadata["arg"], getattr(self, field.name)
            if value is not None or arg.default is not None:
                object.__setattr__(self, field.name, arg.check(value))

    def on_loss(self, w: Any, iteration: int = 1) -> float:
        """Return the term that is added to the loss.

        Args:
            w: weights, float32 or float64; any shape, unless the class names one.
            iteration: the step of training, at least 0; only `LogBarrier` uses it. Caffe2 starts at 1.
        """
        w = native_array("w", w, WIDE_FLOATS).astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            return float(_product(self._discount(_ITERATION.check(iteration)), self._loss(w)))

    def gradient_on_loss(self, w: Any, iteration: int = 1) -> np.ndarray:
        """Return the gradient of `on_loss` in w, new, of w's shape and type; computed in float64 and rounded once."""
        w = native_array("w", w, WIDE_FLOATS)
        wide = w.astype(np.float64, copy=False)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            gradient = _product(self._discount(_ITERATION.check(iteration)), self._gradient(wide))
            return np.asarray(gradient).astype(w.dtype)

    def after_step(self, param: np.ndarray, indices: Any = None) -> None:
        """Change the weights in place after the optimizer's step.

        Args:
            param: weights, shape (rows, ...), float32 or float64, writable, in any memory layout.
            indices: the rows that the step has changed, int32 or int64, of any shape; other rows do not change. None
                means all rows. All indices are checked before anything is written.
        """
        param = check_in_place("param", param)
        if indices is not None:
            check_axes("param", param, "(rows, ...)")
            indices = checked_indices(indices, len(param))
        self._step(param, indices)

    def _discount(self, iteration: int) -> float:
        return 1.0

    def _loss(self, w: np.ndarray) -> float:
        return 0.0

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return np.zeros_like(w)

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        pass


@dataclasses.dataclass(frozen=True)
class L1(Regularizer):
    """Add reg_lambda * sum |w| to the loss.

    The gradient is reg_lambda sign(w), 0 at 0; Caffe2 uses 0 if |w| <= 1e-12.
    """

    reg_lambda: float = _strength()

    def _loss(self, w: np.ndarray) -> float:
        return _product(self.reg_lambda, np.abs(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.reg_lambda * np.sign(w)


@dataclasses.dataclass(frozen=True)
class L2(Regularizer):
    """Add reg_lambda * sum w^2 to the loss, without a factor 1/2 and, despite Caffe2's name L2Norm, without a root.

    The gradient is 2 reg_lambda w.
    """

    reg_lambda: float = _strength()

    def _loss(self, w: np.ndarray) -> float:
        return _product(self.reg_lambda, np.square(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return _product(2, self.reg_lambda, w)


@dataclasses.dataclass(frozen=True)
class ElasticNet(Regularizer):
    """Add l1 * sum |w| + l2 * sum w^2 to the loss; `penalties.ElasticNet` follows scikit-learn, with a factor 1/2.

    The gradient is l1 sign(w) + 2 l2 w, 0 at 0.
    """

    l1: float = _strength("l1", "factor in front of the sum of sizes")
    l2: float = _strength("l2", "factor in front of the sum of squares")

    def _loss(self, w: np.ndarray) -> float:
        return _product(self.l1, np.abs(w).sum()) + _product(self.l2, np.square(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * np.sign(w) + _product(2, self.l2, w)


@dataclasses.dataclass(frozen=True)
class TrimmedL1(Regularizer):
    """Add reg_lambda * (sum |w| - the k largest |w| of each row) to the loss, so that k weights per row are free.

    A row is a line along the last axis, as in the TopK operator that Caffe2 uses: in a matrix (out, in), each output
    has k free inputs. A vector is one row. A row of at most k weights adds 0. w has at least one axis.

    The gradient is reg_lambda sign(w), 0 at 0, and 0 for the k largest; among equal weights the first count as largest.

    Source: Caffe2, which names Bertsimas, Copenhaver and Mazumder, The Trimmed Lasso: Sparsity and Robustness, 2017.
    """

    reg_lambda: float = _strength()
    k: int = _trimmed_count()

    def _loss(self, w: np.ndarray) -> float:
        return _product(self.reg_lambda, _sum_but_largest(w, self.k))

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.reg_lambda * _sign_but_largest(w, self.k)


@dataclasses.dataclass(frozen=True)
class TrimmedElasticNet(Regularizer):
    """Add l1 * (sum |w| - the k largest |w| of each row) + l2 * sum w^2 to the loss; see `TrimmedL1`.

    The gradient is that of `TrimmedL1` with l1, plus 2 l2 w.
    """

    l1: float = _strength("l1", "factor in front of the trimmed sum of sizes")
    l2: float = _strength("l2", "factor in front of the sum of squares")
    k: int = _trimmed_count()

    def _loss(self, w: np.ndarray) -> float:
        return _product(self.l1, _sum_but_largest(w, self.k)) + _product(self.l2, np.square(w).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return self.l1 * _sign_but_largest(w, self.k) + _product(2, self.l2, w)


@dataclasses.dataclass(frozen=True)
class LpNorm(Regularizer):
    """Add reg_lambda * (sum over columns j of |w_j|^p)^(1/p) to the loss; it selects inputs, not single weights.

    |w_j| is the Euclidean length of column j of w, shape (out, in). p = 1 is a group lasso with the columns as groups;
    p = 2 is the Euclidean length of all of w. p, Caffe2's p_value, is above 0 and finite.

    The gradient is reg_lambda S^(1/p - 1) |w_j|^(p - 2) w_ij, where S is the sum above, and 0 in a column of zeros.
    There, 0 is a subgradient; for p < 1 the slope away from zero is infinite, and such a column stays zero.
    """

    reg_lambda: float = _strength()
    p: float = _above_0("p", 0.5, "exponent of the norm")

    def _loss(self, w: np.ndarray) -> float:
        largest, powers = self._powers(_column_lengths(w))
        return _product(self.reg_lambda, largest, powers.sum() ** (1 / self.p)) if powers.any() else 0.0

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        lengths = _column_lengths(w)
        if _overflows(w, lengths):
            return self._gradient(w * UNIT)  # it does not depend on the unit of the weights
        largest, powers = self._powers(lengths)
        if not powers.any():
            return np.zeros_like(w)
        # |w_j|^(p - 1) is computed as t^p / t with t <= 1, so that neither a small nor a large length overflows.
        slopes = _product(_over_positive(largest * powers, lengths), powers.sum() ** (1 / self.p - 1))
        return _product(self.reg_lambda, slopes, _over_positive(w, lengths))

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

    reg_lambda: float = _strength()
    alpha: float = _above_0("alpha", 0.01, "length from which on a column counts in full")
    budget: float = _declared(Arg("budget", float, 0.0, "columns that are free", low=0.0))

    def _loss(self, w: np.ndarray) -> float:
        return _product(self.reg_lambda, np.maximum(self._count(_column_lengths(w)) - self.budget, 0))

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

    reg_lambda: float = _strength()
    groups: Sequence[int] = _declared(Arg("groups", object, REQUIRED, "columns in each group"))
    stabilizer: float = _declared(Arg("stabilizer", float, 0.0, "what is added to the squared lengths", low=0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "groups", _checked_groups(self.groups))

    def _loss(self, w: np.ndarray) -> float:
        return _product(self.reg_lambda, (np.sqrt(self.groups) * self._lengths(w)).sum())

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        slopes = np.repeat(np.sqrt(self.groups), self.groups)
        if _overflows(w, self._lengths(w)):
            return dataclasses.replace(self, stabilizer=self.stabilizer * UNIT**2)._gradient(w * UNIT)
        return _product(self.reg_lambda, slopes, _over_positive(w, np.repeat(self._lengths(w), self.groups)))

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


@dataclasses.dataclass(frozen=True)
class LogBarrier(Regularizer):
    """Add -reg_lambda * discount * sum log(max(w, 1e-9)) to the loss; after the step, raise w to at least 1e-9.

    The barrier keeps weights positive, and weakens during training. At iteration t:

    discount = "inv" (1 + gamma t)^-power, "exp" gamma^t, "fixed" 1

    gamma and power are at least 0; for "exp", gamma is at most 1. (Caffe2 accepts every policy of its learning rates;
    these three never rise and need no other options.)

    The gradient is -reg_lambda discount / w, and 0 if w <= 1e-9. A NaN stays NaN after the step.

    Source: Caffe2, which names Nocedal and Wright, Numerical Optimization, chapter 19.
    """

    reg_lambda: float = _strength()
    discount_policy: str = _declared(
        Arg("discount_policy", str, "inv", "how the barrier weakens", choices=("inv", "exp", "fixed"))
    )
    gamma: float = _declared(Arg("gamma", float, 1.0, "how soon the barrier weakens", low=0.0))
    power: float = _declared(Arg("power", float, 1.0, "exponent of the policy 'inv'", low=0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.discount_policy == "exp" and self.gamma > 1:
            raise ValueError(f"gamma={self.gamma!r}: must be at most 1 with discount_policy='exp', or it would grow")

    def _discount(self, iteration: int) -> float:
        if self.discount_policy == "inv":
            return (1 + self.gamma * iteration) ** -self.power
        return self.gamma**iteration if self.discount_policy == "exp" else 1.0

    def _loss(self, w: np.ndarray) -> float:
        return -self.reg_lambda * np.log(np.maximum(w, SMALLEST)).sum()

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return np.where(w <= SMALLEST, 0, -self.reg_lambda / np.maximum(w, SMALLEST))

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        _clip(param, indices, SMALLEST, None)


@dataclasses.dataclass(frozen=True)
class BoundedGradientProjection(Regularizer):
    """After the step, clip the weights to [lower, upper]: gradient descent becomes projected gradient descent.

    An open bound is moved inwards by epsilon, which is above 0. The interval must not be empty. Bounds are rounded to
    the type of the weights: in float32, a bound of 1 that is moved by 1e-9 is still 1. None means no bound. Caffe2
    names the bounds lb and ub. A NaN stays NaN.

    Source: Caffe2, which names Nocedal and Wright, Numerical Optimization, chapter 16.
    """

    lower: float | None = _declared(Arg("lower", float, None, "smallest weight", words=_NO_BOUND))
    upper: float | None = _declared(Arg("upper", float, None, "largest weight", words=_NO_BOUND))
    left_open: bool = _declared(Arg("left_open", bool, False, "keep weights epsilon above lower"))
    right_open: bool = _declared(Arg("right_open", bool, False, "keep weights epsilon below upper"))
    epsilon: float = _above_0("epsilon", SMALLEST, "distance to an open bound")

    def __post_init__(self) -> None:
        super().__post_init__()
        lowest, highest = self._bounds()
        if lowest is not None and highest is not None and lowest > highest:
            left, right = "(" if self.left_open else "[", ")" if self.right_open else "]"
            raise ValueError(
                f"lower={self.lower!r} and upper={self.upper!r}: no number is in {left}lower, upper{right} with "
                f"epsilon={self.epsilon!r}; give a smaller lower or a larger upper"
            )

    def _bounds(self) -> tuple[float | None, float | None]:
        return (
            self.lower + self.epsilon if self.lower is not None and self.left_open else self.lower,
            self.upper - self.epsilon if self.upper is not None and self.right_open else self.upper,
        )

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        lowest, highest = self._bounds()
        for bound in (lowest, highest):
            if bound is not None and abs(bound) > float(np.finfo(param.dtype).max):
                raise ValueError(f"the bound {bound!r}: does not fit param's dtype {param.dtype}; convert param")
        _clip(param, indices, lowest, highest)


@dataclasses.dataclass(frozen=True)
class MaxNorm(Regularizer):
    """After the step, shorten every row that is longer than `norm`: row <- row norm / (|row| + 1e-12).

    |row| is the Euclidean length over all axes but the first; norm is above 0. A row whose length is not finite does
    not change, as it has no direction. A row that `indices` repeats is shortened once; shortening it again, as Caffe2
    does, would only change rounding.
    """

    norm: float = _above_0("norm", 1.0, "largest length of a row")

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        _normalize(param, indices, self.norm, self.norm)


@dataclasses.dataclass(frozen=True)
class ConstantNorm(Regularizer):
    """After the step, give every row the length `norm`: row <- row norm / (|row| + 1e-12).

    Like `MaxNorm`, but short rows are stretched. A row of zeros does not change. A row of length about 1e-12 becomes
    shorter than `norm` (Caffe2 stretches it further if `indices` repeats it).
    """

    norm: float = _above_0("norm", 1.0, "length of a row")

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        _normalize(param, indices, self.norm, 0.0)


@dataclasses.dataclass(frozen=True)
class SparseLp(Regularizer):
    """After the step, shrink rows with `sparse_lp_regularizer`, once for each time that `indices` names a row.

    p is at least 0, infinity included; reg_lambda is above 0 and below 1. Caffe2 accepts only p = 1 and p = 2, and
    requires `indices`.
    """

    p: float = _declared(dataclasses.replace(SPARSE_LP_REGULARIZER.arg("p"), default=REQUIRED))
    reg_lambda: float = _declared(dataclasses.replace(REG_LAMBDA, default=REQUIRED))

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        if indices is None:
            check_axes("param", param, "(rows, ...)")
            indices = np.arange(len(param))
        sparse_lp_regularizer(param, indices, self.p, self.reg_lambda)


def _clip(param: np.ndarray, indices: np.ndarray | None, lowest: float | None, highest: float | None) -> None:
    rows = ... if indices is None else indices
    param[rows] = np.clip(param[rows], lowest, highest)


def _normalize(param: np.ndarray, indices: np.ndarray | None, norm: float, longest: float) -> None:
    """Scale each row that is longer than `longest` to the length `norm`, once, in parts that need little memory.

    The computation is in float64 and rounds once.
    """
    check_axes("param", param, "(rows, ...)")
    every = np.arange(len(param)) if indices is None else np.unique(indices)
    step = max(1, PART * len(param) // max(1, param.size))
    for start in range(0, every.size, step):
        rows = every[start : start + step]
        part = param[rows].astype(np.float64)
        with np.errstate(over="ignore"):
            lengths = np.hypot.reduce(part.reshape(len(part), -1), axis=1) if part.size else np.zeros(len(part))
        changed = (lengths > longest) & np.isfinite(lengths)
        lengths = lengths[changed].reshape(-1, *[1] * (param.ndim - 1)) + TINY
        with np.errstate(over="ignore", invalid="ignore"):
            factors = norm / lengths
            usual = (factors >= SMALLEST_NORMAL) & (factors < np.inf)
            part[changed] = np.where(usual, part[changed] * factors, part[changed] / lengths * norm)
            param[rows] = part


def _product(*factors: Any) -> Any:
    """Return the product, without overflow or underflow on the way; 0 where a factor is 0 and another is infinite."""
    product = functools.reduce(np.multiply, factors)
    usual = (np.abs(product) >= SMALLEST_NORMAL) & (np.abs(product) < np.inf)
    if usual.all():
        return product
    shares, exponents = zip(*map(np.frexp, factors), strict=True)
    careful = np.ldexp(functools.reduce(np.multiply, shares), functools.reduce(np.add, exponents))
    unknown = functools.reduce(np.logical_or, map(np.isnan, factors))
    return np.where(usual, product, np.where(np.isnan(careful) & ~unknown, 0.0, careful))


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
