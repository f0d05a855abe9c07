"""The record of a trial, whatever its function returns or raises."""

import fractions
import json
import math
import re

import numpy as np
import optuna
import pytest

from workbench.sweep import sweep
from workbench.sweep.records import Record
from workbench.sweep.table import write_tables

from .conftest import journal, quick, record, table


def rows(*returned, objective="loss", **settings):
    """Return the records of a sweep whose function gives back one of these after another, or raises it."""

    def give(trial, place: int = 0):
        what = returned[place]
        if isinstance(what, BaseException):
            trial.report(0.5, 0)
            raise what
        return what() if callable(what) else what

    space = {"place": list(range(len(returned)))} if len(returned) > 1 else {"place": 0}
    result = quick(give, space, objective, sampler="grid", **settings)
    return sorted(result.records(), key=lambda each: each.parameters["place"])


@pytest.mark.parametrize(
    ("returned", "metrics", "values", "spread"),
    [
        (2, {"loss": 2}, (2.0,), (None,)),
        (2.5, {"loss": 2.5}, (2.5,), (None,)),
        (np.float32(0.5), {"loss": 0.5}, (0.5,), (None,)),
        (np.int16(-3), {"loss": -3}, (-3.0,), (None,)),
        (np.array(1.25), {"loss": 1.25}, (1.25,), (None,)),
        (fractions.Fraction(1, 4), {"loss": 0.25}, (0.25,), (None,)),
        ({"loss": 1, "note": "fine", "good": True}, {"loss": 1, "note": "fine", "good": True}, (1.0,), (None,)),
        ({"loss": np.float64(1), "good": np.bool(False)}, {"loss": 1.0, "good": False}, (1.0,), (None,)),
        ({"loss": 1.0, "worst": math.inf}, {"loss": 1.0, "worst": math.inf}, (1.0,), (None,)),
        ({"loss": [1, 2, 6]}, {"loss": [1.0, 2.0, 6.0]}, (3.0,), (math.sqrt(7),)),  # (4 + 1 + 9) / 2
        ([4.0, 8.0], {"loss": [4.0, 8.0]}, (6.0,), (math.sqrt(8),)),
        (np.array([4.0, 8.0]), {"loss": [4.0, 8.0]}, (6.0,), (math.sqrt(8),)),
        ({"loss": (7,)}, {"loss": [7.0]}, (7.0,), (None,)),
        ([1e308, 1e308], {"loss": [1e308, 1e308]}, (1e308,), (0.0,)),
        ([1.7e308, -1.7e308], {"loss": [1.7e308, -1.7e308]}, (0.0,), (math.inf,)),  # 2.4e308
    ],
)
def test_what_a_function_gives_back_is_metrics_values_and_spread(returned, metrics, values, spread):
    (found,) = rows(returned)
    assert (found.status, found.error, found.attempts) == ("ok", None, 1)
    assert repr(found.metrics) == repr(metrics)
    assert found.values == values
    assert found.spread == pytest.approx(spread)


def test_as_many_numbers_as_objectives_are_theirs_in_order():
    first, second, third = rows((1, 2.5), [[1, 3], 4], {"b": 5, "a": 6, "c": 7}, objective=["a", "b:max"])
    assert (first.metrics, first.values) == ({"a": 1, "b": 2.5}, (1.0, 2.5))
    assert (second.metrics, second.values) == ({"a": [1.0, 3.0], "b": 4}, (2.0, 4.0))
    assert second.spread == (pytest.approx(math.sqrt(2)), None)
    assert (third.metrics, third.values) == ({"b": 5, "a": 6, "c": 7}, (6.0, 5.0))


@pytest.mark.parametrize(
    ("returned", "kind", "message", "metrics"),
    [
        (math.nan, "objective", "the metric 'loss' is nan: an objective must be a finite number", {"loss": math.nan}),
        (-math.inf, "objective", "the metric 'loss' is -inf: an objective must be a finite", {"loss": -math.inf}),
        ([1.0, math.nan], "objective", "the metric 'loss' is [1.0, nan]: an objective", {"loss": [1.0, math.nan]}),
        ({"lost": 1, "b": 2}, "objective", "the metrics have no 'loss'; they have 'lost', 'b'", {"lost": 1, "b": 2}),
        ({}, "objective", "the metrics have no 'loss'; they have nothing", {}),
        ({"loss": "low"}, "objective", "the metric 'loss' is 'low': an objective must be", {"loss": "low"}),
        (10**400, "objective", "the metric 'loss' is 1000", {"loss": 10**400}),
        (True, "objective", "the metric 'loss' is True: an objective must be a finite number", {"loss": True}),
        (None, "exception", "TypeError: metric 'loss' is a NoneType: must be a number, a text, or a list of", {}),
        ({"loss": 1, "more": {}}, "exception", "TypeError: metric 'more' is a dict: must be a number, a text", {}),
        ([[1.0], [2.0]], "exception", "TypeError: metric 'loss' is a list: must be a number, a text, or a list", {}),
        ([], "exception", "TypeError: metric 'loss' is a list: must be a number", {}),
        (["a", "b"], "exception", "TypeError: metric 'loss' is a list: must be a number", {}),
        (ValueError("too <b>large</b>"), "exception", "ValueError: too <b>large</b>", {}),
        (KeyError("k"), "exception", "KeyError: 'k'", {}),
        (SystemExit(3), "exception", "SystemExit: 3", {}),
        (MemoryError(), "exception", "MemoryError: ", {}),
    ],
)
def test_a_trial_without_a_finite_objective_has_failed_and_says_why(returned, kind, message, metrics):
    found, other = rows(returned, 1.5)
    assert (found.status, found.error["kind"], found.attempts) == ("failed", kind, 1)
    assert found.error["message"].startswith(message)
    assert repr(found.metrics) == repr(metrics)
    assert (found.values, found.spread) == ((), ())
    assert (other.status, other.values) == ("ok", (1.5,))


def test_too_few_numbers_for_the_objectives_are_a_failure():
    first, second = rows((1,), 5.0, objective=["a", "b"])
    assert first.error["message"] == "TypeError: it returned (1,): it must return a dict with 'a', 'b'"
    assert second.error["message"] == "TypeError: it returned 5.0: it must return a dict with 'a', 'b'"


def test_the_traceback_begins_in_the_function():
    found, _ = rows(ZeroDivisionError("by hand"), 1.0)
    assert "in give" in found.error["traceback"]
    assert "workbench/" not in found.error["traceback"]
    assert found.error["traceback"].endswith("ZeroDivisionError: by hand\n")
    assert found.intermediate == ((0, 0.5),)


def test_a_trial_that_prunes_itself_is_neither_good_nor_failed():
    found, _ = rows(optuna.TrialPruned(), 1.0)
    assert (found.status, found.error, found.metrics, found.values) == ("pruned", None, {}, ())
    assert found.intermediate == ((0, 0.5),)


def test_ctrl_c_in_this_process_stops_the_sweep_and_keeps_what_is_finished(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        rows(KeyboardInterrupt(), *[float(i) for i in range(1, 30)], seed=2)
    done = journal(tmp_path / "sweeps" / "s")
    assert 0 < len(done) < 29
    assert {each["status"] for each in done} == {"ok"}


def test_reports_take_the_numbers_of_numpy():
    def report(trial, x=0.0):
        trial.report(0.5, np.int64(0))
        trial.report(np.float32(0.25), np.uint8(3))
        return x

    (found,) = quick(report, {"x": 0.0}, sampler="grid").records()
    assert (found.error, found.intermediate) == (None, ((0, 0.5), (3, 0.25)))


@pytest.mark.parametrize("step", [-1, 1.5, True, "1", np.float64(1), np.int64(-1), np.timedelta64(1, "s")])
def test_a_step_is_a_whole_number(step):
    def report(trial, x=0.0):
        trial.report(1.0, step)

    result = quick(report, {"x": 0.0}, sampler="grid")
    message = f"ValueError: step={step!r}: must be a whole number of at least 0"
    assert next(result.records()).error["message"] == message


def test_every_line_of_the_journal_is_standard_json(tmp_path):
    rows(math.nan, {"loss": 1.0, "worst": [math.inf, -math.inf]}, {"loss": 2, "text": 'line\nline, \u2028 "quoted"'})

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    lines = (tmp_path / "sweeps" / "s" / "trials.jsonl").read_bytes().split(b"\n")
    assert len(lines) == 4
    for line in lines[:-1]:
        assert Record.from_json(line.decode()).to_json() == line.decode()
        json.loads(line, parse_constant=refuse)


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"number": 1}', "null", '{"metrics": 3}'])
def test_a_line_that_is_no_record_is_refused(line):
    with pytest.raises(ValueError, match=r"no record of a trial|Expecting value"):
        Record.from_json(line)


def test_a_record_comes_back_from_its_line_as_it_was():
    made = record(
        7,
        (1.5, 2.0),
        spread=(0.25, None),
        metrics={"a": [1.0, math.inf], "b": "text", "c": True, "d": 10**30},
        parameters={"x": 0.1 + 0.2, "k": "é\n"},
        error={"kind": "k", "message": "m", "traceback": "t"},
        intermediate=((0, 1.0), (3, -math.inf)),
        attributes={"completed_rung_0": 0.1},
    )
    assert Record.from_json(made.to_json()) == made


GOOD = {
    "ok": record(3, (1.5,), spread=(0.25,), intermediate=((0, 1.0),)),
    "failed": record(3, status="failed", error={"kind": "k", "message": "m", "traceback": ""}),
}


@pytest.mark.parametrize(
    ("status", "name", "value"),
    [
        ("ok", "number", -1), ("ok", "number", True), ("ok", "number", "3"), ("ok", "status", "fine"),
        ("ok", "parameters", [1]), ("ok", "metrics", []), ("ok", "values", []), ("ok", "values", ["1.5"]),
        ("ok", "values", [math.nan]), ("ok", "values", [10**400]), ("ok", "spread", ["wide"]), ("ok", "spread", 5),
        ("ok", "seed", None), ("ok", "started", "yesterday"), ("ok", "started", 5),
        ("ok", "duration_seconds", math.nan), ("ok", "duration_seconds", -1.0), ("ok", "duration_seconds", "long"),
        ("ok", "attempts", "two"),
        ("ok", "versions", {"python": 3}), ("ok", "versions", []), ("ok", "error", "it broke"),
        ("ok", "intermediate", [[0]]), ("ok", "intermediate", [[-1, 0.5]]), ("ok", "intermediate", [[0, "low"]]),
        ("ok", "attributes", 3), ("failed", "error", None), ("failed", "error", {"kind": "k"}),
        ("failed", "values", [1.0]), ("failed", "error", {"kind": 1, "message": 2, "traceback": 3}),
    ],
)  # fmt: skip
def test_a_record_that_makes_no_sense_is_refused(status, name, value):
    line = GOOD[status].to_json()
    assert Record.from_json(line) == GOOD[status]
    with pytest.raises(ValueError, match="no record of a trial: "):
        Record.from_json(json.dumps({**json.loads(line), name: value}))


def test_an_infinite_spread_comes_back_from_its_line():
    made = record(0, (0.0,), spread=(math.inf,))
    assert Record.from_json(made.to_json()) == made


def test_fold_scores_near_the_largest_float_do_not_stop_a_sweep():
    result = sweep(lambda x=0.0: [x, x], {"x": [1.0, 1e308, -1e308]}, sampler="grid", in_process=True, name="s")
    assert result.counts == {"ok": 3, "pruned": 0, "failed": 0}
    assert result.best.values == (-1e308,)
    assert (result.folder / "report.html").is_file()


def test_a_row_has_where_when_and_with_what_it_ran(tmp_path):
    (found,) = rows(1.0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found.started)
    assert found.duration_seconds >= 0
    assert set(found.versions) == {"python", "workbench", "numpy", "numba", "matplotlib", "papermill"}
    assert found.versions["numpy"] == np.__version__


def test_a_metric_larger_than_64_bits_does_not_stop_the_tables(tmp_path):
    found = rows({"loss": 1.0, "hash": 2**64 + 1}, {"loss": 2.0, "hash": -(2**63) - 1})
    assert [each.metrics["hash"] for each in found] == [2**64 + 1, -(2**63) - 1]
    write_tables(tmp_path / "sweeps" / "s")
    assert {each["metrics_hash"] for each in table(tmp_path / "sweeps" / "s")} == {str(2**64 + 1), str(-(2**63) - 1)}


def test_text_that_no_encoding_can_hold_is_a_row_too():
    def odd(x=0.0):
        if x:
            raise ValueError("\udcff")
        return {"loss": x, "text": "\udcfe"}

    result = sweep(odd, {"x": [0.0, 1.0]}, sampler="grid", in_process=True, name="odd")
    assert result.counts == {"ok": 1, "pruned": 0, "failed": 1}
    assert {each.metrics.get("text") for each in result.records()} == {"\\udcfe", None}
    assert "ValueError: \\udcff" in (result.folder / "report.html").read_text()
