"""Compiled loops for the Lp penalty and its mask, and for its gradient.

penalty     compute the sum of |w|^p and the mask, and set small weights to zero, in one pass
gradient    compute alpha p |w|^(p-1) sign(w)
"""

import numpy as np

from workbench.compiling import AHEAD, compiler, prefetch_tile, prefetch_to_write, wide_vectors
from workbench.sparse_lp.loops_common import (
    SAMPLE,
    TILE,
    exp2,
    f32,
    f64,
    kernel,
    log2,
    log2_normal,
    normal_times_two_to,
    part,
    power,
    power_single,
    u,
)

sums_part = compiler(fastmath={"contract", "reassoc"}, forceinline=True)  # the order is the same in every run

# Variants: the formula for the penalty and the slope of a weight.
COUNT, ROOT, ABSOLUTE, SQUARE, POWER, SINGLE_POWER = 1, 2, 3, 4, 5, 6


@sums_part
def _add_powers(w, at, count, kind, p):
    total = 0.0
    for i in range(at, at + count):
        size = abs(f64(w[i]))
        if len(kind) == COUNT:
            total += 0.0 if size == 0.0 else 1.0
        elif len(kind) == ROOT:
            total += np.sqrt(size)
        elif len(kind) == ABSOLUTE:
            total += size
        elif len(kind) == SQUARE:
            total += size * size
        else:
            total += power(size, p)
    return total


@part
def _powers_single(w, at, count, p, powers):
    """Write float32 powers |w|^p, and zeros after them; return whether a size other than 0 is out of range."""
    exponents, smallest, largest = p
    far = False
    for i in range(count):
        size = abs(w[at + i])
        far |= ((size < smallest) & (size > f32(0))) | (not size <= largest)
        whole, fraction = log2_normal(size)
        power = normal_times_two_to(power_single(whole, fraction, exponents))
        powers[i] = f32(0) if size == f32(0) else power
    for i in range(count, u(TILE)):
        powers[i] = f32(0)
    return far


@part
def _roots_single(w, at, count, powers):
    """Write float32 square roots of |w|, and zeros after them: they are as exact as w."""
    for i in range(count):
        powers[i] = np.sqrt(abs(w[at + i]))
    for i in range(count, u(TILE)):
        powers[i] = f32(0)


@sums_part
def _sum_single(powers):
    total = 0.0
    for i in range(u(TILE)):  # a constant: a loop of any length takes four times as long
        total += f64(powers[i])
    return total


@part
def _keep_large(w, mask, at, count, threshold):
    for i in range(at, at + count):
        value = w[i]
        mask[i] = np.uint8(abs(value) > threshold)
        w[i] = w.dtype.type(0) if abs(value) <= threshold else value


@kernel
def penalty(w, mask, kind, p, threshold, totals, start, stop):
    """Write the sum of |w|^p of each job to totals (jobs,), mark weights above the threshold, and zero the others.

    `p` is a number. For SINGLE_POWER, it is the exponents of `power_single` and two sizes: a tile with a size that is
    neither 0 nor between them is done in float64.
    """
    wide_vectors()
    step = u(64 // w.itemsize)
    powers = np.empty(TILE, np.float32)
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(SAMPLE), u(w.shape[0]))
        total = 0.0
        for at in range(job * u(SAMPLE), end, u(TILE)):
            for line in range(u(0), u(TILE), step):
                prefetch_to_write(w, at + u(AHEAD) + line)
            count = min(u(TILE), end - at)
            if len(kind) == SINGLE_POWER:
                if _powers_single(w, at, count, p, powers):
                    total += _add_powers(w, at, count, kind, f64(p[0][0]) + f64(p[0][1]))
                else:
                    total += _sum_single(powers)
            elif len(kind) == ROOT and w.itemsize == 4:
                _roots_single(w, at, count, powers)
                total += _sum_single(powers)
            elif count == u(TILE):
                total += _add_powers(w, at, u(TILE), kind, p)
            else:
                total += _add_powers(w, at, count, kind, p)
            if count == u(TILE):
                _keep_large(w, mask, at, u(TILE), threshold)
            else:
                _keep_large(w, mask, at, count, threshold)
        totals[job] = total


@kernel
def gradient(w, dw, kind, strength, start, stop):
    """Write the slope of alpha |w|^p for jobs start .. stop of w (n,) to dw (n,).

    `strength` is (alpha, p, log2(alpha p), near). If the exponent of a power is beyond `near`, the logarithm is added
    to it, as the power or alpha p may be beyond the range where the slope is not.
    """
    wide_vectors()
    alpha, p, logarithm, near = strength
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(SAMPLE), u(w.shape[0]))
        for at in range(job * u(SAMPLE), end, u(TILE)):
            prefetch_tile(w, dw, at, TILE)
            for i in range(at, min(at + u(TILE), end)):
                value = f64(w[i])
                size = abs(value)
                if len(kind) == ABSOLUTE:
                    slope = alpha if size <= np.inf else size
                elif len(kind) == SQUARE:
                    slope = 2.0 * alpha * size
                elif len(kind) == ROOT:
                    # A choice of 0 after the division would become a branch, which AVX2 cannot vectorize.
                    slope = 0.5 * alpha / np.sqrt(np.inf if size == 0.0 else size)
                else:
                    exponent = (p - 1.0) * log2(size)
                    far = abs(exponent) > near
                    power = exp2(exponent + (logarithm if far else 0.0))
                    beyond = size if p > 1.0 else 1.0 / size  # the factor for an infinity or NaN
                    slope = (1.0 if far & (size < np.inf) else alpha * p) * (power if size < np.inf else beyond)
                if len(kind) != ROOT:
                    slope = 0.0 if size == 0.0 else slope
                dw[i] = w.dtype.type(-slope if (value < 0.0) & (slope != 0.0) else slope)
