"""Compile functions with Numba, keep the result on disk, and share compiled functions between folders.

`compiler` makes decorators, `variant` lets a compiled function choose a branch at compile time, `unlocked` spares a
second compilation for read-only arrays, `philox4x32` draws random words, and the prefetch functions load memory into
the cache before it is used.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.loading import numba  # isort: skip
import numpy as np
from llvmlite import ir
from llvmlite.binding import ffi
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.extending import intrinsic

from workbench import philox


def compiler(**options: Any) -> Callable[[Callable], Callable]:
    """Return a decorator that compiles a function, which then runs without the GIL and divides as NumPy does.

    Compiled code is cached beside the source or in the user's cache folder, so that the next process starts at once.
    If both are read-only, or the disk is full, every process compiles again. A function may call compiled functions of
    other files: it is compiled again when any file that it imports has changed. With NUMBA_DISABLE_JIT=1, functions run
    as Python, without NumPy's warnings, which compiled code does not give either.

    With `forceinline` a function becomes part of the compiled functions that call it. With `no_cpython_wrapper` they
    call their own copy of it. Python cannot call either, and only its callers are optimized, translated and cached.
    """
    options["no_cfunc_wrapper"] = True  # that a function written in C could call the compiled one
    if options.get("forceinline"):
        options["no_cpython_wrapper"] = True
    is_part = options.get("no_cpython_wrapper", False)
    if is_part:
        options["pipeline_class"] = _PartCompiler

    def compiled(function: Callable) -> Callable:
        if numba.config.DISABLE_JIT:
            return np.errstate(all="ignore")(function)
        dispatcher = numba.njit(function, nogil=True, error_model="numpy", **options)
        if not is_part:
            with contextlib.suppress(RuntimeError):  # Numba raises it if no cache folder is writable
                dispatcher._cache = _Cache(function, options)
        return dispatcher

    return compiled


def variant(number: int) -> tuple[int, ...]:
    """Return a tuple of `number` zeros, an argument that selects a branch when a function is compiled.

    Numba compiles a function once for each combination of argument types, and a tuple's length is part of its type.
    So `if len(kind) == SQUARE:` is decided at compile time: each variant becomes a loop without that branch, which can
    be vectorized. In the same way, `()` stands for an optional argument that is not given.
    """
    return (0,) * number


def unlocked(array: np.ndarray) -> np.ndarray:
    """Return `array`, or a view of the same memory that is not read-only, for a kernel that only reads it.

    Read-only arrays are a type of their own to Numba: a kernel that gets one would be compiled once more for it.
    """
    if array.flags.writeable:
        return array
    memory = {**array.__array_interface__, "data": (array.ctypes.data, False)}
    return np.asarray(types.SimpleNamespace(__array_interface__=memory, owner=array))


# Imports at the top level of a source without comments. Parsing a source would take longer than loading its code does.
IMPORTS = re.compile(r"^from (\S+) import (\([^)]*\)|.*)|^import (.*)", re.MULTILINE)


class _Part(JITCodeLibrary):
    """The code of a function that only compiled functions call: it is linked into theirs as it was lowered.

    Numba would optimize it and translate it to machine code by itself, and then once more in each caller.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    @property
    def codegen(self) -> "_Part":
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Do nothing: what Numba would set is in the machine code, which a caller loaded from the disk has not set."""


class _PartCompiler(Compiler):
    def define_pipelines(self) -> list:
        self.state.library = _Part(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()


class _Cache(FunctionCache):
    """Numba's cache on disk, with a digest of all sources that the function depends on in the file names.

    Numba itself checks only the function's own file. Since each digest has its own file, processes that run different
    sources cannot read each other's code.
    """

    def __init__(self, function: Callable, options: dict[str, Any]) -> None:
        super().__init__(function)
        chosen = sorted((name, sorted(value) if isinstance(value, set) else value) for name, value in options.items())
        digest = hashlib.sha256(repr((chosen, _sources(function.__module__))).encode()).hexdigest()[:16]
        self._stem = f"{self._impl.filename_base}-{digest}"
        self._cache_file = IndexDataCacheFile(self.cache_path, self._stem, self._impl.locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the cached code, or None if there is none; damaged files are forgotten."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a file that was cut off can raise any error
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        for old in Path(self.cache_path).glob(f"{self._impl.filename_base}-*.nb?"):
            if not old.name.startswith(self._stem):
                with contextlib.suppress(OSError):  # the file is in use, or another process has removed it
                    old.unlink()
        with contextlib.suppress(Exception):  # the disk is full, or a damaged file cannot be replaced
            super().save_overload(sig, data)


@functools.cache
def _sources(name: str) -> list[tuple[str, str]]:
    """Return the names and digests of a loaded module and of all modules of its package that it needs."""
    found, waiting = {}, [name]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name], imports = _source(name)
            waiting += imports
    return sorted(found.items())


@functools.cache
def _source(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the digest of a loaded module's source, and the modules of its package that its top level imports."""
    module = sys.modules.get(name)
    path = Path(getattr(module, "__file__", None) or "")
    if not path.is_file():
        return "", ()
    source, names = path.read_bytes(), []
    for base, inner, modules in IMPORTS.findall(re.sub("#.*", "", source.decode())):
        listed = [each.split()[0] for each in (inner or modules).strip("()\n ").split(",") if each.strip()]
        if base:
            base = importlib.util.resolve_name(base, module.__package__)
            inside = [f"{base.rstrip('.')}.{each}" for each in listed]
            listed = [each if each in sys.modules else base for each in inside]
        names += listed
    package = name.partition(".")[0]
    return hashlib.sha256(source).hexdigest(), tuple(each for each in names if each.partition(".")[0] == package)


def _prefetch_intrinsic(write):
    if numba.config.DISABLE_JIT:  # the loops run as Python, which has nothing to prefetch
        return lambda array, index: None

    @intrinsic
    def prefetch(typing_context, array, index):
        """Prefetch the cache line of array[index]; the index may be outside the array."""

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


def _wide_vectors_intrinsic():
    if numba.config.DISABLE_JIT:
        return lambda: None

    @intrinsic
    def wide_vectors(typing_context):
        """Let the loops of the calling kernel use vectors of 512 bits, if the processor has them.

        LLVM prefers 256 bits, as older processors slow down with wider ones. Arithmetic in the cache takes up to half
        the time with 512. The attribute belongs to the function that is compiled, so a `forceinline` part cannot ask.
        """

        def generate(context, builder, signature, arguments):
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # a name that llvmlite does not know
            return context.get_dummy_value()

        return numba.types.void(), generate

    return wide_vectors


wide_vectors = _wide_vectors_intrinsic()


def _hold_compilers() -> None:
    global_compiler_lock.acquire()
    ffi.lib._lock.__enter__()


def _release_compilers() -> None:
    ffi.lib._lock.__exit__()
    global_compiler_lock.release()


if hasattr(os, "register_at_fork"):
    # A fork waits until no other thread compiles. The child would inherit locks that nobody releases, and hang.
    os.register_at_fork(before=_hold_compilers, after_in_parent=_release_compilers, after_in_child=_release_compilers)

philox4x32 = compiler(forceinline=True)(philox.philox4x32)

AHEAD = 1024  # elements; each tile prefetches memory this far ahead


@compiler(forceinline=True)
def prefetch_tile(x, y, at, tile):
    """Prefetch a tile of x to read and a tile of y, of the same type, to write, AHEAD elements after `at`."""
    for line in range(np.uintp(0), np.uintp(tile), np.uintp(64 // x.itemsize)):
        prefetch_to_read(x, at + np.uintp(AHEAD) + line)
        prefetch_to_write(y, at + np.uintp(AHEAD) + line)
