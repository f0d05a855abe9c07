"""Common parts of the compiled loops of local response normalization: powers, window sums and passes over a row.

These techniques make the loops fast; each was measured:

    blocks     Loops run over blocks of a constant length, so that all work is done in whole vectors. The last block
               overlaps the one before it, so a block may assign values but must not accumulate them.
    prefetch   Each block prefetches the memory of a later block. With five loads per element, the processor alone does
               not look far enough ahead. Prefetching halves the time of a batch that is larger than the cache.
    windows    Five terms, the size that every published network uses, are summed in registers, where the sum is used.
               Sums of other sizes are made before, with `loops_sums`.
    powers     The method of computing a power is a `variant`: each has a loop without branches.

Each loop sets `safe[job]` to whether the job's numbers stayed within `limits`. If they did not, the caller computes
elements of the job again, with `loops_wide`.
"""

from collections import namedtuple

import numba
import numpy as np
from numba.extending import overload

from workbench.compiling import AHEAD, compiler, prefetch_to_read, prefetch_to_write, variant
from workbench.lrn import powers_of_two
from workbench.lrn.half import load, store
from workbench.lrn.powers_of_two import part

# The only deviation from IEEE arithmetic is contraction to fused multiply-adds. A part is inlined where it is used.
kernel = compiler(fastmath={"contract"})
inner = compiler(fastmath={"contract"}, no_cpython_wrapper=True)  # only compiled functions call it

# Variants: the method of computing scale^-beta. Square roots and a division are exact to the last bit or two, and
# faster than any polynomial. Loops are compiled for THREE_QUARTERS, the exponent of most networks, and for OTHER, where
# each block takes the method that suits the exponent: after a first other exponent, a second one compiles nothing.
# Lengths are compared with numbers, as Numba can only then drop the branches of other variants before it compiles them.
ANY, SQUARE_ROOT, RECIPROCAL, SCALE_ITSELF, THREE_QUARTERS, OTHER = map(variant, range(6))
IS_ANY, IS_SQUARE_ROOT, IS_RECIPROCAL, _, IS_THREE_QUARTERS, IS_OTHER = range(6)
# The arguments of one call, as scalars of the array's type. `high` + `low` = beta; `high` has so few bits that its
# product with an exponent is exact. `lowest`, `highest` and `largest` are bit patterns: the bit patterns of floats >= 0
# have the same order as the floats, and an integer maximum is one vector instruction. Unless they are 0, a gradient's
# products must be at least 2^`smallest` and x at least 2^`smallest_x`: smaller numbers have fewer digits. `digits` is
# the number of bits of the type's fraction, and `offset` is added to its exponents.
Scalars = namedtuple("Scalars", "coefficient bias one beta high low slope")
Limits = namedtuple("Limits", "lowest highest largest smallest smallest_x digits offset")
# Python gives them to a kernel as one array, which takes a tenth of the time of two named tuples.

BLOCK = 256  # elements; a smaller block pays more for starting, a larger one for the overlap
FORWARD_BLOCK = 128  # elements; smaller, as a block that reads one array and writes one starts cheaply
LINE = 16  # float32 elements in a cache line

f32, i32, u = np.float32, np.int32, np.uintp  # unsigned indices need no test for Python's negative ones


def _bits(s):
    """Return the bit pattern of a float as a signed integer of the same width."""
    return s.view(f"i{s.itemsize}")


@overload(_bits)
def _compiled_bits(s):
    if s == numba.float32:
        return lambda s: np.float32(s).view(np.int32)
    return lambda s: np.float64(s).view(np.int64)


def _size_bits(s):
    """Return twice the bit pattern of |s|, minus 1, as an unsigned integer: that of 0 is the largest of all."""
    unsigned = np.dtype(f"u{s.itemsize}").type
    return unsigned((int(s.view(unsigned)) * 2 - 1) % 2 ** (8 * s.itemsize))


@overload(_size_bits)
def _compiled_size_bits(s):
    if s == numba.float32:
        return lambda s: np.uint32((np.float32(s).view(np.uint32) << np.uint32(1)) - np.uint32(1))
    return lambda s: np.uint64((np.float64(s).view(np.uint64) << np.uint64(1)) - np.uint64(1))


@part
def with_names(c):
    """Return the arguments of a call as `Scalars` and `Limits`, from an array of them in this order."""
    limits = Limits(_bits(c[7]), _bits(c[8]), _bits(c[9]), float(c[10]), float(c[11]), int(c[12]), float(c[13]))
    return Scalars(c[0], c[1], c[2], c[3], c[4], c[5], c[6]), limits


@inner
def inverse_power(s, high, low):
    """Return s^-(high + low) for a normal positive float32: 2^(-beta * log2 s), relative error 2e-7.

    The two polynomials are minimax fits: log2(1 + f) / f for 1 + f in [sqrt(1/2), sqrt(2)], and 2^f for |f| <= 1/2.
    """
    bits = f32(s).view(np.int32)
    exponent = i32(i32(bits - i32(0x3F3504F3)) >> i32(23))  # the bits of sqrt(1/2)
    f = i32(bits - i32(exponent << i32(23))).view(np.float32) - f32(1)
    square = f * f
    lower = (f32(-0.3607162535190582) * f + f32(0.4809102714061737)) * square
    lower += f32(-0.7213472127914429) * f + f32(1.4426950216293335)
    upper = (f32(0.12925776839256287) * f + f32(-0.20893102884292603)) * f + f32(0.2152133733034134)
    upper = upper * square + (f32(-0.23867614567279816) * f + f32(0.28793904185295105))
    fraction = (upper * (square * square) + lower) * f
    whole = f32(exponent)
    product = -high * whole
    nearest = np.rint(product - high * fraction)
    g = ((product - nearest) - low * whole) - (high * fraction + low * fraction)
    square = g * g
    lower = f32(0.24022646248340607) * square + (f32(0.6931471824645996) * g + f32(1))
    upper = (f32(0.00015345794963650405) * g + f32(0.0013399932067841291)) * square
    upper += f32(0.009618489071726799) * g + f32(0.05550328642129898)
    p = upper * (square * g) + lower
    return i32(f32(p).view(np.int32) + i32(i32(nearest) << i32(23))).view(np.float32)


def _any_power(s, scalars):
    """Return s^-beta."""
    power = inverse_power if s.itemsize == 4 else powers_of_two.inverse_power
    return power(s, scalars.high, scalars.low)


@overload(_any_power)
def _compiled_any_power(s, scalars):
    power = inverse_power if s == numba.float32 else powers_of_two.inverse_power
    return lambda s, scalars: power(s, scalars.high, scalars.low)


@inner
def _divide_by_power(x, s, power, scalars):
    """Return x * s^-beta, or s."""
    if len(power) == IS_ANY:
        return x * _any_power(s, scalars)
    if len(power) == IS_SQUARE_ROOT:
        return x / np.sqrt(s)
    if len(power) == IS_THREE_QUARTERS:
        root = np.sqrt(s)
        return x / (root * np.sqrt(root))
    if len(power) == IS_RECIPROCAL:
        return x / s
    return s


@inner
def _two_powers(s, power, scalars):
    """Return s^-beta and s^-(beta + 1), with a single division."""
    if len(power) == IS_ANY:
        p = _any_power(s, scalars)
        return p, p / s
    if len(power) == IS_SQUARE_ROOT:
        q = scalars.one / (s * np.sqrt(s))
        return q * s, q
    if len(power) == IS_THREE_QUARTERS:
        root = np.sqrt(s)
        q = scalars.one / (s * (root * np.sqrt(root)))
        return q * s, q
    q = scalars.one / (s * s)
    return q * s, q


@part
def _ahead(o, width, jump):
    """Return the position AHEAD elements after `o`; past the row's end skip `jump` elements to the next row."""
    ahead = o + u(AHEAD)
    return ahead + jump if ahead >= width else ahead


# Variants: sum squares (for the scale) or values (for the gradient).
SQUARES, VALUES = variant(1), variant(0)


@part
def summand(squared, value):
    return value * value if len(squared) else value


@part
def _window_sum(squared, window, x, middle, step, o, i):
    """Return the sum over the window around x[middle + i]; `o` + i is the index in the arrays of `window`.

    The length of `window` is a variant: () for five elements that are `step` apart; four masks for five adjacent
    elements of which some may belong to another pixel; (sums,) for sums computed before.
    """
    if len(window) == 1:
        return window[0][o + i]
    a, b = summand(squared, load(x, middle - u(2) * step + i)), summand(squared, load(x, middle - step + i))
    c = summand(squared, load(x, middle + i))
    d, e = summand(squared, load(x, middle + step + i)), summand(squared, load(x, middle + u(2) * step + i))
    if len(window) == 0:
        return ((a + b) + (d + e)) + c
    return ((window[0][o + i] * a + window[1][o + i] * b) + c) + (window[2][o + i] * d + window[3][o + i] * e)


@part
def _normalize_with(x, at, step, window, o, y, to, length, power, scalars, limits, low, high):
    for i in range(u(0), length):
        s = scalars.bias + scalars.coefficient * _window_sum(SQUARES, window, x, at, step, o, i)
        bits = _bits(s)
        low, high = min(low, bits), max(high, bits)
        store(y, to + i, _divide_by_power(load(x, at + i), s, power, scalars))
    return low, high


@part
def _normalize_block(x, at, step, window, o, y, to, length, power, scalars, limits, low, high):
    if len(power) != IS_OTHER:
        return _normalize_with(x, at, step, window, o, y, to, length, power, scalars, limits, low, high)
    if scalars.beta == 0.5:
        return _normalize_with(x, at, step, window, o, y, to, length, SQUARE_ROOT, scalars, limits, low, high)
    if scalars.beta == 1:
        return _normalize_with(x, at, step, window, o, y, to, length, RECIPROCAL, scalars, limits, low, high)
    return _normalize_with(x, at, step, window, o, y, to, length, ANY, scalars, limits, low, high)


@inner
def normalize(x, at, step, window, period, y, to, width, jump, power, scalars, limits):
    """Set y = x * scale^-beta for `width` elements, from x[at] and y[to] on; masks repeat after `period`.

    `jump` elements lie between the end of this row and the start of the next; only the prefetch uses it.
    """
    low, high = limits.highest, limits.lowest
    if width < u(FORWARD_BLOCK):
        low, high = _normalize_block(x, at, step, window, u(0), y, to, width, power, scalars, limits, low, high)
    else:
        for start in range(u(0), width, u(FORWARD_BLOCK)):
            o = min(start, width - u(FORWARD_BLOCK))
            ahead = _ahead(o, width, jump)
            for line in range(u(0), u(FORWARD_BLOCK), u(LINE)):
                prefetch_to_read(x, at + ahead + u(2) * step + line)
                prefetch_to_write(y, to + ahead + line)
            low, high = _normalize_block(
                x, at + o, step, window, o % period, y, to + o, u(FORWARD_BLOCK), power, scalars, limits, low, high
            )
    return low >= limits.lowest and high <= limits.highest


@part
def _terms_with(dy, x, at, step, window, o, direct, term, to, length, power, scalars, found):
    low, high, largest, small_dy, small_x = found
    for i in range(u(0), length):
        s = scalars.bias + scalars.coefficient * _window_sum(SQUARES, window, x, at, step, o, i)
        bits = _bits(s)
        low, high = min(low, bits), max(high, bits)
        p, q = _two_powers(s, power, scalars)
        upstream, value = load(dy, at + i), load(x, at + i)
        t = upstream * (value * q)
        largest = max(largest, _bits(abs(t)))
        small_dy, small_x = min(small_dy, _size_bits(upstream)), min(small_x, _size_bits(value))
        direct[to + i] = upstream * p
        term[to + i] = t
    return low, high, largest, small_dy, small_x


@part
def _terms_block(dy, x, at, step, window, o, direct, term, to, length, power, scalars, found):
    if len(power) != IS_OTHER:
        return _terms_with(dy, x, at, step, window, o, direct, term, to, length, power, scalars, found)
    if scalars.beta == 0.5:
        return _terms_with(dy, x, at, step, window, o, direct, term, to, length, SQUARE_ROOT, scalars, found)
    if scalars.beta == 1:
        return _terms_with(dy, x, at, step, window, o, direct, term, to, length, RECIPROCAL, scalars, found)
    return _terms_with(dy, x, at, step, window, o, direct, term, to, length, ANY, scalars, found)


@inner
def _keeps_digits(small_dy, small_x, high, scalars, limits):
    """Return whether no product of a gradient is too small to have all digits, from the extremes of its factors."""
    digits, offset = limits.digits, limits.offset
    dy_exponent = float(np.uint64(small_dy) >> np.uint64(digits + 1)) - offset
    x_exponent = float(np.uint64(small_x) >> np.uint64(digits + 1)) - offset
    scale_exponent = float(high >> digits) - offset + 1.0
    product = x_exponent - (scalars.beta + 1.0) * scale_exponent
    return min(product, product + dy_exponent) >= limits.smallest and x_exponent >= limits.smallest_x


@inner
def gradient_terms(dy, x, at, step, window, period, direct, term, to, width, jump, power, scalars, limits):
    """Set direct = dy * scale^-beta and term = dy * x * scale^-(beta + 1), from index `to` on; x, dy from `at`.

    `jump` is that of `normalize`.
    """
    none = _size_bits(scalars.one - scalars.one)
    found = limits.highest, limits.lowest, limits.lowest, none, none
    if width < u(BLOCK):
        found = _terms_block(dy, x, at, step, window, u(0), direct, term, to, width, power, scalars, found)
    else:
        for start in range(u(0), width, u(BLOCK)):
            o = min(start, width - u(BLOCK))
            ahead = at + _ahead(o, width, jump)
            for line in range(u(0), u(BLOCK), u(LINE)):
                prefetch_to_read(x, ahead + u(2) * step + line)
                prefetch_to_read(dy, ahead + line)
            found = _terms_block(
                dy, x, at + o, step, window, o % period, direct, term, to + o, u(BLOCK), power, scalars, found
            )
    low, high, largest, small_dy, small_x = found
    is_safe = low >= limits.lowest and high <= limits.highest and largest <= limits.largest
    return is_safe and _keeps_digits(small_dy, small_x, high, scalars, limits)


@part
def _add_terms_block(term, middle, step, window, o, direct, at, x, dx, to, length, scalars):
    for i in range(u(0), length):
        total = _window_sum(VALUES, window, term, middle, step, o, i)
        store(dx, to + i, direct[at + i] - (scalars.slope * load(x, to + i)) * total)


@inner
def add_terms(term, middle, step, window, period, direct, at, x, dx, to, width, jump, scalars):
    """Set dx = direct - slope * x * (window sum of term), for x and dx from index `to`, direct from `at`."""
    if width < u(BLOCK):
        _add_terms_block(term, middle, step, window, u(0), direct, at, x, dx, to, width, scalars)
    else:
        for start in range(u(0), width, u(BLOCK)):
            o = min(start, width - u(BLOCK))
            ahead = to + _ahead(o, width, jump)
            for line in range(u(0), u(BLOCK), u(LINE)):
                prefetch_to_write(dx, ahead + line)
            _add_terms_block(
                term, middle + o, step, window, o % period, direct, at + o, x, dx, to + o, u(BLOCK), scalars
            )


@inner
def spread_rows(squared, rows, first, last, channels, gap, values):
    """Copy rows, or their squares, to `values` with a gap before each row and after the last; no gap is written."""
    to = u(gap)
    at = u(first * channels)
    for _ in range(first, last):
        if len(squared):
            for line in range(u(0), u(channels), u(LINE)):
                prefetch_to_read(rows, at + u(AHEAD) + line)
        for i in range(u(channels)):
            values[to + i] = summand(squared, rows[at + i])
        at += u(channels)
        to += u(channels + gap)


@inner
def collect_rows(values, number, channels, gap, rows):
    """Copy `number` rows back from the layout of `spread_rows`."""
    at = u(gap)
    to = u(0)
    for _ in range(number):
        for i in range(u(channels)):
            rows[to + i] = values[at + i]
        to += u(channels)
        at += u(channels + gap)
