"""Sparse Lp in networks: grids counted by hand, trials trained alone, and comparisons of made-up losses."""

import numpy as np
import pytest

from workbench.data.splits import Data
from workbench.experiments import lp_in_networks
from workbench.experiments.lp_in_networks import COMPARED, FOUR_TASKS, TASKS, Task, Trials, fine_grid, grid
from workbench.training.fit import fit
from workbench.training.layers import Dense, Dropout, ReLU
from workbench.training.optimizers import SGD
from workbench.training.penalties import (
    ElasticNetProx,
    GroupProx,
    L1Ball,
    LpProx,
    MagnitudePruning,
    SparseLpThreshold,
)


@pytest.mark.parametrize("task", TASKS)
def test_every_arm_has_eighteen_trials(task):
    for arm in (*COMPARED, "threshold"):
        if arm != "L1 ball" or task in FOUR_TASKS:
            points = np.array(list(grid(task, arm).values()))
            assert points.shape == (4, 18)
            assert len(np.unique(points, axis=1).T) == 18


@pytest.mark.parametrize("penalty", ["L1", "p = 1/2"])
def test_a_combination_and_its_parts_have_ninety_trials(penalty):
    for arm in ("dropout", penalty, f"dropout and {penalty}"):
        points = np.array(list(fine_grid("digits", arm).values()))
        assert points.shape == (4, 90)
        assert len(np.unique(points, axis=1).T) == 90


def test_grids_are_those_that_the_text_says():
    alone, both, cut = grid("digits", "L1"), fine_grid("digits", "dropout and L1"), grid("digits", "threshold")
    np.testing.assert_allclose(np.unique(alone["rate"]), [0.2 / 3, 0.2, 0.6])
    np.testing.assert_allclose(np.unique(alone["strength"])[[0, 5]], [2e-4 / 2.5**2.5, 2e-4 * 2.5**2.5])
    np.testing.assert_allclose(np.unique(both["rate"]), [0.2 / 9, 0.2 / 3, 0.2])
    np.testing.assert_allclose(np.unique(both["strength"])[[0, 5]], [2e-4 / 2.5**4, 2e-4 * 2.5**3])
    assert np.unique(both["ratio"]).tolist() == [0.05, 0.1, 0.2, 0.35, 0.5]
    assert np.unique(cut["other"]).tolist() == [0.01, 0.04, 0.16]
    assert np.ptp(grid("digits", "none")["rate"]) > np.ptp(alone["rate"])
    assert np.unique(grid("digits", "pruning")["strength"]).tolist() == [0.2, 0.4, 0.7, 0.9, 0.98, 0.995]
    np.testing.assert_allclose(
        np.unique(grid("vowels", "L1 ball")["strength"])[[0, 5]], [160 / 2.5**2.5, 160 * 2.5**2.5]
    )
    mixed = grid("few inputs matter", "elastic net")
    np.testing.assert_allclose(np.unique(mixed["strength"]), 0.001**0.5 * np.array([1 / 6.25, 1, 6.25]))
    assert np.unique(mixed["other"]).tolist() == [0.2, 0.6]


@pytest.fixture
def small(monkeypatch):
    """A task of 40 examples with two steps an epoch, and its data."""
    rng = np.random.default_rng(6)
    rows = rng.permutation(90)[None]
    x = rng.normal(size=(90, 5)).astype(np.float32)
    data = Data(x, (x[:, 0] > 0).astype(int), rows[:, :40], rows[:, 40:60], rows[:, 60:], None, None, 2)
    task = Task(lambda seed: data, [Dense(4), ReLU()], 0.2, lp_in_networks._middle(0.02, 0.01, 0.03, 5.0))
    monkeypatch.setattr(lp_in_networks, "TASKS", {"small": task})
    monkeypatch.setattr(lp_in_networks, "STEPS", 12)
    lp_in_networks.trials.cache_clear()
    yield data
    lp_in_networks.trials.cache_clear()


ALONE = {  # of the third trial: the decay, the ratio of dropout and the penalties
    "none": lambda at: (0.0, 0.0, []),
    "L2": lambda at: (at["strength"], 0.0, []),
    "L1": lambda at: (0.0, 0.0, [LpProx(10 * at["strength"], 1.0)]),
    "threshold": lambda at: (0.0, 0.0, [SparseLpThreshold(at["strength"], 2.0, sparsity_threshold=at["other"])]),
    "elastic net": lambda at: (0.0, 0.0, [ElasticNetProx(10 * at["strength"], at["other"])]),
    "groups": lambda at: (0.0, 0.0, [GroupProx(10 * at["strength"], axis=1)]),
    "L1 ball": lambda at: (0.0, 0.0, [L1Ball(at["strength"])]),
    "pruning": lambda at: (0.0, 0.0, [MagnitudePruning(at["strength"])]),
    "early stopping": lambda at: (0.0, 0.0, []),
    "dropout and p = 1/2": lambda at: (0.0, at["ratio"], [LpProx(10 * at["strength"], 0.5)]),
}


@pytest.mark.parametrize("arm", ALONE)
def test_a_trial_is_what_training_it_alone_gives(small, arm):
    fine = "and" in arm
    found = lp_in_networks.trials("small", arm, 3, fine)
    place = 17 if arm == "early stopping" else 2  # with a high rate the last epoch is not the best
    at = {name: values[place] for name, values in (fine_grid if fine else grid)("small", arm).items()}
    decay, ratio, penalties = ALONE[arm](at)
    network = [Dense(4), ReLU(), *([Dropout(ratio)] if ratio else []), Dense(2)]
    optimizer = SGD(at["rate"], momentum=0.9, weight_decay=decay)
    options = {"epochs": 6, "batch": 30, "penalties": penalties}
    if arm == "early stopping":  # the number of epochs that has the lowest loss
        each = [fit(network, small, optimizer, seed=3, **options | {"epochs": 1 + last}) for last in range(6)]
        history = min(each, key=lambda history: history.loss(small, "validation")[0])
    else:
        history = fit(network, small, optimizer, seed=3, **options)
    assert found.train[place] == pytest.approx(history.loss(small, "train")[0], rel=1e-5)
    assert found.validation[place] == pytest.approx(history.loss(small, "validation")[0], rel=1e-5)
    assert found.test[place] == pytest.approx(history.loss(small)[0], rel=1e-5)
    weights = np.concatenate([layer["weight"].ravel() for layer in history.parameters if layer])
    assert found.zeros[place] == pytest.approx(np.mean(weights == 0))


def made_up(validation, test, strengths=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)):
    points = {"rate": np.ones(6), "ratio": np.zeros(6), "strength": np.array(strengths), "other": np.zeros(6)}
    test = np.array(test, float)
    return Trials(points, test / 2, np.array(validation, float), test, np.arange(6) / 10)


L1 = made_up([1, 4, 9, 5, 9, 9], [0.1, 0.8, 0.1, 0.1, 0.1, 0.1])  # the first has no part in `best_p`
HALF = made_up([6, 1, 3, 9, 9, 9], [0.1, 0.1, 0.6, 0.1, 0.1, 0.1])  # nor has the second


def test_validation_data_choose_and_test_data_judge():
    trials = made_up([3, np.nan, 1, np.inf, 2, 5], [1, 2, 30, 4, 5, 6])
    assert (trials.best, trials.loss, trials.gap, trials.at_an_end) == (2, 30, 15, 0)
    assert made_up([1, 2, 3, 4, 5, 6], [1] * 6).at_an_end == 1
    assert made_up([1, 2, 3, 4, 5, 6], [1] * 6, [7.0] * 6).at_an_end == 0


@pytest.fixture
def fabricated(monkeypatch):
    arms = {
        "L1": L1,
        "p = 1/2": HALF,
        "none": made_up([2] * 6, [1.2] * 6),
        "L2": made_up([9, 9, 9, 9, 9, 1], [9, 9, 9, 9, 9, 0.5]),
        "dropout": made_up([9, 9, 0.5, 9, 9, 9], [9, 9, 0.4, 9, 9, 9]),
        "dropout and L1": made_up([9, 9, 9, 1, 9, 9], [9, 9, 9, 0.3, 9, 9]),
        "threshold": made_up([9, 9, 9, 1, 9, 9], [9, 9, 9, 0.55, 9, 9]),
    }
    monkeypatch.setattr(lp_in_networks, "trials", lambda task, arm, seed, fine=False: arms[arm])


@pytest.mark.usefixtures("fabricated")
def test_the_best_p_has_as_many_trials_as_the_others():
    both = lp_in_networks.best_p("digits", 0)
    assert len(both.test) == 6
    assert both.points["other"].tolist() == [1, 1, 1, 0.5, 0.5, 0.5]
    assert both.points["strength"].tolist() == [2, 4, 6, 1, 3, 5]
    assert both.loss == 0.6


@pytest.mark.usefixtures("fabricated")
def test_gains_are_those_of_the_chosen_trials(monkeypatch):
    found = lp_in_networks.against_l2(0, "digits, network")
    assert found["relative gain over tuned L2"] == pytest.approx(1 - 0.6 / 0.5)
    assert found["relative gain over none"] == pytest.approx(1 - 0.6 / 1.2)
    assert found["share of weights that are 0"] == 0.2
    assert found["strength at an end of its grid, L2"] == 1
    found = lp_in_networks.combined(0, "L1")  # dropout alone is better on validation data than L1 alone
    assert found["relative gain over the better of the two"] == pytest.approx(1 - 0.3 / 0.4)
    found = lp_in_networks.on_images(0, 100)
    assert found["relative gain of the best p over none"] == pytest.approx(1 - 0.6 / 1.2)
    assert found["relative gain of the best p over L2"] == pytest.approx(1 - 0.6 / 0.5)
    assert found["relative gain of a threshold over L2"] == pytest.approx(1 - 0.55 / 0.5)
    assert lp_in_networks.l2_against_l1(0, "network")["relative gain of L2 over L1"] == pytest.approx(1 - 0.5 / 0.1)
    found = lp_in_networks.dropout_against_lp(0, "vowels")
    assert found["relative gain of dropout over the best p"] == pytest.approx(1 - 0.4 / 0.6)
    monkeypatch.setattr(lp_in_networks, "COMPARED", ("L2", "dropout"))
    found = lp_in_networks.winners(0)
    assert found["gain of Lp over L2 where few inputs matter"] == pytest.approx(1 - 0.6 / 0.5)
    assert found["gain of L2 over Lp where all inputs matter"] == pytest.approx(1 - 0.5 / 0.6)
    by_task = lp_in_networks.by_task([found, found], "test loss")
    assert list(by_task) == list(lp_in_networks.FOUR_TASKS)
    assert {arm: losses.tolist() for arm, losses in by_task["vowels"].items()} == {
        "Lp": [0.6, 0.6],
        "L2": [0.5, 0.5],
        "dropout": [0.4, 0.4],
    }


def test_hoyers_sparsity():
    one, equal, other = np.array([0.0, 0.0, -2.0]), np.full((2, 3), -0.5), np.array([3.0, -4.0])
    assert lp_in_networks.hoyer([one]) == pytest.approx(1)
    assert lp_in_networks.hoyer([equal]) == pytest.approx(0)
    expected = (np.sqrt(2) - 7 / 5) / (np.sqrt(2) - 1)
    assert lp_in_networks.hoyer([other, one]) == pytest.approx((expected + 1) / 2)
