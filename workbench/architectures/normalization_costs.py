"""What normalizations by sums over many elements cost: softmax, batch and layer normalization.

A first term begins a sum, so m terms take m - 1 additions or multiply-adds. A loop that passes over x twice works out
what it needs twice; x counts once in the bytes, as compulsory traffic.
"""

import math
from collections.abc import Sequence

from workbench.cost.loop_cost import DIRECTIONS, loop_cost
from workbench.cost.record import Cost, checked_choice, checked_itemsize, checked_shape

BATCH_NORM_DIRECTIONS = ("forward", "gradient", "inference")


def softmax(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count y = exp(x - max x) / sum of exp(x - max x) along the last axis.

    For each row of m elements, m - 1 comparisons; then an element takes a subtraction, an exponential and a division,
    and the sum m - 1 additions. The gradient, y (dy - sum of dy y), takes 1 multiplication and m - 1 multiply-adds for
    the sum, then a subtraction and a multiplication an element; reads dy and y, writes dx.
    """
    checked_choice("direction", direction, DIRECTIONS)
    size = checked_itemsize(itemsize)
    rows, length = _rows_of(shape)
    elements = rows * length
    if direction == "forward":
        each = Cost(other_flops=1, exponentials=1, divisions=1)
        sums = Cost(comparisons=elements - rows, other_flops=elements - rows)
        return elements * each + sums + loop_cost(elements * size, elements * size)
    sums = Cost(other_flops=rows, multiply_adds=elements - rows)
    return elements * Cost(other_flops=2) + sums + loop_cost(2 * elements * size, elements * size)


def batch_norm(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count batch normalization, y = gamma (x - mean) / sqrt(variance + epsilon) + beta by channel, axis 1.

    forward     in training, over the m elements of a channel: m - 1 additions and a division for the mean; m
                subtractions, a multiplication, m - 1 multiply-adds and a division for the variance; an addition, a
                root, a division; then a subtraction, a multiplication and a multiply-add an element. Writes y, and
                mean and 1 / root for the gradient. The running averages that inference uses count nothing.
    gradient    x^ = (x - mean) / root is worked out in both passes, 4 flops an element. The gradient of beta takes
                m - 1 additions, of gamma a multiplication and m - 1 multiply-adds; both are divided by m, and gamma is
                multiplied by 1 / root; then a subtraction, a multiply-add and a multiplication an element,
                dx = gamma / root (dy - dbeta / m - x^ dgamma / m).
    inference   folded into y = a x + b: a multiply-add an element. Reads x, a and b.
    """
    checked_choice("direction", direction, BATCH_NORM_DIRECTIONS)
    shape, size = checked_shape("shape", shape), checked_itemsize(itemsize)
    if len(shape) < 2:
        raise ValueError(f"shape={shape}: must have at least 2 axes, a batch and a channel axis")
    channels, elements = shape[1], math.prod(shape)
    if direction == "inference":
        return Cost(multiply_adds=elements) + loop_cost((elements + 2 * channels) * size, elements * size)
    groups = channels if elements else 0
    if direction == "forward":
        arrays = elements + 2 * channels
        return _normalized(elements, groups) + loop_cost(arrays * size, arrays * size)
    sums = Cost(other_flops=elements, multiply_adds=elements - groups)  # dbeta and dgamma, m and m - 1 a channel
    each = Cost(other_flops=4 + 2, multiply_adds=1)
    return (
        elements * each
        + sums
        + groups * Cost(divisions=2, other_flops=1)
        + loop_cost((2 * elements + 3 * channels) * size, (elements + 2 * channels) * size)
    )


def layer_norm(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count layer normalization, y = gamma (x - mean) / sqrt(variance + epsilon) + beta by row, the last axis.

    forward     as for `batch_norm`, over the m elements of a row; gamma and beta have m elements.
    gradient    x^ and g = gamma dy are worked out in both passes, 6 flops an element. For each row the sum of g takes
                m - 1 additions, of g x^ a multiplication and m - 1 multiply-adds; both are divided by m; then a
                subtraction, a multiply-add and a multiplication an element, dx = (g - mean g - x^ mean g x^) / root.
                For each of the m features, over r rows, dbeta takes r - 1 additions, and dgamma a multiplication and
                r - 1 multiply-adds.
    """
    checked_choice("direction", direction, DIRECTIONS)
    size = checked_itemsize(itemsize)
    rows, length = _rows_of(shape)
    elements = rows * length
    if direction == "forward":
        return _normalized(elements, rows) + loop_cost((elements + 2 * length) * size, (elements + 2 * rows) * size)
    features = length if elements else 0
    by_row = Cost(other_flops=elements, multiply_adds=elements - rows, divisions=2 * rows)
    by_feature = Cost(other_flops=elements, multiply_adds=elements - features)
    each = Cost(other_flops=6 + 2, multiply_adds=1)
    return (
        elements * each
        + by_row
        + by_feature
        + loop_cost((2 * elements + length + 2 * rows) * size, (elements + 2 * length) * size)
    )


def _normalized(elements: int, groups: int) -> Cost:
    """Count mean, variance, 1 / root and the normalization of `groups` that share the elements evenly."""
    means = Cost(other_flops=elements - groups, divisions=groups)
    variances = Cost(other_flops=elements + groups, multiply_adds=elements - groups, divisions=groups)
    roots = Cost(other_flops=groups, square_roots=groups, divisions=groups)
    return means + variances + roots + elements * Cost(other_flops=2, multiply_adds=1)


def _rows_of(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many rows a shape has along its last axis, none if they are empty, and their length."""
    shape = checked_shape("shape", shape)
    if not shape:
        raise ValueError(f"shape={shape}: must have at least 1 axis")
    *others, length = shape
    return math.prod(others) if length else 0, length
