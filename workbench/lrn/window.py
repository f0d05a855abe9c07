"""Define the window of local response normalization, independent of any framework's conventions."""

import functools
import math
from typing import NamedTuple

import numpy as np

CONVERTED = 1 << 18  # elements converted at a time, if an array must be converted before a loop can read it
SHORT_ROW = 192  # elements; the loops process shorter image rows a band at a time


class Window(NamedTuple):
    """Parameters of y_i = x_i / (bias + alpha / divisor * sum over j in [i - before, i + after] of x_j^2) ^ beta.

    With region="across", i runs over the channels. With "within", it runs over the height and width of one channel,
    and the window is a square. Neighbours outside the array count as zero, and the divisor does not change.
    """

    before: int
    after: int
    alpha: float
    divisor: float
    beta: float
    bias: float
    region: str = "across"

    @property
    def coefficient(self) -> float:
        return self.alpha / self.divisor

    @property
    def log2_coefficient(self) -> float:
        """Return log2 of the coefficient's magnitude, correct even where the coefficient itself underflows."""
        return math.log2(abs(self.alpha)) - math.log2(self.divisor) if self.alpha else -math.inf

    @property
    def base_can_vanish(self) -> bool:
        """Return whether some input makes the base zero or negative."""
        return self.alpha < 0 or self.bias == 0

    def clipped(self, length: int) -> tuple[int, int]:
        """Return `before` and `after`, each at most `length` - 1."""
        longest = max(length - 1, 0)
        return min(self.before, longest), min(self.after, longest)


@functools.lru_cache(maxsize=256)
def own_window(size: int, alpha: float, beta: float, bias: float, region: str) -> Window:
    """Return the window of the public functions' arguments: alpha is divided by the window's number of elements."""
    return Window(size // 2, size // 2, alpha, size**2 if region == "within" else size, beta, bias, region)


def window_axes(ndim: int, region: str, channels_last: bool) -> tuple[int, ...]:
    """Return the axes that the window runs over."""
    if region == "within":
        return (1, 2) if channels_last else (2, 3)
    return (ndim - 1,) if channels_last else (1,)


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """Return the type to compute in, in the machine's byte order: float32 for two bytes, else the same type."""
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype.newbyteorder("=")


def safe_limits(dtype: np.dtype, window: Window) -> tuple[float, float, float]:
    """Return the limits of plain arithmetic: (lowest base, highest base, largest term of a gradient's sum).

    Within the limits, no square, power or product of the forward pass or the gradient overflows in `dtype`, or loses
    its small parts to underflow. Outside the limits, the base is kept as its logarithm. If the arguments
    alone are extreme, the interval is empty.
    """
    unit, steepest = (20, 8.0) if dtype == np.float32 else (160, 2.0**20)
    slope = window.log2_coefficient + min(0.0, math.log2(window.beta or 1.0))
    weak = window.alpha != 0 and slope < -5 * unit
    if weak or window.log2_coefficient > 2 * unit or window.beta > steepest:  # a power magnifies the base's rounding
        return math.inf, -math.inf, 0.0
    steepness = max(window.beta, 1.0)
    lowest = 2.0 ** (-3 * unit / steepness)
    if window.alpha < 0 and dtype == np.float32:
        lowest = max(lowest, window.bias / 4)  # nearer to the pole, the difference has too few correct digits
    return lowest, 2.0 ** (2 * unit / steepness), 2.0 ** (3 * unit)
