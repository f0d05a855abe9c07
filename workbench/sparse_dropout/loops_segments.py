"""Compiled loops of dropout over the segments of a ragged array.

add_up          add up the lengths of segments
draw_segments   draw once per segment, write the output lengths, and add them up
copy_segments   copy stretches of kept values and replace dropped segments
"""

import numpy as np

from workbench.sparse_dropout.loops_common import draw_marks, drawn_as, kernel, part, u

CHUNK = 4096  # segments in a job; a multiple of four, so that jobs do not share a block of words


@kernel
def add_up(lengths, size):
    """Return the sum of the lengths, or -1 if a length is negative or above `size`."""
    total, wrong = np.int64(0), 0
    for i in range(u(lengths.shape[0])):
        length = np.int64(lengths[i])
        wrong += (length < 0) | (length > size)
        total += length
    return np.int64(-1) if wrong else total


@kernel
def draw_segments(lengths, output_lengths, marks, shift, draw, size, totals, start, stop):
    """Draw the segments of chunks start .. stop, write their output lengths, and add them up.

    totals[:, chunk] is (values read, values written), or (-1, segment) if a length is negative or above `size`.
    """
    draw, quads = drawn_as(draw), marks.view(np.uint32)
    first, end = u(shift), u(shift) + u(lengths.shape[0])
    for chunk in range(u(start), u(stop)):
        m = chunk * u(CHUNK)
        begin, finish = max(m, first), min(m + u(CHUNK), end)
        draw_marks(quads, m // u(4), (finish - m + u(3)) // u(4), draw)
        taken, given, wrong = np.int64(0), np.int64(0), 0
        for i in range(finish - begin):
            length = np.int64(lengths[begin - first + i])
            wrong += (length < 0) | (length > size)
            new = np.int64(1) if marks[begin + i] else length
            output_lengths[begin - first + i] = new
            taken += length
            given += new
        totals[0, chunk], totals[1, chunk] = taken, given
        if wrong:
            i = begin - first
            while 0 <= lengths[i] <= size:
                i += u(1)
            totals[0, chunk], totals[1, chunk] = -1, np.int64(i)


@part
def _copy(x, at, y, to, count):
    for i in range(count):
        y[to + i] = x[at + i]


@kernel
def copy_segments(x, y, lengths, marks, shift, value, totals, start, stop):
    """Copy the kept segments of chunks start .. stop and replace the dropped ones.

    `totals` is that of `draw_segments`. Consecutive kept segments are copied as one stretch.
    """
    at, to = u(0), u(0)  # where the chunk begins in x and y
    for chunk in range(u(start)):
        at += u(totals[0, chunk])
        to += u(totals[1, chunk])
    first, end = u(shift), u(shift) + u(lengths.shape[0])
    for chunk in range(u(start), u(stop)):
        m = chunk * u(CHUNK)
        begin, finish = max(m, first), min(m + u(CHUNK), end)
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
        to += at - kept
