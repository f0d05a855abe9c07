"""Counts of operations and bytes against counts by hand."""

import math

import numpy as np
import pytest

from workbench.cost import Cost
from workbench.machines.published import SMALL_CORE, known_machine
from workbench.sparse_lp.cost import cost, gradient_cost, penalty_cost, precision, prox_cost, rows_cost, step_seconds


def test_penalty():
    # 6 float32: 24 bytes read; 24 of what is kept and 6 of the mask written. Each: one addition of |w|, one comparison
    # with the threshold, and a choice of w or 0. For p = 0 a comparison with 0, and a choice of 0 or 1, besides.
    moved = Cost(comparisons=12, bytes_read=24, bytes_written=30)
    assert penalty_cost((2, 3), 1) == Cost(other_flops=6) + moved
    assert penalty_cost((2, 3), 0) == Cost(other_flops=6, comparisons=12) + moved
    assert penalty_cost((2, 3), 2) == Cost(multiply_adds=6) + moved
    assert penalty_cost((2, 3), 0.5) == Cost(square_roots=6, other_flops=6) + moved
    for p in (0.3, 2 / 3, 1.5, 3.0, math.inf):
        assert penalty_cost((2, 3), p) == Cost(powers=6, other_flops=6) + moved


def test_penalty_in_float64():
    # 5 float64: 40 bytes read; 40 and 5 written.
    assert penalty_cost((5,), 2, itemsize=8) == Cost(multiply_adds=5, comparisons=10, bytes_read=40, bytes_written=45)


def test_gradient():
    # 6 float32: 24 bytes each way. 0 where w is 0 takes a comparison and a choice; the sign two comparisons and a
    # choice. p = 1: the sign of w and alpha, no arithmetic. All but 2 and 1/2 ask whether w is finite, and choose.
    moved = Cost(comparisons=30, bytes_read=24, bytes_written=24)
    assert gradient_cost((2, 3), 0) == gradient_cost((2, 3), 1) == Cost(comparisons=12) + moved
    assert gradient_cost((2, 3), 2) == Cost(other_flops=6) + moved
    assert gradient_cost((2, 3), 0.5) == Cost(square_roots=6, divisions=6) + moved
    assert gradient_cost((2, 3), 3) == Cost(powers=6, other_flops=6, comparisons=12) + moved
    assert gradient_cost((5,), 1, itemsize=8) == Cost(comparisons=35, bytes_read=40, bytes_written=40)


def test_simple_proxes():
    # 6 float32: 24 bytes each way. p = 0: at most the threshold, then 0. p = 1: |x| - weight, with its sign, or 0.
    # p = 2: a product. p = inf: two comparisons and two choices.
    moved = Cost(bytes_read=24, bytes_written=24)
    assert prox_cost((2, 3), 0) == Cost(comparisons=12) + moved
    assert prox_cost((2, 3), math.inf) == Cost(comparisons=24) + moved
    assert prox_cost((2, 3), 1) == Cost(other_flops=6, comparisons=24) + moved
    assert prox_cost((2, 3), 2) == Cost(other_flops=6) + moved


# Before: small, not finite, a choice, and far: 4. After: the sign, 0, small, not finite, and a choice for
# each: 8.
BOUNDED = 4 + 8


@pytest.mark.parametrize("p", [0.3, 2 / 3])
def test_prox_on_the_curve_below_one(p):
    # k: 1 power; t = sqrt(1 - k / largest): 1 multiply-add, 1 root; a polynomial of degree 8: 8 multiply-adds, t^2 and
    # t^4; 1 - k q: 1 multiply-add; x y: 1 multiplication. Small and the sign, and a choice each.
    assert prox_cost((7,), p) == 7 * Cost(
        powers=1, square_roots=1, multiply_adds=10, other_flops=3, comparisons=4, bytes_read=4, bytes_written=4
    )


def test_prox_on_the_curve_of_one_half():
    # k = c / (x sqrt(x)): 1 root, 1 multiplication, 1 division; the rest as for any other p below 1.
    assert prox_cost((7,), 0.5) == 7 * Cost(
        divisions=1, square_roots=2, multiply_adds=10, other_flops=4, comparisons=4, bytes_read=4, bytes_written=4
    )


@pytest.mark.parametrize("p", [1.5, 3])
def test_prox_on_the_curve_above_one(p):
    # log2 (k / middle): 1 addition, 1 multiply-add; a: 1 power; two polynomials of degree 12: 24 multiply-adds, a^2 and
    # a^4; 1 - a q, or a q: 1 multiply-add, 1 multiplication; x y: 1 multiplication. Which of both, four exponents and y
    # chosen: 6; small and the sign: 4; 0, not finite, and a choice: 3.
    assert prox_cost((1,), p) == Cost(
        powers=1, multiply_adds=26, other_flops=5, comparisons=13, bytes_read=4, bytes_written=4
    )


def test_prox_of_any_p_below_one():
    # At first log k = log c + (p - 2) * log x: 1 logarithm, 1 multiply-add; at last x * y: 1 multiplication. Five times
    #     pull = k * y^(p-1)                        1 power, 1 multiplication
    #     value = y + pull - 1                      2 additions
    #     slope = y - (1 - p) * pull                1 multiply-add
    #     bend = (1 - p) (2 - p) * pull             1 multiplication
    #     slope * slope - 0.5 * value * bend        2 multiplications, 1 multiply-add
    #     y - y * (value * slope / that)            1 multiplication, 1 division, 1 multiply-add
    #     whether the step is large                 1 comparison
    assert prox_cost((1,), 0.97, iterations=5) == Cost(
        logarithms=1,
        powers=5,
        multiply_adds=16,
        other_flops=36,
        comparisons=BOUNDED + 5,
        divisions=5,
        bytes_read=4,
        bytes_written=4,
    )


def test_prox_of_any_p_above_one():
    # At first log x and (log x - log c) / (p - 1), the less of both; at last 2^v: 1 logarithm, 1 exponential, 1
    # subtraction, 1 division, 1 comparison. Four times
    #     over = log c + (p - 2) * v                1 multiply-add
    #     small = 2^-|over|                         1 exponential
    #     share = (1 or small) / (1 + small)        1 addition, 1 division, 2 comparisons
    #     total = v + max(over, 0) + log(1 + small) 1 logarithm, 2 additions, 1 comparison
    #     value = total - log x                     1 subtraction
    #     slope = 1 + (p - 2) * share               1 multiply-add
    #     bend = k * share * (1 - share)            1 subtraction, 2 multiplications
    #     slope * slope - 0.5 * value * bend        2 multiplications, 1 multiply-add
    #     v - value * slope / that                  1 multiplication, 1 division, 1 subtraction
    #     whether the step is large, for v          2 comparisons
    assert prox_cost((1,), 1.1, iterations=4) == Cost(
        logarithms=1 + 4,
        exponentials=1 + 4,
        multiply_adds=4 * 3,
        other_flops=1 + 4 * 11,
        comparisons=1 + BOUNDED + 4 * 5,
        divisions=1 + 4 * 2,
        bytes_read=4,
        bytes_written=4,
    )


@pytest.mark.parametrize("p", [0.97, 1.1, 10])
def test_a_step_of_newtons_method_follows_in_float64(p):
    # z^(p-1), by c or with its logarithm: 1 multiplication, 1 addition, a comparison and two choices; z + pull - x;
    # z + (p - 1) pull; a division; z - z step, if the step is small.
    newton = {"powers": 1, "multiply_adds": 2, "other_flops": 4, "comparisons": 5, "divisions": 1}
    single, double = (prox_cost((1,), p, iterations=4, itemsize=itemsize) for itemsize in (4, 8))
    assert double == single + Cost(bytes_read=4, bytes_written=4, **newton)


def test_the_curve_in_float64():
    newton = {"divisions": 1, "bytes_read": 8, "bytes_written": 8}
    below, above = (prox_cost((1,), p, itemsize=8) for p in (0.5, 3))
    assert below == Cost(powers=2, square_roots=1, multiply_adds=12, other_flops=7, comparisons=BOUNDED + 5, **newton)
    assert above == Cost(powers=2, multiply_adds=28, other_flops=9, comparisons=3 + BOUNDED + 5, **newton)
    assert prox_cost((1,), 0.8).comparisons == BOUNDED  # float32, computed in float64


def test_rows():
    # 4 int32 indices of rows of 5 float32: 16 bytes of indices and 80 of rows read, 80 written. p = 1: less by lambda
    # or more by its sign, or 0: two comparisons and two choices.
    moved = Cost(bytes_read=96, bytes_written=80)
    assert rows_cost(4, 5, 1) == Cost(other_flops=20, comparisons=80) + moved
    assert rows_cost(4, 5, 2) == Cost(other_flops=20) + moved
    assert rows_cost(4, 5, 2, exact=True) == Cost(divisions=20) + moved
    assert rows_cost(4, 5, 0) == Cost(comparisons=40) + moved


def test_rows_in_float64_by_long_indices():
    # 3 int64 indices of rows of 7 float64: 24 and 168 bytes read, 168 written.
    assert rows_cost(3, 7, 1, itemsize=8, index_itemsize=8) == Cost(
        other_flops=21, comparisons=84, bytes_read=192, bytes_written=168
    )


def test_rows_cost_as_their_elements_and_their_numbers():
    for p, iterations in ((0.5, None), (0.97, 4), (10, 5), (3, None)):
        assert rows_cost(4, 5, p, iterations=iterations) == prox_cost((20,), p, iterations=iterations) + Cost(
            bytes_read=16
        )


def test_cost_is_the_penaltys_and_its_slopes():
    for p, itemsize, engine in ((1.0, 4, None), (0.5, 8, "numba"), (3.0, 4, "reference")):
        options = {"itemsize": itemsize, "engine": engine}
        assert cost("forward", (2, 3), p, **options) == penalty_cost((2, 3), p, **options)
        assert cost("gradient", (2, 3), p, **options) == gradient_cost((2, 3), p, **options)
    assert cost("forward", (5,)) == penalty_cost((5,), 1)


@pytest.mark.parametrize(
    ("p", "itemsize", "operator", "expected"),
    [
        (1, 4, "SparseLpRegularizer", "float32"),
        (2.0, 4, "SparseLpRegularizer", "float32"),
        (1, 8, "SparseLpRegularizer", "float64"),
        (0, 4, "SparseLpRegularizer", "float64"),
        (0.5, 4, "SparseLpRegularizer", "float32"),
        (0.9, 4, "SparseLpRegularizer", "float64"),
        (math.inf, 4, "SparseLpRegularizer", "float64"),
        (1, 4, "SparseLp", "float64"),
        (0.5, 4, "SparseLp", "float32"),
        (0.5, 8, "SparseLp", "float64"),
        (2, 4, "SparseLp", "float64"),
        (3, 4, "SparseLp", "float32"),
        (3, 8, "SparseLp", "float64"),
        (7, 4, "SparseLp", "float64"),
        (3, 4, "LpGradient", "float64"),
        (2, 4, "LpProx", "float64"),
        (3, 4, "LpProx", "float32"),
        (3, 8, "LpProx", "float64"),
    ],
)
def test_precision(p, itemsize, operator, expected):
    assert precision(p, itemsize, operator=operator) == expected


def test_numba_adds_what_is_read_again_what_is_new_and_what_starts_it():
    # 6 float32. w read again to be compared with the threshold, and a mask of 6 bytes; dw; z.
    penalty = penalty_cost((2, 3), 1, engine="numba")
    assert penalty == penalty_cost((2, 3), 1) + Cost(bytes_cached=24, bytes_allocated=6, launches=1, runs=1)
    # A power or root in float32 is written by one loop and read by the next, which adds in float64: twice 4 bytes.
    for p in (0.5, 3):
        powers = penalty_cost((2, 3), p, engine="numba")
        assert powers == penalty_cost((2, 3), p) + Cost(bytes_cached=24 + 48, bytes_allocated=6, launches=1, runs=1)
    gradient = gradient_cost((2, 3), 3, engine="numba")
    assert gradient == gradient_cost((2, 3), 3) + Cost(bytes_allocated=24, launches=1, runs=1)
    prox = prox_cost((2, 3), 1, itemsize=8, engine="numba")
    assert prox == prox_cost((2, 3), 1, itemsize=8) + Cost(bytes_allocated=48, launches=1, runs=1)


@pytest.mark.parametrize(
    ("p", "iterations", "numbers"),
    # Sizes and roots of 8 bytes, each written and read; where steps are counted, each reads a logarithm and a root and
    # writes a root.
    [(0, None, 0), (2, None, 0), (math.inf, None, 0), (1 / 2, None, 0), (0.8, None, 4), (0.97, 5, 19), (10, 2, 10)],
)
def test_what_an_iteration_keeps_near(p, iterations, numbers):
    assert prox_cost((2, 3), p, iterations=iterations, engine="numba").bytes_cached == 6 * 8 * numbers
    rows = rows_cost(4, 5, p, iterations=iterations, engine="numba")
    assert rows.bytes_cached == 20 * 8 * numbers


def test_numba_rows():
    # Each number of 4 bytes is copied (4, 4), compared with the largest before (4), counted (4) and sorted (4, 4).
    rows = rows_cost(4, 5, 2, engine="numba")
    assert rows == rows_cost(4, 5, 2) + Cost(
        comparisons=4,
        bytes_read=4 * 16,
        bytes_written=4 * 8,
        bytes_allocated=4 * 8,
        launches=2,
        runs=1,
    )
    assert rows_cost(4, 5, 2, index_itemsize=8, engine="numba").bytes_allocated == 4 * (8 + 8)


def test_reference_penalty():
    # Six float32, in bytes read and written: |w| (4, 8), its power (8, 8), added up twice (8 and 8), above the
    # threshold (8, 1), at most the threshold (8, 1), 0 where it is (1, 4, nothing new).
    assert penalty_cost((2, 3), 3, engine="reference") == Cost(
        powers=6,
        other_flops=6,
        comparisons=12,
        bytes_read=6 * 45,
        bytes_written=6 * 22,
        bytes_allocated=6 * 18,
        launches=7,
    )


def test_reference_gradient():
    # Six float32: |w| (4, 8), its power (8, 8), times alpha p (8, 8), the sign (4, 4), times it (12, 8); whether 0
    # (8, 1), chosen (9, 8), narrowed (8, 4).
    assert gradient_cost((2, 3), 3, engine="reference") == Cost(
        powers=6,
        other_flops=6,
        comparisons=6 * 7,
        bytes_read=6 * 61,
        bytes_written=6 * 49,
        bytes_allocated=6 * 49,
        launches=8,
    )


def test_numpys_ints_are_counts():
    three, five = np.int64(3), np.int32(5)
    assert penalty_cost((three, five), 1, engine="numba") == penalty_cost((3, 5), 1, engine="numba")
    assert prox_cost((five,), 1.1, iterations=three, engine="numba") == prox_cost(
        (5,), 1.1, iterations=3, engine="numba"
    )
    assert rows_cost(three, five, 1.1, iterations=three, engine="numba") == rows_cost(
        3, 5, 1.1, iterations=3, engine="numba"
    )


def test_nothing_costs_nothing():
    assert penalty_cost((0, 3), 1) == gradient_cost((0,), 2) == prox_cost((3, 0), 0.5) == Cost()
    assert rows_cost(0, 5, 1) == Cost()
    assert rows_cost(4, 0, 1) == Cost(bytes_read=16)
    assert penalty_cost((), 1) == Cost(other_flops=1, comparisons=2, bytes_read=4, bytes_written=5)
    assert penalty_cost((0, 3), 1, engine="reference") == gradient_cost((0,), 2, engine="reference") == Cost()


def test_a_step_of_a_hundred_million_weights_by_hand():
    # 10^8 float32: penalty and mask read 4e8 bytes and write 5e8, at 17e9 a second. The slope takes seven comparisons
    # and choices each, at half of 19.2e9 a second in float64, longer than its 8e8 bytes. A loop starts in 1 us and a
    # run in 10 us, twice.
    found = step_seconds(10**8, SMALL_CORE)
    assert found == pytest.approx(9e8 / 17e9 + 7e8 / 9.6e9 + 2 * 11e-6, rel=1e-9)
    laptop = known_machine("laptop")
    assert step_seconds(10**8, laptop) == step_seconds(10**8, laptop, threads=4) < found
    with pytest.raises(ValueError, match=r"weights|shape\[0\]=-1"):
        step_seconds(-1, laptop)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: penalty_cost((2, -3), 1), r"shape\[1\]=-3: must be at least 0"),
        (lambda: gradient_cost((2, 3.0), 1), r"shape\[1\]=3.0: must be an int, not float"),
        (lambda: penalty_cost((2, 3), -1), "p=-1: must be a number of at least 0, infinity included"),
        (lambda: gradient_cost((2, 3), "2"), "p='2': must be a number of at least 0, infinity included, not str"),
        (lambda: rows_cost(2, 3, None), "p=None: must be a number"),
        (lambda: gradient_cost((2, 3), math.nan), "p=nan: must be a number of at least 0, infinity included"),
        (lambda: prox_cost((2, 3), -0.5, iterations=3), "p=-0.5: must be a number of at least 0"),
        (lambda: penalty_cost((2, 3), 1, itemsize=2), "itemsize=2: must be 4 or 8"),
        (lambda: prox_cost((2, 3), 1.1), "iterations=None: p=1.1 needs a number that depends on the data"),
        (lambda: prox_cost((2, 3), 1.1, iterations=2.5), "iterations=2.5: must be an int, not float"),
        (lambda: prox_cost((2, 3), 1.1, iterations=-1), "iterations=-1: must be at least 0"),
        (lambda: rows_cost(-1, 3, 1), "indices=-1: must be at least 0"),
        (lambda: rows_cost(1, True, 1), "length=True: must be an int, not bool"),
        (lambda: rows_cost(1, 3, 1, index_itemsize=1), "index_itemsize=1: must be 4 or 8"),
        (lambda: rows_cost(1, 3, 10), "iterations=None: p=10 needs a number that depends on the data"),
        (lambda: cost("backward", (2, 3)), "direction='backward': must be one of 'forward', 'gradient'"),
        (lambda: precision(1, 2), "itemsize=2: must be 4 or 8"),
        (lambda: penalty_cost((2, 3), 1, engine="cuda"), "engine='cuda': must be one of 'numba', 'reference'"),
        (lambda: prox_cost((2, 3), 1, engine="reference"), "engine='reference': must be one of 'numba'"),
        (lambda: rows_cost(1, 3, 1, engine="reference"), "engine='reference': must be one of 'numba'"),
    ],
)
def test_refusals(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()
