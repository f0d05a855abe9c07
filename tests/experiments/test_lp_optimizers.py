"""How a penalty enters training: weights that cannot return, and counts of steps, zeros and bytes by hand."""

import types

import numpy as np
import pytest

from workbench.data.splits import Data
from workbench.experiments import lp_optimizers
from workbench.experiments.lp_optimizers import BATCH
from workbench.training.layers import Dense


@pytest.mark.parametrize("kept", [True, False])
def test_a_weight_returns_unless_its_input_is_always_zero_or_the_mask_is_kept(kept):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(BATCH + 5, 4))
    x[:, 2] = 0
    y = np.arange(len(x)) % 3
    rows = np.arange(len(x))[None]
    data = Data(x, y, rows, rows[:, :0], rows[:, :0], None, None, 3)
    weight = np.array([[[1.0, 0.1, 0.2, 2.0], [3.0, 4.0, 0.3, 0.4], [0.5, 5.0, 6.0, 7.0]]])  # six of twelve are removed
    trained = [{"weight": weight, "bias": np.zeros((1, 3))}]
    found = lp_optimizers._returned([Dense(3)], trained, data, 0, kept, threshold_again=False)
    assert found == dict.fromkeys((1, 10), 0.0 if kept else 4 / 6)  # two of them belong to the third input
    assert (weight != 0).all()
    again = lp_optimizers._returned([Dense(3)], trained, data, 0, False, threshold_again=True)
    assert again[10] < 4 / 6  # the threshold of 0.75 removes again what has not grown


def test_updates_are_those_of_the_fastest_rate(monkeypatch):
    """The lowest objective is 1, so that the target is 1.05; proximal steps are there in epoch 2, slopes in epoch 4."""
    prox = np.array([[3.0, 2.0, 1.04, 1.0], [3.0, 1.05, 1.2, 1.2], [9.0, np.nan, np.nan, np.nan]])
    slope = np.array([[3.0, 2.0, 2.0, 1.06], [3.0, 1.06, 1.06, 1.05], [9.0, 8.0, 7.0, 6.0]])
    found = {"ElasticNetProx": (prox, [0.1, 0.2, 0.3]), "LpGradient": (slope, [0.0, 0.0, 0.5])}
    monkeypatch.setattr(lp_optimizers, "_course", lambda seed, model, penalty: found[type(penalty).__name__])
    numbers = lp_optimizers.speed(0, "network")
    assert numbers["updates to the target, over those of subgradients"] == 2 / 4
    assert (numbers["exact zeros, proximal steps"], numbers["exact zeros, subgradients"]) == (0.2, 0.0)
    assert (numbers["rate at an end, subgradients"], numbers["not there, subgradients"]) == (0, 0)
    slope[:] = 2
    numbers = lp_optimizers.speed(0, "network")
    assert numbers["updates to the target, over those of subgradients"] == 2 / lp_optimizers.EPOCHS["network"]
    assert numbers["not there, subgradients"] == 1


def test_the_objective_of_the_linear_model_falls_to_that_of_the_lasso():
    from sklearn.linear_model import Lasso

    objective, zeros = lp_optimizers._course(5, "linear model", lp_optimizers.ElasticNetProx(0.1, 1.0))
    data, _ = lp_optimizers._linear(5)
    x, y = data.x, data.y.ravel()
    alpha = lp_optimizers.ALPHAS["linear model"]
    exact = Lasso(alpha / 2, fit_intercept=False, tol=1e-10, max_iter=100_000).fit(x, y).coef_
    lowest = np.mean((y - x @ exact) ** 2) + alpha * np.abs(exact).sum()
    best = np.nanargmin(objective[:, -1])
    assert objective[best, -1] == pytest.approx(lowest, rel=1e-6)
    assert zeros[best] == np.mean(exact == 0)


def test_what_returns_is_counted_from_epoch_to_epoch(monkeypatch):
    """Two worlds of six weights in two layers, of which some are 0 after each of three epochs."""
    worlds = np.array(
        [
            [[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 0], [0, 2, 0, 1, 1, 2]],  # none, three, then two of the three are back
            [[0, 1, 1, 1, 1, 1], [0, 1, 0, 0, 1, 1], [0, 1, 0, 0, 0, 3]],  # one, three, four, and none is back
        ],
        float,
    )

    def fit(*args, callbacks, **options):
        for epoch in range(3):
            first, last = worlds[:, epoch, :4].reshape(2, 2, 2), worlds[:, epoch, 4:].reshape(2, 1, 2)
            layers = [{"weight": first}, {}, {"weight": last}]
            training = types.SimpleNamespace(parameters=layers, evaluate=lambda part: {"loss": np.array([1.0, 2.0])})
            for callback in callbacks:
                callback(training)

    monkeypatch.setattr(lp_optimizers, "fit", fit)
    found = lp_optimizers.courses([0, 1], "threshold")
    np.testing.assert_allclose(found.zeros, np.array([[0, 3, 2], [1, 3, 4]]) / 6)
    np.testing.assert_allclose(found.returned, [[np.nan, np.nan, 2 / 3], [np.nan, 0, 0]])
    np.testing.assert_allclose(found.objective[:, 2], [1 + 1e-3 * 6, 2 + 1e-3 * 4])


def test_costs_of_a_step_by_hand():
    weights = 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10
    costs = lp_optimizers.step_costs(7)
    assert costs["L2, in the optimizer"].flops == 2 * weights
    assert costs["L2, in the optimizer"].bytes == 0
    for name in ("slope, p = 1", "proximal step, p = 1", "proximal step, p = 1/2"):
        assert costs[name].bytes == 8 * weights  # float32 is read and written once
    assert costs["slope and threshold, p = 1"].bytes == (8 + 9) * weights  # and once more, with a byte of the mask
    assert costs["step without"].multiply_adds >= 7 * 2 * (784 * 512 + 512 * 512 + 512 * 10)  # forward and weights
    assert costs["dropout, twice"].random_words == 2 * 7 * 512
