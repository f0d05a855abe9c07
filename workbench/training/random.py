"""Random numbers of many worlds at once: each world has its own seed, and draws what it would draw alone.

`derive` makes a seed for each purpose (initial weights, order of the batches, masks) from the seed of a world;
`uniform` and `permutations` draw from Philox streams of these seeds.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from workbench import philox
from workbench.sparse_dropout import SEED
from workbench.training import loops

Shape = tuple[int, ...]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9), np.uint64(27), np.uint64(0x94D049BB133111EB), np.uint64(31))


class Random(Protocol):
    """A source of random numbers; `numpy.random.Generator` is one, and `WorldRandom` another."""

    def uniform(self, low: float, high: float, size: Shape) -> np.ndarray: ...

    def normal(self, loc: float, scale: float, size: Shape) -> np.ndarray: ...


def world_seeds(seed: int | Sequence[int] | np.ndarray) -> np.ndarray:
    """Return the seeds of the worlds as uint64, shape (worlds,); a single number is one world.

    Raises:
        TypeError: a seed is not a whole number.
        ValueError: a seed is outside 0 .. 2**64 - 1, or there is none.
    """
    numbers = np.atleast_1d(np.asarray(seed, object))
    if not len(numbers):
        raise ValueError("seed is empty: give one whole number for each world")
    return np.array([SEED.check(number) for number in numbers], np.uint64)


def derive(seeds: np.ndarray, *path: int | np.ndarray) -> np.ndarray:
    """Return new seeds for one purpose, which the whole numbers of `path` name; shape of seeds and path, broadcast.

    Each number is mixed into the seed by the finalizer of SplitMix64 (Steele, Lea and Flood, Fast Splittable
    Pseudorandom Number Generators, 2014).
    """
    with np.errstate(over="ignore"):
        for number in path:
            seeds = (seeds ^ (np.asarray(number).astype(np.uint64) * _STEP + _STEP)) + _STEP
            seeds = (seeds ^ (seeds >> _MIX[0])) * _MIX[1]
            seeds = (seeds ^ (seeds >> _MIX[2])) * _MIX[3]
            seeds = seeds ^ (seeds >> _MIX[4])
    return seeds


def words(seeds: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` words of each seed's Philox stream, uint32, shape (worlds, count)."""
    out = np.empty((len(seeds), -(-count // philox.WORDS_PER_BLOCK) * philox.WORDS_PER_BLOCK), np.uint32)
    loops.words(out, np.ascontiguousarray(seeds))
    return out[:, :count]


def uniform(seeds: np.ndarray, count: int) -> np.ndarray:
    """Return numbers uniform in [0, 1), float64 with 53 random bits, shape (worlds, count)."""
    pairs = words(seeds, 2 * count).astype(np.uint64).reshape(len(seeds), count, 2)
    return ((pairs[..., 0] << philox.HALF | pairs[..., 1]) >> np.uint64(11)) * 2.0**-53


def permutations(seeds: np.ndarray, count: int) -> np.ndarray:
    """Return a random order of 0 .. count - 1 for each seed, shape (worlds, count)."""
    return np.argsort(words(seeds, count), axis=1, kind="stable")


class WorldRandom:
    """Random numbers with the methods of numpy.random.Generator that layers use, independent between worlds.

    The first axis of `size` is the worlds. World s draws the same numbers whatever worlds are beside it.
    """

    def __init__(self, seeds: np.ndarray) -> None:
        self._seeds = seeds
        self._calls = 0

    def uniform(self, low: float = 0.0, high: float = 1.0, size: Iterable[int] = ()) -> np.ndarray:
        return low + (high - low) * self._draw(tuple(size))

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: Iterable[int] = ()) -> np.ndarray:
        """Return normal numbers by the Box-Muller transform."""
        size = tuple(size)
        radius = np.sqrt(-2 * np.log1p(-self._draw(size)))
        return loc + scale * radius * np.cos(2 * np.pi * self._draw(size))

    def _draw(self, size: tuple[int, ...]) -> np.ndarray:
        worlds, *shape = size
        if worlds != len(self._seeds):
            raise ValueError(f"size={size}: the first axis must be the {len(self._seeds)} worlds")
        self._calls += 1
        return uniform(derive(self._seeds, self._calls), math.prod(shape)).reshape(size)
