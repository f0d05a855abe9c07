"""Compiled loops that measure a machine. Each does one thing, as fast as compiled NumPy-like code can.

    fused        multiply-adds in registers: two polynomials of each element
    function     one division, root, exponential, logarithm or power of each element; the numbers stay in L1
    mixed        one division or root and several multiply-adds of each element, to see whether they overlap
    words        random words of Philox4x32-10
    stretches    short loops of unpredictable lengths
    copy, read, update
                 bytes moved from wherever the working set lies, with prefetching
    rows         rows of a table in random order: each is read, changed and written
    touch        one byte written to every page of new memory
    nothing      a call without work, to measure the start of a loop

An exponential is 2^x and a logarithm is log2 x, both as polynomials that compile to vector instructions; a power uses
both. Operators compute theirs in the same way. A call of a C library function for each element takes several times as
long.
"""

import math

import numpy as np

from workbench.compiling import AHEAD, compiler, philox4x32, prefetch_tile, prefetch_to_read, prefetch_to_write, variant
from workbench.machines.limits import OPERATIONS

kernel = compiler(fastmath={"contract"})
part = compiler(fastmath={"contract"}, forceinline=True)
sums_kernel = compiler(fastmath={"contract", "reassoc"})

TILE = 1024  # elements of an array that stays in L1
BLOCK = 256  # elements
ROWS_AHEAD = 12
DEGREE = 16  # degree of each of the two polynomials
FUSED = 2 * DEGREE  # multiply-adds per element

DIVISION, SQUARE_ROOT = 1, 2
EXP_SINGLE, LOG_SINGLE, POWER_SINGLE, EXP_DOUBLE, LOG_DOUBLE, POWER_DOUBLE = range(3, 9)
FUNCTIONS = {
    precision: {name: variant(kind) for name, kind in zip(OPERATIONS, (DIVISION, SQUARE_ROOT, *kinds), strict=True)}
    for precision, kinds in (
        ("float32", (EXP_SINGLE, LOG_SINGLE, POWER_SINGLE)),
        ("float64", (EXP_DOUBLE, LOG_DOUBLE, POWER_DOUBLE)),
    )
}

# 2^g = sum of (g log 2)^k / k!, and log2 of (1 + s) / (1 - s) = sum of 2 s^k / (k log 2) over odd k.
EXP = tuple(math.log(2) ** k / math.factorial(k) for k in range(11))
LOG = tuple(2 / (k * math.log(2)) for k in range(1, 15, 2))
EXP32, LOG32 = (tuple(map(np.float32, each)) for each in (EXP[:7], LOG[:5]))
ONE = np.float32(1)

u, u64 = np.uintp, np.uint64
ZERO = u64(0)


@part
def _polynomial(coefficients, x):
    """Return coefficients[0] + coefficients[1] x + ..., from two sums in x^2: the processor adds to both at once."""
    square, last = x * x, len(coefficients) - 1
    first, second = coefficients[last], coefficients[last - 1]
    for k in range(last - 2, -1, -2):
        first = first * square + coefficients[k]
    for k in range(last - 3, -1, -2):
        second = second * square + coefficients[k]
    return second * x + first if last % 2 == 0 else first * x + second


@part
def _scaled_single(g, whole):
    q = _polynomial(EXP32, g)
    return np.int32(np.float32(q).view(np.int32) + (np.int32(whole) << np.int32(23))).view(np.float32)


@part
def _exp2_single(x):
    whole = np.rint(x)
    return _scaled_single(x - whole, whole)


@part
def _exp2_double(x):
    whole = np.rint(x)
    g = x - whole
    q = _polynomial(EXP, g)
    return q * np.int64((np.int64(np.int32(whole)) + np.int64(1023)) << np.int64(52)).view(np.float64)


@part
def _split_single(x):
    """Return the exponent of x, as a float, and x without it, from sqrt(1/2) to sqrt(2)."""
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(np.int32(bits - np.int32(0x3F3504F3)) >> np.int32(23))  # the bits of sqrt(1/2)
    return np.float32(exponent), np.int32(bits - np.int32(exponent << np.int32(23))).view(np.float32)


@part
def _log2_of_fraction(m):
    s = (m - ONE) / (m + ONE)
    t = s * s
    return s * _polynomial(LOG32, t)


@part
def _log2_single(x):
    exponent, m = _split_single(x)
    return _log2_of_fraction(m) + exponent


@part
def _log2_double(x):
    bits = np.float64(x).view(np.int64)
    exponent = (bits - np.int64(0x3FE6A09E667F3BCD)) >> np.int64(52)
    m = np.int64(bits - (exponent << np.int64(52))).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    t = s * s
    return s * _polynomial(LOG, t) + np.float64(exponent)


@part
def _power_single(x, high, low):
    """Return x^(high + low) to 2e-7 (`_power_double`: to 4e-13), for x > 0, where x and the result are normal.

    The exponent has two parts. The first has few digits, so that its product with log2 x keeps digits that would
    otherwise be lost.
    """
    whole, m = _split_single(x)
    fraction = _log2_of_fraction(m)
    product = high * whole
    nearest = np.rint(product + high * fraction)
    g = ((product - nearest) + low * whole) + (high * fraction + low * fraction)
    return _scaled_single(g, nearest)


@part
def _power_double(x, high, low):
    return _exp2_double((high + low) * _log2_double(x))


@kernel
def fused(x, y, a, b, start, stop):
    """Set y (TILE,) to the sum of two polynomials of x (TILE,) with coefficients a and b, `stop` - `start` times."""
    for _ in range(start, stop):
        for i in range(u(x.shape[0])):
            first, second = a, b
            for _ in range(DEGREE):
                first = first * x[i] + a
                second = second * x[i] + b
            y[i] = first + second
        x[0] = y[1]  # the compiler cannot remove a pass that depends on the one before


@kernel
def function(kind, x, y, a, b, start, stop):
    """Set y (TILE,) to a function of x (TILE,), `stop` - `start` times; `a` is the divisor, `a` + `b` the exponent."""
    for _ in range(start, stop):
        for i in range(u(x.shape[0])):
            if len(kind) == DIVISION:
                y[i] = x[i] / a
            elif len(kind) == SQUARE_ROOT:
                y[i] = np.sqrt(x[i])
            elif len(kind) == EXP_SINGLE:
                y[i] = _exp2_single(x[i])
            elif len(kind) == LOG_SINGLE:
                y[i] = _log2_single(x[i])
            elif len(kind) == POWER_SINGLE:
                y[i] = _power_single(x[i], a, b)
            elif len(kind) == EXP_DOUBLE:
                y[i] = _exp2_double(x[i])
            elif len(kind) == LOG_DOUBLE:
                y[i] = _log2_double(x[i])
            else:
                y[i] = _power_double(x[i], a, b)
        x[0] = y[1]


@kernel
def mixed(kind, x, y, a, b, start, stop):
    """Set y (TILE,) to a function of x (TILE,) plus a polynomial of x, `stop` - `start` times."""
    for _ in range(start, stop):
        for i in range(u(x.shape[0])):
            total = a
            for _ in range(DEGREE):
                total = total * x[i] + b
            y[i] = total + (x[i] / a if len(kind) == DIVISION else np.sqrt(x[i]))
        x[0] = y[1]


@kernel
def words(out, key0, key1, start, stop):
    """Write the words of each block, numbered from 0, to out (4, TILE); each job has TILE blocks and overwrites it."""
    for job in range(start, stop):
        for b in range(u(out.shape[1])):
            block = u64(job) * u64(out.shape[1]) + u64(b)
            w0, w1, w2, w3 = philox4x32(block, ZERO, ZERO, ZERO, key0, key1)
            out[0, b], out[1, b], out[2, b], out[3, b] = np.uint32(w0), np.uint32(w1), np.uint32(w2), np.uint32(w3)


@kernel
def copy(x, y, length, times, start, stop):
    """Copy jobs start .. stop, of `length` elements, of x (n,) to y (n,), `times` times over."""
    for job in range(u(start) * u(times), u(stop) * u(times)):
        job //= u(times)
        end = min((job + u(1)) * u(length), u(x.shape[0]))
        for at in range(job * u(length), end, u(BLOCK)):
            prefetch_tile(x, y, at, BLOCK)
            for i in range(at, min(at + u(BLOCK), end)):
                y[i] = x[i]


@kernel
def stretches(x, y, lengths, start, stop):
    """Copy stretches start .. stop of the given lengths, at most TILE / 2 each, from x (TILE,) to y (TILE,)."""
    for k in range(start, stop):
        at, count = u(k * 7 % (TILE // 2)), u(lengths[k])
        for i in range(count):
            y[at + i] = x[at + i]


@kernel
def update(x, factor, length, times, start, stop):
    """Multiply jobs start .. stop, of `length` elements, of x (n,) by a factor in place, `times` times over."""
    line = u(64 // x.itemsize)
    for job in range(u(start) * u(times), u(stop) * u(times)):
        job //= u(times)
        end = min((job + u(1)) * u(length), u(x.shape[0]))
        for at in range(job * u(length), end, u(BLOCK)):
            for ahead in range(u(0), u(BLOCK), line):
                prefetch_to_write(x, at + u(AHEAD) + ahead)
            for i in range(at, min(at + u(BLOCK), end)):
                x[i] = x[i] * factor


@sums_kernel
def read(x, totals, length, times, start, stop):
    """Add up jobs start .. stop, of `length` elements, of x (n,) in totals (jobs,), `times` times over."""
    line = u(64 // x.itemsize)
    for job in range(u(start) * u(times), u(stop) * u(times)):
        job //= u(times)
        end = min((job + u(1)) * u(length), u(x.shape[0]))
        total = x.dtype.type(0)
        for at in range(job * u(length), end, u(BLOCK)):
            for ahead in range(u(0), u(BLOCK), line):
                prefetch_to_read(x, at + u(AHEAD) + ahead)
            for i in range(at, min(at + u(BLOCK), end)):
                total += x[i]
        totals[job] = total


@kernel
def rows(table, numbers, factor, start, stop):
    """Multiply the rows start .. stop of `numbers` (n,) of a table (rows, length) by a factor, in place."""
    flat, length = table.reshape(-1), u(table.shape[1])
    last = u(numbers.shape[0] - 1)
    line = u(64 // table.itemsize)
    for i in range(u(start), u(stop)):
        ahead = u(numbers[min(i + u(ROWS_AHEAD), last)]) * length
        for j in range(u(0), length, line):
            prefetch_to_write(flat, ahead + j)
        at = u(numbers[i]) * length
        for j in range(at, at + length):
            flat[j] = flat[j] * factor


@kernel
def touch(memory, page, start, stop):
    """Write a byte to each of the pages start .. stop of memory (bytes,)."""
    for i in range(start, stop):
        memory[i * page] = 1


@kernel
def nothing(x, y, scalars, start, stop):
    """Take two arrays and a tuple, and do nothing with them."""
