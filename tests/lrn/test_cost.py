"""The counts of local response normalization against counts drawn by hand, and against loops that count themselves."""

import numpy as np
import pytest

from workbench import local_response_norm, local_response_norm_gradient
from workbench.cost import Cost
from workbench.lrn.cost import cost, work

from .counted import accesses


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
    assert cost("forward", shape) == cost("gradient", shape) == cost("forward", shape, engine="reference") == Cost()


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 3, 0, 5), (2, 3, 5, 0)])
@pytest.mark.parametrize("options", [{}, {"order": "NHWC"}, {"region": "within"}], ids=str)
def test_the_work_on_an_empty_array_is_one_run_without_jobs(shape, options):
    if len(shape) == 4 or "region" not in options:
        for name in ("LRN", "LRNGradient"):
            found = work(name, (np.empty(shape, np.float32),), options)
            assert (found.elements, found.jobs, found.cost) == (0, 0, Cost(launches=1, runs=1))


def test_direct_sums_within_a_channel():
    # A plane of 2 x 3 pixels, size 3: both rows see 2 rows; columns see 2, 3 and 2. 2 * 2 * 7 = 28 squares, 6 of which
    # begin a sum. The same again, as additions, for the gradient's terms.
    forward = cost("forward", (1, 1, 2, 3), size=3, beta=1.0, region="within", form="direct")
    assert forward == Cost(multiply_adds=22 + 6, other_flops=6, divisions=6, bytes_read=24, bytes_written=24)
    gradient = cost("gradient", (1, 1, 2, 3), size=3, beta=1.0, region="within", form="direct")
    assert gradient == Cost(
        multiply_adds=22 + 6 + 6,
        other_flops=6 + 22 + 2 * 6 + 3 * 6 + 6,
        divisions=6,
        bytes_read=48,
        bytes_written=24,
    )


def test_running_sums_across_channels():
    # A column of 4 channels, size 3: s0 + s1; + s2; + s3 - s0; - s1. 3 additions and 2 subtractions, 4 squares. 10
    # columns of 40 elements; 40 times bias + alpha/n * sum.
    forward = cost("forward", (2, 4, 5), size=3, beta=1.0, form="running")
    assert forward == Cost(multiply_adds=40, other_flops=10 * 5 + 40, divisions=40, bytes_read=160, bytes_written=160)
    gradient = cost("gradient", (2, 4, 5), size=3, beta=1.0, form="running")
    assert gradient == Cost(
        multiply_adds=40 + 40,
        other_flops=10 * 5 + 40 + 10 * 5 + 2 * 40 + 3 * 40 + 40,
        divisions=40,
        bytes_read=320,
        bytes_written=160,
    )


def test_running_sums_within_a_channel():
    # A plane of 3 x 5 pixels, size 3. Down each of 5 columns: 2 additions, and one row leaves. Along each of 3 rows: 4
    # additions, and three pixels leave. 5 * 3 + 3 * 7 = 36; 15 squares.
    forward = cost("forward", (1, 1, 3, 5), size=3, beta=1.0, region="within", form="running")
    assert forward == Cost(multiply_adds=15, other_flops=15 + 36, divisions=15, bytes_read=60, bytes_written=60)
    gradient = cost("gradient", (1, 1, 3, 5), size=3, beta=1.0, region="within", form="running")
    assert gradient.multiply_adds == 15 + 15
    assert gradient.other_flops == (15 + 36) + 36 + 2 * 15 + 3 * 15 + 15


@pytest.mark.parametrize(
    ("size", "left"),  # of a column of 7 channels the first 5, 4, 1 or none leave the window
    [(3, 5), (5, 4), (11, 1), (13, 0), (99, 0)],
)
def test_a_running_sum_subtracts_what_leaves_the_window(size, left):
    assert cost("forward", (1, 7), size=size, beta=1.0, form="running").other_flops == 7 + 6 + left


def test_of_a_window_of_one_the_forms_differ_by_running_alone():
    # Nothing is added to a square; a running sum replaces it all the same: 2 x (2 additions and 2 subtractions).
    direct, running = (cost("forward", (2, 3), size=1, beta=1.0, form=form) for form in ("direct", "running"))
    assert running.other_flops - direct.other_flops == 2 * (2 + 2)


def test_without_a_form_sums_are_those_of_the_loops():
    assert cost("forward", (2, 9)) == cost("forward", (2, 9), form="direct")
    within = dict(shape=(2, 3, 9, 8), region="within")
    assert cost("gradient", **within) == cost("gradient", **within, form="separable")
    assert cost("gradient", **within) != cost("gradient", **within, form="direct")


# Rows about as long as the loops' blocks. Pixels are normalized one or two a job, as if there were many tiles.
SHAPES = {
    "channels first": [((2, 24, 5), {}), ((1, 12, 7), {})],
    "channels last": [((12, 24), {"jobs": (0, 12), "_0": 1}), ((2, 3, 5, 32), {"jobs": (0, 15), "_0": 2})],
    "within": [((1, 1, 32, 90), {}), ((1, 25, 40, 6), {"order": "NHWC"}), ((1, 1, 12, 256), {})],
}
KINDS = {"channels last": {"order": "NHWC"}, "within": {"region": "within"}}


@pytest.mark.parametrize("direction", ["forward", "gradient"])
@pytest.mark.parametrize("size", [1, 3, 5, 7, 11])
@pytest.mark.parametrize("kind", SHAPES)
def test_the_loops_load_and_store_about_as_often_as_is_estimated(kind, size, direction, monkeypatch):
    for shape, options in SHAPES[kind]:
        options = {**KINDS.get(kind, {}), **options}
        counted, arrays = accesses(monkeypatch, direction, shape, size, **options)
        meant = {name: options[name] for name in ("order", "region") if name in options}
        count = cost(direction, shape, size, engine="numba", **meant)
        assert (count.bytes_cached + count.bytes) / 4 == pytest.approx(counted, rel=0.15), shape
        function = local_response_norm if direction == "forward" else local_response_norm_gradient
        right = function(*arrays[:-1], size=size, alpha=0.7, beta=0.75, bias=1.3, engine="reference", **meant)
        np.testing.assert_allclose(arrays[-1], right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "options", "forward", "gradient"),
    [
        # A window of three: three loads, a store, and again for dx. Of a column of four 2, 3, 3 and 2 terms are there;
        # the second of two is added in a pass of its own, which makes five accesses. The gradient
        # moves two of four rows of two arrays.
        ((1, 4, 6), {}, 4.5 + 3, 4.5 + 4 + 9 + 2),
        # Laid out and taken up: two accesses each of squares and sums; of terms and their sums too.
        ((1, 4), {}, 4 + 4 + 3, 2 * (4 + 4) + 9),
        # Three terms down and three along; short rows are laid out and taken up, twice, with a zero behind each row:
        # 7 places for 6 elements. Long rows are not.
        ((1, 1, 4, 6), {"region": "within"}, 7 / 6 * (4 + 4 + 4) + 3, 2 * 7 / 6 * (4 + 4 + 4) + 9),
        # The gradient sums terms over a ring of rows that is always full.
        ((1, 1, 4, 192), {"region": "within"}, 4.5 + 4 + 3, 4.5 + 4 + 2 * 4 + 9),
    ],
)
def test_loads_and_stores_by_hand(shape, options, forward, gradient):
    for direction, each in (("forward", forward), ("gradient", gradient)):
        count = cost(direction, shape, 3, engine="numba", **options)
        assert (count.bytes_cached + count.bytes) / 4 == pytest.approx(each * np.prod(shape))


@pytest.mark.parametrize(("size", "across", "last"), [(5, 4 + 34 / 30 + 3, 8 + 3), (11, 243 / 30 + 3, 12 + 4 + 3)])
def test_many_terms_are_added_in_groups_of_rows_and_in_two_steps(size, across, last):
    # Five across: two rows at each end of a column are computed from a copy of their windows, in which five elements
    # are written, and three or four are read: 2 * (5 + 3 + 5 + 4) = 34.
    # Eleven terms along: three loads and a store, three and a store again; two more terms in a pass of four accesses.
    # Across: four windows share eight rows, of which five are added at once, then two, then one: 6 + 4 + 3 = 13. Each
    # window adds three rows to these, 5 accesses: 33 a group. Of 30 channels the first group shares six rows (6 + 3);
    # its windows have none, one, two and three rows more: 2, 5, 6 and 5 accesses: 27. In the second group the first
    # window lacks a row: 6 in place of 5: 34. The last shares eight; its windows have three, two, one and none:
    # 13 + 5 + 6 + 5 + 2 = 31. Two channels are left over, with seven and six terms: 6 + 4 and 6 + 3.
    # 27 + 34 + 4 * 33 + 31 + 19 = 243.
    for shape, order, each in (((1, 30, 7), "NCHW", across), ((7, 30), "NHWC", last)):
        count = cost("forward", shape, size, order=order, engine="numba")
        assert (count.bytes_cached + count.bytes) / 4 == each * np.prod(shape)


def test_what_numba_adds_to_the_compulsory():
    # 2 x 3 float32, size 1: laid out, summed, finished and taken up, 9 accesses an element of which 2 are x and y.
    forward = cost("forward", (2, 3), size=1, engine="numba")
    assert forward == cost("forward", (2, 3), size=1) + Cost(
        comparisons=2 * 6, bytes_cached=4 * 7 * 6, bytes_allocated=24, launches=1, runs=1
    )
    gradient = cost("gradient", (2, 3), size=1, engine="numba")
    assert gradient == cost("gradient", (2, 3), size=1) + Cost(
        comparisons=5 * 6, bytes_cached=4 * (21 - 3) * 6, bytes_allocated=24, launches=1, runs=1
    )


def test_numba_in_other_widths():
    # As above, in 8 bytes; of 2, all in 4, and x and y are converted: each written and read once more.
    assert cost("forward", (2, 3), size=1, itemsize=8, engine="numba").bytes_cached == 8 * 7 * 6
    assert cost("forward", (2, 3), size=1, itemsize=2, engine="numba").bytes_cached == 4 * 7 * 6 + 2 * 2 * 4 * 6
    assert cost("gradient", (2, 3), size=1, itemsize=2, engine="numba").bytes_cached == 4 * 18 * 6 + 3 * 2 * 4 * 6
    # Across five channels, nothing is converted beforehand: no block is allocated.
    across = cost("forward", (2, 7, 3), size=5, itemsize=2, engine="numba")
    assert across.bytes_allocated == 2 * 42
    assert across.bytes_cached == cost("forward", (2, 7, 3), size=5, engine="numba").bytes_cached


def test_reference_forward():
    # Three float32 in a row, size 3. For each, in bytes read and written:
    #     x in float64             4   8
    #     squared                  8   8
    #     padded                   8       into 5 * 8 at once
    #     windows of three summed 24   8
    #     * alpha/n, + bias        8   8   twice
    #     >=, <=, &, all           8   1   twice; 2 1; 1 0
    #     x in float64             4   8
    #     power, product           8   8;  16 8
    #     rounded                  8   4
    # which is 115 and 71; in two passes of 3 the windows add up two terms; a square, two for the scale, one product.
    assert cost("forward", (1, 3), size=3, engine="reference") == Cost(
        other_flops=3 * (1 + 2 + 2 + 1),
        comparisons=3 * 2,
        powers=3,
        bytes_read=3 * 115,
        bytes_written=3 * 71 + 40,
        bytes_allocated=3 * 71 + 40,
        launches=14,
    )


def test_reference_gradient():
    # Three float32 in a row, size 3. For each, in bytes read and written:
    #     the scale, as above               60  40   and 40
    #     x in float64, power, product       4   8;   8 8;  16 8
    #     dy * that                         12   8
    #     >=, <=, &, all                     8   1   twice; 2 1; 1 0
    #     abs, <=, all                       8   8;   8 1;   1 0
    #     padded, windows summed            32   8   and 40
    #     power, dy * that, x * sum          8   8;  12 8;  12 8
    #     * 2 alpha beta, -, rounded         8   8;  16 8;   8 4
    # which is 232 and 136. 5 operations for the scale, 2 for the term, 2 for its sum and 4 at the end.
    assert cost("gradient", (1, 3), size=3, engine="reference") == Cost(
        other_flops=3 * (5 + 2 + 2 + 4),
        comparisons=3 * 3,
        powers=3 * 2,
        bytes_read=3 * 232,
        bytes_written=3 * 136 + 80,
        bytes_allocated=3 * 136 + 80,
        launches=25,
    )


def test_reference_within_pads_and_sums_twice():
    # 2 x 3 float32, size 3 clipped to 1 before and after in either direction. Down: 4 rows of 3. Along: 2 rows of 5.
    # Beside these sums, the forward pass reads 115 - 32 and writes 71 - 8 an element.
    count = cost("forward", (1, 1, 2, 3), size=3, region="within", engine="reference")
    assert count.bytes_read == 6 * (83 + 2 * 32)
    assert count.bytes_written == count.bytes_allocated == 6 * (63 + 2 * 8) + 8 * (12 + 10)
    assert count.other_flops == 6 * (1 + 2 + 2 + 2 + 1)
    assert count.launches == 16


def test_the_reference_sums_no_more_zeros_than_an_axis_needs():
    # Three in a row: a window of 99 is padded to 2 before and 2 after, and adds up five terms.
    wide, five = (cost("forward", (1, 3), size=size, engine="reference") for size in (99, 5))
    assert wide == five
    assert five.other_flops == 3 * (1 + 4 + 2 + 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"direction": "backward"}, "direction='backward': must be one of 'forward', 'gradient'"),
        ({"region": "around"}, "region='around': must be one of 'across', 'within'"),
        ({"order": "CHWN"}, "order='CHWN': must be one of"),
        ({"order": "NCW"}, r"shape has 4 axes \(2, 3, 4, 5\): order='NCW' takes 3"),
        ({"size": 4}, "size=4: must be an odd whole number"),
        ({"beta": -1.0}, r"beta=-1.0: must be a number of at least 0.0"),
        ({"itemsize": 3}, "itemsize=3: must be 2, 4 or 8"),
        ({"shape": (2, 3, 4), "region": "within"}, "takes 4: batch, channels, height and width"),
        ({"shape": (2,)}, "at least 2, a batch"),
        ({"form": "separable"}, "form='separable': must be one of 'direct', 'running'"),
        ({"form": "fast", "region": "within"}, "form='fast': must be one of 'direct', 'separable', 'running'"),
        ({"engine": "cuda"}, "engine='cuda': must be one of 'numba', 'reference'"),
        (
            {"engine": "numba", "form": "direct"},
            "form='direct': engine='numba' has a form of its own; give only one of the two",
        ),
        ({"engine": "reference", "form": "running"}, "form='running': engine='reference' has a form of its own"),
        ({"shape": (2, -3)}, r"shape\[1\]=-3: must be at least 0"),
    ],
)
def test_unknown_things_raise(wrong, message):
    with pytest.raises(ValueError, match=message):
        cost(**{"direction": "forward", "shape": (2, 3, 4, 5), **wrong})
