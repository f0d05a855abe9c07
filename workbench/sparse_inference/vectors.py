"""Vectors as a type of compiled code: 64 bytes of numbers that stay in registers while a loop adds products to them.

Numba's compiler writes an element of an array back to memory at each step of a loop, and vectorizes a loop over lanes
only after it has checked that the arrays do not overlap. With a type for vectors, the loops say what they mean. A
processor with shorter registers uses several of them.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model

BYTES = 64  # of a vector: a cache line, and the longest register


def lanes_of(dtype: Any) -> int:
    """Return how many numbers of a type a vector holds."""
    return BYTES // np.dtype(dtype).itemsize


class Lanes(types.Type):
    """The type of a vector to Numba."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.count = dtype, 8 * BYTES // dtype.bitwidth
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        element = ir.FloatType() if lanes.dtype == types.float32 else ir.DoubleType()
        super().__init__(manager, lanes, ir.VectorType(element, lanes.count))


def _compiled(typed: Callable, in_python: Callable) -> Callable:
    """Return an intrinsic, or what it does in Python where nothing is compiled."""
    return in_python if numba.config.DISABLE_JIT else intrinsic(typed)


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any, element: Any) -> Any:
    """Return a pointer to array[at], as one to `element`."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), element.as_pointer())


def _load(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> Any:
    return builder.load(_place(context, builder, kind, array, at, vector), align=kind.dtype.bitwidth // 8)


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """Return a vector with the number in every lane."""
    places = ir.VectorType(ir.IntType(32), vector.count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, ir.Constant(places, [0] * vector.count))


def _multiply_add(builder: Any, total: Any, a: Any, b: Any) -> Any:
    return builder.fadd(total, builder.fmul(a, b, flags=("contract",)), flags=("contract",))


def _zeros(typing: Any, like: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = context.get_value_type(signature.return_type)
        return ir.Constant(vector, [ir.Constant(vector.element, 0.0)] * vector.count)

    return Lanes(like.dtype)(like), generate


def _count(typing: Any, like: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(types.uintp), Lanes(signature.args[0].dtype).count)

    return types.uintp(like), generate


def _add_product(typing: Any, total: Any, factor: Any, x: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, factor, array, at = arguments
        loaded = _load(context, builder, signature.args[2], array, at, total.type)
        return _multiply_add(builder, total, _spread(builder, factor, total.type), loaded)

    return total(total, total.dtype, x, types.uintp), generate


def _add_products(typing: Any, total: Any, factors: Any, x: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        total, factors, array, at = arguments
        return _multiply_add(builder, total, factors, _load(context, builder, signature.args[2], array, at, total.type))

    return total(total, total, x, types.uintp), generate


def _expanded(typing: Any, values: Any, at: Any, bits: Any, like: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        vector = context.get_value_type(signature.return_type)
        element = context.get_data_type(kind.dtype)
        loaded = ir.VectorType(element, vector.count)
        mask = builder.bitcast(arguments[2], ir.VectorType(ir.IntType(1), vector.count))
        short = {"float": "f32", "double": "f64", "i8": "i8"}[str(element)]
        kinds = ir.FunctionType(loaded, [element.as_pointer(), mask.type, loaded])
        name = f"llvm.masked.expandload.v{vector.count}{short}"
        function = builder.module.declare_intrinsic(name, fnty=kinds)
        place = _place(context, builder, kind, arguments[0], arguments[1], element)
        zeros = ir.Constant(loaded, [ir.Constant(element, 0)] * vector.count)
        found = builder.call(function, [place, mask, zeros])
        return builder.sitofp(found, vector) if short == "i8" else found

    return Lanes(like.dtype)(values, types.uintp, bits, like), generate


def _added(typing: Any, a: Any, b: Any) -> Any:
    return a(a, a), lambda context, builder, signature, arguments: builder.fadd(*arguments)


def _total(typing: Any, lanes: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector = arguments[0].type
        kinds = ir.FunctionType(vector.element, [vector.element, vector])
        short = "f32" if vector.count == lanes_of(np.float32) else "f64"
        function = builder.module.declare_intrinsic(f"llvm.vector.reduce.fadd.v{vector.count}{short}", fnty=kinds)
        zero = ir.Constant(vector.element, 0.0)
        return builder.call(function, [zero, arguments[0]], fastmath=("reassoc",))

    return lanes.dtype(lanes), generate


def _store(typing: Any, lanes: Any, factor: Any, y: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, factor, array, at = arguments
        kind = signature.args[2]
        place = _place(context, builder, kind, array, at, lanes.type)
        scaled = builder.fmul(lanes, _spread(builder, factor, lanes.type))
        builder.store(scaled, place, align=kind.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(lanes, lanes.dtype, y, types.uintp), generate


def _ones(typing: Any, bits: Any) -> Any:
    return types.uint64(types.uint64), lambda context, builder, signature, arguments: builder.ctpop(arguments[0])


def _lowest(typing: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


def _expanded_in_python(values: np.ndarray, at: int, bits: int, like: np.ndarray) -> np.ndarray:
    lanes, place = np.zeros(lanes_of(like.dtype), like.dtype), int(at)
    for lane in range(len(lanes)):
        if int(bits) >> lane & 1:
            lanes[lane], place = values[place], place + 1
    return lanes


def _store_in_python(lanes: np.ndarray, factor: float, y: np.ndarray, at: int) -> None:
    y[at : int(at) + len(lanes)] = factor * lanes


count = _compiled(_count, lambda like: np.uintp(lanes_of(like.dtype)))
zeros = _compiled(_zeros, lambda like: np.zeros(lanes_of(like.dtype), like.dtype))
add_product = _compiled(_add_product, lambda total, factor, x, at: total + factor * x[at : int(at) + len(total)])
add_products = _compiled(_add_products, lambda total, factors, x, at: total + factors * x[at : int(at) + len(total)])
expanded = _compiled(_expanded, _expanded_in_python)
added = _compiled(_added, lambda a, b: a + b)
total = _compiled(_total, lambda lanes: lanes.sum())
store = _compiled(_store, _store_in_python)
ones = _compiled(_ones, lambda bits: np.uint64(int(bits).bit_count()))
lowest = _compiled(_lowest, lambda bits: np.uint64((int(bits) & -int(bits)).bit_length() - 1 if bits else 64))
