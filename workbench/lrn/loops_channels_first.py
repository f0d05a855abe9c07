"""Compiled loops for channels first (NCHW): the rows of pixels of neighbouring channels are added up."""

import numpy as np

from workbench.lrn.loops_common import (
    BLOCK,
    SQUARES,
    VALUES,
    add_terms,
    gradient_terms,
    kernel,
    normalize,
    sum_window,
    u,
)


@kernel
def forward(x, y, start, stop, shape, tile, before, after, power, scalars, limits, safe):
    """Normalize across the middle axis of `shape` (batch, channels, pixels); a job is a tile of one image's pixels."""
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    step = u(pixels)
    sums = np.empty(tile, x.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        ok = True
        r = 0
        while r < channels:
            at = u(origin + r * pixels)
            if before == 2 and after == 2 and 2 <= r < channels - 2:
                # If a tile is a whole image, the rows that have all five neighbours form one long row.
                rows = channels - 4 if width == pixels else 1
                ok &= normalize(x, at, step, (), u(BLOCK), y, at, u(rows * width), power, scalars, limits)
            else:
                rows = 1
                first, last = max(0, r - before), min(channels, r + after + 1)
                sum_window(SQUARES, x, u(origin + first * pixels), step, last - first, sums, u(0), u(width))
                ok &= normalize(x, at, u(0), (sums,), u(tile), y, at, u(width), power, scalars, limits)
            r += rows
        safe[job] = ok


@kernel
def gradient(dy, x, dx, start, stop, shape, tile, chunk, before, after, power, scalars, limits, safe):
    """Compute the gradient of `forward`, `chunk` rows at a time; the last terms of a chunk are kept for the next."""
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    kept = before + after
    five = before == 2 and after == 2
    step, pitch = u(pixels), u(tile)
    sums = np.empty(tile, x.dtype)
    direct = np.empty((kept + chunk) * tile, x.dtype)
    term = np.empty((kept + chunk) * tile, x.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        whole = five and width == pixels  # then several rows form one long row
        jump = u(pixels - width)
        term[: kept * tile] = 0
        ok = True
        for first in range(0, channels + before, chunk):
            last = min(channels + before, first + chunk)
            r = first
            while r < last:
                at, to = u(origin + r * pixels), u((kept + r - first) * tile)
                rows = 1
                if five and 2 <= r < channels - 2:
                    rows = min(last, channels - 2) - r if whole else 1
                    length = u(rows * width)
                    ok &= gradient_terms(
                        dy, x, at, step, (), u(BLOCK), direct, term, to, length, jump, power, scalars, limits
                    )
                elif r < channels:
                    above, below = max(0, r - before), min(channels, r + after + 1)
                    sum_window(SQUARES, x, u(origin + above * pixels), step, below - above, sums, u(0), u(width))
                    ok &= gradient_terms(
                        dy, x, at, u(0), (sums,), pitch, direct, term, to, u(width), jump, power, scalars, limits
                    )
                else:
                    term[(kept + r - first) * tile :][:tile] = 0
                r += rows
            i = max(0, first - before)  # its window, i - after to i + before, is complete
            while i < last - before:
                place, to = u((kept + i - first) * tile), u(origin + i * pixels)
                rows = last - before - i if whole else 1
                if five:
                    length = u(rows * width)
                    add_terms(term, place, pitch, (), u(BLOCK), direct, place, x, dx, to, length, jump, scalars)
                else:
                    sum_window(VALUES, term, place - u(after) * pitch, pitch, kept + 1, sums, u(0), u(width))
                    add_terms(term, u(0), u(0), (sums,), pitch, direct, place, x, dx, to, u(width), jump, scalars)
                i += rows
            passed = u((last - first) * tile)
            for k in range(u(kept * tile)):
                term[k] = term[passed + k]
                direct[k] = direct[passed + k]
        safe[job] = ok
