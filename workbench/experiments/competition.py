"""Experiments on competition: which operation favours the strongest unit, and which unit suppresses which.

Each function takes a seed and returns numbers by name. None of them trains anything.
"""

from functools import partial

import numpy as np
import scipy
from scipy.special import softmax

from workbench.competition import units
from workbench.competition.units import UNITS, Layer
from workbench.lrn import local_response_norm
from workbench.measures import pairs, similarity, slopes

STEP = 1e-6  # of a central difference, in proportion to the place
CHANNELS, WINDOW = 64, 5
LAYER, EXAMPLES = 8, 300  # units of a small layer, and inputs that it sees


def unit(seed: int, name: str) -> dict[str, float]:
    """Measure a unit: its slopes far from zero and at one, and how its output moves with another unit's input."""
    function, x = UNITS[name], np.random.default_rng(seed).normal(size=LAYER)
    moved = np.where(np.arange(LAYER) == 0, x + 1.0, x)
    return {
        "slope at 1,000,000": _slope(function, 1e6),
        "largest slope at +-20": max(_slope(function, 20.0), _slope(function, -20.0)),
        "slope at 1": _slope(function, 1.0),
        "lateral influence": float(np.max(np.abs(function(moved)[1:] - function(x)[1:]))),
    }


def linear_units(seed: int) -> dict[str, float]:
    """Draw many linear units a x + b; return the shares of positive outputs and of units that rise with x."""
    a, b, x = np.random.default_rng(seed).normal(size=(3, 10_000))
    return {"share of positive outputs": float(np.mean(a * x + b > 0)), "share of rising units": float(np.mean(a > 0))}


def softmax_shares(seed: int, scale: float) -> dict[str, float]:
    """Compare the share of the strongest of four positive inputs after softmax(scale x) with its share before."""
    x = np.random.default_rng(seed).uniform(0.1, 1.0, 4)
    x = np.sort(x / x.sum())
    after = softmax(scale * x)
    return {
        "share of the strongest, after over before": float(after[-1] / x[-1]),
        "smallest output": float(after[0]),
        "sum of outputs, less 1": float(after.sum() - 1),
    }


def winners_energy(seed: int, alpha: float) -> dict[str, float]:
    """Return the factor by which an operation changes the strongest's share of the energy of its window.

    A window is five channels for local response normalization. For max pooling, which leaves the largest of 2 x 2
    pixels alone, the share afterwards is 1.
    """
    x = np.abs(np.random.default_rng(seed).normal(size=(1, CHANNELS, 8, 6)))
    before, after = (
        np.lib.stride_tricks.sliding_window_view(each, WINDOW, axis=1) ** 2
        for each in (x, local_response_norm(x, WINDOW, alpha=alpha))
    )
    winner = before.argmax(-1)[..., None]
    shares = [np.mean(np.take_along_axis(each, winner, -1)[..., 0] / each.sum(-1)) for each in (before, after)]
    blocks = x.reshape(CHANNELS, 4, 2, 3, 2) ** 2
    return {
        "share after LRN over share before": float(shares[1] / shares[0]),
        "share after max pooling over share before": float(1 / np.mean(blocks.max((2, 4)) / blocks.sum((2, 4)))),
    }


def correlation_and_influence(seed: int) -> dict[str, float]:
    """Rank many layers by the mean correlation of their outputs and by how much their units suppress each other.

    The layers are local response normalization of several windows and strengths, softmax, winner-take-all and ReLU,
    each for independent and for correlated inputs. Influence is the mean of -dy_i/dx_j where it is positive.
    """
    rng = np.random.default_rng(seed)
    measured = []
    for shared in (0.0, 0.5, 0.9):
        common, own = rng.normal(size=(EXAMPLES, 1)), rng.normal(size=(EXAMPLES, LAYER))
        x = 1.0 + np.sqrt(shared) * common + np.sqrt(1 - shared) * own
        measured += [(_mean_correlation(layer(x)), _mean_influence(layer, x)) for layer in _layers()]
    twins = np.repeat(own[:, :1], 2, axis=1)  # two copies of one unit, which cannot influence each other
    return {
        "rank correlation of the two measures": float(scipy.stats.spearmanr(np.array(measured)).statistic),
        "correlation of two copies": _mean_correlation(UNITS["ReLU"](twins)),
        "influence of two copies": _mean_influence(UNITS["ReLU"], twins),
    }


def _layers() -> list[Layer]:
    lrn = [partial(units.lrn, size=size, alpha=alpha) for size in (3, 5, 7) for alpha in (0.1, 1.0, 10.0)]
    sharp = [lambda x, scale=scale: units.soft_max(scale * x) for scale in (0.5, 2.0, 8.0)]
    return [*lrn, *sharp, units.winner_take_all, units.relu]


def _mean_correlation(y: np.ndarray) -> float:
    """Return the mean absolute correlation of pairs of units; units that never change are left out."""
    return float(np.nanmean(np.abs(pairs(similarity(y)))))


def _mean_influence(layer: Layer, x: np.ndarray) -> float:
    """Return the mean of -dy_i/dx_j over examples and pairs of units, counting only what suppresses."""
    return float(np.mean(np.maximum(-pairs(slopes(layer, x)), 0.0)))


def _slope(function: Layer, at: float) -> float:
    step = STEP * max(abs(at), 1.0)
    up, down = function(np.array([at + step, at - step]))
    return float(abs(up - down) / (2 * step))
