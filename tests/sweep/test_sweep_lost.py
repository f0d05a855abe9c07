"""Trials that die, hang, or find the disk full."""

import ctypes
import os
import resource
import sys
from pathlib import Path

import pytest
from processes import has_ended, wait_until
from report.conftest import build, metric

from workbench.sweep import sweep
from workbench.sweep.target import find_target
from workbench.workers import pool

from . import functions
from .conftest import calls, essence, forked, journal, quick, table


@pytest.fixture(scope="module")
def lost(tmp_path_factory):
    """Run trials that end well, that end their process once or always, and that take too long, two at once."""
    place = tmp_path_factory.mktemp("lost")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("SWEEP_LOG", str(place / "calls.jsonl"))
        cases = ["fine", "first", "always", "sleeps", "deaf"]
        target = functions.ending
        return sweep(target, {"case": cases}, sampler="grid", jobs=2, timeout=1.5, output=place / "sweeps", name="s")


def case(result, name):
    return next(each for each in result.records() if each.parameters["case"] == name)


def test_a_trial_whose_process_is_lost_once_is_run_again_and_others_are_not_harmed(lost):
    assert lost.counts == {"ok": 2, "pruned": 0, "failed": 3}
    assert not lost.ok
    assert lost.best.parameters == {"case": "fine"}
    found = case(lost, "first")
    assert (found.status, found.attempts, found.error, found.values) == ("ok", 2, None, (5.0,))


def test_a_trial_whose_process_is_always_lost_has_failed(lost):
    found = case(lost, "always")
    assert (found.status, found.attempts, found.values) == ("failed", 2, ())
    assert found.error["kind"] == "lost process"
    assert found.error["message"] == "The process that ran it was ended by SIGKILL, perhaps for lack of memory."


@pytest.mark.parametrize("name", ["sleeps", "deaf"])
def test_a_trial_that_takes_too_long_is_ended(lost, name):
    found = case(lost, name)
    assert (found.status, found.attempts) == ("failed", 1)
    assert found.error["kind"] == "time-out"
    assert found.error["message"] == "Stopped after its time limit of 1.5 seconds."
    assert found.duration_seconds >= 1.5


def test_failures_are_in_the_table_and_on_the_page(lost):
    rows = {row["params_case"]: row for row in table(lost.folder)}
    assert [rows[name]["status"] for name in ("fine", "first", "always", "deaf")] == ["ok", "ok", "failed", "failed"]
    killed = "lost process: The process that ran it was ended by SIGKILL, perhaps for lack of memory."
    assert rows["always"]["error"] == killed
    assert rows["first"]["attempts"] == "2"
    assert rows["fine"]["error"] == ""
    page = (lost.folder / "report.html").read_text()
    assert killed in page
    assert "time-out: Stopped after its time limit of 1.5 seconds" in page


def test_the_trial_after_one_that_took_too_long_has_a_process_of_its_own():
    settings = {"sampler": "grid", "jobs": 1, "timeout": 1, "name": "s", "report": False}
    result = sweep(functions.ending, {"case": ["a", "bb", "sleeps"]}, **settings)
    found = [(each.parameters["case"], each.status, each.values) for each in result.records()]
    assert sorted(found) == [("a", "ok", (1.0,)), ("bb", "ok", (2.0,)), ("sleeps", "failed", ())]
    assert found[-1][0] != "sleeps"  # others come after it


def test_what_a_lost_process_said_is_kept():
    def speak(x=0.0):
        print("the last words")
        sys.stdout.flush()
        raise_fault()

    def raise_fault():
        ctypes.string_at(0)

    result = sweep(speak, {"x": 1.0}, sampler="grid", jobs=1, name="s", report=False)
    error = next(result.records()).error
    assert error["message"] == "The process that ran it was ended by SIGSEGV."
    assert "the last words" in error["traceback"]
    assert "Segmentation fault" in error["traceback"]
    assert "in raise_fault" in error["traceback"]


def test_a_module_that_a_process_cannot_import_fails_each_trial(tmp_path, monkeypatch):
    (tmp_path / "vanishing.py").write_text("def f(x=0.0):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    find_target("vanishing:f")
    (tmp_path / "vanishing.py").unlink()
    result = sweep("vanishing:f", {"x": "1,2"}, sampler="grid", jobs=1, name="s")
    assert result.counts["failed"] == 2
    error = next(result.records()).error
    assert (error["kind"], error["message"]) == ("set-up", "ModuleNotFoundError: No module named 'vanishing'")


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    """Run a notebook whose kernel dies once or always, that raises, or is fine."""
    place = tmp_path_factory.mktemp("notebooks")
    cell = """\
import os, pathlib, signal
if case == "once" and not pathlib.Path("died").exists():
    pathlib.Path("died").touch()
    os._exit(3)
if case == "always":
    os.kill(os.getpid(), signal.SIGKILL)
if case == "raises":
    raise RuntimeError("<b>bold</b>")"""
    cases = ["fine", "once", "always", "raises"]
    path = build(
        place / "n.ipynb", "# N", metric("loss", "len(case)"), cell, metric("late", "1"), parameters='case: str = "a"'
    )
    return sweep(path, {"case": cases}, sampler="grid", jobs=2, output=place / "sweeps")


def test_a_kernel_that_dies_is_a_lost_trial_too(notebooks):
    assert notebooks.counts == {"ok": 2, "pruned": 0, "failed": 2}
    assert [case(notebooks, name).attempts for name in ("fine", "once", "always", "raises")] == [1, 2, 2, 1]
    assert case(notebooks, "once").metrics == {"loss": 4, "late": 1}
    kinds = {name: case(notebooks, name).error["kind"] for name in ("always", "raises")}
    assert kinds == {"always": "dead kernel", "raises": "exception"}
    assert "SIGKILL" in case(notebooks, "always").error["message"]


def test_a_notebook_that_failed_is_kept_as_far_as_it_came(notebooks):
    found = case(notebooks, "raises")
    assert found.metrics == {"loss": 6}
    assert (notebooks.folder / "trials" / f"{found.number:05d}" / "notebook.ipynb").is_file()
    page = (notebooks.folder / "report.html").read_text()
    assert f'<a href="trials/{found.number:05d}/report.html">trial {found.number}</a>' in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page


def run_with(limit):
    """Run a sweep in a process that can write no more than so many bytes to a file; return what it raised."""
    before, message = resource.getrlimit(resource.RLIMIT_FSIZE), Path("message")

    def start():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            quick(functions.wordy, {"x": "0..1"}, sampler="random", trials=30)
            message.write_text("nothing")
        except BaseException as problem:
            message.write_text(f"{type(problem).__name__}: {problem}")

    process = forked(start)
    wait_until(lambda: has_ended(process))
    return message.read_text()


def test_a_full_disk_is_refused_before_any_trial(tmp_path):
    assert run_with(2**20).startswith("SweepError: output folder 'sweeps': no room for 16 MB (File too large)")
    assert calls() == []
    assert not (tmp_path / "sweeps" / "s").exists()


def test_a_disk_that_is_full_in_the_middle_stops_the_sweep_which_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.sweep.folder.RESERVE", 1)
    monkeypatch.setattr("workbench.sweep.folder.RECORD_BYTES", 1)
    folder = tmp_path / "sweeps" / "s"
    settings = {"sampler": "random", "in_process": True, "report": False, "trials": 30}
    message = run_with(2**20)  # each trial writes 100 kB
    assert message == (
        "SweepStopped: folder 'sweeps/s': cannot be written to (File too large); finished trials are kept; run the "
        "same command to continue"
    )
    done = [each["number"] for each in journal(folder)]
    assert done == list(range(len(done)))
    assert 5 <= len(done) < 30
    result = sweep(functions.wordy, {"x": "0..1"}, name="s", **settings)
    assert result.counts["ok"] == 30
    assert essence(result) == essence(sweep(functions.wordy, {"x": "0..1"}, name="whole", **settings))


def test_workers_share_the_threads_unless_the_user_has_said_otherwise(monkeypatch):
    for name in pool.THREAD_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")

    def threads(x=0.0):
        return {"loss": x, **{name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}}

    monkeypatch.setattr("workbench.sweep.run.available_threads", lambda: 6)
    result = sweep(threads, {"x": 1.0}, sampler="grid", jobs=2, name="s", report=False)
    assert next(result.records()).metrics == {"loss": 1.0, "OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "7"}
