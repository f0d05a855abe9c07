"""Caffe2's regularizers: what each adds to the loss, and what it does to the weights after the optimizer's step.

    in loss_regularizers       in Caffe2                  adds to the loss
    L1                         L1Norm                     reg_lambda * sum |w|
    L2                         L2Norm                     reg_lambda * sum w^2
    ElasticNet                 ElasticNet                 l1 * sum |w| + l2 * sum w^2
    TrimmedL1                  L1NormTrimmed              reg_lambda * (sum |w| - the k largest of each row)
    TrimmedElasticNet          ElasticNetL1NormTrimmed    the same with l1, + l2 * sum w^2
    LpNorm                     LpNorm                     reg_lambda * (sum over columns |w_j|^p)^(1/p)
    L0Approximation            L0ApproxNorm               reg_lambda * max(0, sum of min(|w_j|/alpha, 1) - budget)
    GroupL1                    GroupL1Norm                reg_lambda * sum over groups sqrt(size) |w_g|

    in step_regularizers       in Caffe2                  after the step
    LogBarrier                 LogBarrier                 w >= 1e-9, and -reg_lambda * discount * sum log w on the loss
    BoundedGradientProjection  BoundedGradientProjection  lower <= w <= upper
    MaxNorm                    MaxNorm                    |row| <= norm
    ConstantNorm               ConstantNorm               |row| = norm
    SparseLp                   SparseLpNorm               `sparse_lp_regularizer`

What is not named adds 0 to the loss, or leaves the weights. |w_j|, |w_g| and |row| are Euclidean lengths; in a matrix
(out, in), as Caffe2's fully connected layers have it, column j holds the weights of input j. Caffe2's SparseL1Norm and
SparseL2Norm are SparseLp with p of 1 and 2.

Formulas and defaults are Caffe2's, with these differences: a strength of 0 is allowed wherever a loss is added, and a
negative one nowhere (Caffe2's elastic nets take any); sums are in float64; where a length is 0 the gradient is 0, a
subgradient, where Caffe2 divides by 0; what Caffe2 refuses to do to dense weights is done to all rows.

Source: Caffe2's python/regularizer.py and the operators that it builds upon.
"""

import dataclasses
from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, check_axes, check_in_place, checked_indices, native_array
from workbench.operator import REQUIRED, Arg

_ITERATION = Arg("iteration", int, 1, "step of training", low=0, high=2**63 - 1)


def declared(arg: Arg) -> Any:
    """Return the field of an argument, which is checked when a regularizer is made."""
    default = {} if arg.default is REQUIRED else {"default": arg.default}
    return dataclasses.field(**default, metadata={"arg": arg})


def strength(name: str = "reg_lambda", meaning: str = "factor in front of what is added to the loss") -> Any:
    return declared(Arg(name, float, REQUIRED, meaning, low=0.0, slider=(1e-5, 1.0), scale="log"))


def above_0(name: str, default: float, meaning: str) -> Any:
    return declared(Arg(name, float, default, meaning, low=0.0, open=True, words="a number above 0"))


@dataclasses.dataclass(frozen=True)
class Regularizer:
    """Regularize by two hooks, on the loss and after the optimizer's step; each does nothing unless a class says so."""

    _axes = ""  # that w must have for the loss; without them any

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            arg, value = field.metadata["arg"], getattr(self, field.name)
            if value is not None or arg.default is not None:
                object.__setattr__(self, field.name, arg.check(value))

    def on_loss(self, w: Any, iteration: int = 1) -> float:
        """Return what is added to the loss.

        Args:
            w: weights, float32 or float64; any shape, unless the class names one.
            iteration: the step of training, at least 0; `LogBarrier` alone depends on it. Caffe2's first is 1.
        """
        w = self._checked(w).astype(np.float64, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            return float(self._discount(_ITERATION.check(iteration)) * self._loss(w))

    def gradient_on_loss(self, w: Any, iteration: int = 1) -> np.ndarray:
        """Return the gradient of `on_loss` in w, new, of w's shape and type; computed in float64, rounded once.

        Args: as for `on_loss`.
        """
        w = self._checked(w)
        wide = w.astype(np.float64, copy=False)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return (self._discount(_ITERATION.check(iteration)) * self._gradient(wide)).astype(w.dtype)

    def after_step(self, param: np.ndarray, indices: Any = None) -> None:
        """Change the weights in place after the optimizer's step.

        Args:
            param: weights, shape (rows, ...), float32 or float64, writable, in any memory layout.
            indices: the rows that the step has touched, int32 or int64, of any shape; the others are left alone.
                None stands for all rows. All are checked before anything is written.
        """
        check_in_place("param", param)
        if indices is not None:
            check_axes("param", param, "(rows, ...)")
            indices = checked_indices(indices, len(param))
        self._step(param, indices)

    def _check_shape(self, w: np.ndarray) -> None:
        """Raise ValueError unless the loss has a meaning for w's shape."""
        if self._axes:
            check_axes("w", w, self._axes)

    def _discount(self, iteration: int) -> float:
        return 1.0

    def _loss(self, w: np.ndarray) -> float:
        return 0.0

    def _gradient(self, w: np.ndarray) -> np.ndarray:
        return np.zeros_like(w)

    def _step(self, param: np.ndarray, indices: np.ndarray | None) -> None:
        pass

    def _checked(self, w: Any) -> np.ndarray:
        w = native_array("w", w, WIDE_FLOATS)
        self._check_shape(w)
        return w
