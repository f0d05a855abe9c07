"""Activation functions as layers: each element on its own, and softmax over the last axis."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.training import loops
from workbench.training.layers.layer import Layer, Parameters


class _Elementwise(Layer):
    """An activation function with its derivative: `forward` saves what the derivative needs."""

    def forward(
        self, parameters: Mapping[str, np.ndarray], x: np.ndarray, *, training: bool, seed: Any = 0
    ) -> tuple[np.ndarray, Any]:
        return self.value(x)

    def backward(
        self, parameters: Mapping[str, np.ndarray], saved: Any, dy: np.ndarray
    ) -> tuple[np.ndarray, Parameters]:
        return self.carry_back(saved, dy), {}

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        """Return f(x), and what `carry_back` needs."""
        raise NotImplementedError

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        """Return dy f'(x)."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Identity(_Elementwise):
    """y = x: a linear unit."""

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        return x, None

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        return dy


@dataclasses.dataclass(frozen=True)
class ReLU(_Elementwise):
    """y = max(x, 0). The derivative at 0 is 0."""

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        y = np.maximum(x, 0)
        return y, y

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        dx = np.empty(dy.shape, dy.dtype)
        loops.relu_gradient(saved.reshape(-1), dy.reshape(-1), dx.reshape(-1))
        return dx


@dataclasses.dataclass(frozen=True)
class LeakyReLU(_Elementwise):
    """y = x where x > 0, else slope * x."""

    slope: float = 0.01

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        positive = x > 0
        return np.where(positive, x, x * x.dtype.type(self.slope)), positive

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        return np.where(saved, dy, dy * dy.dtype.type(self.slope))


@dataclasses.dataclass(frozen=True)
class ELU(_Elementwise):
    """y = x where x > 0, else exp(x) - 1 (Clevert, Unterthiner and Hochreiter, 2016)."""

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        y = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        return y, y

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        return dy * (np.minimum(saved, 0) + 1)


@dataclasses.dataclass(frozen=True)
class Softplus(_Elementwise):
    """y = log(1 + exp(x)), a smooth ReLU."""

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        return np.logaddexp(x, x.dtype.type(0)), x

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        return dy * logistic(saved)


@dataclasses.dataclass(frozen=True)
class Sigmoid(_Elementwise):
    """y = 1 / (1 + exp(-x))."""

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        y = logistic(x)
        return y, y

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        return dy * (saved * (1 - saved))


@dataclasses.dataclass(frozen=True)
class Tanh(_Elementwise):
    """y = tanh(x)."""

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        y = np.tanh(x)
        return y, y

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        return dy * (1 - saved * saved)


@dataclasses.dataclass(frozen=True)
class Softmax(_Elementwise):
    """y_i = exp(x_i) / sum of exp(x_j) over the last axis. `cross_entropy` takes the numbers before it."""

    def value(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        y = np.exp(x - x.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        return y, y

    def carry_back(self, saved: Any, dy: np.ndarray) -> np.ndarray:
        product = dy * saved
        return product - saved * product.sum(axis=-1, keepdims=True)


def logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)); neither large nor small x overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)
