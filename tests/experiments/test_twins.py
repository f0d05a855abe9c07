"""Units removed from a network: which ones, and what the others take over."""

import numpy as np
import pytest

from workbench.experiments import twins

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 3))
# Two copies up to a line, two units that resemble each other less, one alone, and one that never varies.
UNITS = np.column_stack([X[:, 0], 3 - 2 * X[:, 0], X[:, 1], X[:, 1] + 0.3 * RNG.normal(size=60), X[:, 2], np.ones(60)])
WEIGHT, BIAS = RNG.normal(size=(2, 6)), RNG.normal(size=2)
SIZE = np.array([5.0, 1.0, 1.0, 5.0, 9.0, 0.1])


def test_the_smaller_of_the_most_correlated_goes():
    assert list(twins.twins(UNITS, SIZE, 2)) == [(1, 0), (2, 3)]


def test_units_in_an_order_meet_the_most_correlated_that_is_left():
    assert list(twins.with_twins(UNITS, [0, 3])) == [(0, 1), (3, 2)]
    assert dict(twins.with_twins(UNITS, [0, 1]))[1] not in (0, 5)  # neither the one that is gone, nor the constant


def test_a_copy_that_is_folded_loses_nothing_and_one_that_is_dropped_loses_itself():
    before = UNITS @ WEIGHT.T + BIAS
    weight, bias = twins.without(UNITS, WEIGHT, BIAS, [(1, 0)], fold=True)
    np.testing.assert_allclose(UNITS @ weight.T + bias, before, rtol=1e-12)
    assert (weight[:, 1] == 0).all()
    weight, bias = twins.without(UNITS, WEIGHT, BIAS, [(1, 0)], fold=False)
    np.testing.assert_allclose(UNITS @ weight.T + bias, before - np.outer(UNITS[:, 1], WEIGHT[:, 1]), rtol=1e-12)


def test_a_unit_hands_on_what_it_took_over():
    """Unit 0 is folded into 1, then 1 into 0's twin 6: all three are copies, so nothing is lost."""
    h = np.column_stack([UNITS, 0.5 * X[:, 0]])
    weight = np.column_stack([WEIGHT, [0.3, -0.2]])
    folded, bias = twins.without(h, weight, BIAS, [(0, 1), (1, 6)], fold=True)
    np.testing.assert_allclose(h @ folded.T + bias, h @ weight.T + BIAS, rtol=1e-12)
    assert (folded[:, :2] == 0).all()


def test_what_is_folded_is_a_least_squares_line():
    slope, constant = np.polyfit(UNITS[:, 3], UNITS[:, 2], 1)
    weight, bias = twins.without(UNITS, WEIGHT, BIAS, [(2, 3)], fold=True)
    np.testing.assert_allclose(weight[:, 3], WEIGHT[:, 3] + slope * WEIGHT[:, 2])
    np.testing.assert_allclose(bias, BIAS + constant * WEIGHT[:, 2])


def test_pruning_nothing_costs_nothing(monkeypatch):
    monkeypatch.setattr(twins, "TRAINING", {"epochs": 2})
    found = twins.pruned(0, 0.0, "folded")
    whole = found["loss of the whole network"]
    ways = ("dropped", "folded", "random", "random, folded", "smallest")
    assert [found[f"loss, {name}"] for name in ways] == pytest.approx([whole] * 5, rel=1e-5)
    assert found["relative gain over random pruning"] == pytest.approx(0, abs=1e-12)
