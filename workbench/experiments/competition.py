"""Experiments on competition: which operation favours the strongest, and which unit suppresses which.

Each function takes a seed and returns numbers. None of them trains anything.
"""

import numpy as np
from scipy.special import softmax

from workbench.lrn import local_response_norm

CHANNELS, SIZE = 64, 5
SHIFT = 1e-6  # half the step of a central difference


def slope(function, at: float) -> float:
    """Return the slope of a function of one number by a central difference with a step in proportion to `at`."""
    step = max(abs(at), 1.0) * SHIFT
    return float((function(at + step) - function(at - step)) / (2 * step))


def saturation(seed: int, unit: str) -> dict[str, float]:
    """Measure slopes of a unit at +-20 and 10^6, and how one unit's output moves with another's input."""
    function = UNITS[unit]
    x = np.random.default_rng(seed).normal(size=CHANNELS)
    moved = x.copy()
    moved[0] += SHIFT
    return {
        "slope_far_above": slope(function, 1e6),
        "slope_at_20": max(abs(slope(function, 20.0)), abs(slope(function, -20.0))),
        "lateral": float(np.max(np.abs(function(moved)[1:] - function(x)[1:]))),
        "still_rising": float(slope(function, 1.0) > 0),
    }


def linear_output(seed: int) -> dict[str, float]:
    """Draw linear units a x + b and count, in shares, positive outputs and rising ones."""
    rng = np.random.default_rng(seed)
    a, b, x = rng.normal(size=(3, 10_000))
    return {"positive": float(np.mean(a * x + b > 0)), "rising": float(np.mean(a > 0))}


def top_share(seed: int, scale: float) -> dict[str, float]:
    """Compare the share of the strongest of four positive inputs after softmax with its share before."""
    x = np.random.default_rng(seed).uniform(0.1, 1.0, 4)
    x = np.sort(x / x.sum())
    shares = softmax(scale * x)
    return {"gain": float(shares[-1] / x[-1]), "sum": float(shares.sum()), "least": float(shares.min())}


def energy_of_the_winner(seed: int) -> dict[str, float]:
    """Return the factor by which an operation changes the strongest's share of its window's energy.

    Windows are five channels for local response normalization and 2 x 2 pixels for max pooling, which keeps one value.
    """
    x = np.abs(np.random.default_rng(seed).normal(size=(1, CHANNELS, 8, 8)))
    y = local_response_norm(x, SIZE, alpha=1.0)
    windows = np.lib.stride_tricks.sliding_window_view
    before, after = (windows(each, SIZE, axis=1) ** 2 for each in (x, y))
    winner = before.argmax(-1)[..., None]
    share = [np.take_along_axis(e, winner, -1)[..., 0] / e.sum(-1) for e in (before, after)]
    blocks = x.reshape(1, CHANNELS, 4, 2, 4, 2) ** 2
    pooling = 1 / np.mean(blocks.max((3, 5)) / blocks.sum((3, 5)))
    return {"lrn": float(np.mean(share[1]) / np.mean(share[0])), "max_pooling": float(pooling)}


UNITS = {
    "ReLU": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
}
