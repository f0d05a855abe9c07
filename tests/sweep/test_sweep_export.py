"""A sweep's trials in a database, read back through Optuna's public functions."""

import datetime
import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import optuna
import pytest

from workbench.sweep import SweepError, SweepStopped
from workbench.sweep.export import PAUSES, open_study

from . import functions
from .conftest import calls, definition, journal, quick

URL = "sqlite:///study.db"
STATES = {"ok": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}


def bowl(function=functions.shuffled_bowl, space=None, **settings):
    asked = {"sampler": "random", "seed": 5, "storage": URL, **settings}
    return quick(function, space or {"x": "-5..5", "y": "-5..5"}, **asked)


def trials(name="s", url=URL):
    return optuna.load_study(study_name=name, storage=url).trials


def proposed(result):
    """Return the parameters of each trial without its seed, which no sampler has proposed."""
    return [{name: each.parameters[name] for name in each.parameters if name != "seed"} for each in result.records()]


def pruned_or_failed(trial, x: float = 0.0, kind: str = "a", size: int = 3, n: int = 1):
    """Report a value that is no number, or two, and end in one of three ways."""
    trial.report(math.nan if kind == "b" else math.inf, 0)
    if kind == "a":
        trial.report(x, 4)
    if size == 3:
        raise optuna.TrialPruned
    if size == 5:
        raise RuntimeError("no luck")
    return [x, x + 1.0]


def test_every_kind_of_trial_is_read_back_as_it_was():
    space = {"x": "1e-3..1:log", "kind": ["a", "b"], "size": [3, 5, 9], "n": "1..8"}
    result = bowl(pruned_or_failed, space, trials=20)
    records, found = list(result.records()), trials()
    assert [each.number for each in found] == [each.number for each in records] == list(range(20))
    assert [each.params for each in found] == [each.parameters for each in records]
    assert [each.state.name for each in found] == [STATES[each.status] for each in records]
    assert {each.status for each in records} == set(STATES)
    for trial, record in zip(found, records, strict=True):
        assert repr(trial.intermediate_values) == repr(dict(record.intermediate))  # nan and inf too
        assert trial.user_attrs["seed"] == record.seed
        assert trial.user_attrs.get("error") == (record.error and "exception: RuntimeError: no luck")
        assert trial.duration == datetime.timedelta(seconds=record.duration_seconds)
        assert trial.datetime_start.timestamp() == datetime.datetime.fromisoformat(record.started).timestamp()
        last = record.intermediate[-1][1]
        by_status = {"ok": record.values, "failed": (), "pruned": () if math.isnan(last) else (last,)}
        assert tuple(trial.values or ()) == by_status[record.status]
    study = optuna.load_study(study_name="s", storage=URL)
    assert study.best_value == min(each.values[0] for each in records if each.status == "ok")


def test_two_objectives_keep_their_directions():
    result = bowl(lambda x=0.0: (x, -x), {"x": "0..1"}, objective=["a", "b:max"], trials=3)
    study = optuna.load_study(study_name="s", storage=URL)
    assert [each.name for each in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    assert [tuple(each.values) for each in study.trials] == [each.values for each in result.records()]


def test_no_database_is_made_unless_it_is_asked_for(tmp_path):
    space = {"x": "-5..5"}
    bowl(space=space, trials=2, storage=None, report=True)
    assert not [path for path in tmp_path.rglob("*") if "db" in path.name or "sqlite" in path.name]
    bowl(space=space, trials=3)  # and is made when it is, with what was run before
    assert [each.number for each in trials()] == [0, 1, 2]
    assert len(calls()) == 3


def test_a_sweep_that_goes_on_adds_what_is_new_alone():
    for count in (2, 2, 5):
        result = bowl(trials=count)
        assert [each.params for each in trials()] == proposed(result)
    assert len(trials()) == 5


def test_what_was_finished_before_a_kill_is_added_on_continuing(tmp_path):
    bowl(trials=3, storage=None)
    file = tmp_path / "sweeps" / "s" / "trials.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text(lines[0] + lines[2])  # trial 1 was running
    bowl(trials=2)
    assert [each["number"] for each in calls()] == [0, 1, 2, 1]
    assert [each.number for each in trials()] == [0, 1, 2]


def test_trials_that_are_finished_are_in_the_database_while_the_next_ones_run():
    def count(x=0.0):
        there = optuna.load_study(study_name="s", storage=URL).trials if Path("study.db").exists() else []
        return {"loss": x, "there": len(there)}

    bowl(count, {"x": "0..1"}, trials=2, storage=None)
    result = bowl(count, {"x": "0..1"}, trials=4)
    assert [each.metrics["there"] for each in result.records()] == [0, 0, 2, 2]
    assert len(trials()) == 4


def test_a_database_holds_several_sweeps_but_no_two_of_one_name():
    bowl(name="a", trials=3)
    bowl(name="b", trials=2)
    bowl(name="a", trials=4)
    assert {each: len(trials(each)) for each in "ab"} == {"a": 4, "b": 2}
    with pytest.raises(SweepError, match="the database holds another study named 'a'; give another name"):
        bowl(name="a", trials=3, output="elsewhere")
    optuna.create_study(study_name="c", storage=URL).optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(SweepError, match="the database holds another study named 'c'; give another name"):
        bowl(name="c", trials=3)
    assert len(calls()) == 6


def test_sweeps_that_make_one_database_at_once_all_get_it():
    """A database is made in several steps, which are not safe from other processes or threads that make it too."""
    barrier = Barrier(4)

    def start(number):
        made = definition({}, "loss", name=f"s{number}")
        barrier.wait()
        return open_study(URL, made, f"owner {number}").study_name

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == ["s0", "s1", "s2", "s3"]
    assert len(optuna.study.get_all_study_names(URL)) == 4


def test_a_database_that_stays_locked_is_refused(monkeypatch):
    def fail(**settings):
        raise sqlite3.OperationalError("database is locked")

    pauses = []
    monkeypatch.setattr(optuna, "create_study", fail)
    monkeypatch.setattr("workbench.sweep.export.time.sleep", pauses.append)
    with pytest.raises(
        SweepError, match=r"storage: the database is busy \(OperationalError: database is locked\); try"
    ):
        open_study(URL, definition({}, "loss"), "me")
    assert pauses == list(PAUSES)


def test_a_database_that_fails_at_the_end_stops_the_sweep_which_goes_on(tmp_path):
    def break_it(trial, x: float = 0.0):
        if trial.number == 2 and not Path("broken").exists():
            Path("broken").touch()
            with sqlite3.connect("study.db") as connection:
                connection.execute("DROP TABLE trial_params")
        return x

    with pytest.raises(SweepStopped, match=r"the database cannot be written to .*no such table: trial_params"):
        bowl(break_it, {"x": "0..1"}, trials=5)
    assert len(journal(tmp_path / "sweeps" / "s")) == 5
    Path("study.db").write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(SweepError, match="storage: the database cannot be used"):
        bowl(break_it, {"x": "0..1"}, trials=5)
    assert len(journal(tmp_path / "sweeps" / "s")) == 5  # what is refused now is not withdrawn: it has trials
    Path("study.db").unlink()
    result = bowl(break_it, {"x": "0..1"}, trials=6)
    assert [each.params for each in trials()] == proposed(result)
