"""Dropouts of single elements or channels. Each returns y and its random draws; its gradient returns dx.

Standard dropout, in its inverted form, scales up the kept elements in training, so that evaluation does nothing:

    r_i  = word i of the seed's stream / 2^32
    y_i  = r_i < ratio ? 0 : s x_i         s = 1 / (1 - ratio)
    dx_i = r_i < ratio ? 0 : s dy_i

E y_i = x_i and Var y_i = x_i^2 ratio / (1 - ratio). Feature dropout, also called spatial dropout, drops whole channels:
channel c of example n by word n * C + c. Neighbours in a feature map are similar, so the pixels around a single dropped
pixel would reveal it.

Alpha dropout keeps mean 0 and variance 1, for networks of SELU units:

    y_i  = a (r_i < ratio ? alpha' : x_i) + b       alpha' = -lambda alpha, SELU's value at minus infinity
    dx_i = r_i < ratio ? 0 : a dy_i

Let q = 1 - ratio. If x has mean 0 and variance 1, the replacement changes the mean to (1 - q) alpha' and the variance
to q + alpha'^2 q (1 - q), so a = (q + alpha'^2 q (1 - q))^-1/2 and b = -a (1 - q) alpha'. As ratio goes to 1,
a alpha' + b = a q alpha' goes to 0; therefore ratio 1 returns zeros.

Gaussian dropout drops nothing. It multiplies by noise with the mean and variance of inverted dropout's factor:

    noise_i = 1 + sqrt(ratio / (1 - ratio)) normal_i
    y_i     = x_i noise_i
    dx_i    = dy_i noise_i

normal_i comes from words 2 i and 2 i + 1 of the seed's stream, by Box and Muller's transformation.

Sources: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout: A Simple Way to Prevent Neural Networks
from Overfitting, 2014 (section 10 has the Gaussian form); Tompson, Goroshin, Jain, LeCun and Bregler, Efficient
Object Localization Using Convolutional Networks, 2015; Klambauer, Unterthiner, Mayr and Hochreiter, Self-Normalizing
Neural Networks, 2017.
"""

import math
from typing import Any

import numpy as np

from workbench import philox
from workbench.baselines import _common as common
from workbench.sparse_dropout import SEED, TRAINING

LAMBDA = 1.0507009873554805  # SELU is lambda x for x > 0 and lambda alpha (e^x - 1) below
ALPHA = 1.6732632423543772
LOWEST = -LAMBDA * ALPHA

_CHANNELS = "(N, C, ...)"


def dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Drop each element with probability `ratio` and scale the others by 1 / (1 - ratio).

    Args:
        x: float16, float32 or float64, any shape.
        ratio: from 0 (return a copy of x) to 1 (return zeros).
        seed: a whole number below 2^64; `workbench.dropout_with_replacement` with this seed has the same mask.
        training: False returns a copy of x.

    Returns:
        y, new, of x's shape and type, and `dropped`, bool, of x's shape. A dropped infinity or NaN becomes 0.
    """
    x, ratio = common.checked_floats("x", x), common.checked_ratio(ratio, training)
    dropped = common.drawn(x.shape, ratio, seed)
    return common.selected(x, dropped, common.scale_of(ratio)), dropped


def dropout_gradient(dy: Any, dropped: Any, ratio: float, *, training: bool = True) -> np.ndarray:
    """Return dx, given dy, the gradient of a loss with respect to y = dropout(x); dx is new, of dy's shape and type.

    `dropped` is the mask that the forward pass returned; ratio and training are as in the forward pass.
    """
    dy = common.checked_floats("dy", dy)
    return common.selected(
        dy, common.checked_mask(dropped, dy.shape), common.scale_of(common.checked_ratio(ratio, training))
    )


def feature_dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Drop each channel of each example with probability `ratio`; like `dropout`, but x has shape (N, C, ...).

    Returns:
        y, new, of x's shape and type, and `dropped`, bool, of shape (N, C, 1, ...), which broadcasts to x.
    """
    x, ratio = common.checked_floats("x", x, _CHANNELS), common.checked_ratio(ratio, training)
    dropped = common.drawn(_of_channels(x), ratio, seed)
    return common.selected(x, dropped, common.scale_of(ratio)), dropped


def feature_dropout_gradient(dy: Any, dropped: Any, ratio: float, *, training: bool = True) -> np.ndarray:
    """Return dx, given dy, the gradient of a loss in y = feature_dropout(x); arguments as for `dropout_gradient`."""
    dy = common.checked_floats("dy", dy, _CHANNELS)
    return common.selected(
        dy, common.checked_mask(dropped, _of_channels(dy)), common.scale_of(common.checked_ratio(ratio, training))
    )


def alpha_dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Replace each element by SELU's lowest value with probability `ratio`, then restore mean 0 and variance 1.

    Arguments and results are as for `dropout`. x should have mean 0 and variance 1.
    """
    x, ratio = common.checked_floats("x", x), common.checked_ratio(ratio, training)
    dropped = common.drawn(x.shape, ratio, seed)
    if not ratio:
        return x.copy(), dropped
    a, b = alpha_dropout_affine(ratio)
    wide = common.wide_type(x.dtype)
    with np.errstate(over="ignore"):
        kept = (x.astype(wide) * wide.type(a) + wide.type(b)).astype(x.dtype)
    return np.where(dropped, x.dtype.type(a * LOWEST + b), kept), dropped


def alpha_dropout_gradient(dy: Any, dropped: Any, ratio: float, *, training: bool = True) -> np.ndarray:
    """Return dx, given dy, the gradient of a loss in y = alpha_dropout(x); arguments as for `dropout_gradient`."""
    dy = common.checked_floats("dy", dy)
    return common.selected(
        dy, common.checked_mask(dropped, dy.shape), alpha_dropout_affine(common.checked_ratio(ratio, training))[0]
    )


def alpha_dropout_affine(ratio: float) -> tuple[float, float]:
    """Return a and b that restore mean 0 and variance 1; for ratio 1, a and b that map the lowest value to 0."""
    a, b = affine(np.array(common.checked_ratio(ratio)))
    return float(a), float(b)


def affine(ratios: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b of `alpha_dropout_affine` for each ratio."""
    q = 1 - ratios
    a = 1 / np.sqrt(np.where(q > 0, q + LOWEST**2 * q * (1 - q), 1))
    return a, np.where(q > 0, -a * (1 - q) * LOWEST, -LOWEST)


def gaussian_dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Multiply by normal noise of mean 1 and variance ratio / (1 - ratio); arguments as for `dropout`, ratio below 1.

    Returns:
        y, new, of x's shape and type, and noise, of x's shape and type (float32 if x is float16, to avoid overflow).
    """
    x, given = common.checked_floats("x", x), common.checked_ratio(ratio)
    if given == 1:
        raise ValueError(
            f"ratio={given!r}: must be below 1, where the noise's variance ratio / (1 - ratio) is infinite; "
            "give a smaller ratio, or use dropout"
        )
    deviation = math.sqrt(given / (1 - given)) if TRAINING.check(training) else 0.0
    normal = philox.normals(SEED.check(seed), x.size).reshape(x.shape)
    noise = np.asarray(1 + deviation * normal, common.wide_type(x.dtype))
    return _product(x, noise), noise


def gaussian_dropout_gradient(dy: Any, noise: Any) -> np.ndarray:
    """Return dx, given dy, the gradient of a loss in y = gaussian_dropout(x), and the noise of the forward pass."""
    dy, noise = common.checked_floats("dy", dy), common.checked_floats("noise", noise)
    common.check_shape("noise", noise, dy.shape, "the forward pass returned it")
    return _product(dy, noise)


def _of_channels(x: np.ndarray) -> tuple[int, ...]:
    return x.shape[:2] + (1,) * (x.ndim - 2)


def _product(x: np.ndarray, noise: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(x * noise).astype(x.dtype)
