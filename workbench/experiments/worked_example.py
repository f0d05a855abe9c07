"""The worked example on this machine: a convolution, ReLU and LRN, forward and backward, predicted and timed.

The convolution is NumPy's: the windows are laid out as the columns of a matrix (im2col), which one matrix product
multiplies.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits  # comes with scikit-learn

from workbench import local_response_norm, local_response_norm_gradient
from workbench.architectures.layer_costs import convolution, relu
from workbench.cost import Cost
from workbench.lrn.cost import cost as lrn_cost
from workbench.machines.limits import Machine
from workbench.machines.prediction import predict
from workbench.machines.timing import Contender, measure
from workbench.parallel import thread_limit

KERNEL, PADDING = 3, 1


@dataclasses.dataclass(frozen=True)
class Timed:
    """One part of a step: what it costs, and its seconds as predicted and as measured."""

    layer: str
    direction: str
    cost: Cost
    predicted: float
    bound: str
    measured: float


def columns_of(x: np.ndarray) -> np.ndarray:
    """Return the 3 x 3 windows of x (channels, rows, columns), padded by one, as (channels * 9, rows * columns)."""
    padded = np.pad(x, ((0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (KERNEL, KERNEL), axis=(1, 2))
    return windows.transpose(0, 3, 4, 1, 2).reshape(len(x) * KERNEL * KERNEL, -1)


def image_of(columns: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the sums of what `columns_of` laid out, at the places that it came from."""
    channels, height, width = shape
    parts = columns.reshape(channels, KERNEL, KERNEL, height, width)
    padded = np.zeros((channels, height + 2 * PADDING, width + 2 * PADDING), columns.dtype)
    for row in range(KERNEL):
        for column in range(KERNEL):
            padded[:, row : row + height, column : column + width] += parts[:, row, column]
    return padded[:, PADDING:-PADDING, PADDING:-PADDING]


def convolve(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the convolution of x (batch, channels, rows, columns) with weights (filters, channels, 3, 3)."""
    matrix = weights.reshape(len(weights), -1)
    return np.stack([(matrix @ columns_of(image)).reshape(-1, *image.shape[1:]) for image in x])


def convolve_back(dy: np.ndarray, x: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients to x and to the weights."""
    matrix = weights.reshape(len(weights), -1)
    to_weights, to_input = np.zeros_like(matrix), []
    for above, image in zip(dy, x, strict=True):
        flat = above.reshape(len(weights), -1)
        to_weights += flat @ columns_of(image).T
        to_input.append(image_of(matrix.T @ flat, image.shape))
    return np.stack(to_input), to_weights.reshape(weights.shape)


def time_example(
    machine: Machine, threads: int, *, batch: int, channels: int, pixels: int, size: int, beta: float, rounds: int = 5
) -> list[Timed]:
    """Predict and time the three layers forward and backward on this machine: medians of `rounds`, taken in turns."""
    rng = np.random.default_rng(0)
    shape = (batch, channels, pixels, pixels)
    x, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
    weights = rng.standard_normal((channels, channels, KERNEL, KERNEL), np.float32) / channels
    given = {"filters": channels, "kernel": KERNEL, "padding": PADDING, "bias": False, "method": "im2col"}
    arguments = {"size": size, "beta": beta}
    parts: dict[tuple[str, str], tuple[Cost, Callable[[], object], tuple[np.ndarray, ...]]] = {
        ("convolution", "forward"): (convolution("forward", shape, **given), lambda: convolve(x, weights), (x,)),
        ("convolution", "gradient"): (
            convolution("gradient", shape, **given),
            lambda: convolve_back(dy, x, weights),
            (dy, x),
        ),
        ("ReLU", "forward"): (relu("forward", shape), lambda: np.maximum(x, 0), (x,)),
        ("ReLU", "gradient"): (relu("gradient", shape), lambda: np.multiply(dy, x > 0), (dy, x)),
        ("LRN", "forward"): (
            lrn_cost("forward", shape, **arguments, engine="numba"),
            lambda: local_response_norm(x, **arguments),
            (x,),
        ),
        ("LRN", "gradient"): (
            lrn_cost("gradient", shape, **arguments, engine="numba"),
            lambda: local_response_norm_gradient(dy, x, **arguments),
            (dy, x),
        ),
    }
    contenders = {
        f"{layer} {direction}": Contender(run, reads) for (layer, direction), (_, run, reads) in parts.items()
    }
    with thread_limit(threads), threadpool_limits(threads):
        timings = measure(contenders, rounds)
    found = []
    for (layer, direction), (cost, _, _) in parts.items():
        expected = predict(cost, machine, threads=threads)
        seconds = timings[f"{layer} {direction}"].seconds
        found.append(Timed(layer, direction, cost, expected.seconds, expected.bound, seconds))
    return found
