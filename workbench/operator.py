"""Operators and their arguments: declared once, read by everything.

An `Operator` says what an operator takes, which values are allowed, where its implementations are and what kind
of gradient it has. Argument checks, sliders, the parameter checks of notebook runs, tests and benchmarks all read
the declaration.
"""

import dataclasses
import enum
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, Types


class _Required:
    """The default of an argument that has none."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclasses.dataclass(frozen=True)
class Arg:
    """Declare one argument: its type, default, allowed values, and how a slider should move it.

    `low` and `high` bound the allowed values (None for no bound); they are allowed themselves unless `open`. Infinity
    is allowed where `high` is infinite. An int is allowed where it is `low + k * step`. `choices` replaces the range
    for a str. `slider` is the range worth exploring, on a linear or a log `scale`; `step` is also the slider's step.
    The default REQUIRED stands for none. The type object leaves the check to the operator's `prepare`, which sees the
    inputs as well; `words` then says what is allowed.
    """

    name: str
    type: type
    default: Any
    meaning: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    slider: tuple[float, float] | None = None
    scale: str = "linear"
    words: str = ""
    open: bool = False

    def check(self, value: Any) -> Any:
        """Return `value` as this argument's type, or raise TypeError or ValueError saying what is allowed."""
        if value is REQUIRED:
            raise TypeError(f"{self.name}: is missing; give {self.allowed}")
        if self.type is object:
            return value
        accepted = {str: str, bool: bool | np.bool, int: numbers.Integral, float: numbers.Real}[self.type]
        if not isinstance(value, accepted) or (isinstance(value, bool) and self.type is not bool):
            raise TypeError(f"{self.name}={value!r}: must be {self.allowed}, not {type(value).__name__}")
        if self.choices:
            return checked_choice(self.name, value, self.choices)
        try:
            checked = self.type(value)
        except OverflowError:
            raise ValueError(f"{self.name}: must be {self.allowed} that a float64 can hold") from None
        if self.type in (int, float):
            self._check_range(value, checked)
        return checked

    @property
    def allowed(self) -> str:
        """Say in words which values are allowed."""
        if self.words:
            return self.words
        if self.choices:
            return _one_of(self.choices)
        if self.type is bool:
            return "True or False"
        kind = "a number" if self.type is float else "a whole number"
        if self.type is int and self.step == 2 and self.low is not None:
            kind = "an odd whole number" if self.low % 2 else "an even whole number"
        if self.open:
            return f"{kind} above {self.low} and below {self.high}"
        if self.low is None:
            return kind if self.high is None else f"{kind} of at most {self.high}"
        return f"{kind} of at least {self.low}" if self.high is None else f"{kind} from {self.low} to {self.high}"

    def _check_range(self, value: Any, number: float | int) -> None:
        if not math.isfinite(number) and number != self.high:
            finite = "" if self.high == math.inf else "finite, "
            raise ValueError(f"{self.name}={value!r}: must be {finite}{self.allowed}")
        low, high = (-math.inf if self.low is None else self.low), (math.inf if self.high is None else self.high)
        beyond = 0 if self.type is float or self.step is None else (number - (self.low or 0)) % self.step
        inside = low < number < high if self.open else low <= number <= high
        if inside and not beyond:
            return
        hint = f"; the nearest legal value is {min(max(number, low), high)}"
        if inside:
            hint = f"; the nearest legal values are {number - beyond} and {number - beyond + self.step}"
        raise ValueError(f"{self.name}={value!r}: must be {self.allowed}{'' if self.open else hint}")


def checked_choice(name: str, value: Any, choices: Iterable[str]) -> Any:
    """Return `value`, or raise ValueError unless it is one of `choices`; for functions that are no operators."""
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"{name}={value!r}: must be {_one_of(choices)}")
    return value


def _one_of(choices: Iterable[str]) -> str:
    return "one of " + ", ".join(map(repr, choices))


class Gradient(enum.Enum):
    """The two kinds of operator without a gradient operator, named as in Caffe2.

    `NO_GRADIENT`: no gradient flows back, and asking for it is allowed. `SHOULD_NOT_DO_GRADIENT`: asking is an error.
    """

    NO_GRADIENT = "no gradient"
    SHOULD_NOT_DO_GRADIENT = "should not do gradient"


Example = tuple[tuple, dict[str, Any]]  # the inputs and the arguments of one call


@dataclasses.dataclass(frozen=True)
class Operator:
    """Declare an operator.

    `engines` maps an engine's name to the module that holds `function`; a module is imported when first used, so
    that declaring compiles nothing. `prepare` sees all inputs and checked arguments at once, refuses what only
    shows together, and returns the positional arguments for the engine's function. `gradient` names the gradient
    operator or is a `Gradient`. `inplace` lists (output, input) pairs that must be one and the same array.

    `cost` is a module with a function `work(name, inputs, arguments)` that returns a `Work`: what a call costs and how
    it is shared between threads. If the reference is counted as well, `work` takes `engine` too. `changes` names the
    inputs that a run changes in place. Engines return the same bits if `exact`; otherwise their float32 results differ
    by at most `tolerance`, relative to the largest element.

    `examples(rng)` yields (inputs, arguments), small enough to test and rich enough to matter: both signs, ties, empty
    arrays, a window larger than the array. Their arrays of floats are float32; tests convert them to the other `types`
    that are allowed. `timed(rng, elements)` yields what a bench times, of about so many elements; without it, the
    operator is not timed.

    A gradient operator's names say what it needs: its input `dy` is the gradient that reaches the output `y`, and its
    output `dx` is the gradient with respect to `x`, an input or an argument. Other inputs are inputs or outputs of the
    forward operator, and an argument `replacement_shape` is the shape of the argument `replacement`. Where no input
    begins with d, the gradient is that of the output that is a single number, a loss.

    `blockwise` says how an array may be cut into blocks: "elementwise" where each block can be computed alone, None
    where it cannot, or where another module knows how.
    """

    name: str
    meaning: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    args: tuple[Arg, ...]
    function: str
    engines: Mapping[str, str]
    prepare: Callable[[tuple, dict], tuple]
    gradient: str | Gradient
    cost: str | None = None
    inplace: tuple[tuple[str, str], ...] = ()
    changes: tuple[str, ...] = ()
    exact: bool = False
    tolerance: float = 1e-6
    types: Types = WIDE_FLOATS
    examples: Callable[[np.random.Generator], Iterable[Example]] | None = None
    timed: Callable[[np.random.Generator, int], Iterable[Example]] | None = None
    blockwise: str | None = None

    @property
    def room(self) -> str:
        """Return the package that declares the operator: the one that its engines are in."""
        return next(iter(self.engines.values())).rpartition(".")[0]

    def arg(self, name: str) -> Arg:
        """Return the declaration of the argument `name`, or raise TypeError with the names that exist."""
        for arg in self.args:
            if arg.name == name:
                return arg
        known = ", ".join(arg.name for arg in self.args)
        raise TypeError(f"{self.name} has no argument {name!r}; it has {known}")

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return every argument's checked value, with defaults for those not given."""
        for name in arguments:
            self.arg(name)
        return {arg.name: arg.check(arguments.get(arg.name, arg.default)) for arg in self.args}

    def implementation(self, engine: str) -> Callable:
        """Return the function of one engine, or raise ValueError with the engines that exist."""
        if not isinstance(engine, str) or engine not in self.engines:
            raise ValueError(f"engine={engine!r}: must be {_one_of(self.engines)}")
        return getattr(import_module(self.engines[engine]), self.function)

    def cost_module(self) -> ModuleType:
        """Return the module that counts what a call costs, or raise TypeError if none is declared."""
        if self.cost is None:
            raise TypeError(f"{self.name} declares no cost")
        return import_module(self.cost)

    def run(
        self, *inputs: Any, engine: str = "numba", outputs: Mapping[str, Any] | None = None, **arguments: Any
    ) -> Any:
        """Run on `inputs` and return the declared outputs: the array itself for one, a tuple for several.

        `outputs` names arrays to write to, for operators that work in place; any other is refused.
        """
        if len(inputs) != len(self.inputs):
            raise TypeError(
                f"{self.name} takes {len(self.inputs)} inputs ({', '.join(self.inputs)}), not {len(inputs)}"
            )
        if outputs:
            self._check_inplace(inputs, outputs)
        values = self.check(arguments)
        return self.implementation(engine)(*self.prepare(inputs, values))

    def gradient_operator(self) -> "Operator | None":
        """Return the operator that computes this one's gradient, None where none flows, or raise if asking is wrong."""
        if self.gradient is Gradient.SHOULD_NOT_DO_GRADIENT:
            raise TypeError(
                f"{self.name} should not be differentiated: it changes parameters after the optimizer's step"
            )
        if self.gradient is Gradient.NO_GRADIENT:
            return None
        return OPERATORS[self.gradient]

    def _check_inplace(self, inputs: tuple, outputs: Mapping[str, Any]) -> None:
        required = dict(self.inplace)
        for name, array in outputs.items():
            if name not in required:
                raise TypeError(
                    f"{self.name} cannot write to {name!r}: it returns {', '.join(self.outputs) or 'nothing'}"
                )
            if array is not inputs[self.inputs.index(required[name])]:
                raise ValueError(
                    f"{self.name} works in place: its output {name!r} must be its input {required[name]!r}"
                )


OPERATORS: dict[str, Operator] = {}


def register_cpu_operator(operator: Operator) -> Operator:
    """Make `operator` known by name in OPERATORS and return it.

    Raises:
        ValueError: the name is taken, or the operator has no examples to be tested with.
    """
    if operator.name in OPERATORS:
        raise ValueError(f"an operator named {operator.name!r} is already registered")
    if operator.examples is None:
        raise ValueError(
            f"{operator.name} has no examples: declare examples=..., a function of a NumPy generator that yields "
            "(inputs, arguments) of small calls; the tests that every operator gets are made from them"
        )
    OPERATORS[operator.name] = operator
    return operator
