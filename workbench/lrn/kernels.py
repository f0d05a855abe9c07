"""Local response normalization, fast: the same functions as in `reference`, through compiled loops.

Chooses the loop that fits the layout, cuts the work into jobs for the threads, and computes again in logarithms
what plain arithmetic cannot. Memory beyond the result is a few rows a thread.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from workbench import parallel
from workbench.compiling import variant
from workbench.lrn import log_domain, loops_channels_first, loops_channels_last, loops_within
from workbench.lrn.loops_common import (
    BLOCK,
    LIBRARY,
    POLYNOMIAL,
    RECIPROCAL,
    SCALE_ITSELF,
    SQUARE_ROOT,
    THREE_QUARTERS,
    Limits,
    Scalars,
)
from workbench.lrn.window import SHORT_ROW, Window, compute_dtype, safe_limits, window_axes

NATIVE = (np.dtype(np.float32), np.dtype(np.float64))  # what the loops read as it is
CONVERTED = 1 << 20  # elements of an array that must be converted before a loop can read it, converted at a time
ROW = 16384  # pixels of a tile, forward: few rows, and none that breaks the stream of prefetches
GRADIENT_ROW = 4096  # the same for the gradient, which keeps more rows
CHUNK = 32768  # elements of the rows that the gradient takes in at a time
BUFFER = 16384  # elements of a tile of pixels with all their channels
BAND = 32  # rows of an image in a job


def local_response_norm_scale(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    return _run((x,), window, channels_last, variant(SCALE_ITSELF), log_domain.local_response_norm_scale)


def local_response_norm(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    return _run((x,), window, channels_last, _power(x.dtype, window.beta), log_domain.local_response_norm)


def local_response_norm_gradient(dy: np.ndarray, x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    power = _power(x.dtype, window.beta)
    return _run((dy, x), window, channels_last, power, log_domain.local_response_norm_gradient)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """How one call is carried out: the shape that the loop sees, its jobs, and where a job's elements are.

    `part` and `axes` serve what must be computed again: a part's slice of the array in `shape`, and the axes that the
    window runs over within that slice in `part_shape`. A part is `jobs_a_part` jobs that follow one another.
    """

    loop: Callable
    shape: tuple[int, ...]
    arguments: tuple
    jobs: int
    part: Callable[[int], tuple]
    part_shape: tuple[int, ...] | None
    axes: tuple[int, ...]
    jobs_a_part: int = 1


def _run(arrays: tuple, window: Window, channels_last: bool, power: tuple, fallback: Callable) -> np.ndarray:
    """Fill a new array from `arrays` (dy and x, or x), block by block where they need a conversion."""
    x = arrays[-1]
    if x.size and all(array.flags.c_contiguous and array.dtype in NATIVE for array in arrays):
        out = np.empty_like(x, subok=False)
        _fill(arrays, out, window, channels_last, power, fallback, x)
        return out
    out = np.empty(x.shape, x.dtype.newbyteorder("="))
    if not out.size:
        return out
    dtype = compute_dtype(x.dtype)
    axes = window_axes(x.ndim, window.region, channels_last)
    for block in _blocks(x.shape, axes):
        parts = tuple(np.ascontiguousarray(array[block], dtype) for array in arrays)
        result = np.empty(parts[-1].shape, dtype)
        _fill(parts, result, window, channels_last, power, fallback, x)
        with np.errstate(over="ignore"):
            out[block] = result
    return out


def _blocks(shape: tuple[int, ...], axes: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Cut the longest axis that no window crosses, so that a block has about CONVERTED elements."""
    free = [axis for axis in range(len(shape)) if axis not in axes]
    longest = max(free, key=lambda axis: shape[axis])
    length = max(1, CONVERTED * shape[longest] // math.prod(shape))
    for begin in range(0, shape[longest], length):
        yield tuple(slice(begin, begin + length) if axis == longest else slice(None) for axis in range(len(shape)))


def _fill(
    arrays: tuple,
    out: np.ndarray,
    window: Window,
    channels_last: bool,
    power: tuple,
    fallback: Callable,
    all_x: np.ndarray,
) -> None:
    """Fill `out` from arrays that the loops can read, a part of `all_x` among them."""
    x, direction = arrays[-1], "forward" if len(arrays) == 1 else "gradient"
    plan, scalars, limits = _preparation(x.shape, x.dtype, window, channels_last, direction)
    flat = [array.reshape(-1) for array in (*arrays, out)]
    safe = np.zeros(plan.jobs, np.bool_)

    def work(start: int, stop: int) -> None:
        plan.loop(*flat, start, stop, plan.shape, *plan.arguments, power, scalars, limits, safe)

    parallel.run(work, plan.jobs, x.size)
    if safe.all():
        return
    if window.base_can_vanish:
        log_domain.refuse_vanishing_base(all_x, window, window_axes(all_x.ndim, window.region, channels_last))
    *views, target = (array.reshape(plan.shape) for array in (*arrays, out))
    for number in np.unique(np.flatnonzero(~safe) // plan.jobs_a_part):
        part = plan.part(number)
        pieces = [view[part] for view in views]
        shape = plan.part_shape or pieces[0].shape
        result = fallback(*(piece.reshape(shape) for piece in pieces), window, plan.axes)
        with np.errstate(over="ignore"):
            target[part] = result.reshape(pieces[0].shape)


@lru_cache(maxsize=256)
def _preparation(
    shape: tuple[int, ...], dtype: np.dtype, window: Window, channels_last: bool, direction: str
) -> tuple[_Plan, Scalars, Limits]:
    """Return all that a call needs beside its arrays.

    It is remembered, for a large call leaves no Python in the processor's caches, and working it out anew then takes a
    tenth of a millisecond.
    """
    return _plan(shape, window, channels_last, direction), *_constants(dtype, window)


def count_jobs(shape: tuple[int, ...], window: Window, channels_last: bool, direction: str) -> int:
    """Return how many jobs a call is cut into, of which a thread does one at a time; none where there is no element."""
    return _plan(shape, window, channels_last, direction).jobs if math.prod(shape) else 0


def _plan(shape: tuple[int, ...], window: Window, channels_last: bool, direction: str) -> _Plan:
    if window.region == "within":
        return _image_plan(shape, window, channels_last, direction)
    channels = shape[-1] if channels_last else shape[1]
    if channels_last or len(shape) == 2:
        return _pixels_plan(math.prod(shape) // channels, channels, window, direction)
    return _planes_plan(shape[0], channels, math.prod(shape[2:]), window, direction)


def _planes_plan(batch: int, channels: int, pixels: int, window: Window, direction: str) -> _Plan:
    tiles = -(-pixels // (ROW if direction == "forward" else GRADIENT_ROW))
    tile = min(pixels, -(-pixels // tiles // BLOCK) * BLOCK)  # tiles of nearly one size
    tiles = -(-pixels // tile)
    chunk = () if direction == "forward" else (max(4, CHUNK // tile),)
    return _Plan(
        loop=getattr(loops_channels_first, direction),
        shape=(batch, channels, pixels),
        arguments=(tile, *chunk, *window.clipped(channels)),
        jobs=batch * tiles,
        part=lambda job: (job // tiles, slice(None), slice(job % tiles * tile, (job % tiles + 1) * tile)),
        part_shape=None,
        axes=(0,),
    )


def _pixels_plan(pixels: int, channels: int, window: Window, direction: str) -> _Plan:
    before, after = window.clipped(channels)
    tile = min(pixels, max(1, BUFFER // (channels + max(before, after))))
    return _Plan(
        loop=getattr(loops_channels_last, direction),
        shape=(pixels, channels),
        arguments=(tile, before, after),
        jobs=-(-pixels // tile),
        part=lambda job: (slice(job * tile, (job + 1) * tile),),
        part_shape=None,
        axes=(1,),
    )


def _image_plan(shape: tuple[int, ...], window: Window, channels_last: bool, direction: str) -> _Plan:
    if channels_last:
        planes, height, width, step = shape
    else:
        planes, height, width, step = shape[0] * shape[1], shape[2], shape[3], 1
    bands = -(-height // BAND)
    small = "small_" if width * step < SHORT_ROW else ""
    return _Plan(
        loop=getattr(loops_within, small + direction),
        shape=(planes, height, width * step),
        arguments=(BAND, step, window.clipped(height), window.clipped(width)),
        jobs=planes * bands,
        part=lambda plane: (plane,),  # as a whole: a band's windows reach into its neighbours
        part_shape=(height, width, step),
        axes=(0, 1),
        jobs_a_part=bands,
    )


def _power(dtype: np.dtype, beta: float) -> tuple:
    exact = {0.5: SQUARE_ROOT, 0.75: THREE_QUARTERS, 1.0: RECIPROCAL}
    any_power = POLYNOMIAL if compute_dtype(dtype) == np.float32 else LIBRARY
    return variant(exact.get(beta, any_power))


def _constants(dtype: np.dtype, window: Window) -> tuple[Scalars, Limits]:
    to = dtype.type
    integer = np.dtype(f"i{dtype.itemsize}").type
    high = round(window.beta * 4096) / 4096 if window.beta < 2.0**40 else window.beta
    lowest, highest, largest = safe_limits(dtype, window)
    with np.errstate(over="ignore"):
        scalars = Scalars(
            coefficient=to(window.coefficient),
            bias=to(window.bias),
            one=to(1),
            beta=to(window.beta),
            high=to(high),
            low=to(window.beta - high),
            slope=to(2 * window.coefficient * window.beta),
        )
    if lowest > highest:
        return scalars, Limits(integer(1), integer(0), integer(0))
    return scalars, Limits(*(to(limit).view(integer) for limit in (lowest, highest, largest)))
