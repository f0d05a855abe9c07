"""A network is a list of layers: chain their shapes, draw their parameters, and pass forward and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.training.layers.layer import Layer, Parameters, Shape
from workbench.training.random import WorldRandom, derive

EXAMPLES_AT_ONCE = 256  # of each world, when a network is evaluated


def shapes(network: Sequence[Layer], shape: Shape) -> list[Shape]:
    """Return the shape of one example before each layer, and after the last.

    Raises:
        TypeError: an element of `network` is not a layer.
        ValueError: there is no layer, or a layer does not accept the shape that reaches it; the message names it.
    """
    if not network:
        raise ValueError("network is empty: give a list of layers, such as [Dense(10)]")
    found = [tuple(shape)]
    for place, layer in enumerate(network):
        if not isinstance(layer, Layer):
            raise TypeError(f"network[{place}] is {layer!r}: must be a layer, such as Dense(10)")
        try:
            found.append(tuple(layer.output(found[-1])))
        except ValueError as problem:
            raise ValueError(f"network[{place}]: {problem}") from None
    return found


def initial(network: Sequence[Layer], shape: Shape, seeds: np.ndarray, dtype: Any) -> list[Parameters]:
    """Return each layer's initial parameters in C order; layer i of a world depends on the world's seed and i alone.

    Weights get `dtype`. One number for each world, such as a ratio, stays float64.
    """
    drawn = []
    for place, (layer, before) in enumerate(zip(network, shapes(network, shape), strict=False)):
        parameters = layer.initial(before, WorldRandom(derive(seeds, place)), len(seeds))
        drawn.append({name: np.ascontiguousarray(a, dtype if a.ndim > 1 else None) for name, a in parameters.items()})
    return drawn


def forward(
    network: Sequence[Layer], parameters: Sequence[Parameters], x: np.ndarray, *, training: bool, seeds: Any = None
) -> tuple[np.ndarray, list[Any]]:
    """Return the output of the last layer, and what each layer saved. `seeds` holds the seed or seeds of each layer."""
    saved = []
    for place, (layer, own) in enumerate(zip(network, parameters, strict=True)):
        x, kept = layer.forward(own, x, training=training, seed=0 if seeds is None else seeds[place])
        saved.append(kept)
    return x, saved


def backward(
    network: Sequence[Layer], parameters: Sequence[Parameters], saved: Sequence[Any], dy: np.ndarray
) -> list[Parameters]:
    """Return the gradients of each layer's parameters, given the gradient of the last layer's output."""
    gradients: list[Parameters] = [{} for _ in network]
    first = next((place for place, own in enumerate(parameters) if own), len(network))
    for place in range(len(network) - 1, first, -1):
        dy, gradients[place] = network[place].backward(parameters[place], saved[place], dy)
    if first < len(network):
        gradients[first] = network[first].gradients(parameters[first], saved[first], dy)
    return gradients


def wrong(output: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """Return where the largest output is not at the class y; NaN without classes or with fewer outputs than classes."""
    return (output.argmax(axis=-1) != y) if output.shape[-1] >= classes > 0 else np.full(output.shape[:2], np.nan)


def predict(network: Sequence[Layer], parameters: Sequence[Parameters], x: np.ndarray) -> np.ndarray:
    """Return the outputs (worlds, examples, ...) for x (worlds, examples, *shape), in evaluation mode."""
    with np.errstate(all="ignore"):  # as in training: a world that diverged has infinite weights
        blocks = [
            forward(network, parameters, x[:, start : start + EXAMPLES_AT_ONCE], training=False)[0]
            for start in range(0, max(x.shape[1], 1), EXAMPLES_AT_ONCE)
        ]
    return np.concatenate(blocks, axis=1)
