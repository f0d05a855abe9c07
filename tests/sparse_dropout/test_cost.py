"""Counts of operations and bytes against counts by hand."""

import pytest

from workbench.cost import Cost
from workbench.sparse_dropout.cost import cost, items_cost, segments_cost, stored_cost


def test_forward():
    # 6 float32: 6 words drawn, 24 bytes of x and 4 of the replacement read, 24 of y and 6 of dropped written.
    assert cost("forward", (2, 3)) == Cost(random_words=6, bytes_read=28, bytes_written=30)


def test_forward_with_a_row_of_replacements_in_float64():
    # 2 x 3 float64: 48 bytes of x and 24 of the row read; 48 of y and 6 of dropped written.
    assert cost("forward", (2, 3), replacement_shape=(3,), itemsize=8) == Cost(
        random_words=6, bytes_read=72, bytes_written=54
    )


def test_scaled():
    # (x - new * ratio) * scale: a multiply-add and a multiplication for each of 6.
    assert cost("forward", (2, 3), scaled=True) == cost("forward", (2, 3)) + Cost(other_flops=6, multiply_adds=6)


def test_gradient():
    # 6 float32: dy * scale and one addition each; dy (24) and dropped (6) read, dx (24) and one sum (4) written.
    assert cost("gradient", (2, 3)) == Cost(other_flops=12, bytes_read=30, bytes_written=28)


def test_gradient_of_a_row():
    assert cost("gradient", (2, 3), replacement_shape=(3,)) == Cost(other_flops=12, bytes_read=30, bytes_written=36)


def test_stored_entries():
    # 5 float32 entries in 2 rows: 4 words each. Read 20 of data, 20 of indices, 12 of the 3 bounds; written these 52
    # and 5 of dropped.
    assert stored_cost(5, 2) == Cost(random_words=20, bytes_read=52, bytes_written=57)
    assert stored_cost(5, 2, scaled=True).flops == 15


def test_segments():
    # 4 int32 lengths, one segment dropped, 7 int64 values kept: 16 + 56 read, 16 + 56 + 8 written.
    assert segments_cost(4, 1, 7) == Cost(random_words=4, bytes_read=72, bytes_written=80)


def test_items():
    # 7 int64 values in 4 segments of int32 length: 56 + 16 each way.
    assert items_cost(7, 4) == Cost(random_words=7, bytes_read=72, bytes_written=72)


def test_costs_of_parts_add_up():
    assert segments_cost(4, 1, 7) + segments_cost(5, 2, 3) == segments_cost(9, 3, 10)
    assert items_cost(7, 4) + items_cost(2, 1) == items_cost(9, 5)
    assert cost("forward", (2, 3)) + cost("forward", (5, 3)) == cost("forward", (7, 3)) + Cost(bytes_read=4)


def test_nothing_costs_nothing_but_its_replacement():
    assert cost("forward", (0, 3)) == Cost(bytes_read=4)
    assert segments_cost(0, 0, 0) == Cost()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cost("sideways", (2, 3)), "direction='sideways': must be one of 'forward', 'gradient'"),
        (lambda: cost("forward", (2, -3)), "shape=-3: must be at least 0"),
        (lambda: cost("forward", (2, 3.0)), "shape=3.0: must be made of ints"),
        (lambda: cost("forward", (2, 3), itemsize=3), "itemsize=3: must be 1, 2, 4 or 8"),
        (lambda: segments_cost(1, 2, 0), "dropped_segments=2: must be at most 1"),
        (lambda: items_cost(-1, 0), "values=-1: must be at least 0"),
        (lambda: stored_cost(1, True), "lines=True: must be made of ints"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
