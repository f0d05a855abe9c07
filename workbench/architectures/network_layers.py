"""The layers that a user writes down in a network: what shape they make, their parameters, what they cost.

Shapes have the batch in front. The direction "gradient" is all that a backward pass computes.
"""

import dataclasses
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from workbench.architectures.layer_costs import convolution, convolution_shape, dense, dropout, relu
from workbench.architectures.normalization_costs import batch_norm, softmax
from workbench.architectures.pooling_costs import average_pool, max_pool, pooled_shape
from workbench.cost.record import Cost, checked_choice, checked_count, checked_shape
from workbench.operator import OPERATORS

Size = int | tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Layer:
    """What all layers have: this one keeps the shape, and has no parameters."""

    name: str = dataclasses.field(default="", kw_only=True)

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape that this layer makes of `shape`, or raise TypeError or ValueError."""
        return checked_shape("shape", shape)

    def parameters(self, shape: Sequence[int]) -> int:
        """Return the number of parameters that are learned, biases included."""
        return 0

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        """Count one pass, "forward" or "gradient"."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Convolution(Layer):
    """Convolve (batch, channels, rows, columns); a direction may also be "gradient to input" or "... to weights"."""

    filters: int
    kernel: Size
    stride: Size = 1
    padding: Size = 0
    groups: int = 1
    bias: bool = True

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return convolution_shape(shape, self.filters, self.kernel, **self._options)

    def parameters(self, shape: Sequence[int]) -> int:
        self.output_shape(shape)
        rows, columns = self.kernel if isinstance(self.kernel, Sequence) else (self.kernel, self.kernel)
        return self.filters * (shape[1] // self.groups * rows * columns + (1 if self.bias else 0))

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        options = {**self._options, "bias": self.bias, "itemsize": itemsize}
        return convolution(direction, shape, self.filters, self.kernel, **options)

    @property
    def _options(self) -> dict[str, Any]:
        return {"stride": self.stride, "padding": self.padding, "groups": self.groups}


@dataclasses.dataclass(frozen=True)
class Dense(Layer):
    """Flatten all but the batch, and connect fully; directions as for `Convolution`."""

    units: int
    bias: bool = True

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._flat(shape)[0], checked_count("units", self.units, 1)

    def parameters(self, shape: Sequence[int]) -> int:
        return checked_count("units", self.units, 1) * (self._flat(shape)[1] + (1 if self.bias else 0))

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return dense(direction, self._flat(shape), self.units, bias=self.bias, itemsize=itemsize)

    def _flat(self, shape: Sequence[int]) -> tuple[int, int]:
        shape = checked_shape("shape", shape)
        if len(shape) < 2:
            raise ValueError(f"shape={shape}: must have at least 2 axes, a batch and features")
        return shape[0], math.prod(shape[1:])


@dataclasses.dataclass(frozen=True)
class ReLU(Layer):
    """Put 0 in the place of what is negative."""

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return relu(direction, shape, itemsize=itemsize)


@dataclasses.dataclass(frozen=True)
class _Pool(Layer):
    kernel: Size
    stride: Size | None = None
    padding: Size = 0
    ceil: bool = False

    def output_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        return pooled_shape(shape, self.kernel, stride=self.stride, padding=self.padding, ceil=self.ceil)

    def _count(self, pool: Callable[..., Cost], direction: str, shape: Sequence[int], itemsize: int) -> Cost:
        windows = {"stride": self.stride, "padding": self.padding, "ceil": self.ceil}
        return pool(direction, shape, self.kernel, **windows, itemsize=itemsize)


@dataclasses.dataclass(frozen=True)
class MaxPool(_Pool):
    """Keep the largest element of each window; the stride is the kernel unless given."""

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return self._count(max_pool, direction, shape, itemsize)


@dataclasses.dataclass(frozen=True)
class AveragePool(_Pool):
    """Keep the mean of each window; the stride is the kernel unless given."""

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return self._count(average_pool, direction, shape, itemsize)


@dataclasses.dataclass(frozen=True)
class Softmax(Layer):
    """Turn the last axis into probabilities."""

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return softmax(direction, shape, itemsize=itemsize)


@dataclasses.dataclass(frozen=True)
class BatchNorm(Layer):
    """Normalize each channel, axis 1, over the batch, then scale and shift; a direction may also be "inference"."""

    def parameters(self, shape: Sequence[int]) -> int:
        shape = checked_shape("shape", shape)
        if len(shape) < 2:
            raise ValueError(f"shape={shape}: must have at least 2 axes, a batch and a channel axis")
        return 2 * shape[1]

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return batch_norm(direction, shape, itemsize=itemsize)


@dataclasses.dataclass(frozen=True)
class Dropout(Layer):
    """Drop each element with chance `ratio` in training, and scale the others."""

    ratio: float = 0.5

    def __post_init__(self) -> None:
        if isinstance(self.ratio, bool) or not isinstance(self.ratio, (int, float)):
            raise TypeError(f"ratio={self.ratio!r}: must be a number from 0 to 1, not {type(self.ratio).__name__}")
        if not 0 <= self.ratio <= 1:
            raise ValueError(f"ratio={self.ratio!r}: must be a number from 0 to 1")

    def cost(self, direction: str, shape: Sequence[int], itemsize: int = 4) -> Cost:
        return dropout(direction, shape, itemsize=itemsize)


@dataclasses.dataclass(frozen=True)
class OperatorLayer(Layer):
    """Run a declared operator of one input, as "LRN" or "DropoutWithReplacement"; its own cost function counts.

    `arguments` are the operator's. Those that its cost does not depend on, as a seed, may be left out. What must be
    written is new, and made by one loop, as in the other layers.
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
        count = import_module(OPERATORS[self.operator].cost).cost
        known = inspect.signature(count).parameters
        arguments = {name: value for name, value in self.arguments.items() if name in known}
        counted = count(direction, shape, **arguments, itemsize=itemsize)
        return counted + Cost(bytes_allocated=counted.bytes_written, launches=1)
