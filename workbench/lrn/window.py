"""The window of local response normalization and the arithmetic it needs, free of any framework's conventions."""

import dataclasses
import math

import numpy as np

SHORT_ROW = 192  # elements of an image's row, below which the loops take a band's rows together


@dataclasses.dataclass(frozen=True)
class Window:
    """y_i = x_i / (bias + alpha / divisor * sum over j in [i - before, i + after] of x_j^2) ^ beta.

    `region` says what i runs over: "across" the channels, or "within" a channel over height and width, where the
    window is a square. Neighbours that do not exist count as zero, and the divisor stays what it is.
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
        """Return log2 of the coefficient's magnitude, which holds where the coefficient itself would underflow."""
        return math.log2(abs(self.alpha)) - math.log2(self.divisor) if self.alpha else -math.inf

    @property
    def base_can_vanish(self) -> bool:
        """Tell whether some input makes the base zero or negative."""
        return self.alpha < 0 or self.bias == 0

    def clipped(self, length: int) -> tuple[int, int]:
        """Return before and after, no longer than an axis of `length` needs."""
        longest = max(length - 1, 0)
        return min(self.before, longest), min(self.after, longest)


def own_window(size: int, alpha: float, beta: float, bias: float, region: str) -> Window:
    """Return the window of our own arguments: alpha is divided by how many neighbours there are."""
    return Window(size // 2, size // 2, alpha, size**2 if region == "within" else size, beta, bias, region)


def window_axes(ndim: int, region: str, channels_last: bool) -> tuple[int, ...]:
    """Return the axes that the window runs over."""
    if region == "within":
        return (1, 2) if channels_last else (2, 3)
    return (ndim - 1,) if channels_last else (1,)


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """Return the type to compute in: float16 in float32, others in themselves, in the machine's byte order."""
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype.newbyteorder("=")


def safe_limits(dtype: np.dtype, window: Window) -> tuple[float, float, float]:
    """Return (lowest base, highest base, largest term of a gradient's sum) between which plain arithmetic is accurate.

    Inside them no square, power or product of the forward pass or the gradient overflows, or loses its small
    parts to underflow, in `dtype`. Outside them the same formula is evaluated in logarithms. Where the arguments
    alone are extreme, the interval is empty.
    """
    unit, steepest = (20, 8.0) if dtype == np.float32 else (160, 2.0**20)
    weak = window.alpha != 0 and window.log2_coefficient < -5 * unit
    if weak or window.log2_coefficient > 2 * unit or window.beta > steepest:  # a power magnifies the base's rounding
        return math.inf, -math.inf, 0.0
    steepness = max(window.beta, 1.0)
    lowest = 2.0 ** (-unit / steepness)
    if window.alpha < 0 and dtype == np.float32:
        lowest = max(lowest, window.bias / 4)  # nearer to the pole the difference has too few digits left
    return lowest, 2.0 ** (2 * unit / steepness), 2.0 ** (3 * unit)
