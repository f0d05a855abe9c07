"""The counts of local response normalization against counts drawn by hand."""

import pytest

from workbench.cost import Cost
from workbench.lrn.cost import cost


def test_forward_across_three_channels():
    # 2 x 5 columns of 3 channels, windows of 2, 3 and 2: 70 squares for 30 elements. 30 begin a sum, 40 are added
    # to one; 30 times bias + alpha/n * sum. Each element: two roots, their product, a division.
    assert cost("forward", (2, 3, 5), size=3) == Cost(
        multiply_adds=40 + 30,
        other_flops=30 + 30,
        square_roots=60,
        divisions=30,
        bytes_read=120,
        bytes_written=120,
    )


def test_gradient_across_three_channels():
    # The scale as above (70 multiply-adds, 30 multiplications); root * root', s * that, q * s; dy * (x * q), dy * p;
    # 40 additions for the sums; slope * x, and one multiply-add to finish.
    assert cost("gradient", (2, 3, 5), size=3) == Cost(
        multiply_adds=70 + 30,
        other_flops=30 + 3 * 30 + 3 * 30 + 40 + 30,
        square_roots=60,
        divisions=30,
        bytes_read=240,
        bytes_written=120,
    )


def test_flops_of_one_interior_column():
    # One column of 5 channels, size 5: windows 3 4 5 4 3 = 19 squares: 19 products and 14 sums; 5 times 2 for the
    # scale; 5 times 2 roots, 1 product, 1 division.
    assert cost("forward", (1, 5), size=5).flops == 19 + 14 + 10 + 20


@pytest.mark.parametrize(
    ("size", "squares_added"),
    [(1, 0), (3, 6), (5, 10), (7, 12), (99, 12)],  # windows 1111, 2332, 3443, 4444, and the same again
)
def test_windows_are_clipped_at_the_borders(size, squares_added):
    assert cost("forward", (1, 4), size=size).multiply_adds == squares_added + 4


@pytest.mark.parametrize(
    ("beta", "forward", "gradient"),
    # (square roots, divisions, powers) an element
    [
        (0.5, (1, 1, 0), (1, 1, 0)),
        (0.75, (2, 1, 0), (2, 1, 0)),
        (1.0, (0, 1, 0), (0, 1, 0)),
        (0.6, (0, 0, 1), (0, 1, 1)),
    ],
)
def test_roots_divisions_and_powers_by_beta(beta, forward, gradient):
    for direction, expected in (("forward", forward), ("gradient", gradient)):
        count = cost(direction, (2, 3, 5), beta=beta)
        assert (count.square_roots, count.divisions, count.powers) == tuple(30 * n for n in expected)


@pytest.mark.parametrize(
    ("beta", "forward", "gradient"),
    # x / sqrt(s); x / s; x * s^-beta. s * root, q * s; s * s, q * s; none, since p / s is a division.
    [(0.5, 0, 2), (1.0, 0, 2), (0.6, 1, 0)],
)
def test_multiplications_by_beta(beta, forward, gradient):
    # size 1: a square, the scale, and what beta takes; the gradient's terms take 3 and its end 1.
    assert cost("forward", (2, 3), size=1, beta=beta).other_flops == 6 * (1 + forward)
    assert cost("gradient", (2, 3), size=1, beta=beta).other_flops == 6 * (1 + gradient + 3 + 1)


def test_channels_last_counts_the_last_axis():
    # 3 x 5 pixels of 2 channels, size 3: windows of 2 and 2, so 30 additions. Axis 1 would be windows 2 3 2: 40.
    assert cost("forward", (3, 5, 2), size=3, order="NHWC").multiply_adds == 30 + 30
    assert cost("forward", (3, 5, 2), size=3, order="NCHW").multiply_adds == 3 * 2 * 8 + 30


def test_forward_within_a_channel():
    # 2 x 3 planes of 4 x 5 pixels, size 3. Down a column of 4: windows 2 3 3 2, 6 squares added to others, 5 columns
    # a plane. Along a row of 5: windows 2 3 3 3 2, 8 sums added, 4 rows a plane. 120 elements.
    assert cost("forward", (2, 3, 4, 5), size=3, region="within", beta=1.0) == Cost(
        multiply_adds=6 * 5 * 6 + 120,
        other_flops=120 + 6 * 4 * 8,
        divisions=120,
        bytes_read=480,
        bytes_written=480,
    )


def test_gradient_within_a_channel_with_channels_last():
    # The same planes as above, channels innermost. The sums of the terms take 6*5*6 + 6*4*8 additions more.
    assert cost("gradient", (2, 4, 5, 3), size=3, region="within", beta=1.0, order="NHWC") == Cost(
        multiply_adds=180 + 120 + 120,
        other_flops=(120 + 192) + (180 + 192) + 2 * 120 + 3 * 120 + 120,
        divisions=120,
        bytes_read=960,
        bytes_written=480,
    )


@pytest.mark.parametrize(("itemsize", "read"), [(2, 60), (4, 120), (8, 240)])
def test_bytes_are_the_compulsory_ones(itemsize, read):
    count = cost("gradient", (3, 5), itemsize=itemsize)
    assert (count.bytes_read, count.bytes_written) == (read, read // 2)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 3, 0, 5), (0, 0, 0)])
def test_empty_arrays_cost_nothing(shape):
    assert cost("forward", shape) == cost("gradient", shape) == Cost()


def test_a_published_size():
    # AlexNet's first layer: 96 channels of 55 x 55. Windows 3 4 5...5 4 3 = 474 squares a column of 3025.
    assert cost("forward", (1, 96, 55, 55)).multiply_adds == 3025 * (474 - 96) + 290400


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"direction": "backward"}, "direction='backward': must be one of 'forward', 'gradient'"),
        ({"region": "around"}, "region='around': must be one of 'across', 'within'"),
        ({"order": "CHWN"}, "order='CHWN': must be one of"),
        ({"order": "NCW"}, r"shape=\(2, 3, 4, 5\): order='NCW' takes 3 axes"),
        ({"size": 4}, "size=4: must be an odd whole number"),
        ({"beta": -1.0}, r"beta=-1.0: must be a number of at least 0.0"),
        ({"itemsize": 3}, "itemsize=3: must be 2, 4 or 8"),
        ({"shape": (2, 3, 4), "region": "within"}, "takes 4 axes"),
        ({"shape": (2,)}, "at least 2 axes"),
        ({"shape": (2, -3)}, "at least 0"),
    ],
)
def test_unknown_things_raise(wrong, message):
    with pytest.raises(ValueError, match=message):
        cost(**{"direction": "forward", "shape": (2, 3, 4, 5), **wrong})
