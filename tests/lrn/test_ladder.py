"""Every rung of the ladder against the formula, one element at a time, and its counts against counts by hand."""

import numpy as np
import pytest

from tests.lrn.scalar import normalized
from tests.pictures import draw_again, heights, title
from workbench import parallel
from workbench.cost import Cost
from workbench.lrn import ladder, plots

RUNGS = {rung.name: rung for rung in ladder.RUNGS}
SHAPE = (2, 3, 5, 7)  # 210 elements


def values(shape):
    return np.random.default_rng(len(shape)).standard_normal(shape, np.float32)


@pytest.mark.parametrize("size", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("name", RUNGS)
def test_each_rung_follows_the_formula(name, size):
    x = values((2, 11, 3, 5))  # a window of 15 holds channels 0 to 7 of 11 at the first, and all in the middle
    given = x.copy()
    for arranged in (x, np.asfortranarray(x)):
        y = RUNGS[name].function(arranged, size, 0.7, 0.75, 1.5)
        np.testing.assert_allclose(y, normalized(x, size, 0.7, 0.75, 1.5).astype(np.float64), rtol=2e-6)
        assert y.dtype == np.float32
        np.testing.assert_array_equal(arranged, given)


@pytest.mark.parametrize("name", ["blocks", "roots", "registers", "prefetch", "threads"])
def test_blocks_and_a_part_of_one(name, monkeypatch):
    monkeypatch.setattr(parallel, "SMALL", 0)
    monkeypatch.setattr(parallel, "LARGE", 0)  # the jobs of several calls, by two threads
    x = values((2, 3, 37, 59))  # 2183 pixels: two blocks of 1024, and 135 pixels
    with parallel.thread_limit(2):
        y = RUNGS[name].function(x, 3, 0.7, 0.75, 1.5)
    squares = np.pad(x.astype(np.float64) ** 2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    scale = 1.5 + 0.7 / 3 * (squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:])
    np.testing.assert_allclose(y, x / scale**0.75, rtol=2e-6)


def test_any_block_gives_the_same():
    x = values((2, 3, 5, 7))
    for block in (1, 4, 35, 1000):
        np.testing.assert_array_equal(
            ladder.roots(x, 3, 0.7, 0.75, 1.5, block=block), ladder.roots(x, 3, 0.7, 0.75, 1.5)
        )


@pytest.mark.parametrize("name", ["roots", "registers", "prefetch", "threads"])
def test_roots_refuse_another_exponent(name):
    with pytest.raises(ValueError, match=r"^beta=0\.5: this rung takes square roots, so beta must be 0\.75; "):
        RUNGS[name].function(values(SHAPE), 3, 0.7, 0.5, 1.5)


@pytest.mark.parametrize("name", ["four indices", "whole arrays", "compiled", "rows", "blocks"])
def test_the_others_take_any_exponent(name):
    x = values(SHAPE)
    y = RUNGS[name].function(x, 3, 0.7, 0.6, 1.5)
    np.testing.assert_allclose(y, normalized(x, 3, 0.7, 0.6, 1.5).astype(np.float64), rtol=2e-6)


def test_counts_by_hand():
    # A window of three at 3 channels holds 2, 3 and 2 of them: 7 terms at each of 70 pixels, 490 for 210 elements.
    counts = {name: rung.work(SHAPE, 3).cost for name, rung in RUNGS.items() if name != "the package"}
    once = Cost(bytes_read=840, bytes_written=840, bytes_allocated=840, launches=1)
    summed = Cost(multiply_adds=700, other_flops=210, bytes_cached=4 * (3 * 490 + 2 * 210))
    roots = Cost(square_roots=420, divisions=210, other_flops=210)
    assert RUNGS["four indices"].steps(SHAPE, 3) == 490 + 420
    assert counts["four indices"] == Cost()
    # One number at a time is an eighth of a vector; x and y bring a line of 64 bytes for each number.
    eighth = Cost(multiply_adds=8 * 700, other_flops=8 * 210, powers=8 * 210, bytes_cached=128 * 210)
    assert counts["compiled"] == once + eighth
    assert counts["rows"] == counts["blocks"] == once + summed + Cost(powers=8 * 210)
    assert counts["roots"] == once + summed + roots
    # Five terms and the multiply-add of the scale; they are loaded, the sums are written and read, x is loaded.
    registers = Cost(multiply_adds=6 * 210, other_flops=210, bytes_cached=4 * 8 * 210)
    assert counts["registers"] == counts["prefetch"] == counts["threads"] == once + registers + roots


def test_passes_of_numpy_by_hand():
    count = RUNGS["whole arrays"].work(SHAPE, 3).cost
    # The square, its copy, two shifted sums over 2 of 3 channels, two passes for the scale, the power, the product.
    assert count.bytes_written == 4 * (210 * 6 + 2 * 140)
    assert count.bytes_read == 4 * (210 * 7 + 2 * 2 * 140)
    assert (count.powers, count.other_flops, count.launches) == (210, 4 * 210 + 280, 8)


def test_rows_too_long_for_the_cache_are_read_again():
    # Three rows, their sums and a result: 5 * 4 * 13107 bytes fit into 256 KiB, and 5 * 4 * 13108 do not.
    fits, not_any_more = (RUNGS["rows"].work((1, 3, 1, pixels), 3).cost for pixels in (13107, 13108))
    assert fits.bytes_read == 4 * 3 * 13107
    assert not_any_more.bytes_read == 4 * 7 * 13108


def test_the_limit_counts_each_byte_once():
    cost = ladder.roofline(SHAPE, 3).cost
    assert (cost.bytes, cost.multiply_adds, cost.bytes_allocated) == (1680, 490, 0)


def test_the_code_of_each_rung_is_shown():
    assert "for j in range" in RUNGS["compiled"].source()
    assert RUNGS["rows"].source().index("def _sum_squares") < RUNGS["rows"].source().index("def _rows")
    assert RUNGS["the package"].source() == ""


def test_predicted_times_are_drawn_and_move():
    axes = plots.ladder(5, batch=2, channels=64, side=224, processor="laptop")
    first = heights(axes, "predicted")
    assert len(first) == len(RUNGS)
    assert first[0] > 100 * first[1]
    assert title(axes) == "Predicted for Intel Core i7-1165G7, 4 cores"
    draw_again(plots.ladder, axes, 9, batch=1, channels=8, side=9, processor="server")
    assert heights(axes, "predicted")[-1] > first[-1]  # so small an array is not worth waking threads
    assert title(axes) == "Predicted for AMD EPYC 9654, 96 cores"
