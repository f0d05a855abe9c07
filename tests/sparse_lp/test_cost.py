"""Counts of operations and bytes against counts by hand."""

import math

import pytest

from workbench.cost import Cost
from workbench.sparse_lp.cost import gradient_cost, penalty_cost, prox_cost, rows_cost


def test_penalty():
    # 6 float32: 24 bytes read; 24 of what is kept and 6 of the mask written. Each: one addition of |w|.
    moved = Cost(bytes_read=24, bytes_written=30)
    assert penalty_cost((2, 3), 1) == Cost(other_flops=6) + moved
    assert penalty_cost((2, 3), 0) == Cost(other_flops=6) + moved
    assert penalty_cost((2, 3), 2) == Cost(multiply_adds=6) + moved
    assert penalty_cost((2, 3), 0.5) == Cost(square_roots=6, other_flops=6) + moved
    for p in (0.3, 2 / 3, 1.5, 3.0, math.inf):
        assert penalty_cost((2, 3), p) == Cost(powers=6, other_flops=6) + moved


def test_penalty_in_float64():
    # 5 float64: 40 bytes read; 40 and 5 written.
    assert penalty_cost((5,), 2, itemsize=8) == Cost(multiply_adds=5, bytes_read=40, bytes_written=45)


def test_gradient():
    # 6 float32: 24 bytes each way. p = 1: the sign of w and alpha, no arithmetic.
    moved = Cost(bytes_read=24, bytes_written=24)
    assert gradient_cost((2, 3), 0) == gradient_cost((2, 3), 1) == moved
    assert gradient_cost((2, 3), 2) == Cost(other_flops=6) + moved
    assert gradient_cost((2, 3), 0.5) == Cost(square_roots=6, divisions=6) + moved
    assert gradient_cost((2, 3), 3) == Cost(powers=6, other_flops=6) + moved
    assert gradient_cost((5,), 1, itemsize=8) == Cost(bytes_read=40, bytes_written=40)


def test_simple_proxes():
    # 6 float32: 24 bytes each way; a comparison is no operation, |x| - weight is one, x / (1 + 2 weight) a division.
    moved = Cost(bytes_read=24, bytes_written=24)
    assert prox_cost((2, 3), 0) == prox_cost((2, 3), math.inf) == moved
    assert prox_cost((2, 3), 1) == Cost(other_flops=6) + moved
    assert prox_cost((2, 3), 2) == Cost(other_flops=6) + moved


def test_prox_of_one_half():
    # For each: a division, a root and a multiplication at first, x * y * y at last. Three times
    #     square = y * y                            1 multiplication
    #     value = y * (square - 1) + k              1 subtraction, 1 multiply-add
    #     slope = 3 * square - 1                    1 multiply-add
    #     slope * slope - 3 * y * value             2 multiplications, 1 multiply-add
    #     y -= value * slope / that                 1 multiplication, 1 division, 1 subtraction
    assert prox_cost((1,), 0.5) == Cost(
        square_roots=1, multiply_adds=9, other_flops=3 + 3 * 6, divisions=1 + 3, bytes_read=4, bytes_written=4
    )


def test_prox_of_two_thirds():
    # For each: a division, a power and a multiplication at first, x * y * y * y at last. Four times
    #     square = y * y                            1 multiplication
    #     value = y * (square * y - 1) + k          2 multiply-adds
    #     slope = 4 * square * y - 1                1 multiplication, 1 multiply-add
    #     slope * slope - 6 * square * value        2 multiplications, 1 multiply-add
    #     y -= value * slope / that                 1 multiplication, 1 division, 1 subtraction
    assert prox_cost((7,), 2 / 3, itemsize=8) == 7 * Cost(
        powers=1, multiply_adds=16, other_flops=4 + 4 * 6, divisions=1 + 4, bytes_read=8, bytes_written=8
    )


def test_prox_of_any_p_below_one():
    # At first log k = log c + (p - 2) * log x: 1 power, 1 multiply-add; at last x * y: 1 multiplication. Five times
    #     pull = k * y^(p-1)                        1 power, 1 multiplication
    #     value = y + pull - 1                      2 additions
    #     slope = y - (1 - p) * pull                1 multiply-add
    #     bend = (1 - p) (2 - p) * pull             1 multiplication
    #     slope * slope - 0.5 * value * bend        2 multiplications, 1 multiply-add
    #     y - y * (value * slope / that)            1 multiplication, 1 division, 1 multiply-add
    assert prox_cost((1,), 0.3, iterations=5) == Cost(
        powers=6, multiply_adds=16, other_flops=36, divisions=5, bytes_read=4, bytes_written=4
    )


def test_prox_of_any_p_above_one():
    # At first log x and (log x - log c) / (p - 1), at last 2^v: 2 powers, 1 subtraction, 1 division. Four times
    #     over = log c + (p - 2) * v                1 multiply-add
    #     small = 2^-|over|                         1 power
    #     share = small / (1 + small)               1 addition, 1 division
    #     total = v + over + log(1 + small)         1 power, 2 additions
    #     value = total - log x                     1 subtraction
    #     slope = 1 + (p - 2) * share               1 multiply-add
    #     bend = k * share * (1 - share)            1 subtraction, 2 multiplications
    #     slope * slope - 0.5 * value * bend        2 multiplications, 1 multiply-add
    #     v - value * slope / that                  1 multiplication, 1 division, 1 subtraction
    assert prox_cost((1,), 1.5, iterations=4) == Cost(
        powers=2 + 4 * 2,
        multiply_adds=4 * 3,
        other_flops=1 + 4 * 11,
        divisions=1 + 4 * 2,
        bytes_read=4,
        bytes_written=4,
    )


def test_a_step_of_newtons_method_follows_in_float64():
    # z^(p-1), by c; z + pull - x; z + (p - 1) pull; a division; z - z step.
    for p in (0.3, 1.5):
        single = prox_cost((1,), p, iterations=4)
        double = prox_cost((1,), p, iterations=4, itemsize=8)
        assert double == single + Cost(
            powers=1, multiply_adds=2, other_flops=3, divisions=1, bytes_read=4, bytes_written=4
        )


def test_rows():
    # 4 int32 indices of rows of 5 float32: 16 bytes of indices and 80 of rows read, 80 written.
    moved = Cost(bytes_read=96, bytes_written=80)
    assert rows_cost(4, 5, 1) == Cost(other_flops=20) + moved
    assert rows_cost(4, 5, 2) == Cost(other_flops=20) + moved
    assert rows_cost(4, 5, 2, exact=True) == Cost(divisions=20) + moved
    assert rows_cost(4, 5, 0) == moved


def test_rows_in_float64_by_long_indices():
    # 3 int64 indices of rows of 7 float64: 24 and 168 bytes read, 168 written.
    assert rows_cost(3, 7, 1, itemsize=8, index_itemsize=8) == Cost(other_flops=21, bytes_read=192, bytes_written=168)


def test_rows_cost_as_their_elements_and_their_numbers():
    for p, iterations in ((0.5, None), (0.3, 4), (3, 5), (2 / 3, None)):
        assert rows_cost(4, 5, p, iterations=iterations) == prox_cost((20,), p, iterations=iterations) + Cost(
            bytes_read=16
        )


def test_costs_of_parts_add_up():
    assert penalty_cost((2, 3), 0.7) + penalty_cost((5, 3), 0.7) == penalty_cost((7, 3), 0.7)
    assert rows_cost(2, 5, 1) + rows_cost(3, 5, 1) == rows_cost(5, 5, 1)


def test_nothing_costs_nothing():
    assert penalty_cost((0, 3), 1) == gradient_cost((0,), 2) == prox_cost((3, 0), 0.5) == Cost()
    assert rows_cost(0, 5, 1) == Cost()
    assert rows_cost(4, 0, 1) == Cost(bytes_read=16)
    assert penalty_cost((), 1) == Cost(other_flops=1, bytes_read=4, bytes_written=5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: penalty_cost((2, -3), 1), "shape=-3: must be at least 0"),
        (lambda: gradient_cost((2, 3.0), 1), "shape=3.0: must be made of ints"),
        (lambda: penalty_cost((2, 3), -1), "p=-1: must be a number of at least 0, infinity included"),
        (lambda: gradient_cost((2, 3), math.nan), "p=nan: must be a number of at least 0, infinity included"),
        (lambda: prox_cost((2, 3), -0.5, iterations=3), "p=-0.5: must be a number of at least 0"),
        (lambda: penalty_cost((2, 3), 1, itemsize=2), "itemsize=2: must be 4 or 8"),
        (lambda: prox_cost((2, 3), 0.3), "iterations=None: p=0.3 takes as many as the data need; say how many"),
        (lambda: prox_cost((2, 3), 0.3, iterations=2.5), "iterations=2.5: must be made of ints"),
        (lambda: prox_cost((2, 3), 0.3, iterations=-1), "iterations=-1: must be at least 0"),
        (lambda: rows_cost(-1, 3, 1), "indices=-1: must be at least 0"),
        (lambda: rows_cost(1, True, 1), "length=True: must be made of ints"),
        (lambda: rows_cost(1, 3, 1, index_itemsize=1), "itemsize=1: must be 4 or 8"),
        (lambda: rows_cost(1, 3, 3), "iterations=None: p=3 takes as many as the data need"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
