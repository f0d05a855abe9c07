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

f32, f64, i32, i64, u = np.float32, np.float64, np.int32, np.int64, np.uintp  # unsigned indices need no test for Python's negative ones

TILE = 256  # elements
SAMPLE = 1 << 14  # elements in a job

SMALLEST, SCALE, SCALED_BY = 2.2250738585072014e-308, 18014398509481984.0, 54.0  # smallest normal number; 2^54
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
    q = 0.24347855736640373
    q = q * t + 0.26139770579764077
    q = q * t + 0.32061783051284737
    q = q * t + 0.41219838144102144
    q = q * t + 0.5770780173799762
    q = q * t + 0.9617966939240116
    q = q * t + 2.885390081777929
    return s * q + (f64(exponent) - (SCALED_BY if small else 0.0))


@part
def exp2(x):
    """Return 2^x with relative error 2e-15 if the result is a normal number; 0 or infinite beyond float64's range."""
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
    half = i64(whole) >> i64(1)  # 2^whole in two factors, each of which fits in a float64
    rest = i64(whole) - half
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
def power_single(x, lifted, high, low):
    """Return f in [0.7, 1.42] and a whole n with (x / 2^lifted)^(high + low) = f 2^n, for a normal positive float32.

    `high` has at most 16 bits, so that its product with an exponent is exact. The relative error is 2e-7 up to an
    exponent of 2. The polynomials are minimax fits: log2(1 + f) / f for 1 + f in [sqrt(1/2), sqrt(2)], and 2^g for
    |g| <= 1/2.
    """
    bits = f32(x).view(np.int32)
    exponent = i32(i32(bits - ROOT_HALF_SINGLE) >> i32(23))
    f = i32(bits - i32(exponent << i32(23))).view(np.float32) - f32(1)
    q = f32(0.12925776839256287)
    q = q * f + f32(-0.20893102884292603)
    q = q * f + f32(0.2152133733034134)
    q = q * f + f32(-0.23867614567279816)
    q = q * f + f32(0.28793904185295105)
    q = q * f + f32(-0.3607162535190582)
    q = q * f + f32(0.4809102714061737)
    q = q * f + f32(-0.7213472127914429)
    q = q * f + f32(1.4426950216293335)
    whole, fraction = f32(exponent) - lifted, q * f
    exact, rest = high * whole, low * whole + (high + low) * fraction
    n = np.rint(exact + rest)
    g = (exact - n) + rest
    q = f32(0.00015345794963650405)
    q = q * g + f32(0.0013399932067841291)
    q = q * g + f32(0.009618489071726799)
    q = q * g + f32(0.05550328642129898)
    q = q * g + f32(0.24022646248340607)
    q = q * g + f32(0.6931471824645996)
    return q * g + f32(1), n
