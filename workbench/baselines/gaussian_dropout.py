"""Gaussian dropout: each element times noise with the mean and the variance of inverted dropout's factor.

    noise_i = 1 + sqrt(ratio / (1 - ratio)) normal_i
    y_i     = x_i noise_i
    dx_i    = dy_i noise_i

normal_i comes from words 2 i and 2 i + 1 of the seed's stream, by Box and Muller's transformation. E y_i = x_i and
Var y_i = x_i^2 ratio / (1 - ratio), as with inverted dropout, but nothing is dropped.

Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout: A Simple Way to Prevent Neural Networks
from Overfitting, 2014, section 10.
"""

import math
from typing import Any

import numpy as np

from workbench import philox
from workbench.baselines._checks import check_shape, checked_flag, checked_floats, checked_ratio
from workbench.baselines._mask import wide_type
from workbench.sparse_dropout import SEED


def gaussian_dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Multiply each element by normal noise of mean 1 and variance ratio / (1 - ratio).

    Args:
        x: float16, float32 or float64, any shape.
        ratio: of the dropout that has the same variance, from 0, which returns x as it is, to below 1.
        seed, training: as for `dropout`.

    Returns:
        y, new, of x's shape and type, and noise, of x's shape and type (float32 for float16, which may not hold it).
    """
    x = checked_floats("x", x)
    deviation = _deviation(checked_ratio(ratio))
    if not checked_flag("training", training):
        deviation = 0.0
    normal = philox.normals(SEED.check(seed), x.size).reshape(x.shape)
    noise = np.asarray(1 + deviation * normal, wide_type(x.dtype))
    return _product(x, noise), noise


def gaussian_dropout_gradient(dy: Any, noise: Any) -> np.ndarray:
    """Carry the gradient dy of a loss in y = gaussian_dropout(x) back to x.

    Args:
        dy: of y's shape.
        noise: as the forward pass returned it.

    Returns:
        dx, of dy's shape and type.
    """
    dy, noise = checked_floats("dy", dy), checked_floats("noise", noise)
    check_shape("noise", noise, dy.shape, "the forward pass returned it")
    return _product(dy, noise)


def _deviation(ratio: float) -> float:
    if ratio == 1:
        raise ValueError(
            f"ratio={ratio!r}: must be below 1, where the noise's variance ratio / (1 - ratio) is infinite; "
            "give a smaller ratio, or use dropout"
        )
    return math.sqrt(ratio / (1 - ratio))


def _product(x: np.ndarray, noise: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(x * noise).astype(x.dtype)
