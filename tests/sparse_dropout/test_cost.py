"""Counts of operations and bytes against counts by hand."""

import pytest

from workbench.cost import Cost
from workbench.sparse_dropout.cost import cost, items_cost, segments_cost, stored_cost


def test_forward():
    # 6 float32: 6 words drawn, compared and chosen by; 24 bytes of x and 4 of the replacement read, 24 of y and 6 of
    # dropped written.
    assert cost("forward", (2, 3)) == Cost(random_words=6, comparisons=12, bytes_read=28, bytes_written=30)


def test_forward_with_a_row_of_replacements_in_float64():
    # 2 x 3 float64: 48 bytes of x and 24 of the row read; 48 of y and 6 of dropped written.
    assert cost("forward", (2, 3), replacement_shape=(3,), itemsize=8) == Cost(
        random_words=6, comparisons=12, bytes_read=72, bytes_written=54
    )


def test_scaled():
    # (x - new * ratio) * scale: a multiply-add and a multiplication for each of 6.
    assert cost("forward", (2, 3), scaled=True) == cost("forward", (2, 3)) + Cost(other_flops=6, multiply_adds=6)


def test_gradient():
    # 6 float32: dy * scale and one addition each, 3 choices; dy (24) and dropped (6) read, dx (24) and one sum (4)
    # written.
    assert cost("gradient", (2, 3)) == Cost(other_flops=12, comparisons=18, bytes_read=30, bytes_written=28)


def test_gradient_of_a_row():
    assert cost("gradient", (2, 3), replacement_shape=(3,)) == Cost(
        other_flops=12, comparisons=18, bytes_read=30, bytes_written=36
    )


def test_stored_entries():
    # 5 float32 entries in 2 rows: 4 words each, a comparison and four choices. Read 20 of data, 20 of indices, 12 of
    # the 3 bounds; written these 52 and 5 of dropped.
    assert stored_cost(5, 2) == Cost(random_words=20, comparisons=25, bytes_read=52, bytes_written=57)
    assert stored_cost(5, 2, scaled=True).flops == 15


def test_segments():
    # 4 int32 lengths, each drawn for, compared and chosen; one segment dropped, 7 int64 values kept: 16 + 56 read,
    # 16 + 56 + 8 written.
    assert segments_cost(4, 1, 7) == Cost(random_words=4, comparisons=8, bytes_read=72, bytes_written=80)


def test_items():
    # 7 int64 values in 4 segments of int32 length: 56 + 16 each way.
    assert items_cost(7, 4) == Cost(random_words=7, comparisons=14, bytes_read=72, bytes_written=72)


@pytest.mark.parametrize(("elements", "marks"), [(0, 0), (1, 256), (256, 256), (257, 512)])
def test_marks_fill_whole_tiles(elements, marks):
    count = cost("forward", (elements,), itemsize=8, engine="numba")
    assert count.bytes_allocated == 8 * elements + marks


def test_numba_forward():
    # Beside the compulsory: marks and the replacement read again, 1 + 4 bytes an element; y and one tile of marks new.
    forward = cost("forward", (2, 3), engine="numba")
    assert forward == cost("forward", (2, 3)) + Cost(bytes_cached=30, bytes_allocated=24 + 256, launches=1, runs=1)
    assert cost("forward", (2, 3), scaled=True, engine="numba") == forward + Cost(other_flops=6, multiply_adds=6)


def test_numba_gradient():
    # dy and the marks read again, for the sums; dx and the sums new: one, or a row of three.
    gradient = cost("gradient", (2, 3), engine="numba")
    assert gradient == cost("gradient", (2, 3)) + Cost(bytes_cached=30, bytes_allocated=24 + 4, launches=1, runs=1)
    assert cost("gradient", (2, 3), replacement_shape=(3,), engine="numba").bytes_allocated == 24 + 12


def test_numba_widens_half_precision_where_it_computes():
    # 6 float16: x read and written as 4 bytes, the result read as 4 and written as 2. Unscaled, bits are chosen as they
    # are.
    plain, scaled = (cost("forward", (2, 3), itemsize=2, scaled=scaled, engine="numba") for scaled in (False, True))
    assert (plain.bytes_read, plain.bytes_written, plain.bytes_allocated) == (12 + 2, 12 + 6, 12 + 256)
    assert (scaled.bytes_read, scaled.bytes_written) == (14 + 6 * 6, 18 + 6 * 6)
    assert scaled.bytes_allocated == 12 + 256 + 6 * 8
    gradient = cost("gradient", (2, 3), itemsize=2, engine="numba")
    assert (gradient.bytes_read, gradient.bytes_written) == (12 + 6 + 36, 12 + 2 + 36)
    assert gradient.bytes_allocated == 12 + 2 + 48


def test_numba_stored():
    # 5 entries in 2 rows. Each place is compared with two bounds, and with the one before (4 * 4 + 1 bytes read, 1
    # written), and copied for `dropped`; 4 numbers of 8 bytes and two marks stay near. New are y, dropped, two copies
    # of the places, and a mark. Lines: bounds (12 bytes) compared with each other, and copied again; wrong guesses
    # where a line ends.
    stored = stored_cost(5, 2, engine="numba")
    assert stored == stored_cost(5, 2) + Cost(
        comparisons=15,
        mispredictions=4,
        bytes_read=5 * (17 + 4) + 3 * 12,
        bytes_written=5 * (1 + 4) + 12,
        bytes_cached=5 * 34,
        bytes_allocated=5 * (4 + 8 + 2) + 2 * 12,
        launches=1,
        runs=1,
    )


def test_numba_segments():
    # 4 lengths: checked against two bounds each, copied, read once more with their marks; a tile of marks written, and
    # read at once. New: lengths twice, marks, 7 + 1 values.
    segments = segments_cost(4, 1, 7, engine="numba")
    assert segments == segments_cost(4, 1, 7) + Cost(
        comparisons=8,
        mispredictions=1 + 2,
        bytes_read=16 + 16 + 4,
        bytes_written=16 + 256,
        bytes_cached=4,
        bytes_allocated=2 * 16 + 256 + 56 + 8,
        launches=2,
        runs=1,
    )


@pytest.mark.parametrize(
    ("dropped", "wrong"),
    # The rarer kind is a surprise; so are the end of each stretch that is kept, and how many are left of a vector.
    [(0, 0), (1, 1 + 2), (4, 4 + 8), (5, 5 + 10), (8, 2 + 16), (10, 0 + 20)],
)
def test_wrong_guesses_of_ten_segments(dropped, wrong):
    assert segments_cost(10, dropped, 7, engine="numba").mispredictions == wrong


def test_numba_items():
    # 4 int32 lengths: compared with 0 and with the size and added up, which reads them; copied. 7 int64 values: marks
    # and replacement read again (9 bytes); marks written.
    items = items_cost(7, 4, engine="numba")
    assert items == items_cost(7, 4) + Cost(
        comparisons=8,
        bytes_read=16,
        bytes_written=7,
        bytes_cached=63,
        bytes_allocated=16 + 56 + 256,
        launches=2,
        runs=1,
    )
    wide = items_cost(7, 4, lengths_itemsize=8, engine="numba")
    assert wide.bytes_read - items.bytes_read == 4 * 2 * 4  # checked and copied


def test_reference_forward():
    # 6 elements take 2 blocks of words. Of a block, in bytes read and written:
    #     counter made, halved twice, zero     16   32
    #     in each of ten rounds two products, two halves, two shifts, and twice a XOR of two and one of one
    #                                         960  800
    #     four words narrowed, put in order    48   32
    #     as numbers, compared               4 * (4 + 8)   4 * (8 + 1)
    # and of an element x and its mark read, y written.
    assert cost("forward", (2, 3), engine="reference") == Cost(
        random_words=6,
        comparisons=12,
        bytes_read=2 * (16 + 960 + 48 + 48) + 6 * 5,
        bytes_written=2 * (32 + 800 + 32 + 36) + 6 * 4,
        bytes_allocated=2 * (32 + 800 + 32 + 36) + 6 * 4,
        launches=4 + 100 + 5 + 3,
    )


def test_reference_scaled():
    # x copied, what is taken off it, times the scale, rounded: 4 bytes in and out of each.
    bare, scaled = (cost("forward", (2, 3), scaled=scaled, engine="reference") for scaled in (False, True))
    assert scaled == bare + Cost(
        multiply_adds=6, other_flops=6, bytes_read=96, bytes_written=96, bytes_allocated=96, launches=4
    )


def test_reference_gradient():
    # dy copied, scaled, rounded (4, 4 each); chosen (5, 4); in float64 (4, 8); chosen (9, 8); added up (8).
    plain = cost("gradient", (2, 3), engine="reference")
    assert plain == Cost(
        other_flops=12,
        comparisons=12,
        bytes_read=6 * 38,
        bytes_written=6 * 32 + 4,
        bytes_allocated=6 * 32,
        launches=8,
    )
    # What is kept gives a share as well: dy in float64 (4, 8) times a number (8, 8), chosen from (8).
    assert cost("gradient", (2, 3), scaled=True, engine="reference") == plain + Cost(
        other_flops=6, bytes_read=6 * 20, bytes_written=6 * 16, bytes_allocated=6 * 16, launches=2
    )


def test_nothing_costs_nothing_but_its_replacement():
    assert cost("forward", (0, 3)) == Cost(bytes_read=4)
    assert segments_cost(0, 0, 0) == Cost()
    assert cost("forward", (0, 3), engine="reference") == cost("gradient", (0, 3), engine="reference") == Cost()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cost("sideways", (2, 3)), "direction='sideways': must be one of 'forward', 'gradient'"),
        (lambda: cost("forward", (2, -3)), r"shape\[1\]=-3: must be at least 0"),
        (lambda: cost("forward", (2, 3.0)), r"shape\[1\]=3.0: must be an int, not float"),
        (lambda: cost("forward", (2, 3), itemsize=3), "itemsize=3: must be 1, 2, 4 or 8"),
        (lambda: segments_cost(1, 2, 0), "dropped_segments=2: must be at most 1"),
        (lambda: items_cost(-1, 0), "values=-1: must be at least 0"),
        (lambda: stored_cost(1, True), "lines=True: must be an int, not bool"),
        (lambda: stored_cost(-1, 2), "entries=-1: must be at least 0"),
        (lambda: stored_cost(1, 2, index_itemsize=3), "index_itemsize=3: must be 1, 2, 4 or 8"),
        (lambda: cost("forward", (2, 3), replacement_shape=(-1,)), r"replacement_shape\[0\]=-1: must be at least 0"),
        (lambda: segments_cost(1, 0, 7.0), "kept_values=7.0: must be an int, not float"),
        (lambda: items_cost(1, 1, lengths_itemsize=5), "lengths_itemsize=5: must be 1, 2, 4 or 8"),
        (lambda: cost("forward", (2, 3), engine="cuda"), "engine='cuda': must be one of 'numba', 'reference'"),
        (lambda: stored_cost(1, 2, engine="reference"), "engine='reference': must be one of 'numba'"),
        (lambda: segments_cost(1, 0, 2, engine="reference"), "engine='reference': must be one of 'numba'"),
        (lambda: items_cost(1, 2, engine="reference"), "engine='reference': must be one of 'numba'"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
