"""The one driver and its cases, on a toy operator that the bench has never heard of."""

import dataclasses
import json
import math
import re
import sys
import types

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.declared import keep_operators
from workbench import OPERATORS, parallel
from workbench.bench import driver, run_bench, run_declared
from workbench.bench.case import Case, Target, declared_case, relative_errors
from workbench.bench.declared import declared_cases, summary
from workbench.bench.driver import Group, Peer, WrongResult, present_peers
from workbench.bench.results import Ratio, Row
from workbench.cli import app
from workbench.cost import Cost
from workbench.machines.prediction import BOUNDS, Work
from workbench.machines.timing import PAUSE, Contender, Timing
from workbench.operator import Arg, Gradient, Operator

from .conftest import MACHINE


@pytest.fixture
def toy(monkeypatch):
    """Declare x -> factor x; `toy.numba` is its kernel."""
    modules = {name: types.ModuleType(name) for name in ("toy.numba", "toy.reference", "toy.cost")}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
        module.times = lambda x, factor: x * np.float32(factor)
    modules["toy.cost"].work = lambda name, inputs, arguments: Work(
        inputs[0].size * Cost(other_flops=1, bytes_read=4, bytes_written=4), inputs[0].size, 1
    )

    def timed(rng, elements):
        x = rng.standard_normal((elements // 5, 5), np.float32)
        yield from (((x,), {"factor": factor}) for factor in (2.0, 3.0))

    operator = Operator(
        name="Toy",
        meaning="Multiply.",
        inputs=("x",),
        outputs=("y",),
        args=(Arg("factor", float, 1.0, "what to multiply with"),),
        function="times",
        engines={"numba": "toy.numba", "reference": "toy.reference"},
        prepare=lambda inputs, values: (*inputs, values["factor"]),
        gradient=Gradient.NO_GRADIENT,
        cost="toy.cost",
        timed=timed,
    )
    monkeypatch.setitem(OPERATORS, "Toy", operator)
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")
    return types.SimpleNamespace(numba=modules["toy.numba"], operator=operator)


def toy_case(factor=2.0, **others):
    x = np.arange(1, 36, dtype=np.float32).reshape(5, 7)
    return declared_case("Toy", (x,), {"factor": factor}, **{"limits": {"copy": x.copy}, **others})


def toy_group(*cases, **others):
    return Group("toys", lambda: list(cases), **others)


def test_a_declared_operator_is_benched_with_nothing_else_touched(toy):
    rows = run_declared(["Toy"], [100, 1000], 2, machine=MACHINE).rows
    assert [(row.shape, row.arguments["factor"], row.threads) for row in rows] == [
        ((elements // 5, 5), factor, threads) for elements in (100, 1000) for threads in (1, 2) for factor in (2.0, 3.0)
    ]
    for row in rows:
        assert (row.operator, row.direction, row.layout) == ("Toy", "forward", "dense")
        assert min(row.seconds, row.copy_seconds) > 0
        # A product each at 10^10 a second, 8 bytes at 10^10; no launch is counted.
        assert row.predicted_seconds == pytest.approx(math.prod(row.shape) * 8e-10)
        assert row.bound == "memory"
    with pytest.raises(ValueError, match="'Tory': must be declared with `timed` and `cost`"):
        run_declared(["Tory"])


def test_calls_that_look_alike_are_numbered(toy, monkeypatch):
    twice = lambda rng, elements: [((np.ones(elements, np.float32),), {"factor": 2.0})] * 2  # noqa: E731
    monkeypatch.setitem(OPERATORS, "Toy", dataclasses.replace(toy.operator, timed=twice))
    assert [case.arguments for case in declared_cases("Toy", 9)] == [{"call": 0}, {"call": 1}]


def test_all_declared_operators_are_held_against_predictions(small, toy, tmp_path, capsys, monkeypatch):
    keep_operators(monkeypatch, "lrn", "sparse_dropout", "sparse_lp", "toy")
    assert run_bench("cost", tmp_path / "rows.json", True, None) == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    rows = content["rows"]
    assert len(rows) == 2 * 2 * (8 + 4 + 10 + 2)  # sizes, thread counts; LRN, dropout, weights, toys
    assert {row["operator"] for row in rows} == {name for name in OPERATORS} - {
        "LRNGradient",
        "DropoutWithReplacementGradient",
    }
    assert {(row["operator"], row["direction"]) for row in rows if row["direction"] == "gradient"} == {
        ("LRN", "gradient"),
        ("DropoutWithReplacement", "gradient"),
        ("LpGradient", "gradient"),
    }
    for row in rows:
        assert row["bound"] in BOUNDS
        copied, predicted, off = row["ratios"]
        assert copied["value"] == row["seconds"] / row["copy_seconds"]
        assert predicted["value"] == row["predicted_seconds"] / row["seconds"]
        assert (off["target"], off["value"]) == (2, max(predicted["value"], 1 / predicted["value"]))
    one = [row for row in rows if row["threads"] == 1][: 8 + 4]
    assert [(row["region"], row["beta"], row["layout"]) for row in one[:4]] == [
        ("across", 0.75, "NCHW"),
        ("across", 0.6, "NCHW"),
        ("across", 0.75, "NHWC"),
        ("within", 0.75, "NCHW"),
    ]
    assert content["measurements"][0]["name"] == "median of |log2(predicted / measured)| over 96 rows"
    shown = capsys.readouterr().out
    assert "verified 96 configurations against the reference" in shown
    assert "nothing fitted to an operator" in shown


def test_the_summary_is_the_median_and_the_worst_in_factors_of_two():
    def row(predicted, seconds, name="LRN"):
        shared = {"direction": "forward", "shape": (7, 5), "layout": "NCHW", "threads": 2, "arguments": {"beta": 0.6}}
        times = {"seconds": seconds, "iqr_seconds": 0.0, "copy_seconds": 1.0, "limit_seconds": 1.0}
        return Row(name, **shared, **times, peers={}, versions={}, predicted_seconds=predicted)

    # 2 for 1: one. 1 for 256: eight. 5 for 5: none. 8 for 1: three. The median of 0, 1, 3, 8.
    median, worst = summary([row(2.0, 1.0), row(1.0, 256.0, "LpProx"), row(5.0, 5.0), row(8.0, 1.0)])
    assert (median.value, median.target, median.missed) == (2.0, 0.25, True)
    assert (worst.value, worst.target, worst.missed) == (8.0, 1.0, True)
    assert worst.name == "worst of them: LpProx forward 0.6, 7×5 NCHW, 2 threads"
    assert [each.missed for each in summary([row(2.0, 1.0), row(1.0, 1.0), row(3.0, 3.0)])] == [False, False]
    assert summary([]) == []


def test_everything_wrong_is_named_before_anything_is_timed(toy, untimed):
    def wrong(x, factor):
        y = x * np.float32(factor)
        if factor == 3 and parallel._limit.get() == 2:
            y[0, 0] += 1
        return y if factor < 4 else y.astype(np.float64)

    toy.numba.times = wrong
    with pytest.raises(WrongResult) as raised:
        driver.run([toy_group(toy_case(2.0), toy_case(3.0), toy_case(4.0))], [], 1, lambda line: None)
    assert str(raised.value).splitlines() == [
        "Toy forward, 3, 5×7 dense, 2 threads: y is wrong at 1 of 35 places",
        "Toy forward, 4, 5×7 dense, 1 thread: y is float64 (5, 7), and should be float32 (5, 7)",
        "Toy forward, 4, 5×7 dense, 2 threads: y is float64 (5, 7), and should be float32 (5, 7)",
        "3 results are wrong; nothing was timed",
    ]


def test_ratios_to_limits_other_cases_and_peers(toy, known_times):
    known_times({"copy": 2.0, "slow": 3.0, "torch": 9.0, "Toy forward, 2": 6.0, "Toy": 12.0})
    first = toy_case(targets=(Target("ours / copy", 2.0), Target("one alone", 1.5, one_thread=True)), peer_targets={})
    limits = {**first.limits, "slow": lambda: None}
    other = toy_case(
        3.0, limits=limits, targets=(Target("3 / 2", 2.5, over=first), Target("limit")), peer_targets={"torch": 1.0}
    )
    last = toy_case(4.0)
    torch = Peer("torch", "4.5", lambda case, threads: Contender(case.ours) if case is not last else None)
    found = driver.run([toy_group(first, other, last)], [torch], 1, lambda line: None, machine=MACHINE)
    rows = {(row.arguments["factor"], row.threads): row for row in found.rows}
    assert [str(ratio) for ratio in rows[2.0, 1].ratios] == [
        "ours / copy 3.00 (≤ 2) ✗",
        "one alone 3.00 (≤ 1.5) ✗",
        "torch / ours 1.50",
    ]
    assert [str(ratio) for ratio in rows[2.0, 2].ratios][1] == "one alone 3.00"
    assert [str(ratio) for ratio in rows[3.0, 2].ratios] == [
        "3 / 2 2.00 (≤ 2.5)",
        "limit 4.00",
        "torch / ours 0.75 (≥ 1) ✗",
    ]
    assert (rows[3.0, 1].copy_seconds, rows[3.0, 1].limit_seconds, rows[3.0, 1].iqr_seconds) == (2.0, 3.0, 0.5)
    assert (rows[4.0, 1].ratios, rows[4.0, 1].peers) == ((), {})
    assert rows[2.0, 1].peers == {"torch": 9.0}
    assert rows[2.0, 1].versions["torch"] == found.versions["torch"] == "4.5"


def test_a_group_has_its_share_of_the_rounds_and_waits_for_threads_that_spin(toy, monkeypatch):
    asked = []

    def measured(contenders, rounds, say, *, threads, pause):
        asked.append((rounds, threads, pause))
        assert parallel._limit.get() == threads
        return {name: Timing(1.0, 0.0) for name in contenders}

    monkeypatch.setattr(driver, "measure_steadily", measured)
    peer = Peer("fake", "4.5", lambda case, threads: None)
    pause = PAUSE
    for rounds, peers, group in (
        (31, [], {}),
        (31, [peer], {}),
        (31, [], {"share": 3, "spins": True}),
        (3, [], {"share": 3}),
    ):
        driver.run([toy_group(toy_case(), **group)], peers, rounds, lambda line: None)
    assert asked == [
        *((31, 1, 0.0), (31, 2, 0.0)),
        *((31, 1, 0.0), (31, 2, pause)),
        *((10, 1, 0.0), (10, 2, pause)),
        *((3, 1, 0.0), (3, 2, 0.0)),
    ]  # fmt: skip


def test_a_peer_is_judged_skipped_or_absent_by_name(toy, known_times, monkeypatch):
    known_times({"": 1.0})
    said = []

    def broken(case, threads):
        raise RuntimeError("no such device\nand more")

    def peer(factor):
        return Peer("near", "1.0", lambda case, threads: Contender(lambda: case.ours()[0] * np.float32(factor)))

    found = driver.run([toy_group(toy_case())], [Peer("fake", "4.5", broken), peer(1 + 2e-6)], 1, said.append)
    assert [list(row.peers) for row in found.rows] == [["near"], ["near"]]
    assert said.count("fake 4.5 cannot be run and is skipped: no such device") == 1
    with pytest.raises(WrongResult, match="near, Toy forward, 2, 5×7 dense, 1 thread: y is wrong at 35 of 35 places"):
        driver.run([toy_group(toy_case())], [peer(1 + 4e-5)], 1, said.append)
    assert present_peers({name: ((f"no_such_{name}",), None) for name in ("torch", "jax")}, said.append) == []
    assert said[-1] == "absent peers, skipped: torch, jax (pip install '.[bench]' adds them)"


def judged(found, right, tolerance=0.0, of_largest=False):
    case = toy_case(tolerances={"y": tolerance}, of_largest=of_largest)
    problem = case.problem((np.array(found, np.float32),), (np.array(right, np.float32),))
    return int(re.search(r"wrong at (\d+) of", problem)[1]) if problem else 0


def test_what_counts_as_wrong(toy):
    assert judged([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]) == 0
    assert judged([1.0, 2.0, 4.000001], [1.0, 2.0, 4.0]) == 1
    assert judged([-0.0, 2.0, 4.0], [0.0, 2.0, 4.0]) == 1  # all bits
    assert judged([1.0, 2.0, 4.000001], [1.0, 2.0, 4.0], 2e-6) == 0  # 1e-6 of it is the float32 that is nearest
    assert judged([1.0, 2.0, 4.00001], [1.0, 2.0, 4.0], 2e-6) == 1
    assert judged([0.0, 2.0, 4.0], [1e-6, 2.0, 4.0], 2e-6) == 1
    assert judged([0.0, 2.0, 4.0], [1e-6, 2.0, 4.0], 2e-6, of_largest=True) == 0  # 1e-6 of 4 could cancel to that
    assert judged([math.nan, 2.0, 4.0], [1.0, 2.0, 4.0], 2e-6, of_largest=True) == 1
    case = toy_case(tolerances={"y": 1.0})
    one, two = np.ones(3, np.float32), np.ones(2, np.float32)
    assert case.problem((two,), (one,)) == "y is float32 (2,), and should be float32 (3,)"
    assert case.problem((one, one), (one,)) == "2 results, where there should be 1"
    marks = np.array([True, False])
    assert case.problem((marks,), (~marks,)) == "y is wrong at 2 of 2 places"  # no number is near another mark


def test_relative_errors_of_known_numbers():
    right, found = np.array([2.0, -4.0, 0.5]), np.array([2.0, -4.4, 0.6], np.float32)
    assert relative_errors(found, right) == pytest.approx([0, 0.1, 0.2], abs=1e-6)
    assert relative_errors(found, right, of_largest=True) == pytest.approx([0, 0.1, 0.025], abs=1e-6)


def test_a_wide_reference_computes_in_float64(toy):
    case = toy_case(1 / 3, wide=True, tolerances={"y": 1e-6})
    (expected,) = case.expected()
    assert expected.dtype == np.float64
    assert case.problem(case.ours(), (expected,)) == ""
    assert "is float64" in case.problem((expected,), (expected,))


@pytest.mark.parametrize("name", ["SparseLp", "SparseLpRegularizer"])
def test_a_fresh_case_leaves_the_inputs_as_they_are(name):
    for case in declared_cases(name, 700):
        before = case.inputs[0].copy()
        assert case.problem(case.fresh().ours(), case.expected()) == ""
        assert case.results[0] == OPERATORS[name].changes[0]
        np.testing.assert_array_equal(case.inputs[0], before)
        assert isinstance(case, Case)


def test_ratios_that_miss_their_targets():
    assert Ratio("a / b", math.nan, 2.0).missed
    assert not Ratio("a / b", 2.0, 2.0).missed
    assert str(Ratio("a / b", 2.25, 2.0)) == "a / b 2.25 (≤ 2) ✗"
    assert Ratio("a / b", 14.9, 15.0, at_least=True).missed
    assert Ratio("a / b", math.nan, 15.0, at_least=True).missed
    assert not Ratio("a / b", 15.0, 15.0, at_least=True).missed
    assert str(Ratio("a / b", 14.5, 15.0, at_least=True)) == "a / b 14.50 (≥ 15) ✗"
    assert not Ratio("a / b", 1e9).missed
    assert str(Ratio("a / b", 2.25)) == "a / b 2.25"


def test_an_unknown_part_and_files_in_no_folder_are_refused_before_anything_runs(tmp_path):
    parts = (
        "'lrn', 'dropout', 'sparse-lp', 'inference', 'cost', 'sweep', 'explore', 'training', 'start', 'torch', 'all'"
    )
    with pytest.raises(ValueError, match=re.escape(f"what='lnr': must be one of {parts}")):
        run_bench("lnr", None, True, None)
    refused = CliRunner().invoke(app, ["bench", "sparse_lp"])
    assert refused.exit_code == 2
    assert parts in refused.output
    absent = tmp_path / "absent" / "file.png"
    with pytest.raises(ValueError, match=r"json_file=.*is not a folder"):
        run_bench("lrn", absent, True, None)
    with pytest.raises(ValueError, match=r"figure=.*is not a folder"):
        run_bench("lrn", None, True, absent)
    long = tmp_path / ("x" * 300)
    for file, reason in ((tmp_path, "Is a directory"), (long, "File name too long")):
        with pytest.raises(ValueError, match=rf"^json_file='.*': cannot be written \({reason}\); name another file$"):
            run_bench("lrn", file, True, None)
    kinds = r"^figure='.*\.weird': must be a picture, such as \.png, \.svg or \.pdf$"
    with pytest.raises(ValueError, match=kinds):
        run_bench("lrn", None, True, tmp_path / "ratios.weird")
    assert [*tmp_path.iterdir()] == []
    for part in ("explore", "sweep", "training", "start", "torch"):
        with pytest.raises(
            ValueError, match=r"figure=.*: shows 'lrn', 'dropout', 'sparse-lp', 'inference' and 'cost'.*leave it out"
        ):
            run_bench(part, None, True, tmp_path / "ratios.png")
