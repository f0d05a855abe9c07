"""What is handed to the cost model for each operator's rows, against what the loops are known to do."""

import dataclasses
from importlib import import_module

import pytest
from workbench.bench.predictions import CALLS, Call, with_prediction

from workbench import OPERATORS, parallel
from workbench.bench.results import Row

from .conftest import MACHINE

lrn, dropout, lp = (import_module(f"workbench.{name}.cost") for name in ("lrn", "sparse_dropout", "sparse_lp"))


def row(operator, shape, arguments, direction="forward", layout="dense", threads=1):
    times = dict.fromkeys(("seconds", "iqr_seconds", "copy_seconds", "limit_seconds"), 0.5)
    return Row(operator, direction, shape, layout, threads, arguments, **times, peers={}, versions={})


def call(*arguments, **options):
    made = row(*arguments, **options)
    return CALLS[made.operator](made)


def test_operators_and_their_gradients_are_predicted_and_solvers_are_not():
    # A bench's rows name the operator and the direction; gradients that carry on are rows of the operator itself.
    assert set(CALLS) == {name for name in OPERATORS if name not in ("LRNGradient", "DropoutWithReplacementGradient")}
    solved = row("Lasso", (60, 210), {"p": 1.0})
    assert with_prediction(solved, MACHINE) is solved


def test_lrn_by_plane():
    # Two images of 7 channels of 15 pixels, a job each.
    expected = lrn.cost("forward", (2, 7, 5, 3), 5, 0.6, engine="numba")
    assert call("LRN", (2, 7, 5, 3), {"beta": 0.6}, layout="NCHW") == Call(expected, 210, 2)


def test_lrn_by_pixel():
    # A row's shape is (n, c, h, w) whatever the layout. 30 pixels of 7 channels fit into one tile of 16384 elements;
    # 4000 of 7 and a gap of 2 take three of 1820.
    expected = lrn.cost("gradient", (2, 5, 3, 7), 3, 0.75, order="NHWC", engine="numba")
    arguments = {"beta": 0.75, "size": 3}
    assert call("LRN", (2, 7, 5, 3), arguments, "gradient", "NHWC") == Call(expected, 210, 1)
    assert call("LRN", (2, 7, 50, 40), {"beta": 0.75}, "forward", "NHWC").jobs == 3


def test_lrn_within():
    # 14 planes of 70 rows, 32 rows a job.
    expected = lrn.cost("forward", (2, 7, 70, 3), 5, 0.75, region="within", engine="numba")
    arguments = {"beta": 0.75, "region": "within"}
    assert call("LRN", (2, 7, 70, 3), arguments, layout="NCHW") == Call(expected, 2940, 14 * 3)


def test_dropout_of_dense_arrays():
    # 35350 elements, 16384 a job.
    shape, given = (350, 101), {"ratio": 0.3, "replacement": 0.0, "scaled": False}
    count = dropout.cost("forward", shape, engine="numba")
    assert call("DropoutWithReplacement", shape, given) == Call(count, 35350, 3)
    count = dropout.cost("forward", shape, scaled=True, engine="numba")
    assert call("DropoutWithReplacement", shape, {**given, "scaled": True}) == Call(count, 35350, 3)
    count = dropout.cost("forward", shape, replacement_shape=(101,), engine="numba")
    assert call("DropoutWithReplacement", shape, {**given, "replacement": "per feature"}) == Call(count, 35350, 3)
    count = dropout.cost("gradient", shape, replacement_shape=(101,), engine="numba")
    found = call("DropoutWithReplacement", shape, {**given, "replacement": "per feature"}, "gradient")
    assert found == Call(count, 35350, 21, "float64")  # its sums, of 101 values a job, which has 16 elements for each
    count = dropout.cost("gradient", shape, engine="numba")
    assert call("DropoutWithReplacement", shape, given, "gradient") == Call(count, 35350, 64, "float64")


def test_dropout_of_stored_entries():
    count = dropout.stored_cost(40_000, 310, engine="numba")
    assert call("DropoutWithReplacement", (310, 290), {"ratio": 0.05, "stored": 40_000}) == Call(count, 40_000, 3)


def test_dropout_of_segments_and_items():
    # A job has 4096 segments, or 16384 values.
    given = {"ratio": 0.3, "segments": 5000}
    count = dropout.segments_cost(5000, 1500, 42700, engine="numba")
    assert call("SparseDropoutWithReplacement", (61_000,), given) == Call(count, 61_000, 2)
    count = dropout.items_cost(61_000, 5000, engine="numba")
    assert call("SparseItemwiseDropoutWithReplacement", (61_000,), given) == Call(count, 61_000, 4)


@pytest.mark.parametrize(
    ("arguments", "options", "precision"),
    [
        ({"p": 1.0, "indices": "int64"}, {"index_itemsize": 8}, "float32"),
        ({"p": 2.0, "indices": "int32"}, {}, "float32"),
        ({"p": 2.0, "exact": True}, {"exact": True}, "float32"),
        ({"p": 0.5}, {}, "float64"),
        ({"p": 3.0}, {"iterations": 4}, "float64"),
    ],
)
def test_rows_of_a_table(arguments, options, precision):
    # 1500 rows of 24 in a table of 3000, which is 288000 bytes. Row numbers of 12 bits, ranges by 8 of these: 16 rows
    # each, 188 of them.
    count = lp.rows_cost(1500, 24, arguments["p"], engine="numba", **options)
    found = call("SparseLpRegularizer", (3000, 24), {**arguments, "rows": 1500})
    assert found == Call(count, 36_000, 188, precision, 288_000, "rows")


def test_weights():
    # 34500 elements, 16384 a job. Weights of 4 bytes and marks of one are gone through in place, by the penalty alone.
    shape = (230, 150)
    count = lp.penalty_cost(shape, 0.3, engine="numba")
    assert call("SparseLp", shape, {"p": 0.3, "sparsity_threshold": 0.5}) == Call(
        count, 34_500, 3, "float64", 172_500, "update"
    )
    count = lp.gradient_cost(shape, 1.0, engine="numba")
    assert call("LpGradient", shape, {"p": 1.0}, "gradient") == Call(count, 34_500, 3, "float64")
    for p, iterations in ((1.0, None), (0.5, None), (2 / 3, None), (0.3, 4), (1.5, 4)):
        count = lp.prox_cost(shape, p, iterations=iterations, engine="numba")
        assert call("LpProx", shape, {"p": p}) == Call(count, 34_500, 3, "float64")


def test_a_row_by_hand():
    # 10^5 weights, p = 2, one thread: a product and 5 comparisons each, at 10^10 / 2 a second: 120 us. 8 * 10^5 bytes
    # at 10^10 a second: 80 us. 4 * 10^5 new bytes at 10^10 a second, a launch of 1 us and 72 calls of 0.1 us: 48.2 us.
    given = row("LpGradient", (100, 1000), {"p": 2.0}, "gradient")
    found = with_prediction(given, MACHINE)
    assert found.predicted_seconds == pytest.approx(168.2e-6, rel=1e-12)
    assert found.bound == "arithmetic"
    assert dataclasses.replace(found, predicted_seconds=None, bound=None) == given


def test_a_row_of_two_threads_by_hand(monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_WAKING", 2e-4)
    # As above. Seven jobs, of which the first takes one thread 120 / 7 us; the other six, 103 us, are not worth waking
    # the other thread. With 16 times as many, 98 jobs in 8 ranges, two threads need 4 / 8 of what one does, and the
    # launch takes 10 us more. Memory is handed out at 2 * 10^10.
    few = row("LpGradient", (100, 1000), {"p": 2.0}, "gradient", threads=2)
    assert with_prediction(few, MACHINE).predicted_seconds == pytest.approx(168.2e-6, rel=1e-12)
    many = row("LpGradient", (1600, 1000), {"p": 2.0}, "gradient", threads=2)
    assert with_prediction(many, MACHINE).predicted_seconds == pytest.approx(
        16 * 60e-6 + 16 * 20e-6 + 18.2e-6, rel=1e-12
    )
