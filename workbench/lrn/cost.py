"""What local response normalization costs: the operations of `loops`, each element counted once.

    scale_i   1 multiplication and k - 1 multiply-adds for k squares, 1 multiply-add for bias + alpha/n * sum
    y_i       by beta: 0.75 is two square roots, 1 multiplication and a division; 0.5 a square root and a division;
              1 a division; any other a power and a multiplication
    dx_i      the two powers of scale_i share one division; then 3 multiplications for the terms dy * scale^-beta and
              dy * x * scale^(-beta - 1), k - 1 additions for the sum, 1 multiplication and 1 multiply-add for dx

A square window is summed along one axis and then along the other. Neighbours outside the array count nothing, and
neither do zeros that a loop adds in their place, halos that two jobs both work out, and conversions of float16.
"""

import math
from collections.abc import Sequence

from workbench.cost import Cost
from workbench.lrn import CHANNELS_LAST, LRN
from workbench.lrn.window import window_axes

DIRECTIONS = ("forward", "gradient")

# What an element takes to get x * scale^-beta, and to get both scale^-beta and scale^(-beta - 1).
FORWARD_POWER = {
    0.5: Cost(square_roots=1, divisions=1),
    0.75: Cost(square_roots=2, other_flops=1, divisions=1),
    1.0: Cost(divisions=1),
}
FORWARD_ANY_POWER = Cost(powers=1, other_flops=1)
GRADIENT_POWERS = {
    0.5: Cost(square_roots=1, other_flops=2, divisions=1),
    0.75: Cost(square_roots=2, other_flops=3, divisions=1),
    1.0: Cost(other_flops=2, divisions=1),
}
GRADIENT_ANY_POWERS = Cost(powers=1, divisions=1)
GRADIENT_TERMS = Cost(other_flops=3) + Cost(other_flops=1, multiply_adds=1)


def cost(
    direction: str,
    shape: Sequence[int],
    size: int = 5,
    beta: float = 0.75,
    *,
    order: str = "NCHW",
    region: str = "across",
    itemsize: int = 4,
) -> Cost:
    """Count the operations and the compulsory bytes of one call.

    Args:
        direction: "forward" (reads x, writes y) or "gradient" (reads dy and x, writes dx).
        shape: of x; rank 2 or more, 4 for region="within".
        size, beta, order, region: as for `local_response_norm`.
        itemsize: bytes of an element: 2, 4 or 8.

    Raises:
        TypeError, ValueError: an argument is not what is said above.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r}: must be one of {', '.join(map(repr, DIRECTIONS))}")
    if itemsize not in (2, 4, 8):
        raise ValueError(f"itemsize={itemsize!r}: must be 2, 4 or 8, the bytes of a float16, float32 or float64")
    values = LRN.check({"size": size, "beta": beta, "order": order, "region": region})
    shape = _checked_shape(shape, values["order"], values["region"])
    axes = window_axes(len(shape), values["region"], CHANNELS_LAST[values["order"]])
    reach = values["size"] // 2
    if direction == "forward":
        return _forward(shape, axes, reach, values["beta"], itemsize)
    return _gradient(shape, axes, reach, values["beta"], itemsize)


def _forward(shape: tuple[int, ...], axes: tuple[int, ...], reach: int, beta: float, itemsize: int) -> Cost:
    elements = math.prod(shape)
    power = FORWARD_POWER.get(beta, FORWARD_ANY_POWER)
    traffic = Cost(bytes_read=itemsize, bytes_written=itemsize)
    return _scale(shape, axes, reach) + elements * (power + traffic)


def _gradient(shape: tuple[int, ...], axes: tuple[int, ...], reach: int, beta: float, itemsize: int) -> Cost:
    elements = math.prod(shape)
    powers = GRADIENT_POWERS.get(beta, GRADIENT_ANY_POWERS)
    traffic = Cost(bytes_read=2 * itemsize, bytes_written=itemsize)
    sums = Cost(other_flops=sum(_additions(shape, axis, reach) for axis in axes))
    return _scale(shape, axes, reach) + sums + elements * (powers + GRADIENT_TERMS + traffic)


def _scale(shape: tuple[int, ...], axes: tuple[int, ...], reach: int) -> Cost:
    """Count bias + alpha/n * (sum of squares): squares along the first axis, sums of these along the others."""
    elements = math.prod(shape)
    first, *others = axes
    squares = Cost(other_flops=elements, multiply_adds=_additions(shape, first, reach))
    sums = Cost(other_flops=sum(_additions(shape, axis, reach) for axis in others))
    return squares + sums + Cost(multiply_adds=elements)


def _additions(shape: tuple[int, ...], axis: int, reach: int) -> int:
    """Count the additions that sum the window around every element along `axis`: one less than its terms, each."""
    length = shape[axis]
    if not length:
        return 0
    reach = min(reach, length - 1)
    missing = reach * (reach + 1)  # neighbours cut off at the two ends: 1 + 2 + ... + reach at each
    return math.prod(shape) // length * (2 * reach * length - missing)


def _checked_shape(shape: Sequence[int], order: str, region: str) -> tuple[int, ...]:
    shape = tuple(int(length) for length in shape)
    if any(length < 0 for length in shape):
        raise ValueError(f"shape={shape}: lengths must be at least 0")
    if region == "within" and len(shape) != 4:
        raise ValueError(f"shape={shape}: region='within' takes 4 axes, batch, channels, height and width")
    if len(shape) < 2:
        raise ValueError(f"shape={shape}: must have at least 2 axes, a batch and a channel axis")
    if order not in ("NCHW", "NHWC") and len(shape) != len(order):
        raise ValueError(f"shape={shape}: order={order!r} takes {len(order)} axes; NCHW and NHWC take any")
    return shape
