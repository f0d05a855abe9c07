"""Common parts of the compiled loops of sparse Lp regularization: powers and the sizes of tiles and jobs.

These techniques make the loops fast; each was measured:

    powers      |w|^p is 2^(p log2 |w|) with two polynomials, which become vector instructions. A call of the library's
                pow would not.
    tiles       Halley's method is Newton's with one more derivative, which needs no further power. It runs on a tile of
                numbers at once, until the slowest has converged.
    float64     Arithmetic is float64 for every array type, except square roots in a sum. So no intermediate result
                overflows, and memory is still the slower part.
    ranges      Rows of one range of the table share pages, so that address translation is cheap. Later rows are
                prefetched.
    variants    The formula for a number is a `variant`: each kind compiles to a loop without branches.
"""

import numpy as np

from workbench.compiling import compiler

kernel = compiler(fastmath={"contract"})
part = compiler(fastmath={"contract"}, forceinline=True)

f64, i64, u = np.float64, np.int64, np.uintp  # unsigned indices need no test for Python's negative ones

TILE = 256  # elements
SAMPLE = 1 << 14  # elements in a job

SMALLEST, SCALE, SCALED_BY = 2.2250738585072014e-308, 18014398509481984.0, 54.0  # smallest normal number; 2^54
ROOT_HALF = i64(0x3FE6A09E667F3BCD)  # the bits of sqrt(1/2)
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
def short_power(size, p):
    """Return size^p as `power` does, for a finite p and a size from float32: shorter polynomials, no division.

    The error of the logarithm is 2e-9 and that of the power of two 3e-9, so the relative error is 3e-9 + 1.5e-9 p.
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
