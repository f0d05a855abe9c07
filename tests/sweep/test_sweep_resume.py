"""Sweeps that are killed, and go on."""

import json
import os
import shutil
import signal

import nbformat
import pytest
from processes import below, has_ended, wait_until, workbench
from report.conftest import build, metric

from workbench.sweep import SweepError, sweep

from . import functions
from .conftest import FUNCTIONS, InThreads, calls, essence, forked, journal, parameters, quick

SPACE = {"x": "-5..5:7", "y": "-5..5:3"}
TRIALS = 21

# name: function, sampler, pruner, trials at once, and after how many lines more of the journal the sweep is killed
CASES = {
    "grid": ("shuffled_bowl", "grid", "none", 2, (1, 9)),
    "random": ("shuffled_bowl", "random", "none", 1, (1, 3, 8)),
    "qmc": ("shuffled_bowl", "qmc", "none", 3, (7,)),
    "tpe": ("shuffled_bowl", "tpe", "none", 3, (1, 11, 4)),
    "median": ("pruned_bowl", "tpe", "median", 2, (5, 8)),
    "halving": ("pruned_bowl", "random", "halving", 2, (6, 6)),
}


def run(name, output, order=3, **settings):
    function, sampler, pruner, at_once, _ = CASES[name]
    asked = {"sampler": sampler, "pruner": pruner, "trials": TRIALS, "jobs": at_once, "seed": 3, "report": False}
    with InThreads(at_once, order) as pool:
        target = f"{FUNCTIONS}:{function}"
        return sweep(target, SPACE, name=name, output=output, **{"executor": pool, **asked, **settings})


def killed(name, folder, lines):
    """Start a sweep, and kill it as soon as `lines` more trials have ended; further trials wait."""
    wanted, begun = len(journal(folder)) + lines, len(calls())

    def start():
        os.environ["SWEEP_HOLD"] = str(begun + lines)
        run(name, "killed")

    process = forked(start)
    wait_until(lambda: len(journal(folder)) >= wanted)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


@pytest.mark.parametrize("name", CASES)
def test_a_sweep_that_is_killed_ends_as_one_that_is_not(name, tmp_path):
    folder, sessions = tmp_path / "killed" / name, []
    for lines in CASES[name][-1]:
        killed(name, folder, lines)
        sessions.append(({each["number"] for each in journal(folder)}, len(calls())))
    assert 0 < len(sessions[-1][0]) < TRIALS
    with (folder / "trials.jsonl").open("a") as file:
        file.write('{"number": 20, "status": "ok", "para')  # cut off
    result = run(name, "killed", order=2)
    called = [each["number"] for each in calls()]
    assert set(called) == set(range(TRIALS))
    for finished, before in sessions:
        assert not finished & set(called[before:])
    assert essence(result) == essence(run(name, "whole", order=1))
    pruned = sum(each.status == "pruned" for each in result.records())
    assert (pruned > 0) == (CASES[name][2] != "none")


def test_a_function_that_is_deaf_and_what_it_has_started_end_with_the_sweep(tmp_path):
    words = ["-p", "case=busy,idle", "--sampler", "grid", "--jobs", "2", "--name", "s"]
    process = workbench("sweep", f"{FUNCTIONS}:stubborn", *words)
    wait_until(lambda: len(calls()) == 2 or process.poll() is not None)
    started = [pid for each in calls() for pid in each.values()]
    process.kill()
    process.communicate()
    assert len(started) == 4
    try:
        wait_until(lambda: all(map(has_ended, started)))
    finally:
        for each in started:
            if not has_ended(each):
                os.kill(each, signal.SIGKILL)


NOTE = """\
import json, os, time
handle = os.open(os.environ["SWEEP_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(handle, (json.dumps({"alpha": alpha, "pid": os.getpid(), "parent": os.getppid()}) + "\\n").encode())
time.sleep(pause)
if "SWEEP_HOLD" in os.environ and len(open(os.environ["SWEEP_LOG"]).readlines()) == 2:
    time.sleep(600)"""
CELL = "alpha: float = 0.5  # [0 .. 1]\nseed: int = 0\npause: float = 0.0"


def test_a_notebook_that_is_killed_goes_on_and_leaves_no_kernel(tmp_path):
    build(tmp_path / "n.ipynb", "# N", NOTE, metric("loss", "alpha * 2"), metric("given", "seed"), parameters=CELL)
    words = ["-p", "alpha=0.25,0.5,0.75", "-p", "pause=0.01", "--sampler", "grid", "--jobs", 1]
    process = workbench("sweep", "n.ipynb", *words, env={**os.environ, "SWEEP_HOLD": "1"})
    folder = tmp_path / "sweeps" / "n"
    wait_until(lambda: len(calls()) == 2 or process.poll() is not None)  # the second runs
    started = below(process)
    process.kill()
    process.communicate()
    assert len(started) == 3  # a worker, the one that watches it, and its kernel
    assert {calls()[1]["pid"], calls()[1]["parent"]} < set(started)
    wait_until(lambda: all(map(has_ended, started)))
    (first,) = journal(folder)
    lines = (folder / "trials.jsonl").read_text()
    shutil.copytree(folder / "trials" / f"{first['number']:05d}", folder / "trials" / "00002")  # killed before its line
    space = {"alpha": "0.25,0.5,0.75", "pause": "0.01"}
    with pytest.raises(SweepError, match="exists with another definition"):
        sweep("n.ipynb", {**space, "pause": "0.1"}, sampler="grid")
    result = sweep("n.ipynb", space, sampler="grid", jobs=1)
    assert result.counts == {"ok": 3, "pruned": 0, "failed": 0}
    assert (folder / "trials.jsonl").read_text().startswith(lines)
    ran = [each["alpha"] for each in calls()]
    assert sorted(ran) == sorted([0.25, 0.5, 0.75, ran[1]])  # only the one that was killed ran twice
    assert ran[2] == ran[1]
    for each in result.records():
        assert each.metrics == {"loss": 2 * each.parameters["alpha"], "given": each.seed}
        assert each.parameters["seed"] == each.seed
        left = folder / "trials" / f"{each.number:05d}"
        names = sorted(path.name for path in left.iterdir())
        assert names == ["manifest.json", "metrics.json", "notebook.ipynb", "report.html"]
        assert json.loads((left / "metrics.json").read_text())["parameters"] == each.parameters
        assert nbformat.read(left / "notebook.ipynb", as_version=4).cells[-1].outputs[0].data
    assert not [path for path in folder.rglob(".*")]
    page = (folder / "report.html").read_text()
    assert all(f'href="trials/{number:05d}/notebook.ipynb"' in page for number in range(3))


def bowl(**settings):
    return quick(functions.shuffled_bowl, SPACE, **{"sampler": "random", "seed": 5, **settings})


def test_more_trials_extend_a_sweep_and_fewer_leave_it():
    few = essence(bowl(trials=3))
    assert len(few) == 3
    more = essence(bowl(trials=7))
    assert more[:3] == few
    assert [each[0] for each in more] == list(range(7))
    assert essence(bowl(trials=2)) == more
    assert [each["number"] for each in calls()] == list(range(7))


def test_a_grid_is_covered_in_sessions_of_any_size():
    for trials in (2, 3, 11):
        assert len(parameters(bowl(sampler="grid", trials=trials))) == trials
    assert bowl(sampler="grid").counts["ok"] == 21
    assert bowl(sampler="grid", trials=1000).counts["ok"] == 21
    assert [each["number"] for each in calls()] == list(range(21))
    found = [(each["x"], each["y"]) for each in parameters(bowl(sampler="grid"))]
    assert len(set(found)) == 21


def test_trials_may_go_on_with_another_number_of_jobs():
    """A trial knows the earlier trials of the whole sweep, not only those since it went on."""
    with InThreads(3) as pool:
        settings = {"in_process": False, "executor": pool, "sampler": "tpe"}
        whole = bowl(name="whole", jobs=3, trials=16, **settings)
        bowl(jobs=3, trials=5, **settings)
        bowl(trials=11, sampler="tpe")
        assert essence(bowl(jobs=3, trials=16, **settings)) == essence(whole)


def test_what_a_failed_trial_was_is_kept_and_it_is_not_run_again():
    for _ in range(2):
        result = quick(functions.ending, {"case": "a,bb"}, "size", sampler="grid")
        assert result.counts == {"ok": 0, "pruned": 0, "failed": 2}


def test_a_second_sweep_of_the_same_name_is_refused_and_the_first_goes_on(tmp_path):
    def wait_for_file(trial, x: float = 0.0):
        wait_until(lambda: (tmp_path / "go").exists())
        return x

    def start():
        quick(wait_for_file, {"x": "0..1"}, trials=3, sampler="random")

    process = forked(start)
    folder = tmp_path / "sweeps" / "s"
    wait_until(lambda: (folder / "sweep.json").exists())
    with pytest.raises(SweepError) as raised:
        quick(wait_for_file, {"x": "0..1"}, trials=3, sampler="random")
    assert str(raised.value) == (
        f"sweep 's' in 'sweeps': is running in process {process}; wait for it to end, or give another name"
    )
    assert journal(folder) == []
    (tmp_path / "go").touch()
    os.waitpid(process, 0)
    assert [each["number"] for each in journal(folder)] == [0, 1, 2]
