"""Pictures of linear models: what is drawn are the means that a loop finds."""

import numpy as np
import pytest

from workbench.experiments import lp_plots
from workbench.experiments.lp_sensitivity import Curve

LOSSES = {"a": np.array([[2.0, 1.0, 4.0], [3.0, 6.0, 3.0]]), "b": np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 4.0]])}


def drawn(ax):
    return {line.get_label(): np.round(line.get_ydata(), 9).tolist() for line in ax.lines}


def test_losses_by_share_are_over_the_lowest_of_each_world():
    lines = drawn(lp_plots.by_share((1.0, 0.1, 0.01), LOSSES))
    assert lines == {"a": [1.5, 1.5, 2.5], "b": [1.0, 1.5, 3.0]}


def test_losses_by_exponent_are_over_those_of_the_last():
    ax = lp_plots.by_exponent((0.5, 1.0, 2.0), LOSSES)
    lines = drawn(ax)
    assert lines["a"] == [0.75, 1.125, 1.0]
    assert lines["b"] == [0.375, 0.5, 1.0]
    assert "p = 2" in ax.get_ylabel()


def test_paths_have_two_lines_for_each_world():
    curve = Curve(np.array([0, 2, 5]), np.array([1.0, 0.5, 0.2]), np.array([1.1, 0.7, 0.9]))
    axes = lp_plots.by_weights({name: [curve, curve] for name in "abcd"})
    assert [panel.get_title(loc="left") or panel.get_title() for panel in axes] == list("abcd")
    assert [len(panel.lines) for panel in axes] == [4] * 4
    assert axes[0].lines[1].get_ydata().tolist() == [1.1, 0.7, 0.9]
    assert axes[0].lines[1].get_xdata().tolist() == [0, 2, 5]


def test_supports_are_means_over_worlds():
    found = {name: {"p = 1": np.array([[0.2, 0.4], [0.6, 1.0]])} for name in ("recall", "precision", "overlap")}
    axes = lp_plots.supports((0.0, 0.9), found)
    assert axes[2].lines[0].get_ydata() == pytest.approx([0.3, 0.8])


def test_zeros_are_means_over_worlds():
    ax = lp_plots.zeros_by_width((0.0, 0.1), np.array([[20, 0], [25, 1]]), 30)
    assert [patch.get_height() for patch in ax.patches] == [22.5, 0.5]


def test_errors_by_width_are_medians_over_worlds():
    ax = lp_plots.by_width((10, 80), {"no penalty": np.array([[1.0, 9.0], [2.0, 30.0], [6.0, 10.0]])}, 80)
    assert drawn(ax)["no penalty"] == [2.0, 10.0]
    assert ax.lines[1].get_xdata() == [80, 80]
