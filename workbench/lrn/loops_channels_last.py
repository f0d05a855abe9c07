"""Compiled loops for channels last (NHWC): neighbours are adjacent, and masked if they belong to another pixel."""

import numpy as np

from workbench.lrn.loops_common import (
    BLOCK,
    SQUARES,
    VALUES,
    add_terms,
    collect_rows,
    gradient_terms,
    kernel,
    normalize,
    spread_rows,
    sum_window,
    u,
)


@kernel
def _neighbour_masks(channels, like):
    """Return a mask for each of the neighbours -2, -1, 1 and 2: 1 where it exists; each is extended by one block."""
    masks = np.empty((4, channels + BLOCK), like.dtype)
    for i in range(channels + BLOCK):
        c = i % channels
        masks[0, i] = c >= 2
        masks[1, i] = c >= 1
        masks[2, i] = c < channels - 1
        masks[3, i] = c < channels - 2
    return masks[0], masks[1], masks[2], masks[3]


@kernel
def forward(x, y, start, stop, shape, tile, before, after, power, scalars, limits, safe):
    """Normalize across the last axis of `shape` (pixels, channels); a job is a tile of pixels."""
    pixels, channels = shape
    five = before == 2 and after == 2
    masks = _neighbour_masks(channels, x)
    gap = max(before, after)
    pitch = channels + gap
    values = np.zeros(gap + tile * pitch, x.dtype)
    sums = np.empty(tile * pitch, x.dtype)
    out = np.empty(gap + tile * pitch, x.dtype)
    for job in range(start, stop):
        first, last = job * tile, min(pixels, job * tile + tile)
        if five and first > 0 and last < pixels:  # there is memory beyond the tile; the masks remove its values
            at, width = u(first * channels), u((last - first) * channels)
            safe[job] = normalize(x, at, u(1), masks, u(channels), y, at, width, power, scalars, limits)
            continue
        width = u((last - first) * pitch - gap)  # from the start of the first row to the end of the last
        inside = u(gap)
        spread_rows(x, first, last, channels, gap, values)
        sum_window(SQUARES, values, u(gap - before), u(1), before + after + 1, sums, u(0), width)
        safe[job] = normalize(values, inside, u(0), (sums,), width, out, inside, width, power, scalars, limits)
        collect_rows(out, first, last, channels, gap, y)


@kernel
def gradient(dy, x, dx, start, stop, shape, tile, before, after, power, scalars, limits, safe):
    """Compute the gradient of `forward`."""
    pixels, channels = shape
    five = before == 2 and after == 2
    masks = _neighbour_masks(channels, x)
    gap = max(before, after)
    pitch = channels + gap
    values = np.zeros(gap + tile * pitch, x.dtype)
    above = np.zeros(gap + tile * pitch, x.dtype)
    term = np.zeros(gap + tile * pitch + gap, x.dtype)
    direct = np.empty(gap + tile * pitch, x.dtype)
    sums = np.empty(tile * pitch, x.dtype)
    out = np.empty(gap + tile * pitch, x.dtype)
    inside = u(gap)
    for job in range(start, stop):
        first, last = job * tile, min(pixels, job * tile + tile)
        if five and first > 0 and last < pixels:
            at, width, period = u(first * channels), u((last - first) * channels), u(channels)
            end = gap + (last - first) * channels
            term[end : end + gap] = 0  # a mask of 0 must multiply something finite
            safe[job] = gradient_terms(
                dy, x, at, u(1), masks, period, direct, term, inside, width, u(0), power, scalars, limits
            )
            add_terms(term, inside, u(1), masks, period, direct, inside, x, dx, at, width, u(0), scalars)
            continue
        used = (last - first) * pitch - gap
        width = u(used)
        spread_rows(x, first, last, channels, gap, values)
        spread_rows(dy, first, last, channels, gap, above)
        sum_window(SQUARES, values, u(gap - before), u(1), before + after + 1, sums, u(0), width)
        safe[job] = gradient_terms(
            above, values, inside, u(0), (sums,), width, direct, term, inside, width, u(0), power, scalars, limits
        )
        term[gap + used : gap + used + gap] = 0  # clear what an earlier, longer job left after the last row
        sum_window(VALUES, term, u(gap - after), u(1), before + after + 1, sums, u(0), width)
        add_terms(term, u(0), u(0), (sums,), width, direct, inside, values, out, inside, width, u(0), scalars)
        collect_rows(out, first, last, channels, gap, dx)
