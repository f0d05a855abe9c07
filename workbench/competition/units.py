"""Units side by side: functions that are said to model inhibition, excitation or competition.

Each takes the inputs of some units, in the last axis, and returns outputs of the same shape.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, softmax

from workbench.lrn import local_response_norm
from workbench.sparse_dropout import dropout_with_replacement

Layer = Callable[[np.ndarray], np.ndarray]

BLOCK = 4  # units that share one max pooling


def linear(x: np.ndarray) -> np.ndarray:
    return np.array(x, dtype=float)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0.0)


def soft_max(x: np.ndarray) -> np.ndarray:
    """Return exp(x_i) / sum_j exp(x_j)."""
    return softmax(x, axis=-1)


def lrn(x: np.ndarray, size: int = 5, alpha: float = 1.0, beta: float = 0.75) -> np.ndarray:
    """Return local response normalization, with the units as channels."""
    x = np.asarray(x, dtype=float)
    maps = np.ascontiguousarray(x.reshape(-1, x.shape[-1], 1, 1))
    return local_response_norm(maps, size, alpha, beta).reshape(x.shape)


def max_pooling(x: np.ndarray) -> np.ndarray:
    """Leave the largest input of each block of BLOCK units at its place, and put 0 in the other places.

    Raises ValueError if the number of units is no multiple of BLOCK.
    """
    x = np.asarray(x, dtype=float)
    if x.shape[-1] % BLOCK:
        raise ValueError(f"x has {x.shape[-1]} units: max pooling needs a multiple of {BLOCK}")
    blocks = x.reshape(*x.shape[:-1], -1, BLOCK)
    return winner_take_all(blocks).reshape(x.shape)


def winner_take_all(x: np.ndarray) -> np.ndarray:
    """Leave the largest input at its place, and put 0 in the other places; equally large ones all stay."""
    return np.where(x == np.max(x, axis=-1, keepdims=True), x, 0.0)


def dropout(x: np.ndarray, ratio: float = 0.5, seed: int = 0) -> np.ndarray:
    """Replace inputs by 0; which ones depends on their place and on the seed alone."""
    return dropout_with_replacement(np.array(x, dtype=float), ratio, 0.0, seed=seed)[0]


UNITS: dict[str, Layer] = {
    "linear": linear,
    "ReLU": relu,
    "tanh": np.tanh,
    "sigmoid": expit,
    "softmax": soft_max,
    "LRN": lrn,
    "max pooling": max_pooling,
    "winner-take-all": winner_take_all,
    "dropout": dropout,
}


def share_of_strongest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which share of the sum of outputs `y` the unit with the largest input `x` has, for each example.

    Both have shape (examples, units), and the outputs are not negative. Where all are 0, the share is 0.
    """
    strongest = np.take_along_axis(y, np.argmax(x, axis=-1)[:, None], axis=-1)[:, 0]
    total = np.sum(y, axis=-1)
    return np.divide(strongest, total, out=np.zeros(len(y)), where=total != 0)
