"""Common parts of the compiled loops of dropout: draw the random words of a tile, and select between two values.

These techniques make the loops fast; each was measured:

    philox     Each word has a 64-bit lane. A multiplication reads only the low half of a lane, so that no masks are
               needed between rounds and no lane is moved. One store writes the four bytes of a block's four words.
    tiles      Each tile is marked and then selected, so that the marks are read from the L1 cache.
    prefetch   Drawing is pure arithmetic. Meanwhile each tile prefetches the memory of a later tile.
    bits       Values are selected as unsigned integers of the same width, so that types of one width share their code.
"""

from collections import namedtuple

import numpy as np

from workbench.compiling import compiler, philox4x32
from workbench.philox import HALF, LOW, TILE

kernel = compiler()
part = compiler(forceinline=True)

JOB = 64 * TILE  # elements of a dense array in a job

u, u64 = np.uintp, np.uint64  # unsigned indices need no test for Python's negative ones

# The parameters of draws: `block` is the counter of the first block, `key0` and `key1` are the seed. Python gives them
# to a kernel as a plain tuple of ints, which takes a quarter of the time of a named tuple of uint64.
Draw = namedtuple("Draw", "threshold key0 key1 block")

ZERO = u64(0)
BYTES = (u64(1), u64(1 << 8), u64(1 << 16), u64(1 << 24))


@part
def drawn_as(numbers):
    """Return the parameters of draws, from a tuple of them, as uint64."""
    return Draw(u64(numbers[0]), u64(numbers[1]), u64(numbers[2]), u64(numbers[3]))


@part
def random_block(block, key0, key1):
    """Return the four words of a block, each in the low half of a uint64 whose high half is zero."""
    return philox4x32(block & LOW, block >> HALF, ZERO, ZERO, key0, key1)


@part
def write_words(out, first, blocks, key0, key1):
    """Set out[: 4 * blocks] to the words of the blocks from `first` on."""
    for b in range(blocks):
        w0, w1, w2, w3 = random_block(first + b, key0, key1)
        out[u(4) * b], out[u(4) * b + u(1)] = np.uint32(w0), np.uint32(w1)
        out[u(4) * b + u(2)], out[u(4) * b + u(3)] = np.uint32(w2), np.uint32(w3)


@part
def draw_block(block, draw):
    """Return four bytes for the words of a block: 1 if the word is below the threshold, else 0."""
    w0, w1, w2, w3 = random_block(block, draw.key0, draw.key1)
    t = draw.threshold
    low = (BYTES[0] if w0 < t else ZERO) | (BYTES[1] if w1 < t else ZERO)
    high = (BYTES[2] if w2 < t else ZERO) | (BYTES[3] if w3 < t else ZERO)
    return np.uint32(low | high)


@part
def draw_marks(quads, at, count, draw):
    """Set the bytes of quads[at : at + count] to 1 if their word is below the threshold, else to 0."""
    for b in range(at, at + count):
        quads[b] = draw_block(draw.block + b, draw)


@part
def _select(x, y, at, marks, m, values, v, count, scale):
    """Set y[at : at + count] to the value if marked, else to x, or if scaled to (x - value * scale[0]) * scale[1]."""
    for i in range(count):
        new, kept = values[v + i], x[at + i]  # load both always: a conditional load is slower
        if len(scale):
            kept = (kept - new * scale[0]) * scale[1]
        y[at + i] = new if marks[m + i] else kept


@part
def _spread(buffer, values, at, count, run):
    """Write the values of elements at .. at + count to `buffer`; each value serves `run` elements, then they repeat."""
    value, left, i = u(at // run) % u(values.shape[0]), run - at % run, u(0)
    while i < count:
        stop = min(i + left, count)
        for j in range(i, stop):
            buffer[j] = values[value]
        value, left, i = (value + u(1)) % u(values.shape[0]), run, stop


@part
def select_tile(x, y, at, marks, m, values, period, run, buffer, count, scale):
    """Set elements at .. at + count of y, a tile, as `_select` does, each with its own value."""
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
    """Write the words from block `draw.block` onwards to out (4 * blocks,)."""
    draw = drawn_as(draw)
    write_words(out, draw.block, u(out.shape[0] // 4), draw.key0, draw.key1)
