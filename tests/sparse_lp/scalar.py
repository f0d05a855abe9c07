"""Sparse Lp regularization one number at a time, on Python's own numbers, sharing no code with the package.

The first of three tiers: the NumPy reference and the compiled loops are both compared with this, and with each other.
Where a function says "of either type", it takes floats alone or Decimals alone, which have as many digits as wanted.
"""

import math
from decimal import Decimal, localcontext

DIGITS = 50


def power(size, p):
    """Return size^p of a float, where 0^0 is 0 and NaN stays."""
    if math.isnan(size):
        return size if p else 1.0
    if p == 0:
        return float(size != 0)
    try:
        return size**p
    except OverflowError:
        return math.inf


def penalty(w, alpha, p):
    """Return alpha * sum |w|^p of an iterable of floats."""
    return alpha * math.fsum(power(abs(value), p) for value in w)


def keep_large(w, threshold):
    """Return a list of floats times its mask, and the mask."""
    mask = [abs(value) > threshold for value in w]
    return [value if kept or math.isnan(value) else 0.0 for value, kept in zip(w, mask, strict=True)], mask


def objective(z, x, weight, p):
    """Return the function that the proximal operator minimizes, in either type, for finite p."""
    return (z - x) ** 2 / 2 + weight * (abs(z) ** p if p else type(x)(z != 0))


def equation(z, x, weight, p):
    """Return z + weight p z^(p-1) - x, which is 0 at the minimum, in either type."""
    return z + weight * p * z ** (p - 1) - x


def largest_root(x, weight, p):
    """Return the largest z at which `equation` is 0, or 0 if there is none, in either type, by bisection.

    p is neither 0 nor 1. Below 1 the equation falls to its least value, then rises; above 1 it rises everywhere.
    """
    number = type(x)
    low = (weight * p * (1 - p)) ** (1 / (2 - p)) if p < 1 else min(x / 2, (x / (2 * weight * p)) ** (1 / (p - 1)))
    high = x
    if low >= high or equation(low, x, weight, p) > 0:
        return number(0)
    for _ in range(64 if number is float else 200):
        middle = low * (high / low) ** number(0.5)
        if equation(middle, x, weight, p) < 0:
            low = middle
        else:
            high = middle
    return high


def prox(x, weight, p):
    """Return the proximal operator of one float."""
    size = abs(x)
    if weight == 0 or math.isnan(x):
        return x
    if p == math.inf:
        return math.copysign(min(size, 1.0), x)
    if math.isinf(x):
        return x
    if p == 0:
        z = size
    elif p == 1:
        z = max(size - weight, 0.0)
    elif p == 2:
        z = size / (1 + 2 * weight)
    else:
        z = largest_root(size, weight, p) if size else 0.0
    if p < 1 and not objective(z, size, weight, p) < size * size / 2:
        z = 0.0
    return math.copysign(z, x) if z or p > 1 else 0.0


def least_worth_leaving_zero(weight, p):
    """Return the size of x at which some z is as good as 0, for p <= 1: the minimum of z/2 + weight z^(p-1) over z > 0.

    That z is better than 0 means z^2/2 - x z + weight z^p < 0. The sum has one minimum; thirds of the logarithm's
    range are left out until the place of the minimum is known to 12 digits, and so the minimum to 24.
    """
    with localcontext() as context:
        context.prec = DIGITS
        weight, p, half = Decimal(weight), Decimal(p), Decimal("0.5")

        def worth(logarithm):
            z = logarithm.exp()
            return half * z + weight * z ** (p - 1)

        low, high = Decimal(-80), Decimal(40)
        for _ in range(80):
            third = (high - low) / 3
            if worth(low + third) < worth(high - third):
                high -= third
            else:
                low += third
        return worth(low)


def row_shrinker(dtype, p, reg_lambda, exact=False):
    """Return the function that shrinks one float of a table: each operation is rounded to the table's type.

    A float64 holds the exact sum or product of two float32, or enough of the quotient, so that rounding it is right.
    """
    strength = float(dtype(reg_lambda))
    less, more = float(dtype(1 - strength)), float(dtype(1 + strength))

    def subtract(value):
        if abs(value) <= strength:
            return 0.0
        return float(dtype(value + strength if value < 0 else value - strength))

    if p == 1:
        return subtract
    if p == 2 and exact:
        return lambda value: float(dtype(value / more))
    if p == 2:
        return lambda value: float(dtype(value * less))
    return lambda value: float(dtype(prox(value, reg_lambda, p)))


def shrink_rows(param, indices, p, reg_lambda, exact=False):
    """Return a new table whose rows have been shrunk one after the other, once for each time they are named."""
    shrink = row_shrinker(param.dtype.type, p, reg_lambda, exact)
    table = param.copy()
    for i in indices.ravel().tolist():
        row = table[i]
        table[i] = [shrink(value) for value in row] if row.ndim == 1 else shrink(float(row))
    return table
