"""A layer in which every unit sees every feature, and the one that makes features of images."""

import dataclasses
import math
from typing import Any

import numpy as np

from workbench.cost.record import checked_count
from workbench.training.initializers import Initializer, he_uniform
from workbench.training.layers.layer import Layer, Named, Parameters, Passed, Random, Shape


@dataclasses.dataclass(frozen=True)
class Dense(Layer):
    """y = x W' + b, with `units` outputs: weight (worlds, units, features), bias (worlds, units).

    Args:
        units: the number of outputs.
        initializer: draws the initial weight; biases start at 0.
        bias: whether there is a bias.
    """

    units: int
    initializer: Initializer = he_uniform
    bias: bool = True

    def __post_init__(self) -> None:
        checked_count("units", self.units, 1)

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"Dense takes examples with one axis, got shape {shape}: put Flatten() before it")
        return (self.units,)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        (features,) = shape
        weight = self.initializer((worlds, self.units, features), rng, features, self.units)
        return {"weight": weight, "bias": np.zeros((worlds, self.units))} if self.bias else {"weight": weight}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = np.matmul(x, parameters["weight"].swapaxes(1, 2))
        if self.bias:
            y += parameters["bias"][:, None]
        return y, x

    def gradients(self, parameters: Named, saved: Any, dy: np.ndarray) -> Parameters:
        weight = np.matmul(dy.swapaxes(1, 2), saved)
        return {"weight": weight, "bias": sum_of_batch(dy)} if self.bias else {"weight": weight}

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return np.matmul(dy, parameters["weight"]), self.gradients(parameters, saved, dy)


def sum_of_batch(dy: np.ndarray) -> np.ndarray:
    """Return the sum over the batch, shape (worlds, units): a matrix product is faster than `sum`."""
    return np.matmul(np.ones((1, dy.shape[1]), dy.dtype), dy)[:, 0]


@dataclasses.dataclass(frozen=True)
class Flatten(Layer):
    """Put all axes of an example into one."""

    def output(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        return x.reshape(*x.shape[:2], -1), x.shape

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return dy.reshape(saved), {}
