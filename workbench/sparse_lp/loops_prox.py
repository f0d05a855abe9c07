"""Compiled loops that compute the proximal operator of the Lp penalty for a flat array."""

from collections import namedtuple

import numpy as np

from workbench.compiling import prefetch_tile, wide_vectors
from workbench.sparse_lp.loops_common import (
    SAMPLE,
    SMALLEST,
    TILE,
    exp2,
    f32,
    f64,
    kernel,
    log2,
    log2_single,
    part,
    power_single,
    times_two_to,
    u,
)

# Variants: the formula by p, which is 0, below 1, 1, above 1, 2, infinity; the last three are for float32 and some p,
# and SINGLE_HALF for 1/2.
HARD, BELOW_ONE, SOFT, ABOVE_ONE, SHRINK, CLIP, SINGLE_HALF, SINGLE_BELOW_ONE, SINGLE_ABOVE_ONE = range(1, 10)

# The constants of the penalty weight |z|^p, with c = weight p. `threshold` has the array's type, which does not change
# a comparison. `strength` is c, but 1 / (1 + 2 weight) for p = 2; `log_strength` is log2 c. `middle` belongs to the
# curve. `first` and `second` are exponents for `power_single` that turn x into k or a of `curves`, for float32.
# Python gives them to a kernel as one array, which takes a tenth of the time of a named tuple.
Prox = namedtuple("Prox", "weight p threshold strength log_strength middle first second")

STEPS = 100  # largest number of steps of an iteration
ENOUGH = 1e-6  # relative step; the next step, its third power, would be lost in rounding
LOG_2 = 0.6931471805599453
NEAR = 1000.0  # exponent, to the base 2
FAR = 2.0**100


@part
def with_names(c, x):
    """Return the constants as `Prox`, from an array of them in this order, for an array x."""
    first, second = (f32(c[6]), f32(c[7]), f32(c[8]), f32(c[9])), (f32(c[10]), f32(c[11]), f32(c[12]), f32(c[13]))
    return Prox(c[0], c[1], x.dtype.type(c[2]), c[3], c[4], c[5], first, second)


@part
def _prox_without_root(x, z, at, to, count, kind, scalars):
    """Write the proximal operator for a p that needs no root: one formula and one comparison."""
    for i in range(count):
        value = f64(x[at + i])
        size = abs(value)
        if len(kind) == HARD:
            new = 0.0 if size <= scalars.threshold else value
        elif len(kind) == SOFT:
            less = size - scalars.weight
            new = 0.0 if size <= scalars.threshold else (-less if value < 0.0 else less)
        elif len(kind) == SHRINK:
            new = value * scalars.strength
        else:
            new = -1.0 if value < -1.0 else (1.0 if value > 1.0 else value)
        z[to + i] = z.dtype.type(new)


@part
def _load_sizes(x, at, count, scalars, sizes):
    """Write |x| to `sizes`, and return how many are above FAR, where a power of the curve may be out of range.

    Where the result is known, a harmless size above the threshold is written instead.
    """
    harmless, far = 2.0 * scalars.threshold + 1.0, 0
    for i in range(count):
        size = abs(f64(x[at + i]))
        known = (size <= scalars.threshold) | (not size < np.inf)
        sizes[i] = harmless if known else size
        far += sizes[i] > FAR
    return far


@part
def _store(x, z, at, to, count, scalars, roots):
    """Write the roots with the signs of x to z, but 0 up to the threshold; an infinity or NaN is kept."""
    for i in range(count):
        value, root = f64(x[at + i]), roots[i]
        size = abs(value)
        new = -root if value < 0.0 else root
        new = value if size == 0.0 else new
        new = 0.0 if (size <= scalars.threshold) & (scalars.p <= 1.0) else new
        z[to + i] = z.dtype.type(new if size < np.inf else value)


@part
def _nine_terms(c):
    return c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8]


@part
def _thirteen_terms(c, at):
    four = c[at + 9], c[at + 10], c[at + 11], c[at + 12]
    return (c[at], c[at + 1], c[at + 2], c[at + 3], c[at + 4], c[at + 5], c[at + 6], c[at + 7], c[at + 8], *four)


@part
def _polynomial_8(c, t):
    square = t * t
    low = (c[3] * t + c[2]) * square + (c[1] * t + c[0])
    high = (c[8] * square + (c[7] * t + c[6])) * square + (c[5] * t + c[4])
    return high * (square * square) + low


@part
def _polynomial_12(c, t):
    square = t * t
    fourth = square * square
    low = (c[3] * t + c[2]) * square + (c[1] * t + c[0])
    middle = (c[7] * t + c[6]) * square + (c[5] * t + c[4])
    high = c[12] * fourth + ((c[11] * t + c[10]) * square + (c[9] * t + c[8]))
    return (high * fourth + middle) * fourth + low


@part
def _store_single(value, root, threshold):
    """Return a float32 root with the sign of x, but 0 up to the threshold."""
    new = -root if value < f32(0) else root
    return f32(0) if abs(value) <= threshold else new


@part
def _single_below_one(x, z, at, to, count, kind, scalars, curve):
    """Write the proximal operator for p < 1 in float32, on the curve."""
    c = _nine_terms(curve)
    for i in range(count):
        size = abs(x[at + i])
        if len(kind) == SINGLE_HALF:
            k = f32(scalars.strength) / (size * np.sqrt(size))  # infinite only up to the threshold
        else:
            whole, fraction = log2_single(size)
            k = times_two_to(power_single(whole, fraction, scalars.first))
        t = np.sqrt(f32(1) - k * f32(scalars.middle))  # NaN only up to the threshold
        z[to + i] = _store_single(x[at + i], size * (f32(1) - k * _polynomial_8(c, t)), scalars.threshold)


@part
def _single_above_one(x, z, at, to, count, scalars, curve):
    """Write the proximal operator for p > 1 in float32, on the curve."""
    c, d = _thirteen_terms(curve, 0), _thirteen_terms(curve, 13)
    f, g = scalars.first, scalars.second
    for i in range(count):
        size = abs(x[at + i])
        whole, fraction = log2_single(size)
        up = f[0] * (whole + fraction) + f[2] < f32(0)
        e = f[0] if up else g[0], f[1] if up else g[1], f[2] if up else g[2], f[3] if up else g[3]
        a = times_two_to(power_single(whole, fraction, e))
        y = f32(1) - a * _polynomial_12(c, a) if up else a * _polynomial_12(d, a)
        new = _store_single(x[at + i], size * y, scalars.threshold)
        z[to + i] = new if (size > f32(0)) & (size < f32(np.inf)) else x[at + i]


@part
def _curve_below_one(sizes, roots, count, scalars, curve):
    c = _nine_terms(curve)
    for i in range(count):
        k = exp2(scalars.log_strength + (scalars.p - 2.0) * log2(sizes[i]))
        t = np.sqrt(1.0 - k * scalars.middle)
        roots[i] = sizes[i] * (1.0 - k * _polynomial_8(c, t))


@part
def _curve_above_one(sizes, roots, count, scalars, curve):
    c, d = _thirteen_terms(curve, 0), _thirteen_terms(curve, 13)
    slope = 1.0 / (1.0 - scalars.p)
    for i in range(count):
        v = (scalars.log_strength - scalars.middle) + (scalars.p - 2.0) * log2(sizes[i])
        a = exp2(v if v < 0.0 else v * slope)
        y = 1.0 - a * _polynomial_12(c, a) if v < 0.0 else a * _polynomial_12(d, a)
        roots[i] = sizes[i] * y


@part
def _roots_below_one(sizes, logs, roots, count, scalars):
    """Find y = z / x, the largest root of y + k y^(p-1) = 1, k = c x^(p-2), by Halley's method from y = 1.

    The left side is convex, and in these units, nothing overflows.
    """
    for i in range(count):
        logs[i] = scalars.log_strength + (scalars.p - 2.0) * log2(sizes[i])
        roots[i] = 1.0
    for _ in range(STEPS):
        moving = 0
        for i in range(count):
            y = roots[i]
            pull = exp2(logs[i] + (scalars.p - 1.0) * log2(y))
            value, slope, bend = (
                y + pull - 1.0,
                y - (1.0 - scalars.p) * pull,
                (1.0 - scalars.p) * (2.0 - scalars.p) * pull,
            )
            step = value * slope / (slope * slope - 0.5 * value * bend)
            roots[i] = y - y * step
            moving += abs(step) > ENOUGH
        if moving == 0:
            break
    for i in range(count):
        roots[i] *= sizes[i]


@part
def _roots_above_one(sizes, logs, roots, count, scalars):
    """Find the root of z + c z^(p-1) = x as v = log2 z by Halley's method; its second derivative needs no new power.

    The logarithm of the left side is convex in v, with slopes between 1 and p - 1.
    """
    for i in range(count):
        logs[i] = log2(sizes[i])
        roots[i] = min(logs[i], (logs[i] - scalars.log_strength) / (scalars.p - 1.0))
    for _ in range(STEPS):
        moving = 0
        for i in range(count):
            v = roots[i]
            over = scalars.log_strength + (scalars.p - 2.0) * v  # log2 of c z^(p-1) / z
            small = exp2(-abs(over))
            share = (1.0 if over > 0.0 else small) / (1.0 + small)
            total = v + max(over, 0.0) + log2(1.0 + small)
            value, slope = total - logs[i], 1.0 + (scalars.p - 2.0) * share
            bend = LOG_2 * (scalars.p - 2.0) * (scalars.p - 2.0) * share * (1.0 - share)
            step = value * slope / (slope * slope - 0.5 * value * bend)
            roots[i] = v - step
            moving += abs(step) * max(1.0, scalars.p - 1.0) > ENOUGH * max(1.0, abs(v))
        if moving == 0:
            break
    for i in range(count):
        roots[i] = min(exp2(roots[i]), sizes[i])  # the largest number's logarithm is rounded up, to that of infinity


@part
def _polish(sizes, roots, count, scalars):
    """Take one more step of Newton's method, for the last digits of a float64.

    Beyond NEAR, a power or c may be beyond the range of float64 where their product is not.
    """
    for i in range(count):
        z = roots[i]
        exponent = (scalars.p - 1.0) * log2(z)
        far = (abs(exponent) > NEAR) | (not SMALLEST <= scalars.strength < np.inf)
        pull = (1.0 if far else scalars.strength) * exp2(exponent + (scalars.log_strength if far else 0.0))
        step = (z + pull - sizes[i]) / (z + (scalars.p - 1.0) * pull)
        roots[i] = z - z * step if abs(step) < 1e-6 else z


@part
def prox_tile(x, z, at, to, count, kind, scalars, curve, buffers):
    """Write the proximal operator of x[at : at + count] to z[to : to + count]; count is at most TILE."""
    if len(kind) == HARD or len(kind) == SOFT or len(kind) == SHRINK or len(kind) == CLIP:
        _prox_without_root(x, z, at, to, count, kind, scalars)
    elif len(kind) == SINGLE_HALF or len(kind) == SINGLE_BELOW_ONE:
        _single_below_one(x, z, at, to, count, kind, scalars, curve)
    elif len(kind) == SINGLE_ABOVE_ONE:
        _single_above_one(x, z, at, to, count, scalars, curve)
    else:
        sizes, logs, roots = buffers[0], buffers[1], buffers[2]
        on_curve = _load_sizes(x, at, count, scalars, sizes) == 0 and curve.size > 0
        if len(kind) == BELOW_ONE:
            if on_curve:
                _curve_below_one(sizes, roots, count, scalars, curve)
            else:
                _roots_below_one(sizes, logs, roots, count, scalars)
        elif on_curve:
            _curve_above_one(sizes, roots, count, scalars, curve)
        else:
            _roots_above_one(sizes, logs, roots, count, scalars)
        if x.itemsize == 8:
            _polish(sizes, roots, count, scalars)
        _store(x, z, at, to, count, scalars, roots)


@kernel
def prox(x, z, kind, constants, curve, start, stop):
    """Write the proximal operator of jobs start .. stop of x (n,) to z (n,)."""
    wide_vectors()
    scalars, buffers = with_names(constants, x), np.empty((3, TILE))
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(SAMPLE), u(x.shape[0]))
        for at in range(job * u(SAMPLE), end, u(TILE)):
            prefetch_tile(x, z, at, TILE)
            if at + u(TILE) <= end:
                prox_tile(x, z, at, at, u(TILE), kind, scalars, curve, buffers)
            else:
                prox_tile(x, z, at, at, end - at, kind, scalars, curve, buffers)
