"""One number of the random stream at a time, in whole numbers of Python, and slopes by central differences.

Shares no code with the package.
"""

import math

import numpy as np

from tests.sparse_dropout.scalar import word

STEP = 1e-5  # its square times the third derivative is about 1e-10; 1e-16 / STEP is smaller still


def uniform(seed, i):
    """Return word i of a seed's stream / 2^32."""
    return word(seed, i) / 2**32


def mask(shape, ratio, seed):
    """Return who is dropped, element i in C order by word i."""
    flat = [uniform(seed, i) < ratio for i in range(math.prod(shape))]
    return np.array(flat, bool).reshape(shape)


def normals(shape, seed):
    """Return standard normal numbers, element i in C order by words 2 i and 2 i + 1."""
    flat = [
        math.sqrt(-2 * math.log(1 - uniform(seed, 2 * i))) * math.cos(2 * math.pi * uniform(seed, 2 * i + 1))
        for i in range(math.prod(shape))
    ]
    return np.array(flat).reshape(shape)


def rounding(dtype):
    """Return the distance from 1 to the next number of a type."""
    return float(np.finfo(dtype).eps)


def slopes(function, x):
    """Differentiate function(x), a number, by each element of x in turn."""
    slope = np.empty_like(x)
    for index in np.ndindex(x.shape):
        high, low = x.copy(), x.copy()
        high[index] += STEP
        low[index] -= STEP
        slope[index] = (function(high) - function(low)) / (2 * STEP)
    return slope
