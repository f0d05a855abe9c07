"""Bytes and counts of stored weights against counts by hand, and where a form becomes faster than dense weights."""

import dataclasses
import math

import numpy as np
import pytest

from tests.bench.conftest import MACHINE
from tests.sparse_inference.common import FORMS, weights
from workbench.cost import Cost
from workbench.machines.published import SMALL_CORE
from workbench.sparse_inference import FORMS as MAKE
from workbench.sparse_inference import cost, kernels, loops, vectors

SHAPE = (5, 37)  # a row takes three words of 16 bits


def over_dense(form, shape, zeros, batch, machine, threads=1):
    """Return the predicted time of a form over that with dense weights."""
    ours, dense = (cost.predicted(each, shape, zeros, batch, machine, threads=threads) for each in (form, "dense"))
    return ours.seconds / dense.seconds


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMS)
def test_bytes_are_those_of_the_arrays(name, dtype):
    w = weights(SHAPE, 0.7, dtype=dtype)
    w[[1, 3]] = 0
    form = MAKE[name](w)
    assert cost.stored_bytes(name, SHAPE, form.stored, itemsize=w.itemsize) == form.nbytes


def test_the_numbers_are_those_of_the_loops():
    assert tuple(MAKE) == cost.FORMS
    assert (cost.ROWS, cost.FEW, cost.AT_ONCE) == (loops.ROWS, kernels.FEW, loops.AT_ONCE)
    assert loops.WIDTH == cost.WIDTH
    assert vectors.BYTES == cost.VECTOR


def test_dense_by_hand():
    # 185 weights of 4 bytes, and 2 examples of 37 numbers; 2 of 5 written.
    moved = Cost(bytes_read=740 + 296, bytes_written=40, bytes_allocated=40, launches=1)
    assert cost.cost("dense", SHAPE, 185, 2) == moved + Cost(multiply_adds=370)


def test_rows_by_hand():
    # Two rows of 37: 296 bytes and two numbers. 2 x 2 results are made apart, read, and written in their places.
    found = cost.cost("rows", SHAPE, 74, 2)
    moved = Cost(bytes_read=304 + 296, bytes_written=40, bytes_allocated=40 + 16, bytes_cached=48, launches=3)
    assert found == moved + Cost(multiply_adds=148)


def test_one_example_by_hand():
    # CSR: 20 weights of 4 bytes, 20 columns of 2, 6 row starts of 4; 37 numbers of x, 5 results.
    moved = Cost(bytes_read=80 + 40 + 24 + 148, bytes_written=20, bytes_allocated=20, launches=1)
    assert cost.cost("CSR, int16", SHAPE, 20, 1) == moved + Cost(multiply_adds=20, bytes_cached=80)
    # A bitmap: 20 weights, 5 x 3 words of 2 bytes, 6 row starts. All of the 5 x 48 places are multiplied.
    moved = Cost(bytes_read=80 + 30 + 24 + 148, bytes_written=20, bytes_allocated=20, launches=1)
    assert cost.cost("bitmap", SHAPE, 20, 1) == moved + Cost(multiply_adds=240, bytes_cached=960)


def test_three_examples_read_the_weights_three_times():
    # 80 + 80 + 24 bytes of weights; 3 x 37 numbers of x.
    moved = Cost(bytes_read=184 + 444, bytes_written=60, bytes_allocated=60, launches=3)
    assert cost.cost("CSR, int32", SHAPE, 20, 3) == moved + Cost(multiply_adds=60, bytes_cached=2 * 184 + 240)


def test_many_examples_by_hand():
    # 17 examples fill two vectors of 16. Each of 20 weights is multiplied by both, and read twice with its column.
    # Vectors of 37 + 5 numbers are set to 0, written and read: 2 x 64 x 42 bytes, three times.
    moved = Cost(bytes_read=184 + 17 * 148, bytes_written=17 * 20, bytes_allocated=17 * 20 + 5376, launches=5)
    cached = 2 * 64 * 20 + 20 * 8 + 3 * 5376
    assert cost.cost("CSR, int32", SHAPE, 20, 17) == moved + Cost(multiply_adds=640, bytes_cached=cached)


def test_sums_wait_while_other_columns_are_taken():
    # Of 1030 columns, 512 are taken three times: 5 sums in two vectors are written and read twice. The vectors of
    # 1030 + 5 numbers take 2 x 64 x 1035 bytes.
    cached = cost.cost("CSR, int32", (5, 1030), 20, 17).bytes_cached
    assert cached == 2 * 64 * 20 + 20 * 8 + 3 * 2 * 64 * 1035 + 2 * 2 * (2 * 64 * 5)


def test_columns_of_a_bitmap_are_decoded():
    csr, bitmap = (cost.cost(name, SHAPE, 60, 17) for name in ("CSR, int32", "bitmap"))
    # 15 words, four positions each without asking and one comparison a weight; a column is written and read.
    share = 60 / 185
    more = 15 * sum(math.comb(16, k) * share**k * (1 - share) ** (16 - k) for k in range(5, 17))
    extra = Cost(comparisons=60 + 60, bytes_cached=480, mispredictions=round(more))
    assert round(more) == 9
    without_arrays = {name: 0 for name in ("bytes_read",)}
    assert dataclasses.replace(bitmap, **without_arrays) == dataclasses.replace(csr + extra, **without_arrays)
    assert cost.cost("bitmap", SHAPE, 185, 17).mispredictions == 0  # the number of bits is known
    assert cost.cost("bitmap", SHAPE, 0, 17).mispredictions == 0


@pytest.mark.parametrize("name", FORMS)
def test_empty(name):
    for shape in ((0, 5), (5, 0), (0, 0)):
        for batch in (0, 1, 20):
            assert cost.cost(name, shape, 0, batch).multiply_adds == 0


def test_work_is_predicted_with_its_arrays():
    work = cost.work("CSR, int32", (70, 37), 100, 17)
    assert work.working_set == 100 * 8 + 71 * 4 + 17 * (70 + 37) * 4
    assert (work.elements, work.jobs, work.precision) == (1700, 3, "float32")
    assert cost.work("bitmap", (70, 37), 100, 1, itemsize=8).precision == "float64"


def test_stored_at_a_share_of_zeros():
    assert cost.stored_at("dense", (10, 7), 0.9) == 70
    assert cost.stored_at("bitmap", (10, 7), 0.9) == 7
    assert cost.stored_at("rows", (10, 7), 0.78) == 14  # 2.2 rows


def test_a_crossing_by_hand():
    zeros = (0.0, 0.5, 0.9)
    assert cost.crossing(zeros, (4.0, 2.0, 0.5)) == pytest.approx(0.7)  # halfway between log 2 and log 1/2
    assert cost.crossing(zeros, (0.5, 2.0, 0.25)) == pytest.approx(0.5 + 0.4 / 3)  # not where it was faster before
    assert cost.crossing(zeros, (1.0, 0.9, 0.1)) == 0.0
    assert cost.crossing(zeros, (2.0, 0.9, 1.5)) is None


def test_the_predicted_crossing_of_csr_is_where_its_bytes_are_those_of_dense_weights():
    # One example, bound by memory at one rate: 8 s + 4 (rows + 1) = 4 x (rows x columns), up to what is read from
    # caches and written, which the made-up machine moves at the same rate: 4 more for each stored weight.
    shape = (1000, 1000)
    found = cost.predicted_crossing("CSR, int32", shape, 1, MACHINE)
    assert found == pytest.approx(1 - 4 / 12, abs=0.002)
    before, after = (over_dense("CSR, int32", shape, found + step, 1, MACHINE) for step in (-0.01, 0.01))
    assert after < 1 < before
    assert cost.predicted_crossing("rows", shape, 64, MACHINE) < 0.02
    assert over_dense("dense", shape, 0.9, 1, MACHINE) == 1


def test_a_small_core_and_several_threads_can_be_predicted():
    assert 0 < over_dense("CSR, int16", (512, 784), 0.9, 1, SMALL_CORE) < 0.5
    assert 0 < over_dense("CSR, int16", (512, 784), 0.9, 64, MACHINE, threads=2) < 1


@pytest.mark.parametrize(
    ("form", "shape", "stored", "more", "message"),
    [
        ("csr", SHAPE, 3, {}, r"form='csr': must be one of 'dense'"),
        ("bitmap", SHAPE, 186, {}, r"stored=186: must be at most 185, for 'bitmap' of \(5, 37\)"),
        ("dense", SHAPE, 184, {}, r"stored=184: must be 185, all weights"),
        ("rows", SHAPE, 38, {}, r"stored=38: must be a multiple of 37, whole rows, up to 185"),
        ("rows", (5,), 3, {}, r"shape=\(5,\): must have 2 axes"),
        ("bitmap", SHAPE, 3.0, {}, r"stored=3.0: must be an int"),
        ("bitmap", SHAPE, 3, {"itemsize": 2}, r"itemsize=2: must be 4 or 8"),
    ],
)
def test_refusals(form, shape, stored, more, message):
    for call in (cost.stored_bytes, lambda *given, **more: cost.cost(*given, 1, **more)):
        with pytest.raises((TypeError, ValueError), match=message):
            call(form, shape, stored, **more)
    with pytest.raises(ValueError, match="batch=-1: must be at least 0"):
        cost.cost("bitmap", SHAPE, 3, -1)


def test_predictions_are_numbers():
    for name in FORMS:
        ratios = [over_dense(name, (96, 80), zeros, batch, MACHINE) for zeros in (0.0, 0.9) for batch in (1, 64)]
        assert np.isfinite(ratios).all()
