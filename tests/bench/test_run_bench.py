"""The bench from end to end on small shapes: verification, rows, files, refusals."""

import json
import math
import re
import sys
import types
from importlib import metadata

import numpy as np
import pytest

from workbench.bench import harness, lrn, run_bench
from workbench.bench.harness import Contender
from workbench.bench.lrn import peers, startup
from workbench.bench.lrn.cases import FORWARD, Arrays, Case, expected, relative_error
from workbench.bench.peers import find_peers
from workbench.bench.results import Measurement, Ratio
from workbench.lrn import kernels
from workbench.machines.prediction import BOUNDS

SHAPES = ((1, 6, 5, 3), (2, 7, 53, 47))  # the second is large enough for several threads


@pytest.fixture
def small(monkeypatch):
    """Bench small shapes with no peers, and measure neither accuracy nor start-up."""
    monkeypatch.setattr(lrn, "SHAPES", SHAPES)
    monkeypatch.setattr(lrn, "measure_startup", lambda processes: [Measurement("start", 0.25, "s", 0.3)])
    monkeypatch.setattr(lrn, "measure_accuracy", lambda: [Measurement("error", 2e-7, "", 1e-6)])
    monkeypatch.setattr(lrn, "measure_memory", lambda: [])
    monkeypatch.setattr(peers, "PEERS", {})
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")


def fake_peer(monkeypatch, run):
    """Install a peer called fake; `run(case, arrays)` is its result."""
    monkeypatch.setitem(sys.modules, "fake", types.ModuleType("fake"))

    def build(case, arrays, threads):
        return Contender(lambda: run(case, arrays)) if arrays.layout == "NCHW" else None

    monkeypatch.setattr(peers, "PEERS", {"fake": (("fake",), build)})
    monkeypatch.setattr(metadata, "version", lambda name: "4.5")


def exactly(case, arrays):
    return expected(case, arrays).astype(np.float32)


def test_rows_are_written_as_json(small, monkeypatch, tmp_path, capsys):
    fake_peer(monkeypatch, exactly)
    assert run_bench("lrn", tmp_path / "rows.json", True, None) == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    assert set(content) == {"machine", "versions", "rows", "measurements"}
    assert {"cpu", "threads"} <= set(content["machine"])
    assert {"workbench", "python", "numpy", "numba", "fake"} <= set(content["versions"])
    assert len(content["rows"]) == 2 * 2 * 2 * 3  # shapes, layouts, thread counts, cases
    for row in content["rows"]:
        assert row["operator"] == "LRN"
        assert row["direction"] in ("forward", "gradient")
        assert tuple(row["shape"]) in SHAPES
        assert row["threads"] in (1, 2)
        assert row["beta"] in (0.75, 0.6)
        assert 0 < row["copy_seconds"] <= row["limit_seconds"]
        assert row["seconds"] > 0
        assert row["iqr_seconds"] >= 0
        assert list(row["peers"]) == (["fake"] if row["layout"] == "NCHW" else [])
        assert row["versions"]["numba"] == content["versions"]["numba"]
        assert row["predicted_seconds"] > 0
        assert row["bound"] in BOUNDS
    shown = capsys.readouterr().out
    assert "verified 24 configurations" in shown
    assert "| direction | beta | shape | layout | threads |" in shown
    assert "| forward | 0.75 | 2×7×53×47 | NHWC | 2 |" in shown
    assert [each["name"] for each in content["measurements"]] == ["error", "start"]
    assert content["measurements"][1] == {"name": "start", "value": 0.25, "unit": "s", "target": 0.3}
    assert [file.name for file in tmp_path.iterdir()] == ["rows.json"]


def test_ratios_and_limits_of_known_times(small, monkeypatch):
    seconds = {
        "copy": 1.0,
        "copy, two arrays into one": 2.0,
        "180 square roots and 90 divisions": 3.0,
        "workbench forward, beta 0.75 NCHW": 6.0,
        "workbench forward, beta 0.6 NCHW": 12.0,
        "workbench gradient, beta 0.75 NCHW": 24.0,
        "workbench forward, beta 0.75 NHWC": 12.0,
        "workbench forward, beta 0.6 NHWC": 6.0,
        "workbench gradient, beta 0.75 NHWC": 18.0,
    }

    def measured(contenders, *arguments, **options):
        assert set(contenders) == set(seconds)
        return {name: harness.Timing(seconds[name], 0.5) for name in contenders}

    monkeypatch.setattr(lrn, "measure_steadily", measured)
    rows = lrn.bench_lrn([(1, 6, 5, 3)], 1, 1, lambda line: None).rows[:6]
    found = [(row.seconds, row.copy_seconds, row.limit_seconds, [ratio.value for ratio in row.ratios]) for row in rows]
    assert found == [
        (6.0, 1.0, 3.0, [2.0]),
        (12.0, 1.0, 1.0, [2.0]),
        (24.0, 2.0, 3.0, [4.0]),
        (12.0, 1.0, 3.0, [4.0, 2.0]),
        (6.0, 1.0, 1.0, [0.5, 0.5]),
        (18.0, 2.0, 3.0, [1.5, 0.75]),
    ]
    assert [[ratio.missed for ratio in row.ratios] for row in rows] == [
        [True],
        [False],
        [True],
        [True, True],
        [False, False],
        [False, False],
    ]


def test_a_wrong_result_is_named_and_nothing_is_timed(small, monkeypatch, tmp_path, capsys):
    right = kernels.local_response_norm

    def wrong(x, window, channels_last):
        y = right(x, window, channels_last)
        if channels_last and window.beta == 0.6:
            y.reshape(-1)[-1] *= 1.5
        return y

    monkeypatch.setattr(kernels, "local_response_norm", wrong)
    monkeypatch.setattr(harness, "measure", lambda *arguments, **options: pytest.fail("timed a wrong result"))
    assert run_bench("lrn", tmp_path / "rows.json", True, None) == 1
    shown = capsys.readouterr().out
    assert "LRN forward, beta 0.6, 1×6×5×3 NHWC, 1 thread: relative error 0.5, at most 1e-06 allowed" in shown
    assert "4 wrong: nothing is timed" in shown  # two shapes, two thread counts
    assert list(tmp_path.iterdir()) == []


def test_a_missed_target_is_marked_and_no_error(small, monkeypatch, capsys):
    monkeypatch.setattr(lrn, "measure_startup", lambda processes: [Measurement("start", 0.5, "s", 0.3)])
    assert run_bench("lrn", None, True, None) == 0
    assert "start: 0.5 s (≤ 0.3) ✗" in capsys.readouterr().out


def test_a_wrong_peer_fails_the_bench_by_name(small, monkeypatch, capsys):
    fake_peer(monkeypatch, lambda case, arrays: exactly(case, arrays) * np.float32(1.001))
    assert run_bench("lrn", None, True, None) == 1
    assert "fake, LRN forward, beta 0.75, 1×6×5×3 NCHW, 1 thread: relative error 0.001" in capsys.readouterr().out


def test_a_peer_that_breaks_is_skipped_by_name(small, monkeypatch, capsys):
    def broken(case, arrays):
        raise RuntimeError("no such device\nand more")

    fake_peer(monkeypatch, broken)
    assert run_bench("lrn", None, True, None) == 0
    shown = capsys.readouterr().out
    assert shown.count("fake 4.5 cannot be run and is skipped: no such device") == 1
    assert "fake 0." not in shown


def test_absent_peers_are_named(small, monkeypatch, capsys):
    monkeypatch.setattr(peers, "PEERS", {name: ((f"no_such_{name}",), None) for name in ("torch", "jax")})
    assert run_bench("lrn", None, True, None) == 0
    assert "absent peers, skipped: torch, jax" in capsys.readouterr().out


def test_every_declared_peer_is_found_or_absent():
    found, absent = find_peers(peers.PEERS)
    assert sorted([peer.name for peer in found] + absent) == ["jax", "onnxruntime", "openvino", "torch"]


@pytest.mark.parametrize("name", ["torch", "onnxruntime", "openvino", "jax"])
@pytest.mark.parametrize("direction", ["forward", "gradient"])
def test_an_installed_peer_agrees_with_the_reference(name, direction):
    found, _ = find_peers(peers.PEERS)
    peer = next((peer for peer in found if peer.name == name), None)
    if peer is None:
        pytest.skip(f"{name} is not installed")
    rng = np.random.default_rng(4)
    x, dy = (rng.standard_normal((2, 7, 5, 3), np.float32) for _ in range(2))
    case, arrays = Case(direction, 0.6), Arrays("NCHW", x, dy)
    contender = peer.build(case, arrays, max(harness.thread_counts()))
    if contender is None:
        pytest.skip(f"{name} has no {direction}")
    assert relative_error(case, np.asarray(contender.run()), expected(case, arrays)) < 1e-5


def test_an_unknown_part_is_refused_with_the_list():
    parts = "'lrn', 'dropout', 'sparse-lp', 'cost', 'sweep', 'explore', 'all'"
    with pytest.raises(ValueError, match=re.escape(f"what='lnr': must be one of {parts}")):
        run_bench("lnr", None, True, None)


def test_a_file_in_no_folder_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match=r"json_file=.*is not a folder"):
        run_bench("lrn", tmp_path / "absent" / "rows.json", True, None)
    with pytest.raises(ValueError, match=r"figure=.*is not a folder"):
        run_bench("lrn", None, True, tmp_path / "absent" / "ratios.png")


def test_the_figure_shows_ratios_so_explore_has_none(tmp_path):
    with pytest.raises(ValueError, match=r"figure=.*: shows 'lrn', 'dropout', 'sparse-lp' and 'cost'"):
        run_bench("explore", None, True, tmp_path / "ratios.png")


def test_the_figure_is_a_picture(small, monkeypatch, tmp_path):
    fake_peer(monkeypatch, exactly)
    assert run_bench("lrn", None, True, tmp_path / "ratios.png") == 0
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert [file.name for file in tmp_path.iterdir()] == ["ratios.png"]


def test_relative_error_of_known_numbers():
    reference = np.array([2.0, -4.0, 0.5])
    result = np.array([2.0, -4.4, 0.6], np.float32)
    assert relative_error(FORWARD, result, reference) == pytest.approx(0.2)  # 0.1 of 0.5
    assert relative_error(Case("gradient", 0.75), result, reference) == pytest.approx(0.1)  # 0.4 of 4
    assert relative_error(FORWARD, np.array([2.0, np.nan, 0.5]), reference) == math.inf
    assert relative_error(FORWARD, reference[None], reference) == math.inf


def test_a_ratio_that_is_no_number_misses_its_target():
    assert Ratio("a / b", math.nan, 2.0).missed
    assert not Ratio("a / b", 2.0, 2.0).missed
    assert str(Ratio("a / b", 2.25, 2.0)) == "a / b 2.25 (≤ 2) ✗"


def test_a_ratio_may_have_to_be_large_or_have_no_target():
    assert Ratio("a / b", 14.9, 15.0, at_least=True).missed
    assert Ratio("a / b", math.nan, 15.0, at_least=True).missed
    assert not Ratio("a / b", 15.0, 15.0, at_least=True).missed
    assert str(Ratio("a / b", 14.5, 15.0, at_least=True)) == "a / b 14.50 (≥ 15) ✗"
    assert not Ratio("a / b", 1e9).missed
    assert str(Ratio("a / b", 2.25)) == "a / b 2.25"


def test_accuracy_is_measured_at_several_betas_and_meets_the_target():
    accuracy = lrn.measure_accuracy()
    assert len({each.name for each in accuracy}) == 16
    assert all(0 < each.value <= 1e-6 for each in accuracy)


def test_start_up_is_measured_in_fresh_processes():
    figures = {each.name: each for each in startup.measure_startup(1)}
    assert all(0 < each.value < 300 for each in figures.values())
    assert figures["import workbench"].target == 0.3


@pytest.mark.skipif(not startup.can_measure_memory(), reason="reads /proc")
def test_the_operator_makes_no_temporary_as_large_as_its_input():
    assert startup.extra_memory(Case("gradient", 0.75), "NHWC") < 0.5


@pytest.mark.skipif(not startup.can_measure_memory(), reason="reads /proc")
def test_the_memory_probe_sees_a_temporary():
    code = (
        "import numpy as np\n"
        "from workbench.bench.lrn import memory_probe as probe\n"
        "def with_temporary(case, arrays):\n"
        "    doubled = arrays.x * 2\n"
        "    return doubled + 1\n"
        "probe.ours = with_temporary\n"
        "print(probe.extra_memory(probe.Case('forward', 0.75), 'NCHW'))\n"
    )
    assert startup.run_fresh("-c", code) == pytest.approx(1.0, abs=0.1)
