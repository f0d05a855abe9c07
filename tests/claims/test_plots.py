"""The pictures of claims show the numbers, the bounds and the verdict that they are given."""

import numpy as np
import pytest

from workbench.claims import plots
from workbench.claims.claim import Claim
from workbench.claims.rules import Apart, Exact, Interval, interval

RULE = (Interval("gain", above=0.02), Exact("share", 0.5, 0.75))


@pytest.fixture
def verdict():
    claim = Claim("L99", "LRN", "Q1", "statistical", "Made up.", RULE, None, "", ())
    one = [{"gain": 0.1 + 0.01 * i, "share": 0.6} for i in range(5)]
    other = [{"gain": -0.1 - 0.01 * i, "share": 0.9} for i in range(4)]
    return claim.judge({"one": one, "other": other})


def test_numbers_of_an_interval(verdict):
    ax = plots.numbers(verdict, "gain")
    dots, bar, others, other_bar, bound = ax.lines
    np.testing.assert_allclose(dots.get_xdata(), [0.1, 0.11, 0.12, 0.13, 0.14])
    assert dots.get_color() == bar.get_color() == plots.COLOURS["holds"]
    assert others.get_color() == other_bar.get_color() == plots.COLOURS["fails"]
    assert tuple(bar.get_xdata()) == interval(dots.get_xdata())
    assert bound.get_xdata()[0] == 0.02
    assert [each.get_text() for each in ax.get_yticklabels()] == ["one", "other"]
    assert [each.get_text() for each in ax.get_legend().get_texts()] == ["holds", "fails"]


def test_numbers_of_an_exact_rule_have_no_interval(verdict):
    ax = plots.numbers(verdict, "share", scale="log")
    assert [line.get_xdata()[0] for line in ax.lines] == [0.6, 0.9, 0.5, 0.75]
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize(("gain", "answer"), [(0.05, "open"), (0.3, "holds"), (-0.2, "fails")])
def test_a_decision_follows_its_sliders(gain, answer):
    ax = plots.decision(30, 0.0, 0.1)
    assert plots.decision(10, gain, 0.06, ax=ax) is ax
    values = gain + 0.06 * np.random.default_rng(0).standard_normal(100)[:10]
    drawn = {line.get_gid(): line for line in ax.lines}
    np.testing.assert_allclose(drawn["seeds"].get_xdata(), values)
    assert ax.get_title(loc="left").endswith(f": {answer}")
    shown = [name for name in plots.COLOURS if not np.isnan(drawn[name].get_xdata()).any()]
    assert shown == [answer]
    np.testing.assert_allclose(drawn[answer].get_xdata(), interval(values))


def test_growing():
    values = [0.1, 0.3, 0.2, 0.6]
    ax = plots.growing(values, 0.02)
    mean, bound, dots = ax.lines
    np.testing.assert_allclose(mean.get_ydata(), [0.2, 0.3])
    assert bound.get_ydata()[0] == 0.02
    assert list(dots.get_ydata()) == values
    low, high = interval(values[:3])
    corners = ax.collections[0].get_paths()[0].vertices
    assert {low, high} <= set(corners[:, 1])


def test_intervals_of_recorded_and_live_worlds():
    recorded = {"above": [0.15, 0.16, 0.155], "below": [-0.3, -0.2, -0.21, -0.25]}
    ax = plots.intervals(recorded, {"below": [-0.1, -0.4]}, bounds=(0.05,))
    dots, bar, others, other_bar, live, live_bar, bound = ax.lines
    assert [list(each.get_xdata()) for each in (dots, others, live)] == [*recorded.values(), [-0.1, -0.4]]
    assert tuple(bar.get_xdata()) == interval(recorded["above"])
    assert tuple(live_bar.get_xdata()) == interval([-0.1, -0.4])
    colours = [each.get_color() for each in (bar, other_bar, live_bar)]
    assert colours == [plots.COLOURS["holds"], plots.COLOURS["fails"], plots.LIVE]
    assert bound.get_xdata()[0] == 0.05
    assert {each.get_text() for each in ax.get_legend().get_texts()} == {"holds", "fails", "2 new worlds"}
    assert [each.get_text() for each in ax.get_yticklabels()] == ["above", "below"]


def test_intervals_take_answers_and_need_no_bound():
    ax = plots.intervals({"a": [1.0, 2.0], "b": [5.0, 7.0]}, bounds=(-1.0, 1.0), answers={"a": "open"})
    assert [ax.lines[place].get_color() for place in (1, 3)] == [plots.COLOURS["open"], plots.DARK]
    assert [line.get_xdata()[0] for line in ax.lines[4:]] == [-1, 1]
    assert len(plots.intervals({"a": [1.0, 2.0]}, bounds=()).lines) == 2


def test_the_first_worlds_of_a_claim(monkeypatch):
    claim = Claim("L99", "LRN", "Q1", "statistical", "Made up.", (Apart("gain", 0.1),), None, "", ())
    whole = claim.judge({"": [{"gain": value} for value in (0.3, 0.31, 0.32, -0.5, 0.3)]})
    monkeypatch.setattr(plots, "find", lambda id: claim)
    monkeypatch.setattr(plots, "saved", lambda each: whole)
    ax = plots.first_worlds("L99", 5)
    assert ax.get_xlim()[0] < -0.5
    assert plots.first_worlds("L99", 3, ax=ax) is ax
    dots, bar, low, high = ax.lines
    assert list(dots.get_xdata()) == [0.3, 0.31, 0.32]
    assert [low.get_xdata()[0], high.get_xdata()[0]] == [-0.1, 0.1]
    assert ax.get_title(loc="left").endswith("3 worlds: holds")
    assert bar.get_color() == plots.COLOURS["holds"]
    assert -0.2 < ax.get_xlim()[0] < -0.1
