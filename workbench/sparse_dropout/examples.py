"""Example calls of the dropout operators: small calls for tests and large calls for timing."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench.operator import Example

SHAPE = (2, 3, 5, 7)
SHAPES = ((), (13,), (3, 5), SHAPE)
EMPTY = ((0,), (0, 5), (3, 0, 5))
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
RATIOS = (0.0, 0.3, 0.9, 1.0)
NEW_SHAPES = ((7,), (5, 1), (3, 1, 1), (2, 1, 1, 7), SHAPE)  # shapes of replacements that broadcast to SHAPE
LENGTHS = ((2, 0, 5, 3, 1), (0, 0, 0), (0, 4, 0), (1,) * 9, (), tuple(range(12)))
VALUES_A_SEGMENT = 20  # mean length of a segment in timed ragged arrays
TIMED = {"ratio": 0.3, "seed": 17}


def forward(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of DropoutWithReplacement with every type, replacement shape and strategy, and sparse matrices."""
    for seed, shape in enumerate((*SHAPES, *EMPTY)):
        yield (_values(rng, shape),), {"seed": seed}
        yield (_values(rng, shape),), {"seed": seed, "training": False}
    for ratio in RATIOS:
        for scaled in (False, True):
            arguments = {"ratio": ratio, "seed": 2**64 - 1, "scaled": scaled, "replacement": -1.5}
            yield (_values(rng, SHAPE),), arguments
            yield (_sparse(rng, "csr"),), arguments
            yield (_sparse(rng, "csc"),), arguments
    for shape in NEW_SHAPES:
        new = rng.standard_normal(shape, np.float32)
        yield (_values(rng, SHAPE),), {"ratio": 0.4, "replacement": new, "seed": 3, "scaled": len(shape) % 2 == 0}
    for dtype in INTEGERS:
        yield (rng.integers(0, 100, SHAPE).astype(dtype),), {"replacement": 7, "seed": 4}
    for strategy in ("zero", "mean", "median"):
        for per_feature in (False, True):
            arguments = {"replacement": strategy, "per_feature": per_feature, "seed": 5}
            yield (_values(rng, SHAPE),), arguments
            yield (_sparse(rng, "csr"),), arguments
    yield (np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], np.float32),), {"replacement": 2.0, "seed": 6}
    yield (_values(rng, SHAPE),), {"seed": 7, "start": 2**40 + 1}


def gradient(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of DropoutWithReplacementGradient with every replacement shape, and sparse matrices."""
    for shape in (*SHAPES, *EMPTY):
        yield (_values(rng, shape), np.asarray(rng.random(shape) < 0.4)), {}
    for shape in NEW_SHAPES:
        inputs = (_values(rng, SHAPE), rng.random(SHAPE) < 0.4)
        yield inputs, {"replacement_shape": shape}
        yield inputs, {"replacement_shape": shape, "scaled": True, "ratio": 0.4}
    yield (_values(rng, SHAPE), np.zeros(SHAPE, bool)), {"training": False, "scaled": True}
    yield (_values(rng, SHAPE), np.ones(SHAPE, bool)), {"ratio": 1.0, "scaled": True}
    for kind in ("csr", "csc"):
        dy = _sparse(rng, kind)
        dropped = dy.copy()
        dropped.data = rng.random(dy.data.size) < 0.4
        for shape in ((), (7,), (6, 1)):
            yield (dy, dropped), {"replacement_shape": shape, "ratio": 0.4, "scaled": True}


def ragged(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of the operators on ragged arrays: empty segments, no segments, every type."""
    for seed, lengths in enumerate(LENGTHS):
        for ratio in RATIOS:
            yield _segments(rng, lengths, np.int64), {"ratio": ratio, "replacement_value": -1.5, "seed": seed}
    for dtype in INTEGERS:
        x = rng.integers(0, 100, sum(LENGTHS[0])).astype(dtype)
        yield (x, np.array(LENGTHS[0], np.int32)), {"ratio": 0.5, "replacement_value": 7, "seed": 8}
    lengths = rng.integers(0, 6, 300)
    yield _segments(rng, lengths, np.int32), {"ratio": 0.5, "seed": 9, "start": 2**33}
    yield _segments(rng, lengths, np.int32), {"ratio": 0.5, "seed": 9, "training": False}


def timed_forward(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield a call of DropoutWithReplacement to time."""
    yield (rng.standard_normal(elements, np.float32),), dict(TIMED)


def timed_gradient(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield a call of DropoutWithReplacementGradient to time."""
    dropped = rng.random(elements, np.float32) < TIMED["ratio"]
    yield (rng.standard_normal(elements, np.float32), dropped), {"ratio": TIMED["ratio"]}


def timed_ragged(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield a call of an operator on ragged arrays to time; the values are integers, such as item numbers."""
    lengths = rng.integers(0, 2 * VALUES_A_SEGMENT, max(1, elements // VALUES_A_SEGMENT), np.int32)
    yield (rng.integers(1, 1_000_000, int(lengths.sum())), lengths), dict(TIMED)


def _values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of both signs, some of them equal and some 0."""
    x = np.asarray(rng.standard_normal(shape), np.float32)
    x[rng.random(shape) < 0.1] = 0.0
    x[rng.random(shape) < 0.1] = 1.5
    return x


def _sparse(rng: np.random.Generator, kind: str) -> Any:
    from scipy import sparse

    dense = rng.standard_normal((6, 7), np.float32)
    matrix = sparse.csr_matrix(np.where(rng.random((6, 7)) < 0.5, dense, 0)).asformat(kind)
    matrix.data[3] = 0.0  # a stored zero
    return matrix


def _segments(rng: np.random.Generator, lengths: Any, dtype: type) -> tuple[np.ndarray, np.ndarray]:
    return _values(rng, (int(np.sum(lengths, dtype=int)),)), np.array(lengths, dtype)
