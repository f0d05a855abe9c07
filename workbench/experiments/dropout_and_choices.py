"""Experiments on dropout beside other choices: normalization, initial weights, activation, and optimizer.

Each function takes a seed, which is one world, and returns numbers by name. Every arm is tuned over as many trials as
those that it is compared with. Dropout scales what it keeps, unless an experiment says otherwise.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.data.splits import Data
from workbench.experiments.arms import RATES, Built, Tuned, gain, sgd, tune, tune_each, value_of
from workbench.experiments.dropout_in_networks import world
from workbench.experiments.dropout_relatives import HIDDEN, perceptron
from workbench.training.fit import fit
from workbench.training.initializers import Initializer, glorot_uniform, he_uniform
from workbench.training.layers import BatchNorm, Dense, Dropout, DropoutWithReplacement, ReLU, Sigmoid, Tanh, WeightNorm
from workbench.training.layers.layer import Layer, Random, Shape
from workbench.training.optimizers import SGD, Adam, RMSprop

TRAINING: Mapping[str, Any] = {"epochs": 36, "evaluate_every": 3}
RATIO, DROPOUT = 0.5, (0.5, 0.0)
BATCH_RATES, WEIGHT_RATES = RATES[2:5], RATES[3:6]

INITIAL = ("Glorot", "He", "N(0, 0.01)", "N(0, 1)", "constant", "zeros")
RANDOM = 4  # the first ones of INITIAL
DEEP_RATES, DEEP_HIDDEN = (0.001, 0.005, 0.02, 0.1), 32

EQUAL = 32  # hidden units
STARTS = {"zero": (0.0, 0.0), "constant": (0.01, 0.0), "random": (0.0, 0.01)}  # mean and deviation of the weights
DROPPED = {"": (0.0, 0.0), ", dropout to 0": (0.5, 0.0), ", dropout to 1": (0.5, 1.0)}  # ratio and replacement

ACTIVATIONS: Mapping[str, tuple[Layer, Initializer, Sequence[float]]] = {  # with suitable initial weights and rates
    "ReLU": (ReLU(), he_uniform, RATES[3:6]),
    "sigmoid": (Sigmoid(), glorot_uniform, RATES[4:]),
    "tanh": (Tanh(), glorot_uniform, RATES[3:6]),
}
RATIOS = (0.2, 0.5)

OPTIMIZERS: Mapping[str, tuple[Any, Sequence[float]]] = {  # with seven rates, each three times the last
    "SGD": (SGD, [10 * rate for rate in RATES]),
    "momentum": (sgd, RATES),
    "RMSprop": (RMSprop, [rate / 10 for rate in RATES]),
    "Adam": (Adam, [rate / 5 for rate in RATES]),
}


def batch_normalization(seed: int, scaled: bool, replacement: str) -> dict[str, float]:
    """Estimate the statistics of batch normalization again without dropout, and return how much that lowers the loss.

    In one order, dropout acts before the layer that is normalized, in the other after it; the parts are the same.
    """
    data, found = world(seed), []
    for before in (True, False):

        def build(rate: np.ndarray, before: bool = before) -> Built:
            dropout = DropoutWithReplacement(RATIO, value_of(replacement), scaled=scaled)
            plain, normalized = [Dense(HIDDEN), ReLU()], [Dense(HIDDEN), BatchNorm(), ReLU()]
            hidden = [*plain, dropout, *normalized] if before else [*normalized, *plain, dropout]
            return [*hidden, Dense(10)], sgd(rate), {}

        found.append(tune(build, {"rate": BATCH_RATES}, data, seed, **TRAINING))
    shift, control = (each.test_loss / _estimated_again(each, data)[0] - 1 for each in found)
    return {
        "relative loss from the shift of variances": shift,
        "the same, less that of the other order": shift - control,
        "variance in training over that in evaluation": _estimated_again(found[0], data)[1],
        "relative gain of the other order": gain(found[1], found[0]),
    }


def _estimated_again(tuned: Tuned, data: Data) -> tuple[float, float]:
    """Take mean and variance of the whole training part, without dropout.

    Return the test loss that this gives, and the median over units of the running variance over the new one.
    """
    parameters = [dict(layer) for layer in tuned.history.parameters]
    x, ratio = data.part("train")[0], math.nan
    for layer, own in zip(tuned.history.network, parameters, strict=True):
        if "running_mean" in own:
            variance = x.var(axis=1, ddof=1)
            ratio = float(np.median(own["running_var"] / variance))
            own |= {"running_mean": x.mean(axis=1), "running_var": variance}
        x, _ = layer.forward(own, x, training=False)
    return float(dataclasses.replace(tuned.history, parameters=parameters).loss(data)[0]), ratio


def weight_normalization(seed: int) -> dict[str, float]:
    """Train with and without weight normalization, and with and without dropout; return how both interact."""
    losses = []
    for wrap in (WeightNorm, lambda layer: layer):

        def build(rate: np.ndarray, ratio: np.ndarray, wrap: Any = wrap) -> Built:
            return [wrap(Dense(HIDDEN)), ReLU(), Dropout(ratio), wrap(Dense(10))], sgd(rate), {}

        grid = {"rate": WEIGHT_RATES, "ratio": DROPOUT}
        losses += [math.log(each.test_loss) for each in tune_each(build, grid, world(seed), seed, "ratio", **TRAINING)]
    both, normalized, dropped, none = losses
    return {
        "interaction of logarithms of losses": both - normalized - dropped + none,
        "gain of dropout with weight normalization": normalized - both,
        "gain of dropout without": none - dropped,
    }


def initialization(seed: int, layers: int) -> dict[str, float]:
    """Train from different initial weights with and without dropout; return how far the tuned losses lie apart.

    The spread is the standard deviation of the logarithm of the loss over the random ones: Glorot, He, N(0, 0.01) and
    N(0, 1). A constant, and zeros, which do not train a network of ReLU units at all, would hide what these do; they
    have numbers of their own.
    """
    kinds = len(INITIAL)

    def build(rate: np.ndarray, cell: np.ndarray) -> Built:
        return _deep(layers, cell.astype(int) % kinds, np.where(cell < kinds, *DROPOUT)), Adam(rate), {}

    grid = {"rate": DEEP_RATES, "cell": range(2 * kinds)}
    tuned = tune_each(build, grid, world(seed), seed, "cell", epochs=30, evaluate_every=5)
    losses = np.log([each.test_loss for each in tuned]).reshape(2, kinds)
    dropped, none = losses[:, :RANDOM]
    with_all, without_all = losses.std(axis=1)
    return {
        "spread over initializations with dropout, less that without": dropped.std() - none.std(),
        "spread without dropout": none.std(),
        "gain of the better of Glorot and He over the others, with dropout": dropped[2:].min() - dropped[:2].min(),
        "the same without dropout": none[2:].min() - none[:2].min(),
        "the spread with a constant and zeros, with dropout, less that without": with_all - without_all,
        **{f"gain of dropout, {name}": each for name, each in zip(INITIAL, losses[1] - losses[0], strict=True)},
        "a constant over Glorot, with dropout": losses[0, RANDOM] - dropped[0],
        "a constant over Glorot, without": losses[1, RANDOM] - none[0],
    }


def _deep(layers: int, kinds: np.ndarray, ratio: np.ndarray) -> list[Layer]:
    """Return a network whose initial weights are of one kind for each world, a place in INITIAL."""

    def initializer(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
        stds = np.array([math.sqrt(2 / (fan_in + fan_out)), math.sqrt(2 / fan_in), 0.01, 1.0, 0.0, 0.0])
        means = np.where(kinds == INITIAL.index("constant"), 1 / fan_in, 0.0)
        return means[:, None, None] + rng.normal(0.0, 1.0, shape) * stds[kinds, None, None]

    hidden = [Dense(DEEP_HIDDEN, initializer), ReLU(), Dropout(ratio)]
    return [*hidden * layers, Dense(10, initializer)]


def symmetry(seed: int, unit: str) -> dict[str, float]:
    """Train from equal and from random weights, without dropout, and with dropout to 0 and to 1.

    Return how many different rows the weights of the hidden layer have, up to 1e-9, and the share of right answers on
    test data.
    """
    arms = {f"{start} weights{name}": (*STARTS[start], *DROPPED[name]) for start in STARTS for name in DROPPED}
    mean, std, ratio, value = np.array([*arms.values()]).T

    def initializer(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
        return mean[:, None, None] + std[:, None, None] * rng.normal(0.0, 1.0, shape)

    dropout = DropoutWithReplacement(ratio, value[:, None], scaled=True)
    network = [Dense(EQUAL, initializer), ACTIVATIONS[unit][0], dropout, Dense(10, initializer)]
    data, options = world(seed).take(np.zeros(len(arms), int)), {"epochs": 60, "evaluate_every": 0, "dtype": np.float64}
    history = fit(network, data, sgd(RATES[3]), seed=[seed] * len(arms), **options)
    rows = [len(np.unique(each.round(9), axis=0)) for each in history.parameters[0]["weight"]]
    right = 1 - history.error(data)
    return {
        **{f"distinct rows from {name}": count for name, count in zip(arms, rows, strict=True)},
        **{f"right answers from {name}": share for name, share in zip(arms, right, strict=True)},
    }


def activation(seed: int, name: str, replacement: str) -> dict[str, float]:
    """Return what dropout gains with an activation, and how much more that is than with ReLU."""
    own, relu = (_gain_of_dropout(seed, each, replacement) for each in (name, "ReLU"))
    return {"gain of dropout, less that with ReLU": own - relu, "gain of dropout": own, "gain with ReLU": relu}


@functools.cache
def _gain_of_dropout(seed: int, name: str, replacement: str) -> float:
    function, initializer, rates = ACTIVATIONS[name]

    def build(rate: np.ndarray, ratio: np.ndarray) -> Built:
        dropout = DropoutWithReplacement(ratio, value_of(replacement), scaled=True)
        return [Dense(HIDDEN, initializer), function, dropout, Dense(10, glorot_uniform)], sgd(rate), {}

    grids = {"rate": rates, "ratio": RATIOS}, {"rate": np.geomspace(rates[0], rates[-1], 6), "ratio": (0.0,)}
    return gain(*(tune(build, grid, world(seed), seed, **TRAINING) for grid in grids))


def optimizers(seed: int, optimizer: str) -> dict[str, float]:
    """Return how much lower the tuned loss is than with SGD, with dropout and without."""
    (own, own_plain), (sgd, sgd_plain) = (_with_optimizer(seed, each) for each in (optimizer, "SGD"))
    return {
        "relative gain over SGD": gain(own, sgd),
        "the same without dropout": gain(own_plain, sgd_plain),
        "epochs to the best loss over those of SGD": own.history.best_epoch[0] / sgd.history.best_epoch[0],
    }


@functools.cache
def _with_optimizer(seed: int, name: str) -> list[Tuned]:
    """Return the tuned arms with and without dropout."""
    optimizer, rates = OPTIMIZERS[name]

    def build(rate: np.ndarray, ratio: np.ndarray) -> Built:
        return perceptron(Dropout(ratio)), optimizer(rate), {}

    return tune_each(build, {"rate": rates, "ratio": DROPOUT}, world(seed), seed, "ratio", **TRAINING)
