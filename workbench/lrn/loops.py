"""The compiled loops of local response normalization.

Three kinds, each for the forward pass and the gradient; `workbench.lrn.kernels` picks one and shares out its jobs:

    planes   the channel axis is outside and long rows of pixels inside (NCHW): whole rows are added up
    pixels   the channel axis is innermost (NHWC): neighbours in the row, masked where another pixel begins
    image    the window is a square within a channel: rows are added up, then neighbours along the row; of a small
             image many rows at once

What makes them fast, each measured:

    blocks     Loops run over blocks of a constant length, the last one overlapping its neighbour, so that all of
               the work is whole vectors; hence a block may assign but never accumulate.
    prefetch   Each block asks for the memory that a later block needs. With five loads an element the processor
               looks too short a way ahead to hide memory by itself: half the time of a batch that outgrows the cache.
    windows    Sums are direct: five terms in registers (the size of every published network), others in passes over
               a row that stays in the first-level cache. No running sum, so no cancellation.
    powers     How a power is found is part of the type, so that each compiles to a loop without branches.

Each loop sets `safe[job]` to whether the job's numbers stayed within `limits`; where they did not, the caller
computes the job again in logarithms.

This file imports no other compiled function: Numba's cache on disk notices a change in a function's own file alone.
"""

from collections import namedtuple

import numba
import numpy as np
from numba.extending import overload

from workbench.compiling import compiler, prefetch_to_read, prefetch_to_write

# Contraction to fused multiply-adds is the one liberty taken with IEEE arithmetic. A part is inlined where it is used.
kernel = compiler(fastmath={"contract"})
part = compiler(fastmath={"contract"}, forceinline=True)

# How scale^-beta is found. Numba knows a tuple's length when it compiles, so a kernel is specialized for each; square
# roots and a division are exact to the last bit or two, and faster than any polynomial.
POLYNOMIAL, LIBRARY, SQUARE_ROOT, THREE_QUARTERS, RECIPROCAL, SCALE_ITSELF = [(0,) * n for n in range(1, 7)]

# The arguments of one call, as scalars of the array's own type. `high` + `low` = beta, with so few bits in `high`
# that its product with an exponent is exact. `lowest`, `highest` and `largest` are bit patterns: those of floats that
# are not negative are ordered as the floats are, and an integer maximum is one vector instruction.
Scalars = namedtuple("Scalars", "coefficient bias one beta high low slope")
Limits = namedtuple("Limits", "lowest highest largest")

BLOCK = 256  # elements; a smaller one pays more for setting out, a larger one for the overlap
FORWARD_BLOCK = 128  # the same where one array is read and one written: there is little to set out, and more to overlap
LINE = 16  # float32 elements of a cache line
AHEAD = 1024  # elements between a block and what it prefetches

f32, i32, u = np.float32, np.int32, np.uintp  # unsigned indices need no test for Python's negative ones


def _bits(s):
    """Return the bit pattern of a float as a signed integer of the same width."""
    return s.view(f"i{s.itemsize}")


@overload(_bits)
def _compiled_bits(s):
    if s == numba.float32:
        return lambda s: np.float32(s).view(np.int32)
    return lambda s: np.float64(s).view(np.int64)


@kernel
def inverse_power(s, high, low):
    """Return s^-(high + low) for a normal positive float32: 2^(-beta * log2 s), relative error 2e-7.

    The two polynomials are minimax fits: log2(1 + f) / f for 1 + f in [sqrt(1/2), sqrt(2)], and 2^f for |f| <= 1/2.
    """
    bits = f32(s).view(np.int32)
    exponent = i32(i32(bits - i32(0x3F3504F3)) >> i32(23))  # the bits of sqrt(1/2)
    f = i32(bits - i32(exponent << i32(23))).view(np.float32) - f32(1)
    p = f32(0.12925776839256287)
    p = p * f + f32(-0.20893102884292603)
    p = p * f + f32(0.2152133733034134)
    p = p * f + f32(-0.23867614567279816)
    p = p * f + f32(0.28793904185295105)
    p = p * f + f32(-0.3607162535190582)
    p = p * f + f32(0.4809102714061737)
    p = p * f + f32(-0.7213472127914429)
    p = p * f + f32(1.4426950216293335)
    fraction = p * f
    whole = f32(exponent)
    product = -high * whole
    nearest = np.rint(product - high * fraction)
    g = ((product - nearest) - low * whole) - (high * fraction + low * fraction)
    p = f32(0.00015345794963650405)
    p = p * g + f32(0.0013399932067841291)
    p = p * g + f32(0.009618489071726799)
    p = p * g + f32(0.05550328642129898)
    p = p * g + f32(0.24022646248340607)
    p = p * g + f32(0.6931471824645996)
    p = p * g + f32(1)
    return i32(f32(p).view(np.int32) + i32(i32(nearest) << i32(23))).view(np.float32)


@kernel
def _divided(x, s, power, scalars):
    """Return x * s^-beta."""
    if len(power) == 1:
        return x * inverse_power(s, scalars.high, scalars.low)
    if len(power) == 2:
        return x * s**-scalars.beta
    if len(power) == 3:
        return x / np.sqrt(s)
    if len(power) == 4:
        root = np.sqrt(s)
        return x / (root * np.sqrt(root))
    if len(power) == 5:
        return x / s
    return s


@kernel
def _two_powers(s, power, scalars):
    """Return s^-beta and s^-(beta + 1), with a single division."""
    if len(power) == 1:
        p = inverse_power(s, scalars.high, scalars.low)
        return p, p / s
    if len(power) == 2:
        p = s**-scalars.beta
        return p, p / s
    if len(power) == 3:
        q = scalars.one / (s * np.sqrt(s))
        return q * s, q
    if len(power) == 4:
        root = np.sqrt(s)
        q = scalars.one / (s * (root * np.sqrt(root)))
        return q * s, q
    q = scalars.one / (s * s)
    return q * s, q


@part
def _prefetch_block(x, at, y, to):
    """Ask for a block of x to be read and a block of y to be written, AHEAD of these."""
    for line in range(u(0), u(FORWARD_BLOCK), u(LINE)):
        prefetch_to_read(x, at + u(AHEAD) + line)
        prefetch_to_write(y, to + u(AHEAD) + line)


# Where a window's sum comes from is part of the type as well. A `window` is () for five elements a step apart, four
# masks for five neighbours in a row of which some belong to the next pixel, or (sums,) for sums made beforehand. So is
# what is summed: squares, for the scale, or values, for the gradient.
SQUARES, VALUES = (0, 0), (0,)


@part
def _summand(kind, value):
    return value * value if len(kind) == 2 else value


@part
def _window_sum(kind, window, x, middle, step, o, i):
    """Return the sum over the window around x[middle + i]; `o` + i is the place in `window`'s own arrays."""
    if len(window) == 1:
        return window[0][o + i]
    a, b = _summand(kind, x[middle - u(2) * step + i]), _summand(kind, x[middle - step + i])
    c = _summand(kind, x[middle + i])
    d, e = _summand(kind, x[middle + step + i]), _summand(kind, x[middle + u(2) * step + i])
    if len(window) == 0:
        return ((a + b) + (d + e)) + c
    return ((window[0][o + i] * a + window[1][o + i] * b) + c) + (window[2][o + i] * d + window[3][o + i] * e)


@part
def _finish_block(x, at, step, window, o, y, to, length, power, scalars, limits, low, high):
    for i in range(u(0), length):
        s = scalars.bias + scalars.coefficient * _window_sum(SQUARES, window, x, at, step, o, i)
        bits = _bits(s)
        low, high = min(low, bits), max(high, bits)
        y[to + i] = _divided(x[at + i], s, power, scalars)
    return low, high


@kernel
def _finish(x, at, step, window, period, y, to, width, power, scalars, limits):
    """Set y = x * scale^-beta for `width` elements of x from `at`, of y from `to`; masks repeat after `period`."""
    low, high = limits.highest, limits.lowest
    if width < u(FORWARD_BLOCK):
        low, high = _finish_block(x, at, step, window, u(0), y, to, width, power, scalars, limits, low, high)
    else:
        for start in range(u(0), width, u(FORWARD_BLOCK)):
            o = min(start, width - u(FORWARD_BLOCK))
            _prefetch_block(x, at + o + u(2) * step, y, to + o)
            low, high = _finish_block(
                x, at + o, step, window, o % period, y, to + o, u(FORWARD_BLOCK), power, scalars, limits, low, high
            )
    return low >= limits.lowest and high <= limits.highest


@part
def _ahead(o, width, jump):
    """Return the place that is AHEAD of place `o` in a row, or in the next one, which begins `jump` after its end."""
    ahead = o + u(AHEAD)
    return ahead + jump if ahead >= width else ahead


@part
def _weigh_block(dy, x, at, step, window, o, direct, term, to, length, power, scalars, low, high, largest):
    for i in range(u(0), length):
        s = scalars.bias + scalars.coefficient * _window_sum(SQUARES, window, x, at, step, o, i)
        bits = _bits(s)
        low, high = min(low, bits), max(high, bits)
        p, q = _two_powers(s, power, scalars)
        t = dy[at + i] * (x[at + i] * q)
        largest = max(largest, _bits(abs(t)))
        direct[to + i] = dy[at + i] * p
        term[to + i] = t
    return low, high, largest


@kernel
def _weigh(dy, x, at, step, window, period, direct, term, to, width, jump, power, scalars, limits):
    """Set direct = dy * scale^-beta and term = dy * x * scale^-(beta + 1), from `to`, for x and dy from `at`.

    `jump` lies between the end of this row and the start of the next: for the prefetch alone.
    """
    low, high, largest = limits.highest, limits.lowest, limits.lowest
    if width < u(BLOCK):
        low, high, largest = _weigh_block(
            dy, x, at, step, window, u(0), direct, term, to, width, power, scalars, low, high, largest
        )
    else:
        for start in range(u(0), width, u(BLOCK)):
            o = min(start, width - u(BLOCK))
            ahead = at + _ahead(o, width, jump)
            for line in range(u(0), u(BLOCK), u(LINE)):
                prefetch_to_read(x, ahead + u(2) * step + line)
                prefetch_to_read(dy, ahead + line)
            low, high, largest = _weigh_block(
                dy,
                x,
                at + o,
                step,
                window,
                o % period,
                direct,
                term,
                to + o,
                u(BLOCK),
                power,
                scalars,
                low,
                high,
                largest,
            )
    return low >= limits.lowest and high <= limits.highest and largest <= limits.largest


@part
def _combine_block(term, middle, step, window, o, direct, at, x, dx, to, length, scalars):
    for i in range(u(0), length):
        total = _window_sum(VALUES, window, term, middle, step, o, i)
        dx[to + i] = direct[at + i] - (scalars.slope * x[to + i]) * total


@kernel
def _combine(term, middle, step, window, period, direct, at, x, dx, to, width, jump, scalars):
    """Set dx = direct - slope * x * (sum of the window of term), for x and dx from `to`, direct from `at`."""
    if width < u(BLOCK):
        _combine_block(term, middle, step, window, u(0), direct, at, x, dx, to, width, scalars)
    else:
        for start in range(u(0), width, u(BLOCK)):
            o = min(start, width - u(BLOCK))
            ahead = to + _ahead(o, width, jump)
            for line in range(u(0), u(BLOCK), u(LINE)):
                prefetch_to_write(dx, ahead + line)
            _combine_block(term, middle + o, step, window, o % period, direct, at + o, x, dx, to + o, u(BLOCK), scalars)


@part
def _add_block(kind, x, at, step, terms, sums, to, length):
    b, c, d, e = at + step, at + u(2) * step, at + u(3) * step, at + u(4) * step
    if terms >= 5:
        for i in range(u(0), length):
            pair = _summand(kind, x[at + i]) + _summand(kind, x[b + i])
            sums[to + i] = (pair + (_summand(kind, x[c + i]) + _summand(kind, x[d + i]))) + _summand(kind, x[e + i])
    elif terms >= 3:
        for i in range(u(0), length):
            sums[to + i] = (_summand(kind, x[at + i]) + _summand(kind, x[b + i])) + _summand(kind, x[c + i])
    else:
        for i in range(u(0), length):
            sums[to + i] = _summand(kind, x[at + i])


@kernel
def _add(kind, x, at, step, terms, sums, to, width):
    """Set sums[to + i] to the sum of x[at + k * step + i], or of their squares, over k < terms, for i < width."""
    if width < u(BLOCK):
        _add_block(kind, x, at, step, terms, sums, to, width)
    else:
        for start in range(u(0), width, u(BLOCK)):
            o = min(start, width - u(BLOCK))
            _add_block(kind, x, at + o, step, terms, sums, to + o, u(BLOCK))
    for k in range(5 if terms >= 5 else 3 if terms >= 3 else 1, terms):
        row = at + u(k) * step
        for i in range(width):
            sums[to + i] += _summand(kind, x[row + i])


@kernel
def planes_forward(x, y, start, stop, shape, tile, before, after, power, scalars, limits, safe):
    """Normalize across the middle axis of `shape` (batch, channels, pixels); a job is a tile of one image's pixels."""
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    step = u(pixels)
    sums = np.empty(tile, x.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        ok = True
        r = 0
        while r < channels:
            at = u(origin + r * pixels)
            if before == 2 and after == 2 and 2 <= r < channels - 2:
                # Where a tile is a whole image, the rows that have all five neighbours are one long row.
                rows = channels - 4 if width == pixels else 1
                ok &= _finish(x, at, step, (), u(BLOCK), y, at, u(rows * width), power, scalars, limits)
            else:
                rows = 1
                first, last = max(0, r - before), min(channels, r + after + 1)
                _add(SQUARES, x, u(origin + first * pixels), step, last - first, sums, u(0), u(width))
                ok &= _finish(x, at, u(0), (sums,), u(tile), y, at, u(width), power, scalars, limits)
            r += rows
        safe[job] = ok


@kernel
def planes_gradient(dy, x, dx, start, stop, shape, tile, chunk, before, after, power, scalars, limits, safe):
    """Differentiate `planes_forward`, `chunk` rows at a time: their terms follow those of the rows before them."""
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    kept = before + after
    five = before == 2 and after == 2
    step, pitch = u(pixels), u(tile)
    sums = np.empty(tile, x.dtype)
    direct = np.empty((kept + chunk) * tile, x.dtype)
    term = np.empty((kept + chunk) * tile, x.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        whole = five and width == pixels  # then several rows are one long row
        jump = u(pixels - width)
        term[: kept * tile] = 0
        ok = True
        for first in range(0, channels + before, chunk):
            last = min(channels + before, first + chunk)
            r = first
            while r < last:
                at, to = u(origin + r * pixels), u((kept + r - first) * tile)
                rows = 1
                if five and 2 <= r < channels - 2:
                    rows = min(last, channels - 2) - r if whole else 1
                    length = u(rows * width)
                    ok &= _weigh(dy, x, at, step, (), u(BLOCK), direct, term, to, length, jump, power, scalars, limits)
                elif r < channels:
                    above, below = max(0, r - before), min(channels, r + after + 1)
                    _add(SQUARES, x, u(origin + above * pixels), step, below - above, sums, u(0), u(width))
                    ok &= _weigh(
                        dy, x, at, u(0), (sums,), pitch, direct, term, to, u(width), jump, power, scalars, limits
                    )
                else:
                    term[(kept + r - first) * tile :][:tile] = 0
                r += rows
            i = max(0, first - before)  # its window, i - after to i + before, is complete
            while i < last - before:
                place, to = u((kept + i - first) * tile), u(origin + i * pixels)
                rows = last - before - i if whole else 1
                if five:
                    length = u(rows * width)
                    _combine(term, place, pitch, (), u(BLOCK), direct, place, x, dx, to, length, jump, scalars)
                else:
                    _add(VALUES, term, place - u(after) * pitch, pitch, kept + 1, sums, u(0), u(width))
                    _combine(term, u(0), u(0), (sums,), pitch, direct, place, x, dx, to, u(width), jump, scalars)
                i += rows
            passed = u((last - first) * tile)
            for k in range(u(kept * tile)):
                term[k] = term[passed + k]
                direct[k] = direct[passed + k]
        safe[job] = ok


@kernel
def _lay_out(rows, first, last, channels, gap, values):
    """Copy rows end to end with a gap before each and after the last; the gaps are left as they are."""
    to = u(gap)
    at = u(first * channels)
    for _ in range(first, last):
        for i in range(u(channels)):
            values[to + i] = rows[at + i]
        at += u(channels)
        to += u(channels + gap)


@kernel
def _take_up(values, first, last, channels, gap, rows):
    """Copy rows back from where `_lay_out` puts them."""
    at = u(gap)
    to = u(first * channels)
    for _ in range(first, last):
        for i in range(u(channels)):
            rows[to + i] = values[at + i]
        to += u(channels)
        at += u(channels + gap)


@kernel
def _neighbour_masks(channels, like):
    """Return, for the neighbours -2, -1, 1 and 2 of each channel, 1 where they exist; repeated for one block more."""
    masks = np.empty((4, channels + BLOCK), like.dtype)
    for i in range(channels + BLOCK):
        c = i % channels
        masks[0, i] = c >= 2
        masks[1, i] = c >= 1
        masks[2, i] = c < channels - 1
        masks[3, i] = c < channels - 2
    return masks[0], masks[1], masks[2], masks[3]


@kernel
def pixels_forward(x, y, start, stop, shape, tile, before, after, power, scalars, limits, safe):
    """Normalize across the last axis of `shape` (pixels, channels); a job is a tile of pixels."""
    pixels, channels = shape
    five = before == 2 and after == 2
    masks = _neighbour_masks(channels, x)
    gap = max(before, after)
    pitch = channels + gap
    values = np.zeros(gap + tile * pitch, x.dtype)
    sums = np.empty(tile * pitch, x.dtype)
    out = np.empty(gap + tile * pitch, x.dtype)
    for job in range(start, stop):
        first, last = job * tile, min(pixels, job * tile + tile)
        if five and first > 0 and last < pixels:  # neighbours beyond the tile exist, if only to be masked
            at, width = u(first * channels), u((last - first) * channels)
            safe[job] = _finish(x, at, u(1), masks, u(channels), y, at, width, power, scalars, limits)
            continue
        width = u((last - first) * pitch - gap)  # from the start of the first row to the end of the last
        inside = u(gap)
        _lay_out(x, first, last, channels, gap, values)
        _add(SQUARES, values, u(gap - before), u(1), before + after + 1, sums, u(0), width)
        safe[job] = _finish(values, inside, u(0), (sums,), width, out, inside, width, power, scalars, limits)
        _take_up(out, first, last, channels, gap, y)


@kernel
def pixels_gradient(dy, x, dx, start, stop, shape, tile, before, after, power, scalars, limits, safe):
    """Differentiate `pixels_forward`."""
    pixels, channels = shape
    five = before == 2 and after == 2
    masks = _neighbour_masks(channels, x)
    gap = max(before, after)
    pitch = channels + gap
    values = np.zeros(gap + tile * pitch, x.dtype)
    above = np.zeros(gap + tile * pitch, x.dtype)
    term = np.zeros(gap + tile * pitch + gap, x.dtype)
    direct = np.empty(gap + tile * pitch, x.dtype)
    sums = np.empty(tile * pitch, x.dtype)
    out = np.empty(gap + tile * pitch, x.dtype)
    inside = u(gap)
    for job in range(start, stop):
        first, last = job * tile, min(pixels, job * tile + tile)
        if five and first > 0 and last < pixels:
            at, width, period = u(first * channels), u((last - first) * channels), u(channels)
            end = gap + (last - first) * channels
            term[end : end + gap] = 0  # a mask of 0 needs something finite to multiply
            safe[job] = _weigh(
                dy, x, at, u(1), masks, period, direct, term, inside, width, u(0), power, scalars, limits
            )
            _combine(term, inside, u(1), masks, period, direct, inside, x, dx, at, width, u(0), scalars)
            continue
        used = (last - first) * pitch - gap
        width = u(used)
        _lay_out(x, first, last, channels, gap, values)
        _lay_out(dy, first, last, channels, gap, above)
        _add(SQUARES, values, u(gap - before), u(1), before + after + 1, sums, u(0), width)
        safe[job] = _weigh(
            above, values, inside, u(0), (sums,), width, direct, term, inside, width, u(0), power, scalars, limits
        )
        term[gap + used : gap + used + gap] = 0  # what an earlier, longer job left behind the last row
        _add(VALUES, term, u(gap - after), u(1), before + after + 1, sums, u(0), width)
        _combine(term, u(0), u(0), (sums,), width, direct, inside, values, out, inside, width, u(0), scalars)
        _take_up(out, first, last, channels, gap, dx)


@kernel
def image_forward(x, y, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Normalize within a channel, `shape` (planes, height, width * step); a job is a band of a plane's rows.

    Neighbours in a row are `step` apart: 1 where channels are outside, their number where they are innermost.
    """
    _, height, row = shape
    bands = (height + band - 1) // band
    before, after = horizontal
    width = u(row)
    padded = np.zeros(row + (before + after) * step, x.dtype)
    sums = np.empty(row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        origin = n * height * row
        ok = True
        for r in range(begin, min(height, begin + band)):
            first, last = max(0, r - vertical[0]), min(height, r + vertical[1] + 1)
            _add(SQUARES, x, u(origin + first * row), width, last - first, padded, u(before * step), width)
            _add(VALUES, padded, u(0), u(step), before + after + 1, sums, u(0), width)
            at = u(origin + r * row)
            ok &= _finish(x, at, u(0), (sums,), width, y, at, width, power, scalars, limits)
        safe[job] = ok


@kernel
def image_gradient(dy, x, dx, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Differentiate `image_forward`. The rows that a window needs are kept in two rings."""
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    size = above + below + 1
    width = u(row)
    squares = np.zeros(row + (before + after) * step, x.dtype)
    terms = np.zeros(row + (before + after) * step, x.dtype)
    sums = np.empty(row, x.dtype)
    direct = np.empty(size * row, x.dtype)
    term = np.empty(size * row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        end = min(height, begin + band)
        origin = n * height * row
        term[:] = 0
        ok = True
        for r in range(max(0, begin - below), end + above):
            slot = r % size * row
            if r < height:
                first, last = max(0, r - above), min(height, r + below + 1)
                _add(SQUARES, x, u(origin + first * row), width, last - first, squares, u(before * step), width)
                _add(VALUES, squares, u(0), u(step), before + after + 1, sums, u(0), width)
                at = u(origin + r * row)
                ok &= _weigh(
                    dy, x, at, u(0), (sums,), width, direct, term, u(slot), width, u(0), power, scalars, limits
                )
            else:
                term[slot : slot + row] = 0
            i = r - above  # the ring now holds the rows i - below to i + above, whose windows hold row i
            if i >= begin:
                _add(VALUES, term, u(0), width, size, terms, u(after * step), width)
                _add(VALUES, terms, u(0), u(step), before + after + 1, sums, u(0), width)
                at = u(origin + i * row)
                _combine(term, u(0), u(0), (sums,), width, direct, u(i % size * row), x, dx, at, width, u(0), scalars)
        safe[job] = ok


@kernel
def _sum_down(kind, x, origin, height, row, begin, end, above, below, sums):
    """Sum rows begin .. end of a plane of `height` rows from x[origin] over their windows, to sums from its start.

    Rows that have the whole of their window are one long row.
    """
    r = begin
    while r < end:
        rows = 1
        if above <= r < height - below:
            rows = min(end, height - below) - r
        first, last = max(0, r - above), min(height, r + below + 1)
        at, to = u(origin + first * row), u((r - begin) * row)
        _add(kind, x, at, u(row), last - first, sums, to, u(rows * row))
        r += rows


@kernel
def _sum_along(values, rows, row, gap, reach, step, terms, laid_out, summed, sums):
    """Sum `terms` neighbours, `step` apart from `reach` before on, along each of the first rows of `values`, to `sums`.

    The rows are laid out with a gap of zeros after each, so that one long loop sums all of them.
    """
    _lay_out(values, 0, rows, row, gap, laid_out)
    length = u(rows * (row + gap) - gap)
    _add(VALUES, laid_out, u(gap - reach), u(step), terms, summed, u(gap), length)
    _take_up(summed, 0, rows, row, gap, sums)


@kernel
def small_image_forward(x, y, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Normalize as `image_forward` does, a band of rows at once: short rows alone would leave vectors half empty."""
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    gap, terms = max(before, after) * step, before + after + 1
    most = min(height, band)
    down = np.empty(most * row, x.dtype)
    sums = np.empty(most * row, x.dtype)
    laid_out = np.zeros(most * (row + gap) + gap, x.dtype)
    summed = np.empty(most * (row + gap) + gap, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        rows = min(height, begin + band) - begin
        origin = n * height * row
        _sum_down(SQUARES, x, origin, height, row, begin, begin + rows, above, below, down)
        _sum_along(down, rows, row, gap, before * step, step, terms, laid_out, summed, sums)
        at, width = u(origin + begin * row), u(rows * row)
        safe[job] = _finish(x, at, u(0), (sums,), width, y, at, width, power, scalars, limits)


@kernel
def small_image_gradient(dy, x, dx, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Differentiate `small_image_forward`: a band's terms, and those of the rows whose windows reach into it."""
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    gap, terms = max(before, after) * step, before + after + 1
    most = min(height, band + above + below)
    down = np.empty(most * row, x.dtype)
    sums = np.empty(most * row, x.dtype)
    laid_out = np.zeros(most * (row + gap) + gap, x.dtype)
    summed = np.empty(most * (row + gap) + gap, x.dtype)
    direct = np.empty(most * row, x.dtype)
    term = np.empty(most * row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        end = min(height, begin + band)
        first, last = max(0, begin - below), min(height, end + above)
        origin = n * height * row
        _sum_down(SQUARES, x, origin, height, row, first, last, above, below, down)
        _sum_along(down, last - first, row, gap, before * step, step, terms, laid_out, summed, sums)
        at, width = u(origin + first * row), u((last - first) * row)
        safe[job] = _weigh(dy, x, at, u(0), (sums,), width, direct, term, u(0), width, u(0), power, scalars, limits)
        # Row i is in the windows of the rows i - below to i + above.
        _sum_down(VALUES, term, 0, last - first, row, begin - first, end - first, below, above, down)
        _sum_along(down, end - begin, row, gap, after * step, step, terms, laid_out, summed, sums)
        at, width = u((begin - first) * row), u((end - begin) * row)
        _combine(term, u(0), u(0), (sums,), width, direct, at, x, dx, u(origin + begin * row), width, u(0), scalars)
