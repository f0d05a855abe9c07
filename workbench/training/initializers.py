"""Initial weights: each function takes the shape (worlds, ...), a source of random numbers, and both fans.

The fan-in of a unit is the number of inputs that it sums, and the fan-out the number of units that an input reaches.
With a variance of 1 / fan-in, a linear layer keeps the size of its input; with 1 / fan-out, it keeps the gradient's.

Sources: LeCun, Bottou, Orr and Müller, Efficient BackProp, 1998; Glorot and Bengio, Understanding the difficulty of
training deep feedforward neural networks, 2010; He, Zhang, Ren and Sun, Delving Deep into Rectifiers, 2015.
"""

import math
from collections.abc import Callable

import numpy as np

from workbench.training.random import Random, Shape

Initializer = Callable[[Shape, Random, int, int], np.ndarray]


def glorot_uniform(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
    """Return numbers uniform within sqrt(6 / (fan_in + fan_out)) of 0; their variance is 2 / (fan_in + fan_out)."""
    return uniform(math.sqrt(6 / (fan_in + fan_out)))(shape, rng, fan_in, fan_out)


def glorot_normal(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
    """Return normal numbers with variance 2 / (fan_in + fan_out)."""
    return normal(math.sqrt(2 / (fan_in + fan_out)))(shape, rng, fan_in, fan_out)


def he_uniform(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
    """Return numbers uniform within sqrt(6 / fan_in) of 0; their variance is 2 / fan_in, which suits ReLU."""
    return uniform(math.sqrt(6 / fan_in))(shape, rng, fan_in, fan_out)


def he_normal(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
    """Return normal numbers with variance 2 / fan_in, which suits ReLU."""
    return normal(math.sqrt(2 / fan_in))(shape, rng, fan_in, fan_out)


def lecun_normal(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
    """Return normal numbers with variance 1 / fan_in."""
    return normal(math.sqrt(1 / fan_in))(shape, rng, fan_in, fan_out)


def normal(std: float) -> Initializer:
    """Return an initializer that draws normal numbers with mean 0 and standard deviation `std`."""
    return lambda shape, rng, fan_in, fan_out: rng.normal(0.0, std, shape)


def uniform(a: float) -> Initializer:
    """Return an initializer that draws numbers uniform in [-a, a)."""
    return lambda shape, rng, fan_in, fan_out: rng.uniform(-a, a, shape)


def constant(c: float) -> Initializer:
    """Return an initializer that sets every weight to `c`."""
    return lambda shape, rng, fan_in, fan_out: np.full(shape, c, np.float64)


def zeros(shape: Shape, rng: Random, fan_in: int, fan_out: int) -> np.ndarray:
    """Return zeros."""
    return np.zeros(shape)
