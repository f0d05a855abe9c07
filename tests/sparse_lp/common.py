"""Helpers that several tests of this folder share."""

import math

import numpy as np

ENGINES = ["reference", "numba"]
FLOATS = ["float32", "float64"]
EXPONENTS = [0.0, 0.05, 0.3, 0.5, 0.6, 2 / 3, 0.9, 0.99, 1.0, 1.01, 1.1, 1.5, 1.9, 2.0, 2.1, 3.0, 10.0, 100.0, math.inf]


def values(shape, dtype, seed=0, specials=True):
    """Return normal numbers, some of them NaN, infinite, 0.0 and -0.0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=shape).astype(dtype)
    draws = rng.random(shape)
    for k, special in enumerate((np.nan, np.inf, -np.inf, 0.0, -0.0)):
        x[specials & (draws > k / 50) & (draws < (k + 1) / 50)] = special
    return x


def assert_same_bits(result, expected):
    """Assert that two arrays have one type, shape and every bit in common, NaN's and the sign of zero too."""
    assert type(result) is type(expected) is np.ndarray
    assert result.dtype == expected.dtype
    assert result.dtype.isnative
    assert result.shape == expected.shape
    if result.tobytes() != expected.tobytes():
        np.testing.assert_array_equal(result, expected)  # says where
        raise AssertionError("equal, but not bit for bit: a zero's sign or a NaN's bits")
