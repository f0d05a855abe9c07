"""Pooling: each window of a channel becomes one number, its maximum or its mean."""

import dataclasses
from typing import Any

import numpy as np

from workbench.training.layers import loops_windows
from workbench.training.layers.layer import Named, Parameters, Passed, Shape
from workbench.training.layers.windows import WindowLayer


@dataclasses.dataclass(frozen=True)
class _Pool(WindowLayer):
    """A window of each channel becomes one number. `padding` is at most size // 2, so every window sees a pixel."""

    size: int
    stride: int
    padding: int = 0

    def __post_init__(self) -> None:
        self.check_windows()
        if self.padding > self.size // 2:
            raise ValueError(f"padding={self.padding}: must be at most half of size={self.size}, {self.size // 2}")

    def output(self, shape: Shape) -> Shape:
        windows = self.windows(shape)
        return (shape[0], windows.rows, windows.columns)


@dataclasses.dataclass(frozen=True)
class MaxPool(_Pool):
    """Take the maximum of each window, as PyTorch's MaxPool2d does; padding never wins.

    An axis of n pixels gives floor((n + 2 padding - size) / stride) + 1 outputs. The gradient goes to the first of
    equal maxima, line by line. A window with NaN gives NaN.

    Raises:
        TypeError: size, stride or padding is not a whole number.
        ValueError: size or stride is below 1, or padding is not in 0 .. size // 2.
    """

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = np.empty((*x.shape[:2], *self.output(x.shape[2:])), x.dtype)
        place = np.empty(y.shape, np.int32)
        planes = (np.ascontiguousarray(each).reshape(-1, *each.shape[3:]) for each in (x, y, place))
        loops_windows.max_windows(*planes, self.size, self.stride, self.padding)
        return y, (place, x.shape)

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        place, shape = saved
        dx, planes = np.zeros(shape, dy.dtype), np.prod(shape[:3])
        dy = np.ascontiguousarray(dy.reshape(planes, -1))
        loops_windows.add_at_places(dy, place.reshape(dy.shape), dx.reshape(planes, -1))
        return dx, {}


@dataclasses.dataclass(frozen=True)
class AveragePool(_Pool):
    """Take the mean of each window, as PyTorch's AvgPool2d does: pixels of the padding count as zeros.

    The number of outputs and the errors are those of MaxPool.
    """

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y = np.empty((*x.shape[:2], *self.output(x.shape[2:])), x.dtype)
        outputs = y.reshape(*y.shape[:3], -1)
        for at, matrix in self.windows(x.shape[2:]).matrices(x):
            np.mean(_taps(matrix, x.shape[2]), axis=3, out=outputs[:, at])
        return y, x.shape

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        dx, share = np.zeros(saved, dy.dtype), dy.reshape(*dy.shape[:3], 1, -1) / self.size**2
        for at, matrix in self.windows(saved[2:]).matrices(dx, back=True):
            _taps(matrix, saved[2])[...] = share[:, at]
        return dx, {}


def _taps(matrix: np.ndarray, channels: int) -> np.ndarray:
    """Return a view of matrices of windows as (worlds, examples, channels, size * size, windows)."""
    return matrix.reshape(*matrix.shape[:2], channels, -1, matrix.shape[3])
