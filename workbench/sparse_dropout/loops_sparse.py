"""Compiled loop of dropout over a sparse matrix's stored entries; each entry draws the word of its matrix position."""

import numpy as np

from workbench.compiling import AHEAD, prefetch_to_read, prefetch_to_write
from workbench.sparse_dropout.loops_common import TILE, kernel, random_block, u, u64


@kernel
def entries(x, y, marks, majors, minors, steps, values, value_steps, scale, draw, first, start, stop):
    """Apply dropout to stored entries start .. stop of a compressed matrix, x (n,); write to y (n,) and marks (n,).

    `majors` (lines + 1,) holds the start of each line and `minors` (n,) the index of each entry in its line. An entry
    has word first + major * steps[0] + minor * steps[1] and replacement values[major * value_steps[0] + minor *
    value_steps[1]], or values[0] if value_steps is ().
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
            w0, w1, w2, w3 = random_block(at >> u64(2), draw.key0, draw.key1)
            low = w1 if at & u64(1) else w0
            high = w3 if at & u64(1) else w2
            marks[tile + j] = (high if at & u64(2) else low) < draw.threshold
        for j in range(count):
            new, kept = values[value[j]] if len(value_steps) else values[0], x[tile + j]
            if len(scale):
                kept = (kept - new * scale[0]) * scale[1]
            y[tile + j] = new if marks[tile + j] else kept
