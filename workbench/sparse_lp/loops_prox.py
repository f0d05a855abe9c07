"""Compiled loops that compute the proximal operator of the Lp penalty for a flat array."""

from collections import namedtuple

import numpy as np

from workbench.compiling import prefetch_tile
from workbench.sparse_lp.loops_common import SAMPLE, SMALLEST, TILE, exp2, f64, kernel, log2, part, u

# Variants: the formula by p, which is 0, 1/2, 2/3, others below 1, 1, others above 1, 2, infinity.
HARD, HALF, TWO_THIRDS, BELOW_ONE, SOFT, ABOVE_ONE, SHRINK, CLIP = 1, 2, 3, 4, 5, 6, 7, 8

# The constants of the penalty weight |z|^p, with c = weight p. `strength` is c, but c^(2/3) for p = 1/2, c^(3/4) for
# p = 2/3 and 1 / (1 + c) for p = 2; `log_strength` is log2 c.
Prox = namedtuple("Prox", "weight p threshold strength log_strength")

STEPS = 100  # largest number of steps of an iteration
ENOUGH = 1e-6  # relative step; the next step, its third power, would be lost in rounding
LOG_2 = 0.6931471805599453


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
    """Write |x| to `sizes`; where the result is known, write a harmless size above the threshold instead."""
    harmless = 2.0 * scalars.threshold + 1.0
    for i in range(count):
        size = abs(f64(x[at + i]))
        known = (size <= scalars.threshold) | (not size < np.inf)
        sizes[i] = harmless if known else size


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
def _roots_of_half(sizes, roots, count, scalars):
    """Find y = sqrt(z / x), the largest root of y^3 - y + k = 0, k = c x^(-3/2), by Halley's method from y = 1.

    In these units, nothing overflows; `strength` is c^(2/3).
    """
    for i in range(count):
        x = sizes[i]
        ratio = scalars.strength / x
        k, y = ratio * np.sqrt(ratio), 1.0  # at most a quarter too large
        for _ in range(3):
            square = y * y
            value, slope = y * (square - 1.0) + k, 3.0 * square - 1.0
            y -= value * slope / (slope * slope - 3.0 * y * value)
        roots[i] = x * (y * y)


@part
def _roots_of_two_thirds(sizes, roots, count, scalars):
    """Find y = (z / x)^(1/3), the largest root of y^4 - y + k = 0, k = c x^(-4/3), by Halley's method from y = 1.

    `strength` is c^(3/4).
    """
    for i in range(count):
        x = sizes[i]
        ratio = scalars.strength / x
        k, y = ratio * exp2(log2(ratio) * (1.0 / 3.0)), 1.0  # at most a quarter too large
        for _ in range(4):
            square = y * y
            value, slope = y * (square * y - 1.0) + k, 4.0 * square * y - 1.0
            y -= value * slope / (slope * slope - 6.0 * square * value)
        roots[i] = x * (y * y * y)


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
        roots[i] = exp2(roots[i])


@part
def _polish(sizes, roots, count, scalars):
    """Take one more step of Newton's method with the library's pow, for the last digits of a float64."""
    for i in range(count):
        z = roots[i]
        power = z ** (scalars.p - 1.0)
        pull = scalars.strength * power
        if not ((power >= SMALLEST) & (power < np.inf) & (scalars.strength >= SMALLEST) & (scalars.strength < np.inf)):
            pull = exp2(scalars.log_strength + (scalars.p - 1.0) * log2(z))
        step = (z + pull - sizes[i]) / (z + (scalars.p - 1.0) * pull)
        roots[i] = z - z * step if abs(step) < 1e-6 else z


@part
def prox_tile(x, z, at, to, count, kind, scalars, buffers):
    """Write the proximal operator of x[at : at + count] to z[to : to + count]; count is at most TILE."""
    if len(kind) == HARD or len(kind) == SOFT or len(kind) == SHRINK or len(kind) == CLIP:
        _prox_without_root(x, z, at, to, count, kind, scalars)
    else:
        sizes, logs, roots = buffers[0], buffers[1], buffers[2]
        _load_sizes(x, at, count, scalars, sizes)
        if len(kind) == HALF:
            _roots_of_half(sizes, roots, count, scalars)
        elif len(kind) == TWO_THIRDS:
            _roots_of_two_thirds(sizes, roots, count, scalars)
        else:
            if len(kind) == BELOW_ONE:
                _roots_below_one(sizes, logs, roots, count, scalars)
            else:
                _roots_above_one(sizes, logs, roots, count, scalars)
            if x.itemsize == 8:
                _polish(sizes, roots, count, scalars)
        _store(x, z, at, to, count, scalars, roots)


@kernel
def prox(x, z, kind, scalars, start, stop):
    """Write the proximal operator of jobs start .. stop of x (n,) to z (n,)."""
    buffers = np.empty((3, TILE))
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(SAMPLE), u(x.shape[0]))
        for at in range(job * u(SAMPLE), end, u(TILE)):
            prefetch_tile(x, z, at, TILE)
            prox_tile(x, z, at, at, min(u(TILE), end - at), kind, scalars, buffers)
