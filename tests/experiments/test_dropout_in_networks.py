"""What the experiments on dropout measure, in networks whose numbers are known by hand."""

import types

import numpy as np
import pytest

from workbench.claims import running
from workbench.experiments import dropout_in_networks
from workbench.experiments.dropout_in_networks import HIDDEN
from workbench.training.layers import Dense, DropoutWithReplacement, Identity, ReLU


def test_equal_units_can_replace_each_other_if_what_they_send_is_rescaled():
    first = {"weight": np.ones((1, HIDDEN, 2)), "bias": np.zeros((1, HIDDEN))}
    last = {"weight": np.zeros((1, 3, HIDDEN)), "bias": np.array([[0.0, 1.0, -9.0]])}
    last["weight"][0, 0] = 1 / HIDDEN  # class 0 gets the sum of the two inputs, and class 1 gets 1
    tuned = types.SimpleNamespace(history=types.SimpleNamespace(parameters=[first, {}, {}, last]))
    x, y = np.array([[[0.1, 0.1], [2.0, 3.0], [0.5, 0.55], [0.9, 0.9]]]), np.array([[1, 0, 0, 0]])
    data = types.SimpleNamespace(part=lambda name: (x, y))
    assert dropout_in_networks._accuracy_kept(tuned, data, 0, True) == 1
    # 128, 115, 102, ... units are left, and class 0 is seen as long as kept / 128 * sum is above 1.
    kept = np.array([128, 115, 102, 89, 76, 64, 51, 38, 25, 12]) / 128
    right = [1 + sum(share * total > 1 for total in (5, 1.05, 1.8)) for share in kept]
    assert dropout_in_networks._accuracy_kept(tuned, data, 0, False) == pytest.approx(np.mean(right) / 4)


def test_loss_errors_and_gap_of_a_forecast():
    """A network whose logits are its inputs, here the logarithms of the forecast."""
    chances = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.6, 0.2], [0.25, 0.25, 0.5]])
    data = types.SimpleNamespace(part=lambda name: (np.log(chances)[None], np.array([[0, 1, 2, 2]])))
    for network, masks in (([Identity()], 0), ([DropoutWithReplacement(0.0)], 7)):
        history = types.SimpleNamespace(network=network, parameters=[{}])
        loss, wrong, gap = dropout_in_networks._judged(history, data=data, part="test", masks=masks, seed=0)
        assert loss == pytest.approx(-np.log(0.5 * 0.8 * 0.2 * 0.5) / 4)
        assert (wrong, gap) == pytest.approx((1 / 4, abs((0.5 + 0.8 + 0.6 + 0.5) / 4 - 3 / 4)))


def test_the_mean_over_masks_is_that_of_probabilities():
    """Of two logits of 2, half of all masks leave one, where the log loss of the other is log(1 + e^2)."""
    data = types.SimpleNamespace(part=lambda name: (np.full((1, 4000, 2), 2.0), np.zeros((1, 4000), int)))
    history = types.SimpleNamespace(network=[DropoutWithReplacement(0.5)], parameters=[{}])
    shares = np.array([0.5, 0.5, 1 / (1 + np.exp(2)), 1 / (1 + np.exp(-2))])
    loss, *_ = dropout_in_networks._judged(history, data=data, part="test", masks=1, seed=0)
    assert loss == pytest.approx(-np.log(shares).mean(), rel=0.03)
    loss, *_ = dropout_in_networks._judged(history, data=data, part="test", masks=40, seed=0)
    assert loss == pytest.approx(-np.log(shares.mean()), rel=0.03)


def test_epochs_are_counted_for_the_fastest_rate_of_each_arm(monkeypatch):
    """Rates 1 to 4 without dropout reach the target in epochs 3, 2, never, 5; with it in 6, never, 4, 7."""
    reached = np.array([3, 2, 99, 5, 6, 99, 4, 7])
    losses = np.where(np.arange(1, 41) >= reached[:, None], 0.1, 0.2)
    monkeypatch.setattr(dropout_in_networks, "fit", lambda *args, **more: types.SimpleNamespace(train_loss=losses))
    found = dropout_in_networks.convergence(0, 0.5)
    assert found == {"epochs to the target, over those without": 2.0, "epochs without": 2}
    losses[4:] = 0.2
    assert dropout_in_networks.convergence(0, 0.5)["epochs to the target, over those without"] == 40 / 2


def test_a_dear_dropout_would_explain_the_time_of_training(monkeypatch):
    cheap = dropout_in_networks.dropout
    assert running.run("D37").verdict == "fails"
    monkeypatch.setattr(dropout_in_networks, "dropout", lambda *shape: 1000 * cheap(*shape))
    assert running.run("D37").verdict == "holds"


def test_correlation_of_units_and_their_derivatives_given_a_mask(monkeypatch):
    """Without dropout, two units are copies and a third never varies; with it, two follow inputs that are independent.

    The inputs are the same for all worlds: (1, 1), (1, 2), (2, 1) and (2, 2).
    """
    weights = {"none": [[1, 0], [2, 0], [0, -1]], "dropout": [[1, 0], [0, 1], [0, -1]]}
    x = np.array([[1, 1], [1, 2], [2, 1], [2, 2]], float)
    monkeypatch.setattr(
        dropout_in_networks, "world", lambda *_: types.SimpleNamespace(part=lambda name: (x[None], None))
    )

    def tuned(build, grid, *_, **more):
        name = "dropout" if grid["ratio"] == (0.5,) else "none"
        first = {"weight": np.array([weights[name]], float), "bias": np.zeros((1, 3))}
        layers = [Dense(3), ReLU(), DropoutWithReplacement(0.5, scaled=True), Dense(10)]
        return types.SimpleNamespace(history=types.SimpleNamespace(network=layers, parameters=[first, {}, {}, {}]))

    monkeypatch.setattr(dropout_in_networks, "tune", tuned)
    found = dropout_in_networks.competition(0, 300)
    assert found["mean correlation, none"] == pytest.approx(1)
    assert found["mean correlation, dropout"] == pytest.approx(0, abs=1e-12)
    assert found["change of mean correlation, dropout less none"] == pytest.approx(-1)
    assert found["largest derivative by another unit, given the mask"] == 0
