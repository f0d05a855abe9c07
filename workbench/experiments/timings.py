"""Timings for the notebooks: the worked example, the operators in a roofline plot, and software tricks of dropout.

The worked example is a convolution, ReLU and LRN, forward and backward, predicted and timed. The convolution uses
NumPy: it copies the windows into the columns of a matrix (im2col) and computes one matrix product.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping

import numpy as np
from threadpoolctl import threadpool_limits

from workbench import local_response_norm, local_response_norm_gradient
from workbench.architectures.layer_costs import convolution, relu
from workbench.cost import Cost
from workbench.hardware.tricks import TRICKS
from workbench.lrn.cost import cost as lrn_cost
from workbench.machines import plain_loops
from workbench.machines.limits import Machine
from workbench.machines.prediction import predict
from workbench.machines.timing import Contender, measure
from workbench.operator import OPERATORS, Operator
from workbench.parallel import thread_limit

KERNEL, PADDING = 3, 1
WANTED = {"beta": (0.75,), "p": (0.5, 2.0), "order": ("NCHW",)}  # selects one or two calls of each operator


@dataclasses.dataclass(frozen=True)
class Timed:
    """One part of the worked example: its cost, and its predicted and measured time in seconds."""

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
    """Add up columns laid out as by `columns_of` at the places that they came from; return an array of `shape`."""
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
    """Return the gradients of a loss with respect to x and to the weights, given its gradient dy in the output."""
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
    """Predict and time the three layers, forward and backward: medians of `rounds` rounds in which they take turns."""
    rng = np.random.default_rng(0)
    shape = (batch, channels, pixels, pixels)
    x, dy = (rng.standard_normal(shape, np.float32) for _ in range(2))
    weights = rng.standard_normal((channels, channels, KERNEL, KERNEL), np.float32) / channels
    given = {"filters": channels, "kernel": KERNEL, "padding": PADDING, "bias": False, "method": "im2col"}
    arguments = {"size": size, "beta": beta}
    parts: dict[str, tuple[Cost, Callable[[], object]]] = {
        "convolution forward": (convolution("forward", shape, **given), lambda: convolve(x, weights)),
        "convolution gradient": (convolution("gradient", shape, **given), lambda: convolve_back(dy, x, weights)),
        "ReLU forward": (relu("forward", shape), lambda: np.maximum(x, 0)),
        "ReLU gradient": (relu("gradient", shape), lambda: np.multiply(dy, x > 0)),
        "LRN forward": (
            lrn_cost("forward", shape, **arguments, engine="numba"),
            lambda: local_response_norm(x, **arguments),
        ),
        "LRN gradient": (
            lrn_cost("gradient", shape, **arguments, engine="numba"),
            lambda: local_response_norm_gradient(dy, x, **arguments),
        ),
    }
    reads = {"forward": (x,), "gradient": (dy, x)}
    contenders = {part: Contender(run, reads[part.split()[1]]) for part, (_, run) in parts.items()}
    with thread_limit(threads), threadpool_limits(threads):
        timings = measure(contenders, rounds)
    found = []
    for part, (cost, _) in parts.items():
        expected = predict(cost, machine, threads=threads)
        found.append(Timed(*part.split(), cost, expected.seconds, expected.bound, timings[part].seconds))
    return found


@dataclasses.dataclass(frozen=True)
class Point:
    """An operator in a roofline plot: (operations per byte, operations per second), compiled and in NumPy.

    Operations are FLOPs, comparisons and random words. Both points use the count of the compiled loops, since extra
    work of NumPy is no progress. `before` is None if NumPy's cost is not counted.
    """

    name: str
    after: tuple[float, float]
    before: tuple[float, float] | None = None


def measure_points(elements: int, rounds: int = 5, threads: int = 1) -> list[Point]:
    """Time both engines in turns on about `elements` elements, and return a point for each call of an operator."""
    points = []
    for operator in OPERATORS.values():
        if operator.timed and operator.cost:
            for inputs, arguments in operator.timed(np.random.default_rng(0), elements):
                if all(arguments.get(name, allowed[0]) in allowed for name, allowed in WANTED.items()):
                    points.append(_measure(operator, inputs, arguments, rounds, threads))
    return points


def _measure(operator: Operator, inputs: tuple, arguments: dict, rounds: int, threads: int) -> Point:
    costs = {"numba": operator.cost_module().work(operator.name, inputs, arguments).cost}
    reference = _reference_cost(operator, inputs, arguments)
    if reference:
        costs["reference"] = reference
    contenders = {
        engine: Contender(lambda engine=engine: operator.run(*inputs, engine=engine, **arguments), inputs)
        for engine in costs
    }
    with thread_limit(threads):
        timings = measure(contenders, rounds)
    operations = costs["numba"].flops + costs["numba"].comparisons + costs["numba"].random_words
    places = {name: (operations / cost.bytes, operations / timings[name].seconds) for name, cost in costs.items()}
    return Point(_name(operator, arguments), places["numba"], places.get("reference"))


def _reference_cost(operator: Operator, inputs: tuple, arguments: dict) -> Cost | None:
    """Return the cost of the NumPy engine; None if it is not counted (rows, segments) or depends on the data."""
    work = operator.cost_module().work
    if "engine" not in inspect.signature(work).parameters:
        return None
    try:
        return work(operator.name, inputs, arguments, engine="reference").cost
    except ValueError:
        return None


def _name(operator: Operator, arguments: dict) -> str:
    """Return the operator's name, followed by its text arguments that are not defaults and by p."""
    chosen = [
        value for name, value in arguments.items() if isinstance(value, str) and value != operator.arg(name).default
    ]
    exponent = [f"p = {arguments['p']:g}"] if "p" in arguments else []
    return " ".join([operator.name, *chosen, *exponent])


def time_tricks(
    x: np.ndarray,
    ratio: float,
    seed: int,
    *,
    rounds: int = 9,
    threads: int = 1,
    tricks: Mapping[str, Callable] = TRICKS,
) -> dict[str, float]:
    """Time each trick and a plain copy of x in turns, with `threads` threads; return medians of `rounds` in seconds."""
    contenders = {"copy": Contender(lambda: plain_loops.copy(x), (x,))}
    for name, trick in tricks.items():
        contenders[name] = Contender(lambda trick=trick: trick(x, ratio, seed), (x,))
    with thread_limit(threads):
        return {name: timing.seconds for name, timing in measure(contenders, rounds).items()}
