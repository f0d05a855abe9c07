"""Rules of claims: made-up numbers on either side of each boundary."""

import math

import numpy as np
import pytest
from scipy import stats

from workbench.claims.claim import Claim
from workbench.claims.rules import Apart, Count, Exact, Interval, all_hold, interval, over_settings


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([1.0, 2.0], "holds"),
        ([1.0, 2.0000001], "fails"),
        ([0.9999999, 2.0], "fails"),
        ([1.5, math.nan], "fails"),
        ([1.5, math.inf], "fails"),
    ],
)
def test_exact_one_counterexample_is_enough(values, verdict):
    assert Exact("n", 1.0, 2.0).judge(values) == verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(1.1, "holds"), (1.11, "open"), (1.64, "open"), (1.66, "fails"), (0.9, "holds"), (0.7, "open"), (0.59, "fails")],
)
def test_exact_a_value_just_outside_decides_nothing_where_there_is_doubt(value, verdict):
    assert Exact("n", 0.9, 1.1, doubt=1.5).judge([value]) == verdict


def test_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(3.0, 2.0, 11)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.99)
    np.testing.assert_allclose(interval(values), expected, rtol=1e-12)


@pytest.mark.parametrize("values", [[1.0], [], [1.0, math.nan, 2.0], [1.0, math.inf]])
def test_an_interval_that_cannot_be_computed_decides_nothing(values):
    assert interval(values) == (-math.inf, math.inf)
    assert Interval("n", above=0.0).judge(values) == "open"


# t is 4.604 for 99 % and 4 degrees of freedom, so the interval of these is 0 +- 4.604 * sqrt(2.5 / 5) = +-3.256.
FIVE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("shift", "above", "below"),
    [(3.2, "open", "open"), (3.3, "holds", "fails"), (-3.2, "open", "open"), (-3.3, "fails", "holds")],
)
def test_interval_decides_only_if_it_lies_on_one_side(shift, above, below):
    assert Interval("n", above=0.0).judge(FIVE + shift) == above
    assert Interval("n", below=0.0).judge(FIVE + shift) == below
    assert Interval("n", above=0.02).judge(FIVE + shift + 0.02) == above


@pytest.mark.parametrize(
    ("shift", "by", "verdict"),
    [(5.0, 1.7, "holds"), (-5.0, 1.7, "holds"), (5.0, 1.8, "open"), (-5.0, 1.8, "open"), (0.0, 3.2, "open"),
     (0.5, 3.7, "open"), (0.5, 3.8, "fails"), (-0.5, 3.8, "fails"), (5.0, 8.2, "open"), (-5.0, 8.3, "fails")],
)  # fmt: skip
def test_apart_on_either_side_and_fails_only_within_both(shift, by, verdict):
    assert Apart("n", by=by).judge(FIVE + shift) == verdict


def test_apart_is_open_where_there_is_no_interval():
    assert Apart("n", by=0.02).judge([1.0]) == "open"


@pytest.mark.parametrize("bounds", [{}, {"above": 0.0, "below": 1.0}])
def test_interval_has_one_bound(bounds):
    with pytest.raises(ValueError, match="give one of the two bounds"):
        Interval("n", **bounds)


@pytest.mark.parametrize(
    ("wins", "seeds", "verdict"),
    # All of n: the lower end of the 99 % interval is 0.005 ** (1 / n), which is 0.949 for 101 and 0.9505 for 104.
    [(104, 104, "holds"), (101, 101, "open"), (50, 100, "fails"), (90, 100, "open"), (0, 1, "open")],
)
def test_count_by_the_interval_of_the_share(wins, seeds, verdict):
    assert Count("n", least=0.95).judge([1.0] * wins + [0.0] * (seeds - wins)) == verdict


def test_all_rules_must_hold_and_one_that_fails_is_enough():
    assert all_hold(["holds", "holds"]) == "holds"
    assert all_hold(["holds", "open"]) == "open"
    assert all_hold(["holds", "open", "fails"]) == "fails"


def test_a_claim_depends_only_if_it_holds_here_and_fails_there():
    assert over_settings(["holds", "holds"]) == "holds"
    assert over_settings(["fails"]) == "fails"
    assert over_settings(["holds", "fails"]) == "depends"
    assert over_settings(["holds", "open", "fails"]) == "depends"
    assert over_settings(["holds", "open"]) == "open"
    assert over_settings(["fails", "open"]) == "open"
    assert over_settings([]) == "open"


def test_the_verdict_follows_from_the_numbers_of_each_setting():
    rule = (Exact("a", most=1.0), Exact("b", least=0.0))
    claim = Claim("L99", "LRN", "Q1", "definition", "A made-up claim.", rule, lambda seed: {}, "", ())
    good, bad = {"a": 0.5, "b": 0.5}, {"a": 0.5, "b": -0.5}
    assert claim.judge({"x": [good, good], "y": [good]}).verdict == "holds"
    verdict = claim.judge({"x": [good, bad], "y": [good]})
    assert (verdict.verdict, verdict.settings) == ("depends", {"x": "fails", "y": "holds"})
