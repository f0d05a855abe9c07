"""The bench of LRN on small shapes: rows, ratios, wrong results, peers, accuracy and memory."""

import json

import numpy as np
import pytest

from workbench.bench import lrn, lrn_peers, run_bench
from workbench.bench.driver import Settings, present_peers
from workbench.bench.results import Measurement
from workbench.lrn import kernels
from workbench.machines.prediction import BOUNDS
from workbench.machines.timing import thread_counts


def exactly(case):
    return case.expected()[0].astype(np.float32)


def is_nchw(case):
    return case.layout == "NCHW"


def test_rows_are_written_as_json(small, fake_peer, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(lrn, "measure_accuracy", lambda: [Measurement("error", 2e-7, "", 1e-6)])
    monkeypatch.setattr(lrn, "measure_memory", lambda say: [Measurement("memory", 0.5, "", 0.3)])
    fake_peer(lrn, exactly, is_nchw)
    assert run_bench("lrn", tmp_path / "rows.json", True, tmp_path / "ratios.png") == 0
    content = json.loads((tmp_path / "rows.json").read_text())
    assert set(content) == {"machine", "versions", "rows", "measurements"}
    assert {"cpu", "threads"} <= set(content["machine"])
    assert {"workbench", "python", "numpy", "numba", "fake"} <= set(content["versions"])
    assert sorted((row["layout"], row["threads"], row["direction"], row["beta"]) for row in content["rows"]) == sorted(
        2 * [(layout, n, *which) for layout in ("NCHW", "NHWC") for n in (1, 2) for which in
             (("forward", 0.75), ("forward", 0.6), ("gradient", 0.75))]
    )  # fmt: skip
    for row in content["rows"]:
        assert (row["operator"], tuple(row["shape"]) in lrn.SHAPES, "arguments" in row) == ("LRN", True, False)
        assert 0 < row["copy_seconds"] <= row["limit_seconds"]
        assert min(row["seconds"], row["predicted_seconds"]) > 0 <= row["iqr_seconds"]
        assert list(row["peers"]) == (["fake"] if row["layout"] == "NCHW" else [])
        assert row["versions"]["numba"] == content["versions"]["numba"]
        assert row["bound"] in BOUNDS
    assert [each["name"] for each in content["measurements"]] == ["error", "memory"]
    assert content["measurements"][1] == {"name": "memory", "value": 0.5, "unit": "", "target": 0.3}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ratios.png", "rows.json"]
    assert (tmp_path / "ratios.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    shown = capsys.readouterr().out
    assert "verified 24 configurations" in shown
    assert "| direction | beta | shape | layout | threads |" in shown
    assert "| forward | 0.75 | 2×7×53×47 | NHWC | 2 |" in shown
    assert "memory: 0.5 (≤ 0.3) ✗" in shown
    assert "square roots and divisions on data that stays in L1" in shown


def test_ratios_and_limits_of_known_times(small, known_times, monkeypatch):
    monkeypatch.setattr(lrn, "SHAPES", ((1, 6, 5, 3),))
    known_times(
        {
            "copy, two arrays into one": 2.0,
            "copy": 1.0,
            "180 square roots and 90 divisions": 3.0,
            "LRN forward, 0.75, 1×6×5×3 NCHW": 6.0,
            "LRN forward, 0.6, 1×6×5×3 NCHW": 12.0,
            "LRN gradient, 0.75, 1×6×5×3 NCHW": 24.0,
            "LRN forward, 0.75, 1×6×5×3 NHWC": 12.0,
            "LRN forward, 0.6, 1×6×5×3 NHWC": 6.0,
            "LRN gradient, 0.75, 1×6×5×3 NHWC": 18.0,
        }
    )
    rows = lrn.bench(Settings(True, 1, lambda line: None)).rows[:6]
    assert [(row.seconds, row.copy_seconds, row.limit_seconds, *map(str, row.ratios)) for row in rows] == [
        (6.0, 1.0, 3.0, "forward / limit 2.00 (≤ 1.6) ✗"),
        (12.0, 1.0, 1.0, "other beta / 0.75 2.00 (≤ 2.5)"),
        (24.0, 2.0, 3.0, "gradient / forward 4.00 (≤ 2.5) ✗"),
        (12.0, 1.0, 3.0, "forward / limit 4.00 (≤ 1.6) ✗", "NHWC / NCHW 2.00 (≤ 1.5) ✗"),
        (6.0, 1.0, 1.0, "other beta / 0.75 0.50 (≤ 2.5)", "NHWC / NCHW 0.50 (≤ 1.5)"),
        (18.0, 2.0, 3.0, "gradient / forward 1.50 (≤ 2.5)", "NHWC / NCHW 0.75 (≤ 1.5)"),
    ]


def test_a_wrong_result_is_named_and_nothing_is_timed(small, untimed, monkeypatch, tmp_path, capsys):
    right = kernels.local_response_norm

    def wrong(x, window, channels_last):
        y = right(x, window, channels_last)
        if channels_last and window.beta == 0.6:
            y.reshape(-1)[-1] *= np.float32(1 + 2e-6)
        return y

    monkeypatch.setattr(kernels, "local_response_norm", wrong)
    assert run_bench("lrn", tmp_path / "rows.json", True, None) == 1
    shown = capsys.readouterr().out
    assert "LRN forward, 0.6, 1×6×5×3 NHWC, 1 thread: y is wrong at 1 of 90 places" in shown
    assert "4 results are wrong; nothing was timed" in shown  # two shapes, two thread counts
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_peer_fails_the_bench_by_name(small, untimed, fake_peer, capsys):
    fake_peer(lrn, lambda case: exactly(case) * np.float32(1.001), is_nchw)
    assert run_bench("lrn", None, True, None) == 1
    assert "fake, LRN forward, 0.75, 1×6×5×3 NCHW, 1 thread: y is wrong at 90 of 90" in capsys.readouterr().out


def test_every_installed_peer_agrees_with_the_reference():
    for peer in present_peers(lrn.PEERS, lambda line: None):
        for case in [*lrn.cases((2, 7, 5, 3)), *lrn.mode_cases((2, 37, 5, 3))]:
            theirs = peer.results(case, max(thread_counts()))
            assert theirs is None or case.problem(theirs, case.expected(), 1e-5) == "", (peer.name, str(case))


def test_which_peer_stands_beside_which_mode():
    def beside(case):
        return " ".join(name for name, modes in lrn_peers.MODES.items() if modes.include(case))

    every = "torch onnxruntime openvino jax"
    assert [(case.direction, case.layout, beside(case)) for case in lrn.cases((2, 7, 5, 3))[::2]] == [
        ("forward", "NCHW", every),
        ("gradient", "NCHW", "torch jax"),
        ("forward", "NHWC", "torch jax"),
    ]
    modes = {case.layout: beside(case) for case in lrn.mode_cases((2, 37, 5, 3))}
    assert modes.pop("bfloat16", "") == ""  # the mode is there if ml_dtypes is
    assert modes == {
        "plain": every,
        "float64": "torch jax",
        "float16": "openvino jax",
        "Fortran order": every,
        "one huge value": "",
        "sparse, bias 1e-7": "torch jax",
        "size 9": every,
        "size 31": every,
        "NHWC, size 9": "torch jax",
        "NHWC, size 31": "torch jax",
        "within, size 5": "openvino jax",
        "within, size 15": "openvino jax",
        "float64, beta 0.6": "torch jax",
    }


def test_a_peer_is_not_asked_for_a_mode_that_it_lacks():
    within = next(case for case in lrn.mode_cases((2, 37, 5, 3)) if case.layout == "within, size 5")
    for name in ("torch", "onnxruntime"):
        _, build = lrn_peers.PEERS[name]
        assert build(within, 1) is None


def test_accuracy_is_measured_at_several_betas_and_meets_the_target():
    accuracy = lrn.measure_accuracy()
    assert [each.name for each in accuracy][7:9] == [
        "relative error, forward, beta 2",
        "relative error, gradient, beta 0.1",
    ]
    assert len(accuracy) == 16
    assert all(0 < each.value <= 1e-6 for each in accuracy)


def test_the_operator_makes_no_temporary_as_large_as_its_input_and_the_probe_would_see_one(monkeypatch):
    # test_every_operator.py looks at the memory of all operators and layouts: one here shows that the probe works.
    run, calls = lrn.run_fresh, []

    def run_one(code):
        calls.append(code)
        return run(code) if len(calls) == 4 else 0.25

    with monkeypatch.context() as patch:
        patch.setattr(lrn, "run_fresh", run_one)
        found = lrn.measure_memory(lambda line: pytest.skip("reads /proc"))
    assert [each.name.removeprefix("peak extra memory / input, ") for each in found] == [
        f"{direction} {layout}" for direction in ("forward", "gradient") for layout in ("NCHW", "NHWC")
    ]
    assert [code[code.index("(") :] for code in calls] == [
        f"(lrn.extra_memory({name!r}, {layout!r}))" for name in ("LRN", "LRNGradient") for layout in ("NCHW", "NHWC")
    ]
    assert [each.value for each in found[:3]] == [0.25] * 3
    assert found[3].value < 0.5
    code = (
        "import types\n"
        "from workbench.bench import lrn as probe\n"
        "def with_temporary(x, order):\n"
        "    doubled = x * 2\n"
        "    return doubled + 1\n"
        "probe.OPERATORS = {'LRN': types.SimpleNamespace(run=with_temporary, inputs=('x',))}\n"
        "print(probe.extra_memory('LRN', 'NCHW'))\n"
    )
    assert lrn.run_fresh(code) == pytest.approx(1.0, abs=0.1)


def test_every_mode_is_right_and_stands_beside_the_call_without_it():
    cases = lrn.mode_cases((2, 37, 5, 3))
    assert [case.problem(case.ours(), case.expected()) for case in cases] == [""] * len(cases)
    beside = {case.layout: case.targets[0].over for case in cases if case.targets}
    assert list(beside) == [case.layout for case in cases[2:]]
    assert {mode: over.layout for mode, over in beside.items() if over.layout != "plain"} == {
        "float64, beta 0.6": "float64"
    }
    (huge,) = (case.inputs[0] for case in cases if case.layout == "one huge value")
    assert (np.count_nonzero(huge != cases[0].inputs[0]), huge.max()) == (1, np.float32(1e30))
