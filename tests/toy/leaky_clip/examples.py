"""Calls of the leaky clip: small ones that matter for tests, and large ones that a bench times."""

from collections.abc import Iterator

import numpy as np

from workbench.operator import Example

SHAPES = ((), (13,), (5, 7), (2, 3, 5, 7), (0, 3))
ARGUMENTS = ({}, {"limit": 0.0}, {"limit": 2.0, "slope": 0.0}, {"limit": 0.5, "slope": 1.0})


def forward(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of LeakyClip: inside, at and beyond the limit on both sides."""
    for shape in SHAPES:
        for arguments in ARGUMENTS:
            yield (_values(rng, shape),), arguments


def gradient(rng: np.random.Generator) -> Iterator[Example]:
    """Yield calls of LeakyClipGradient: those of LeakyClip, with a gradient of both signs."""
    for (x,), arguments in forward(rng):
        yield (_values(rng, x.shape), x), arguments


def timed_forward(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield the call of LeakyClip that is timed."""
    yield (rng.standard_normal(elements, np.float32),), {"slope": 0.1}


def timed_gradient(rng: np.random.Generator, elements: int) -> Iterator[Example]:
    """Yield the call of LeakyClipGradient that is timed."""
    yield tuple(rng.standard_normal(elements, np.float32) for _ in range(2)), {"slope": 0.1}


def _values(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of both signs, some of them 0 and some at the limit."""
    x = np.asarray(2 * rng.standard_normal(shape), np.float32)
    x[rng.random(shape) < 0.1] = 0.0
    x[rng.random(shape) < 0.1] = 1.0
    return x
