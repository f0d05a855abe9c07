"""Helpers of the tests of sweeps: read the files of a sweep, and start one that can be killed."""

import csv
import json
import os
import pickle
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench.sweep import sweep
from workbench.sweep.definition import Definition, Objective
from workbench.sweep.records import Record
from workbench.sweep.space import Space

FUNCTIONS = Path(__file__).with_name("functions.py")


@pytest.fixture(autouse=True)
def in_a_new_folder(tmp_path, monkeypatch):
    """Work in an empty folder, where `sweeps` is the default output; functions log their calls to calls.jsonl."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "calls.jsonl"))


@pytest.fixture(autouse=True, scope="session")
def small_pictures():
    """Save the pictures of pages with few pixels, which takes less time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.sweep.page.DPI", 30)
        yield


def quick(function, space, *objective, **settings):
    """Sweep in this process without writing a page."""
    return sweep(function, space, *objective, **{"in_process": True, "report": False, "name": "s", **settings})


def calls(path: Path = Path("calls.jsonl")) -> list[dict]:
    """Return the calls that functions have logged."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def journal(folder: Path) -> list[dict]:
    """Return the whole lines of a sweep's journal."""
    file = folder / "trials.jsonl"
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def essence(result) -> list[tuple]:
    """Return the parts of each trial that must be the same in two equal sweeps."""
    return [
        (each.number, each.status, each.parameters, each.metrics, each.values, each.seed, each.intermediate)
        for each in result.records()
    ]


def parameters(result) -> list[dict]:
    """Return the parameters of each trial, in the order of their numbers."""
    return [record.parameters for record in result.records()]


def table(folder: Path) -> list[dict[str, str]]:
    """Return the rows of trials.csv."""
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def definition(dimensions: dict, *objectives: str, fixed: dict | None = None, **settings) -> Definition:
    """Return a definition made by hand; write an objective as -name to maximize it."""
    made = tuple(Objective(each.lstrip("-"), "maximize" if each[0] == "-" else "minimize") for each in objectives)
    known = {
        "name": "s",
        "target": "t",
        "digest": "d",
        "sampler": "random",
        "pruner": "none",
        "seed": 0,
        "in_flight": 1,
    }
    return Definition(space=Space(dimensions, fixed or {}), objectives=made, **{**known, **settings})


def record(number: int, values: tuple = (), **settings) -> Record:
    """Return a record made by hand."""
    known = {
        "status": "ok",
        "parameters": {},
        "metrics": {},
        "spread": (None,) * len(values),
        "seed": number,
        "started": "2030-01-01T00:00:00.000+00:00",
        "duration_seconds": 0.5,
        "attempts": 1,
        "versions": {"python": "3"},
        "error": None,
    }
    return Record(number=number, values=values, **{**known, **settings})


class InThreads(Executor):
    """Run trials of a function in threads of this process, where starting costs nothing.

    How long each takes differs, and so does the order in which they finish, with `order`.
    """

    def __init__(self, at_once: int, order: int = 3):
        self._pool = ThreadPoolExecutor(at_once)
        self._order = order
        self._run = None

    def submit(self, run, /, setup, task) -> Future:
        self._run = self._run or pickle.loads(setup.work.pickled)
        return self._pool.submit(self._slowly, task)

    def _slowly(self, task):
        time.sleep(task.number * self._order % 5 * 0.004)
        return self._run(task)


def forked(do) -> int:
    """Call `do` in a copy of this process, where starting costs nothing; return its number."""
    process = os.fork()
    if process:
        return process
    try:
        do()
    finally:
        os._exit(0)
