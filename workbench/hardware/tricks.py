"""Tricks that make dropout fast in software, one function for each: (x, ratio, seed) -> (y, dropped).

    separate_mask      no trick: three passes over memory, for uniform numbers, comparisons and choices
    fused_32           one pass: a tile's words, comparisons and choices stay in the first-level cache
    fused_16, fused_8  one pass; a 32-bit word serves two or four elements, with the ratio rounded to 2^-16 or 2^-8
    skipping           copy x, draw how many elements are kept until the next dropped one, and set only that one to 0

x is float32 with one axis, and dropped elements become 0. Each function runs on as many threads as `workbench.parallel`
allows; results do not depend on their number. `fused_32` is `dropout_with_replacement` itself.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from workbench import parallel, philox
from workbench.compiling import prefetch_tile
from workbench.sparse_dropout import RATIO, SEED, dropout_with_replacement
from workbench.sparse_dropout.loops_common import TILE, kernel, part, random_block, u, u64, write_words

JOB_TILES = 64  # number of tiles in a job
STRETCH = 1 << 14  # skipping restarts with other words after this many elements, so that threads can share the work


@part
def _choose(x, y, dropped, at, count):
    for i in range(count):
        y[at + i] = np.float32(0) if dropped[at + i] else x[at + i]


@kernel
def _uniforms(uniforms, start, stop, key):
    """Write uniform numbers with 24 bits to tiles start .. stop."""
    words = np.empty(TILE, np.uint32)
    for tile in range(u(start), u(stop)):
        at = tile * u(TILE)
        write_words(words, at // u(4), u(TILE // 4), key[0], key[1])
        for i in range(min(u(TILE), u(uniforms.shape[0]) - at)):
            uniforms[at + i] = np.float32(np.int32(words[i] >> np.uint32(8))) * np.float32(2.0**-24)


@kernel
def _compare(uniforms, dropped, start, stop, ratio):
    for i in range(u(start), u(stop)):
        dropped[i] = uniforms[i] < ratio


@kernel
def _select(x, y, dropped, start, stop):
    _choose(x, y, dropped, u(start), u(stop) - u(start))


@kernel
def _fused(x, y, dropped, start, stop, words, fields, last, key):
    """Drop an element in tiles start .. stop if its field is at most `last`; `fields` is a view of `words`.

    Drawing is pure arithmetic, so the memory of a later tile is prefetched meanwhile.
    """
    blocks = u(words.shape[0] // 4)
    for tile in range(u(start), u(stop)):
        at = tile * u(TILE)
        prefetch_tile(x, y, at, TILE)
        count = min(u(TILE), u(x.shape[0]) - at)
        write_words(words, tile * blocks, blocks, key[0], key[1])
        for i in range(count):
            dropped[at + i] = fields[i] <= last
        _choose(x, y, dropped, at, count)


@kernel
def _skip(x, y, dropped, start, stop, scale, key):
    """Copy stretches start .. stop, and drop one element after each gap of log(r) * scale kept elements."""
    for stretch in range(u(start), u(stop)):
        at = stretch * u(STRETCH)
        end = min(at + u(STRETCH), u(x.shape[0]))
        y[at:end] = x[at:end]
        dropped[at:end] = False
        block = stretch * u(STRETCH // 4 + 1)  # a stretch needs at most one word per element and one more
        while at < end:
            for word in random_block(block, key[0], key[1]):
                gap = math.log((word + 1.0) * 2.0**-32) * scale
                if at >= end or not gap < end - at:  # NaN counts as an infinite gap
                    at = end
                else:
                    at += u(gap)
                    y[at], dropped[at] = np.float32(0), True
                    at += u(1)
            block += u(1)


def separate_mask(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drop an element if its uniform number of 24 bits is below the ratio; all numbers are drawn first."""
    y, dropped, key = _prepare(x, ratio, seed)
    uniforms = np.empty_like(x)
    below = np.float32(math.ceil(ratio * 2**24) * 2.0**-24)
    _share(lambda start, stop: _uniforms(uniforms, start, stop, key), x.size)
    _share(lambda start, stop: _compare(uniforms, dropped, *_elements(start, stop, x), below), x.size)
    _share(lambda start, stop: _select(x, y, dropped, *_elements(start, stop, x)), x.size)
    return y, dropped


def fused_32(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drop an element if its word is below ratio * 2^32; this is `dropout_with_replacement` itself."""
    _check(x)
    return dropout_with_replacement(x, ratio, seed=seed)


def fused_16(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drop an element if its half of a word (low half first) is below the whole number nearest to ratio * 2^16."""
    return _fuse(x, ratio, seed, np.uint16)


def fused_8(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drop an element if its byte of a word (lowest first) is below the whole number nearest to ratio * 2^8."""
    return _fuse(x, ratio, seed, np.uint8)


def skipping(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Drop an element after each gap of floor(log(r) / log(1 - ratio)) kept elements, with r uniform in (0, 1].

    The gaps are geometric and thus have no memory, so each stretch of 2^14 elements starts with a new one.
    """
    y, dropped, key = _prepare(x, ratio, seed)
    if not ratio:
        return x.copy(), np.zeros(x.size, bool)
    scale = 1 / math.log1p(-ratio) if ratio < 1 else 0.0
    stretches = -(-x.size // STRETCH)
    parallel.run(lambda start, stop: _skip(x, y, dropped, start, stop, scale, key), stretches, x.size)
    return y, dropped


TRICKS: Mapping[str, Callable] = {
    function.__name__: function for function in (separate_mask, fused_32, fused_16, fused_8, skipping)
}


def _fuse(x: np.ndarray, ratio: float, seed: int, field: type) -> tuple[np.ndarray, np.ndarray]:
    y, dropped, key = _prepare(x, ratio, seed)
    threshold = round(ratio * 256 ** np.dtype(field).itemsize)
    if not threshold:
        return x.copy(), np.zeros(x.size, bool)
    last = field(threshold - 1)  # the threshold itself may be too large for a field by 1

    def work(start: int, stop: int) -> None:
        words = np.empty(TILE * np.dtype(field).itemsize // 4, np.dtype("u4"))
        _fused(x, y, dropped, start, stop, words, words.view(field), last, key)

    _share(work, x.size)
    return y, dropped


def _prepare(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray, tuple]:
    """Check the arguments; return empty arrays for y and dropped, and the key of the seed."""
    _check(x)
    RATIO.check(ratio)
    key = tuple(map(u64, philox.key_of(SEED.check(seed))))
    return np.empty_like(x), np.empty(x.size, np.bool_), key


def _check(x: np.ndarray) -> None:
    if not isinstance(x, np.ndarray) or x.dtype != np.float32 or x.ndim != 1 or not x.flags.c_contiguous:
        raise TypeError("x: must be a contiguous float32 array with one axis; take x.ravel().astype(np.float32)")


def _share(work: Callable[[int, int], None], elements: int) -> None:
    """Call work(first tile, last tile) for jobs of JOB_TILES tiles."""
    tiles = -(-elements // TILE)
    jobs = -(-tiles // JOB_TILES)
    parallel.run(lambda start, stop: work(start * JOB_TILES, min(tiles, stop * JOB_TILES)), jobs, elements)


def _elements(start: int, stop: int, x: np.ndarray) -> tuple[int, int]:
    """Return the range of elements in a range of tiles."""
    return start * TILE, min(stop * TILE, x.size)
