"""Comparisons with L2: equal trials in both arms, gains by hand, and losses against scikit-learn."""

import numpy as np
import pytest

from workbench.experiments import linear_tasks, lp_against_l2
from workbench.experiments.linear_tasks import Tuned
from workbench.solvers.penalties import Lp


def fake(losses):
    """Return a stand-in for `tuned` with two losses for each p, and the list of the trials it is given."""
    given = []

    def tuned(task, penalties):
        given.append((penalties[0].p, len(penalties)))
        validation, test = losses[penalties[0].p]
        return Tuned(penalties[0], np.array([0.0, float(penalties[0].p > 1)]), validation, test, False, 10.0)

    return tuned, given


def test_both_arms_have_forty_trials_and_validation_chooses_p(monkeypatch):
    tuned, given = fake({0.5: (0.3, 0.6), 1.0: (0.4, 0.1), 2.0: (0.2, 0.8)})
    monkeypatch.setattr(lp_against_l2, "tuned", tuned)
    numbers = lp_against_l2.gain_over_l2(0, "diabetes")
    assert sorted(given) == [(0.5, 20), (1.0, 20), (2.0, 40)]
    assert numbers["relative gain over tuned L2"] == pytest.approx(1 - 0.6 / 0.8)  # p = 1/2, though p = 1 tests better
    assert numbers["relative gain over the weakest L2"] == pytest.approx(1 - 0.6 / 10)
    assert numbers["chosen p"] == 0.5


def test_text_compares_l1_with_l2_and_digits_l2_with_l1(monkeypatch):
    tuned, given = fake({1.0: (0.3, 0.2), 2.0: (0.3, 0.5)})
    monkeypatch.setattr(lp_against_l2, "tuned", tuned)
    numbers = lp_against_l2.l1_and_l2_on_text(0, "text by topics")
    assert numbers["relative gain of L1 over L2"] == pytest.approx(0.6)
    assert numbers["share of zeros with L1 less that with L2"] == 0.5
    assert lp_against_l2.l2_and_l1_on_digits(0)["relative gain of L2 over L1"] == pytest.approx(-1.5)
    assert [count for _, count in given] == [16, 16, 40, 40]


def test_tumours_have_noise_features_and_a_column_of_ones(monkeypatch):
    tasks = []
    monkeypatch.setattr(lp_against_l2, "_compared", lambda task, name: tasks.append(task) or {name: 0.0})
    for seed in (3, 4):
        lp_against_l2.tumours(seed, 20, "logistic regression")
    X, y = tasks[0].parts.train
    assert [len(each[1]) for each in tasks[0].parts] == [100, 200, 269]
    assert X.shape == (100, 30 + 20 + 1)
    assert set(y) == {-1.0, 1.0}
    noise = np.concatenate([each[0][:, 30:50] for each in tasks[0].parts])
    assert np.abs(np.corrcoef(noise.T) - np.eye(20)).max() < 0.25
    assert not np.array_equal(tasks[1].parts.train[0][:, 30:50], X[:, 30:50])


def test_a_support_vector_machine_is_tuned_on_validation_data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4))
    y = np.where(X[:, 0] + 0.3 * rng.normal(size=150) > 0, 1.0, -1.0)
    task = linear_tasks.Task(linear_tasks.in_parts(X, y, 50, 50), "logistic")
    validation, test, _ = lp_against_l2._machine(task, "l1")
    swapped = task._replace(parts=task.parts._replace(test=(X[100:], -y[100:])))
    assert lp_against_l2._machine(swapped, "l1")[0] == validation
    assert lp_against_l2._machine(swapped, "l1")[1] > 2 * test
    margins = y[100:] * (X[100:] @ np.array([1.0, 0, 0, 0]))
    by_hand = sum(max(1 - margin, 0) ** 2 for margin in margins) / 50
    assert lp_against_l2._squared_hinge((X[100:], y[100:]), np.array([1.0, 0, 0, 0])) == pytest.approx(by_hand)


def test_sparse_truths_favour_p_of_at_most_one_and_dense_truths_l2():
    sparse, dense = (lp_against_l2.gain_over_l2(7, truth) for truth in linear_tasks.TASKS[:2])
    assert sparse["relative gain over tuned L2"] > 0.3
    assert dense["relative gain over tuned L2"] < -0.1
    assert Lp(1.0, sparse["chosen p"]).p == 0.5
