"""Change examples at random while a network trains: shift, flip, contrast and noise, drawn anew for each example.

Each is called as `augment(x, seeds)` with x (worlds, batch, *shape) and one seed for each world, and returns an array
like x, which stays as it is. What an example gets depends on the seed of its world and on its place in the batch.
`fit` calls it on training examples that are not yet standardized, so that 0 is the value of an empty pixel.
"""

import dataclasses
import math
import sys

import numpy as np

from workbench.cost.record import checked_count
from workbench.operator import checked_choice
from workbench.training.random import WorldRandom, derive, uniform


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Base class: a number outside its range raises ValueError, and x of another type than floats a TypeError."""

    def __call__(self, x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        if x.dtype.kind != "f":
            raise TypeError(f"x has dtype {x.dtype}: must be floats; numbers of ids cannot be augmented")
        return self.changed(x, seeds)

    def changed(self, x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Return the changed examples in a new array."""
        raise NotImplementedError

    def _check(self, name: str, most: float = sys.float_info.max) -> None:
        if not 0 <= getattr(self, name) <= most:
            raise ValueError(f"{name}={getattr(self, name)}: must be from 0 to {most:.2g}")


@dataclasses.dataclass(frozen=True)
class _OfImages(Augmentation):
    """Base class for images (..., rows, columns); `image` gives rows and columns if an example is flat."""

    image: tuple[int, int] | None = dataclasses.field(default=None, kw_only=True)

    def images(self, x: np.ndarray) -> np.ndarray:
        """Return x as (worlds * batch, channels, rows, columns)."""
        shape = (*x.shape[:-1], *self.image) if self.image else x.shape
        if len(shape) < 4 or math.prod(shape) != x.size:
            wanted = "rows * columns features with image=(rows, columns), or end with the axes rows and columns"
            raise ValueError(f"x has shape {x.shape}, image={self.image}: an example must be {wanted}")
        return x.reshape(-1, math.prod(shape[2:-2]), *shape[-2:])


@dataclasses.dataclass(frozen=True)
class Shift(_OfImages):
    """Move each image by -pixels to pixels rows and columns, each with equal chance; 0 fills the gap."""

    pixels: int = 1

    def __post_init__(self) -> None:
        checked_count("pixels", self.pixels, 1)

    def changed(self, x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        images, edges = self.images(x), (self.pixels, self.pixels)
        padded = np.pad(images, ((0, 0), (0, 0), edges, edges))
        windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[2:], axis=(2, 3))
        row, column = (uniform(seeds, 2 * x.shape[1]).reshape(-1, 2) * (2 * self.pixels + 1)).astype(np.int64).T
        return windows[np.arange(len(images)), :, row, column].reshape(x.shape)


@dataclasses.dataclass(frozen=True)
class Flip(_OfImages):
    """Mirror each image with chance `chance`: "horizontal" swaps left and right, "vertical" top and bottom."""

    axis: str = "horizontal"
    chance: float = 0.5

    def __post_init__(self) -> None:
        checked_choice("axis", self.axis, ("horizontal", "vertical"))
        self._check("chance", most=1)

    def changed(self, x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        images = self.images(x)
        flipped = uniform(seeds, x.shape[1]).reshape(-1, 1, 1, 1) < self.chance
        return np.where(flipped, np.flip(images, 3 if self.axis == "horizontal" else 2), images).reshape(x.shape)


@dataclasses.dataclass(frozen=True)
class Contrast(Augmentation):
    """Multiply each example by exp(strength z) with a normal z of its own."""

    strength: float

    def __post_init__(self) -> None:
        self._check("strength")

    def changed(self, x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        factors = np.exp(WorldRandom(seeds).normal(0, self.strength, x.shape[:2]))
        return x * factors.astype(x.dtype).reshape(*x.shape[:2], *(1,) * (x.ndim - 2))


@dataclasses.dataclass(frozen=True)
class Noise(Augmentation):
    """Add a normal number with standard deviation `std` to each element."""

    std: float

    def __post_init__(self) -> None:
        self._check("std")

    def changed(self, x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return x + WorldRandom(seeds).normal(0, self.std, x.shape).astype(x.dtype)


class Together:
    """Apply several in turn, each with random numbers of its own: `Together(Shift(1), Noise(0.1))`."""

    def __init__(self, *steps: Augmentation) -> None:
        self.steps = steps

    def __call__(self, x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        for number, step in enumerate(self.steps):
            x = step(x, derive(seeds, number))
        return x
