"""Elements of arrays in compiled loops, where a type of two bytes is read as float32 and rounded when it is written.

Arrays of float16 are given to the loops as uint16, and arrays of bfloat16, the upper half of a float32, as int16. NumPy
converts one element at a time, which takes ten times as long as the normalization itself. A processor that converts
float16 does so here; on others, integer arithmetic does.
"""

import platform

import numba
import numpy as np
from llvmlite import ir
from numba.core.registry import cpu_target
from numba.extending import intrinsic, overload

from workbench.arrays import is_bfloat16
from workbench.compiling import compiler, unlocked, wide_vectors

part = compiler(forceinline=True)

f32, i16, u16, u32 = np.float32, np.int16, np.uint16, np.uint32
SIGN, MAGNITUDE, INFINITE = u32(0x8000), u32(0x7FFF), u32(0x7C00)  # of float16
UNIT = f32(2.0**112)  # a float16's bits, shifted to those of a float32, are a number that is smaller by this factor
INFINITY = u32(0x7F800000)  # of float32; larger bits without the sign are NaN


def bits_of(array: np.ndarray) -> np.ndarray:
    """Return a contiguous array as the loops take it: flat, and as integers if its elements have two bytes."""
    flat = array.ravel()  # only numbers of NumPy keep their type when they are unlocked
    return unlocked(flat if flat.itemsize > 2 else flat.view(i16 if is_bfloat16(flat.dtype) else u16))


@part
def from_half(bits):
    """Return the float32 of a float16's bits by integer arithmetic; exact."""
    h = u32(bits)
    shifted = u32((h & MAGNITUDE) << u32(13))
    usual = f32(shifted.view(np.float32) * UNIT).view(np.uint32)
    wide = usual if (h & MAGNITUDE) < INFINITE else shifted | INFINITY
    return u32(wide | u32((h & SIGN) << u32(16))).view(np.float32)


@part
def to_half(value):
    """Return the bits of the float16 nearest to a float32, the even one of two, by integer arithmetic."""
    w = f32(value).view(np.uint32)
    a = u32(w & u32(0x7FFFFFFF))
    # Adding 1/2 rounds a number below the normal float16 at the place of the smallest one.
    small = u32(f32(a.view(np.float32) + f32(0.5)).view(np.uint32) - u32(0x3F000000))
    usual = u32(u32(a - u32(0x37FFF001)) + u32((a >> u32(13)) & u32(1))) >> u32(13)  # exponents differ by 112
    huge = u32(0x7E00) if a > INFINITY else INFINITE
    h = small if a < u32(0x38800000) else (usual if a < u32(0x47800000) else huge)
    return u16(h | u32((w >> u32(16)) & SIGN))


@part
def from_brain(bits):
    """Return the float32 of a bfloat16's bits; exact."""
    return u32(u32(u16(bits)) << u32(16)).view(np.float32)


@part
def to_brain(value):
    """Return the bits of the bfloat16 nearest to a float32, the even one of two."""
    w = f32(value).view(np.uint32)
    usual = u32(u32(w + u32(0x7FFF)) + u32((w >> u32(16)) & u32(1))) >> u32(16)
    return i16(u16(usual if u32(w & u32(0x7FFFFFFF)) <= INFINITY else u32(0x7FC0)))


@intrinsic
def _extended(typing_context, bits):
    def generate(context, builder, signature, arguments):
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return numba.float32(numba.uint16), generate


@intrinsic
def _truncated(typing_context, value):
    def generate(context, builder, signature, arguments):
        return builder.bitcast(builder.fptrunc(arguments[0], ir.HalfType()), ir.IntType(16))

    return numba.uint16(numba.float32), generate


def _converts_half() -> bool:
    """Return whether instructions of the processor that is compiled for convert float16."""
    _, _, features = cpu_target.target_context.codegen().magic_tuple()
    return platform.machine() in ("aarch64", "arm64") or "+f16c" in features.split(",")


def load(array, i):
    """Return array[i], as float32 if it has two bytes."""
    if array.dtype == np.uint16:
        return from_half(array[i])
    return from_brain(array[i]) if array.dtype == np.int16 else array[i]


@overload(load)
def _compiled_load(array, i):
    if array.dtype == numba.uint16:
        convert = _extended if _converts_half() else from_half
        return lambda array, i: convert(array[i])
    if array.dtype == numba.int16:
        return lambda array, i: from_brain(array[i])
    return lambda array, i: array[i]


def store(array, i, value):
    """Set array[i] to the nearest number of its type, and to the even one of two."""
    if array.dtype == np.uint16:
        array[i] = to_half(value)
    else:
        array[i] = to_brain(value) if array.dtype == np.int16 else value


@overload(store)
def _compiled_store(array, i, value):
    convert = {numba.uint16: _truncated if _converts_half() else to_half, numba.int16: to_brain}.get(array.dtype)

    def converted(array, i, value):
        array[i] = convert(value)

    def plain(array, i, value):
        array[i] = value

    return converted if convert else plain


@compiler()
def widen(bits, values):
    """Set float32 values to the numbers of `bits`; exact."""
    wide_vectors()
    for i in range(bits.size):
        values[i] = load(bits, i)


@compiler()
def narrow(values, bits):
    """Set `bits` to the numbers that are nearest to float32 values."""
    wide_vectors()
    for i in range(values.size):
        store(bits, i, values[i])
