"""One number of the random stream at a time, in whole numbers of Python, and slopes by central differences.

Shares no code with the package.
"""

import math

import numpy as np

STEP = 1e-5  # its square times the third derivative is about 1e-10; 1e-16 / STEP is smaller still


def uniform(seed, i):
    """Return word i of a seed's stream / 2^32: Philox4x32-10, as Random123 defines it."""
    c = [(i // 4) % 2**32, (i // 4) // 2**32, 0, 0]
    key = [seed % 2**32, seed // 2**32]
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ key[0], low1, high0 ^ c[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return c[i % 4] / 2**32


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
