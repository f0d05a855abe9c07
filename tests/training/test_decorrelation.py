"""The decorrelation penalty as a layer: one strength for all worlds, a training run, and refusals."""

import re

import numpy as np
import pytest

from workbench.data.splits import as_data
from workbench.measures import effective_rank
from workbench.training.fit import fit
from workbench.training.layers import Decorrelation, Dense, Sigmoid
from workbench.training.optimizers import SGD


def test_one_strength_is_that_of_every_world():
    x, dy = np.random.default_rng(2).normal(size=(2, 3, 7, 4))
    single, several = Decorrelation(0.4), Decorrelation([0.4, 0.4, 0.4])
    parameters = several.initial((4,), None, 3)
    assert single.initial((4,), None, 3) == {}
    found = [
        layer.backward(own, layer.forward(own, x, training=True)[1], dy)[0]
        for layer, own in ((single, {}), (several, parameters))
    ]
    np.testing.assert_array_equal(*found)


def test_units_are_less_alike_with_a_penalty_and_more_with_a_reward():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(90, 5))
    network = [Dense(8), Sigmoid(), Decorrelation([-20.0, 0.0, 20.0]), Dense(2)]
    history = fit(network, as_data(x, (x[:, 0] > 0).astype(int)), SGD(0.3, momentum=0.9), epochs=30, seed=[1, 1, 1])
    inside = 1 / (
        1 + np.exp(-x @ history.parameters[0]["weight"].swapaxes(1, 2) - history.parameters[0]["bias"][:, None])
    )
    alike, plain, different = map(effective_rank, inside)
    assert alike < 0.8 * plain
    assert different > 1.2 * plain


@pytest.mark.parametrize(
    ("strength", "shape", "message"),
    [
        ([1.0, 2.0], (4,), "strength has 2 numbers: must be one number, or one for each of 3 worlds"),
        (np.nan, (4,), "strength=nan: must be finite"),
        (0.1, (4, 3), "Decorrelation gets examples of shape (4, 3): must be (units,)"),
        (0.1, (1,), "with at least 2 units"),
    ],
)
def test_refusals(strength, shape, message):
    layer = Decorrelation(strength)
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.initial(layer.output(shape), None, 3)
