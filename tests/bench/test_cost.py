"""The bench of the cost model on two tiny shapes: verification, rows, and the summary of made-up rows."""

import dataclasses
import importlib
import json
import math
import re

import numpy as np
import pytest

from workbench import OPERATORS, parallel
from workbench.bench import cost, harness, run_bench
from workbench.bench.cost.cases import _count_wrong, cases
from workbench.bench.harness import Timing, WrongResult
from workbench.bench.results import Ratio, Row
from workbench.lrn import kernels
from workbench.machines.prediction import BOUNDS
from workbench.sparse_lp import kernels as lp_kernels

from .conftest import MACHINE

SHAPES = ((1, 6, 5, 3), (2, 7, 13, 11))
CASES = 8 + 4 + 10  # LRN, dropout, weights


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(cost, "QUICK_SHAPES", SHAPES)
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")


def test_every_operator_is_among_the_cases():
    groups = list(cases((2, 3, 8, 5)))
    made = {(case.operator, case.direction) for group in groups for case in group}
    gradients = {
        (name.removesuffix("Gradient"), "gradient") for name in ("LRNGradient", "DropoutWithReplacementGradient")
    }
    forward = {name for name in OPERATORS if not name.endswith("Gradient")}
    assert made == gradients | {(name, "forward") for name in forward} | {("LpGradient", "gradient")}
    assert sum(map(len, groups)) == CASES
    assert len({str(case) for group in groups for case in group}) == CASES  # a name each


def test_rows_have_what_was_predicted_beside_what_was_measured(small):
    said = []
    found = cost.bench_cost(SHAPES, 1, MACHINE, said.append)
    assert len(found.rows) == 2 * 2 * CASES  # shapes, thread counts
    assert f"verified {2 * 2 * CASES} configurations against the reference" in said
    for row in found.rows:
        assert 0 < row.predicted_seconds < math.inf
        assert row.bound in BOUNDS
        assert row.threads in (1, 2)
        copied, predicted, off = row.ratios
        assert (copied.name, copied.target) == ("ours / copy", None)
        assert copied.value == row.seconds / row.copy_seconds
        assert (predicted.name, predicted.target) == ("predicted / measured", None)
        assert predicted.value == row.predicted_seconds / row.seconds
        assert (off.name, off.target) == ("off by a factor of", 2)
        assert off.value == max(predicted.value, 1 / predicted.value)
    assert [each.target for each in found.measurements] == [0.4, 1.0]
    assert {"workbench", "numba"} <= set(found.versions)


def test_ratios_of_known_times(small, monkeypatch):
    def measured(contenders, rounds, say, *, threads):
        return {name: Timing(2.0 if name.startswith("copy") else 8.0, 0.25) for name in contenders}

    monkeypatch.setattr(cost, "measure_steadily", measured)
    monkeypatch.setattr(cost, "with_prediction", lambda row, machine: dataclasses.replace(row, predicted_seconds=2.0))
    rows = cost.bench_cost([(2, 3, 8, 5)], 1, MACHINE, lambda line: None).rows
    for row in rows:
        assert (row.seconds, row.iqr_seconds, row.copy_seconds, row.limit_seconds) == (8.0, 0.25, 2.0, 2.0)
        assert [str(ratio) for ratio in row.ratios] == [
            "ours / copy 4.00",
            "predicted / measured 0.25",
            "off by a factor of 4.00 (≤ 2) ✗",
        ]
    monkeypatch.setattr(cost, "with_prediction", lambda row, machine: dataclasses.replace(row, predicted_seconds=12.0))
    rows = cost.bench_cost([(2, 3, 8, 5)], 1, MACHINE, lambda line: None).rows
    assert {str(row.ratios[2]) for row in rows} == {"off by a factor of 1.50 (≤ 2)"}


def test_a_copy_is_of_what_the_case_works_on(small, monkeypatch):
    sizes = []

    def measured(contenders, rounds, say, *, threads):
        assert parallel.available_threads() == 2
        sizes.append({name: each.reads[0].nbytes for name, each in contenders.items()})
        for name, each in contenders.items():
            if name.startswith("copy"):
                np.testing.assert_array_equal(each.run(), each.reads[0].reshape(-1))
        return {name: Timing(1.0, 0.0) for name in contenders}

    monkeypatch.setattr(cost, "measure_steadily", measured)
    cost.bench_cost([(2, 3, 8, 5)], 1, MACHINE, lambda line: None)
    for group in sizes:
        for name, size in group.items():
            assert not name.startswith("copy") or name.startswith(f"copy of {size} bytes")
            assert any(other.startswith(f"copy of {size} bytes") for other in group), name
    assert sizes[0]["LRN forward, region within, beta 0.75, 2×3×8×5 NCHW"] == 960


def row(predicted, seconds, name="LRN"):
    times = {"iqr_seconds": 0.0, "copy_seconds": 1.0, "limit_seconds": 1.0}
    return Row(
        name,
        "forward",
        (7, 5),
        "NCHW",
        2,
        {"beta": 0.6},
        seconds,
        **times,
        peers={},
        versions={},
        predicted_seconds=predicted,
    )


def test_the_summary_is_the_median_and_the_worst_in_factors_of_two():
    # 2 for 1: one. 1 for 256: eight. 5 for 5: none. 8 for 1: three. The median of 0, 1, 3, 8.
    rows = [row(2.0, 1.0), row(1.0, 256.0, "LpProx"), row(5.0, 5.0), row(8.0, 1.0)]
    median, worst = cost.summary(rows)
    assert (median.value, median.target, median.missed) == (2.0, 0.4, True)
    assert median.name == "median of |log2(predicted / measured)| over 4 rows"
    assert (worst.value, worst.target, worst.missed) == (8.0, 1.0, True)
    assert worst.name == "worst of them: LpProx forward 0.6, 7×5 NCHW, 2 threads"
    assert [each.missed for each in cost.summary([row(2.0, 1.0), row(1.0, 1.0), row(3.0, 3.0)])] == [False, False]
    assert cost.summary([]) == []


def test_a_wrong_result_is_named_and_nothing_is_timed(small, monkeypatch, tmp_path, capsys):
    right = lp_kernels.lp_gradient

    def wrong(w, alpha, p):
        dw = right(w, alpha, p)
        if p == 3:
            dw.reshape(-1)[-1] *= 1.5
        return dw

    monkeypatch.setattr(lp_kernels, "lp_gradient", wrong)
    monkeypatch.setattr(harness, "measure", lambda *arguments, **options: pytest.fail("timed a wrong result"))
    assert run_bench("cost", tmp_path / "rows.json", True, None) == 1
    shown = capsys.readouterr().out
    assert re.search(r"LpGradient gradient, 3, 1×64 dense, 1 thread: result 0 is wrong at [1-9]\d* of 64 places", shown)
    assert "4 wrong: nothing is timed" in shown  # two shapes, two thread counts
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_is_wrong_with_one_number_of_threads_alone_is_named(small, monkeypatch):
    right = kernels.local_response_norm

    def wrong(x, window, channels_last):
        y = right(x, window, channels_last)
        if parallel._limit.get() == 2 and window.region == "within":
            y.reshape(-1)[0] += 1
        return y

    monkeypatch.setattr(kernels, "local_response_norm", wrong)
    with pytest.raises(WrongResult) as raised:
        cost.verify([(1, 6, 5, 3)], lambda line: None)
    assert str(raised.value).splitlines() == [
        "LRN forward, region within, beta 0.75, 1×6×5×3 NCHW, 2 threads: result 0 is wrong at 1 of 90 places",
        "1 wrong: nothing is timed",
    ]


@pytest.mark.parametrize(
    ("found", "right", "exact", "direction", "wrong"),
    [
        ([1.0, 2.0, 4.0], [1.0, 2.0, 4.0], True, "forward", 0),
        ([1.0, 2.0, 4.000001], [1.0, 2.0, 4.0], False, "forward", 0),  # 1e-6 of it is the float32 that is nearest
        ([1.0, 2.0, 4.00001], [1.0, 2.0, 4.0], False, "forward", 1),
        ([1.0, 2.0, 4.000001], [1.0, 2.0, 4.0], True, "forward", 1),
        ([0.0, 2.0, 4.0], [1e-6, 2.0, 4.0], False, "forward", 1),
        ([0.0, 2.0, 4.0], [1e-6, 2.0, 4.0], False, "gradient", 0),  # 1e-6 of 4 could cancel to that
        ([math.nan, 2.0, 4.0], [1.0, 2.0, 4.0], False, "gradient", 1),
        ([1.0, 2.0], [1.0, 2.0, 4.0], False, "forward", 3),
    ],
)
def test_what_counts_as_wrong(found, right, exact, direction, wrong):
    found, right = (np.array(each, np.float32) for each in (found, right))
    assert _count_wrong(found, right, exact, direction) == wrong


def test_another_type_is_wrong():
    assert _count_wrong(np.ones(3), np.ones(3, np.float32), False, "forward") == 3
    assert _count_wrong(np.ones((), np.float32), np.ones(()), False, "forward") == 1


def test_the_command_writes_rows_and_tells_what_was_off(small, tmp_path, capsys):
    assert run_bench("cost", tmp_path / "rows.json", True, None) == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    assert len(content["rows"]) == 2 * 2 * CASES
    assert all(row["predicted_seconds"] > 0 and row["bound"] in BOUNDS for row in content["rows"])
    assert content["measurements"][0]["name"] == f"median of |log2(predicted / measured)| over {4 * CASES} rows"
    shown = capsys.readouterr().out
    assert "limits of this machine" in shown
    assert "predicted / measured" in shown


def test_rows_of_other_parts_have_predictions_and_keep_their_ratios(monkeypatch):
    bench = importlib.import_module("workbench.bench")
    made = dataclasses.replace(
        row(None, 1.0), shape=(2, 7, 5, 3), ratios=(Ratio("forward / limit", 2.0),), predicted_seconds=None
    )
    lrn = importlib.import_module("workbench.bench.lrn")
    monkeypatch.setattr(lrn, "bench_lrn", lambda *arguments: bench.Results((made,)))
    (found,) = bench._measure("lrn", True).rows
    assert found.predicted_seconds > 0
    assert found.ratios == made.ratios
