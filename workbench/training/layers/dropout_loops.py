"""Compiled loops of dropout over a stack of worlds, each with its own seed, ratio and replacement."""

import numpy as np

from workbench.sparse_dropout.loops_common import TILE, Draw, kernel, u
from workbench.sparse_dropout.loops_dense import elements


@kernel
def stacks(x, y, dropped, values, period, scales, draws, shifts):
    """Apply dropout to each world of x (worlds, n), write the result to y, and mark what is dropped (worlds, n).

    A world's replacements are a row of `values`, which has one row for all worlds or one for each, and continues for
    one tile beyond its period. A world's row of `scales` is (ratio, scale) as for `elements`, or (0, 1) if nothing is
    scaled. Its row of `draws` is a `Draw`, and `shift` words of the first block are not its own.
    """
    n = u(x.shape[1])
    tiles = (n + u(TILE + 2)) // u(TILE)  # enough for any shift, which is at most 3
    quads = np.empty(tiles * u(TILE // 4), np.uint32)
    marks = quads.view(np.uint8)
    for w in range(u(x.shape[0])):
        draw = Draw(draws[w, 0], draws[w, 1], draws[w, 2], draws[w, 3])
        row = values[w % u(values.shape[0])]
        elements(x[w], y[w], quads, marks, shifts[w], row, period, (), (scales[w, 0], scales[w, 1]), draw, u(0), tiles)
        for i in range(n):
            dropped[w, i] = marks[shifts[w] + i]


@kernel
def stacks_back(dy, dx, dropped, scale):
    """Set dx (worlds, n) to 0 where dropped, else to dy times the world's scale (worlds,)."""
    for w in range(u(dy.shape[0])):
        given, result, marks, factor = dy[w], dx[w], dropped[w], scale[w]
        for i in range(u(dy.shape[1])):
            scaled = given[i] * factor
            result[i] = dy.dtype.type(0) if marks[i] else scaled
