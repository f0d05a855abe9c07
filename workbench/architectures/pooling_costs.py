"""What pooling costs. Windows are clipped: padding, and what `ceil` adds beyond the border, counts nothing."""

import math
from collections.abc import Sequence

from workbench.architectures.sliding_windows import Windows, checked_pair, checked_windows
from workbench.cost.loop_cost import DIRECTIONS, loop_cost
from workbench.cost.record import Cost, checked_choice, checked_itemsize, checked_shape

PLACE = 4  # bytes of the place of a maximum, an int32 as in Caffe


def pooled_shape(
    shape: Sequence[int],
    kernel: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil: bool = False,
) -> tuple[int, int, int, int]:
    """Return the shape that pooling makes of (batch, channels, rows, columns); without a stride, it is the kernel."""
    batch, channels, _, _ = checked_shape("shape", shape, 4)
    windows = _checked(shape, kernel, stride, padding, ceil)
    return batch, channels, windows.rows, windows.columns


def max_pool(
    direction: str,
    shape: Sequence[int],
    kernel: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil: bool = False,
    itemsize: int = 4,
) -> Cost:
    """Count the largest element of each window: a comparison less than the window has elements.

    forward reads x, writes y and four bytes an output for the place of the maximum. The gradient reads dy and the
    places, and adds each dy to a dx that begins as zeros: an addition an output.
    """
    checked_choice("direction", direction, DIRECTIONS)
    size, windows = checked_itemsize(itemsize), _checked(shape, kernel, stride, padding, ceil)
    batch, channels, *plane = checked_shape("shape", shape, 4)
    planes, elements = batch * channels, batch * channels * math.prod(plane)
    outputs = planes * windows.count
    if direction == "forward":
        compared = Cost(comparisons=planes * windows.inside - outputs)
        return compared + loop_cost(elements * size, outputs * (size + PLACE))
    return Cost(other_flops=outputs) + loop_cost(outputs * (size + PLACE), elements * size)


def average_pool(
    direction: str,
    shape: Sequence[int],
    kernel: int | Sequence[int],
    *,
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil: bool = False,
    itemsize: int = 4,
) -> Cost:
    """Count the mean of each window: an addition less than the window has elements, and a division.

    The gradient divides each dy, and adds it to every dx of its window, which begin as zeros: a division an output, an
    addition an element of its window.
    """
    checked_choice("direction", direction, DIRECTIONS)
    size, windows = checked_itemsize(itemsize), _checked(shape, kernel, stride, padding, ceil)
    batch, channels, *plane = checked_shape("shape", shape, 4)
    planes, elements = batch * channels, batch * channels * math.prod(plane)
    outputs = planes * windows.count
    if direction == "forward":
        means = Cost(other_flops=planes * windows.inside - outputs, divisions=outputs)
        return means + loop_cost(elements * size, outputs * size)
    shares = Cost(other_flops=planes * windows.inside, divisions=outputs)
    return shares + loop_cost(outputs * size, elements * size)


def _checked(
    shape: Sequence[int],
    kernel: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    ceil: bool,
) -> Windows:
    windows = checked_windows(shape, kernel, kernel if stride is None else stride, padding, ceil)
    kernels, paddings = checked_pair("kernel", kernel, 1), checked_pair("padding", padding, 0)
    if any(border >= width for border, width in zip(paddings, kernels, strict=True)):
        raise ValueError(f"padding={padding}: must be less than kernel={kernel}, or windows would be empty")
    return windows
