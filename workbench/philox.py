"""Generate random numbers with the Philox4x32-10 generator.

The generator is counter-based: word i of a seed's stream depends only on (seed, i), so any part of the stream can be
computed in any order, by any number of threads. Word i is output i % 4 of the block whose counter is i // 4 and whose
key is the seed.

Source: Salmon, Moraes, Dror and Shaw, Parallel Random Numbers: As Easy as 1, 2, 3, 2011.
"""

from typing import Any

import numpy as np

ROUNDS = 10
WORDS_PER_BLOCK = 4
TILE = 256  # words that the compiled loops draw at once; arrays of marks hold whole tiles
SEEDS = 1 << 64  # number of seeds; a seed is the whole key
UNIT = 2.0**-32  # a word times this is uniform in [0, 1)

M0, M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL0, WEYL1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)  # added to the key after each round
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox4x32(c0: Any, c1: Any, c2: Any, c3: Any, key0: Any, key1: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four random words of blocks, given four words of the counter and two of the key.

    NumPy runs this on arrays; `workbench.compiling.philox4x32` is the same source, compiled for one block at a time.
    All arguments and results are uint64 and below 2^32, numbers or arrays of one shape.

    A round takes (c0, c1, c2, c3) to (hi(m1 c2) ^ c1 ^ k0, lo(m1 c2), hi(m0 c0) ^ c3 ^ k1, lo(m0 c0)). High halves are
    not cleared between rounds, since a multiplication reads only the low half of a lane.
    """
    for _ in range(ROUNDS):
        p0, p1 = M0 * (c0 & LOW), M1 * (c2 & LOW)
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ key0, p1, (p0 >> HALF) ^ c3 ^ key1, p0
        key0, key1 = (key0 + WEYL0) & LOW, (key1 + WEYL1) & LOW
    return c0 & LOW, c1 & LOW, c2 & LOW, c3 & LOW


def key_of(seed: int) -> tuple[int, int]:
    """Return the two words of a seed, the low word first."""
    return seed & 0xFFFFFFFF, seed >> 32


def words(seed: int, count: int, start: int = 0) -> np.ndarray:
    """Return words start .. start + count of a seed's stream, shape (count,), uint32."""
    first = start // WORDS_PER_BLOCK
    blocks = np.arange(first, -(-(start + count) // WORDS_PER_BLOCK), dtype=np.uint64)
    stream = np.stack(_blocks(seed, blocks), axis=-1).reshape(-1)
    skipped = start - first * WORDS_PER_BLOCK
    return stream[skipped : skipped + count]


def words_at(seed: int, index: np.ndarray) -> np.ndarray:
    """Return the words of a seed's stream at the positions `index`, uint32, with the shape of `index`."""
    index = np.asarray(index, np.uint64)
    return np.choose((index & np.uint64(3)).astype(np.intp), _blocks(seed, index >> np.uint64(2)))


def uniforms(seed: int, count: int, start: int = 0) -> np.ndarray:
    """Return numbers start .. start + count of a seed's stream, uniform in [0, 1), float64 with 32 random bits."""
    return words(seed, count, start) * UNIT


def normals(seed: int, count: int) -> np.ndarray:
    """Return `count` standard normal numbers, float64, by the Box-Muller transform; each uses two words."""
    first, second = uniforms(seed, 2 * count).reshape(count, 2).T
    return np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)


def _blocks(seed: int, blocks: np.ndarray) -> tuple[np.ndarray, ...]:
    zero = np.zeros_like(blocks)
    random = philox4x32(blocks & LOW, blocks >> HALF, zero, zero, *map(np.uint64, key_of(seed)))
    return tuple(word.astype(np.uint32) for word in random)
