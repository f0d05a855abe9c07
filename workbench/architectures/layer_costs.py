"""Count the cost of network layers: their operations, and the bytes that they must move.

Only compulsory bytes count: an array counts once, however often a loop passes over it. A direction is one compiled
loop, and `bytes_allocated` are its results. For layers with weights, "gradient" is both gradients: two loops, one after
the other. An empty batch has no operations. A sum starts with its first term, so m terms take m - 1 additions or
multiply-adds. Pooling windows are clipped: padding, and places that `ceil` adds beyond the border, do not count.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from workbench.cost.loop_cost import DIRECTIONS, loop_cost
from workbench.cost.record import Cost, checked_count, checked_itemsize, checked_shape
from workbench.operator import checked_choice

WEIGHTED_DIRECTIONS = ("forward", "gradient to input", "gradient to weights", "gradient")
BATCH_NORM_DIRECTIONS = ("forward", "gradient", "inference")
METHODS = ("direct", "im2col")
MARK = 1  # bytes per element of a mask
PLACE = 4  # bytes of a maximum's position, an int32 as in Caffe

Pair = int | tuple[int, int] | list[int]  # one number, or one for the rows and one for the columns


def _checked(direction: str, itemsize: int, directions: Sequence[str] = DIRECTIONS) -> int:
    """Return `itemsize`; raise ValueError if it is not 2, 4 or 8, or if `direction` is not one of `directions`."""
    checked_choice("direction", direction, directions)
    return checked_itemsize(itemsize)


def convolution_shape(
    shape: Sequence[int], filters: int, kernel: Pair, *, stride: Pair = 1, padding: Pair = 0, groups: int = 1
) -> tuple[int, int, int, int]:
    """Return the output shape (batch, filters, rows, columns) of a convolution of (batch, channels, rows, columns)."""
    batch, channels, _, _ = checked_shape("shape", shape, 4)
    filters, groups = checked_count("filters", filters, 1), checked_count("groups", groups, 1)
    if channels % groups or filters % groups:
        raise ValueError(f"groups={groups}: must divide the {channels} channels and the {filters} filters")
    windows = _checked_windows(shape, kernel, stride, padding)
    return batch, filters, windows.rows, windows.columns


def convolution(
    direction: str,
    shape: Sequence[int],
    filters: int,
    kernel: Pair,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    groups: int = 1,
    bias: bool = True,
    method: str = "direct",
    itemsize: int = 4,
) -> Cost:
    """Count a convolution of shape (batch, channels, rows, columns), or its gradients.

    forward               y = W * x + b. One multiply-add for each output and each element of its window in
                          channels / groups planes; one addition per output for the bias.
    gradient to input     the same number of multiply-adds.
    gradient to weights   the same number of multiply-adds; outputs - filters additions to sum dy for the bias.

    Windows over padding count as full, and sums start at zero, as in published totals and in im2col.

    "direct" reads x, W and b and writes y; reads dy and W and writes dx; reads dy and x and writes dW and db. "im2col"
    also allocates, writes and reads back, in two loops, a matrix of batch * rows * columns of y times channels * kernel
    elements. The forward pass and the gradient to the weights make a matrix of windows. The gradient to the input makes
    their gradient, and adds its elements off the padding to dx, one addition each. 1 x 1 kernels are no exception.
    """
    size = _checked(direction, itemsize, WEIGHTED_DIRECTIONS)
    checked_choice("method", method, METHODS)
    batch, channels, *plane = checked_shape("shape", shape, 4)
    _, filters, *_ = convolution_shape(shape, filters, kernel, stride=stride, padding=padding, groups=groups)
    windows = _checked_windows(shape, kernel, stride, padding)
    count = windows.rows * windows.columns
    inputs, outputs = batch * channels * math.prod(plane), batch * filters * count
    fan_in = channels // groups * windows.size
    layer = _weighted(direction, inputs, outputs, fan_in=fan_in, units=filters, bias=bias, size=size)
    if method == "direct":
        return layer
    matrix = batch * count * channels * windows.size * size
    through = Cost(bytes_read=matrix, bytes_written=matrix, bytes_allocated=matrix, launches=1)
    to_input = through + Cost(other_flops=batch * channels * windows.inside)
    extra = {"gradient to input": to_input, "gradient": to_input + through}
    return layer + extra.get(direction, through)


def dense(direction: str, shape: Sequence[int], units: int, *, bias: bool = True, itemsize: int = 4) -> Cost:
    """Count a fully connected layer on shape (batch, features), or its gradients.

    forward               y = x W + b. batch * features * units multiply-adds; one addition per output for the bias.
    gradient to input     the same number of multiply-adds.
    gradient to weights   the same number of multiply-adds; batch * units - units additions to sum dy for the bias.

    Sums start at zero. Reads x, W and b, writes y; reads dy and W, writes dx; reads dy and x, writes dW and db.
    """
    batch, features = checked_shape("shape", shape, 2)
    units, size = checked_count("units", units, 1), _checked(direction, itemsize, WEIGHTED_DIRECTIONS)
    return _weighted(direction, batch * features, batch * units, fan_in=features, units=units, bias=bias, size=size)


def _weighted(direction: str, inputs: int, outputs: int, *, fan_in: int, units: int, bias: bool, size: int) -> Cost:
    """Count a layer of `units` weighted sums of `fan_in` terms; `inputs` and `outputs` count elements."""
    weights, biases = units * fan_in, units if bias else 0
    products = Cost(multiply_adds=outputs * fan_in)
    if direction == "forward":
        shifts = Cost(other_flops=outputs if bias else 0)
        return products + shifts + loop_cost((inputs + weights + biases) * size, outputs * size)
    to_input = products + loop_cost((outputs + weights) * size, inputs * size)
    sums = Cost(other_flops=max(outputs - units, 0) if bias else 0)
    to_weights = products + sums + loop_cost((outputs + inputs) * size, (weights + biases) * size)
    gradients = {"gradient to input": to_input, "gradient to weights": to_weights}
    return gradients.get(direction, to_input + to_weights)


def relu(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count max(x, 0): one comparison per element.

    The gradient is dy where y > 0, else 0: one comparison per element. It reads dy and y and writes dx.
    """
    elements, size = math.prod(checked_shape("shape", shape)), _checked(direction, itemsize)
    arrays = 1 if direction == "forward" else 2
    return Cost(comparisons=elements) + loop_cost(arrays * elements * size, elements * size)


def dropout(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count standard dropout in its inverted form: a random word, a comparison and a multiplication per element.

    forward writes y, and one byte of mask per element. The gradient reads dy and the mask and writes dx, with one
    multiplication per element; the choice by the mask does not count.
    """
    elements, size = math.prod(checked_shape("shape", shape)), _checked(direction, itemsize)
    if direction == "forward":
        drawn = Cost(random_words=elements, comparisons=elements, other_flops=elements)
        return drawn + loop_cost(elements * size, elements * (size + MARK))
    return Cost(other_flops=elements) + loop_cost(elements * (size + MARK), elements * size)


def concatenation(direction: str, shapes: Sequence[Sequence[int]], *, axis: int = 1, itemsize: int = 4) -> Cost:
    """Count joining arrays along an axis: every element is copied, without operations.

    The gradient splits dy again, with the same copies in the other direction.
    """
    size = _checked(direction, itemsize) * math.prod(concatenated_shape(shapes, axis=axis))
    return loop_cost(size, size)


def concatenated_shape(shapes: Sequence[Sequence[int]], *, axis: int = 1) -> tuple[int, ...]:
    """Return the shape of arrays joined along an axis; raise ValueError if they differ in another axis."""
    checked = [checked_shape(f"shapes[{index}]", shape) for index, shape in enumerate(shapes)]
    if not checked:
        raise ValueError(f"shapes={shapes!r}: give at least one shape")
    axis = checked_count("axis", axis)
    others = {(shape[:axis], shape[axis + 1 :]) for shape in checked}
    if len(others) > 1 or any(len(shape) <= axis for shape in checked):
        raise ValueError(f"shapes={checked}: must have an axis {axis} and agree in all the others")
    (before, after) = others.pop()
    return (*before, sum(shape[axis] for shape in checked), *after)


def pooled_shape(
    shape: Sequence[int], kernel: Pair | None, *, stride: Pair | None = None, padding: Pair = 0, ceil: bool = False
) -> tuple[int, int, int, int]:
    """Return the output shape of pooling (batch, channels, rows, columns); by default the stride is the kernel.

    If the kernel is None, it is the whole plane.
    """
    batch, channels, _, _ = checked_shape("shape", shape, 4)
    windows = _checked_windows(shape, kernel, stride, padding, ceil)
    kernels, paddings = _checked_kernel(kernel, shape), _checked_pair("padding", padding, 0)
    if any(border >= width for border, width in zip(paddings, kernels, strict=True)):
        raise ValueError(f"padding={padding}: must be less than kernel={kernel}, or windows would be empty")
    return batch, channels, windows.rows, windows.columns


def max_pool(direction: str, shape: Sequence[int], kernel: Pair | None, *, itemsize: int = 4, **windows: Any) -> Cost:
    """Count max pooling: a window of m elements takes m - 1 comparisons.

    `windows` are stride, padding and ceil, as for `pooled_shape`.

    forward reads x, and writes y and four bytes per output for the position of the maximum. The gradient reads dy and
    the positions, and adds each dy to dx, which starts as zeros: one addition per output.
    """
    size = _checked(direction, itemsize)
    elements, outputs, inside = _pooled(shape, kernel, **windows)
    if direction == "forward":
        return Cost(comparisons=inside - outputs) + loop_cost(elements * size, outputs * (size + PLACE))
    return Cost(other_flops=outputs) + loop_cost(outputs * (size + PLACE), elements * size)


def average_pool(
    direction: str, shape: Sequence[int], kernel: Pair | None, *, itemsize: int = 4, **windows: Any
) -> Cost:
    """Count average pooling: a window of m elements takes m - 1 additions and a division.

    `windows` are those of `max_pool`. The gradient divides each dy and adds it to every dx of its window; dx starts as
    zeros. That takes a division per output and an addition per element of its window.
    """
    size = _checked(direction, itemsize)
    elements, outputs, inside = _pooled(shape, kernel, **windows)
    if direction == "forward":
        return Cost(other_flops=inside - outputs, divisions=outputs) + loop_cost(elements * size, outputs * size)
    return Cost(other_flops=inside, divisions=outputs) + loop_cost(outputs * size, elements * size)


def _pooled(shape: Sequence[int], kernel: Pair | None, **windows: Any) -> tuple[int, int, int]:
    """Return the number of elements, of outputs, and of elements in all windows together."""
    outputs = pooled_shape(shape, kernel, **windows)
    inside = _checked_windows(shape, kernel, **windows).inside
    return math.prod(checked_shape("shape", shape)), math.prod(outputs), outputs[0] * outputs[1] * inside


def softmax(direction: str, shape: Sequence[int], *, itemsize: int = 4) -> Cost:
    """Count y = exp(x - max x) / sum of exp(x - max x) along the last axis.

    A row of m elements takes m - 1 comparisons and m - 1 additions, and each element a subtraction, an exponential and
    a division. In the gradient, y (dy - sum of dy y), the sum takes a multiplication and m - 1 multiply-adds, and each
    element a subtraction and a multiplication. The gradient reads dy and y, and writes dx.
    """
    size = _checked(direction, itemsize)
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

    forward     in training, for the m elements of a channel: m - 1 additions and a division for the mean; m
                subtractions, a multiplication, m - 1 multiply-adds and a division for the variance; an addition, a
                root and a division for 1 / root; then a subtraction, a multiplication and a multiply-add per element.
                Writes y, mean and 1 / root. The running averages that inference uses do not count.
    gradient    x^ = (x - mean) / root is computed in both passes, 4 flops per element. dbeta takes m - 1 additions,
                dgamma a multiplication and m - 1 multiply-adds. Both are divided by m, and gamma is multiplied by
                1 / root. Then each element takes a subtraction, a multiply-add and a multiplication:
                dx = gamma / root (dy - dbeta / m - x^ dgamma / m).
    inference   folded into y = a x + b: one multiply-add per element. Reads x, a and b.
    """
    shape, size = checked_shape("shape", shape, least=2), _checked(direction, itemsize, BATCH_NORM_DIRECTIONS)
    channels, elements = shape[1], math.prod(shape)
    if direction == "inference":
        return Cost(multiply_adds=elements) + loop_cost((elements + 2 * channels) * size, elements * size)
    groups = channels if elements else 0
    if direction == "forward":
        arrays = elements + 2 * channels
        return _normalized(elements, groups) + loop_cost(arrays * size, arrays * size)
    sums = Cost(other_flops=elements, multiply_adds=elements - groups)  # dbeta and dgamma: m and m - 1 per channel
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
    gradient    x^ and g = gamma dy are computed in both passes, 6 flops per element. In each row, the sum of g takes
                m - 1 additions, and the sum of g x^ a multiplication and m - 1 multiply-adds. Both are divided by m.
                Then each element takes a subtraction, a multiply-add and a multiplication:
                dx = (g - mean g - x^ mean g x^) / root. For each of the m features, over r rows, dbeta takes r - 1
                additions, and dgamma a multiplication and r - 1 multiply-adds.
    """
    size = _checked(direction, itemsize)
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
    """Count mean, variance, 1 / root and the normalization of `groups` groups of equal size."""
    means = Cost(other_flops=elements - groups, divisions=groups)
    variances = Cost(other_flops=elements + groups, multiply_adds=elements - groups, divisions=groups)
    roots = Cost(other_flops=groups, square_roots=groups, divisions=groups)
    return means + variances + roots + elements * Cost(other_flops=2, multiply_adds=1)


def _rows_of(shape: Sequence[int]) -> tuple[int, int]:
    """Return the number of rows along the last axis (0 if they are empty), and their length."""
    *others, length = checked_shape("shape", shape, least=1)
    return math.prod(others) if length else 0, length


# The cost per parameter, and how many numbers of state are kept for it. `optimizer_step` spells out the arithmetic.
OPTIMIZERS = {
    "sgd": (Cost(multiply_adds=1), 0),
    "momentum": (Cost(multiply_adds=2), 1),
    "adagrad": (Cost(multiply_adds=1, other_flops=3, square_roots=1, divisions=1), 1),
    "adam": (Cost(multiply_adds=2, other_flops=6, square_roots=1, divisions=1), 2),
}


def embedding_lookup(direction: str, indices: int, length: int, *, itemsize: int = 4, index_itemsize: int = 8) -> Cost:
    """Count gathering `indices` rows of `length` elements from a table.

    forward reads the indices and the rows, and writes the rows, without operations. The gradient reads the indices, dy
    and the table's rows, and writes the rows back in place: one addition per element each time a row is named.
    """
    indices, length = checked_count("indices", indices), checked_count("length", length)
    size, elements = _checked(direction, itemsize), indices * length
    named = indices * checked_itemsize(index_itemsize, (4, 8), "index_itemsize")
    if direction == "forward":
        return loop_cost(named + elements * size, elements * size)
    return Cost(other_flops=elements) + loop_cost(named + 2 * elements * size, elements * size, allocated=0)


def optimizer_step(name: str, parameters: int, *, itemsize: int = 4) -> Cost:
    """Count one step of an optimizer, in place: it reads parameters w, gradient g and state, and writes w and state.

    sgd        w -= rate g                                                      1 multiply-add
    momentum   v = mu v + g;  w -= rate v                                       2 multiply-adds
    adagrad    h += g g;  w -= rate g / (sqrt(h) + epsilon)                     1 multiply-add, 1 root, 1 division, and
                                                                                3 flops: a product, 1 each for + and -
    adam       m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g g;                 2 multiply-adds, 1 root, 1 division, and
               w -= rate_t m / (sqrt(v) + epsilon)                              6 flops: 4 products, 1 each for + and -

    Adam's rate_t contains both bias corrections, as at the end of section 2 of Kingma and Ba, 2014. It is computed
    once per step and does not count.
    """
    checked_choice("name", name, tuple(OPTIMIZERS))
    parameters, size = checked_count("parameters", parameters), checked_itemsize(itemsize)
    each, states = OPTIMIZERS[name]
    moved = parameters * size
    return parameters * each + loop_cost((2 + states) * moved, (1 + states) * moved, allocated=0)


class _Windows(NamedTuple):
    """The windows over one plane; `inside` counts their elements in the plane, without padding and places beyond it."""

    size: int
    rows: int
    columns: int
    inside: int


def _checked_kernel(kernel: Pair | None, shape: Sequence[int]) -> tuple[int, int]:
    return _checked_pair("kernel", [max(1, length) for length in shape[2:]] if kernel is None else kernel, 1)


def _checked_pair(name: str, value: Pair, least: int) -> tuple[int, int]:
    """Return (rows, columns) from two ints, or from one int that serves for both."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{name}={value!r}: must be an int, or two, for the rows and for the columns")
        rows, columns = (checked_count(f"{name}[{axis}]", number, least) for axis, number in enumerate(value))
        return rows, columns
    number = checked_count(name, value, least)
    return number, number


def _checked_windows(
    shape: Sequence[int], kernel: Pair | None, stride: Pair | None = None, padding: Pair = 0, ceil: bool = False
) -> _Windows:
    """Return the windows over the planes of (batch, channels, rows, columns).

    By default the stride is the kernel. An axis has floor((length + 2 padding - kernel) / stride) + 1 windows. With
    `ceil` the quotient is rounded up, as in Caffe's pooling, and a window that would start beyond the plane is left
    out, as in PyTorch. ValueError is raised if an axis has no window, as the kernel is too long for it.
    """
    planes = checked_shape("shape", shape, 4)[2:]
    kernels = _checked_kernel(kernel, shape)
    strides = kernels if stride is None else _checked_pair("stride", stride, 1)
    axes = zip(planes, kernels, strides, _checked_pair("padding", padding, 0), strict=True)
    (rows, rows_inside), (columns, columns_inside) = (_windows_along(*axis, ceil) for axis in axes)
    if not rows or not columns:
        given = f"shape={tuple(shape)} with padding={padding} and ceil={ceil}"
        raise ValueError(f"kernel={kernel}: is too long for {given}; give a smaller one")
    return _Windows(kernels[0] * kernels[1], rows, columns, rows_inside * columns_inside)


def _windows_along(length: int, kernel: int, stride: int, padding: int, ceil: bool) -> tuple[int, int]:
    """Return the number of windows along an axis, and the number of its elements that they hold together."""
    room = length + 2 * padding - kernel
    count = (-(-room // stride) if ceil else room // stride) + 1
    starts = range(-padding, count * stride - padding, stride)
    if ceil and starts and starts[-1] >= length:
        starts = starts[:-1]
    return len(starts), sum(max(min(start + kernel, length) - max(start, 0), 0) for start in starts)
