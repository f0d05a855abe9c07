"""What the layers that operators live among cost: those with weights, and those that treat each element alone.

Bytes are the compulsory ones: an array counts once, however often a loop passes over it. A direction is one compiled
loop; `bytes_allocated` are its results. An empty batch leaves no operations. For layers with weights "gradient" is both
gradients, two loops, one after the other.
"""

import math
from collections.abc import Sequence

from workbench.architectures.sliding_windows import checked_windows
from workbench.cost.loop_cost import DIRECTIONS, loop_cost
from workbench.cost.record import Cost, checked_choice, checked_count, checked_itemsize, checked_shape

WEIGHTED_DIRECTIONS = ("forward", "gradient to input", "gradient to weights", "gradient")
METHODS = ("direct", "im2col")
MARK = 1  # bytes of an element of a mask


def convolution_shape(
    shape: Sequence[int],
    filters: int,
    kernel: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    groups: int = 1,
) -> tuple[int, int, int, int]:
    """Return the shape (batch, filters, rows, columns) that a convolution makes of (batch, channels, rows, columns)."""
    batch, channels, _, _ = checked_shape("shape", shape, 4)
    filters, groups = checked_count("filters", filters, 1), checked_count("groups", groups, 1)
    if channels % groups or filters % groups:
        raise ValueError(f"groups={groups}: must divide the {channels} channels and the {filters} filters")
    windows = checked_windows(shape, kernel, stride, padding)
    return batch, filters, windows.rows, windows.columns


def convolution(
    direction: str,
    shape: Sequence[int],
    filters: int,
    kernel: int | Sequence[int],
    *,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    groups: int = 1,
    bias: bool = True,
    method: str = "direct",
    itemsize: int = 4,
) -> Cost:
    """Count a convolution of shape (batch, channels, rows, columns), or its gradients.

    forward               y = W * x + b. A multiply-add for each output and each element of its window in
                          channels / groups planes; an addition an output for the bias.
    gradient to input     as many multiply-adds.
    gradient to weights   as many multiply-adds; the bias's gradient adds up dy, outputs - filters additions.

    A window over padding counts as full, and a sum begins at zero: published totals count so, and so does im2col.

    "direct" moves what it must: x, W and b to y; dy and W to dx; dy and x to dW and db. "im2col" also writes, allocates
    and reads back a matrix of batch * rows * columns of y times channels * kernel elements, in two loops: the windows,
    for the forward pass and the weights' gradient; the windows' gradient, whose elements off the padding are then added
    to dx, an addition each. That holds for 1 x 1 kernels too.
    """
    checked_choice("direction", direction, WEIGHTED_DIRECTIONS)
    checked_choice("method", method, METHODS)
    size, (batch, channels, *plane) = checked_itemsize(itemsize), checked_shape("shape", shape, 4)
    _, filters, *_ = convolution_shape(shape, filters, kernel, stride=stride, padding=padding, groups=groups)
    windows = checked_windows(shape, kernel, stride, padding)
    layer = _weighted(
        direction,
        inputs=batch * channels * math.prod(plane),
        outputs=batch * filters * windows.count,
        fan_in=channels // groups * windows.size,
        units=filters,
        bias=bias,
        size=size,
    )
    if method == "direct":
        return layer
    matrix = batch * windows.count * channels * windows.size * size
    through = Cost(bytes_read=matrix, bytes_written=matrix, bytes_allocated=matrix, launches=1)
    to_input = through + Cost(other_flops=batch * channels * windows.inside)
    extra = {"gradient to input": to_input, "gradient": to_input + through}
    return layer + extra.get(direction, through)


def dense(direction: str, shape: Sequence[int], units: int, *, bias: bool = True, itemsize: int = 4) -> Cost:
    """Count a fully connected layer on shape (batch, features), or its gradients.

    forward               y = x W + b. batch * features * units multiply-adds; an addition an output for the bias.
    gradient to input     as many multiply-adds.
    gradient to weights   as many multiply-adds; the bias's gradient adds up dy, batch * units - units additions.

    A sum begins at zero. Moves x, W and b to y; dy and W to dx; dy and x to dW and db.
    """
    checked_choice("direction", direction, WEIGHTED_DIRECTIONS)
    batch, features = checked_shape("shape", shape, 2)
    units, size = checked_count("units", units, 1), checked_itemsize(itemsize)
    return _weighted(
        direction,
        inputs=batch * features,
        outputs=batch * units,
        fan_in=features,
        units=units,
        bias=bias,
        size=size,
    )


def _weighted(direction: str, *, inputs: int, outputs: int, fan_in: int, units: int, bias: bool, size: int) -> Cost:
    """Count a layer of `units` weighted sums of `fan_in` terms; the counts of arrays are of elements."""
    weights, biases = units * fan_in, units if bias else 0
    products = Cost(multiply_adds=outputs * fan_in)
    if direction == "forward":
        shifts = Cost(other_flops=outputs if bias else 0)
        return products + shifts + loop_cost((inputs + weights + biases) * size, outputs * size)
    to_input = products + loop_cost((outputs + weights) * size, inputs * size)
    sums = Cost(other_flops=max(outputs - units, 0) if bias else 0)
    to_weights = products + sums + loop_cost((outputs + inputs) * size, (weights + biases) * size)
    return {
        "gradient to input": to_input,
        "gradient to weights": to_weights,
        "gradient": to_input + to_weights,
    }[direction]


def relu(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count max(x, 0): a comparison an element.

    The gradient is dy where y > 0, else 0: a comparison an element; reads dy and y, writes dx.
    """
    checked_choice("direction", direction, DIRECTIONS)
    elements, size = math.prod(checked_shape("shape", shape)), checked_itemsize(itemsize)
    arrays = 1 if direction == "forward" else 2
    return Cost(comparisons=elements) + loop_cost(arrays * elements * size, elements * size)


def dropout(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count standard dropout in its inverted form: a random word, a comparison, a multiplication an element.

    forward writes y and a byte of mask an element. The gradient reads dy and the mask and writes dx: a multiplication
    an element, and the choice by the mask counts nothing.
    """
    checked_choice("direction", direction, DIRECTIONS)
    elements, size = math.prod(checked_shape("shape", shape)), checked_itemsize(itemsize)
    if direction == "forward":
        drawn = Cost(random_words=elements, comparisons=elements, other_flops=elements)
        return drawn + loop_cost(elements * size, elements * (size + MARK))
    return Cost(other_flops=elements) + loop_cost(elements * (size + MARK), elements * size)


def concatenation(direction: str, shapes: Sequence[Sequence[int]], *, axis: int = 1, itemsize: int = 4) -> Cost:
    """Count joining arrays along an axis: no operations, every element is copied.

    The gradient takes dy apart again: the same copies the other way.
    """
    checked_choice("direction", direction, DIRECTIONS)
    elements = math.prod(concatenated_shape(shapes, axis=axis))
    size = checked_itemsize(itemsize)
    return loop_cost(elements * size, elements * size)


def concatenated_shape(shapes: Sequence[Sequence[int]], *, axis: int = 1) -> tuple[int, ...]:
    """Return the shape of arrays joined along an axis, or raise ValueError where another axis differs."""
    checked = [checked_shape(f"shapes[{index}]", shape) for index, shape in enumerate(shapes)]
    if not checked:
        raise ValueError(f"shapes={shapes!r}: must be at least one")
    axis = checked_count("axis", axis)
    others = {(shape[:axis], shape[axis + 1 :]) for shape in checked}
    if len(others) > 1 or any(len(shape) <= axis for shape in checked):
        raise ValueError(f"shapes={checked}: must have an axis {axis} and agree in all the others")
    (before, after) = others.pop()
    return (*before, sum(shape[axis] for shape in checked), *after)
