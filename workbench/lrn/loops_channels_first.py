"""Compiled loops for channels first (NCHW): the rows of pixels of neighbouring channels are added up.

Five channels, the usual window, have loops of their own, which compile in half of the time.
"""

import numpy as np

from workbench.lrn.loops_common import (
    BLOCK,
    SQUARES,
    VALUES,
    add_terms,
    gradient_terms,
    inner,
    kernel,
    normalize,
    u,
    with_names,
)
from workbench.lrn.loops_sums import GROUP, sum_rows


@kernel
def forward(x, y, shape, tile, before, after, power, constants, safe, start, stop):
    """Normalize across the middle axis of `shape` (batch, channels, pixels); a job is a tile of one image's pixels."""
    scalars, limits = with_names(constants)
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
            rows = min(GROUP, channels - r)
            sum_rows(SQUARES, x, u(origin), step, r, rows, channels, before, after, core, sums, u(tile), u(width))
            for k in range(rows):
                to, total = at + u(k) * step, (sums[k * tile :],)
                ok &= normalize(x, to, u(0), total, u(tile), y, to, u(width), jump, power, scalars, limits)
            r += rows
        safe[job] = ok


@kernel
def gradient(dy, x, dx, shape, tile, chunk, before, after, power, constants, safe, start, stop):
    """Compute the gradient of `forward`, `chunk` rows at a time; the last terms of a chunk are kept for the next."""
    scalars, limits = with_names(constants)
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    kept = before + after
    step, pitch = u(pixels), u(tile)
    sums = np.empty(GROUP * tile, x.dtype)
    core = np.empty(BLOCK, x.dtype)
    direct = np.empty((kept + chunk) * tile, x.dtype)
    term = np.empty((kept + chunk) * tile, x.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        jump = u(pixels - width)
        term[: kept * tile] = 0
        ok = True
        for first in range(0, channels + before, chunk):
            last = min(channels + before, first + chunk)
            r = first
            while r < last:
                at, to = u(origin + r * pixels), u((kept + r - first) * tile)
                rows, length = 1, u(width)
                if r < channels:
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
                rows, length = min(GROUP, last - before - i), u(width)
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


@inner
def _lay_out_five(x, origin, step, r, channels, width, five):
    """Copy the rows r - 2 to r + 2 of a tile to `five`, with zeros for the channels that do not exist."""
    for k in range(5):
        to, c = u(k) * width, r - 2 + k
        if 0 <= c < channels:
            at = origin + u(c) * step
            for i in range(u(0), width):
                five[to + i] = x[at + i]
        else:
            for i in range(u(0), width):
                five[to + i] = 0


@kernel
def five_forward(x, y, shape, tile, power, constants, safe, start, stop):
    """Normalize as `forward` does, across five channels. Rows at the borders are computed from a copy with zeros."""
    scalars, limits = with_names(constants)
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    border = np.empty(5 * tile, x.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        jump = u(pixels - width)
        ok = True
        r = 0
        while r < channels:
            at, rows = u(origin + r * pixels), 1
            source, middle, step = x, at, u(pixels)
            if r < 2 or r >= channels - 2:
                _lay_out_five(x, u(origin), step, r, channels, u(width), border)
                source, middle, step = border, u(2 * width), u(width)
            elif width == pixels:  # the rows that have all five neighbours form one long row
                rows = channels - 2 - r
            ok &= normalize(source, middle, step, (), u(BLOCK), y, at, u(rows * width), jump, power, scalars, limits)
            r += rows
        safe[job] = ok


@kernel
def five_gradient(dy, x, dx, shape, tile, chunk, power, constants, safe, start, stop):
    """Compute the gradient of `five_forward` as `gradient` does."""
    scalars, limits = with_names(constants)
    _, channels, pixels = shape
    tiles = (pixels + tile - 1) // tile
    pitch = u(tile)
    border = np.empty(5 * tile, x.dtype)
    above = np.empty(3 * tile, dy.dtype)  # the upstream gradient of the row in the middle of `border`
    direct = np.empty((4 + chunk) * tile, constants.dtype)
    term = np.empty((4 + chunk) * tile, constants.dtype)
    for job in range(start, stop):
        n, begin = job // tiles, job % tiles * tile
        origin = n * channels * pixels + begin
        width = min(pixels, begin + tile) - begin
        jump = u(pixels - width)
        term[: 4 * tile] = 0
        ok = True
        for first in range(0, channels + 2, chunk):
            last = min(channels + 2, first + chunk)
            r = first
            while r < min(last, channels):
                at, to, rows = u(origin + r * pixels), u((4 + r - first) * tile), 1
                upstream, source, middle, step = dy, x, at, u(pixels)
                if r < 2 or r >= channels - 2:
                    _lay_out_five(x, u(origin), step, r, channels, u(width), border)
                    upstream, source, middle, step = above, border, u(2 * width), u(width)
                    for i in range(u(width)):
                        above[middle + i] = dy[at + i]
                elif width == pixels:
                    rows = min(last, channels - 2) - r
                length = u(rows * width)
                ok &= gradient_terms(
                    upstream, source, middle, step, (), u(BLOCK), direct, term, to, length, jump, power, scalars, limits
                )
                r += rows
            term[(4 + r - first) * tile : (4 + last - first) * tile] = 0
            i = max(0, first - 2)  # its window, i - 2 to i + 2, is complete
            while i < last - 2:
                place, to = u((4 + i - first) * tile), u(origin + i * pixels)
                rows = last - 2 - i if width == pixels else 1
                length = u(rows * width)
                add_terms(term, place, pitch, (), u(BLOCK), direct, place, x, dx, to, length, jump, scalars)
                i += rows
            passed = u((last - first) * tile)
            for k in range(u(4 * tile)):
                term[k] = term[passed + k]
                direct[k] = direct[passed + k]
        safe[job] = ok
