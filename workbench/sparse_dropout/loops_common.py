"""What the compiled loops of dropout share: drawing a tile's random words, and selecting between two values.

What makes the loops fast, each measured:

    philox     Word by word in 64-bit lanes: a multiplication reads the low half of a lane alone, so nothing is masked
               between rounds and no lane is moved. Four words of a block become four bytes of one store.
    tiles      A tile is marked and then selected, so marks are read from the first-level cache.
    prefetch   Drawing is pure arithmetic: meanwhile each tile asks for the memory that a later tile needs.
    bits       Values are selected as unsigned integers of their width, so that a type costs no code of its own.
"""

from collections import namedtuple

import numpy as np

from workbench.compiling import compiler, philox4x32
from workbench.philox import HALF, LOW, TILE

kernel = compiler()
part = compiler(forceinline=True)

u, u64 = np.uintp, np.uint64  # unsigned indices need no test for Python's negative ones

# What draws depend on: `block` is the counter of the first block, `key0` and `key1` are the seed.
Draw = namedtuple("Draw", "threshold key0 key1 block")

ZERO = u64(0)
BYTES = (u64(1), u64(1 << 8), u64(1 << 16), u64(1 << 24))


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
    """Return four bytes, 1 where the word of a block is below the threshold, else 0."""
    w0, w1, w2, w3 = random_block(block, draw.key0, draw.key1)
    t = draw.threshold
    low = (BYTES[0] if w0 < t else ZERO) | (BYTES[1] if w1 < t else ZERO)
    high = (BYTES[2] if w2 < t else ZERO) | (BYTES[3] if w3 < t else ZERO)
    return np.uint32(low | high)


@part
def draw_marks(quads, at, count, draw):
    """Set the bytes of quads[at : at + count] to 1 where the word is below the threshold, else to 0."""
    for b in range(at, at + count):
        quads[b] = draw_block(draw.block + b, draw)


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
def select_tile(x, y, at, marks, m, values, period, run, buffer, count, scale):
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
    write_words(out, draw.block, u(out.shape[0] // 4), draw.key0, draw.key1)
