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
    u,
    with_names,
)
from workbench.lrn.loops_sums import GROUP, sum_rows


@kernel
def forward(x, y, start, stop, shape, tile, before, after, power, scalars, limits, safe):
    """Normalize across the middle axis of `shape` (batch, channels, pixels); a job is a tile of one image's pixels."""
    scalars, limits = with_names(scalars, limits)
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    step = u(pixels)
    sums = np.empty(GROUP * tile, x.dtype)
    core = np.empty(BLOCK, x.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        jump = u(pixels - width)
        ok = True
        r = 0
        while r < channels:
            at = u(origin + r * pixels)
            if before == 2 and after == 2 and 2 <= r < channels - 2:
                # If a tile is a whole image, the rows that have all five neighbours form one long row.
                rows = channels - 2 - r if width == pixels else 1
                ok &= normalize(x, at, step, (), u(BLOCK), y, at, u(rows * width), jump, power, scalars, limits)
            else:
                rows = min(GROUP, channels - r)
                sum_rows(SQUARES, x, u(origin), step, r, rows, channels, before, after, core, sums, u(tile), u(width))
                for k in range(rows):
                    to, total = at + u(k) * step, (sums[k * tile :],)
                    ok &= normalize(x, to, u(0), total, u(tile), y, to, u(width), jump, power, scalars, limits)
            r += rows
        safe[job] = ok


@kernel
def gradient(dy, x, dx, start, stop, shape, tile, chunk, before, after, power, scalars, limits, safe):
    """Compute the gradient of `forward`, `chunk` rows at a time; the last terms of a chunk are kept for the next."""
    scalars, limits = with_names(scalars, limits)
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    kept = before + after
    five = before == 2 and after == 2
    step, pitch = u(pixels), u(tile)
    sums = np.empty(GROUP * tile, x.dtype)
    core = np.empty(BLOCK, x.dtype)
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
                rows, length = 1, u(width)
                if five and 2 <= r < channels - 2:
                    rows = min(last, channels - 2) - r if whole else 1
                    length = u(rows * width)
                    ok &= gradient_terms(
                        dy, x, at, step, (), u(BLOCK), direct, term, to, length, jump, power, scalars, limits
                    )
                elif r < channels:
                    rows = min(GROUP, min(last, channels) - r)
                    sum_rows(SQUARES, x, u(origin), step, r, rows, channels, before, after, core, sums, pitch, length)
                    for k in range(rows):
                        one, total, place = at + u(k) * step, (sums[k * tile :],), to + u(k) * pitch
                        ok &= gradient_terms(
                            dy, x, one, u(0), total, pitch, direct, term, place, length, jump, power, scalars, limits
                        )
                else:
                    term[(kept + r - first) * tile :][:tile] = 0
                r += rows
            i = max(0, first - before)  # its window, i - after to i + before, is complete
            while i < last - before:
                place, to = u((kept + i - first) * tile), u(origin + i * pixels)
                rows, length = last - before - i if whole else 1, u(width)
                if five:
                    length = u(rows * width)
                    add_terms(term, place, pitch, (), u(BLOCK), direct, place, x, dx, to, length, jump, scalars)
                else:
                    rows = min(GROUP, last - before - i)
                    row, height = kept + i - first, kept + chunk
                    sum_rows(VALUES, term, u(0), pitch, row, rows, height, after, before, core, sums, pitch, length)
                    for k in range(rows):
                        at, one, total = place + u(k) * pitch, to + u(k) * step, (sums[k * tile :],)
                        add_terms(term, u(0), u(0), total, pitch, direct, at, x, dx, one, length, jump, scalars)
                i += rows
            passed = u((last - first) * tile)
            for k in range(u(kept * tile)):
                term[k] = term[passed + k]
                direct[k] = direct[passed + k]
        safe[job] = ok
