"""The counts and the jobs in the operators' cost modules, against what the loops are known to do."""

from importlib import import_module

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.bench.conftest import MACHINE
from workbench import OPERATORS, parallel
from workbench.machines.prediction import Work

lrn, dropout, lp = (import_module(f"workbench.{name}.cost") for name in ("lrn", "sparse_dropout", "sparse_lp"))


def array(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def work(name, *inputs, engine="numba", **arguments):
    return import_module(OPERATORS[name].cost).work(name, inputs, arguments, engine)


def test_every_timed_operator_can_be_predicted_from_its_calls():
    for name, operator in OPERATORS.items():
        for inputs, arguments in operator.timed(np.random.default_rng(0), 700):
            assert work(name, *inputs, **arguments).predict(MACHINE, 2).seconds > 0


def test_lrn_by_plane():
    # Two images of 7 channels of 15 pixels, a job each.
    expected = lrn.cost("forward", (2, 7, 5, 3), 5, 0.6, engine="numba")
    assert work("LRN", array(2, 7, 5, 3), beta=0.6) == Work(expected, 210, 2)
    wide = lrn.cost("forward", (2, 7, 5, 3), 5, 0.75, itemsize=8, engine="numba")
    assert work("LRN", array(2, 7, 5, 3, dtype=np.float64)) == Work(wide, 210, 2, "float64")
    assert work("LRN", array(2, 7, 5, 3), engine="reference").cost == lrn.cost(
        "forward", (2, 7, 5, 3), engine="reference"
    )


def test_lrn_by_pixel():
    # 30 pixels of 7 channels fit into one tile of 16384 elements; 4000 of 7 and a gap of 2 take three of 1820.
    x = array(2, 5, 3, 7)
    expected = lrn.cost("gradient", x.shape, 3, 0.75, order="NHWC", engine="numba")
    assert work("LRNGradient", x, x, size=3, order="NHWC") == Work(expected, 210, 1)
    assert work("LRN", array(2, 50, 40, 7), order="NHWC").jobs == 3


def test_lrn_within():
    # 14 planes of 70 rows, 32 rows a job.
    expected = lrn.cost("forward", (2, 7, 70, 3), 5, 0.75, region="within", engine="numba")
    assert work("LRN", array(2, 7, 70, 3), region="within") == Work(expected, 2940, 14 * 3)


def test_dropout_of_dense_arrays():
    # 35350 elements, 16384 a job.
    x, dropped = array(350, 101), array(350, 101, dtype=bool)
    plain = Work(dropout.cost("forward", x.shape, engine="numba"), 35350, 3)
    assert work("DropoutWithReplacement", x, ratio=0.3, seed=1) == plain
    assert work("DropoutWithReplacement", x, replacement="mean") == plain
    count = dropout.cost("forward", x.shape, scaled=True, engine="numba")
    assert work("DropoutWithReplacement", x, scaled=True) == Work(count, 35350, 3)
    count = dropout.cost("forward", x.shape, replacement_shape=(101,), engine="numba")
    assert work("DropoutWithReplacement", x, replacement=array(101)) == Work(count, 35350, 3)
    assert work("DropoutWithReplacement", x, replacement="mean", per_feature=True) == Work(count, 35350, 3)
    count = dropout.cost("gradient", x.shape, replacement_shape=(101,), engine="numba")
    found = work("DropoutWithReplacementGradient", x, dropped, replacement_shape=(101,))
    assert found == Work(count, 35350, 21, "float64")  # its sums, of 101 values a job, which has 16 elements for each
    count = dropout.cost("gradient", x.shape, engine="numba")
    assert work("DropoutWithReplacementGradient", x, dropped) == Work(count, 35350, 64, "float64")


def test_dropout_of_stored_entries():
    x = csr_array(np.pad(np.ones((200, 200), np.float32), ((0, 110), (0, 90))))
    count = dropout.stored_cost(40_000, 310, engine="numba")
    assert work("DropoutWithReplacement", x, ratio=0.05) == Work(count, 40_000, 3)
    with pytest.raises(ValueError, match="DropoutWithReplacementGradient of a sparse matrix is not counted"):
        work("DropoutWithReplacementGradient", x, x)


def test_dropout_of_segments_and_items():
    # A job has 4096 segments, or 16384 values.
    inputs = array(61_000, dtype=np.int64), array(5000, dtype=np.int32)
    count = dropout.segments_cost(5000, 1500, 42700, engine="numba")
    assert work("SparseDropoutWithReplacement", *inputs, ratio=0.3) == Work(count, 61_000, 2)
    count = dropout.items_cost(61_000, 5000, engine="numba")
    assert work("SparseItemwiseDropoutWithReplacement", *inputs, ratio=0.3) == Work(count, 61_000, 4)
    with pytest.raises(ValueError, match="engine='reference'"):
        work("SparseDropoutWithReplacement", *inputs, engine="reference")


@pytest.mark.parametrize(
    ("arguments", "index", "options", "precision"),
    [
        ({"p": 1.0}, np.int64, {"index_itemsize": 8}, "float32"),
        ({"p": 2.0}, np.int32, {}, "float32"),
        ({"p": 2.0, "exact": True}, np.int32, {"exact": True}, "float32"),
        ({"p": 0.5}, np.int32, {}, "float32"),
        ({"p": 3.0}, np.int32, {}, "float32"),
        ({"p": 1.1}, np.int32, {"iterations": 4}, "float64"),
    ],
)
def test_rows_of_a_table(arguments, index, options, precision):
    # 1500 rows of 24 in a table of 3000, which is 288000 bytes. Row numbers of 12 bits, ranges by 8 of these: 16 rows
    # each, 188 of them.
    count = lp.rows_cost(1500, 24, arguments["p"], engine="numba", **options)
    found = work("SparseLpRegularizer", array(3000, 24), array(1500, dtype=index), **arguments)
    assert found == Work(count, 36_000, 188, precision, 288_000, "rows")


def test_weights():
    # 34500 elements, 16384 a job. Weights of 4 bytes and marks of one are gone through in place, by the penalty alone.
    w = array(230, 150)
    count = lp.penalty_cost(w.shape, 0.3, engine="numba")
    assert work("SparseLp", w, p=0.3, alpha=1.0) == Work(count, 34_500, 3, "float32", 172_500, "update")
    count = lp.gradient_cost(w.shape, 1.0, engine="numba")
    assert work("LpGradient", w) == Work(count, 34_500, 3, "float64")
    cases = (
        (1.0, None, 64),
        (0.5, None, 32),
        (2 / 3, None, 32),
        (0.3, None, 32),
        (1.5, None, 32),
        (0.8, None, 64),
        (1.1, 4, 64),
    )
    for p, iterations, bits in cases:
        count = lp.prox_cost(w.shape, p, iterations=iterations, engine="numba")
        assert work("LpProx", w, p=p) == Work(count, 34_500, 3, f"float{bits}")


def test_a_prediction_by_hand():
    # 10^5 weights, p = 2, one thread: a product and 5 comparisons each, at 10^10 / 2 a second: 120 us. 8 * 10^5 bytes
    # at 10^10 a second: 80 us. 4 * 10^5 new bytes at 10^10 a second, a launch of 1 us and a run of 10 us: 51 us.
    found = work("LpGradient", array(100, 1000), p=2.0).predict(MACHINE)
    assert found.seconds == pytest.approx(171e-6, rel=1e-12)
    assert found.bound == "arithmetic"


def test_a_prediction_of_two_threads_by_hand(monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_WAKING", 2e-4)
    # As above. Seven jobs, of which the first takes one thread 120 / 7 us; the other six, 103 us, are not worth waking
    # the other thread. With 16 times as many, 98 jobs in 8 ranges, two threads need 4 / 8 of what one does, and the
    # launch takes 10 us more. Memory is handed out at 2 * 10^10.
    few = work("LpGradient", array(100, 1000), p=2.0).predict(MACHINE, 2)
    assert few.seconds == pytest.approx(171e-6, rel=1e-12)
    many = work("LpGradient", array(1600, 1000), p=2.0).predict(MACHINE, 2)
    assert many.seconds == pytest.approx(16 * 60e-6 + 16 * 20e-6 + 21e-6, rel=1e-12)
