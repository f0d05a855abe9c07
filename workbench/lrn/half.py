"""Compiled conversions between float16, as the bits of unsigned integers, and float32.

NumPy converts one element at a time, which takes ten times as long as the normalization itself.
"""

import numpy as np

from workbench.lrn.loops_common import f32, kernel

u16, u32 = np.uint16, np.uint32
SIGN, MAGNITUDE, INFINITE = u32(0x8000), u32(0x7FFF), u32(0x7C00)  # of float16
UNIT = f32(2.0**112)  # a float16's bits, shifted to those of a float32, are a number that is smaller by this factor


@kernel
def widen(halves, values):
    """Set float32 values to those of float16 bits; exact."""
    for i in range(halves.size):
        h = u32(halves[i])
        shifted = u32((h & MAGNITUDE) << u32(13))
        usual = f32(shifted.view(np.float32) * UNIT).view(np.uint32)
        bits = usual if (h & MAGNITUDE) < INFINITE else shifted | u32(0x7F800000)
        values[i] = u32(bits | u32((h & SIGN) << u32(16))).view(np.float32)


@kernel
def narrow(values, halves):
    """Set float16 bits to float32 values, each rounded to the nearest number, and to the even one of two."""
    for i in range(values.size):
        bits = f32(values[i]).view(np.uint32)
        a = u32(bits & u32(0x7FFFFFFF))
        # Adding 1/2 rounds a number below the normal float16 at the place of the smallest one.
        small = u32(f32(a.view(np.float32) + f32(0.5)).view(np.uint32) - u32(0x3F000000))
        usual = u32(u32(a - u32(0x37FFF001)) + u32((a >> u32(13)) & u32(1))) >> u32(13)  # exponents differ by 112
        huge = u32(0x7E00) if a > u32(0x7F800000) else INFINITE
        h = small if a < u32(0x38800000) else (usual if a < u32(0x47800000) else huge)
        halves[i] = u16(h | u32((bits >> u32(16)) & SIGN))
