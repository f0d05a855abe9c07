"""Compile with Numba, keeping the result on disk wherever that can be done; and ask for memory ahead of its use."""

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba.extending import intrinsic


def compiler(**options: Any) -> Callable[[Callable], Callable]:
    """Return a decorator that compiles a function: it releases the interpreter's lock, and divides as NumPy does.

    Compiled code is kept beside the source or in the user's cache folder, for the next process to start at once. Where
    both are read-only it is compiled anew in every process.
    """

    def compiled(function: Callable) -> Callable:
        try:
            return numba.njit(function, nogil=True, error_model="numpy", cache=True, **options)
        except RuntimeError:  # Numba's way of saying that no folder can be written to
            return numba.njit(function, nogil=True, error_model="numpy", **options)

    return compiled


def _prefetch_intrinsic(write):
    @intrinsic
    def prefetch(typing_context, array, index):
        """Ask for the cache line of array[index]; any index will do, even one outside the array."""

        def generate(context, builder, signature, arguments):
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            pointer = ir.IntType(8).as_pointer()
            integer = ir.IntType(32)
            function_type = ir.FunctionType(ir.VoidType(), [pointer, integer, integer, integer])
            function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], function_type)
            address = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
            every_level, of_data = integer(3), integer(1)
            builder.call(function, [address, integer(write), every_level, of_data])
            return context.get_dummy_value()

        return numba.types.void(array, index), generate

    return prefetch


prefetch_to_read = _prefetch_intrinsic(write=0)
prefetch_to_write = _prefetch_intrinsic(write=1)
