"""Compiled conversions between float32 and types of two bytes, float16 and bfloat16, as the bits of unsigned integers.

NumPy converts one element at a time, which takes ten times as long as the normalization itself. A bfloat16 is the upper
half of a float32.
"""

import numpy as np

from workbench.lrn.loops_common import f32, kernel

u16, u32 = np.uint16, np.uint32
SIGN, MAGNITUDE, INFINITE = u32(0x8000), u32(0x7FFF), u32(0x7C00)  # of float16
UNIT = f32(2.0**112)  # a float16's bits, shifted to those of a float32, are a number that is smaller by this factor
INFINITY = u32(0x7F800000)  # of float32; larger bits without the sign are NaN


@kernel
def widen(bits, values, brain):
    """Set float32 values to those of bits of float16, or of bfloat16 if `brain`; exact."""
    if brain:
        for i in range(bits.size):
            values[i] = u32(u32(bits[i]) << u32(16)).view(np.float32)
        return
    for i in range(bits.size):
        h = u32(bits[i])
        shifted = u32((h & MAGNITUDE) << u32(13))
        usual = f32(shifted.view(np.float32) * UNIT).view(np.uint32)
        wide = usual if (h & MAGNITUDE) < INFINITE else shifted | INFINITY
        values[i] = u32(wide | u32((h & SIGN) << u32(16))).view(np.float32)


@kernel
def narrow(values, bits, brain):
    """Set bits of float16, or of bfloat16 if `brain`, to the nearest numbers, and to the even one of two."""
    if brain:
        for i in range(values.size):
            w = f32(values[i]).view(np.uint32)
            usual = u32(u32(w + u32(0x7FFF)) + u32((w >> u32(16)) & u32(1))) >> u32(16)
            bits[i] = u16(usual if u32(w & u32(0x7FFFFFFF)) <= INFINITY else u32(0x7FC0))
        return
    for i in range(values.size):
        w = f32(values[i]).view(np.uint32)
        a = u32(w & u32(0x7FFFFFFF))
        # Adding 1/2 rounds a number below the normal float16 at the place of the smallest one.
        small = u32(f32(a.view(np.float32) + f32(0.5)).view(np.uint32) - u32(0x3F000000))
        usual = u32(u32(a - u32(0x37FFF001)) + u32((a >> u32(13)) & u32(1))) >> u32(13)  # exponents differ by 112
        huge = u32(0x7E00) if a > INFINITY else INFINITE
        h = small if a < u32(0x38800000) else (usual if a < u32(0x47800000) else huge)
        bits[i] = u16(h | u32((w >> u32(16)) & SIGN))
