"""Caffe2's regularizers that change the weights after the optimizer's step; `regularizer` lists them."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench.arrays import check_axes
from workbench.baselines.regularizer import Regularizer, above_0, declared, strength
from workbench.operator import REQUIRED, Arg
from workbench.sparse_lp import REG_LAMBDA, SPARSE_LP_REGULARIZER, sparse_lp_regularizer

SMALLEST = 1e-9  # what "above 0" means to Caffe2's barrier, and how far inside an open bound is
TINY = 1e-12  # what Caffe2 adds to a length that it divides by
PART = 1 << 18  # weights that are normalized together


def _bound(name: str, meaning: str) -> Any:
    return declared(Arg(name, float, None, meaning, words="a number, or None for no bound"))


def _flag(name: str, meaning: str) -> Any:
    return declared(Arg(name, bool, False, meaning))


@dataclasses.dataclass(frozen=True)
class LogBarrier(Regularizer):
    """Add -reg_lambda * discount * sum log(max(w, 1e-9)) to the loss; after the step, raise w to at least 1e-9.

    The barrier keeps weights positive, and weakens as training goes on, with t the iteration:

    discount = "inv" (1 + gamma t)^-power, "exp" gamma^t, "fixed" 1

    gamma and power are at least 0, for "exp" gamma is at most 1. (Caffe2 takes any policy of its learning rates; these
    are those that never rise and need no other options.)

    The gradient is -reg_lambda discount / w, and 0 where w <= 1e-9. A NaN stays NaN after the step.

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

    An open bound is moved inwards by epsilon, which is above 0; the bounds must leave a weight to choose. They are then
    rounded to the type of the weights: in float32 a bound of 1 that is moved by 1e-9 is still 1. None is no bound.
    Caffe2 names the bounds lb and ub. A NaN stays NaN.

    Source: Caffe2, which names Nocedal and Wright, Numerical Optimization, chapter 16.
    """

    lower: float | None = _bound("lower", "smallest weight")
    upper: float | None = _bound("upper", "largest weight")
    left_open: bool = _flag("left_open", "keep weights epsilon above lower")
    right_open: bool = _flag("right_open", "keep weights epsilon below upper")
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
        lowest = self.lower + self.epsilon if self.lower is not None and self.left_open else self.lower
        highest = self.upper - self.epsilon if self.upper is not None and self.right_open else self.upper
        return lowest, highest

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        lowest, highest = self._bounds()
        for bound in (lowest, highest):
            if bound is not None and abs(bound) > float(np.finfo(param.dtype).max):
                raise ValueError(f"the bound {bound!r}: does not fit param's dtype {param.dtype}; convert param")
        _clip(param, indices, lowest, highest)


@dataclasses.dataclass(frozen=True)
class MaxNorm(Regularizer):
    """After the step, shorten every row that is longer than `norm`: row <- row norm / (|row| + 1e-12).

    |row| is the Euclidean length over all axes but the first, norm is above 0. A row whose length is not a finite
    number is left as it is: it has no direction. A row is shortened once, however often it is named; a second time,
    as in Caffe2, would change no more than rounding.
    """

    norm: float = above_0("norm", 1.0, "largest length of a row")

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        _normalize(param, indices, self.norm, self.norm)


@dataclasses.dataclass(frozen=True)
class ConstantNorm(Regularizer):
    """After the step, give every row the length `norm`: row <- row norm / (|row| + 1e-12).

    As `MaxNorm`, but short rows are stretched. A row of zeros stays, and one of about 1e-12 comes out shorter than
    `norm` (and is stretched further where Caffe2 finds it named again).
    """

    norm: float = above_0("norm", 1.0, "length of a row")

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        _normalize(param, indices, self.norm, 0.0)


@dataclasses.dataclass(frozen=True)
class SparseLp(Regularizer):
    """After the step, shrink rows by `sparse_lp_regularizer`, once for each time a row is named.

    p is at least 0, infinity included; reg_lambda is above 0 and below 1. Caffe2 takes p of 1 and 2, and named rows
    alone.
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
    """Give the rows that are longer than `longest` the length `norm`, computed in float64 and rounded once."""
    check_axes("param", param, "(rows, ...)")
    for rows in _parts(param, indices):
        part = param[rows].astype(np.float64)
        lengths = np.hypot.reduce(part.reshape(len(part), -1), axis=1) if part.size else np.zeros(len(part))
        changed = (lengths > longest) & np.isfinite(lengths)
        part[changed] *= (norm / (lengths[changed] + TINY)).reshape(-1, *[1] * (param.ndim - 1))
        param[rows] = part


def _parts(param: np.ndarray, indices: np.ndarray | None) -> Iterator[np.ndarray]:
    """Yield the rows to be changed, each once, in parts that need little memory."""
    rows = np.arange(len(param)) if indices is None else np.unique(indices)
    step = max(1, PART * len(param) // max(1, param.size))
    for start in range(0, rows.size, step):
        yield rows[start : start + step]
