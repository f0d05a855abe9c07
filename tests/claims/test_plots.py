"""The pictures of claims show the numbers, the bounds and the verdict that they are given."""

import numpy as np
import pytest

from workbench.claims import plots
from workbench.claims.claim import Claim
from workbench.claims.rules import Exact, Interval, interval

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
