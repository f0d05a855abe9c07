"""Comparisons over worlds: against SciPy, examples by hand, simulation, and published sample sizes."""

import math

import numpy as np
import pytest
from scipy import stats

from workbench.training.statistics import compare, compare_many, holm, interval, judge, power, worlds_needed

CONTROL = np.array([1.0, 2.0, 4.0, 5.0, 8.0])
GAINS = np.array([0.1, 0.2, 0.3, 0.1, 0.3])  # mean 0.2, standard deviation 0.1


def standard(count):
    """Return numbers with mean 0 and standard deviation 1."""
    values = np.arange(count) - (count - 1) / 2
    return values / values.std(ddof=1)


def test_a_comparison_by_hand():
    found = compare(CONTROL * (1 - GAINS), CONTROL)
    np.testing.assert_allclose(found.gains, GAINS, rtol=1e-14)
    half = 4.604095 * 0.1 / math.sqrt(5)  # t of 99 % and four degrees of freedom
    np.testing.assert_allclose([found.mean, found.spread, found.effect], [0.2, 0.1, 2.0], rtol=1e-12)
    np.testing.assert_allclose([found.low, found.high], [0.2 - half, 0.2 + half], rtol=1e-6)
    assert (found.worlds, found.margin, found.level, found.verdict) == (5, 0.02, 0.99, "open")
    assert compare(CONTROL * (1 - GAINS), CONTROL, level=0.95).verdict == "holds"  # 0.2 - 2.776 * 0.0447 = 0.076


def test_a_comparison_is_scipys_paired_test():
    rng = np.random.default_rng(1)
    treated, control = rng.normal(1.0, 0.3, 12), rng.normal(1.2, 0.3, 12)
    found = compare(treated, control, relative=False, level=0.9, margin=0.05)
    expected = stats.ttest_rel(control - 0.05, treated)
    np.testing.assert_allclose(found.p_value, expected.pvalue, rtol=1e-12)
    np.testing.assert_allclose([found.low, found.high], np.add(expected.confidence_interval(0.9), 0.05), rtol=1e-12)
    np.testing.assert_allclose(interval(treated, 0.8), stats.ttest_1samp(treated, 0).confidence_interval(0.8))


def test_the_bootstrap_is_reproducible_and_near_the_t_interval_of_many_worlds():
    gains = np.random.default_rng(2).normal(0.1, 0.05, 200)
    first, other = (compare(1 - gains, np.ones(200), seed=seed) for seed in (3, 4))
    assert first == compare(1 - gains, np.ones(200), seed=3)
    assert first.bootstrap_low != other.bootstrap_low
    ends = first.bootstrap_low, first.bootstrap_high
    np.testing.assert_allclose(ends, [first.low, first.high], atol=0.1 * (first.high - first.low))
    assert (first.verdict, first.agree) == ("holds", True)


@pytest.mark.parametrize(
    ("gains", "by_t", "by_bootstrap"),
    [
        ([0.2, 0.3], "open", "holds"),  # the t-interval of two worlds has 64 standard errors to each side
        ([-0.2, *np.linspace(0.1, 0.12, 19)], "holds", "open"),  # one world is far below; t takes no note of the side
    ],
)
def test_intervals_that_disagree_leave_the_verdict_open_and_say_so(gains, by_t, by_bootstrap):
    found = compare(1 - np.array(gains), np.ones(len(gains)), margin=0.035)
    assert judge(found.low, found.high, 0.035) == by_t
    assert judge(found.bootstrap_low, found.bootstrap_high, 0.035) == by_bootstrap
    assert (found.verdict, found.agree) == ("open", False)
    assert "which leads to another verdict" in str(found)


@pytest.mark.parametrize(("shift", "verdict"), [(0.2, "holds"), (-0.2, "fails"), (0.0, "open")])
def test_the_verdict_and_its_words(shift, verdict):
    found = compare(1 - (0.02 + shift + 0.01 * standard(7)), np.ones(7))
    assert (found.verdict, found.agree) == (verdict, True)
    assert str(found).startswith(f"{verdict}: mean gain {0.02 + shift:+.3g} in 7 worlds, margin 0.02, 99 % interval ")
    assert str(found).endswith(f"Cohen's d {(0.02 + shift) / 0.01:.2f}")


def test_equal_gains_decide_only_if_the_arms_are_the_same():
    same = compare(CONTROL, CONTROL)
    assert (same.verdict, same.low, same.high, same.p_value) == ("fails", 0.0, 0.0, 0.0)
    assert str(same).endswith("the arms are the same")
    assert compare(CONTROL, CONTROL, margin=0.0).verdict == "open"
    copies = compare(0.9 * CONTROL, CONTROL)
    assert (copies.verdict, copies.p_value) == ("open", 1.0)
    assert math.isnan(copies.effect)
    assert "check that the worlds differ" in str(copies)


def test_holm_by_hand():
    # 0.005 * 4, 0.01 * 3, 0.03 * 2; the last, 0.04 * 1, may not be below the one before it
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, 0.9]), [1.0, 1.0])


def many(t, **options):
    """Compare arms whose gains in nine worlds have these t-statistics against the margin of 0.02."""
    arms = {str(each): 1 - (0.02 + 0.03 * (each / 3 + standard(9))) for each in t}
    return compare_many(arms, np.ones(9), **options)


@pytest.mark.parametrize("t", [(4.4, -4.2, 3.6, 0.2), (4.4, 3.4, 3.5), (-9.0, 4.0, 3.36), (2.0, 2.1)])
def test_each_interval_leaves_out_the_margin_exactly_if_holms_test_decides(t):
    p = 2 * stats.t.sf(np.abs(t), 8)
    ranks = np.argsort(np.argsort(p))
    steps = [p[i] * (len(t) - ranks[i]) < 0.01 for i in range(len(t))]
    decided = [all(steps[j] for j in range(len(t)) if ranks[j] <= ranks[i]) for i in range(len(t))]
    found = list(many(t).values())
    assert [judge(each.low, each.high, 0.02) != "open" for each in found] == decided
    assert [each.p_value < 0.01 for each in found] == decided
    assert all(0.99 <= each.level <= 1 - 0.01 / len(t) + 1e-12 for each in found)


def test_bonferronis_intervals_share_the_level():
    found = many((4.4, 4.2, 0.2, -1.0), correction="bonferroni")
    assert [each.level for each in found.values()] == pytest.approx([0.9975] * 4)
    half = stats.t.isf(0.00125, 8) * 0.03 / 3
    assert found["0.2"].high == pytest.approx(0.022 + half)
    assert found["0.2"].p_value == 1.0
    assert found["4.4"].p_value == pytest.approx(8 * stats.t.sf(4.4, 8))
    assert [each.verdict for each in found.values()] == ["holds", "open", "open", "open"]  # t = 4.33 is needed
    assert many((4.4, 4.2, 0.2, -1.0))["4.2"].verdict == "holds"  # needs 4.12, as there are three left
    assert next(iter(many((4.4,)).values())).level == 0.99


def test_an_interval_holds_the_true_mean_as_often_as_its_level_says():
    samples = np.random.default_rng(5).normal(0.3, 2.0, (600, 6))
    inside = np.mean([low < 0.3 < high for low, high in (interval(each, 0.9) for each in samples)])
    assert abs(inside - 0.9) < 3 * math.sqrt(0.9 * 0.1 / 600)


@pytest.mark.parametrize(("effect", "worlds"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_worlds_needed_are_those_of_published_tables(effect, worlds):
    """Cohen's small, medium and large effects, two-sided 5 %, power 0.8: the known sizes of a one-sample t-test."""
    values = standard(11)
    assert worlds_needed(values + effect, 0.0, level=0.95, power=0.8) == ("holds", worlds)
    assert worlds_needed(3 - effect + values, 3.0, level=0.95, power=0.8) == ("fails", worlds)
    fewer, enough = (power(effect, 1.0, count, margin=0.0, level=0.95) for count in (worlds - 1, worlds))
    assert fewer < 0.8 < enough


def test_power_against_simulation():
    gains = np.random.default_rng(6).normal(0.1, 0.08, (4000, 7))
    means, errors = gains.mean(1), gains.std(1, ddof=1) / math.sqrt(7)
    holds = np.mean(means - stats.t.isf(0.05, 6) * errors > 0.03)
    assert power(0.1, 0.08, 7, margin=0.03, level=0.9) == pytest.approx(holds, abs=3 * math.sqrt(0.25 / 4000))
    assert power(0.02, 0.08, 7) == pytest.approx(0.005)  # at the margin itself either verdict is wrong, and rare


@pytest.mark.parametrize(
    ("treated", "control", "options", "words"),
    [
        ([1, 2, 3], [1, 2], {}, "treated has 3 worlds and control has 2"),
        ([1], [1], {}, r"treated has shape \(1,\)"),
        ([[1, 2]], [1, 2], {}, r"treated has shape \(1, 2\)"),
        ([1, math.nan], [1, 2], {}, r"treated\[1\]=nan: must be finite"),
        ([1, 2], [math.inf, 2], {}, r"control\[0\]=inf: must be finite"),
        ([1, 2], [3, 0], {}, "control=0 in a world"),
        ([-1, 2], [3, 1], {}, "treated=-1 in a world"),
        ([1, 2], [3, 1], {"level": 1.0}, r"level=1\.0: must be above 0 and below 1"),
        ([1, 2], [3, 1], {"level": math.nan}, "level=nan"),
        ([1, 2], [3, 1], {"margin": math.inf}, "margin=inf"),
        ([1, 2], [3, 1], {"correction": "none"}, "correction='none'"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(treated, control, options, words):
    with pytest.raises(ValueError, match=words):
        compare(treated, control, **options)


def test_an_interval_of_what_is_no_sample_is_infinite_and_a_level_in_percent_is_refused():
    assert interval(np.array([[1, 2, 4], [3, 5, 7]])) == (-math.inf, math.inf)
    with pytest.raises(ValueError, match="level=99: must be above 0 and below 1"):
        interval([1, 2, 4], 99)


def test_what_no_number_of_worlds_decides_is_refused():
    with pytest.raises(ValueError, match="infinitely many worlds are needed"):
        worlds_needed(0.02 + standard(4))
    with pytest.raises(ValueError, match=r"differences are all 0\.5"):
        worlds_needed([0.5, 0.5, 0.5])
    with pytest.raises(ValueError, match="power=1"):
        worlds_needed([0.5, 0.6], power=1)
    for wrong in ({"spread": 0.0}, {"worlds": 1}, {"effect": math.nan}, {"margin": math.inf}):
        with pytest.raises(ValueError, match="must be finite, with a spread above 0 and at least 2 worlds"):
            power(**{"effect": 0.1, "spread": 0.1, "worlds": 5, **wrong})
    with pytest.raises(ValueError, match="there must be an arm"):
        compare_many({}, [1.0, 2.0])
