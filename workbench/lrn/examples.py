"""Example calls of LRN and its gradient: small calls for tests and large calls for timing."""

import math
from collections.abc import Iterator

import numpy as np

from workbench.operator import Example

SHAPES = {
    "NCHW": (2, 7, 3, 5),
    "NHWC": (2, 3, 5, 7),
    "NC": (5, 7),
    "NCW": (2, 7, 3),
    "NWC": (2, 3, 7),
    "NCDHW": (2, 7, 3, 1, 4),
    "NDHWC": (2, 3, 1, 4, 7),
}
EMPTY = ((0, 7, 3, 5), (2, 0, 3, 5), (2, 7, 0, 5), (2, 7, 3, 0))
BETAS = (0.0, 0.25, 0.5, 0.6, 0.75, 1.0, 1.3, 2.0)
SIZES = (1, 3, 7, 15)  # windows of one, some, all, and more channels than the array has
CHANNELS, SIDE = 64, 56  # channels, height and width of the timed arrays


def forward(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of LRN with every order, region and kind of exponent, and windows up to larger than the array."""
    for x, arguments in _cases(rng):
        yield (x,), arguments


def gradient(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of LRNGradient: the calls of LRN with a dy of both signs."""
    for x, arguments in _cases(rng):
        yield (_responses(rng, x.shape), x), arguments


def timed_forward(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield calls of LRN to time, on arrays of about `elements` elements with the same values."""
    yield from _timed(rng, elements, 1)


def timed_gradient(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield calls of LRNGradient to time, on arrays of about `elements` elements with the same values."""
    yield from _timed(rng, elements, 2)


def _cases(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, dict]]:
    for order, shape in SHAPES.items():
        yield _responses(rng, shape), {"alpha": 0.7, "order": order}
    for beta in BETAS:
        yield _responses(rng, SHAPES["NCHW"]), {"size": 3, "alpha": 1.5, "beta": beta, "bias": 2.0}
        yield _responses(rng, SHAPES["NHWC"]), {"size": 3, "alpha": 1.5, "beta": beta, "order": "NHWC"}
    for size in SIZES:
        for order in ("NCHW", "NHWC"):
            for region in ("across", "within"):
                arguments = {"size": size, "alpha": 0.9, "beta": 0.6, "order": order, "region": region}
                yield _responses(rng, SHAPES[order]), arguments
    yield _responses(rng, (3, 19, 11, 8)), {}
    yield _responses(rng, (3, 1)), {"alpha": 1.0}
    yield _responses(rng, (2, 9, 4)), {"alpha": -0.02, "bias": 3.0}  # a negative alpha excites
    yield _responses(rng, (2, 9, 4)), {"alpha": 0.0}
    yield 0.5 + rng.random((2, 9, 4), np.float32), {"alpha": 1.0, "bias": 0.0}
    yield 1000 * _responses(rng, (2, 9, 4)), {"alpha": 1.0}
    for shape in EMPTY:
        for region in ("across", "within"):
            yield np.empty(shape, np.float32), {"region": region}


def _responses(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of both signs, some of them equal and some 0."""
    x = rng.standard_normal(shape, np.float32)
    x[rng.random(shape) < 0.1] = 0.0
    x[rng.random(shape) < 0.1] = 1.5
    return x


def _timed(rng: np.random.Generator, elements: int, count: int) -> Iterator[Example]:
    batch = max(1, round(elements / (CHANNELS * SIDE * SIDE)))
    side = max(1, round(math.sqrt(elements / CHANNELS / batch)))
    arrays = [rng.standard_normal((batch, CHANNELS, side, side), np.float32) for _ in range(count)][::-1]  # x is last
    wanted = (("NCHW", "across", 0.75), ("NCHW", "across", 0.6), ("NHWC", "across", 0.75), ("NCHW", "within", 0.75))
    for order, region, beta in wanted:
        arguments = {"size": 5, "alpha": 1.0, "beta": beta, "bias": 1.0, "order": order, "region": region}
        yield tuple(_in_order(x, order) for x in arrays), arguments


def _in_order(x: np.ndarray, order: str) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if order == "NHWC" else x
