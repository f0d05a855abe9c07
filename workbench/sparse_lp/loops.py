"""The compiled loops of sparse Lp regularization.

    penalty     the sum of |w|^p and the mask, and small weights set to zero, in one pass
    gradient    alpha p |w|^(p-1) sign(w)
    prox        the proximal operator of a flat array
    partition   row numbers sorted into ranges of the table, which threads can work on without meeting
    rows        rows of a table shrunk in place

What makes them fast, each measured:

    powers      |w|^p is 2^(p log2 |w|) with two polynomials that become vector instructions, as a call of the
                library's pow would not.
    tiles       Halley's method, Newton's with one more derivative, which costs no further power, runs on a tile of
                numbers at once, and goes on until the slowest is done.
    float64     Arithmetic is float64 whatever the array's type, but for square roots of a sum: nothing overflows on the
                way, and memory is slower.
    ranges      Rows of one range of the table share pages, so that looking up addresses is cheap; rows further on are
                asked for ahead of their turn.

How a number is treated is a tuple of as many zeros as the constants below say: Numba knows a tuple's length when it
compiles, so that each kind becomes a loop without branches.

This file imports no other compiled function but the prefetch: Numba's cache on disk notices a change in a function's
own file alone.
"""

from collections import namedtuple

import numpy as np

from workbench.compiling import compiler, prefetch_to_read, prefetch_to_write

kernel = compiler(fastmath={"contract"})
part = compiler(fastmath={"contract"}, forceinline=True)
sums_part = compiler(fastmath={"contract", "reassoc"}, forceinline=True)  # the order is still the same in every run

f64, i64, u = np.float64, np.int64, np.uintp  # unsigned indices need no test for Python's negative ones

# The penalty, and the slope, of a weight.
COUNT, ROOT, ABSOLUTE, SQUARE, POWER, SHORT_POWER = 1, 2, 3, 4, 5, 6

# The proximal operator by p: 0, 1/2, 2/3, others below 1, 1, others above 1, 2, infinity.
HARD, HALF, TWO_THIRDS, BELOW_ONE, SOFT, ABOVE_ONE, SHRINK, CLIP = 1, 2, 3, 4, 5, 6, 7, 8
# Rows are shrunk as Caffe2 does it, in their own type: w - lambda towards 0, w * (1 - lambda), w / (1 + lambda).
SUBTRACT, DECAY, DIVIDE = 9, 10, 11

# Of weight |z|^p with c = weight p: `strength` is c, or c^(2/3) for p = 1/2, c^(3/4) for 2/3 and 1 / (1 + c)
# for 2; `log_strength` is log2 c.
Prox = namedtuple("Prox", "weight p threshold strength log_strength")

TILE = 256  # elements
AHEAD = 1024  # elements between a tile and what it prefetches
ROWS_AHEAD = 12  # rows between a row and what it prefetches
SAMPLE = 1 << 14  # elements of a job

STEPS = 100  # of an iteration, at most
ENOUGH = 1e-6  # a relative step after which the next, its third power, is lost in rounding

SMALLEST, SCALE, SCALED_BY = 2.2250738585072014e-308, 18014398509481984.0, 54.0  # of normal numbers; 2^54
ROOT_HALF = i64(0x3FE6A09E667F3BCD)  # the bits of sqrt(1/2)
MANTISSA = i64(52)
LOG_2 = 0.6931471805599453


@part
def _log2(x):
    """Return log2 x for finite x > 0, as exponent and a series in (m - 1) / (m + 1); something finite for any other."""
    small = x < SMALLEST
    bits = f64(x * SCALE if small else x).view(np.int64)
    exponent = (bits - ROOT_HALF) >> MANTISSA
    m = i64(bits - (exponent << MANTISSA)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    t = s * s
    q = 0.24347855736640373
    q = q * t + 0.26139770579764077
    q = q * t + 0.32061783051284737
    q = q * t + 0.41219838144102144
    q = q * t + 0.5770780173799762
    q = q * t + 0.9617966939240116
    q = q * t + 2.885390081777929
    return s * q + (f64(exponent) - (SCALED_BY if small else 0.0))


@part
def _exp2(x):
    """Return 2^x, 0 or infinite beyond float64's range, relative error 2e-15 where it is normal."""
    x = min(max(x, -1100.0), 1100.0)
    whole = np.rint(x)
    g = x - whole
    q = 7.0786964551136695e-09
    q = q * g + 1.020979132724432e-07
    q = q * g + 1.321544830651498e-06
    q = q * g + 1.5252651849784046e-05
    q = q * g + 0.00015403530305320578
    q = q * g + 0.0013333558238964897
    q = q * g + 0.009618129107901037
    q = q * g + 0.05550410866439472
    q = q * g + 0.2402265069590807
    q = q * g + 0.6931471805599505
    q = q * g + 1.0
    half = i64(whole) >> i64(1)  # in two factors, either of which a float64 holds
    rest = i64(whole) - half
    bias = i64(1023)
    return q * i64((half + bias) << MANTISSA).view(np.float64) * i64((rest + bias) << MANTISSA).view(np.float64)


@part
def _power(size, p):
    """Return size^p for size >= 0 and p > 0; an infinity or NaN stays."""
    power = _exp2(p * _log2(size))
    power = 0.0 if size == 0.0 else power
    power = 1.0 if size == 1.0 else power  # for an infinite p too
    return power if size < np.inf else size


@part
def _short_power(size, p):
    """Return size^p as `_power` does, for a finite p and a size that was a float32: shorter polynomials, no division.

    Its logarithm is right to 2e-9 and the power to 3e-9, so the relative error is 3e-9 + 1.5e-9 p.
    """
    bits = f64(size).view(np.int64)
    exponent = (bits - ROOT_HALF) >> MANTISSA
    f = i64(bits - (exponent << MANTISSA)).view(np.float64) - 1.0
    q = -0.11020159433317041
    q = q * f + 0.18631209476799201
    q = q * f + -0.1910249809330471
    q = q * f + 0.20457529247994988
    q = q * f + -0.23961904442102075
    q = q * f + 0.2885688961266487
    q = q * f + -0.3606966287137785
    q = q * f + 0.480898212652502
    q = q * f + -0.7213473515646492
    q = q * f + 1.4426950409152433
    x = min(max(p * (f64(exponent) + q * f), -1023.0), 1024.0)  # beyond these it is 0 or infinite
    whole = np.rint(x)
    g = x - whole
    q = 0.0001546973198244552
    q = q * g + 0.0013400432165251623
    q = q * g + 0.00961802560294165
    q = q * g + 0.05550327214209534
    q = q * g + 0.24022651213595259
    q = q * g + 0.69314720671062
    q = q * g + 0.9999999999595488
    power = q * i64((i64(whole) + i64(1023)) << MANTISSA).view(np.float64)
    power = 0.0 if size == 0.0 else power
    return power if size < np.inf else size


@sums_part
def _add_powers(w, at, count, kind, p):
    total = 0.0
    for i in range(at, at + count):
        size = abs(f64(w[i]))
        if len(kind) == COUNT:
            total += 0.0 if size == 0.0 else 1.0
        elif len(kind) == ROOT:
            total += f64(np.sqrt(abs(w[i])))  # in w's own type: as exact as w, and half the time for float32
        elif len(kind) == ABSOLUTE:
            total += size
        elif len(kind) == SQUARE:
            total += size * size
        elif len(kind) == SHORT_POWER:
            total += _short_power(size, p)
        else:
            total += _power(size, p)
    return total


@part
def _keep_large(w, mask, at, count, threshold):
    for i in range(at, at + count):
        value = w[i]
        mask[i] = np.uint8(abs(value) > threshold)
        w[i] = w.dtype.type(0) if abs(value) <= threshold else value


@kernel
def penalty(w, mask, kind, p, threshold, totals, start, stop):
    """Add up |w|^p of jobs start .. stop of w (n,) in totals (jobs,), mark what is above the threshold, zero others."""
    step = u(64 // w.itemsize)
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(SAMPLE), u(w.shape[0]))
        total = 0.0
        for at in range(job * u(SAMPLE), end, u(TILE)):
            for line in range(u(0), u(TILE), step):
                prefetch_to_write(w, at + u(AHEAD) + line)
            if at + u(TILE) <= end:
                total += _add_powers(w, at, u(TILE), kind, p)
                _keep_large(w, mask, at, u(TILE), threshold)
            else:
                total += _add_powers(w, at, end - at, kind, p)
                _keep_large(w, mask, at, end - at, threshold)
        totals[job] = total


@kernel
def gradient(w, dw, kind, alpha, p, start, stop):
    """Write the slope of alpha |w|^p for jobs start .. stop of w (n,) to dw (n,)."""
    step = u(64 // w.itemsize)
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(SAMPLE), u(w.shape[0]))
        for at in range(job * u(SAMPLE), end, u(TILE)):
            for line in range(u(0), u(TILE), step):
                prefetch_to_read(w, at + u(AHEAD) + line)
                prefetch_to_write(dw, at + u(AHEAD) + line)
            for i in range(at, min(at + u(TILE), end)):
                value = f64(w[i])
                size = abs(value)
                if len(kind) == COUNT:
                    slope = 0.0 if size <= np.inf else size
                elif len(kind) == ABSOLUTE:
                    slope = alpha if size <= np.inf else size
                elif len(kind) == SQUARE:
                    slope = 2.0 * alpha * size
                elif len(kind) == ROOT:
                    slope = 0.5 * alpha / np.sqrt(size)
                else:
                    power = _exp2((p - 1.0) * _log2(size))
                    beyond = size if p > 1.0 else 1.0 / size  # of an infinity, or NaN
                    slope = alpha * p * (power if size < np.inf else beyond)
                slope = 0.0 if size == 0.0 else slope
                dw[i] = w.dtype.type(-slope if (value < 0.0) & (slope != 0.0) else slope)


@part
def _simple(x, z, at, to, count, kind, s):
    """Write the proximal operators that need no root: one formula and one comparison."""
    for i in range(count):
        value = f64(x[at + i])
        size = abs(value)
        if len(kind) == HARD:
            new = 0.0 if size <= s.threshold else value
        elif len(kind) == SOFT:
            less = size - s.weight
            new = 0.0 if size <= s.threshold else (-less if value < 0.0 else less)
        elif len(kind) == SHRINK:
            new = value * s.strength
        else:
            new = -1.0 if value < -1.0 else (1.0 if value > 1.0 else value)
        z[to + i] = z.dtype.type(new)


@part
def _load_sizes(x, at, count, s, sizes):
    """Write |x| to `sizes`, and a harmless size above the threshold in the place of what the result is known for."""
    harmless = 2.0 * s.threshold + 1.0
    for i in range(count):
        size = abs(f64(x[at + i]))
        known = (size <= s.threshold) | (not size < np.inf)
        sizes[i] = harmless if known else size


@part
def _store(x, z, at, to, count, s, roots):
    """Write the roots to z with the signs of x: 0 up to the threshold; an infinity or NaN stays."""
    for i in range(count):
        value, root = f64(x[at + i]), roots[i]
        size = abs(value)
        new = -root if value < 0.0 else root
        new = value if size == 0.0 else new
        new = 0.0 if (size <= s.threshold) & (s.p <= 1.0) else new
        z[to + i] = z.dtype.type(new if size < np.inf else value)


@part
def _roots_of_half(sizes, roots, count, s):
    """Find y = sqrt(z / x), the largest root of y^3 - y + k = 0, k = c x^(-3/2), from 1 by Halley's method.

    In these units nothing overflows; `strength` is c^(2/3).
    """
    for i in range(count):
        x = sizes[i]
        ratio = s.strength / x
        k, y = ratio * np.sqrt(ratio), 1.0  # at most a quarter too large
        for _ in range(3):
            square = y * y
            value, slope = y * (square - 1.0) + k, 3.0 * square - 1.0
            y -= value * slope / (slope * slope - 3.0 * y * value)
        roots[i] = x * (y * y)


@part
def _roots_of_two_thirds(sizes, roots, count, s):
    """Find y = (z / x)^(1/3), the largest root of y^4 - y + k = 0, k = c x^(-4/3), from 1 by Halley's method.

    `strength` is c^(3/4).
    """
    for i in range(count):
        x = sizes[i]
        ratio = s.strength / x
        k, y = ratio * _exp2(_log2(ratio) * (1.0 / 3.0)), 1.0  # at most a quarter too large
        for _ in range(4):
            square = y * y
            value, slope = y * (square * y - 1.0) + k, 4.0 * square * y - 1.0
            y -= value * slope / (slope * slope - 6.0 * square * value)
        roots[i] = x * (y * y * y)


@part
def _roots_below_one(sizes, logs, roots, count, s):
    """Find y = z / x, the largest root of y + k y^(p-1) = 1, k = c x^(p-2), from 1 by Halley's method.

    The sum is convex, and in these units nothing overflows.
    """
    for i in range(count):
        logs[i] = s.log_strength + (s.p - 2.0) * _log2(sizes[i])
        roots[i] = 1.0
    for _ in range(STEPS):
        moving = 0
        for i in range(count):
            y = roots[i]
            pull = _exp2(logs[i] + (s.p - 1.0) * _log2(y))
            value, slope, bend = y + pull - 1.0, y - (1.0 - s.p) * pull, (1.0 - s.p) * (2.0 - s.p) * pull
            step = value * slope / (slope * slope - 0.5 * value * bend)
            roots[i] = y - y * step
            moving += abs(step) > ENOUGH
        if moving == 0:
            break
    for i in range(count):
        roots[i] *= sizes[i]


@part
def _roots_above_one(sizes, logs, roots, count, s):
    """Find the root of z + c z^(p-1) = x as v = log2 z by Halley's method, which needs no further power for the bend.

    The logarithm of the sum is convex in v, with slopes between 1 and p - 1.
    """
    for i in range(count):
        logs[i] = _log2(sizes[i])
        roots[i] = min(logs[i], (logs[i] - s.log_strength) / (s.p - 1.0))
    for _ in range(STEPS):
        moving = 0
        for i in range(count):
            v = roots[i]
            over = s.log_strength + (s.p - 2.0) * v  # of c z^(p-1) above z
            small = _exp2(-abs(over))
            share = (1.0 if over > 0.0 else small) / (1.0 + small)
            total = v + max(over, 0.0) + _log2(1.0 + small)
            value, slope = total - logs[i], 1.0 + (s.p - 2.0) * share
            bend = LOG_2 * (s.p - 2.0) * (s.p - 2.0) * share * (1.0 - share)
            step = value * slope / (slope * slope - 0.5 * value * bend)
            roots[i] = v - step
            moving += abs(step) * max(1.0, s.p - 1.0) > ENOUGH * max(1.0, abs(v))
        if moving == 0:
            break
    for i in range(count):
        roots[i] = _exp2(roots[i])


@part
def _polish(sizes, roots, count, s):
    """Take one more step of Newton's method with the library's pow, for the last digits of a float64."""
    for i in range(count):
        z = roots[i]
        pull = s.strength * z ** (s.p - 1.0)
        step = (z + pull - sizes[i]) / (z + (s.p - 1.0) * pull)
        roots[i] = z - z * step if abs(step) < 1e-6 else z


@part
def _prox(x, z, at, to, count, kind, s, buffers):
    """Write the proximal operator of x[at : at + count] to z[to : to + count]; count is at most TILE."""
    if len(kind) == HARD or len(kind) == SOFT or len(kind) == SHRINK or len(kind) == CLIP:
        _simple(x, z, at, to, count, kind, s)
    else:
        sizes, logs, roots = buffers[0], buffers[1], buffers[2]
        _load_sizes(x, at, count, s, sizes)
        if len(kind) == HALF:
            _roots_of_half(sizes, roots, count, s)
        elif len(kind) == TWO_THIRDS:
            _roots_of_two_thirds(sizes, roots, count, s)
        else:
            if len(kind) == BELOW_ONE:
                _roots_below_one(sizes, logs, roots, count, s)
            else:
                _roots_above_one(sizes, logs, roots, count, s)
            if x.itemsize == 8:
                _polish(sizes, roots, count, s)
        _store(x, z, at, to, count, s, roots)


@kernel
def prox(x, z, kind, s, start, stop):
    """Write the proximal operator of jobs start .. stop of x (n,) to z (n,)."""
    step = u(64 // x.itemsize)
    buffers = np.empty((3, TILE))
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(SAMPLE), u(x.shape[0]))
        for at in range(job * u(SAMPLE), end, u(TILE)):
            for line in range(u(0), u(TILE), step):
                prefetch_to_read(x, at + u(AHEAD) + line)
                prefetch_to_write(z, at + u(AHEAD) + line)
            _prox(x, z, at, at, min(u(TILE), end - at), kind, s, buffers)


@kernel
def partition(indices, shift, bounds, sorted_indices):
    """Sort row numbers (n,) by range, index >> shift; bounds (ranges + 1,) are where each range begins."""
    ranges = bounds.shape[0] - 1
    following = np.zeros(ranges + 1, np.int64)
    for i in range(u(indices.shape[0])):
        following[u(indices[i] >> shift) + u(1)] += 1
    for r in range(ranges):
        following[r + 1] += following[r]
        bounds[r + 1] = following[r + 1]
    for i in range(u(indices.shape[0])):
        at = u(indices[i] >> shift)
        sorted_indices[u(following[at])] = indices[i]
        following[at] += 1


@part
def _shrink(param, at, count, kind, strength):
    """Shrink param[at : at + count] in its own type."""
    zero = param.dtype.type(0)
    for i in range(at, at + count):
        value = param[i]
        if len(kind) == SUBTRACT:
            new = value + strength if value < zero else value - strength
            param[i] = zero if abs(value) <= strength else new
        elif len(kind) == DECAY:
            param[i] = value * strength
        else:
            param[i] = value / strength


@kernel
def rows(param, length, indices, bounds, kind, strength, s, start, stop):
    """Shrink the rows of ranges start .. stop, once for each time they are named.

    `param` is flat, row r is param[r * length : (r + 1) * length]. `strength` is of param's type.
    """
    buffers = np.empty((3, TILE))
    line = u(64 // param.itemsize)
    last = indices.shape[0] - 1
    for i in range(bounds[start], bounds[stop]):
        ahead = u(indices[min(i + ROWS_AHEAD, last)]) * length
        for j in range(u(0), length, line):
            prefetch_to_write(param, ahead + j)
        at = u(indices[i]) * length
        if len(kind) >= SUBTRACT:
            _shrink(param, at, length, kind, strength)
        else:
            for j in range(at, at + length, u(TILE)):
                _prox(param, param, j, j, min(u(TILE), at + length - j), kind, s, buffers)
