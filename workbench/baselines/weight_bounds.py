"""Those of Caffe2's regularizers that keep the weights within bounds after a step; `regularizers` lists all of them."""

import dataclasses

import numpy as np

from workbench.arrays import check_axes
from workbench.baselines.regularizer import SMALLEST_NORMAL, Regularizer, above_0, declared, strength
from workbench.operator import REQUIRED, Arg
from workbench.sparse_lp import REG_LAMBDA, SPARSE_LP_REGULARIZER, sparse_lp_regularizer

SMALLEST = 1e-9  # smallest positive weight for Caffe2's barrier, and default distance to an open bound
UNIT = 2.0**-64  # a unit of weights in which no length is beyond the range
TINY = 1e-12  # Caffe2 adds this to a length before dividing by it
PART = 1 << 18  # number of weights that are normalized at a time

_NO_BOUND = "a number, or None for no bound"


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

    reg_lambda: float = strength()
    discount_policy: str = declared(
        Arg("discount_policy", str, "inv", "how the barrier weakens", choices=("inv", "exp", "fixed"))
    )
    gamma: float = declared(Arg("gamma", float, 1.0, "how soon the barrier weakens", low=0.0))
    power: float = declared(Arg("power", float, 1.0, "exponent of the policy 'inv'", low=0.0))

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

    lower: float | None = declared(Arg("lower", float, None, "smallest weight", words=_NO_BOUND))
    upper: float | None = declared(Arg("upper", float, None, "largest weight", words=_NO_BOUND))
    left_open: bool = declared(Arg("left_open", bool, False, "keep weights epsilon above lower"))
    right_open: bool = declared(Arg("right_open", bool, False, "keep weights epsilon below upper"))
    epsilon: float = above_0("epsilon", SMALLEST, "distance to an open bound")

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

    norm: float = above_0("norm", 1.0, "largest length of a row")

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        _normalize(param, indices, self.norm, self.norm)


@dataclasses.dataclass(frozen=True)
class ConstantNorm(Regularizer):
    """After the step, give every row the length `norm`: row <- row norm / (|row| + 1e-12).

    Like `MaxNorm`, but short rows are stretched. A row of zeros does not change. A row of length about 1e-12 becomes
    shorter than `norm` (Caffe2 stretches it further if `indices` repeats it).
    """

    norm: float = above_0("norm", 1.0, "length of a row")

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        _normalize(param, indices, self.norm, 0.0)


@dataclasses.dataclass(frozen=True)
class SparseLp(Regularizer):
    """After the step, shrink rows with `sparse_lp_regularizer`, once for each time that `indices` names a row.

    p is at least 0, infinity included; reg_lambda is above 0 and below 1. Caffe2 accepts only p = 1 and p = 2, and
    requires `indices`.
    """

    p: float = declared(dataclasses.replace(SPARSE_LP_REGULARIZER.arg("p"), default=REQUIRED))
    reg_lambda: float = declared(dataclasses.replace(REG_LAMBDA, default=REQUIRED))

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
