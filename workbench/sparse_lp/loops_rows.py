"""Compiled loops that shrink the rows of a table, as a step of Lp regularization.

partition   sort row numbers into ranges of the table, so that threads can work on separate ranges
rows        shrink rows of the table in place; short ones are shrunk several at a time, since a vector holds many
"""

import numpy as np

from workbench.compiling import prefetch_to_write, wide_vectors
from workbench.sparse_lp.loops_common import TILE, kernel, part, u
from workbench.sparse_lp.loops_prox import FAR, SINGLE_ABOVE_ONE, prox_tile, with_names

ROWS_AHEAD = 12  # while a row is shrunk, the row this many places later is prefetched

SHORT, AT_ONCE = 32, 32  # numbers of a short row, and how many such rows are shrunk at once, at most

# Ways to shrink a row in its own type, as in Caffe2: w - lambda towards 0, w * (1 - lambda), w / (1 + lambda).
SUBTRACT, DECAY, DIVIDE = range(SINGLE_ABOVE_ONE + 1, SINGLE_ABOVE_ONE + 4)  # variants, after those of `loops_prox`


@kernel
def partition(indices, shift, bounds, sorted_indices):
    """Sort row numbers (n,) by range, index >> shift, and write the start of each range to bounds (ranges + 1,)."""
    ranges = bounds.shape[0] - 1
    following = np.zeros(ranges + 1, np.int64)
    for i in range(u(indices.shape[0])):
        following[u(indices[i] >> shift) + u(1)] += 1
    for r in range(ranges):
        following[r + 1] += following[r]
        bounds[r + 1] = following[r + 1]
    for i in range(u(indices.shape[0])):
        at = u(indices[i] >> shift)
        sorted_indices[u(following[at])] = indices[i]
        following[at] += 1


@part
def _shrink_row(param, at, count, kind, strength):
    """Shrink param[at : at + count] in its own type."""
    zero = param.dtype.type(0)
    for i in range(at, at + count):
        value = param[i]
        if len(kind) == SUBTRACT:
            new = value + strength if value < zero else value - strength
            param[i] = zero if abs(value) <= strength else new
        elif len(kind) == DECAY:
            param[i] = value * strength
        else:
            param[i] = value / strength


@part
def _different(indices, first, end, most):
    """Return how many rows from place `first` on, at most `most`, are not named twice."""
    for i in range(first + u(1), min(first + most, end)):
        twice = False
        for j in range(first, i):
            twice |= indices[j] == indices[i]
        if twice:
            return i - first
    return min(most, end - first)


@part
def _shrink_short_rows(param, length, indices, first, count, kind, scalars, curve, buffers, copied, shrunk):
    """Shrink `count` different rows, gathered in `copied`: at once, unless a huge number asks for another method."""
    far = False
    for i in range(count):
        at = u(indices[first + i]) * length
        for k in range(length):
            copied[i * length + k] = param[at + k]
            far |= abs(param[at + k]) > FAR
    step = length if far else count * length
    for at in range(u(0), count * length, step):
        prox_tile(copied, shrunk, at, at, step, kind, scalars, curve, buffers)
    for i in range(count):
        at = u(indices[first + i]) * length
        for k in range(length):
            param[at + k] = shrunk[i * length + k]


@kernel
def rows(param, length, indices, bounds, kind, strength, constants, curve, start, stop):
    """Shrink the rows of ranges start .. stop, once for each time they are named.

    `param` is flat: row r is param[r * length : (r + 1) * length].
    """
    wide_vectors()
    length, strength, scalars = u(length), param.dtype.type(strength), with_names(constants, param)
    buffers, copied, shrunk = np.empty((3, TILE)), np.empty(TILE, param.dtype), np.empty(TILE, param.dtype)
    line = u(64 // param.itemsize)
    most = min(u(AT_ONCE), u(TILE) // length) if curve.size > 0 and length <= u(SHORT) else u(1)
    i, end, last = u(bounds[start]), u(bounds[stop]), u(indices.shape[0] - 1)
    while i < end:
        count = _different(indices, i, end, most) if most > u(1) else u(1)
        for k in range(i, i + count):
            ahead = u(indices[min(k + u(ROWS_AHEAD), last)]) * length
            for j in range(u(0), length, line):
                prefetch_to_write(param, ahead + j)
        at = u(indices[i]) * length
        if len(kind) >= SUBTRACT:
            _shrink_row(param, at, length, kind, strength)
        elif count > u(1):
            _shrink_short_rows(param, length, indices, i, count, kind, scalars, curve, buffers, copied, shrunk)
        else:
            for j in range(at, at + length, u(TILE)):
                some = min(u(TILE), at + length - j)
                for k in range(some):
                    copied[k] = param[j + k]  # a loop that reads and writes one array would not be vectorized
                prox_tile(copied, param, u(0), j, some, kind, scalars, curve, buffers)
        i += count
