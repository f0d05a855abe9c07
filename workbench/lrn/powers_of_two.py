"""Logarithms and powers of two in compiled loops, for numbers whose exponents are beyond those of a float."""

import math

import numpy as np

from workbench.compiling import compiler

part = compiler(fastmath={"contract"}, forceinline=True)

# A sum of squares or terms is exact enough if its magnitude is in this range; beyond, another level is.
LOW, HIGH = 2.0**-900, 2.0**1000
FAR = 1e15  # an exponent that is beyond the range of every float whatever is added

# Taylor series: log2((1 + z) / (1 - z)) = z * (A0 + A1 z^2 + ...) if |z| < 0.172; 2^g = B0 + B1 g + ... if |g| <= 0.5.
A0, A1, A2, A3, A4, A5, A6, A7, A8, A9 = (2 / math.log(2) / (2 * k + 1) for k in range(10))
B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13 = (math.log(2) ** k / math.factorial(k) for k in range(14))
ONE, ROOT_HALF = 1023 << 52, 0x3FE6A09E667F3BCD  # bits of the float64 1 and sqrt(1/2)
f64, i64 = np.float64, np.int64


@part
def _log2_parts(s):
    """Return a whole number and a fraction up to 1/2 that add up to log2 of a normal positive number."""
    bits = f64(s).view(i64)
    exponent = (bits - ROOT_HALF) >> 52
    m = i64(bits - (exponent << 52)).view(f64)
    z = (m - 1.0) / (m + 1.0)
    w = z * z
    square = w * w
    low = (A3 * w + A2) * square + (A1 * w + A0)
    middle = (A7 * w + A6) * square + (A5 * w + A4)
    fourth = square * square
    return float(exponent), z * (((A9 * w + A8) * fourth + middle) * fourth + low)


@part
def log2(s):
    """Return log2 of a normal positive number."""
    whole, fraction = _log2_parts(s)
    return whole + fraction


@part
def _clipped(exponent):
    e = exponent if exponent > -1000.0 else -1000.0
    return e if e < 1000.0 else 1000.0


@part
def _bits_of_power(exponent):
    return i64((i64(np.int32(exponent)) + 1023) << 52).view(f64)


@part
def power_of_two(exponent):
    """Return 2^exponent for a whole number, taken as -1000 or 1000 if it is beyond these."""
    return _bits_of_power(_clipped(exponent))


@part
def _exp2(g):
    """Return 2^g for |g| <= 1/2."""
    square = g * g
    fourth = square * square
    low = (B3 * g + B2) * square + (B1 * g + B0)
    middle = (B7 * g + B6) * square + (B5 * g + B4)
    high = (B11 * g + B10) * square + (B9 * g + B8)
    return (((B13 * g + B12) * fourth + high) * fourth + middle) * fourth + low


@part
def power(beta, log2_scale):
    """Return f and a whole e with scale^-beta = f * 2^e."""
    exponent = -beta * log2_scale
    exponent = 0.0 if beta == 0.0 and log2_scale == log2_scale else exponent
    exponent = -FAR if exponent < -FAR else exponent
    exponent = FAR if exponent > FAR else exponent
    e = np.rint(exponent)
    g = exponent - e
    return _exp2(g), e


@part
def inverse_power(s, high, low):
    """Return s^-(high + low) for a normal positive number; the product of `high` and a whole number must be exact."""
    whole, fraction = _log2_parts(s)
    product = -high * whole
    nearest = np.rint(product - high * fraction)
    g = ((product - nearest) - low * whole) - (high * fraction + low * fraction)
    return _exp2(g) * _bits_of_power(nearest)


@part
def times_power_of_two(value, factor, exponent):
    """Return value * factor * 2^exponent for a factor near 1, rounded once unless it is below the normal range."""
    first = _clipped(exponent)
    second = _clipped(exponent - first)
    third = _clipped(exponent - first - second)
    return value * (factor * _bits_of_power(first)) * _bits_of_power(second) * _bits_of_power(third)


@part
def split(x):
    """Return f and a whole e with x = f * 2^e and 1 <= |f| < 2; f is 0 for 0, and NaN for what is not finite."""
    small = abs(x) < LOW
    bits = f64(x * (2.0**200 if small else 1.0)).view(i64)
    e = float(((bits >> 52) & 0x7FF) - 1023) - (200.0 if small else 0.0)
    f = i64((bits & ~(0x7FF << 52)) | ONE).view(f64)
    usual = 0.0 < abs(x) < np.inf
    return (f if usual else x - x), (e if usual else -10 * FAR)
