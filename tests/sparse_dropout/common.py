"""Helpers that several tests of this folder share."""

import numpy as np

ENGINES = ["reference", "numba"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]


def values(shape, dtype, seed=0):
    """Return numbers over the whole range of an integer type, or normal ones, some NaN, infinite, 0.0 and -0.0."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, size=shape, dtype=dtype, endpoint=True)
    x = rng.normal(scale=3, size=shape).astype(dtype)
    specials = rng.random(shape)
    for k, special in enumerate((np.nan, np.inf, -np.inf, 0.0, -0.0)):
        x[(specials > k / 50) & (specials < (k + 1) / 50)] = special
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


def places_of(matrix):
    """Return the rows and the columns of a CSR or CSC matrix's entries, in the order in which they are stored."""
    lines = [line for line, count in enumerate(np.diff(matrix.indptr).tolist()) for _ in range(count)]
    places = matrix.indices.tolist()
    return (lines, places) if matrix.format == "csr" else (places, lines)
