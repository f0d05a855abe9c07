"""Workers by themselves: their input, their answers, and what is left when a process is killed."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import cloudpickle
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from processes import has_ended, wait_until

from workbench.workers import pool
from workbench.workers.messages import FunctionWork, NotebookWork, Outcome, Setup, Task
from workbench.workers.pool import Closed, close_workers, run_alone, run_task

START = "2030-01-01T00:00:00.000+00:00"


def silent(cell_index):
    """Ignore a finished cell."""


def function_setup(function, session="s", **settings):
    return Setup(session, FunctionWork(cloudpickle.dumps(function)), path=tuple(sys.path), **settings)


def notebook_setup(folder, *cells, **settings):
    text = nbformat.writes(new_notebook(cells=[new_code_cell(cell) for cell in cells]))
    return Setup("n", NotebookWork(text, "n.ipynb", str(folder), **settings))


def test_a_function_takes_tasks_one_after_another_in_one_process():
    def double(task):
        return Outcome("ok", START, 0.0, {"twice": 2 * task.parameters["x"], "pid": os.getpid()})

    setup = function_setup(double, "one")
    try:
        first, second = (run_task(setup, Task(number, {"x": number})) for number in (3, 4))
    finally:
        close_workers("one")
    assert (first.metrics["twice"], second.metrics["twice"]) == (6, 8)
    assert first.metrics["pid"] == second.metrics["pid"] != os.getpid()
    assert has_ended(first.metrics["pid"])


def test_a_worker_that_runs_a_function_imports_nothing_that_reads_notebooks():
    def imported(task):
        heavy = ("nbformat", "nbclient", "papermill", "jupyter_client", "ipykernel", "IPython", "matplotlib", "optuna")
        return Outcome("ok", START, 0.0, {name: name in sys.modules for name in heavy})

    assert set(run_alone(function_setup(imported), Task(0, {}), silent).metrics.values()) == {False}


@pytest.mark.usefixtures("no_process")
def test_a_worker_of_a_session_that_has_ended_is_not_started():
    close_workers("over")
    with pytest.raises(Closed):
        run_alone(function_setup(len, "over"), Task(0, {}), silent)


def test_a_notebook_tells_of_each_cell_and_is_finished_where_it_ran(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the worker imports this module
    told = []
    setup = notebook_setup(tmp_path, "x = 2", "print(x)", finish=describe_place)
    found = run_alone(setup, Task(5, {}), told.append)
    assert told == [0, 1]
    assert (found.status, found.error) == ("ok", None)
    assert found.metrics == {"number": 5, "printed": "2\n", "names": ["figures", "notebook.ipynb"]}
    assert not Path(found.attributes["place"]).exists()  # it was a temporary folder


def describe_place(work, task, outcome, place):
    printed = nbformat.read(place / "notebook.ipynb", as_version=4).cells[-1].outputs[0].text
    names = sorted(path.name for path in place.iterdir())
    metrics = {"number": task.number, "printed": printed, "names": names}
    return Outcome(outcome.status, outcome.started, 0.0, metrics, outcome.error, attributes={"place": str(place)})


HELPER = """\
import json, os, pathlib, subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
found = [os.getpid(), os.getppid(), helper.pid, os.environ["WORKBENCH_FIGURES"]]
pathlib.Path("new").write_text(json.dumps(found))
os.rename("new", "found")
time.sleep(600)"""


@pytest.mark.parametrize("who", ["the parent", "the worker"])
def test_a_kernel_what_it_has_started_and_its_folder_end_with_the_worker_and_its_parent(who, tmp_path):
    setup = notebook_setup(tmp_path, HELPER)
    parent = multiprocessing.get_context("fork").Process(target=run_alone, args=(setup, Task(0, {}), silent))
    parent.start()
    wait_until(lambda: (tmp_path / "found").exists())
    *started, figures = json.loads((tmp_path / "found").read_text())
    assert Path(figures).is_dir()
    os.kill(parent.pid if who == "the parent" else started[1], signal.SIGKILL)
    wait_until(lambda: all(map(has_ended, started)))
    wait_until(lambda: not Path(figures).parent.parent.exists())
    parent.join()
    assert parent.exitcode == (-signal.SIGKILL if who == "the parent" else 0)  # a lost worker is an outcome


GUARDED = """\
import sys, time
from workbench.workers.worker import Watcher
Watcher().guard(folder=sys.argv[1])
print("ready", flush=True)
time.sleep(600)"""


@pytest.mark.parametrize("between", ["\n0 ", "\u20280 ", os.fsdecode(b"\xff")])
def test_only_the_guarded_folder_is_removed_whatever_its_name(between, tmp_path):
    mine = tmp_path / "mine" / "notebook-1"
    guarded = Path(f"{tmp_path}/x{between}{mine}")
    for folder in (mine, guarded):
        folder.mkdir(parents=True)
        (folder / "thesis.txt").write_text("years of work")
    command = [sys.executable, "-c", GUARDED, str(guarded)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, start_new_session=True) as process:
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
    wait_until(lambda: not guarded.exists())
    assert (mine / "thesis.txt").exists()


def test_a_worker_knows_where_the_users_files_are(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_FROM", raising=False)
    setup = Setup("session", FunctionWork(b""))
    assert pool._environment(setup)["WORKBENCH_FROM"] == str(tmp_path)
    monkeypatch.setenv("WORKBENCH_FROM", "there")  # a notebook that runs has started a worker of its own
    assert pool._environment(setup)["WORKBENCH_FROM"] == "there"
    monkeypatch.delenv("WORKBENCH_FROM")
    tmp_path.rmdir()
    assert "WORKBENCH_FROM" not in pool._environment(setup)
