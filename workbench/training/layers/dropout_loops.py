"""Compiled loops of dropout over a stack of worlds, each with its own seed, ratio and replacement."""

import numpy as np

from workbench.philox import HALF, LOW
from workbench.sparse_dropout.loops_common import JOB, TILE, Draw, kernel, u, u64
from workbench.sparse_dropout.loops_dense import elements


@kernel
def stacks(x, y, dropped, rows, ratios, scaled, scale, seeds, words):
    """Apply dropout to each world of x (worlds, n), write the result to y, and mark what is dropped (worlds, n).

    `rows` are the replacements, which repeat, one row for all worlds or one for each. `scale` (worlds,) gets the scale
    of what is kept. World w starts at word w * `words` of the stream of seeds[w].
    """
    n, period, one = u(x.shape[1]), u(rows.shape[1]), x.dtype.type(1)
    tiles = (n + u(TILE + 2)) // u(TILE)  # the first block may begin with 3 words of the world before
    jobs = (tiles * u(TILE) + u(JOB - 1)) // u(JOB)
    marks, values = np.empty(tiles * u(TILE), np.bool_), np.empty(period + u(TILE), x.dtype)
    for w in range(u(x.shape[0])):
        for i in range(u(values.shape[0])):
            values[i] = rows[w % u(rows.shape[0]), i] if i < period else values[i - period]
        ratio, start = ratios[w], u64(w) * u64(words)
        inside = scaled and 0.0 < ratio < 1.0
        scale[w] = x.dtype.type(1.0 / (1.0 - ratio)) if inside else one
        scales = (x.dtype.type(ratio if inside else 0.0), scale[w])
        draw = Draw(u64(np.ceil(ratio * 4294967296.0)), seeds[w] & LOW, seeds[w] >> HALF, start >> u64(2))
        shift = u(start & u64(3))
        elements(x[w], y[w], values, scales, marks, shift, period, (), draw, u(0), jobs)
        for i in range(n):
            dropped[w, i] = marks[shift + i]


@kernel
def stacks_back(dy, dx, dropped, scale):
    """Set dx (worlds, n) to 0 where dropped, else to dy times the world's scale (worlds,)."""
    for w in range(u(dy.shape[0])):
        given, result, marks, factor = dy[w], dx[w], dropped[w], scale[w]
        for i in range(u(dy.shape[1])):
            scaled = given[i] * factor
            result[i] = dy.dtype.type(0) if marks[i] else scaled
