"""Rungs are predicted with the threads they use, and none is timed before all are verified."""

import numpy as np
import pytest

from tests.machines.machines import MACHINE
from tests.pictures import artist, data, heights
from workbench import parallel
from workbench.cost import Cost
from workbench.machines import plots
from workbench.machines.ladder import Rung, climb, measured_python_step
from workbench.machines.prediction import Work


def rung(name, function, **others):
    return Rung(name, function, "why", lambda flops: Work(Cost(other_flops=flops), 1 << 21, 64), (), **others)


def test_predictions_by_hand():
    # 10^9 operations at half of 2 * 10^9 FLOP/s take a second, with two threads half of it.
    assert rung("a", None).predicted_seconds(MACHINE, 2, 10**9) == pytest.approx(1.0)
    assert rung("a", None, threaded=True).predicted_seconds(MACHINE, 2, 10**9) == pytest.approx(0.5)
    interpreted = rung("a", None, steps=lambda flops: flops // 100)
    assert interpreted.predicted_seconds(MACHINE, 1, 10**9, python_step=2e-7) == pytest.approx(1 + 2)
    assert interpreted.predicted_seconds(MACHINE, 1, 10**9) == pytest.approx(1 + 1)


def test_each_rung_is_called_with_its_threads():
    seen = {}

    def note(name):
        seen.setdefault(name, set()).add(parallel._limit.get())

    rungs = [rung("one", note), rung("all", note, threaded=True)]
    given = {"one": ("one",), "all": ("all",)}
    found = climb(rungs, given, lambda name, result: True, threads=3, rounds=2)
    assert seen == {"one": {1}, "all": {3}}
    assert list(found) == ["one", "all"]
    assert all(seconds > 0 for seconds in found.values())


def test_a_wrong_rung_stops_before_any_is_timed():
    count = []
    rungs = [rung("right", lambda: count.append(1) or 1), rung("wrong", lambda: 2)]
    with pytest.raises(ArithmeticError, match=r"^rung 'wrong': its result is not right; no rung was timed$"):
        climb(rungs, {"right": (), "wrong": ()}, lambda name, result: result == 1)
    assert len(count) == 1


def test_a_step_of_python_takes_some_time():
    assert 1e-9 < measured_python_step(2) < 1e-3


def test_the_picture_of_a_ladder():
    predicted, measured = {"slow": 8.0, "fast": 0.5}, {"slow": 10.0, "fast": 0.4}
    ax = plots.ladder(predicted, {"one": 0.2, "two": 0.1}, measured, title="t")
    assert heights(ax, "measured") == [10.0, 0.4]
    np.testing.assert_array_equal(data(ax, "predicted")[1], [8.0, 0.5])
    np.testing.assert_array_equal(data(ax, "roof two")[1], [0.1, 0.1])
    assert artist(ax, "time slow").get_text() == "10"
    assert artist(ax, "time fast").get_text() == "0.40"
    assert artist(ax, "time fast").get_position()[1] > 0.5  # above its mark


def test_the_picture_of_lengths():
    ax = plots.by_length([16, 64], [2.0, 1.0], x="pixels", title="t")
    np.testing.assert_array_equal(data(ax, "times"), [[16, 64], [2.0, 1.0]])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["16", "64"]
