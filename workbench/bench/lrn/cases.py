"""What is timed of local response normalization: arrays, arguments, and how close a result must come."""

import dataclasses

import numpy as np

from workbench import local_response_norm, local_response_norm_gradient

SIZE = 5
ALPHA = 1.0  # strong enough that a window with one neighbour too few stands out from rounding
BIAS = 1.0
LAYOUTS = ("NCHW", "NHWC")


@dataclasses.dataclass(frozen=True)
class Case:
    """One direction ("forward" or "gradient") at one beta."""

    direction: str
    beta: float

    def __str__(self) -> str:
        return f"{self.direction}, beta {self.beta:g}"


FORWARD, OTHER_BETA, GRADIENT = Case("forward", 0.75), Case("forward", 0.6), Case("gradient", 0.75)
CASES = (FORWARD, OTHER_BETA, GRADIENT)


@dataclasses.dataclass(frozen=True)
class Arrays:
    """Input x and gradient dy of one layout, contiguous."""

    layout: str
    x: np.ndarray
    dy: np.ndarray

    def read_by(self, case: Case) -> tuple[np.ndarray, ...]:
        return (self.x,) if case.direction == "forward" else (self.dy, self.x)


def make_arrays(shape: tuple[int, ...]) -> dict[str, Arrays]:
    """Return the same normal float32 numbers of `shape` (n, c, h, w) in every layout."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
    return {layout: Arrays(layout, in_layout(x, layout), in_layout(dy, layout)) for layout in LAYOUTS}


def in_layout(array: np.ndarray, layout: str) -> np.ndarray:
    """Return an NCHW array in `layout`, contiguous."""
    return np.ascontiguousarray(array if layout == "NCHW" else np.moveaxis(array, 1, -1))


def ours(case: Case, arrays: Arrays, engine: str = "numba") -> np.ndarray:
    """Run the operator itself."""
    arguments = {"size": SIZE, "alpha": ALPHA, "beta": case.beta, "bias": BIAS, "order": arrays.layout}
    if case.direction == "forward":
        return local_response_norm(arrays.x, **arguments, engine=engine)
    return local_response_norm_gradient(arrays.dy, arrays.x, **arguments, engine=engine)


def expected(case: Case, arrays: Arrays) -> np.ndarray:
    """Return what the float64 reference computes."""
    exact = Arrays(arrays.layout, arrays.x.astype(np.float64), arrays.dy.astype(np.float64))
    return ours(case, exact, engine="reference")


def relative_error(case: Case, result: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest relative error, infinite where shapes differ or a result is not a number.

    Forward, of each element; of the gradient, whose two terms can cancel, relative to its largest element.
    """
    if result.shape != reference.shape:
        return np.inf
    difference = np.abs(result - reference)
    size = np.abs(reference) if case.direction == "forward" else np.max(np.abs(reference), initial=0.0)
    error = difference / np.maximum(size, np.finfo(np.float32).tiny)
    largest = float(np.max(error, initial=0.0))
    return np.inf if np.isnan(largest) else largest
