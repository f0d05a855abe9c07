"""Compiled loops of dropout over a dense array.

elements   apply dropout to a whole array; words are drawn, compared and used tile by tile, within the cache
runs       apply dropout to a block of a larger array, whose words come from many positions of the stream
gradient   compute the gradient, with the sums for the replacement's gradient
"""

import numpy as np

from workbench.compiling import compiler, prefetch_tile
from workbench.sparse_dropout.loops_common import (
    JOB,
    TILE,
    draw_block,
    draw_marks,
    drawn_as,
    kernel,
    part,
    select_tile,
    u,
    u64,
)

sums_kernel = compiler(fastmath={"reassoc"})  # sums in vectors; their order is the same in every run
sums_part = compiler(forceinline=True, fastmath={"reassoc"})


@kernel
def elements(x, y, values, scale, marks, shift, period, run, draw, start, stop):
    """Apply dropout to jobs start .. stop of x (n,) and write the result to y (n,).

    `marks` has whole tiles of bytes, by which tiles are counted. Its first `shift` bytes do not belong to x, so that a
    block of words is never split. The replacement of element i is values[i % period], or with run = (r,)
    values[i // r % len(values)]. Without a run, `values` continues for one tile beyond its period, or is one number.
    """
    draw, quads, buffer = drawn_as(draw), marks.view(np.uint32), np.empty(TILE, values.dtype)
    if not len(run) and values.shape[0] == 1:
        for i in range(TILE):
            buffer[i] = values[0]
        values = buffer
    first, end = u(shift), u(shift) + u(x.shape[0])
    for m in range(u(start) * u(JOB), min(u(stop) * u(JOB), u(marks.shape[0])), u(TILE)):
        prefetch_tile(x, y, m, TILE)
        draw_marks(quads, m // u(4), u(TILE // 4), draw)
        begin, finish = max(m, first), min(m + u(TILE), end)
        select_tile(x, y, begin - first, marks, begin, values, period, run, buffer, finish - begin, scale)


@part
def _blocks_of_runs(blocks, begins, length, first, at, count):
    """List the blocks of words that elements at .. at + count need, run after run, and return their number."""
    r, passed, listed, i = at // length, at % length, u(0), u(0)
    while i < count:
        taken = min(length - passed, count - i)
        word = first + begins[r] + u64(passed)
        needed = u(word & u64(3)) + taken + u(3) >> u(2)
        for j in range(needed):
            blocks[listed + j] = (word >> u64(2)) + u64(j)
        r, passed, listed, i = r + u(1), u(0), listed + needed, i + taken
    return listed


@part
def _marks_of_runs(marks, drawn, begins, length, first, at, count):
    """Set marks[at : at + count] from the bytes of the listed blocks, without the words before and after each run."""
    r, passed, listed, i = at // length, at % length, u(0), u(0)
    while i < count:
        taken = min(length - passed, count - i)
        unused = u((first + begins[r] + u64(passed)) & u64(3))
        for j in range(taken):
            marks[at + i + j] = drawn[u(4) * listed + unused + j]
        r, passed, listed, i = r + u(1), u(0), listed + (unused + taken + u(3) >> u(2)), i + taken


@kernel
def runs(x, y, values, scale, marks, begins, length, first, period, run, draw, start, stop):
    """Apply dropout to jobs start .. stop of x (n,), runs of `length` elements of a larger array; write to y (n,).

    Element i of run r has word first + begins[r] + i. The blocks of a tile are listed before they are drawn, so that
    short runs are drawn in vectors too. A run never needs more blocks than elements. `values` is as in `elements`, but
    at least a tile long.
    """
    blocks, quads, buffer = np.empty(TILE, np.uint64), np.empty(TILE, np.uint32), np.empty(TILE, values.dtype)
    draw, drawn = drawn_as(draw), quads.view(np.uint8)
    for at in range(u(start) * u(JOB), min(u(stop) * u(JOB), u(x.shape[0])), u(TILE)):
        prefetch_tile(x, y, at, TILE)
        count = min(u(TILE), u(x.shape[0]) - at)
        for b in range(_blocks_of_runs(blocks, begins, u(length), first, at, count)):
            quads[b] = draw_block(blocks[b], draw)
        _marks_of_runs(marks, drawn, begins, u(length), first, at, count)
        select_tile(x, y, at, marks, at, values, period, run, buffer, count, scale)


@sums_part
def _add_up(dy, marks, at, count, sums, period, run):
    """Add each of dy[at : at + count] to the sum of its value: in sums[0] if marked, else in sums[1]."""
    end = at + count
    while at < end:
        if len(run):
            value = (at // u(run[0])) % u(period)
            stop = min(at + u(run[0]) - at % u(run[0]), end)
            dropped, kept = 0.0, 0.0
            for i in range(at, stop):
                dropped += dy[i] if marks[i] else 0.0
                kept += 0.0 if marks[i] else dy[i]
            sums[0, value] += dropped
            sums[1, value] += kept
        else:
            value = at % u(period)
            stop = min(at + u(period) - value, end)
            for i in range(stop - at):
                new, mark = np.float64(dy[at + i]), marks[at + i]
                sums[0, value + i] += new if mark else 0.0
                sums[1, value + i] += 0.0 if mark else new
        at = stop


@sums_kernel
def gradient(dy, dx, marks, scale, sums, length, period, run, start, stop):
    """Set dx (n,) to 0 where marked, else to dy * scale, for jobs start .. stop of `length` elements of dy (n,).

    sums[job] (2, values) holds the sums of dy over marked and over other elements, for each value of the replacement.
    Element i has value i % period, or with run = (r,) value i // r % period.
    """
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(length), u(dy.shape[0]))
        for at in range(job * u(length), end, u(TILE)):
            prefetch_tile(dy, dx, at, TILE)
            count = min(u(TILE), end - at)
            for i in range(at, at + count):
                scaled = dy[i] * scale
                dx[i] = dy.dtype.type(0) if marks[i] else scaled
            _add_up(dy, marks, at, count, sums[job], period, run)
