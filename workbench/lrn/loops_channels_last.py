"""Compiled loops for channels last (NHWC): neighbours are adjacent, and masked if they belong to another pixel."""

import numpy as np

from workbench.lrn.loops_common import (
    BLOCK,
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
from workbench.lrn.loops_sums import sum_long_row


@kernel
def _neighbour_masks(channels, tiles, like):
    """Return a mask for each of the neighbours -2, -1, 1 and 2: 1 where it exists; each is extended by one block.

    They are for tiles between the first and the last; without such tiles they are empty.
    """
    length = channels + BLOCK if tiles > 2 else 0
    masks = np.empty((4, length), like.dtype)
    for i in range(length):
        c = i % channels
        masks[0, i] = c >= 2
        masks[1, i] = c >= 1
        masks[2, i] = c < channels - 1
        masks[3, i] = c < channels - 2
    return masks[0], masks[1], masks[2], masks[3]


@inner
def _sum_neighbours(values, rows, channels, gap, before, terms, spread, sums):
    """Set sums to those of `terms` neighbours, the first of them `before` elements earlier, in rows with gaps."""
    width = u(rows * (channels + gap) - gap)  # from the start of the first row to the end of the last
    sum_long_row(VALUES, values, u(gap - before), u(1), terms, sums, spread, u(gap), width)
    collect_rows(spread, rows, channels, gap, sums)


@kernel
def forward(x, y, shape, tile, before, after, power, constants, safe, start, stop):
    """Normalize across the last axis of `shape` (pixels, channels); a job is a tile of pixels."""
    scalars, limits = with_names(constants)
    pixels, channels = shape
    five = before == 2 and after == 2
    masks = _neighbour_masks(channels, -(-pixels // tile), x)
    gap = max(before, after)
    pitch = channels + gap
    squares = np.zeros(gap + tile * pitch, x.dtype)
    spread = np.empty(gap + tile * pitch, x.dtype)
    sums = np.empty(gap + tile * pitch, x.dtype)
    for job in range(start, stop):
        first, last = job * tile, min(pixels, job * tile + tile)
        at, width = u(first * channels), u((last - first) * channels)
        if five and first > 0 and last < pixels:  # there is memory beyond the tile; the masks remove its values
            safe[job] = normalize(x, at, u(1), masks, u(channels), y, at, width, u(0), power, scalars, limits)
            continue
        spread_rows(SQUARES, x, first, last, channels, gap, squares)
        _sum_neighbours(squares, last - first, channels, gap, before, before + after + 1, spread, sums)
        safe[job] = normalize(x, at, u(0), (sums,), width, y, at, width, u(0), power, scalars, limits)


@kernel
def gradient(dy, x, dx, shape, tile, before, after, power, constants, safe, start, stop):
    """Compute the gradient of `forward`."""
    scalars, limits = with_names(constants)
    pixels, channels = shape
    five = before == 2 and after == 2
    masks = _neighbour_masks(channels, -(-pixels // tile), x)
    gap = max(before, after)
    pitch = channels + gap
    squares = np.zeros(gap + tile * pitch, x.dtype)
    terms = np.zeros(gap + tile * pitch, x.dtype)
    spread = np.empty(gap + tile * pitch, x.dtype)
    sums = np.empty(gap + tile * pitch, x.dtype)
    term = np.zeros(gap + tile * channels + gap, x.dtype)
    direct = np.empty(gap + tile * channels, x.dtype)
    inside = u(gap)
    for job in range(start, stop):
        first, last = job * tile, min(pixels, job * tile + tile)
        at, width, period = u(first * channels), u((last - first) * channels), u(channels)
        if five and first > 0 and last < pixels:
            end = gap + (last - first) * channels
            term[end : end + gap] = 0  # a mask of 0 must multiply something finite
            safe[job] = gradient_terms(
                dy, x, at, u(1), masks, period, direct, term, inside, width, u(0), power, scalars, limits
            )
            add_terms(term, inside, u(1), masks, period, direct, inside, x, dx, at, width, u(0), scalars)
            continue
        spread_rows(SQUARES, x, first, last, channels, gap, squares)
        _sum_neighbours(squares, last - first, channels, gap, before, before + after + 1, spread, sums)
        safe[job] = gradient_terms(
            dy, x, at, u(0), (sums,), width, direct, term, u(0), width, u(0), power, scalars, limits
        )
        spread_rows(VALUES, term, 0, last - first, channels, gap, terms)
        _sum_neighbours(terms, last - first, channels, gap, after, before + after + 1, spread, sums)
        add_terms(term, u(0), u(0), (sums,), width, direct, u(0), x, dx, at, width, u(0), scalars)
