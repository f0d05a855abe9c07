"""Pictures of neurons: what they show is what was measured."""

import numpy as np
import pytest

from workbench.experiments import neuron_plots


def heights(ax):
    return [bar.get_height() for bar in ax.patches]


def test_units_on_a_circle_and_with_outliers():
    circle = neuron_plots.two_units("circle", 0.0, 0)
    np.testing.assert_allclose(np.sum(circle**2, axis=1), 2.5)
    ax = neuron_plots.similarities("line", 0.0, 0)
    assert ax.get_title(loc="left").startswith("Pearson +1.00, Spearman +1.00, mutual information 3.3")
    neuron_plots.similarities("line", 0.0, 30, ax=ax)
    assert ax.get_title(loc="left").startswith("Pearson -")
    assert (np.abs(neuron_plots.two_units("none", 0.1, 30)).max(axis=1) > 7).sum() == 30


def test_copies_have_the_highest_entropy_of_shares_and_the_lowest_rank():
    shares, joint, rank = heights(neuron_plots.copies(8, 0.0))
    assert (shares, rank) == pytest.approx((1.0, 1 / 8))
    assert joint == pytest.approx(1 / 8, abs=1e-3)
    assert heights(neuron_plots.copies(1, 0.0))[2] > 0.98


def test_ambiguity_of_members():
    predictions, targets = neuron_plots.members(3, 0.4)
    errors = (predictions - targets)[:, :, 0]
    np.testing.assert_allclose(errors @ errors.T / len(targets), 0.4 + 0.6 * np.eye(3))
    mean_error, ambiguity, error = heights(neuron_plots.ambiguity(3, 0.4))
    assert (mean_error, ambiguity, error) == pytest.approx((1, 0.6 * (1 - 1 / 3), 0.4 + 0.6 / 3))


def test_pruning_has_a_line_for_each_way():
    losses = {way: {0.1: [0.2, 0.3], 0.5: [0.5, 0.9]} for way in ("dropped", "smallest")}
    ax = neuron_plots.pruning(losses, 0.2)
    lines = [line.get_ydata() for line in ax.get_lines() if len(line.get_ydata()) == 2]
    np.testing.assert_allclose(lines[0], [0.25, 0.7])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["nothing pruned", "dropped", "smallest"]


def test_robustness_is_drawn_as_a_change():
    strengths = neuron_plots.STRENGTHS
    one = {f"effective rank at {s:g}": 5.0 for s in strengths} | {f"clean accuracy at {s:g}": 0.9 for s in strengths}
    robust = {f"robust accuracy at {s:g}": 0.5 + s / 1000 for s in strengths}
    left, right = neuron_plots.robustness({name: [one | robust] for name in neuron_plots.CORRUPTIONS})
    np.testing.assert_allclose(left.get_lines()[0].get_ydata(), 5.0)
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), 0, atol=1e-12)
    np.testing.assert_allclose(right.get_lines()[1].get_ydata(), np.array(strengths) / 10)
