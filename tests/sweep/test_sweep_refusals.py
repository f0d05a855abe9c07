"""Sweeps that are refused before anything has run."""

import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from report.conftest import PARAMETERS, build, metric

from workbench.files import Refused
from workbench.sweep import SweepError, sweep
from workbench.sweep.definition import Objective, read_objectives
from workbench.sweep.target import find_target

from . import functions
from .conftest import FUNCTIONS, calls, quick

pytestmark = pytest.mark.usefixtures("no_process")
BOWL = functions.bowl
X = {"x": "0..1"}


def refused(target, space, *message, **settings):
    """See that a sweep is refused with the words of `message`, that nothing has run, and that nothing was left."""
    settings.setdefault("name", "s")
    with pytest.raises(Refused) as raised:
        sweep(target, space, **settings)
    for words in message:
        assert words in str(raised.value)
    assert calls() == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "bayes"}, "sampler='bayes': must be one of 'grid', 'random', 'qmc', 'tpe', 'gp'"),
        ({"sampler": None}, "sampler=None: must be one of"),
        ({"sampler": "grid"}, "x=0.0..1.0: a grid needs the number of points of this range, as in x=0.0..1.0:10"),
        ({"pruner": "hyperband"}, "pruner='hyperband': must be one of 'none', 'median', 'halving', 'wilcoxon'"),
        ({"pruner": "median"}, "pruner='median': sweep.functions:bowl reports no intermediate values"),
        ({"objective": []}, "objective=[]: give one metric, or two for a Pareto front"),
        ({"objective": ["a", "b", "c"]}, "objective=['a', 'b', 'c']: give one metric, or two for a Pareto front"),
        ({"objective": ["a", "a:max"]}, "objective=['a', 'a:max']: the two metrics must differ"),
        ({"objective": ""}, "objective='': must be the name of a metric, as in loss, loss:min or accuracy:max"),
        ({"trials": 0}, "trials=0: must be a whole number of at least 1"),
        ({"trials": 2.0}, "trials=2.0: must be a whole number of at least 1"),
        ({"jobs": 0}, "jobs=0: must be a whole number of at least 1"),
        ({"jobs": "2"}, "jobs='2': must be a whole number of at least 1"),
        ({"seed": -1}, "seed=-1: must be a whole number of at least 0"),
        ({"seed": True}, "seed=True: must be a whole number of at least 0"),
        ({"timeout": 0}, "timeout=0: must be a number of seconds above 0"),
        ({"timeout": "5"}, "timeout='5'"),
        ({"timeout": float("inf")}, "timeout=inf: must be finite, a number of seconds above 0"),
        ({"name": ""}, "name '': must be letters, digits and _.=+- alone"),
        ({"name": "../up"}, "name '../up': must be letters, digits and _.=+- alone"),
        ({"name": ".hidden"}, "not begin with a dot"),
        ({"in_process": True, "jobs": 2}, "in_process=True: runs one trial at a time and cannot stop it"),
        ({"in_process": True, "timeout": 1}, "in_process=True: runs one trial at a time and cannot stop it"),
        ({"in_process": True, "scheduler": "tcp://x:1"}, "executor, scheduler and in_process: give one of them"),
        ({"executor": "tcp://"}, "executor='tcp://': must be a concurrent.futures.Executor"),
        ({"objective": None}, "objective=None: must be the name of a metric"),
        ({"objective": ["loss", 5]}, "objective=5"),
        ({"name": 5}, "name 5"),
        *(
            ({"objective": word}, f"objective={word!r}: must be the name of a metric, as in loss, loss:min")
            for word in ("loss:up", "loss:maximize", ":min", "loss:", "a:b")
        ),
    ],
)
def test_a_wrong_setting_is_refused_and_leaves_nothing(settings, message, tmp_path):
    refused(BOWL, X, message, **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_metric_with_a_colon_in_its_name_is_named_with_its_direction():
    assert read_objectives(["a:b:max", "c"]) == (Objective("a:b", "maximize"), Objective("c", "minimize"))


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"z": "0..1"}, "z: there is no such parameter"),
        ({"x": "0..6"}, "x=6.0: must be a number from -5.0 to 5.0; the nearest legal value is 5.0"),
    ],
)
def test_a_wrong_space_is_refused_and_the_parameters_are_listed(space, message, tmp_path):
    refused(BOWL, space, message, "Parameters that exist:\nx: float = 0.0 (a number from -5.0 to 5.0)")
    assert list(tmp_path.iterdir()) == []


def test_the_gp_sampler_is_refused_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else pytest.fail(name))
    refused(BOWL, X, "sampler='gp': Optuna's GP sampler needs torch, which is not installed", sampler="gp")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere.py:f", "file 'nowhere.py': does not exist"),
        (f"{FUNCTIONS}:bow", f"{FUNCTIONS} has no function 'bow'; it has bowl, ending, "),
        ("nowhere_at_all:f", "module 'nowhere_at_all': cannot be imported (No module named 'nowhere_at_all')"),
        (":f", "module '': cannot be imported"),
        ("math:tau", "math has no function 'tau'; it has none"),
        ("nowhere.ipynb", "notebook 'nowhere.ipynb': does not exist"),
        ("nowhere", "notebook 'nowhere': does not exist"),
        (functions.positional, "parameter 'x' cannot be given by name"),
        (len, "cannot be given by name"),
    ],
)
def test_what_is_no_target_is_refused(target, message, tmp_path):
    refused(target, {}, message)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_imported_is_refused_with_what_it_raised(tmp_path):
    (tmp_path / "broken.py").write_text("def f(x=1):\n    return x\n\nraise RuntimeError('not today')\n")
    refused("broken.py:f", {}, "file 'broken.py': cannot be imported (RuntimeError: not today)")


def test_a_file_that_ends_the_program_or_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "script.py").write_text("import sys\nsys.exit(3)\n")
    refused("script.py:f", {}, "file 'script.py': cannot be imported (SystemExit: 3)")
    (tmp_path / "odd.py").write_bytes(b"name = '\xff'\n")
    refused("odd.py:f", {}, "file 'odd.py': cannot be imported (SyntaxError: ")
    (tmp_path / "folder.py").mkdir()
    refused("folder.py:f", {}, "file 'folder.py': cannot be read (Is a directory)")


def test_a_function_that_cannot_be_sent_is_refused():
    handle = open("file", "w")  # noqa: SIM115
    with handle:
        refused(lambda x=1.0: handle.write(str(x)), X, "cannot be sent to another process")


def test_what_a_function_cannot_be_given_is_refused():
    refused(functions.without_default, {"x": "0..1"}, "y: has no default; give a number")
    refused(functions.without_default, {}, "x: has no default; give a number from -5.0 to 5.0")
    refused(functions.unsettable, {"things": 1}, "things: not settable: needs a bool, int, float or str")
    several = {"pruner": "median", "objective": ["a", "b"]}
    refused(functions.pruned_bowl, X, "pruning needs a single objective", **several)


@pytest.fixture
def notebook(tmp_path):
    """Give a notebook whose saved outputs have the metrics `loss` and `seconds`; its path may be written otherwise."""
    path = build(tmp_path / "n.ipynb", "# N", metric("loss", "alpha"), metric("seconds", "1"), parameters=PARAMETERS)
    there = nbformat.read(path, as_version=4)
    for cell, name in zip(there.cells[2:], ("loss", "seconds"), strict=True):
        data = {"application/vnd.workbench.metric+json": {"name": name, "value": 1.0}}
        cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    nbformat.write(there, path)
    return path


def test_a_metric_that_the_notebook_does_not_record_is_refused(notebook):
    refused(notebook, {"alpha": "1,2"}, "objective='lost'", "n.ipynb records 'loss', 'seconds'", objective="lost")
    assert not (notebook.parent / "sweeps").exists()
    assert find_target(notebook.resolve()).name == find_target(os.path.relpath(notebook)).name


def test_a_notebook_needs_processes_and_cannot_be_pruned(notebook):
    refused(notebook, {"alpha": "1,2"}, "is a notebook, which needs a process of its own", in_process=True)
    refused(notebook, {"alpha": "1,2"}, "n.ipynb reports no intermediate values", pruner="median")
    refused(notebook, {"beta": "1,2"}, "beta: there is no such parameter", "count: int = 3 (a whole number from 0 to")


def test_a_registered_function_must_not_know_more_than_its_notebook(tmp_path):
    build(tmp_path / "n.ipynb", "# N", parameters="x: float = 1.0", workbench={"function": f"{FUNCTIONS}:bowl"})
    refused("n.ipynb", X, "registers", "which takes y, size, kind: its parameters must be some of the notebook's, x")


def test_a_database_that_cannot_be_used_is_refused(tmp_path):
    (tmp_path / "text.db").write_text("no database, but long enough to be looked at" * 100)
    refused(BOWL, X, "storage: the database cannot be used", storage="sqlite:///text.db", in_process=True)
    refused(BOWL, X, "storage: the database cannot be used", storage="no url", in_process=True)
    refused(BOWL, X, "storage: the database cannot be used", storage="sqlite:////nowhere/below.db", in_process=True)


def test_a_scheduler_that_is_not_there_is_refused(monkeypatch):
    import distributed

    client = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: client(address, timeout=0.2))
    refused(BOWL, X, "scheduler='tcp://127.0.0.1:9': cannot be reached", scheduler="tcp://127.0.0.1:9")
    refused(BOWL, X, "scheduler='here': cannot be reached", scheduler="here")


def test_what_was_refused_does_not_stand_in_the_way_of_what_was_meant():
    refused(BOWL, X, "storage", storage="no url", in_process=True, seed=1)
    result = quick(BOWL, X, seed=2, trials=1)
    assert result.counts == {"ok": 1, "pruned": 0, "failed": 0}


def test_another_sweep_of_the_same_name_is_refused_with_what_differs():
    quick(BOWL, X, trials=2, sampler="random")
    before = Path("sweeps/s/trials.jsonl")
    text = before.read_text()
    again = {"in_process": True, "sampler": "random"}
    refused(BOWL, X, "sweep 's' in 'sweeps': exists with another definition", "  seed: 0 there, 1 now", seed=1, **again)
    refused(BOWL, {"x": "0..2"}, "  space: {'x': '0.0..1.0'} there, {'x': '0.0..2.0'} now", **again)
    refused(BOWL, X, "  objectives: ['loss:min'] there, ['loss:max'] now", objective="loss:max", **again)
    refused(BOWL, X, "  sampler: 'random' there, 'tpe' now", in_process=True)
    with pytest.raises(SweepError, match=r"target: 'sweep.functions:bowl' there.*\n  digest:") as raised:
        sweep(functions.seeded, X, name="s", **again)
    assert len(str(raised.value).splitlines()) == 3  # and no more than what differs
    assert before.read_text() == text


def test_a_line_that_is_no_trial_is_named():
    quick(BOWL, X, trials=2, sampler="random")
    path = Path("sweeps/s/trials.jsonl")
    good = path.read_text()
    path.write_text(good + "{}\n")
    refused(
        BOWL,
        X,
        "trials.jsonl': line 3 is not a trial; remove it, and the trial runs again",
        in_process=True,
        sampler="random",
    )
    path.write_text(good)
    (path.parent / "sweep.json").write_text("{")
    refused(BOWL, X, "has no readable sweep.json (", in_process=True, sampler="random")


ODD_LINES = {
    "a number far beyond": (lambda line: line.replace(b'"number": 1', b'"number": 999999999'), "line 2 is not a trial"),
    "a duration that is no number": (
        lambda line: line.replace(b'"duration_seconds": ', b'"duration_seconds": "NaN", "duration_seconds": -'),
        "no record of a trial: duration_seconds is -",
    ),
    "a parameter beyond its range": (lambda line: line.replace(b'"x": 0.', b'"x": 7.'), "the value of x does not fit"),
    "a parameter of another type": (lambda line: line.replace(b'"x": 0.', b'"x": "a", "y": 0.'), "the value of x does"),
    "a value too many": (
        lambda line: line.replace(b'"values": [', b'"values": [1.0, '),
        "the number of values does not",
    ),
    "lists without end": (lambda line: line.replace(b'"metrics": ', b'"metrics": ' + b"[" * 10**5), "at byte"),
    "the words of somebody": (lambda line: b"some words without an end of line", "line 2 is not a trial"),
}


@pytest.mark.parametrize("case", ODD_LINES)
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trial_that_makes_no_sense_is_named_and_kept(case, sampler):
    quick(BOWL, X, trials=2, sampler=sampler)
    path, (change, message) = Path("sweeps/s/trials.jsonl"), ODD_LINES[case]
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + change(second))
    refused(BOWL, X, "trials.jsonl", message, in_process=True, sampler=sampler)
    assert path.read_bytes() == first + change(second)


ODD_DEFINITIONS = [[], 3, "words", {}, {"name": "s", "mine": True}]
ODD_FIELDS = [{"id": 5}, {"id": ""}, {"in_flight": 0}, {"in_flight": "two"}, {"space": None}]


@pytest.mark.parametrize("odd", ODD_DEFINITIONS + ODD_FIELDS, ids=str)
@pytest.mark.parametrize("trials", [True, False])
def test_a_definition_that_makes_no_sense_or_is_not_ours_is_refused_and_kept(odd, trials):
    quick(BOWL, X, trials=1, sampler="random")
    path = Path("sweeps/s/sweep.json")
    content = {**json.loads(path.read_text()), **odd} if odd in ODD_FIELDS else odd
    path.write_text(json.dumps(content))
    if not trials:
        path.with_name("trials.jsonl").unlink()
    refused(BOWL, X, "folder 'sweeps/s': has no readable sweep.json (", in_process=True, sampler="random")
    assert json.loads(path.read_text()) == content


def test_a_file_called_lock_that_is_not_ours_is_kept(tmp_path):
    (tmp_path / "mine").write_text("mine")
    folder = tmp_path / "sweeps" / "s"
    folder.mkdir(parents=True)
    for make in (lambda lock: lock.write_text("mine"), lambda lock: lock.symlink_to(tmp_path / "mine")):
        make(folder / "lock")
        refused(BOWL, X, "folder 'sweeps/s': holds something else (lock); give another name", in_process=True)
        assert (folder / "lock").read_text() == (tmp_path / "mine").read_text() == "mine"
        (folder / "lock").unlink()


def test_a_working_folder_that_is_gone_is_refused_by_name(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    message = "the working folder no longer exists; change to one that does"
    refused("f.py:f", {}, message)
    monkeypatch.syspath_prepend("")  # as where Python was started in this folder
    refused(BOWL, X, message, output=tmp_path / "sweeps", in_process=True)


def test_names_that_are_not_utf8_or_hold_marks_of_an_address_are_taken(tmp_path):
    odd = "d\udcfe?%20#"
    Path(odd).mkdir()
    Path(odd, "f?.py").write_text(
        "def f(x: float = 0.0, word: str = 'a'):\n    return {'loss': x, '\\udcff': '\\udcfe'}\n"
    )
    result = sweep(f"{odd}/f?.py:f", X, trials=2, in_process=True, sampler="random", output=f"{odd}/out?%20")
    page = (result.folder / "report.html").read_text()
    links = [each for each in re.findall('(?:href|src)="([^"#][^"]*)"', page) if not each.startswith("#")]
    assert len(links) >= 5
    assert all((result.folder / unquote(each, errors="surrogateescape")).exists() for each in links)
    assert "metrics_\\udcff" in (result.folder / "trials.csv").read_text()
    refused(f"{odd}/f?.py:f", {"word": "\udcfe"}, "word='\\udcfe': must be any text, which UTF-8 can hold")


def test_a_name_longer_than_a_file_name_may_be_is_refused(tmp_path):
    long = "\N{CJK UNIFIED IDEOGRAPH-754C}" * 100  # 300 bytes
    refused(BOWL, X, "must be letters, digits and _.=+- alone", name=long, in_process=True)
    refused(f"{long}.py:f", X, "cannot be read (File name too long)", in_process=True)
    refused(f"{long}.ipynb", X, "notebook", in_process=True)
    refused(BOWL, X, "cannot be written to (File name too long)", output=long, in_process=True)
    assert list(tmp_path.iterdir()) == []


def test_the_default_name_is_that_of_a_target_with_any_name(tmp_path):
    build(tmp_path / "a b?.ipynb", "# N", parameters="x: float = 1.0", workbench={"function": "own.py:own"})
    (tmp_path / "own.py").write_text("def own(x: float = 1.0):\n    return x\n")
    result = sweep("a b?.ipynb", X, trials=1, in_process=True, report=False)
    assert re.fullmatch(r"a_b_-[0-9a-f]{8}", result.folder.name)


def test_a_function_within_a_function_and_one_without_a_name_have_folders_too():
    def inner(x=1.0):
        return x

    for function, name in ((inner, "inner"), (lambda x=1.0: x, "lambda")):
        assert quick(function, X, trials=1, name=None).folder.name == name
