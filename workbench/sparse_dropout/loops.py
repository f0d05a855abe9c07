"""The compiled loops of dropout with replacement.

    elements   a dense array: words are drawn tile by tile, and compared and applied while they are in the cache
    runs       a block of a larger array: the same, with words from many places
    entries    the stored entries of a sparse matrix: each draws the word of its place in the matrix
    fates      one draw a segment, output lengths, and what they add up to
    segments   stretches of kept values copied, dropped segments replaced
    gradient   the way back, with the sums that a replacement's gradient needs

What makes them fast, each measured:

    philox     Word by word in 64-bit lanes: a multiplication reads the low half of a lane alone, so nothing is masked
               between rounds and no lane is moved. Four words of a block become four bytes of one store.
    tiles      A tile is marked and then selected, so marks are read from the first-level cache.
    prefetch   Drawing is pure arithmetic: meanwhile each tile asks for the memory that a later tile needs.
    bits       Values are selected as unsigned integers of their width, so that a type costs no code of its own.

This file imports no other compiled function but the prefetch: Numba's cache on disk notices a change in a function's
own file alone.
"""

from collections import namedtuple

import numpy as np

from workbench.compiling import compiler, prefetch_to_read, prefetch_to_write

kernel = compiler()
sums_kernel = compiler(fastmath={"reassoc"})  # sums in vectors: their order is still the same in every run
part = compiler(forceinline=True)
sums_part = compiler(forceinline=True, fastmath={"reassoc"})

u, u64 = np.uintp, np.uint64  # unsigned indices need no test for Python's negative ones

# What an element's fate depends on: `block` is the counter of the first block, `key0` and `key1` are the seed.
Draw = namedtuple("Draw", "threshold key0 key1 block")

TILE = 256  # elements
AHEAD = 1024  # elements between a tile and what it prefetches
CHUNK = 4096  # segments of a job; a multiple of four, so that no block of words is shared

M0, M1 = u64(0xD2511F53), u64(0xCD9E8D57)
WEYL0, WEYL1 = u64(0x9E3779B9), u64(0xBB67AE85)
LOW, HALF, ZERO = u64(0xFFFFFFFF), u64(32), u64(0)
BYTES = (u64(1), u64(1 << 8), u64(1 << 16), u64(1 << 24))


@part
def _philox(block, key0, key1):
    """Return the four words of a block, each in the low half of a uint64 whose high half is zero."""
    c0, c1, c2, c3 = block & LOW, block >> HALF, ZERO, ZERO
    for _ in range(10):
        p0, p1 = M0 * (c0 & LOW), M1 * (c2 & LOW)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ key0, p1, (p0 >> HALF) ^ c3 ^ key1, p0
        key0, key1 = (key0 + WEYL0) & LOW, (key1 + WEYL1) & LOW
    return c0 & LOW, c1 & LOW, c2 & LOW, c3 & LOW


@part
def _quad(block, draw):
    """Return four bytes, 1 where the word of a block is below the threshold, else 0."""
    w0, w1, w2, w3 = _philox(block, draw.key0, draw.key1)
    t = draw.threshold
    low = (BYTES[0] if w0 < t else ZERO) | (BYTES[1] if w1 < t else ZERO)
    high = (BYTES[2] if w2 < t else ZERO) | (BYTES[3] if w3 < t else ZERO)
    return np.uint32(low | high)


@part
def _mark(quads, at, count, draw):
    """Set the bytes of quads[at : at + count] to 1 where the word is below the threshold, else to 0."""
    for b in range(at, at + count):
        quads[b] = _quad(draw.block + b, draw)


@part
def _select(x, y, at, marks, m, values, v, count, scale):
    """Set y[at : at + count] to the value where marked, else to x, or to (x - value * scale[0]) * scale[1]."""
    for i in range(count):
        new, kept = values[v + i], x[at + i]  # both loaded whatever the mark: a load under a condition costs more
        if len(scale):
            kept = (kept - new * scale[0]) * scale[1]
        y[at + i] = new if marks[m + i] else kept


@part
def _spread(buffer, values, at, count, run):
    """Write the values of elements at .. at + count to `buffer`: each value serves `run` elements, then all again."""
    value, left, i = u(at // run) % u(values.shape[0]), run - at % run, u(0)
    while i < count:
        stop = min(i + left, count)
        for j in range(i, stop):
            buffer[j] = values[value]
        value, left, i = (value + u(1)) % u(values.shape[0]), run, stop


@part
def _select_tile(x, y, at, marks, m, values, period, run, buffer, count, scale):
    """Select a tile's elements at .. at + count, each with the value that belongs to it."""
    if len(run):
        _spread(buffer, values, at, count, u(run[0]))
        if count == u(TILE):
            _select(x, y, at, marks, m, buffer, u(0), u(TILE), scale)
        else:
            _select(x, y, at, marks, m, buffer, u(0), count, scale)
    else:
        v = at % u(period)
        if count == u(TILE):
            _select(x, y, at, marks, m, values, v, u(TILE), scale)
        else:
            _select(x, y, at, marks, m, values, v, count, scale)


@kernel
def words(out, draw):
    """Write the words from block `draw.block` on to out (4 * blocks,)."""
    for b in range(u(out.shape[0] // 4)):
        w0, w1, w2, w3 = _philox(draw.block + b, draw.key0, draw.key1)
        out[u(4) * b], out[u(4) * b + u(1)] = np.uint32(w0), np.uint32(w1)
        out[u(4) * b + u(2)], out[u(4) * b + u(3)] = np.uint32(w2), np.uint32(w3)


@kernel
def elements(x, y, quads, marks, shift, values, period, run, scale, draw, start, stop):
    """Draw and apply tiles start .. stop of x (n,) to y (n,).

    `marks`, the bytes of `quads`, has `shift` bytes before those of x, so that a block of words is never split. Tiles
    are counted there. Element i takes values[i % period], or with run = (r,) values[i // r % len(values)]; `values`
    goes on for a tile beyond its period.
    """
    buffer = np.empty(TILE, values.dtype)
    step = u(64 // x.itemsize)
    first, end = u(shift), u(shift) + u(x.shape[0])
    for tile in range(u(start), u(stop)):
        m = tile * u(TILE)
        for line in range(u(0), u(TILE), step):
            prefetch_to_read(x, m + u(AHEAD) + line)
            prefetch_to_write(y, m + u(AHEAD) + line)
        _mark(quads, m // u(4), u(TILE // 4), draw)
        begin, finish = max(m, first), min(m + u(TILE), end)
        _select_tile(x, y, begin - first, marks, begin, values, period, run, buffer, finish - begin, scale)


@part
def _list_blocks(blocks, begins, length, first, at, count):
    """Write down the blocks of words that elements at .. at + count need, run after run, and return how many."""
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
def _gather(marks, drawn, begins, length, first, at, count):
    """Set marks[at : at + count] from the bytes of those blocks, without the words before and after each run."""
    r, passed, listed, i = at // length, at % length, u(0), u(0)
    while i < count:
        taken = min(length - passed, count - i)
        unused = u((first + begins[r] + u64(passed)) & u64(3))
        for j in range(taken):
            marks[at + i + j] = drawn[u(4) * listed + unused + j]
        r, passed, listed, i = r + u(1), u(0), listed + (unused + taken + u(3) >> u(2)), i + taken


@kernel
def runs(x, y, marks, begins, length, first, values, period, run, scale, draw, start, stop):
    """Draw and apply tiles start .. stop of x (n,), runs of `length` elements of a larger array, to y (n,).

    Element i of run r has word first + begins[r] + i. A tile's blocks are listed before they are drawn, so that short
    runs, too, are drawn in vectors; no run needs more blocks than it has elements. `values` as in `elements`.
    """
    blocks, quads, buffer = np.empty(TILE, np.uint64), np.empty(TILE, np.uint32), np.empty(TILE, values.dtype)
    drawn = quads.view(np.uint8)
    step = u(64 // x.itemsize)
    for tile in range(u(start), u(stop)):
        at = tile * u(TILE)
        for line in range(u(0), u(TILE), step):
            prefetch_to_read(x, at + u(AHEAD) + line)
            prefetch_to_write(y, at + u(AHEAD) + line)
        count = min(u(TILE), u(x.shape[0]) - at)
        for b in range(_list_blocks(blocks, begins, u(length), first, at, count)):
            quads[b] = _quad(blocks[b], draw)
        _gather(marks, drawn, begins, u(length), first, at, count)
        _select_tile(x, y, at, marks, at, values, period, run, buffer, count, scale)


@kernel
def entries(x, y, marks, majors, minors, steps, values, value_steps, scale, draw, first, start, stop):
    """Draw and apply the stored entries start .. stop of a compressed sparse matrix, x (n,) to y (n,) and marks (n,).

    `majors` (lines + 1,) is where each line begins and `minors` (n,) is where an entry stands in its line. An entry's
    word is first + major * steps[0] + minor * steps[1], its replacement values[major * value_steps[0] + ...], or
    values[0] where value_steps is ().
    """
    if stop <= start:
        return
    place, value = np.empty(TILE, np.uint64), np.zeros(TILE, np.uint64)
    step = u(64 // x.itemsize)
    major = np.searchsorted(majors, start, side="right") - 1
    for tile in range(u(start), u(stop), u(TILE)):
        count = min(u(TILE), u(stop) - tile)
        for line in range(u(0), u(TILE), step):
            prefetch_to_read(x, tile + u(AHEAD) + line)
            prefetch_to_read(minors, tile + u(AHEAD) + line)
            prefetch_to_write(y, tile + u(AHEAD) + line)
        i = u(0)
        while i < count:
            while u(majors[major + 1]) <= tile + i:
                major += 1
            end = min(u(majors[major + 1]) - tile, count)
            base = first + u64(major) * steps[0]
            for j in range(i, end):
                place[j] = base + u64(minors[tile + j]) * steps[1]
            if len(value_steps):
                for j in range(i, end):
                    value[j] = u64(major) * value_steps[0] + u64(minors[tile + j]) * value_steps[1]
            i = end
        for j in range(count):
            at = place[j]
            w0, w1, w2, w3 = _philox(at >> u64(2), draw.key0, draw.key1)
            low = w1 if at & u64(1) else w0
            high = w3 if at & u64(1) else w2
            marks[tile + j] = (high if at & u64(2) else low) < draw.threshold
        for j in range(count):
            new, kept = values[value[j]] if len(value_steps) else values[0], x[tile + j]
            if len(scale):
                kept = (kept - new * scale[0]) * scale[1]
            y[tile + j] = new if marks[tile + j] else kept


@kernel
def fates(lengths, output_lengths, quads, marks, shift, draw, size, totals, start, stop):
    """Draw the segments of chunks start .. stop, write their output lengths, and add them up.

    totals[chunk] is the values taken in and given out; (-1, segment) where a length is negative or above `size`.
    """
    first, end = u(shift), u(shift) + u(lengths.shape[0])
    for chunk in range(u(start), u(stop)):
        m = chunk * u(CHUNK)
        begin, finish = max(m, first), min(m + u(CHUNK), end)
        _mark(quads, m // u(4), (finish - m + u(3)) // u(4), draw)
        taken, given, wrong = np.int64(0), np.int64(0), 0
        for i in range(finish - begin):
            length = np.int64(lengths[begin - first + i])
            wrong += (length < 0) | (length > size)
            new = np.int64(1) if marks[begin + i] else length
            output_lengths[begin - first + i] = new
            taken += length
            given += new
        totals[chunk, 0], totals[chunk, 1] = taken, given
        if wrong:
            i = begin - first
            while 0 <= lengths[i] <= size:
                i += u(1)
            totals[chunk, 0], totals[chunk, 1] = -1, np.int64(i)


@part
def _copy(x, at, y, to, count):
    for i in range(count):
        y[to + i] = x[at + i]


@kernel
def segments(x, y, lengths, marks, shift, value, inputs, outputs, start, stop):
    """Copy what was kept of chunks start .. stop and replace what was dropped; chunk c begins at inputs[c], outputs[c].

    Kept segments that follow one another are one stretch in x and in y, and are copied at once.
    """
    first, end = u(shift), u(shift) + u(lengths.shape[0])
    for chunk in range(u(start), u(stop)):
        m = chunk * u(CHUNK)
        begin, finish = max(m, first), min(m + u(CHUNK), end)
        at, to = u(inputs[chunk]), u(outputs[chunk])
        kept = at
        for i in range(begin, finish):
            if marks[i]:
                _copy(x, kept, y, to, at - kept)
                to += at - kept + u(1)
                y[to - u(1)] = value
                at += u(lengths[i - first])
                kept = at
            else:
                at += u(lengths[i - first])
        _copy(x, kept, y, to, at - kept)


@sums_part
def _add_up(dy, marks, at, count, sums, period, run):
    """Add dy[at : at + count] to sums[0] where marked, else to sums[1], each to that of the value it belongs to."""
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
    """Carry jobs start .. stop, of `length` elements, of dy (n,) back to dx (n,): 0 where marked, else dy * scale.

    sums[job] (2, values) are the sums of dy where marked, and where not, for each value of the replacement. Element i
    took value i % period, or with run = (r,) value i // r % period.
    """
    step = u(64 // dy.itemsize)
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(length), u(dy.shape[0]))
        for at in range(job * u(length), end, u(TILE)):
            for line in range(u(0), u(TILE), step):
                prefetch_to_read(dy, at + u(AHEAD) + line)
                prefetch_to_write(dx, at + u(AHEAD) + line)
            count = min(u(TILE), end - at)
            for i in range(at, at + count):
                scaled = dy[i] * scale
                dx[i] = dy.dtype.type(0) if marks[i] else scaled
            _add_up(dy, marks, at, count, sums[job], period, run)
