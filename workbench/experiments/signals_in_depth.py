"""Experiments on what initialization and dropout do to activations and gradients in deep networks that are not trained.

Each function takes a seed and returns numbers by name, as medians over WORLDS networks.
"""

import copy
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.sparse_dropout import dropout_with_replacement, dropout_with_replacement_gradient

WORLDS, WIDTH, EXAMPLES = 20, 128, 8
SAMPLES = 1_000_000
UNITS = {
    "linear": (lambda z: z, lambda z: np.ones_like(z)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "ReLU": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0) * 1.0),
}
VARIANCES = {
    "Glorot": lambda inputs, outputs: 2 / (inputs + outputs),
    "He": lambda inputs, outputs: 2 / inputs,
}


def gradient_through_dropout(seed: int, unit: str, depth: int, scaled: bool, ratio: float = 0.5) -> dict[str, float]:
    """Return the median, over networks, of the squared gradient at the input with dropout over that without."""
    (only,) = networks(seed, unit, (depth,))
    return {"squared gradient, with over without": with_over_without(seed, unit, scaled, ratio, only)}


class Networks(NamedTuple):
    """Networks of one depth, examples and output gradients, and the energy of the input's gradient without dropout."""

    weights: list[np.ndarray]
    x: np.ndarray
    dy: np.ndarray
    without: np.ndarray


def networks(seed: int, unit: str, depths: Sequence[int], worlds: int = WORLDS) -> list[Networks]:
    """Return the networks of each depth, in rising order; the deeper ones begin as the others do."""
    rng = np.random.default_rng(seed)
    variance = (2 if unit == "ReLU" else 1) / WIDTH
    weights, found = [], []
    for depth in range(1, max(depths) + 1):
        weights.append(rng.normal(0, np.sqrt(variance), (worlds, WIDTH, WIDTH)))
        if depth in depths:
            x, dy = copy.deepcopy(rng).normal(size=(2, worlds, EXAMPLES, WIDTH))
            found.append(Networks(weights[:], x, dy, _input_gradient(x, weights, dy, unit, 0.0, False, seed)))
    return found


def with_over_without(seed: int, unit: str, scaled: bool, ratio: float, of: Networks) -> float:
    """Return the number that `gradient_through_dropout` returns, for networks that are at hand."""
    energy = _input_gradient(of.x, of.weights, of.dy, unit, ratio, scaled, seed)
    return float(np.median(energy / of.without))


def _input_gradient(
    x: np.ndarray, weights: list[np.ndarray], dy: np.ndarray, unit: str, ratio: float, scaled: bool, seed: int
) -> np.ndarray:
    """Return the squared norm of the gradient at the input for each network; dropout follows each layer."""
    function, slope = UNITS[unit]
    slopes, masks = [], []
    for layer, weight in enumerate(weights):
        z = x @ weight.transpose(0, 2, 1)
        x, dropped = dropout_with_replacement(function(z), ratio, seed=1000 * seed + layer, scaled=scaled)
        slopes.append(slope(z))
        masks.append(dropped)
    for weight, bend, dropped in zip(weights[::-1], slopes[::-1], masks[::-1], strict=True):
        dy = dropout_with_replacement_gradient(dy, dropped, ratio=ratio, scaled=scaled)[0] * bend @ weight
    return np.sum(dy**2, axis=(1, 2))


def moments_through_depth(seed: int, initializer: str, unit: str, widths: tuple[int, int]) -> dict[str, float]:
    """Return how many powers of two the second moments of activations and gradients change by over twenty layers.

    The layers' widths alternate between the two given; the result is the median over networks of the absolute value.
    """
    rng = np.random.default_rng(seed)
    function, slope = UNITS[unit]
    sizes = [widths[layer % 2] for layer in range(21)]
    x = first = rng.normal(size=(WORLDS, EXAMPLES, sizes[0]))
    weights, slopes = [], []
    for inputs, outputs in itertools.pairwise(sizes):
        deviation = np.sqrt(VARIANCES[initializer](inputs, outputs))
        weights.append(rng.normal(0, deviation, (WORLDS, outputs, inputs)))
        z = x @ weights[-1].transpose(0, 2, 1)
        slopes.append(slope(z))
        x = function(z)
    dy = last = rng.normal(size=x.shape)
    for weight, bend in zip(weights[::-1], slopes[::-1], strict=True):
        dy = (dy * bend) @ weight
    return {"powers of two forward": _powers(x, first), "powers of two backward": _powers(dy, last)}


def _powers(after: np.ndarray, before: np.ndarray) -> float:
    second_moments = [np.mean(each**2, axis=(1, 2)) for each in (after, before)]
    return float(np.median(np.abs(np.log2(second_moments[0] / second_moments[1]))))


def initial_variances(seed: int, inputs: int, outputs: int) -> dict[str, float]:
    """Draw weights by Glorot's uniform and He's normal rule; compare bound and variance with what the papers state."""
    rng = np.random.default_rng(seed)
    bound = np.sqrt(6 / (inputs + outputs))
    glorot, he = rng.uniform(-bound, bound, SAMPLES), rng.normal(0, np.sqrt(2 / inputs), SAMPLES)
    return {
        "Glorot's variance over 2 / (in + out)": float(glorot.var() * (inputs + outputs) / 2),
        "He's variance over 2 / in": float(he.var() * inputs / 2),
    }


def noise_of_batches(seed: int) -> dict[str, float]:
    """Return the slope of log variance of a softmax regression's gradient over log of the batch's size."""
    from sklearn.datasets import load_digits

    data, rng = load_digits(), np.random.default_rng(seed)
    x, y = data.data / 16, data.target
    sizes, weights = (4, 16, 64, 256), rng.normal(0, 0.1, (10, 64))
    shares = np.exp(x @ weights.T)
    each = (shares / shares.sum(1, keepdims=True) - np.eye(10)[y])[:, :, None] * x[:, None, :]
    draws = {size: [each[rng.integers(len(x), size=size)].mean(0) for _ in range(300)] for size in sizes}
    variances = [np.var(draws[size], axis=0).sum() for size in sizes]
    return {"exponent of the batch's size": float(np.polyfit(np.log(sizes), np.log(variances), 1)[0])}
