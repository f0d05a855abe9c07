"""Pictures of sparse Lp: what is drawn are the means that a loop finds."""

import numpy as np

from workbench.experiments import lp_plots
from workbench.experiments.lp_optimizers import Courses


def test_losses_by_exponent_are_over_those_of_the_last():
    losses = {"a": np.array([[2.0, 1.0, 4.0], [3.0, 6.0, 3.0]]), "b": np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 4.0]])}
    ax = lp_plots.by_exponent((0.5, 1.0, 2.0), losses)
    lines = {line.get_label(): list(line.get_ydata()) for line in ax.lines}
    assert lines["a"] == [0.75, 1.125, 1.0]
    assert lines["b"] == [0.375, 0.5, 1.0]
    assert "p = 2" in ax.get_ylabel()


def test_gains_are_over_the_control():
    losses = {"a": {"L2": np.array([2.0, 4.0]), "L1": np.array([1.0, 3.0])}}
    ax = lp_plots.gains(losses)
    (x,), (y,) = ax.containers[0].lines[0].get_data()
    assert (x, y) == (100 * (0.5 + 0.25) / 2, 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["L1"]


def test_courses_are_means_over_worlds():
    arrays = (np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[0.0, 0.2], [0.0, 0.4]]), np.array([[np.nan, 0.1]] * 2))
    axes = lp_plots.courses({"slope": Courses(*arrays)})
    drawn = [panel.lines[0].get_ydata() for panel in axes]
    np.testing.assert_allclose(drawn, [[2, 4], [0, 30], [np.nan, 10]])
