"""The counts of layers against counts drawn by hand, and against loops that count what they do."""

import itertools

import numpy as np
import pytest

from workbench.architectures.layer_costs import (
    average_pool,
    batch_norm,
    concatenated_shape,
    concatenation,
    convolution,
    convolution_shape,
    dense,
    dropout,
    embedding_lookup,
    layer_norm,
    max_pool,
    optimizer_step,
    pooled_shape,
    relu,
    softmax,
)
from workbench.cost import Cost


def loop(read, written, **operations):
    """Return the cost of a loop that reads and writes so many bytes; the bytes written are new memory."""
    return Cost(bytes_read=read, bytes_written=written, bytes_allocated=written, launches=1, **operations)


# 2 images of 3 x 4 x 5, 7 filters of 2 x 3 at stride 1 x 2: 3 x 2 places. 84 outputs of 18 products each.
CONVOLUTION = {"shape": (2, 3, 4, 5), "filters": 7, "kernel": (2, 3), "stride": (1, 2)}


def test_convolution_forward():
    # x has 120 elements, W 7 * 18 = 126, b 7, y 84.
    assert convolution_shape(**CONVOLUTION) == (2, 7, 3, 2)
    assert convolution("forward", **CONVOLUTION) == loop(4 * (120 + 126 + 7), 336, multiply_adds=1512, other_flops=84)


def test_convolution_gradient_to_input():
    assert convolution("gradient to input", **CONVOLUTION) == loop(4 * (84 + 126), 480, multiply_adds=1512)


def test_convolution_gradient_to_weights():
    # Each of 7 biases sums 12 elements of dy: 11 additions.
    assert convolution("gradient to weights", **CONVOLUTION) == loop(
        4 * (84 + 120), 4 * 133, multiply_adds=1512, other_flops=77
    )


def test_convolution_by_im2col_moves_the_matrix_of_windows_twice():
    # 2 * 3 * 2 places times 3 * 2 * 3 elements: 216, 864 bytes, written and read again.
    forward = convolution("forward", **CONVOLUTION, method="im2col")
    assert (forward.multiply_adds, forward.other_flops, forward.launches) == (1512, 84, 2)
    assert (forward.bytes_read, forward.bytes_written, forward.bytes_allocated) == (1012 + 864, 336 + 864, 336 + 864)
    to_weights = convolution("gradient to weights", **CONVOLUTION, method="im2col")
    assert (to_weights.other_flops, to_weights.launches) == (77, 2)
    assert (to_weights.bytes_read, to_weights.bytes_written, to_weights.bytes_allocated) == (816 + 864, 1396, 1396)
    to_input = convolution("gradient to input", **CONVOLUTION, method="im2col")
    assert (to_input.other_flops, to_input.launches) == (216, 2)  # all windows lie inside: one addition an element
    assert (to_input.bytes_read, to_input.bytes_written, to_input.bytes_allocated) == (840 + 864, 1344, 1344)


def test_convolution_with_groups_and_padding():
    # 4 channels of 3 x 5 in 2 groups, 6 filters of 3 x 3: 90 outputs of 2 * 9 products, padding counted in full.
    # Windows hold 2 3 2 rows and 2 3 3 3 2 columns: 7 * 13 elements a channel are added back by im2col.
    arguments = {"shape": (1, 4, 3, 5), "filters": 6, "kernel": 3, "padding": 1, "groups": 2}
    assert convolution_shape(**arguments) == (1, 6, 3, 5)
    forward = convolution("forward", **arguments, bias=False, itemsize=2)
    assert (forward.multiply_adds, forward.other_flops) == (1620, 0)
    assert (forward.bytes_read, forward.bytes_written) == (2 * (60 + 108), 180)
    matrix = convolution("forward", **arguments, bias=False, itemsize=2, method="im2col")
    assert matrix.bytes_written == 180 + 2 * 15 * 36
    assert convolution("gradient to input", **arguments, method="im2col").other_flops == 4 * 91


@pytest.mark.parametrize("method", ["direct", "im2col"])
def test_the_gradient_is_both_gradients(method):
    parts = [convolution(f"gradient to {what}", **CONVOLUTION, method=method) for what in ("input", "weights")]
    assert convolution("gradient", **CONVOLUTION, method=method) == sum(parts, Cost())
    assert dense("gradient", (5, 3), 7) == dense("gradient to input", (5, 3), 7) + dense(
        "gradient to weights", (5, 3), 7
    )


@pytest.mark.parametrize(
    ("shape", "filters", "kernel", "stride", "padding", "groups"),
    [
        ((2, 3, 4, 5), 7, (2, 3), (1, 2), 0, 1),
        ((1, 4, 5, 7), 6, (3, 2), (2, 3), (1, 0), 2),
        ((2, 6, 3, 4), 3, 3, 2, 2, 3),
        ((1, 2, 4, 3), 5, 1, 1, 2, 1),  # windows on padding alone
    ],
)
def test_convolution_against_loops_that_count(shape, filters, kernel, stride, padding, groups):
    multiplications, added_back, outputs = _counted_convolution(shape, filters, kernel, stride, padding, groups)
    arguments = {"shape": shape, "filters": filters, "kernel": kernel}
    arguments |= {"stride": stride, "padding": padding, "groups": groups}
    assert convolution("forward", **arguments).multiply_adds == multiplications
    assert convolution("forward", **arguments).bytes_written == 4 * outputs
    assert convolution("gradient to input", **arguments, method="im2col").other_flops == added_back


def _counted_convolution(shape, filters, kernel, stride, padding, groups):
    """Slide a kernel over a padded array, one step at a time, until it falls off."""
    kernel, stride, padding = (
        value if isinstance(value, tuple) else (value, value) for value in (kernel, stride, padding)
    )
    x = np.pad(np.ones(shape), [(0, 0), (0, 0), *((border, border) for border in padding)])
    multiplications = added_back = outputs = 0
    for image, chosen in itertools.product(range(shape[0]), range(filters)):
        first = chosen // (filters // groups) * (shape[1] // groups)
        row = 0
        while row + kernel[0] <= x.shape[2]:
            column = 0
            while column + kernel[1] <= x.shape[3]:
                window = x[
                    image, first : first + shape[1] // groups, row : row + kernel[0], column : column + kernel[1]
                ]
                multiplications += window.size
                outputs += 1
                if chosen % (filters // groups) == 0:  # im2col holds a group's windows once, whatever its filters
                    added_back += int(window.sum())  # ones inside, zeros on padding
                column += stride[1]
            row += stride[0]
    return multiplications, added_back, outputs


def test_dense():
    # 5 rows of 3 features to 7 units: x 15, W 21, b 7, y 35 elements; 5 * 3 * 7 products. A bias sums 5 elements of dy.
    assert dense("forward", (5, 3), 7) == loop(172, 140, multiply_adds=105, other_flops=35)
    assert dense("gradient to input", (5, 3), 7) == loop(224, 60, multiply_adds=105)
    assert dense("gradient to weights", (5, 3), 7) == loop(200, 112, multiply_adds=105, other_flops=28)
    plain = dense("gradient", (5, 3), 7, bias=False, itemsize=8)
    assert (plain.other_flops, plain.bytes_written) == (0, 8 * (15 + 21))


def test_relu():
    assert relu("forward", (3, 5)) == loop(60, 60, comparisons=15)
    assert relu("gradient", (3, 5)) == loop(120, 60, comparisons=15)


def test_dropout():
    # The mask is 15 bytes.
    assert dropout("forward", (3, 5)) == loop(60, 75, random_words=15, comparisons=15, other_flops=15)
    assert dropout("gradient", (3, 5)) == loop(75, 60, other_flops=15)


# 6 planes of 4 x 5, windows of 3 at stride 2. Rows begin at 0 only, or with ceil at 0 and 2, where 2 are left;
# columns begin at 0 and 2.


def test_max_pool():
    # 12 outputs of 9 elements. With ceil 24 outputs, 3 + 2 rows by 3 + 3 columns: 30 elements and 4 windows a plane.
    assert pooled_shape((2, 3, 4, 5), 3, stride=2) == (2, 3, 1, 2)
    assert max_pool("forward", (2, 3, 4, 5), 3, stride=2) == loop(480, 12 * 8, comparisons=96)
    assert max_pool("gradient", (2, 3, 4, 5), 3, stride=2) == loop(96, 480, other_flops=12)
    assert pooled_shape((2, 3, 4, 5), 3, stride=2, ceil=True) == (2, 3, 2, 2)
    clipped = max_pool("forward", (2, 3, 4, 5), 3, stride=2, ceil=True)
    assert (clipped.comparisons, clipped.bytes_written) == (6 * 26, 24 * 8)


def test_average_pool():
    assert average_pool("forward", (2, 3, 4, 5), 3, stride=2) == loop(480, 48, other_flops=96, divisions=12)
    assert average_pool("gradient", (2, 3, 4, 5), 3, stride=2) == loop(48, 480, other_flops=108, divisions=12)
    clipped = average_pool("gradient", (2, 3, 4, 5), 3, stride=2, ceil=True)
    assert (clipped.other_flops, clipped.divisions) == (6 * 30, 24)


def test_pooling_without_a_stride_tiles_the_plane():
    assert pooled_shape((1, 2, 6, 9), (2, 3)) == (1, 2, 3, 3)
    # 9 windows of 6 elements in each of 2 planes.
    assert max_pool("forward", (1, 2, 6, 9), (2, 3)).comparisons == 2 * 9 * 5


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "padding", "windows", "comparisons"),
    [
        (6, 3, 2, 0, 3, 2 + 2 + 1),  # begin at 0, 2 and 4, where 2 elements are left
        (5, 3, 2, 0, 2, 2 + 2),  # fits: nothing is rounded
        (5, 1, 3, 0, 2, 0),  # begin at 0 and 3; 6 is beyond the border
        (4, 3, 2, 1, 3, 1 + 2 + 0),  # begin at -1, 1 and 3, where 1 element is left
        (2, 2, 2, 1, 2, 0),  # begin at -1 and 1: one element each
        (2, 3, 2, 0, 1, 1),  # a window longer than the plane, as in PyTorch and Caffe: 2 elements are left
        (1, 3, 3, 0, 1, 0),
        (2, 5, 2, 1, 1, 1),  # begins at -1
    ],
)
def test_ceil_adds_the_window_that_begins_inside(length, kernel, stride, padding, windows, comparisons):
    arguments = {"kernel": (1, kernel), "stride": (1, stride), "padding": (0, padding), "ceil": True}
    assert pooled_shape((1, 1, 1, length), **arguments) == (1, 1, 1, windows)
    assert max_pool("forward", (1, 1, 1, length), **arguments).comparisons == comparisons


def test_softmax():
    # 3 rows of 5: 4 comparisons, 5 differences, 5 exponentials, 4 additions, 5 divisions each. Back: 1 product and 4
    # multiply-adds for the sum, then 5 differences and 5 products.
    assert softmax("forward", (3, 5)) == loop(
        60, 60, comparisons=12, other_flops=15 + 12, exponentials=15, divisions=15
    )
    assert softmax("gradient", (3, 5)) == loop(120, 60, multiply_adds=12, other_flops=3 + 30)


def test_batch_norm():
    # 3 channels of 2 * 5 elements. Mean: 9 additions, a division. Variance: 10 differences, 1 product, 9 multiply-adds,
    # a division. 1 addition, a root, a division. Then 10 differences, 10 products, 10 multiply-adds.
    assert batch_norm("forward", (2, 3, 5)) == loop(
        4 * (30 + 6), 4 * (30 + 6), other_flops=3 * (9 + 11 + 1 + 20), multiply_adds=3 * 19, divisions=9, square_roots=3
    )
    # x^ twice, 40 flops; 9 additions; 1 product, 9 multiply-adds; 2 divisions; gamma / root; then 10 differences, 10
    # multiply-adds, 10 products. Reads dy, x, gamma, mean and 1 / root.
    assert batch_norm("gradient", (2, 3, 5)) == loop(
        4 * (60 + 9), 4 * (30 + 6), other_flops=3 * (40 + 9 + 1 + 1 + 20), multiply_adds=3 * 19, divisions=6
    )
    assert batch_norm("inference", (2, 3, 5)) == loop(144, 120, multiply_adds=30)


def test_layer_norm():
    # 2 rows of 5. Mean: 4 additions, a division. Variance: 5 differences, 1 product, 4 multiply-adds, a division. 1
    # addition, a root, a division. Then 5 differences, 5 products, 5 multiply-adds.
    assert layer_norm("forward", (2, 5)) == loop(
        4 * (10 + 10), 4 * (10 + 4), other_flops=2 * (4 + 6 + 1 + 10), multiply_adds=2 * 9, divisions=6, square_roots=2
    )
    # A row: x^ and g twice, 30 flops; 4 additions; 1 product, 4 multiply-adds; 2 divisions; then 5 differences, 5
    # multiply-adds, 5 products. Each of 5 features over 2 rows: 1 addition; 1 product, 1 multiply-add.
    assert layer_norm("gradient", (2, 5)) == loop(
        4 * (20 + 5 + 4), 4 * (10 + 10), other_flops=2 * (30 + 4 + 1 + 10) + 5 * 2, multiply_adds=2 * 9 + 5, divisions=4
    )


def test_embedding_lookup():
    # 7 rows of 5 elements: 140 bytes, and 7 indices of 8 bytes.
    assert embedding_lookup("forward", 7, 5) == loop(196, 140)
    assert embedding_lookup("gradient", 7, 5, index_itemsize=4) == Cost(
        other_flops=35, bytes_read=28 + 280, bytes_written=140, launches=1
    )


def test_concatenation():
    # 30 and 40 elements.
    shapes = ((2, 3, 5), (2, 4, 5))
    copied = loop(280, 280)
    assert concatenation("forward", shapes) == concatenation("gradient", shapes) == copied
    assert concatenated_shape(shapes) == (2, 7, 5)
    assert concatenated_shape(((2, 3), (4, 3)), axis=0) == (6, 3)


@pytest.mark.parametrize(
    ("name", "operations", "read", "written"),
    # of 10 parameters of 4 bytes: w and g are read and w is written, and so are v; h; m and v.
    [
        ("sgd", Cost(multiply_adds=10), 80, 40),
        ("momentum", Cost(multiply_adds=20), 120, 80),
        ("adagrad", Cost(multiply_adds=10, other_flops=30, square_roots=10, divisions=10), 120, 80),
        ("adam", Cost(multiply_adds=20, other_flops=60, square_roots=10, divisions=10), 160, 120),
    ],
)
def test_optimizer_step(name, operations, read, written):
    assert optimizer_step(name, 10) == operations + Cost(bytes_read=read, bytes_written=written, launches=1)


OPERATIONS = (
    "multiply_adds",
    "other_flops",
    "comparisons",
    "divisions",
    "square_roots",
    "exponentials",
    "random_words",
)


def operations(cost):
    return tuple(cost.counts()[name] for name in OPERATIONS)


@pytest.mark.parametrize(
    ("layer", "rest"),
    [
        (lambda shape: convolution("forward", shape, 2, 3, padding=1), (3, 4, 5)),
        (lambda shape: convolution("gradient to input", shape, 2, 3, padding=1, method="im2col"), (3, 4, 5)),
        (lambda shape: dense("forward", shape, 7), (3,)),
        (lambda shape: relu("gradient", shape), (3, 4, 5)),
        (lambda shape: max_pool("forward", shape, 2, stride=1, padding=1), (3, 4, 5)),
        (lambda shape: average_pool("gradient", shape, 2, stride=1, padding=1), (3, 4, 5)),
        (lambda shape: softmax("forward", shape), (3,)),
        (lambda shape: softmax("gradient", shape), (3,)),
        (lambda shape: layer_norm("forward", shape), (3,)),
        (lambda shape: dropout("forward", shape), (3,)),
        (lambda shape: batch_norm("inference", shape), (3, 4)),
    ],
)
def test_batches_add_up(layer, rest):
    whole, parts = layer((7, *rest)), layer((2, *rest)) + layer((5, *rest))
    assert operations(whole) == operations(parts)
    assert (whole.bytes_written, whole.bytes_allocated) == (parts.bytes_written, parts.bytes_allocated)


@pytest.mark.parametrize("direction", ["forward", "gradient"])
def test_nothing_takes_no_operations(direction):
    nothing = [
        convolution(direction, (0, 3, 4, 5), 7, 2),
        convolution(direction, (0, 3, 4, 5), 7, 2, method="im2col"),
        dense(direction, (0, 3), 7),
        *(pool(direction, (0, 3, 4, 5), 2) for pool in (max_pool, average_pool)),
        *(layer(direction, (0, 3)) for layer in (relu, dropout, softmax, batch_norm, layer_norm)),
        *(layer(direction, (3, 0)) for layer in (softmax, batch_norm, layer_norm)),
        batch_norm("inference", (0, 3)),
        embedding_lookup(direction, 0, 5),
        optimizer_step("adam", 0),
    ]
    assert [(*operations(cost), cost.flops) for cost in nothing] == [(0,) * 8] * len(nothing)


def test_padding_makes_room_for_a_kernel():
    # A kernel of 6 x 7 covers 4 x 5 pixels and their border of 1 once: all 20 pixels are added back.
    assert convolution_shape((2, 3, 4, 5), 7, (6, 7), padding=1) == (2, 7, 1, 1)
    back = convolution("gradient to input", (2, 3, 4, 5), 7, (6, 7), padding=1, method="im2col")
    assert (back.multiply_adds, back.other_flops) == (2 * 7 * 3 * 42, 6 * 20)


def test_whole_numbers_of_numpy_count_as_ints():
    shape = np.array([2, 3, 4, 5])
    lengths = tuple(shape)
    assert convolution("forward", lengths, np.int64(7), 2) == convolution("forward", (2, 3, 4, 5), 7, 2)
    assert max_pool("gradient", lengths, np.int32(2)) == max_pool("gradient", (2, 3, 4, 5), 2)
    assert batch_norm("forward", lengths) == batch_norm("forward", (2, 3, 4, 5))
    assert embedding_lookup("forward", shape[0], shape[1]) == embedding_lookup("forward", 2, 3)


IMAGES = (2, 6, 4, 5)


def convolved(*arguments, **options):
    return convolution("forward", IMAGES, *arguments, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: convolution("backward", IMAGES, 3, 2),
            ValueError,
            "direction='backward': must be one of 'forward', 'gra",
        ),
        (lambda: convolved(3, 2, method="fft"), ValueError, "method='fft': must be one of 'direct'"),
        (lambda: convolution("forward", (6, 4, 5), 3, 2), ValueError, r"shape=\(6, 4, 5\): must have 4 axes"),
        (lambda: convolution("forward", (2, -6, 4, 5), 3, 2), ValueError, r"shape\[1\]=-6: must be at least 0"),
        (lambda: convolved(0, 2), ValueError, "filters=0: must be at least 1"),
        (lambda: convolved(3, 2, groups=4), ValueError, "groups=4: must divide the 6 channels and"),
        (lambda: convolved(3, 2, groups=2), ValueError, "the 3 filters"),
        (lambda: convolved(3, 2, stride=0), ValueError, "stride=0: must be at least 1"),
        (lambda: convolved(3, 2, padding=(0, -1)), ValueError, r"padding\[1\]=-1: must be at least 0"),
        (lambda: convolved(3, 2.0), TypeError, r"kernel=2\.0: must be an int, not float"),
        (lambda: convolved(3, (1, 2, 3)), ValueError, r"kernel=\(1, 2, 3\): must be an int, or two"),
        (lambda: convolved(3, 5), ValueError, r"kernel=5: is too long for shape=.* with padding=0"),
        (lambda: convolved(3, 2, itemsize=3), ValueError, "itemsize=3: must be 2, 4 or 8"),
        (lambda: dense("forward", IMAGES, 3), ValueError, r"shape=\(2, 6, 4, 5\): must have 2 axes"),
        (lambda: dense("forward", (2, 3), True), TypeError, "units=True: must be an int, not bool"),
        (
            lambda: relu("gradient to input", (2,)),
            ValueError,
            "direction='gradient to input': must be one of 'forward'",
        ),
        (lambda: relu("forward", 5), TypeError, "shape=5: must be a tuple of ints"),
        (lambda: dropout("inference", (2,)), ValueError, "direction='inference': must be one of 'forward', 'gradient'"),
        (lambda: max_pool("forward", IMAGES, 7), ValueError, "kernel=7: is too long for shape="),
        (
            lambda: max_pool("forward", IMAGES, 6, stride=2, ceil=True),
            ValueError,
            "kernel=6: is too long for shape=.* and ceil=True; give a smaller one",
        ),
        (lambda: max_pool("forward", IMAGES, 2, padding=2), ValueError, "padding=2: must be less than kernel=2"),
        (lambda: average_pool("forward", IMAGES, 0), ValueError, "kernel=0: must be at least 1"),
        (lambda: average_pool("forward", IMAGES, 2, stride=1.5), TypeError, r"stride=1\.5: must be an int"),
        (lambda: softmax("forward", ()), ValueError, r"shape=\(\): must have at least 1 axis"),
        (lambda: batch_norm("training", IMAGES), ValueError, "direction='training': .* 'inference'"),
        (lambda: batch_norm("forward", (3,)), ValueError, r"shape=\(3,\): must have at least 2 axes"),
        (
            lambda: layer_norm("inference", (3,)),
            ValueError,
            "direction='inference': must be one of 'forward', 'gradient'",
        ),
        (lambda: embedding_lookup("forward", -1, 5), ValueError, "indices=-1: must be at least 0"),
        (lambda: embedding_lookup("forward", 1, 5, index_itemsize=2), ValueError, "index_itemsize=2: must be 4 or 8"),
        (lambda: concatenation("forward", ()), ValueError, r"shapes=\(\): give at least one shape"),
        (
            lambda: concatenation("forward", ((2, 3), (4, 3))),
            ValueError,
            "must have an axis 1 and agree in all the others",
        ),
        (lambda: concatenation("forward", ((2,), (2,))), ValueError, "must have an axis 1"),
        (
            lambda: optimizer_step("adamw", 10),
            ValueError,
            "name='adamw': must be one of 'sgd', 'momentum', 'adagrad', 'a",
        ),
        (lambda: optimizer_step("sgd", 1e6), TypeError, r"parameters=1000000\.0: must be an int"),
    ],
)
def test_what_is_wrong_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
