"""Compiled loop of dropout over a sparse matrix's stored entries; each entry draws the word of its matrix position."""

import numpy as np

from workbench.compiling import AHEAD, prefetch_to_read, prefetch_to_write, wide_vectors
from workbench.sparse_dropout.loops_common import TILE, drawn_as, kernel, part, random_block, u, u64

LANES = 8  # places that are filled at once; what is written beyond a line is overwritten by the next


@part
def _prefetch(x, y, minors, tile):
    for line in range(u(0), u(TILE), u(64 // x.itemsize)):
        prefetch_to_read(x, tile + u(AHEAD) + line)
        prefetch_to_read(minors, tile + u(AHEAD) + line)
        prefetch_to_write(y, tile + u(AHEAD) + line)


@part
def _fill_lines(lines, majors, major, tile, count):
    """Write the lines of entries tile .. tile + count to lines[1 : count + 1]; return the line of the last of them."""
    i = u(0)
    while i < count:
        while u(majors[major + u(1)]) <= tile + i:
            major += u(1)
        end = min(u(majors[major + u(1)]) - tile, count)
        while i < end:
            for lane in range(u(LANES)):
                lines[i + lane + u(1)] = major
            i += u(LANES)
        i = end
    return major


@part
def _out_of_place(minors, lines, tile, begin, count, width):
    """Return whether an index is beyond the line's width, or not above the one before it in its line."""
    found = False
    for i in range(count):
        found |= u64(minors[tile + i]) >= width
    for i in range(begin, count):
        found |= (minors[tile + i] <= minors[tile + i - u(1)]) & (lines[i + u(1)] == lines[i])
    return found


@kernel
def entries(x, y, marks, majors, minors, width, steps, values, value_steps, scale, draw, first, start, stop):
    """Apply dropout to stored entries start .. stop of a compressed matrix, x (n,); write to y (n,) and marks (n,).

    `majors` (lines + 1,) holds the start of each line and `minors` (n,) the index of each entry in its line, which is
    below `width`. An entry has word first + major * steps[0] + minor * steps[1] and replacement values[major *
    value_steps[0] + minor * value_steps[1]], or values[0] if value_steps is ().

    Returns whether an entry is out of place: its index is out of range or not above the one before it in its line. If
    an index is out of range, y and marks mean nothing.
    """
    wide_vectors()
    if stop <= start:
        return False
    draw, found = drawn_as(draw), False
    lines, places = np.empty(TILE + 1 + LANES, np.uint64), np.empty(TILE, np.uint64)
    major = u(np.searchsorted(majors, max(start, 1) - 1, side="right") - 1)  # the line of the entry before
    lines[0] = major
    for tile in range(u(start), u(stop), u(TILE)):
        count = min(u(TILE), u(stop) - tile)
        _prefetch(x, y, minors, tile)
        major = _fill_lines(lines, majors, major, tile, count)
        found |= _out_of_place(minors, lines, tile, u(0 if tile else 1), count, u64(width))
        for i in range(count):
            places[i] = u64(first) + lines[i + u(1)] * u64(steps[0]) + u64(minors[tile + i]) * u64(steps[1])
        for i in range(count):
            at = places[i]
            w0, w1, w2, w3 = random_block(at >> u64(2), draw.key0, draw.key1)
            low = w1 if at & u64(1) else w0
            high = w3 if at & u64(1) else w2
            marks[tile + i] = (high if at & u64(2) else low) < draw.threshold
        for i in range(count):
            kept, new = x[tile + i], values[0]
            if len(value_steps):
                value = lines[i + u(1)] * u64(value_steps[0]) + u64(minors[tile + i]) * u64(value_steps[1])
                new = values[value if value < u64(values.shape[0]) else u64(0)]
            if len(scale):
                kept = (kept - new * scale[0]) * scale[1]
            y[tile + i] = new if marks[tile + i] else kept
        lines[0] = major
    return found
