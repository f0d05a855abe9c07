"""Convolution: every unit sees a window of the image, and all units of a channel share their weights."""

import dataclasses
from typing import Any

import numpy as np

from workbench.cost.record import checked_count
from workbench.training.initializers import Initializer, he_uniform
from workbench.training.layers.layer import Named, Parameters, Passed, Random, Shape
from workbench.training.layers.windows import WindowLayer


@dataclasses.dataclass(frozen=True)
class Convolution(WindowLayer):
    """Slide `channels` filters of size x size over images (in, rows, columns), as PyTorch's Conv2d does.

        y[o, r, c] = bias[o] + sum of weight[o, i, a, b] x[i, r stride + a - padding, c stride + b - padding]

    The sum is over i, a and b; pixels outside the image are 0. An axis of n pixels gives floor((n + 2 padding - size) /
    stride) + 1 outputs. The weight is (worlds, channels, in, size, size), the bias (worlds, channels). Windows become
    the columns of a matrix, a few examples at a time, which the weight multiplies; the bias is the weight of a row of
    ones.

    Args:
        channels: the number of filters.
        size: the rows and columns of a filter.
        stride: the number of pixels from a window to the next.
        padding: the number of zeros beyond each edge of the image.
        initializer: draws the initial weight; biases start at 0.
        bias: whether there is a bias.

    Raises:
        TypeError: channels, size, stride or padding is not a whole number.
        ValueError: channels, size or stride is below 1, or padding below 0.
    """

    channels: int
    size: int
    stride: int = 1
    padding: int = 0
    initializer: Initializer = he_uniform
    bias: bool = True

    def __post_init__(self) -> None:
        checked_count("channels", self.channels, 1)
        self.check_windows()

    def output(self, shape: Shape) -> Shape:
        windows = self.windows(shape)
        return (self.channels, windows.rows, windows.columns)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        filters, area = (worlds, self.channels, shape[0], self.size, self.size), self.size**2
        weight = self.initializer(filters, rng, shape[0] * area, self.channels * area)
        return {"weight": weight, "bias": np.zeros((worlds, self.channels))} if self.bias else {"weight": weight}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        weight = _matrices(parameters["weight"])
        if self.bias:
            weight = np.concatenate([weight, parameters["bias"][:, None, :, None]], axis=3)
        y = np.empty((*x.shape[:2], *self.output(x.shape[2:])), np.result_type(x, weight))
        outputs = y.reshape(*y.shape[:3], -1)
        for at, matrix in self.windows(x.shape[2:]).matrices(x, ones=self.bias):
            np.matmul(weight, matrix, out=outputs[:, at])
        return y, x

    def gradients(self, parameters: Named, saved: Any, dy: np.ndarray) -> Parameters:
        dy, total = dy.reshape(*dy.shape[:3], -1), np.zeros((), dy.dtype)
        for at, matrix in self.windows(saved.shape[2:]).matrices(saved, ones=self.bias):
            total = total + np.matmul(dy[:, at], matrix.swapaxes(2, 3)).sum(axis=1)
        shape = parameters["weight"].shape
        if not self.bias:
            return {"weight": total.reshape(shape)}
        return {"weight": total[..., :-1].copy().reshape(shape), "bias": total[..., -1].copy()}

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        weight, outputs = _matrices(parameters["weight"]).swapaxes(2, 3), dy.reshape(*dy.shape[:3], -1)
        dx = np.zeros(saved.shape, np.result_type(dy, weight))
        for at, matrix in self.windows(saved.shape[2:]).matrices(dx, back=True):
            np.matmul(weight, outputs[:, at], out=matrix)
        return dx, self.gradients(parameters, saved, dy)


def _matrices(weight: np.ndarray) -> np.ndarray:
    """Return the weight as one matrix for all examples of a world: (worlds, 1, channels, in * size * size)."""
    return weight.reshape(len(weight), 1, weight.shape[1], -1)
