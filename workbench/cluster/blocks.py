"""Shared tools of the operators on dask arrays: converting and checking arguments, and calls block by block."""

import dataclasses
import functools
import inspect
import math
import mmap
import operator as arithmetic
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal, ParamSpec, TypeVar

import dask.array as da
import numpy as np

from workbench import parallel
from workbench.operator import Operator

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def like(plain: Callable[Given, Any]) -> Callable[[Callable[..., Returned]], Callable[Given, Returned]]:
    """Give a function the signature of `plain`; it then receives every argument by name, defaults included."""
    signature = inspect.signature(plain).replace(return_annotation=inspect.Signature.empty)

    def decorate(form: Callable[..., Returned]) -> Callable[Given, Returned]:
        @functools.wraps(form)
        def called(*given: Given.args, **named: Given.kwargs) -> Returned:
            bound = signature.bind(*given, **named)
            bound.apply_defaults()
            return form(**bound.arguments)

        vars(called)["__signature__"] = signature
        return called

    return decorate


def elementwise(operator: Operator) -> Callable:
    """Return the function for dask arrays of an operator that is declared with blockwise="elementwise".

    The operator's public function, which other processes import by its name, computes each block alone.
    """
    plain = getattr(import_module(operator.room), operator.function)

    def form(engine: str, **given: Any) -> da.Array | tuple[da.Array, ...]:
        first, *others = (as_dask(name, given.pop(name)) for name in operator.inputs)
        check(operator, given, engine, *map(stand_in, (first, *others)))
        arrays = [first, *(other.rechunk(first.chunks) for other in others)]
        empty = plain(*(np.zeros((0,) * x.ndim, x.dtype) for x in arrays), engine=engine, **given)  # shows the types
        many = isinstance(empty, tuple)
        dtype = first.dtype if many else empty.dtype
        blocks = map_blocks(on_one_thread, *arrays, dtype=dtype, plain=plain, engine=engine, **given)
        return tuple(pick(blocks, i, each.dtype) for i, each in enumerate(empty)) if many else blocks

    form.__name__ = operator.function
    form.__doc__ = f"""Apply `{plain.__module__}.{operator.function}` to dask arrays, block by block.

    Arguments and errors as there. The results are lazy dask arrays with the chunks of `{operator.inputs[0]}`.
    """
    return like(plain)(form)


def from_memmap(x: np.memmap, chunks: int | str | tuple | dict = "auto") -> da.Array:
    """Return a dask array whose blocks are read from the file when they are needed.

    `dask.array.from_array` would copy the whole file into memory and send it to other processes. Here, each process
    opens the file itself, under the same path.

    Args:
        x: a file as returned by `np.memmap` or `np.load(path, mmap_mode="r")`. Slice the result rather than x.
        chunks: as for `dask.array.from_array`.

    Raises:
        ValueError: x is a slice of another array, its file has no name, or it may differ from the file (mode "c").
    """
    if not isinstance(x.base, mmap.mmap) or x.filename is None or x.mode == "c":
        raise ValueError(
            "a memory-mapped array must be a whole file that has a name and is not in mode 'c'; "
            "slice the dask array instead, as with cluster.from_memmap(x)[:10]"
        )
    file = _File(str(x.filename), x.dtype, x.shape, x.offset, "C" if x.flags.c_contiguous else "F")
    return da.from_array(file, chunks=chunks, name=False, meta=np.empty((0,) * x.ndim, x.dtype))


@dataclasses.dataclass(frozen=True)
class _File:
    """A file to map again in each process that reads a block of it."""

    path: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    order: Literal["C", "F"]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)[place])


def as_dask(name: str, x: Any) -> da.Array:
    """Return x as a dask array in native byte order; raise unless its blocks are NumPy arrays of known sizes."""
    if isinstance(x, np.memmap):
        x = from_memmap(x)
    try:
        x = da.asarray(x)
    except ValueError as problem:
        raise TypeError(f"{name}: must be an array ({problem})") from None
    kind = type(x._meta)
    if issubclass(kind, np.ma.MaskedArray):
        raise TypeError(f"{name}: a masked array's mask would be lost; fill it first, as with da.ma.filled({name}, 0)")
    if not issubclass(kind, np.ndarray):
        raise TypeError(
            f"{name} holds blocks of type {kind.__name__}: must hold NumPy arrays; convert them first, sparse matrices "
            "with their toarray()"
        )
    if any(map(math.isnan, x.shape)):
        raise ValueError(
            f"{name} has chunks of unknown size; find their sizes first, with {name}.compute_chunk_sizes()"
        )
    if kind is np.ndarray and x.dtype.isnative:
        return x
    return map_blocks(_native, x, dtype=x.dtype.newbyteorder("="))


def _native(block: np.ndarray) -> np.ndarray:
    return np.asarray(block, block.dtype.newbyteorder("="))


def stand_in(x: da.Array) -> np.ndarray:
    """Return an array of x's shape and type that takes no memory, for checks of arguments."""
    return np.broadcast_to(np.zeros((), x.dtype), x.shape)


def check(operator: Operator, arguments: dict, engine: str, *inputs: np.ndarray) -> tuple:
    """Check arguments as `Operator.run` does; return the arguments that it would pass to the engine's function."""
    values = operator.check(arguments)
    operator.implementation(engine)
    return operator.prepare(inputs, values)


def on_one_thread(*given: Any, plain: Callable, **arguments: Any) -> Any:
    """Call a plain function on one thread, since each of dask's threads already has a block of its own."""
    with parallel.thread_limit(1):
        return plain(*given, **arguments)


def map_blocks(function: Callable, /, *arrays: da.Array, dtype: np.dtype, **options: Any) -> da.Array:
    """Return function(block, ...) for each block of the first array and the matching blocks of the others."""
    meta = np.empty((0,) * arrays[0].ndim, dtype)
    return da.map_blocks(function, *arrays, dtype=dtype, meta=meta, **options)


def pick(tuples: da.Array, place: int, dtype: np.dtype, **options: Any) -> da.Array:
    """Return one of the arrays that a function returned as a tuple; the blocks of `tuples` are these tuples."""
    return map_blocks(arithmetic.itemgetter(place), tuples, dtype=dtype, **options)


def one_each(arrays: Sequence[np.ndarray]) -> da.Array:
    """Return a dask array whose chunks are the given arrays, which have one type and one axis."""
    return da.from_array(np.concatenate(arrays), chunks=(tuple(map(len, arrays)),))


def sum_over(x: da.Array, axes: tuple[int, ...]) -> da.Array:
    """Return the sum over `axes`, kept with length 1; a sum that overflows is infinite, without a warning."""
    return da.reduction(x, _sum, _sum, axis=axes, keepdims=True, dtype=x.dtype)


def _sum(values: np.ndarray, axis: tuple[int, ...], keepdims: Any) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sum(values, axis=axis, keepdims=keepdims)
