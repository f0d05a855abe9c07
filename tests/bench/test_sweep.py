"""The bench of sweeps: its rows for known measurements, and the measurements themselves on few trials."""

import dataclasses
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from workbench.bench import run_bench, sweep
from workbench.bench.driver import Settings, WrongResult
from workbench.sweep import SweepResult
from workbench.sweep.folder import read_records

FOUND = {
    ("function", 1000): {"trials_seconds": 3.5},
    ("notebook", 6): {"beyond": 1.75, "own": 2.5},
    ("simulated", 200): {
        "trials_seconds": 0.25,
        "peak_kilobytes": 50_000,
        "report_peak_kilobytes": 80_000,
        "megabytes": 1.0,
        "part proposing": 0.1,
    },
    ("simulated", 1000): {
        "trials_seconds": 1.0,
        "peak_kilobytes": 51_000,
        "report_peak_kilobytes": 83_000,
        "megabytes": 2.0,
        "part proposing": 0.2,
    },
    ("simulated", 4000): {
        "trials_seconds": 5.0,
        "peak_kilobytes": 51_600,
        "report_peak_kilobytes": 84_500,
        "megabytes": 7.0,
        "part proposing": 0.75,
    },
    ("guided", 200): {"first": 0.004, "last": 0.032},
}


@pytest.fixture
def canned(monkeypatch):
    """Let the measurements return the values above."""
    monkeypatch.setattr(sweep, "run_probe", lambda kind, trials: FOUND[kind, trials])


def test_measurements_and_their_targets(canned):
    results = sweep.bench(Settings(True, 3, lambda line: None))
    found = {each.name: each for each in results.measurements}
    assert found["1,000 trials of 1 ms, two processes, the trials alone"].value == 3.5
    assert found["1,000 trials of 1 ms, two processes, from start of Python to report"].target == 10.0
    beyond = found["6 notebook trials, beyond the notebook's own time, each"]
    assert (beyond.value, beyond.target, beyond.missed) == (1.75, 1.5, True)
    grown = found["memory left behind by a trial, 1,000 to 4,000 simulated"]
    assert grown.value == pytest.approx(600 / 3000)  # from the two largest sweeps alone
    assert grown.missed
    assert found["memory left behind by a trial, opened again and drawn"].value == pytest.approx(0.5)
    assert found["of 4,000 simulated, proposing"].value == 0.75
    assert found["4,000 simulated trials, on the disk"].value == 7.0
    assert found["one proposal by TPE after 200 trials"].value == pytest.approx(32)
    assert {"optuna", "papermill", "numpy"} <= set(results.versions)


def test_the_command_writes_them(canned, tmp_path, capsys):
    assert run_bench("sweep", tmp_path / "sweep.json", True, None) == 0
    content = json.loads((tmp_path / "sweep.json").read_text())
    assert content["rows"] == []
    assert len(content["measurements"]) == 13
    assert "6 notebook trials, beyond the notebook's own time" in capsys.readouterr().out


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Return what the probe of simulated trials finds, and the folder of its sweep."""
    place = tmp_path_factory.mktemp("sweeps")
    return sweep.simulated(4, place), place / "simulated"


def test_a_probe_of_simulated_trials(simulated):
    found, _ = simulated
    parts = (
        "proposing",
        "writing down",
        "waiting for the disk",
        "opening it again, tables, pictures and page",
    )
    assert {f"part {name}" for name in parts} <= set(found)
    assert all(value > 0 for value in found.values())
    assert all(found[f"part {name}"] < found["trials_seconds"] for name in parts[:-1])


def test_a_probe_of_short_functions_in_a_process_of_its_own():
    assert sweep.run_probe("function", 5)["trials_seconds"] > 0.005


def test_a_probe_of_guided_trials(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep, "TIMED", 12)
    assert set(sweep.guided(14, tmp_path)) == {"first", "last"}


def test_a_probe_of_notebooks(tmp_path):
    found = sweep.notebook(1, tmp_path)
    assert found["own"] > 0
    assert found["beyond"] > 0  # a kernel has to start


def test_a_probe_that_fails_is_a_wrong_result():
    with pytest.raises(WrongResult, match=r"the sweep of 7 trials \(nonsense\) failed:\n"):
        sweep.run_probe("nonsense", 7)


def test_what_is_missing_or_wrong_is_noticed(simulated, tmp_path):
    folder = shutil.copytree(simulated[1], tmp_path / "simulated")
    records = list(read_records(folder))
    whole = SweepResult(folder, None, {"ok": 4}, None)
    sweep._check(whole, 4)
    with pytest.raises(SystemExit, match="4 of 5 trials are there"):
        sweep._check(whole, 5)
    changed = dataclasses.replace(records[2], values=(records[2].values[0] + 0.001,))
    for lines, message in (
        ([records[0], records[1], records[3]], "trial 3 in place 2 is wrong"),
        ([*records[:2], changed, records[3]], "trial 2 in place 2 is wrong"),
    ):
        (folder / "trials.jsonl").write_text("".join(record.to_json() + "\n" for record in lines))
        with pytest.raises(SystemExit, match=message):
            sweep._check(whole, 4)


def test_an_interrupted_probe_leaves_no_folder(monkeypatch, tmp_path):
    def interrupted(command, **_):
        (Path(command[-1]) / "records").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep.run_probe("function", 5)
    assert not list(tmp_path.iterdir())
