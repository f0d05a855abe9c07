"""The loop of the gradient, with the sums that a replacement's gradient needs."""

import numpy as np

from workbench.compiling import compiler, prefetch_tile
from workbench.sparse_dropout.loops_common import TILE, u

sums_kernel = compiler(fastmath={"reassoc"})  # sums in vectors: their order is still the same in every run
sums_part = compiler(forceinline=True, fastmath={"reassoc"})


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
    for job in range(u(start), u(stop)):
        end = min((job + u(1)) * u(length), u(dy.shape[0]))
        for at in range(job * u(length), end, u(TILE)):
            prefetch_tile(dy, dx, at, TILE)
            count = min(u(TILE), end - at)
            for i in range(at, at + count):
                scaled = dy[i] * scale
                dx[i] = dy.dtype.type(0) if marks[i] else scaled
            _add_up(dy, marks, at, count, sums[job], period, run)
