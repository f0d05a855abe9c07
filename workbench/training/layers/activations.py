"""Activation functions as layers: each element on its own, and softmax over the last axis."""

import dataclasses
from typing import Any

import numpy as np

from workbench.training import loops
from workbench.training.layers.layer import Layer, Named, Parameters, Passed


@dataclasses.dataclass(frozen=True)
class Identity(Layer):
    """y = x: a linear unit."""

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        return x, None

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return dy, {}


@dataclasses.dataclass(frozen=True)
class ReLU(Layer):
    """y = max(x, 0). The derivative at 0 is 0."""

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = np.maximum(x, 0)
        return y, y

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        dx = np.empty(dy.shape, dy.dtype)
        loops.relu_gradient(saved.reshape(-1), dy.reshape(-1), dx.reshape(-1))
        return dx, {}


@dataclasses.dataclass(frozen=True)
class LeakyReLU(Layer):
    """y = x where x > 0, else slope * x."""

    slope: float = 0.01

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        positive = x > 0
        return np.where(positive, x, x * x.dtype.type(self.slope)), positive

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return np.where(saved, dy, dy * dy.dtype.type(self.slope)), {}


@dataclasses.dataclass(frozen=True)
class ELU(Layer):
    """y = x where x > 0, else exp(x) - 1 (Clevert, Unterthiner and Hochreiter, 2016)."""

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
        return y, y

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return dy * (np.minimum(saved, 0) + 1), {}


@dataclasses.dataclass(frozen=True)
class Softplus(Layer):
    """y = log(1 + exp(x)), a smooth ReLU."""

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        return np.logaddexp(x, x.dtype.type(0)), x

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return dy * logistic(saved), {}


@dataclasses.dataclass(frozen=True)
class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x))."""

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = logistic(x)
        return y, y

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return dy * (saved * (1 - saved)), {}


@dataclasses.dataclass(frozen=True)
class Tanh(Layer):
    """y = tanh(x)."""

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = np.tanh(x)
        return y, y

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return dy * (1 - saved * saved), {}


@dataclasses.dataclass(frozen=True)
class Softmax(Layer):
    """y_i = exp(x_i) / sum of exp(x_j) over the last axis. `cross_entropy` takes the numbers before it."""

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = np.exp(x - x.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        return y, y

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        product = dy * saved
        return product - saved * product.sum(axis=-1, keepdims=True), {}


def logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)); neither large nor small x overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)
