"""Example calls of the Lp operators: small calls for tests and large calls for timing."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from workbench.operator import Example

SHAPES = ((), (13,), (5, 7), (3, 2, 5, 7))
EMPTY = ((0,), (0, 5), (3, 0, 5))
POWERS = (0.0, 0.5, 2 / 3, 0.8, 1.0, 1.3, 1.5, 2.0, 3.0, 4.0)  # finite exponents, with closed forms and with iterations
INDICES = ((), (4,), (4, 4, 4), (0, 6, 3, 3, 6, 0, 1), tuple(range(7)) * 2)
LENGTH, NAMED = 64, 5  # timed tables: elements per row; one row in NAMED is named
STRENGTH = 0.125  # alpha or weight of the timed calls


def rows(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of SparseLpRegularizer with every exponent; rows are named once, several times or not at all."""
    for p in (*POWERS, math.inf):
        for indices in INDICES:
            dtype = (np.int32, np.int64)[len(indices) % 2]
            yield (_weights(rng, (7, 5)), np.array(indices, dtype)), {"p": p, "reg_lambda": 0.2}
    yield (_weights(rng, (7, 3, 5)), np.array([[2, 0, 2], [1, 6, 6]])), {"reg_lambda": 0.3, "exact": True}
    yield (_weights(rng, (11,)), rng.integers(0, 11, 40)), {"p": 1.0, "reg_lambda": 0.01}
    yield (_weights(rng, (300, 8)), rng.integers(0, 300, 500)), {"reg_lambda": 0.1}
    yield (np.empty((0, 5), np.float32), np.empty(0, np.int64)), {}
    yield (np.empty((5, 0), np.float32), np.array([4, 1])), {}


def penalty(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of SparseLp with every exponent, and thresholds from 0 to one that keeps no weight."""
    for p in (*POWERS, math.inf):
        for threshold in (0.0, 0.6):
            yield (_weights(rng, (3, 5, 7)),), {"alpha": 0.4, "p": p, "sparsity_threshold": threshold}
    for shape in (*SHAPES, *EMPTY):
        yield (_weights(rng, shape),), {"alpha": 0.4, "sparsity_threshold": 1.5}  # equal to several of the weights
    yield (_weights(rng, (5, 7)),), {"alpha": 0.0, "p": 3.0}
    yield (_weights(rng, (5, 7)),), {"alpha": 1.0, "sparsity_threshold": 1e6}
    yield (np.array([np.nan, 1.0, -0.0, 0.5], np.float32),), {"alpha": 1.0, "sparsity_threshold": 0.5}


def gradient(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of LpGradient with every finite exponent."""
    for p in POWERS:
        yield (_weights(rng, (3, 5, 7)),), {"alpha": 0.4, "p": p}
    for shape in (*SHAPES, *EMPTY):
        yield (_weights(rng, shape),), {"alpha": 0.4}
    yield (_weights(rng, (5, 7)),), {"alpha": 0.0, "p": 0.5}
    yield (np.array([np.nan, np.inf, -np.inf, -0.0], np.float32),), {"alpha": 1.0, "p": 1.5}


def prox(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of LpProx with every exponent, and penalty weights from 0 to one that sets all to zero."""
    for p in (*POWERS, math.inf):
        for weight in (0.0, 0.1, 0.9, 50.0):
            yield (_weights(rng, (3, 5, 7)),), {"weight": weight, "p": p}
    for shape in (*SHAPES, *EMPTY):
        yield (_weights(rng, shape),), {"weight": 1.5}  # equal to several elements of x
    yield (np.array([np.nan, np.inf, -np.inf, -0.0], np.float32),), {"weight": 1.0, "p": 0.5}


def timed_rows(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield a call of SparseLpRegularizer to time; it is so weak that rows stay far from 0 after many runs."""
    w = _timed_weights(rng, elements)
    numbers = rng.integers(0, len(w), max(1, len(w) // NAMED), np.int32)
    yield (w, numbers), {"p": 2.0, "reg_lambda": 2.0**-13}


def timed(powers: tuple[float, ...], **arguments: float) -> Callable[[np.random.Generator, int], Iterator[Example]]:
    """Return a function that yields the timed calls of an operator on weights, one for each exponent."""

    def calls(rng: np.random.Generator, elements: int) -> Iterator[Example]:
        w = _timed_weights(rng, elements)
        for p in powers:
            yield (w,), {**arguments, "p": p}

    return calls


def _weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of both signs, some of them equal and some 0."""
    w = np.asarray(rng.standard_normal(shape), np.float32)
    w[rng.random(shape) < 0.1] = 0.0
    w[rng.random(shape) < 0.1] = 1.5
    return w


def _timed_weights(rng: np.random.Generator, elements: int) -> np.ndarray:
    return rng.standard_normal((max(1, elements // LENGTH), LENGTH), np.float32)
