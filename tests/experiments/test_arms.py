"""Tuning an arm: the point with the lowest validation loss, found by training each point alone."""

import numpy as np
import pytest

from workbench.data.catalog import digits
from workbench.data.splits import split
from workbench.experiments.arms import gain, tune, tune_each
from workbench.training.fit import fit
from workbench.training.layers import Dense, DropoutWithReplacement, ReLU
from workbench.training.optimizers import SGD

GRID = {"rate": (0.01, 0.1, 1e300), "ratio": (0.0, 0.3)}


def build(rate, ratio):
    return [Dense(8), ReLU(), DropoutWithReplacement(ratio, scaled=True), Dense(10)], SGD(rate), {"batch": 16}


def data():
    return split(digits(), 5, train=60, validation=50, test=70)


def test_the_best_point_is_that_of_points_trained_alone():
    found = tune(build, GRID, data(), 5, epochs=3)
    alone = {}
    for rate in GRID["rate"]:
        for ratio in GRID["ratio"]:
            network, optimizer, options = build(rate, ratio)
            history = fit(network, data(), optimizer, epochs=3, seed=5, **options)
            alone[rate, ratio] = np.nanmin([*history.validation_loss[0], np.inf]), history.at_best()
    best = min(alone, key=lambda point: alone[point][0])
    loss, history = alone[best]
    assert found.chosen == {"rate": best[0], "ratio": best[1]}
    assert found.validation_loss == loss
    assert found.test_loss == history.loss(data())[0]
    assert found.test_error == history.error(data())[0]
    assert found.at_the_end == tuple(name for name, value in found.chosen.items() if value != 0.1)
    assert gain(found, found) == 0


def test_arms_that_share_a_fit_are_tuned_apart():
    found = tune_each(build, GRID, data(), 5, "ratio", epochs=3)
    alone = [tune(build, GRID | {"ratio": (ratio,)}, data(), 5, epochs=3) for ratio in GRID["ratio"]]
    assert [each.chosen for each in found] == [each.chosen for each in alone]
    assert [each.test_loss for each in found] == [each.test_loss for each in alone]


def test_an_arm_that_diverges_everywhere_is_refused():
    with pytest.raises(ValueError, match="every point diverged"):
        tune(build, {"rate": (1e300,), "ratio": (0.0,)}, data(), 5, epochs=2)
    with pytest.raises(ValueError, match="or none was validated"):
        tune(build, {"rate": (0.1,), "ratio": (0.0,)}, data(), 5, epochs=1, evaluate_every=0)
