"""Fit the roots that the proximal operator needs by polynomials, once for each p.

With z = x y, the equation z + weight p z^(p-1) = x becomes y + k y^(p-1) = 1, where k = weight p x^(p-2). So for a
given p, y depends on k alone. Points of this curve cost nothing, as k = (1 - y) y^(1-p). The polynomials q are fits of

    p < 1    y = 1 - k q(t), t = sqrt(1 - k / largest). No root exists for k above `largest`; there the curve's tangent
             is vertical, and in t it is smooth
    p > 1    y = 1 - a q_0(a) with a = k / middle up to 1, for larger k y = a q_1(a) with a = (k / middle)^(1/(1-p))
"""

import functools

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

BELOW, ABOVE = (0.0, 0.95), (1.2, 6.0)  # ranges of p where the relative error of y is below 1e-7
TERMS_BELOW, TERMS_ABOVE = 9, 13
# Ranges of p where float32 arithmetic gives roots with an error below 6e-7; nearer to 1 a root is more sensitive to k.
SINGLE_BELOW, SINGLE_ABOVE = (0.0, 0.7), (1.4, 5.0)
LARGEST_SINGLE_POWER = 6  # largest p of a penalty whose powers are float32; none leaves the range of float64
POINTS = 400  # of a curve
NONE = 0.0, np.empty(0)


@functools.lru_cache(maxsize=256)
def curve(p: float) -> tuple[float, np.ndarray]:
    """Return 1 / largest and the coefficients of q for p < 1, or log2 middle and those of q_0 and q_1 for p > 1.

    The coefficients are one flat array, float64; it is empty if there is no curve.
    """
    if not has_curve(p):
        return NONE
    return (_below_one if p < 1 else _above_one)(p)


def has_curve(p: float) -> bool:
    """Return whether the roots for this p are on a fitted curve."""
    return BELOW[0] < p <= BELOW[1] or ABOVE[0] <= p <= ABOVE[1]


def in_single(p: float) -> bool:
    """Return whether roots for float32 arrays are computed in float32."""
    return SINGLE_BELOW[0] < p <= SINGLE_BELOW[1] or SINGLE_ABOVE[0] <= p <= SINGLE_ABOVE[1]


def _below_one(p: float) -> tuple[float, np.ndarray]:
    at_threshold = 2 * (1 - p) / (2 - p)  # the smallest y, times 0.98 as x may be rounded
    largest = _k(at_threshold / 2, p)
    y = _between(0.98 * at_threshold, 1.0)
    k = _k(y, p)
    return 1 / largest, _fit(np.sqrt(1 - k / largest), y ** (p - 1), k / y, TERMS_BELOW)


def _above_one(p: float) -> tuple[float, np.ndarray]:
    odds = (p - 1) ** 1.75  # of y and 1 - y in the middle; chosen so that both fits are good
    between = odds / (1 + odds)
    middle = _k(between, p)
    y = _between(between, 1.0)
    a = _k(y, p) / middle
    first = _fit(a, middle * y ** (p - 1), a / y, TERMS_ABOVE)
    y = _between(0.0, between)
    a = (_k(y, p) / middle) ** (1 / (1 - p))
    return float(np.log2(middle)), np.concatenate([first, _fit(a, y / a, a / y, TERMS_ABOVE)])


def _k(y, p: float):
    return (1 - y) * y ** (1 - p)


def _between(low: float, high: float) -> np.ndarray:
    """Return points between two numbers, denser towards both."""
    return low + (high - low) * np.sin(np.pi / 2 * (np.arange(POINTS) + 0.5) / POINTS) ** 2


def _fit(variable: np.ndarray, values: np.ndarray, weights: np.ndarray, terms: int) -> np.ndarray:
    """Return the coefficients (terms,) of a polynomial, the constant first."""
    return Chebyshev.fit(variable, values, terms - 1, w=weights).convert(kind=Polynomial).coef
