"""The base class of Caffe2's regularizers, and the fields of their arguments."""

import dataclasses
import functools
from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, check_axes, check_in_place, checked_indices, native_array
from workbench.operator import REQUIRED, Arg

SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)  # smaller numbers have fewer digits
_ITERATION = Arg("iteration", int, 1, "step of training", low=0, high=2**63 - 1)


def declared(arg: Arg) -> Any:
    """Return a dataclass field for an argument; its value is checked when a regularizer is created."""
    default = {} if arg.default is REQUIRED else {"default": arg.default}
    return dataclasses.field(**default, metadata={"arg": arg})


def strength(name: str = "reg_lambda", meaning: str = "factor in front of what is added to the loss") -> Any:
    return declared(Arg(name, float, REQUIRED, meaning, low=0.0, slider=(1e-5, 1.0), scale="log"))


def above_0(name: str, default: float, meaning: str) -> Any:
    return declared(Arg(name, float, default, meaning, low=0.0, open=True, words="a number above 0"))


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
            return float(product(self._discount(_ITERATION.check(iteration)), self._loss(w)))

    def gradient_on_loss(self, w: Any, iteration: int = 1) -> np.ndarray:
        """Return the gradient of `on_loss` in w, new, of w's shape and type; computed in float64 and rounded once."""
        w = native_array("w", w, WIDE_FLOATS)
        wide = w.astype(np.float64, copy=False)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            gradient = product(self._discount(_ITERATION.check(iteration)), self._gradient(wide))
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


def product(*factors: Any) -> Any:
    """Return the product, without overflow or underflow on the way; 0 where a factor is 0 and another is infinite."""
    product = functools.reduce(np.multiply, factors)
    usual = (np.abs(product) >= SMALLEST_NORMAL) & (np.abs(product) < np.inf)
    if usual.all():
        return product
    shares, exponents = zip(*map(np.frexp, factors), strict=True)
    careful = np.ldexp(functools.reduce(np.multiply, shares), functools.reduce(np.add, exponents))
    unknown = functools.reduce(np.logical_or, map(np.isnan, factors))
    return np.where(usual, product, np.where(np.isnan(careful) & ~unknown, 0.0, careful))
