"""Pictures of sparse Lp in networks show the means of what they are given."""

import numpy as np

from workbench.cost.record import Cost
from workbench.experiments import lp_network_plots
from workbench.experiments.lp_optimizers import Courses


def test_gains_are_over_the_control():
    losses = {"a": {"L2": np.array([2.0, 4.0]), "L1": np.array([1.0, 3.0])}}
    ax = lp_network_plots.gains(losses)
    (x,), (y,) = ax.containers[0].lines[0].get_data()
    assert (x, y) == (100 * (0.5 + 0.25) / 2, 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["L1"]


def test_pruned_losses_are_over_those_of_the_dense_network():
    worlds = [{"other": 9.0, "test loss, 0 zeros": 2.0, "test loss, 0.9 zeros": each} for each in (1.0, 3.0)]
    line = lp_network_plots.pruning({"a": worlds}).lines[0]
    np.testing.assert_allclose(line.get_data(), [[100, 10], [1, 1]])


def test_rises_are_by_factor():
    worlds = [
        {"loss at 0.5 times the best, less 1": 0.1, "loss at 2 times the best, less 1": each} for each in (0, 0.6)
    ]
    line = lp_network_plots.sensitivity({"alpha": worlds}).lines[0]
    np.testing.assert_allclose(line.get_data(), [[0.5, 2], [10, 30]])


def test_courses_are_means_over_worlds():
    arrays = (np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[0.0, 0.2], [0.0, 0.4]]), np.array([[np.nan, 0.1]] * 2))
    axes = lp_network_plots.courses({"slope": Courses(*arrays)})
    drawn = [panel.lines[0].get_ydata() for panel in axes]
    np.testing.assert_allclose(drawn, [[2, 4], [0, 30], [np.nan, 10]])


def test_costs_are_shares_of_the_step():
    step = Cost(multiply_adds=50, bytes_read=200)
    costs = {1: {"step": step, "a": Cost(comparisons=5), "b": Cost(bytes_read=20)}}
    operations, moved = lp_network_plots.added(costs)
    assert [(line.get_label(), line.get_ydata()[0]) for line in operations.lines] == [("a", 5)]
    assert [(line.get_label(), line.get_ydata()[0]) for line in moved.lines] == [("b", 10)]
