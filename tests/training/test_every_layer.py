"""What every layer must satisfy: shapes, gradients, types, and worlds that do not touch each other."""

import numpy as np
import pytest

from workbench.training import layers, network, trees
from workbench.training.random import derive, world_seeds

# A layer with the shape of one example; every axis has its own length.
EXAMPLES = [
    (layers.Dense(4), (6,)),
    (layers.Dense(4, bias=False), (6,)),
    (layers.Flatten(), (2, 3, 4)),
    (layers.Identity(), (6,)),
    (layers.ReLU(), (6,)),
    (layers.LeakyReLU(0.2), (6,)),
    (layers.ELU(), (6,)),
    (layers.Softplus(), (6,)),
    (layers.Sigmoid(), (6,)),
    (layers.Tanh(), (6,)),
    (layers.Softmax(), (6,)),
    (layers.Dropout(0.4), (6,)),
    (layers.DropoutWithReplacement([0.3, 0.0, 0.6], "trained", scaled=True, per_feature=True), (6,)),
    (layers.Decorrelation([0.3, 0.0, -0.7]), (6,)),
    (layers.FeatureDropout(0.4), (2, 3, 4)),
    (layers.AlphaDropout([0.3, 0.0, 0.6]), (6,)),
    (layers.GaussianDropout(0.4), (6,)),
    (layers.DropConnect(layers.Dense(4), 0.4), (6,)),
    (layers.VariationalDropout(layers.Dense(4), -1.0), (6,)),
    (layers.BatchNorm(eps=0.02), (6,)),
    (layers.BatchNorm(eps=0.02), (4, 6, 2)),
    (layers.LayerNorm(eps=0.02), (4, 6, 2)),
    (layers.GroupNorm(2, eps=0.02), (4, 6, 2)),
    (layers.InstanceNorm(eps=0.02), (4, 6, 2)),
    (layers.PixelNorm(eps=0.02), (4, 6, 2)),
    (layers.LocalResponseNorm(size=3, alpha=0.7), (6,)),
    (layers.LocalResponseNorm(size=3, alpha=0.7), (4, 6, 2)),
    (layers.LocalResponseNorm(size=3, alpha=[0.7, 0.2, 5.0], region="within"), (4, 6, 2)),
    (layers.WeightNorm(layers.Dense(4)), (6,)),
    (layers.Convolution(4, 3, padding=1), (2, 5, 6)),  # windows lie as the pixels do
    (layers.Convolution(4, 2, stride=3, padding=3), (3, 8, 7)),  # more padding than needed
    (layers.Convolution(1, 1, bias=False), (1, 5, 6)),
    (layers.MaxPool(2, 2), (2, 7, 6)),
    (layers.MaxPool(3, 2, padding=1), (2, 5, 8)),
    (layers.AveragePool(3, 1, padding=1), (2, 5, 4)),
    (layers.AveragePool(2, 3), (4, 8, 7)),
]
WITHOUT_GRADIENT = {"EmbeddingBag", "IdDropout", "SubsampleIds"}  # what they take are ids
WORLDS, BATCH = 3, 5
SEEDS = world_seeds([7, 0, 12])


def named(each):
    return type(each).__name__ if isinstance(each, layers.Layer) else str(each)


every_layer = pytest.mark.parametrize(("layer", "shape"), EXAMPLES, ids=named)


def made(layer, shape, dtype=np.float64):
    """Return parameters and inputs of unequal content in each world."""
    rng = np.random.default_rng(5)
    (parameters,) = network.initial([layer], shape, SEEDS, dtype)
    for array in trees.leaves(parameters):
        if array.dtype.kind == "f" and array.ndim > 1 and np.ptp(array) == 0:
            array += rng.uniform(0.2, 0.9, array.shape)  # biases, gammas and running variances
    x = rng.normal(size=(WORLDS, BATCH, *shape)) * np.array([1, 3, 0.5]).reshape(-1, *(1,) * (len(shape) + 1))
    return parameters, x.astype(dtype)


def copied(parameters):
    return trees.changed(parameters, np.copy)


def through(layer, parameters, x, training=True, seeds=SEEDS):
    return layer.forward(copied(parameters), x, training=training, seed=derive(seeds, 9))


def added_to_the_loss(layer, x):
    """Return what a layer adds to the losses of all worlds: strength times the mean squared covariance of pairs."""
    if not isinstance(layer, layers.Decorrelation):
        return 0.0
    squares = [np.cov(units.T, bias=True)[np.triu_indices(units.shape[1], 1)] ** 2 for units in x]
    return np.dot(layer.strength, np.mean(squares, axis=1))


def test_every_layer_is_here():
    every = {name for name, each in vars(layers).items() if isinstance(each, type) and issubclass(each, layers.Layer)}
    assert {type(layer).__name__ for layer, _ in EXAMPLES} == every - {"Layer"} - WITHOUT_GRADIENT


@every_layer
@pytest.mark.parametrize("training", [True, False])
def test_the_shape_of_the_output_is_as_announced(layer, shape, training):
    parameters, x = made(layer, shape)
    assert through(layer, parameters, x, training)[0].shape == (WORLDS, BATCH, *layer.output(shape))


@every_layer
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_finite_differences(layer, shape, training):
    parameters, x = made(layer, shape)
    y, saved = through(layer, parameters, x, training)
    dy = np.random.default_rng(6).normal(size=y.shape)
    dx, gradients = layer.backward(copied(parameters), saved, dy)
    alone = layer.gradients(copied(parameters), saved, dy)

    def loss(place, array, step):
        kept = array[place]
        array[place] = kept + step
        found = (through(layer, parameters, x, training)[0] * dy).sum() + training * added_to_the_loss(layer, x)
        array[place] = kept
        return found

    for array, gradient in [(x, dx), *((parameters[name], gradients[name]) for name in gradients)]:
        assert gradient.shape == array.shape
        places = [np.unravel_index(i, array.shape) for i in range(0, array.size, max(1, array.size // 40))]
        numeric = [(loss(place, array, 1e-5) - loss(place, array, -1e-5)) / 2e-5 for place in places]
        np.testing.assert_allclose([gradient[place] for place in places], numeric, rtol=2e-6, atol=1e-8)
    for name in gradients:
        np.testing.assert_array_equal(alone[name], gradients[name])


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_world_alone_is_as_among_others_to_the_last_bit(layer, shape, dtype):
    parameters, x = made(layer, shape, dtype)
    everything = results(layer, parameters, x, SEEDS)
    for world in range(WORLDS):
        one = slice(world, world + 1)
        alone = results(layer, trees.some_worlds(parameters, one), x[one], SEEDS[one])
        for together, single in zip(everything, alone, strict=True):
            assert together.dtype == (dtype if together.ndim > 1 else np.float64)  # a ratio keeps its digits
            np.testing.assert_array_equal(together[one], single)


def results(layer, parameters, x, seeds):
    """Return the output, the gradients and the parameters after a pass in each direction."""
    parameters = copied(parameters)
    y, saved = layer.forward(parameters, x, training=True, seed=derive(seeds, 9))
    dx, gradients = layer.backward(parameters, saved, np.cos(y))
    return [y, dx, *(gradients[name] for name in sorted(gradients)), *trees.leaves(parameters)]


@every_layer
def test_inputs_stay_as_they_are(layer, shape):
    parameters, x = made(layer, shape)
    before = x.copy()
    y, saved = through(layer, parameters, x)
    kept, dy = y.copy(), np.cos(y)
    layer.backward(parameters, saved, dy)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(y, kept)
    np.testing.assert_array_equal(dy, np.cos(kept))
