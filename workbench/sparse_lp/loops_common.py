"""Common parts of the compiled loops of sparse Lp regularization: powers and the sizes of tiles and jobs.

These techniques make the loops fast; each was measured:

    powers      |w|^p is 2^(p log2 |w|) with two polynomials, which become vector instructions. A call of the library's
                pow would not.
    curves      For a given p, the root of an equation is a function of one number. It is fitted once, see `curves`.
    tiles       Where no curve fits, Halley's method runs on a tile of numbers at once, until the slowest has converged.
                It is Newton's method with one more derivative, which needs no further power.
    types       Arithmetic is float32 where it is exact enough for float32 arrays, as a vector then holds twice as many
                numbers. Otherwise it is float64, and no intermediate result overflows.
    ranges      Rows of one range of the table share pages, so that address translation is cheap. Later rows are
                prefetched.
    variants    The formula for a number is a `variant`: each kind compiles to a loop without branches.
"""

import numpy as np

from workbench.compiling import compiler

kernel = compiler(fastmath={"contract"})
part = compiler(fastmath={"contract"}, forceinline=True)

f32, f64, i32, i64, u = (
    np.float32,
    np.float64,
    np.int32,
    np.int64,
    np.uintp,
)  # unsigned indices need no test for Python's negative ones

TILE = 256  # elements
SAMPLE = 1 << 14  # elements in a job

SMALLEST, SCALE, SCALED_BY = 2.2250738585072014e-308, 18014398509481984.0, 54.0  # smallest normal number; 2^54
SMALLEST_SINGLE, SCALE_SINGLE, SCALED_BY_SINGLE = f32(1.1754943508222875e-38), f32(16777216.0), f32(24.0)
ROOT_HALF, ROOT_HALF_SINGLE = i64(0x3FE6A09E667F3BCD), i32(0x3F3504F3)  # the bits of sqrt(1/2)
MANTISSA = i64(52)


@part
def log2(x):
    """Return log2 x for finite x > 0, from the exponent and a series in (m - 1) / (m + 1); else any finite number."""
    small = x < SMALLEST
    bits = f64(x * SCALE if small else x).view(np.int64)
    exponent = (bits - ROOT_HALF) >> MANTISSA
    m = i64(bits - (exponent << MANTISSA)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    t = s * s
    square = t * t
    low = (0.41219838144102144 * t + 0.5770780173799762) * square + (0.9617966939240116 * t + 2.885390081777929)
    high = 0.24347855736640373 * square + (0.26139770579764077 * t + 0.32061783051284737)
    q = high * (square * square) + low
    return s * q + (f64(exponent) - (SCALED_BY if small else 0.0))


@part
def exp2(x):
    """Return 2^x with relative error 2e-15 if the result is a normal number; 0 or infinite beyond float64's range."""
    x = min(max(x, -1100.0), 1100.0)
    whole = np.rint(x)
    g = x - whole
    square = g * g
    fourth = square * square
    low = (0.05550410866439472 * g + 0.2402265069590807) * square + (0.6931471805599505 * g + 1.0)
    middle = (1.5252651849784046e-05 * g + 0.00015403530305320578) * square
    middle += 0.0013333558238964897 * g + 0.009618129107901037
    high = 7.0786964551136695e-09 * square + (1.020979132724432e-07 * g + 1.321544830651498e-06)
    q = (high * fourth + middle) * fourth + low
    n = i32(whole)  # AVX2 converts float64 to int32 only
    half = i32(n >> i32(1))  # 2^whole in two factors, each of which fits in a float64
    rest = i32(n - half)
    bias = i64(1023)
    return q * i64((half + bias) << MANTISSA).view(np.float64) * i64((rest + bias) << MANTISSA).view(np.float64)


@part
def power(size, p):
    """Return size^p for size >= 0 and p > 0; an infinity or NaN is returned unchanged."""
    power = exp2(p * log2(size))
    power = 0.0 if size == 0.0 else power
    power = 1.0 if size == 1.0 else power  # for an infinite p too
    return power if size < np.inf else size


@part
def log2_single(x):
    """Return the whole and the fractional part of log2 x, which is between -1/2 and 1/2, for a positive float32."""
    small = x < SMALLEST_SINGLE
    whole, fraction = log2_normal(x * SCALE_SINGLE if small else x)
    return whole - (SCALED_BY_SINGLE if small else f32(0)), fraction


@part
def log2_normal(x):
    """Return what `log2_single` does for a normal float32, and any two finite numbers for another.

    The polynomial is a minimax fit of log2(1 + f) / f for 1 + f in [sqrt(1/2), sqrt(2)].
    """
    bits = f32(x).view(np.int32)
    exponent = i32(i32(bits - ROOT_HALF_SINGLE) >> i32(23))
    f = i32(bits - i32(exponent << i32(23))).view(np.float32) - f32(1)
    square = f * f
    low = (f32(-0.3607162535190582) * f + f32(0.4809102714061737)) * square
    low += f32(-0.7213472127914429) * f + f32(1.4426950216293335)
    high = (f32(0.12925776839256287) * f + f32(-0.20893102884292603)) * f + f32(0.2152133733034134)
    high = high * square + (f32(-0.23867614567279816) * f + f32(0.28793904185295105))
    return f32(exponent), (high * (square * square) + low) * f


@part
def exp2_single(exact, rest):
    """Return f in [0.7, 1.42] and a whole n with 2^(exact + rest) = f 2^n; f is off by 1e-7 of itself."""
    n = np.rint(exact + rest)
    g = (exact - n) + rest
    square = g * g
    low = (f32(0.24022646248340607) * square) + (f32(0.6931471824645996) * g + f32(1))
    high = (f32(0.00015345794963650405) * g + f32(0.0013399932067841291)) * square
    high += f32(0.009618489071726799) * g + f32(0.05550328642129898)
    return high * (square * g) + low, n


@part
def power_single(whole, fraction, exponents):
    """Return f and n with 2^c x^p = f 2^n, given log2 x and float32 (p, its rest, c, its rest).

    p and c are multiples of 2^-10, so that no digit is lost however large the logarithms are.
    """
    p, p_rest, c, c_rest = exponents
    return exp2_single(p * whole + c, (p_rest * whole + c_rest) + (p + p_rest) * fraction)


@part
def times_two_to(factor_and_exponent):
    """Return f 2^n as a float32 if it is a normal number; a smaller one is 0."""
    f, n = factor_and_exponent
    return f * i32((i32(max(n, f32(-127))) + i32(127)) << i32(23)).view(np.float32)


@part
def normal_times_two_to(factor_and_exponent):
    """Return f 2^n as a float32 if f and the result are normal numbers, else any number."""
    f, n = factor_and_exponent
    return i32(f32(f).view(np.int32) + i32(i32(n) << i32(23))).view(np.float32)
