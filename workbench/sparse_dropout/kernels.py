"""Fast dropout with replacement: the functions of `reference`, computed by compiled loops.

One pass over the data draws, compares and selects; threads share the tiles. A random word depends only on the seed and
its position, so the result does not depend on how the work is shared. Beside the results, the memory needed is a row of
the replacement, and one byte per segment.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from workbench import parallel, philox
from workbench.compiling import unlocked
from workbench.sparse_dropout import loops_common, loops_dense, loops_segments, loops_sparse
from workbench.sparse_dropout.inputs import Drop, check_entries, check_sum
from workbench.sparse_dropout.loops_common import JOB, TILE
from workbench.sparse_dropout.reference import sum_to, summed_axes
from workbench.sparse_dropout.sparse_entries import Stored

ENTRIES = 1 << 14  # stored entries in a job
SUMS = 64  # a gradient has at most this many jobs, each with its own sums, whatever the number of threads
ROOM = 16  # such a job has at least this many elements for each value of the replacement


def dropout_with_replacement(x, drop: Drop, replacement: np.ndarray, scale: float | None) -> tuple:
    if isinstance(x, Stored):
        return _stored(x, drop, replacement, scale)
    values, period, run = _cycle(replacement, x.shape)
    y, dropped = _elements(x.ravel(), drop, values, period, run, scale)
    return (y, dropped) if x.ndim == 1 else (y.reshape(x.shape), dropped.reshape(x.shape))


def dropout_of_runs(x, begins: np.ndarray, drop: Drop, replacement: np.ndarray, scale: float | None) -> tuple:
    if begins.size == 1:
        start = drop.start + int(begins[0])
        return dropout_with_replacement(x, drop._replace(start=start), replacement, scale)
    values, period, run = _cycle(replacement, x.shape)
    if values.size == 1:
        values = np.full(TILE, values[0])
    marks = np.empty(x.size, np.uint8)
    length, first, draw = x.size // max(begins.size, 1), np.uint64(drop.start), _draw(drop)
    more = marks, unlocked(begins), length, first, period, run, draw
    y = _selected(x.ravel(), drop, values, scale, -(-x.size // JOB), loops_dense.runs, more)
    return y.reshape(x.shape), marks.view(np.bool_).reshape(x.shape)


@np.errstate(over="ignore", invalid="ignore")
def dropout_with_replacement_gradient(dy, dropped, scale: float, replacement_shape: tuple[int, ...]) -> tuple:
    carry_back = _carry_back_stored if isinstance(dy, Stored) else _carry_back_dense
    dx, sums = carry_back(dy, dropped, scale, replacement_shape)
    # A kept element is new + (x - new) * scale, whose derivative with respect to new is 1 - scale.
    shares = sums[0] if scale == 1 else sums[0] + (1 - scale) * sums[1]
    return dx, np.asarray(shares).reshape(replacement_shape).astype(dy.dtype)


def _carry_back_dense(dy, dropped, scale: float, replacement_shape: tuple[int, ...]) -> tuple:
    """Return dx, and two sums of dy over the axes that share a value: of dropped and of kept elements."""
    covered, run = _covered_axes(replacement_shape, dy.shape)
    values, all_of_them = math.prod(covered), (max(dy.size, 1),)
    if covered and not 0 < values * ROOM <= dy.size:  # one array of sums per job would need too much memory
        dx, _ = _carry_back(dy, dropped, scale, 1, all_of_them)
        of_kept = 0.0 if scale == 1 else _sum_where(dy, ~dropped, replacement_shape)
        return dx, (_sum_where(dy, dropped, replacement_shape), of_kept)
    dx, sums = _carry_back(dy, dropped, scale, values, run if covered else all_of_them)
    if not covered:
        return dx, sums
    return dx, [sum_to(each.reshape(covered), _inner_shape(replacement_shape, covered)) for each in sums]


def _carry_back_stored(dy: Stored, dropped: Stored, scale: float, replacement_shape: tuple[int, ...]) -> tuple:
    dx, sums = _carry_back(dy.data, dropped.data, scale, 1, (max(dy.count, 1),))
    if math.prod(replacement_shape) == 1:
        return dy.like(dx), sums
    values = np.arange(math.prod(replacement_shape)).reshape(replacement_shape)
    value = np.broadcast_to(values, dy.shape)[dy.as_rows_and_columns(dy.majors, dy.minors)]
    return dy.like(dx), [
        np.bincount(value[chosen], dy.data[chosen], minlength=values.size) for chosen in (dropped.data, ~dropped.data)
    ]


def _carry_back(dy, dropped, scale: float, values: int, run: tuple) -> tuple[np.ndarray, np.ndarray]:
    """Return dx, and the sums of dy (2, values) of dropped and of kept elements, for each value of the replacement."""
    wide = np.dtype(np.float32) if dy.itemsize == 2 else dy.dtype
    source = unlocked(np.ascontiguousarray(dy, wide).ravel())
    marks = unlocked(np.ascontiguousarray(dropped).ravel().view(np.uint8))
    dx = np.empty(source.size, wide)
    jobs = max(1, min(SUMS, source.size // (ROOM * values)))
    length = -(-source.size // (jobs * TILE)) * TILE
    sums = np.zeros((jobs, 2, values))
    given = source, dx, marks, wide.type(scale), sums, length, values, run
    parallel.run(loops_dense.gradient, jobs, source.size, *given)
    return dx.reshape(dy.shape).astype(dy.dtype, copy=False), sums[0] if jobs == 1 else np.add.reduce(sums)


def _sum_where(dy: np.ndarray, chosen: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the sum of the chosen elements over the axes that broadcasting from `shape` adds or stretches."""
    return np.sum(dy, axis=summed_axes(dy.ndim, shape), dtype=np.float64, where=chosen)


def sparse_dropout_with_replacement(x: np.ndarray, lengths: np.ndarray, drop: Drop, value: np.ndarray) -> tuple:
    lengths = lengths.copy()  # they are read twice: another thread must not change them in between
    marks, shift = _marks(drop, lengths.size)
    output_lengths = np.empty(lengths.size, lengths.dtype)
    chunks = -(-(shift + lengths.size) // loops_segments.CHUNK) if lengths.size else 0
    totals = np.empty((2, chunks), np.int64)
    segments = lengths, output_lengths, marks, shift, _draw(drop), x.size, totals
    parallel.run(loops_segments.draw_segments, chunks, lengths.size, *segments)
    read, written = totals.tolist()
    if sum(read) != x.size or -1 in read:
        check_sum(lengths, x.size)  # raises, and says what is wrong
    bits = _bits(x.dtype)
    source, new = unlocked(x.ravel().view(bits)), value.view(bits)[()]
    y = np.empty(sum(written), bits)
    parallel.run(loops_segments.copy_segments, chunks, x.size, source, y, lengths, marks, shift, new, totals)
    return y.view(x.dtype), output_lengths


def sparse_itemwise_dropout_with_replacement(x, lengths: np.ndarray, drop: Drop, value: np.ndarray) -> tuple:
    if loops_segments.add_up(unlocked(lengths), x.size) != x.size:
        check_sum(lengths, x.size)  # raises, and says what is wrong
    values, period, run = _cycle(value, x.shape)
    y, _ = _elements(x.ravel(), drop, values, period, run, None)
    return y, lengths.copy()


def random_words(seed: int, count: int, start: int = 0) -> np.ndarray:
    """Return words start .. start + count of a seed's stream, uint32, as `philox.words` does, by a compiled loop."""
    draw = _draw(Drop(0.0, seed, start))
    skipped = start % philox.WORDS_PER_BLOCK
    out = np.empty(-(-(skipped + count) // 4) * 4, np.uint32)
    loops_common.words(out, draw)
    return out[skipped : skipped + count]


def _elements(x: np.ndarray, drop: Drop, values: np.ndarray, period: int, run: tuple, scale: float | None) -> tuple:
    """Apply dropout to flat x and return y and dropped."""
    marks, shift = _marks(drop, x.size)
    more = marks, shift, period, run, _draw(drop)
    y = _selected(x, drop, values, scale, -(-marks.size // JOB), loops_dense.elements, more)
    return y, marks[shift : shift + x.size]


def _selected(
    x: np.ndarray, drop: Drop, values: np.ndarray, scale: float | None, jobs: int, loop: Callable, more: tuple
) -> np.ndarray:
    """Return y from a loop over jobs of flat x, which takes `more` arguments; float16 is scaled in float32."""
    if scale is None:
        view = _bits(x.dtype)
        source, values = x.view(view), values.view(view)
    else:
        view = np.dtype(np.float32) if x.dtype == np.float16 else x.dtype
        source, values = x.astype(view, copy=False), values.astype(view, copy=False)
    y = np.empty(x.size, view)
    given = unlocked(source), y, unlocked(values), _scales(drop, scale, view), *more
    parallel.run(loop, jobs, x.size, *given)
    if scale is None:
        return y.view(x.dtype)
    with np.errstate(over="ignore"):
        return y.astype(x.dtype, copy=False)


def _marks(drop: Drop, count: int) -> tuple[np.ndarray, int]:
    """Return whole tiles with room for a mark per element, and the number of marks before the first."""
    shift = drop.start % philox.WORDS_PER_BLOCK
    return np.empty(-(-(shift + count) // TILE) * TILE, np.bool_), shift


def _draw(drop: Drop) -> tuple[int, ...]:
    return drop.threshold, *philox.key_of(drop.seed), drop.start // philox.WORDS_PER_BLOCK


def _scales(drop: Drop, scale: float | None, dtype: np.dtype) -> tuple:
    return () if scale is None else (dtype.type(drop.ratio), dtype.type(scale))


def _cycle(values: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, int, tuple]:
    """Return the values that repeat over a flat array of `shape`, their period, and `run`.

    `run` is (n,) if each value serves n adjacent elements. If it is (), the values are one number, or one tile longer
    than the period.
    """
    if values.size == 1:
        return values.ravel(), 1, ()
    covered, run = _covered_axes(values.shape, shape)
    cycle = np.broadcast_to(values.reshape(_inner_shape(values.shape, covered)), covered).reshape(-1)
    if run:
        return cycle, cycle.size, run
    return np.concatenate([cycle, np.resize(cycle, TILE)]), cycle.size, ()


def _stored(x: Stored, drop: Drop, replacement: np.ndarray, scale: float | None) -> tuple:
    source = x.data
    y, dropped = np.empty_like(source), np.empty(x.count, np.bool_)
    view = _bits(source.dtype) if scale is None else source.dtype
    values = np.ascontiguousarray(replacement, source.dtype)
    steps, (_, width) = x.as_rows_and_columns(x.shape[1], 1), x.as_rows_and_columns(*x.shape)
    value_steps = ()
    if values.size > 1:
        of_rows, of_columns = (step // values.itemsize for step in np.broadcast_to(values, x.shape).strides)
        value_steps = x.as_rows_and_columns(of_rows, of_columns)
    scales = _scales(drop, scale, source.dtype)
    arrays = unlocked(source.view(view)), y.view(view), dropped, unlocked(x.bounds), unlocked(x.minors)
    values = unlocked(values.reshape(-1).view(view))
    draw, out_of_place = _draw(drop), []

    def work(start: int, stop: int) -> None:
        begin, end = start * ENTRIES, min(stop * ENTRIES, source.size)
        given = *arrays, width, steps, values, value_steps, scales, draw, drop.start
        out_of_place.append(loops_sparse.entries(*given, begin, end))

    parallel.run(work, -(-source.size // ENTRIES), source.size)
    if any(out_of_place):
        check_entries("x", x)  # raises, unless the entries of a line are in another order
    return x.like(y), x.like(dropped)


@functools.cache
def _bits(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")


def _covered_axes(values_shape: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple]:
    """Return the lengths in `shape` of the axes from the first to the last along which values differ, and `run`.

    `run` is (n,) with the number n of elements in the axes after those, or () if there are none. Element i of the flat
    array has value i // n % prod(lengths). One value gives () and ().
    """
    varying = [i - len(values_shape) for i, length in enumerate(values_shape) if length != 1]  # axes, from the end
    if not varying:
        return (), ()
    first, end = len(shape) + varying[0], len(shape) + varying[-1] + 1
    return shape[first:end], (math.prod(shape[end:]),) if end < len(shape) else ()


def _inner_shape(values_shape: tuple[int, ...], covered: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of the values along the covered axes, without the axes before and after."""
    varying = [i for i, length in enumerate(values_shape) if length != 1]
    return tuple(values_shape[varying[0] : varying[-1] + 1]) if covered else ()
