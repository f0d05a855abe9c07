"""Sensitivity and pruning in networks: what is moved and what is compared, with made-up losses."""

import types

import numpy as np
import pytest

from workbench.experiments import lp_network_sensitivity


def test_one_hyperparameter_is_moved_from_its_best_value(monkeypatch):
    points = {"rate": np.array([0.1, 0.2]), "ratio": np.zeros(2), "strength": np.array([3.0, 4.0]), "other": np.ones(2)}
    asked = {}

    def losses(task, arm, seed, moved):
        asked.update(moved)
        return {"test": 5 + moved["other"]}

    monkeypatch.setattr(lp_network_sensitivity, "trials", lambda *names: types.SimpleNamespace(points=points, best=1))
    monkeypatch.setattr(lp_network_sensitivity, "_losses", losses)
    found = lp_network_sensitivity.sensitivity(0, "digits", "threshold")
    assert asked["other"].tolist() == [1, 0.1, 0.5, 2, 10]
    assert (asked["rate"].tolist(), asked["strength"].tolist()) == ([0.2] * 5, [4.0] * 5)
    assert [*found.values()] == pytest.approx([5.1 / 6 - 1, 5.5 / 6 - 1, 7 / 6 - 1, 15 / 6 - 1])
    assert list(found)[2] == "loss at twice the best value over the best, less 1"


def test_each_share_of_zeros_has_its_own_rate(monkeypatch):
    """Three shares with four rates each: validation data choose the rates 1, 0 and 3, and the second share."""
    validation = np.array([[4, 2, 9, 9], [1, 2, 9, 9], [9, 9, 9, 3]])
    test = np.array([[0.1, 0.6, 0.1, 0.1], [0.5, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.9]])
    asked = {}

    def losses(task, arm, seed, points):
        asked.update(points)
        return {"validation": validation.ravel(), "test": test.ravel()}

    monkeypatch.setattr(lp_network_sensitivity, "_losses", losses)
    found = lp_network_sensitivity.pruned(0, "digits", (0.0, 0.5, 0.9))
    assert asked["strength"].tolist() == [0.0] * 4 + [0.5] * 4 + [0.9] * 4
    assert asked["rate"][:4] == pytest.approx([0.2 / 9, 0.2 / 3, 0.2, 0.6])
    assert found["loss of the densest over the best, less 1"] == pytest.approx(0.6 / 0.5 - 1)
    assert found["loss of the sparsest over the best, less 1"] == pytest.approx(0.9 / 0.5 - 1)
    assert found["share of zeros at the best"] == 0.5
    assert found["test loss, 0.9 zeros"] == 0.9


def test_numbers_of_weights_are_those_of_a_path_or_of_a_pruned_network(monkeypatch):
    monkeypatch.setattr(lp_network_sensitivity, "along_the_path", lambda seed, data: ("path", seed, data))
    monkeypatch.setattr(lp_network_sensitivity, "pruned", lambda seed, task: ("pruned", seed, task))
    assert lp_network_sensitivity.by_number_of_weights(3, "digits") == ("path", 3, "digits")
    assert lp_network_sensitivity.by_number_of_weights(4, "pruned network, digits") == ("pruned", 4, "digits")
