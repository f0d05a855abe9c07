"""Budgets of sweeps: shifted grids, and regrets on a bowl against all points of the grid."""

import itertools

import numpy as np
import pytest

from workbench.experiments import tuning_budgets as tb
from workbench.experiments.tuning_studies import gridded

SPACE = {"a": "0..2", "b": "1e-2..100:log", "c": ["x", "y", "z"], "d": 7}


def test_a_shifted_grid_has_one_point_in_each_part_and_one_shift_for_an_axis():
    shifted, middles = tb.shifted(SPACE, 36, 5), gridded(SPACE, 36)
    assert (shifted["c"], shifted["d"]) == (middles["c"], 7)
    a, b = np.array(shifted["a"]) / 2, (np.log10(shifted["b"]) + 2) / 4
    for shares, count in ((a, len(middles["a"])), (b, len(middles["b"]))):
        assert np.floor(shares * count).tolist() == list(range(count))
        assert np.diff(shares) == pytest.approx(np.full(count - 1, 1 / count))
    assert shifted["a"] != tb.shifted(SPACE, 36, 6)["a"]


@pytest.mark.parametrize("matter", ["two axes", "all axes"])
def test_the_regret_of_a_grid_is_that_of_its_best_point(matter, monkeypatch):
    regrets = {}
    best = tb._best

    def seen(function, space, sampler, trials, seed):
        regrets[sampler] = (best(function, space, sampler, trials, seed), space)
        return regrets[sampler][0]

    monkeypatch.setattr(tb, "_best", seen)
    found = tb.in_many_dimensions(4, 3, 12, matter)
    rng = np.random.default_rng(4)
    centre, counted = rng.uniform(size=3), rng.permutation(3)[: 2 if matter == "two axes" else 3]
    lowest, space = regrets["grid"]
    points = itertools.product(*(space[f"x{j}"] for j in range(3)))
    assert lowest == pytest.approx(min(sum((point[j] - centre[j]) ** 2 for j in counted) for point in points))
    expected = np.log10(regrets["random"][0] / regrets["tpe"][0])
    assert found["logarithm of random search's regret over TPE's"] == pytest.approx(expected)


def test_a_regret_of_zero_counts_as_the_smallest(monkeypatch):
    losses = {"grid": 0.3, "random": 0.2}
    monkeypatch.setattr(tb, "_lowest", lambda problem: 0.25)
    monkeypatch.setattr(tb, "_best", lambda function, space, sampler, trials, seed: losses[sampler])
    numbers = tb.grid_and_random(0, "sparse Lp")
    assert numbers["logarithm of the grid's regret over random search's"] == pytest.approx(np.log10(0.1 / tb.SMALLEST))
    assert numbers["loss of the grid less that of random search"] == pytest.approx(0.1)
