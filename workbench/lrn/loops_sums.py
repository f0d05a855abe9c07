"""Sums over the windows of many neighbouring elements, in compiled loops that add as few terms as possible.

Nothing is subtracted, as in a running sum: there is no cancellation, and an infinite term reaches only the windows that
hold it.

    sum_window      adds term after term: five in registers, the others in passes over a row in the near cache
    sum_long_row    sums along a row in two steps: about sqrt(n) terms, then about sqrt(n) of these sums
    sum_rows        sums the rows that neighbouring windows have in common once, and adds to it what each has alone
"""

import numpy as np

from workbench.compiling import AHEAD, prefetch_to_read
from workbench.lrn.loops_common import BLOCK, LINE, VALUES, inner, part, summand, u

GROUP = 4  # rows whose windows are summed together
LONG = 9  # terms, from which on a window along a row is summed in two steps


@part
def _sum_window_block(squared, x, at, step, terms, sums, to, length):
    b, c, d, e = at + step, at + u(2) * step, at + u(3) * step, at + u(4) * step
    if terms >= 5:
        for i in range(u(0), length):
            pair = summand(squared, x[at + i]) + summand(squared, x[b + i])
            sums[to + i] = (pair + (summand(squared, x[c + i]) + summand(squared, x[d + i]))) + summand(
                squared, x[e + i]
            )
    elif terms >= 3:
        for i in range(u(0), length):
            sums[to + i] = (summand(squared, x[at + i]) + summand(squared, x[b + i])) + summand(squared, x[c + i])
    else:
        for i in range(u(0), length):
            sums[to + i] = summand(squared, x[at + i])


@part
def _sum_of_four(squared, x, at, step):
    a, b = summand(squared, x[at]), summand(squared, x[at + step])
    return (a + b) + (summand(squared, x[at + u(2) * step]) + summand(squared, x[at + u(3) * step]))


@part
def _add_terms_after(squared, x, at, step, first, terms, sums, to, length):
    """Add the terms from `first` on to sums, as many as possible in one pass."""
    k = first
    while k + 8 <= terms:
        row = at + u(k) * step
        for i in range(u(0), length):
            four = _sum_of_four(squared, x, row + i, step)
            sums[to + i] += four + _sum_of_four(squared, x, row + u(4) * step + i, step)
        k += 8
    while k + 2 <= terms:
        row = at + u(k) * step
        for i in range(u(0), length):
            sums[to + i] += summand(squared, x[row + i]) + summand(squared, x[row + step + i])
        k += 2
    if k < terms:
        row = at + u(k) * step
        for i in range(u(0), length):
            sums[to + i] += summand(squared, x[row + i])


@inner
def sum_window(squared, x, at, step, terms, sums, to, width):
    """Set sums[to + i] to the sum of x[at + k * step + i], or of their squares, over k < terms, for i < width."""
    if width < u(BLOCK):
        _sum_window_block(squared, x, at, step, terms, sums, to, width)
    else:
        for start in range(u(0), width, u(BLOCK)):
            o = min(start, width - u(BLOCK))
            if len(squared):
                ahead = at + u(terms - 1) * step + o + u(AHEAD)
                for line in range(u(0), u(BLOCK), u(LINE)):
                    prefetch_to_read(x, ahead + line)
            _sum_window_block(squared, x, at + o, step, terms, sums, to + o, u(BLOCK))
    _add_terms_after(squared, x, at, step, 5 if terms >= 5 else 3 if terms >= 3 else 1, terms, sums, to, width)


@inner
def sum_long_row(squared, x, at, step, terms, partial, sums, to, width):
    """Set sums as `sum_window` does; `partial` is memory for `width` + `terms` * `step` elements."""
    if terms < LONG:
        sum_window(squared, x, at, step, terms, sums, to, width)
        return
    few = int(np.sqrt(terms))
    many = terms // few
    sum_window(squared, x, at, step, few, partial, u(0), width + u((many - 1) * few) * step)
    sum_window(VALUES, partial, u(0), u(few) * step, many, sums, to, width)
    _add_terms_after(squared, x, at, step, few * many, terms, sums, to, width)


@part
def _extend_block(core, squared, x, above, rows_above, below, rows_below, step, sums, to, length):
    """Set sums to the sum of `core`, `rows_above` rows from x[above] on and `rows_below` rows from x[below] on."""
    if rows_above + rows_below == GROUP - 1:
        a = above if rows_above > 0 else below
        b = above + step if rows_above > 1 else below + u(1 - rows_above) * step
        c = above + u(2) * step if rows_above > 2 else below + u(2 - rows_above) * step
        for i in range(u(0), length):
            pair = summand(squared, x[a + i]) + summand(squared, x[b + i])
            sums[to + i] = core[i] + (pair + summand(squared, x[c + i]))
    else:
        for i in range(u(0), length):
            sums[to + i] = core[i]
        _add_terms_after(squared, x, above, step, 0, rows_above, sums, to, length)
        _add_terms_after(squared, x, below, step, 0, rows_below, sums, to, length)


@inner
def sum_rows(squared, x, origin, step, first, rows, height, before, after, core, sums, pitch, width):
    """Set sums[k * pitch + i] to the sum of the window of row `first` + k, k < `rows`, for i < `width`.

    Row r is x[origin + r * step + i]; its window holds the rows r - before .. r + after of `height` rows. `core` is
    memory for a block.
    """
    low, high = max(0, first + rows - 1 - before), min(height, first + after + 1)  # rows that all windows hold
    if rows < GROUP or high - low < 1:
        for k in range(rows):
            above, below = max(0, first + k - before), min(height, first + k + after + 1)
            sum_window(squared, x, origin + u(above) * step, step, below - above, sums, u(k) * pitch, width)
        return
    block = min(width, u(BLOCK))
    for start in range(u(0), width, u(BLOCK)):
        o = min(start, width - block)
        at = origin + o
        if len(squared):
            for k in range(rows):
                ahead = at + u(first + rows + after + k) * step
                for line in range(u(0), u(BLOCK), u(LINE)):
                    prefetch_to_read(x, ahead + line)
        sum_window(squared, x, at + u(low) * step, step, high - low, core, u(0), block)
        for k in range(rows):
            above, below = max(0, first + k - before), min(height, first + k + after + 1)
            upper, lower, to = at + u(above) * step, at + u(high) * step, u(k) * pitch + o
            _extend_block(core, squared, x, upper, low - above, lower, below - high, step, sums, to, block)
