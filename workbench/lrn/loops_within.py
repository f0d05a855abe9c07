"""Compiled loops for a window that is a square within one channel.

They add up rows, then neighbours along each row. For small images they process many rows at once.
"""

import numpy as np

from workbench.lrn.loops_common import (
    SQUARES,
    VALUES,
    add_terms,
    collect_rows,
    gradient_terms,
    inner,
    kernel,
    normalize,
    spread_rows,
    sum_window,
    u,
)


@kernel
def forward(x, y, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Normalize within a channel of `shape` (planes, height, width * step); a job is a band of rows of a plane.

    Neighbours in a row are `step` apart: 1 for channels first, the number of channels for channels last.
    """
    _, height, row = shape
    bands = (height + band - 1) // band
    before, after = horizontal
    width = u(row)
    padded = np.zeros(row + (before + after) * step, x.dtype)
    sums = np.empty(row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        origin = n * height * row
        ok = True
        for r in range(begin, min(height, begin + band)):
            first, last = max(0, r - vertical[0]), min(height, r + vertical[1] + 1)
            sum_window(SQUARES, x, u(origin + first * row), width, last - first, padded, u(before * step), width)
            sum_window(VALUES, padded, u(0), u(step), before + after + 1, sums, u(0), width)
            at = u(origin + r * row)
            ok &= normalize(x, at, u(0), (sums,), width, y, at, width, power, scalars, limits)
        safe[job] = ok


@kernel
def gradient(dy, x, dx, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Compute the gradient of `forward`. Two ring buffers keep the rows that a window needs."""
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    size = above + below + 1
    width = u(row)
    squares = np.zeros(row + (before + after) * step, x.dtype)
    terms = np.zeros(row + (before + after) * step, x.dtype)
    sums = np.empty(row, x.dtype)
    direct = np.empty(size * row, x.dtype)
    term = np.empty(size * row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        end = min(height, begin + band)
        origin = n * height * row
        term[:] = 0
        ok = True
        for r in range(max(0, begin - below), end + above):
            slot = r % size * row
            if r < height:
                first, last = max(0, r - above), min(height, r + below + 1)
                sum_window(SQUARES, x, u(origin + first * row), width, last - first, squares, u(before * step), width)
                sum_window(VALUES, squares, u(0), u(step), before + after + 1, sums, u(0), width)
                at = u(origin + r * row)
                ok &= gradient_terms(
                    dy, x, at, u(0), (sums,), width, direct, term, u(slot), width, u(0), power, scalars, limits
                )
            else:
                term[slot : slot + row] = 0
            i = r - above  # the ring now holds rows i - below to i + above, whose windows hold row i
            if i >= begin:
                sum_window(VALUES, term, u(0), width, size, terms, u(after * step), width)
                sum_window(VALUES, terms, u(0), u(step), before + after + 1, sums, u(0), width)
                at = u(origin + i * row)
                add_terms(term, u(0), u(0), (sums,), width, direct, u(i % size * row), x, dx, at, width, u(0), scalars)
        safe[job] = ok


@inner
def _sum_down(squared, x, origin, height, row, begin, end, above, below, sums):
    """Sum rows begin .. end of a plane (x[origin] on, `height` rows) over their vertical windows; write to `sums`.

    Rows with a complete window are processed as one long row.
    """
    r = begin
    while r < end:
        rows = 1
        if above <= r < height - below:
            rows = min(end, height - below) - r
        first, last = max(0, r - above), min(height, r + below + 1)
        at, to = u(origin + first * row), u((r - begin) * row)
        sum_window(squared, x, at, u(row), last - first, sums, to, u(rows * row))
        r += rows


@inner
def _sum_along(values, rows, row, gap, reach, step, terms, laid_out, summed, sums):
    """Sum `terms` neighbours, `step` apart, along each of the first `rows` rows of `values`; write to `sums`.

    The first neighbour is `reach` elements before. Gaps of zeros between the rows let one long loop sum them all.
    """
    spread_rows(values, 0, rows, row, gap, laid_out)
    length = u(rows * (row + gap) - gap)
    sum_window(VALUES, laid_out, u(gap - reach), u(step), terms, summed, u(gap), length)
    collect_rows(summed, 0, rows, row, gap, sums)


@kernel
def small_forward(x, y, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Normalize as `forward` does, a band of rows at once: single short rows would not fill the vectors."""
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    gap, terms = max(before, after) * step, before + after + 1
    most = min(height, band)
    down = np.empty(most * row, x.dtype)
    sums = np.empty(most * row, x.dtype)
    laid_out = np.zeros(most * (row + gap) + gap, x.dtype)
    summed = np.empty(most * (row + gap) + gap, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        rows = min(height, begin + band) - begin
        origin = n * height * row
        _sum_down(SQUARES, x, origin, height, row, begin, begin + rows, above, below, down)
        _sum_along(down, rows, row, gap, before * step, step, terms, laid_out, summed, sums)
        at, width = u(origin + begin * row), u(rows * row)
        safe[job] = normalize(x, at, u(0), (sums,), width, y, at, width, power, scalars, limits)


@kernel
def small_gradient(dy, x, dx, start, stop, shape, band, step, vertical, horizontal, power, scalars, limits, safe):
    """Compute the gradient of `small_forward`, from the terms of a band and of rows whose windows reach into it."""
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    gap, terms = max(before, after) * step, before + after + 1
    most = min(height, band + above + below)
    down = np.empty(most * row, x.dtype)
    sums = np.empty(most * row, x.dtype)
    laid_out = np.zeros(most * (row + gap) + gap, x.dtype)
    summed = np.empty(most * (row + gap) + gap, x.dtype)
    direct = np.empty(most * row, x.dtype)
    term = np.empty(most * row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        end = min(height, begin + band)
        first, last = max(0, begin - below), min(height, end + above)
        origin = n * height * row
        _sum_down(SQUARES, x, origin, height, row, first, last, above, below, down)
        _sum_along(down, last - first, row, gap, before * step, step, terms, laid_out, summed, sums)
        at, width = u(origin + first * row), u((last - first) * row)
        safe[job] = gradient_terms(
            dy, x, at, u(0), (sums,), width, direct, term, u(0), width, u(0), power, scalars, limits
        )
        # Row i is in the windows of the rows i - below to i + above.
        _sum_down(VALUES, term, 0, last - first, row, begin - first, end - first, below, above, down)
        _sum_along(down, end - begin, row, gap, after * step, step, terms, laid_out, summed, sums)
        at, width = u((begin - first) * row), u((end - begin) * row)
        add_terms(term, u(0), u(0), (sums,), width, direct, at, x, dx, u(origin + begin * row), width, u(0), scalars)
