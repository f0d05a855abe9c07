"""Describe a network as a list of layers, and count its shapes, parameters and costs layer by layer.

The first axis of a shape is the batch. The direction "gradient" is all that a backward pass computes. By default, a
`Network` leaves out the gradient to its own input, because nothing needs it.
"""

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from workbench.architectures.layer_costs import (
    Pair,
    average_pool,
    batch_norm,
    concatenated_shape,
    concatenation,
    convolution,
    convolution_shape,
    dense,
    dropout,
    max_pool,
    pooled_shape,
    relu,
    softmax,
)
from workbench.cost.loop_cost import DIRECTIONS, loop_cost
from workbench.cost.record import Cost, checked_count, checked_shape
from workbench.operator import OPERATORS, Arg, Operator, checked_choice

RATIO = Arg("ratio", float, 0.5, "the chance that an element is dropped", low=0, high=1)


@dataclasses.dataclass(frozen=True)
class Layer:
    """Base class of the layers. It keeps the shape and has no parameters; its fields are arguments of `count`."""

    name: str = dataclasses.field(default="", kw_only=True)
    count: ClassVar[Callable[..., Cost]]  # the function of `layer_costs` that counts this layer

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the output shape for an input of `shape`; raise TypeError or ValueError if `shape` does not fit."""
        return checked_shape("shape", shape)

    def parameters(self, shape: Sequence[int]) -> int:
        """Return the number of parameters that are learned, biases included."""
        return 0

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        """Count one pass, "forward" or "gradient"."""
        return type(self).count(direction, shape, **self._options, itemsize=itemsize)

    @property
    def _options(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "name"}


@dataclasses.dataclass(frozen=True)
class Convolution(Layer):
    """Convolve (batch, channels, rows, columns); directions are also "gradient to input" and "... to weights"."""

    filters: int
    kernel: Pair
    stride: Pair = 1
    padding: Pair = 0
    groups: int = 1
    bias: bool = True
    count = convolution

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        options = self._options
        del options["bias"]
        return convolution_shape(shape, **options)

    def parameters(self, shape: Sequence[int]) -> int:
        self.output_shape(shape)
        rows, columns = self.kernel if isinstance(self.kernel, Sequence) else (self.kernel, self.kernel)
        return self.filters * (shape[1] // self.groups * rows * columns + (1 if self.bias else 0))


@dataclasses.dataclass(frozen=True)
class Dense(Layer):
    """Flatten all axes but the batch and connect fully; directions are those of `Convolution`."""

    units: int
    bias: bool = True
    count = dense

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._flat(shape)[0], checked_count("units", self.units, 1)

    def parameters(self, shape: Sequence[int]) -> int:
        return checked_count("units", self.units, 1) * (self._flat(shape)[1] + (1 if self.bias else 0))

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return super().cost(direction, self._flat(shape), itemsize)

    def _flat(self, shape: Sequence[int]) -> tuple[int, int]:
        batch, *features = checked_shape("shape", shape, least=2)
        return batch, math.prod(features)


@dataclasses.dataclass(frozen=True)
class ReLU(Layer):
    """Replace negative elements by 0."""

    count = relu


@dataclasses.dataclass(frozen=True)
class _Pool(Layer):
    kernel: Pair | None
    stride: Pair | None = None
    padding: Pair = 0
    ceil: bool = False

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return pooled_shape(shape, **self._options)


@dataclasses.dataclass(frozen=True)
class MaxPool(_Pool):
    """Keep the largest element of each window; the stride is the kernel unless given."""

    count = max_pool


@dataclasses.dataclass(frozen=True)
class AveragePool(_Pool):
    """Keep the mean of each window; the stride is the kernel unless given. The kernel None is the whole plane."""

    count = average_pool


@dataclasses.dataclass(frozen=True)
class Softmax(Layer):
    """Turn the last axis into probabilities."""

    count = softmax


@dataclasses.dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalize each channel, axis 1, over the batch, then scale and shift; a direction may also be "inference"."""

    count = batch_norm

    def parameters(self, shape: Sequence[int]) -> int:
        return 2 * checked_shape("shape", shape, least=2)[1]


@dataclasses.dataclass(frozen=True)
class Dropout(Layer):
    """Drop each element with chance `ratio` in training, and scale the others."""

    ratio: float = 0.5

    def __post_init__(self) -> None:
        RATIO.check(self.ratio)

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return dropout(direction, shape, itemsize=itemsize)


@dataclasses.dataclass(frozen=True)
class OperatorLayer(Layer):
    """Run a declared operator with one input, such as "LRN"; the operator's own cost function counts it.

    `arguments` are the operator's. Those that do not change its cost, such as a seed, may be left out. As in the other
    layers, one loop writes all results, to new memory.
    """

    operator: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        declared = OPERATORS[checked_choice("operator", self.operator, tuple(OPERATORS))]
        if declared.inputs != ("x",) or not isinstance(declared.gradient, str) or declared.cost is None:
            raise ValueError(
                f"operator={self.operator!r}: must take one input x and have a gradient operator and a cost"
            )
        checked = {name: declared.arg(name).check(value) for name, value in self.arguments.items()}
        object.__setattr__(self, "arguments", checked)

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        counted = operator_cost(OPERATORS[self.operator], direction, shape, self.arguments, itemsize=itemsize)
        return counted + Cost(bytes_allocated=counted.bytes_written, launches=1)


def operator_cost(
    operator: Operator, direction: str, shape: Sequence[int], arguments: Mapping[str, Any], **options: Any
) -> Cost:
    """Return the cost from a declared operator's own cost function, given those `arguments` that the function takes."""
    count = operator.cost_module().cost
    known = inspect.signature(count).parameters
    return count(direction, shape, **{name: value for name, value in arguments.items() if name in known}, **options)


@dataclasses.dataclass(frozen=True)
class Branches(Layer):
    """Run several lists of layers on the same input and concatenate their outputs along the channels, axis 1.

    Its own row in a trace counts the concatenation and, backward, the sum of the branches' gradients to their input.
    """

    branches: tuple[tuple[Layer, ...], ...]

    def __post_init__(self) -> None:
        branches = tuple(_checked_layers("branches", branch) for branch in self.branches)
        if not branches:
            raise ValueError("branches=(): give at least one branch")
        object.__setattr__(self, "branches", branches)

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return concatenated_shape([_output_shape(branch, shape) for branch in self.branches])

    def parameters(self, shape: Sequence[int]) -> int:
        return sum(row.parameters for row in _rows((self,), shape, 4, before=True))

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        checked_choice("direction", direction, DIRECTIONS)
        return sum((getattr(row, direction) for row in _rows((self,), shape, itemsize, before=True)), Cost())


@dataclasses.dataclass(frozen=True)
class Traced:
    """One row of a network's trace, for one layer. The row of `Branches` comes after the rows of its layers."""

    name: str
    layer: Layer
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    parameters: int
    forward: Cost
    gradient: Cost


@dataclasses.dataclass(frozen=True)
class Network:
    """A list of layers on an input of (channels, rows, columns) or (features,); the methods take the batch size.

    The gradient to the network's input is not counted, because nothing learns from it: a layer with weights and none
    before it computes only its weights' gradient, and layers before it compute none. Batch normalization computes both
    gradients at once. With `input_gradient`, as for a part of a larger network, all gradients are counted.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    input_gradient: bool = False

    def __post_init__(self) -> None:
        shape = checked_shape("input_shape", self.input_shape)
        if len(shape) not in (1, 3):
            raise ValueError(f"input_shape={shape}: must be (channels, rows, columns) or (features,)")
        object.__setattr__(self, "input_shape", shape)
        object.__setattr__(self, "layers", _checked_layers("layers", self.layers))
        _output_shape(self.layers, (1, *shape))  # raises an error now if the layers do not fit together

    def trace(self, batch: int = 1, itemsize: int = 4) -> tuple[Traced, ...]:
        """Return a row for each layer, including those inside branches, in the order of the forward pass."""
        shape = (checked_count("batch", batch), *self.input_shape)
        return tuple(_rows(self.layers, shape, itemsize, before=self.input_gradient))

    @property
    def parameters(self) -> int:
        """Return the number of parameters of all layers, biases included."""
        return sum(row.parameters for row in self.trace())

    def cost(self, direction: str, batch: int = 1, itemsize: int = 4) -> Cost:
        """Count one pass through all layers, "forward" or "gradient"."""
        checked_choice("direction", direction, DIRECTIONS)
        return sum((getattr(row, direction) for row in self.trace(batch, itemsize)), Cost())

    def without(self, operator_name: str) -> "Network":
        """Return this network without the layers of one operator; raise ValueError if it has none."""
        present = sorted({row.layer.operator for row in self.trace() if isinstance(row.layer, OperatorLayer)})
        if operator_name not in present:
            there = f"must be one of {', '.join(map(repr, present))}" if present else "it has no operators"
            raise ValueError(f"operator_name={operator_name!r}: is not in the network {self.name!r}; {there}")
        return dataclasses.replace(self, layers=_without(self.layers, operator_name))


def _checked_layers(name: str, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    if isinstance(layers, (str, Layer)) or not isinstance(layers, Sequence):
        raise TypeError(f"{name}={layers!r}: must be a tuple of layers")
    for index, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise TypeError(f"{name}[{index}]={layer!r}: must be a layer, as ReLU(), not {type(layer).__name__}")
    return tuple(layers)


def _without(layers: tuple[Layer, ...], operator: str) -> tuple[Layer, ...]:
    kept = []
    for layer in layers:
        if isinstance(layer, Branches):
            layer = dataclasses.replace(layer, branches=tuple(_without(branch, operator) for branch in layer.branches))
        if not (isinstance(layer, OperatorLayer) and layer.operator == operator):
            kept.append(layer)
    return tuple(kept)


def _output_shape(layers: tuple[Layer, ...], shape: Sequence[int]) -> tuple[int, ...]:
    return _last_shape(_rows(layers, shape, 4, before=True), shape)


def _last_shape(rows: list[Traced], shape: Sequence[int]) -> tuple[int, ...]:
    return rows[-1].output_shape if rows else tuple(shape)


def _rows(
    layers: Sequence[Layer], shape: Sequence[int], itemsize: int, *, before: bool, path: str = ""
) -> list[Traced]:
    """Return the rows of `layers`; `before` tells whether something before them needs a gradient."""
    rows: list[Traced] = []
    for index, layer in enumerate(layers):
        given = (_last_shape(rows, shape), itemsize, before, f"{path}{index}")
        rows += _branch_rows(layer, *given) if isinstance(layer, Branches) else _layer_rows(layer, *given)
        before = before or any(row.parameters for row in rows)
    return rows


def _layer_rows(layer: Layer, shape: Sequence[int], itemsize: int, before: bool, place: str) -> list[Traced]:
    kind = type(layer).__name__
    try:
        output, parameters = layer.output_shape(shape), layer.parameters(shape)
        forward = layer.cost("forward", shape, itemsize)
        if before:
            gradient = layer.cost("gradient", shape, itemsize)
        elif not parameters:
            gradient = Cost()
        else:
            alone = isinstance(layer, (Convolution, Dense))
            gradient = layer.cost("gradient to weights" if alone else "gradient", shape, itemsize)
    except (TypeError, ValueError) as problem:
        name = f" {layer.name!r}" if layer.name else ""
        raise type(problem)(f"layer {place}, {kind}{name}, on shape {tuple(shape)}: {problem}") from None
    return [Traced(layer.name or f"{kind} {place}", layer, tuple(shape), output, parameters, forward, gradient)]


def _branch_rows(layer: Branches, shape: Sequence[int], itemsize: int, before: bool, place: str) -> list[Traced]:
    branches = [
        _rows(branch, shape, itemsize, before=before, path=f"{place}.{index}.")
        for index, branch in enumerate(layer.branches)
    ]
    rows = [row for branch in branches for row in branch]
    shapes = [_last_shape(branch, shape) for branch in branches]
    name = layer.name or f"Branches {place}"
    try:
        output = concatenated_shape(shapes)
    except ValueError as problem:
        raise ValueError(f"layer {place}, {name!r}, on shape {tuple(shape)}: the branches' {problem}") from None
    forward, gradient = (concatenation(direction, shapes, itemsize=itemsize) for direction in DIRECTIONS)
    if before and len(shapes) > 1:  # the branches' gradients to their common input are added up
        elements = math.prod(shape)
        sums = Cost(other_flops=(len(shapes) - 1) * elements)
        gradient += sums + loop_cost(len(shapes) * elements * itemsize, elements * itemsize)
    elif not before and not any(row.parameters for row in rows):
        gradient = Cost()
    return [*rows, Traced(name, layer, tuple(shape), output, 0, forward, gradient)]
