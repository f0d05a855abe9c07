"""Compare ensembles of small classifiers with their members, and with one network of the same size.

Each function takes a seed, which is one world, and returns numbers by name. An ensemble predicts the mean of its
members' probabilities. The learning rate, the number of epochs and the best member are chosen on validation data.
"""

import dataclasses

import numpy as np
from scipy.special import softmax

from workbench.data.splits import Data
from workbench.experiments.arms import Built, sgd, tune
from workbench.experiments.dropout_in_networks import TRAINING, USUAL, world
from workbench.experiments.neuron_statistics import diverse_filters
from workbench.training.fit import fit
from workbench.training.layers import Decorrelation, Dense, ReLU

MEMBERS, HIDDEN = 10, 16
SIX = tuple(np.geomspace(USUAL[0], USUAL[-1], 6).tolist())  # learning rates
GRIDS = {  # of one network of the size of all members; six trials with a decorrelation penalty, and six without
    "plain": {"strength": (0.0,), "rate": SIX},
    "decorrelated": {"strength": (1.0, 10.0), "rate": USUAL},
}


def ensemble(seed: int, members: str) -> dict[str, float]:
    """Compare ten networks with their mean prediction: losses, errors, and the parts of the squared error.

    `members` is "seeds": other first weights and batches; "bootstrap samples": also a bootstrap sample of the training
    digits for each; or "copies" of the first one.
    """
    data = world(seed)
    predictions, best = _trained(data, seed, members)
    targets = data.part("test")[1][0]
    losses, together = log_losses(predictions, targets), log_losses(predictions.mean(axis=0), targets)
    wrong = np.mean(predictions.argmax(axis=-1) != targets, axis=-1)
    error, mean_error, ambiguity = parts_of_the_error(predictions, np.eye(10)[targets])
    return {
        "ensemble beats the best member": float(together < losses[best] - 1e-6),
        "mean prediction loses more than members on average": float(together > losses.mean() + 1e-6),
        "relative gain over the best member": float(1 - together / losses[best]),
        "relative gain over the mean member": float(1 - together / losses.mean()),
        "errors of the best member less those of the ensemble": float(
            wrong[best] - np.mean(predictions.mean(axis=0).argmax(axis=-1) != targets)
        ),
        "squared error less mean error plus ambiguity": error - (mean_error - ambiguity),
        "ambiguity over mean error": ambiguity / mean_error,
        "test loss of the ensemble": float(together),
        "mean test loss of members": float(losses.mean()),
    }


def _trained(data: Data, seed: int, members: str) -> tuple[np.ndarray, int]:
    """Return the members' probabilities (members, examples, classes) on test data, and which is best on validation."""
    each = np.tile(np.arange(MEMBERS), len(USUAL))
    training = data.take(np.zeros(len(each), int))
    if members == "bootstrap samples":
        rng = np.random.default_rng(seed)
        drawn = np.stack([rng.choice(data.train[0], data.train.shape[1]) for _ in range(MEMBERS)])
        training = dataclasses.replace(training, train=drawn[each])
    rates = np.repeat(USUAL, MEMBERS)
    network = [Dense(HIDDEN), ReLU(), Dense(10)]
    history = fit(network, training, sgd(rates), seed=MEMBERS * seed + each, **TRAINING)
    losses = history.validation_loss.min(axis=1).reshape(len(USUAL), MEMBERS)
    rate = int(losses.mean(axis=1).argmin())
    chosen = history.worlds(rate * MEMBERS + np.arange(MEMBERS)).at_best()
    x = data.take(np.zeros(MEMBERS, int)).part("test")[0]
    predictions = softmax(chosen.predict(x).astype(np.float64), axis=-1)
    if members == "copies":
        return np.repeat(predictions[:1], MEMBERS, axis=0), 0
    return predictions, int(losses[rate].argmin())


def log_losses(predictions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the mean of -log p over examples, for probabilities (..., examples, classes)."""
    return -np.log(predictions[..., np.arange(len(targets)), targets]).mean(axis=-1)


def parts_of_the_error(predictions: np.ndarray, targets: np.ndarray) -> tuple[float, float, float]:
    """Return the squared error of the mean prediction, the members' mean squared error, and their ambiguity.

    The first is the second less the third, the mean squared distance of members from their mean, exactly (Krogh and
    Vedelsby, "Neural network ensembles, cross validation, and active learning", 1995). Predictions are (members,
    examples, outputs).
    """
    mean = predictions.mean(axis=0)
    squares = (np.mean((a - b) ** 2) for a, b in ((mean, targets), (predictions, targets), (predictions, mean)))
    error, mean_error, ambiguity = map(float, squares)
    return error, mean_error, ambiguity


def diverse_features(seed: int, features: str) -> dict[str, float]:
    """Compare diverse features of one model with others: "filters" that are given, or "units" that are trained."""
    return diverse_filters(seed) if features == "filters" else one_network(seed)


def one_network(seed: int) -> dict[str, float]:
    """Compare networks of one size: ten small ones, their mean prediction, and a large one, decorrelated or not."""
    data = world(seed)
    predictions, _ = _trained(data, seed, "seeds")
    targets = data.part("test")[1][0]
    large = {name: tune(_build, grid, data, seed, **TRAINING).test_loss for name, grid in GRIDS.items()}
    return {
        "relative gain of diverse features": 1 - large["decorrelated"] / large["plain"],
        "test loss, one small network": float(log_losses(predictions, targets).mean()),
        "test loss, ten small networks": float(log_losses(predictions.mean(axis=0), targets)),
        **{f"test loss, one large network, {name}": loss for name, loss in large.items()},
    }


def _build(strength: np.ndarray, rate: np.ndarray) -> Built:
    return [Dense(MEMBERS * HIDDEN), ReLU(), Decorrelation(strength), Dense(10)], sgd(rate), {}
