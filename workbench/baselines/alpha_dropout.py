"""Alpha dropout: dropout that keeps mean 0 and variance 1, for networks of SELU units.

    r_i  = word i of the seed's stream / 2^32
    y_i  = a (r_i < ratio ? alpha' : x_i) + b       alpha' = -lambda alpha, SELU's value at minus infinity
    dx_i = r_i < ratio ? 0 : a dy_i

With q = 1 - ratio, an x of mean 0 and variance 1 has after the replacement the mean (1 - q) alpha' and the variance
q + alpha'^2 q (1 - q), so

    a = (q + alpha'^2 q (1 - q))^-1/2
    b = -a (1 - q) alpha'

As ratio goes to 1, a alpha' + b = a q alpha' goes to 0: where all are dropped, all are 0.

Source: Klambauer, Unterthiner, Mayr and Hochreiter, Self-Normalizing Neural Networks, 2017.
"""

import math
from typing import Any

import numpy as np

from workbench.baselines._checks import checked_dropped, checked_floats, checked_ratio
from workbench.baselines._mask import drawn, selected, wide_type
from workbench.sparse_dropout import SEED

LAMBDA = 1.0507009873554805  # SELU is lambda x for x > 0 and lambda alpha (e^x - 1) below
ALPHA = 1.6732632423543772
LOWEST = -LAMBDA * ALPHA


def alpha_dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Replace each element with chance `ratio` by SELU's lowest value, then restore mean 0 and variance 1.

    Args:
        x: float16, float32 or float64, any shape; made for values of mean 0 and variance 1.
        ratio, seed, training: as for `dropout`.

    Returns:
        y, new, of x's shape and type, and `dropped`, bool, of x's shape.
    """
    x = checked_floats("x", x)
    ratio = checked_ratio(ratio, training)
    dropped = drawn(x.shape, ratio, SEED.check(seed))
    if not ratio:
        return x.copy(), dropped
    a, b = alpha_dropout_affine(ratio)
    wide = wide_type(x.dtype)
    with np.errstate(over="ignore"):
        kept = (x.astype(wide) * wide.type(a) + wide.type(b)).astype(x.dtype)
    return np.where(dropped, x.dtype.type(a * LOWEST + b), kept), dropped


def alpha_dropout_gradient(dy: Any, dropped: Any, ratio: float, *, training: bool = True) -> np.ndarray:
    """Carry the gradient dy of a loss in y = alpha_dropout(x) back to x; as `dropout_gradient`."""
    dy = checked_floats("dy", dy)
    dropped = checked_dropped(dropped, dy.shape)
    a, _ = alpha_dropout_affine(checked_ratio(ratio, training))
    return selected(dy, dropped, a)


def alpha_dropout_affine(ratio: float) -> tuple[float, float]:
    """Return a and b, which restore mean 0 and variance 1; for ratio 1, those that map the lowest value to 0."""
    q = 1 - checked_ratio(ratio)
    if q == 0:
        return 1.0, -LOWEST
    a = 1 / math.sqrt(q + LOWEST**2 * q * (1 - q))
    return a, -a * (1 - q) * LOWEST
