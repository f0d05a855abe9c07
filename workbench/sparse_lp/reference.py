"""Reference implementation of sparse Lp regularization in NumPy, as close to the formulas as possible.

    sparse_lp_regularizer   for each i in indices: row_i <- shrink(row_i)
    sparse_lp               loss = alpha * sum |w|^p;  w <- |w| > threshold ? w : 0
    lp_gradient             alpha p |w|^(p-1) sign(w)
    lp_prox                 argmin_z 1/2 (z - x)^2 + weight |z|^p

Sums and proximal operators are computed in float64 and rounded once. For p = 1 and 2, rows are shrunk in their own
type, as in Caffe2. For x > 0, the minimum is where z + c z^(p-1) = x with c = weight p, or at 0.
"""

import math

import numpy as np

STEPS = 100  # largest number of Newton steps; the slowest known case, p near 1 and z far below x, needs about 40
ENOUGH = 1e-15  # relative step that ends the iteration
POLISH = 1e-6  # a larger last step is ignored: it means that a power has overflowed
SMALLEST = float(np.finfo(np.float64).tiny)  # smaller numbers have fewer digits
FAR = 2.0**300  # sizes and weights beyond this, or below its inverse, are brought near 1 first


def sparse_lp_regularizer(
    param: np.ndarray, indices: np.ndarray, p: float, reg_lambda: float, exact: bool
) -> np.ndarray:
    strength = param.dtype.type(reg_lambda)
    for i in indices:
        row = param[i]
        if p == 1:
            param[i] = np.where(np.abs(row) <= strength, 0, row - np.copysign(strength, row))
        elif p == 2 and exact:
            param[i] = row / (1 + strength)
        elif p == 2:
            param[i] = row * (1 - strength)
        else:
            param[i] = lp_prox(row, reg_lambda, p)
    return param


def sparse_lp(w: np.ndarray, alpha: float, p: float, sparsity_threshold: float) -> tuple[float, np.ndarray]:
    size = np.abs(w, dtype=np.float64)
    with np.errstate(over="ignore"):
        powers = np.asarray((size != 0) if p == 0 else size**p)
        total = float(np.sum(powers))
    loss = alpha * (math.fsum(powers.flat) if math.isfinite(total) else total)
    mask = np.asarray(size > sparsity_threshold)
    w[size <= sparsity_threshold] = 0
    return (loss if alpha else 0.0), mask


def lp_gradient(w: np.ndarray, alpha: float, p: float) -> np.ndarray:
    size = np.abs(w, dtype=np.float64)
    if p == 0 or alpha == 0:
        return np.where(np.isnan(w), w, 0).astype(w.dtype)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        strength, power = alpha * p, np.asarray(1.0 if p == 1 else size ** (p - 1))
        slope = np.asarray(strength * power * np.sign(w))
        odd = (size > 0) & ~((power >= SMALLEST) & (power < math.inf) & (SMALLEST <= strength < math.inf))
        if p != 1 and odd.any():  # a factor is beyond the range, and the product may not be
            logs = math.log2(alpha) + math.log2(p) + (p - 1) * np.log2(size[odd])
            slope[odd] = np.copysign(np.exp2(logs), w[odd])
        return np.where(size == 0, 0, slope).astype(w.dtype)


def lp_prox(x: np.ndarray, weight: float, p: float) -> np.ndarray:
    size = np.abs(x, dtype=np.float64)
    if weight == 0:
        return x.copy()
    z = np.where(size <= lp_threshold(weight, p), 0, size)
    beyond = (z > 0) & np.isfinite(size)
    far = beyond & ((size < 1 / FAR) | (size > FAR) | (not 1 / FAR < weight < FAR)) & (0 < p < 1)
    z[beyond & ~far] = _minimizer(size[beyond & ~far], weight, p)
    if far.any():
        z[far] = _far_minimizer(size[far], weight, p)
    if p == math.inf:
        z = np.minimum(z, 1)  # clips infinities too
    with np.errstate(over="ignore"):
        return np.where((z == 0) & (p <= 1), 0, np.copysign(z, x)).astype(x.dtype)


def _minimizer(x: np.ndarray, weight: float | np.ndarray, p: float) -> np.ndarray:
    """Return the minimizer, which is not 0, for x above the threshold."""
    if p == 0:
        return x
    if p == 1:
        return x - weight
    if p == 2:
        return x * (0.5 / (0.5 + weight))  # no weight overflows and no x loses its last bit
    if p == math.inf:
        return np.minimum(x, 1)
    if p == 1 / 2:
        return _half(x, weight)
    if p == 2 / 3:
        return _two_thirds(x, weight)
    return _below_one(x, weight, p) if p < 1 else _above_one(x, weight, p)


def _far_minimizer(x: np.ndarray, weight: float, p: float) -> np.ndarray:
    """Return the minimizer for p < 1 of x or a weight near the ends of the range, where powers would overflow.

    For x = s y with a power of two s, z = s v, where v minimizes 1/2 (v - y)^2 + weight s^(p-2) |v|^p.
    """
    y, exponent = np.frexp(x)
    weights = np.ldexp(weight, -exponent) * np.exp2((p - 1) * exponent)
    return np.ldexp(_minimizer(y, weights, p), exponent)


def _half(x: np.ndarray, weight: float | np.ndarray) -> np.ndarray:
    """Solve z + weight/2 z^(-1/2) = x: y = sqrt(z) is the largest root of the cubic y^3 - x y + weight/2 = 0."""
    with np.errstate(under="ignore"):
        angle = np.arccos(-(((weight / 4) ** (2 / 3) * 3 / x) ** 1.5))
    return 4 / 3 * x * np.cos(angle / 3) ** 2


def _two_thirds(x: np.ndarray, weight: float | np.ndarray) -> np.ndarray:
    """Solve z + 2/3 weight z^(-1/3) = x: y = z^(1/3) is the largest root of the quartic y^4 - x y + 2/3 weight = 0.

    With y in units of x^(1/3) this is y^4 - y + k = 0. Ferrari's method factors it into (y^2 + m y + a)(y^2 - m y + b),
    where m^2 is the real root of the cubic t^3 - 4 k t - 1 = 0.
    """
    with np.errstate(under="ignore"):
        k = ((2 / 3 * weight) ** 0.75 / x) ** (4 / 3)
        root = np.cbrt(0.5 + np.sqrt(0.25 - (4 / 3 * k) ** 3))
    square = root + 4 / 3 * k / root
    m = np.sqrt(square)
    return x * (0.5 * (m + np.sqrt(2 / m - square))) ** 3


def _below_one(x: np.ndarray, weight: float | np.ndarray, p: float) -> np.ndarray:
    """Find the largest root of z + weight p z^(p-1) = x; the left side is convex, so Newton's method falls from x."""
    z, c = x.copy(), weight * p
    least = 0.9 * (2 * weight * (1 - p)) ** (1 / (2 - p))  # rounding must not take it below the root
    for _ in range(STEPS):
        pull = c * z ** (p - 1)
        step = (z + pull - x) / (z - (1 - p) * pull)
        z = np.maximum(z - z * step, least)
        if not np.any(np.abs(step) > ENOUGH):
            break
    return z


def _above_one(x: np.ndarray, weight: float | np.ndarray, p: float) -> np.ndarray:
    """Find the root of z + c z^(p-1) = x, c = weight p, as u = log z, then refine z by one step for the last digits.

    f(u) = log(e^u + e^(log c + (p-1) u)) - log x is convex and increasing, with slopes between 1 and p - 1 for all x
    and c, and f is at most log 2 at the start. So Newton's method decreases to the root and cannot leave it.
    """
    log_c = math.log(weight) + math.log(p)
    u = np.minimum(np.log(x), (np.log(x) - log_c) / (p - 1))
    with np.errstate(over="ignore"):  # a huge p: the power is 0
        for _ in range(STEPS):
            pull = log_c + (p - 1) * u
            total = np.logaddexp(u, pull)
            share = np.exp(pull - total)
            step = (total - np.log(x)) / (1 + (p - 2) * share)
            u = u - step
            if not np.any(np.abs(step) > ENOUGH * np.maximum(1, np.abs(u))):
                break
    z = np.exp(u)
    with np.errstate(all="ignore"):
        power = z ** (p - 1)
        far = (power < SMALLEST) | (weight * p == math.inf)
        pull = np.where(far, np.exp(log_c + (p - 1) * np.log(z)), weight * p * power)
        step = (z + pull - x) / (z + (p - 1) * pull)
        return np.where(np.abs(step) < POLISH, z - z * step, z)


def lp_threshold(weight: float, p: float) -> float:
    """Return the largest |x| that the proximal operator of weight |z|^p maps to 0.

    p = 0: sqrt(2 weight). p = 1: weight. Between: (2 - p) / (2 - 2p) * (2 weight (1 - p))^(1 / (2 - p)), where the
    minimum at 0 equals the minimum away from 0. p > 1: 0, since only 0 itself becomes 0.
    """
    if p > 1 or weight == 0:
        return 0.0
    if p == 1:
        return weight
    smallest = smallest_nonzero(weight, p)
    if smallest < SMALLEST:  # the same product in an order that loses no digits
        return (1 - p / 2) * (2 * weight) ** (1 / (2 - p)) * (1 - p) ** ((p - 1) / (2 - p))
    return (2 - p) / (2 * (1 - p)) * smallest


def smallest_nonzero(weight: float, p: float) -> float:
    """Return the smallest non-zero result of the proximal operator for p < 1: (2 weight (1 - p))^(1 / (2 - p))."""
    # The factor 2 is taken out so that no weight overflows.
    return math.exp2(1 / (2 - p)) * power_of_product(weight, 1 - p, 1 / (2 - p))


def power_of_product(weight: float, factor: float, exponent: float) -> float:
    """Return (weight factor)^exponent, also where the product is so small that it would lose digits."""
    product = weight * factor
    return product**exponent if product >= SMALLEST else weight**exponent * factor**exponent
