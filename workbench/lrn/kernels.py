"""Fast local response normalization: the functions of `reference`, computed by compiled loops.

This module chooses the loop that fits the memory layout, cuts the work into jobs for the threads, and computes again
what plain arithmetic cannot represent. It needs a few rows of memory per thread beside the result.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from workbench import parallel
from workbench.compiling import unlocked
from workbench.lrn import half, log_domain, loops_channels_first, loops_channels_last, loops_wide, loops_within
from workbench.lrn.loops_common import (
    BLOCK,
    OTHER,
    SCALE_ITSELF,
    THREE_QUARTERS,
)
from workbench.lrn.loops_wide import Numbers, View
from workbench.lrn.window import CONVERTED, SHORT_ROW, Window, compute_dtype, safe_limits, window_axes

NATIVE = (np.dtype(np.float32), np.dtype(np.float64))  # types that the loops read without conversion
ROW = 16384  # pixels of a forward tile: long rows, so that they are few and do not interrupt prefetching
GRADIENT_ROW = 4096  # pixels of a gradient tile: smaller, because the gradient keeps more rows
SUMMED_ROW = 1024  # pixels of a tile if windows hold more than five: sums of several rows stay in the near cache
CHUNK = 32768  # elements in the rows that the gradient processes at a time
BUFFER = 16384  # elements of a tile that holds pixels with all their channels
BAND = 32  # image rows in a job
LEVELS = (0, 700, 0, -700)  # exponents of the factor of x where squares are summed; float32 needs the first alone
WIDE_ROW = 128  # elements of a block's row where elements are computed again; 64 of them are a block across channels


def local_response_norm_scale(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    return _run((x,), window, channels_last, SCALE_ITSELF)


def local_response_norm(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    return _run((x,), window, channels_last, _power(window.beta))


def local_response_norm_gradient(dy: np.ndarray, x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    return _run((dy, x), window, channels_last, _power(window.beta))


@dataclasses.dataclass(frozen=True)
class _Plan:
    """The plan of one call: the shape that the loop sees, its arguments, and the number of jobs.

    `view` is what the loops that compute elements again see.
    """

    loop: Callable
    shape: tuple[int, ...]
    arguments: tuple
    jobs: int
    view: View


def _run(arrays: tuple, window: Window, channels_last: bool, power: tuple) -> np.ndarray:
    """Return a new array computed from `arrays` (dy and x, or x); its axes lie in memory in the order of x's axes."""
    x = arrays[-1]
    axes = window_axes(x.ndim, window.region, channels_last)
    if all(map(_is_ready, arrays)):
        return _run_ready(arrays, window, axes, power)
    if all(array.flags.c_contiguous for array in arrays):
        return _run_in_order(arrays, window, axes, power)
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    moved = tuple(sorted(order.index(axis) for axis in axes))  # a square window may be transposed
    if moved[-1] - moved[0] != len(axes) - 1:  # the rows and the columns of an image have to be neighbours
        order, moved = list(range(x.ndim)), axes
    out = _run_in_order(tuple(array.transpose(order) for array in arrays), window, moved, power)
    return out.transpose(np.argsort(order))


def _run_ready(arrays: tuple, window: Window, axes: tuple[int, ...], power: tuple) -> np.ndarray:
    """Return the result for arrays that the loops can read as they are."""
    x = arrays[-1]
    out = np.empty(x.shape, x.dtype)
    if out.size:
        _fill(arrays, out, window, axes, power, x)
    return out


def _run_in_order(arrays: tuple, window: Window, axes: tuple[int, ...], power: tuple) -> np.ndarray:
    """Return the result for arrays whose window runs over `axes`, block by block if they must be converted."""
    if all(map(_is_ready, arrays)):
        return _run_ready(arrays, window, axes, power)
    x = arrays[-1]
    out = np.empty(x.shape, x.dtype if x.dtype.isnative else x.dtype.newbyteorder("="))
    if not out.size:
        return out
    simple = all(array.flags.c_contiguous and array.dtype == out.dtype for array in arrays)
    if out.itemsize == 2 and simple and _fill_at_once(arrays, out, window, axes, power):
        return out
    blocks = list(_blocks(x.shape, axes))
    dtype = compute_dtype(x.dtype)

    def work(start: int, stop: int) -> None:
        buffers = [np.empty(out[blocks[start]].size, dtype) for _ in (*arrays, out)]  # only the last block is smaller
        with parallel.thread_limit(1):
            for block in blocks[start:stop]:
                place = out[block]
                *parts, result = (buffer[: place.size].reshape(place.shape) for buffer in buffers)
                for array, part in zip(arrays, parts, strict=True):
                    _load(array[block], part)
                _fill((*parts,), result, window, axes, power, x)
                _store(result, place)

    parallel.run(work, len(blocks), out.size)
    return out


def _is_ready(array: np.ndarray) -> bool:
    """Return whether the loops can read an array as it is."""
    return array.dtype in NATIVE and array.flags.c_contiguous


def _blocks(shape: tuple[int, ...], axes: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Yield slices that cut an axis that no window crosses into blocks of about CONVERTED elements.

    It is the first such axis, whose blocks lie together, unless one step along it is too large: then the longest.
    """
    free = [axis for axis in range(len(shape)) if axis not in axes]
    step = math.prod(shape) // shape[free[0]]
    cut = free[0] if step <= 2 * CONVERTED else max(free, key=lambda axis: shape[axis])
    length = max(1, CONVERTED * shape[cut] // math.prod(shape))
    for begin in range(0, shape[cut], length):
        yield tuple(slice(begin, begin + length) if axis == cut else slice(None) for axis in range(len(shape)))


def _load(block: np.ndarray, values: np.ndarray) -> None:
    """Copy a block to values that the loops can read."""
    if block.dtype.itemsize > 2:
        values[...] = block
    else:
        half.widen(half.bits_of(np.ascontiguousarray(block, block.dtype.newbyteorder("="))), values.ravel())


def _store(values: np.ndarray, block: np.ndarray) -> None:
    """Write values to a block of the result, rounded to its type."""
    if block.dtype.itemsize > 2:
        block[...] = values
        return
    whole = block if block.flags.c_contiguous else np.empty(block.shape, block.dtype)
    half.narrow(values.ravel(), half.bits_of(whole))
    if whole is not block:
        block.view(np.uint16)[...] = whole.view(np.uint16)


def _fill(arrays: tuple, out: np.ndarray, window: Window, axes: tuple, power: tuple, all_x: np.ndarray) -> None:
    """Fill `out` from arrays that the loops can read; the last array is a block of `all_x`."""
    x, direction = arrays[-1], "forward" if len(arrays) == 1 else "gradient"
    plan, constants = _preparation(x.shape, x.dtype, window, axes, direction)
    flat = [unlocked(array.ravel()) for array in (*arrays, out)]
    safe = _run_loop(plan, flat, power, constants)
    if np.count_nonzero(safe) < safe.size and not _fill_again(flat, plan, window, direction, power, safe):
        log_domain.refuse_vanishing_base(all_x, window, axes, at_least=1)


def _fill_at_once(arrays: tuple, out: np.ndarray, window: Window, axes: tuple, power: tuple) -> bool:
    """Fill `out` by a loop that converts elements of two bytes itself; return False if there is none or it is not safe.

    The loops across five channels do. They take less than the time of those for blocks, and of the memory.
    """
    direction = "forward" if len(arrays) == 1 else "gradient"
    plan, constants = _preparation(out.shape, compute_dtype(out.dtype), window, axes, direction)
    if plan.loop not in (loops_channels_first.five_forward, loops_channels_first.five_gradient):
        return False
    safe = _run_loop(plan, [half.bits_of(array) for array in (*arrays, out)], power, constants)
    return np.count_nonzero(safe) == safe.size


def _run_loop(plan: _Plan, flat: list, power: tuple, constants: np.ndarray) -> np.ndarray:
    """Run the loop of a plan on flat arrays; return which jobs were safe."""
    safe = np.zeros(plan.jobs, np.bool_)
    given = *flat, plan.shape, *plan.arguments, power, constants, safe
    parallel.run(plan.loop, plan.jobs, flat[-1].size, *given)
    return safe


def _fill_again(flat: list, plan: _Plan, window: Window, direction: str, power: tuple, safe: np.ndarray) -> bool:
    """Compute the elements of unsafe jobs that plain arithmetic gets wrong; return whether all bases are positive."""
    loop, numbers = getattr(loops_wide, direction), _numbers(flat[0].dtype, window)
    wanted = (power != SCALE_ITSELF,) if direction == "forward" else ()
    outer, height, _, lanes = plan.view.shape
    blocks = outer * -(-height // plan.view.band) * -(-lanes // plan.view.chunk)
    positive = np.ones(blocks, np.bool_)
    parallel.run(loop, blocks, flat[0].size, *flat, plan.view, *wanted, numbers, safe, positive)
    return bool(positive.all())


@lru_cache(maxsize=256)
def _preparation(
    shape: tuple[int, ...], dtype: np.dtype, window: Window, axes: tuple[int, ...], direction: str
) -> tuple[_Plan, np.ndarray]:
    """Return everything that a call needs beside its arrays.

    The result is cached: computing it after a large call, which empties the processor's caches of Python, takes 0.1 ms.
    """
    return _plan(shape, window, axes, direction), _constants(dtype, window)


def count_jobs(shape: tuple[int, ...], window: Window, channels_last: bool, direction: str) -> int:
    """Return the number of jobs that a call is cut into, 0 for an empty array; a thread does one job at a time."""
    axes = window_axes(len(shape), window.region, channels_last)
    return _plan(shape, window, axes, direction).jobs if math.prod(shape) else 0


def _plan(shape: tuple[int, ...], window: Window, axes: tuple[int, ...], direction: str) -> _Plan:
    outer, seen, inner = math.prod(shape[: axes[0]]), shape[axes[0] : axes[-1] + 1], math.prod(shape[axes[-1] + 1 :])
    if window.region == "within":
        return _image_plan(outer, *seen, inner, window, direction)
    if inner == 1:
        return _pixels_plan(outer, *seen, window, direction)
    return _planes_plan(outer, *seen, inner, window, direction)


def _planes_plan(batch: int, channels: int, pixels: int, window: Window, direction: str) -> _Plan:
    row = SUMMED_ROW if sum(window.clipped(channels)) > 4 else ROW if direction == "forward" else GRADIENT_ROW
    tiles = -(-pixels // row)
    tile = min(pixels, -(-pixels // tiles // BLOCK) * BLOCK)  # tiles of nearly equal size
    tiles = -(-pixels // tile)
    neighbours = window.clipped(channels)
    five = neighbours == (2, 2)
    chunk = () if direction == "forward" else (max(4, CHUNK // tile),)
    return _Plan(
        loop=getattr(loops_channels_first, f"five_{direction}" if five else direction),
        shape=(batch, channels, pixels),
        arguments=(tile, *chunk) if five else (tile, *chunk, *neighbours),
        jobs=batch * tiles,
        view=_view(
            (batch, channels, 1, pixels),
            (channels * pixels, pixels, 0, 1),
            neighbours,
            (0, 0),
            (tiles, 0, 1, tile),
        ),
    )


def _pixels_plan(pixels: int, channels: int, window: Window, direction: str) -> _Plan:
    before, after = window.clipped(channels)
    tile = min(pixels, max(1, BUFFER // (channels + max(before, after))))
    return _Plan(
        loop=getattr(loops_channels_last, direction),
        shape=(pixels, channels),
        arguments=(tile, before, after),
        jobs=-(-pixels // tile),
        view=_view((1, channels, 1, pixels), (0, 1, 0, channels), (before, after), (0, 0), (0, 0, 1, tile), True),
    )


def _image_plan(planes: int, height: int, width: int, step: int, window: Window, direction: str) -> _Plan:
    bands = -(-height // BAND)
    if step > 1:
        shape, strides = (planes, height, width, step), (height * width * step, width * step, step, 1)
        seen, jobs = (shape, strides), (bands, 1, 0, step)
    else:
        seen, jobs = ((1, height, width, planes), (0, width, 1, height * width)), (0, 1, bands, 1)
    small = "small_" if width * step < SHORT_ROW else ""
    return _Plan(
        loop=getattr(loops_within, small + direction),
        shape=(planes, height, width * step),
        arguments=(BAND, step, window.clipped(height), window.clipped(width)),
        jobs=planes * bands,
        view=_view(*seen, window.clipped(height), window.clipped(width), jobs),
    )


def _view(shape: tuple, strides: tuple, vertical: tuple, horizontal: tuple, jobs: tuple, masked: bool = False) -> View:
    band = BAND if jobs[1] else 2 * BAND  # bands of an image are those of its jobs
    return View(shape, strides, band, max(1, min(shape[3], WIDE_ROW // shape[2])), vertical, horizontal, jobs, masked)


def _power(beta: float) -> tuple:
    return THREE_QUARTERS if beta == 0.75 else OTHER


def _constants(dtype: np.dtype, window: Window) -> np.ndarray:
    """Return the numbers that make `Scalars` and `Limits`, in their order."""
    high = round(window.beta * 4096) / 4096 if window.beta < 2.0**40 else window.beta
    lowest, highest, largest = safe_limits(dtype, window)
    limits = (lowest, highest, largest) if lowest <= highest else (1.0, 0.0, 0.0)
    slope = 2 * window.coefficient * window.beta
    scalars = (window.coefficient, window.bias, 1.0, window.beta, high, window.beta - high, slope)
    info = np.finfo(dtype)
    steepness, exponent = math.frexp(slope)
    smallest = (info.minexp + 3, info.minexp + 2 - exponent) if steepness else (-1e30, -1e30)
    with np.errstate(over="ignore"):
        return np.array((*scalars, *limits, *smallest, info.nmant, info.maxexp - 1)).astype(dtype)


@lru_cache(maxsize=256)
def _numbers(dtype: np.dtype, window: Window) -> Numbers:
    """Return the arguments of the loops that compute elements again."""
    lowest, highest, largest = safe_limits(dtype, window)
    coefficient, exponent = _factors(window.alpha, 1 / window.divisor)
    slope, slope_exponent = _factors(window.alpha, 1 / window.divisor, window.beta, 2.0)
    shift = exponent // 2  # the exponent of a square must be even
    coefficient *= 2.0 ** (exponent - 2 * shift)
    smallest = np.finfo(dtype).minexp + 1
    with np.errstate(all="ignore"):
        levels = [
            (np.exp2(k), coefficient, np.ldexp(window.bias, 2 * (k - shift)), 2.0 * (shift - k))
            for k in LEVELS[: 1 if dtype == np.float32 else None]
        ]
        return Numbers(
            beta=window.beta,
            slope=slope,
            slope_exponent=float(slope_exponent),
            log2_bias=float(np.log2(window.bias)),
            lowest=float(np.log2(lowest)),
            highest=float(np.log2(max(highest, 0.0))),
            largest_sum=float(np.finfo(dtype).max) / 2,
            largest=float(np.log2(largest)) if largest else 0.0,
            smallest=float(smallest),
            smallest_x=float(np.ldexp(1.0, min(1023, smallest - slope_exponent))),
            levels=np.array(levels),
        )


def _factors(*factors: float) -> tuple[float, int]:
    """Return m and e with m * 2^e the product, where the product itself may be beyond a float's range."""
    pairs = [math.frexp(factor) for factor in factors]
    m, e = math.frexp(math.prod(m for m, _ in pairs))
    return m, e + sum(e for _, e in pairs)
