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
    u,
    with_names,
)
from workbench.lrn.loops_sums import sum_long_row, sum_window


@kernel
def forward(x, y, shape, band, step, vertical, horizontal, power, constants, safe, start, stop):
    """Normalize within a channel of `shape` (planes, height, width * step); a job is a band of rows of a plane.

    Neighbours in a row are `step` apart: 1 for channels first, the number of channels for channels last.
    """
    scalars, limits = with_names(constants)
    _, height, row = shape
    bands = (height + band - 1) // band
    before, after = horizontal
    width = u(row)
    padded = np.zeros(row + (before + after) * step, x.dtype)
    partial = np.empty(row + (before + after) * step, x.dtype)
    sums = np.empty(row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        origin = n * height * row
        ok = True
        for r in range(begin, min(height, begin + band)):
            first, last = max(0, r - vertical[0]), min(height, r + vertical[1] + 1)
            sum_window(SQUARES, x, u(origin + first * row), width, last - first, padded, u(before * step), width)
            sum_long_row(VALUES, padded, u(0), u(step), before + after + 1, partial, sums, u(0), width)
            at = u(origin + r * row)
            ok &= normalize(x, at, u(0), (sums,), width, y, at, width, u(0), power, scalars, limits)
        safe[job] = ok


@kernel
def gradient(dy, x, dx, shape, band, step, vertical, horizontal, power, constants, safe, start, stop):
    """Compute the gradient of `forward`. Two ring buffers keep the rows that a window needs."""
    scalars, limits = with_names(constants)
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    size = above + below + 1
    width = u(row)
    squares = np.zeros(row + (before + after) * step, x.dtype)
    terms = np.zeros(row + (before + after) * step, x.dtype)
    partial = np.empty(row + (before + after) * step, x.dtype)
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
                sum_long_row(VALUES, squares, u(0), u(step), before + after + 1, partial, sums, u(0), width)
                at = u(origin + r * row)
                ok &= gradient_terms(
                    dy, x, at, u(0), (sums,), width, direct, term, u(slot), width, u(0), power, scalars, limits
                )
            else:
                term[slot : slot + row] = 0
            i = r - above  # the ring now holds rows i - below to i + above, whose windows hold row i
            if i >= begin:
                sum_window(VALUES, term, u(0), width, size, terms, u(after * step), width)
                sum_long_row(VALUES, terms, u(0), u(step), before + after + 1, partial, sums, u(0), width)
                at = u(origin + i * row)
                add_terms(term, u(0), u(0), (sums,), width, direct, u(i % size * row), x, dx, at, width, u(0), scalars)
        safe[job] = ok


@inner
def _lay_out(squared, source, base, there, wanted, row, gap, values):
    """Copy the rows `wanted` of a plane, or their squares, with zeros for those that are not `there`.

    Row r is row `base` + r of `source`. Rows are given as the first one and the one after the last.
    """
    pitch, before, rows = row + gap, max(0, there[0] - wanted[0]), wanted[1] - wanted[0]
    after = max(0, wanted[1] - there[1])
    first, last = base + wanted[0] + before, base + wanted[1] - after
    values[: before * pitch] = 0
    values[(rows - after) * pitch : rows * pitch] = 0
    spread_rows(squared, source, first, last, row, gap, values[before * pitch :])


@inner
def _sum_square(values, rows, row, gap, step, terms_down, before, terms, partial, down, sums):
    """Set sums to those of the windows of `rows` rows in `values`, which holds all rows of these windows.

    In a row, the window begins `before` neighbours earlier; neighbours are `step` apart. Gaps of zeros between the rows
    let one long loop sum them all.
    """
    length = u(rows * (row + gap) + gap)
    sum_long_row(VALUES, values, u(0), u(row + gap), terms_down, partial, down, u(0), length)
    along = u(gap - before * step)
    sum_long_row(VALUES, down, along, u(step), terms, partial, sums, u(gap), length - u(2 * gap))
    collect_rows(sums, rows, row, gap, down)


@kernel
def small_forward(x, y, shape, band, step, vertical, horizontal, power, constants, safe, start, stop):
    """Normalize as `forward` does, a band of rows at once: single short rows would not fill the vectors."""
    scalars, limits = with_names(constants)
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    gap, tall, wide = max(before, after) * step, above + below + 1, before + after + 1
    size = (min(height, band) + above + below) * (row + gap) + 2 * gap
    values, partial = np.zeros(size, x.dtype), np.empty(size, x.dtype)
    sums, spread = np.empty(size, x.dtype), np.empty(size, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        end = min(height, begin + band)
        _lay_out(SQUARES, x, n * height, (0, height), (begin - above, end + below), row, gap, values)
        _sum_square(values, end - begin, row, gap, step, tall, before, wide, partial, sums, spread)
        at, width = u((n * height + begin) * row), u((end - begin) * row)
        safe[job] = normalize(x, at, u(0), (sums,), width, y, at, width, u(0), power, scalars, limits)


@kernel
def small_gradient(dy, x, dx, shape, band, step, vertical, horizontal, power, constants, safe, start, stop):
    """Compute the gradient of `small_forward`, from the terms of a band and of rows whose windows reach into it."""
    scalars, limits = with_names(constants)
    _, height, row = shape
    bands = (height + band - 1) // band
    above, below = vertical
    before, after = horizontal
    gap, tall, wide = max(before, after) * step, above + below + 1, before + after + 1
    most = min(height, band + above + below)
    size = (most + above + below) * (row + gap) + 2 * gap
    values, partial = np.zeros(size, x.dtype), np.empty(size, x.dtype)
    sums, spread = np.empty(size, x.dtype), np.empty(size, x.dtype)
    direct, term = np.empty(most * row, x.dtype), np.empty(most * row, x.dtype)
    for job in range(start, stop):
        n, begin = job // bands, job % bands * band
        end = min(height, begin + band)
        first, last = max(0, begin - below), min(height, end + above)
        _lay_out(SQUARES, x, n * height, (0, height), (first - above, last + below), row, gap, values)
        _sum_square(values, last - first, row, gap, step, tall, before, wide, partial, sums, spread)
        at, width = u((n * height + first) * row), u((last - first) * row)
        safe[job] = gradient_terms(
            dy, x, at, u(0), (sums,), width, direct, term, u(0), width, u(0), power, scalars, limits
        )
        # Row i is in the windows of the rows i - below to i + above.
        _lay_out(VALUES, term, -first, (first, last), (begin - below, end + above), row, gap, values)
        _sum_square(values, end - begin, row, gap, step, tall, after, wide, partial, sums, spread)
        at, width, place = u((begin - first) * row), u((end - begin) * row), u((n * height + begin) * row)
        add_terms(term, u(0), u(0), (sums,), width, direct, at, x, dx, place, width, u(0), scalars)
