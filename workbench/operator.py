"""Declare operators and their arguments in one place, for all parts of the workbench.

An `Operator` describes an operator's inputs and arguments, the allowed values, its implementations and its gradient.
Argument checks, sliders, the parameter checks of notebook runs, tests and benchmarks all read this declaration.
"""

import dataclasses
import enum
import functools
import math
import numbers
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, Types


class _Required:
    """The type of REQUIRED, the default of an argument that must be given."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()
LARGEST = 2**63 - 1  # whole numbers up to this fit an int64; an argument that allows larger ones says so with `high`
LONGEST = 120  # characters of a value in a message


@dataclasses.dataclass(frozen=True)
class Arg:
    """Declare one argument: its type, default, allowed values, and the range of its slider.

    `low` and `high` bound the allowed values (None for no bound); the bounds are allowed unless `open`. Infinity is
    allowed if `high` is infinite. An int must be `low + k * step`. `choices` replaces the range for a str. `slider` is
    the range worth exploring, on a linear or log `scale`; `step` is also the slider's step, in powers of ten on a log
    scale. The default REQUIRED means that the argument must be given. For the type `object`, the operator's `prepare`
    checks the value together with the inputs, and `words` describes the allowed values. `words` replaces the generated
    description for other types too.
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
        """Return `value` as this argument's type; raise TypeError for a wrong type, ValueError for a wrong value."""
        kind, low, high, step = self.usual
        if type(value) is kind and low <= value <= high and not (step and (value - low) % step):
            return value
        if value is REQUIRED:
            raise TypeError(f"{self.name}: is missing; give {self.allowed}")
        if self.type is object or (type(value) is str and value in self.choices):
            return value
        if not self._accepts(value):
            raise TypeError(f"{self.name}={shown(value)}: must be {self.allowed}, not {type(value).__name__}")
        if self.choices:
            return str(checked_choice(self.name, value, self.choices))
        checked = _converted(value, self.type)
        if checked is None:
            raise ValueError(f"{self.name}={shown(value)}: must be {self.allowed} that a float64 can hold")
        if self.type in (int, float):
            self._check_range(value, checked)
        return checked

    @functools.cached_property
    def usual(self) -> tuple[Any, Any, Any, int]:
        """Return the type, the lowest, the highest and the step of values that need no other check.

        All of them are allowed, and others may be. A step of 0 is none. Without such values, the type is None.
        """
        if self.type not in (int, float, bool) or (self.type is int and (self.open or (self.step and not self.low))):
            return None, 0, 0, 0
        largest = LARGEST if self.type is int else sys.float_info.max
        low, high = (-largest if self.low is None else self.low), (largest if self.high is None else self.high)
        if self.open:
            low, high = math.nextafter(low, math.inf), math.nextafter(high, -math.inf)
        return self.type, low, high, int(self.step or 0) if self.type is int else 0

    def _accepts(self, value: Any) -> bool:
        if self.type in (int, float):
            return is_number(value, self.type)
        return isinstance(value, str if self.type is str else (bool, np.bool))

    @property
    def allowed(self) -> str:
        """Return a description of the allowed values."""
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
            ends = {"above": self.low, "below": self.high}
            return f"{kind} {' and '.join(f'{word} {end}' for word, end in ends.items() if end is not None)}"
        if self.low is None:
            return kind if self.high is None else f"{kind} of at most {self.high}"
        return f"{kind} of at least {self.low}" if self.high is None else f"{kind} from {self.low} to {self.high}"

    def _check_range(self, value: Any, number: float | int) -> None:
        low, high = (-math.inf if self.low is None else self.low), (math.inf if self.high is None else self.high)
        beyond = 0 if self.type is float or self.step is None else (number - (self.low or 0)) % self.step
        inside = low < number < high if self.open else low <= number <= high
        if inside and not beyond and abs(number) <= LARGEST:
            return
        given = f"{self.name}={shown(value)}"
        if isinstance(number, float) and not math.isfinite(number) and number != self.high:
            finite = "" if self.high == math.inf else "finite, "
            raise ValueError(f"{given}: must be {finite}{self.allowed}")
        if self.type is int and self.high is None and number > LARGEST:
            raise ValueError(f"{given}: must be {self.allowed} that an int64 can hold")
        if inside and not beyond:
            return
        hint = f"; the nearest legal value is {min(max(number, low), high)}"
        if inside and self.step is not None:
            hint = f"; the nearest legal values are {number - beyond} and {number - beyond + self.step}"
        raise ValueError(f"{given}: must be {self.allowed}{'' if self.open else hint}")


def is_number(value: Any, kind: type = float) -> bool:
    """Return whether `value` is a number of this kind: float, or int for whole numbers, of Python, NumPy or another.

    A bool is not a number, nor is a `np.timedelta64`. A float is not a whole number. Every check of a number uses this.
    """
    if type(value) in (int, kind):
        return True  # usual, and much faster than to ask an abstract class
    accepted = numbers.Integral if kind is int else numbers.Real
    return isinstance(value, accepted) and not isinstance(value, bool | np.timedelta64)


def _converted(value: Any, kind: type) -> Any:
    """Return `value` as this type, or None if it is a finite number that is too large for it."""
    try:
        converted = kind(value)
    except OverflowError:
        return None
    return None if kind is float and math.isinf(converted) and value != converted else converted


def shown(value: Any) -> str:
    """Return `repr(value)` for a message, shortened if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write an int of more than 4300 digits
        return f"({type(value).__name__} of more digits than Python writes)"
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}...{text[-LONGEST // 4 :]}"


def checked_choice(name: str, value: Any, choices: Iterable[str]) -> Any:
    """Return `value`; raise ValueError unless it is one of `choices`. Functions that are not operators use it too."""
    choices = tuple(choices)
    if value not in choices:
        raise ValueError(f"{name}={shown(value)}: must be {_one_of(choices)}")
    return value


def _one_of(choices: Iterable[str]) -> str:
    return "one of " + ", ".join(map(repr, choices))


class Gradient(enum.Enum):
    """The two kinds of operator without a gradient operator, named as in Caffe2.

    `NO_GRADIENT`: no gradient flows back; asking for one is allowed. `SHOULD_NOT_DO_GRADIENT`: asking is an error.
    """

    NO_GRADIENT = "no gradient"
    SHOULD_NOT_DO_GRADIENT = "should not do gradient"


Example = tuple[tuple, dict[str, Any]]  # the inputs and the arguments of one call


@dataclasses.dataclass(frozen=True)
class Operator:
    """Declare an operator.

    `engines` maps the name of an engine to the module that holds `function`. A module is imported on first use, so a
    declaration compiles nothing. `prepare` receives all inputs and the checked arguments, raises an error if they do
    not fit together, and returns the positional arguments of the engine's function. `gradient` is the name of the
    gradient operator or a `Gradient`. `inplace` lists (output, input) pairs that must be the same array.

    `cost` is a module with a function `work(name, inputs, arguments)` that returns a `Work`: the cost of a call and the
    number of jobs it is cut into. If the reference is counted too, `work` also takes `engine`. `changes` names the
    inputs that a run changes in place. Engines return the same bits if `exact`; otherwise their float32 results differ
    by at most `tolerance`, relative to the largest element.

    `examples(rng)` yields (inputs, arguments) for tests: small arrays that cover both signs, ties, empty arrays, and a
    window larger than the array. Their float arrays are float32; tests convert them to the other allowed `types`.
    `timed(rng, elements)` yields calls to time, with about `elements` elements; without it, the operator is not timed.

    The names of a gradient operator define its meaning. Its input `dy` is the gradient with respect to the output `y`,
    and its output `dx` is the gradient with respect to `x`, an input or argument. Other inputs are inputs or outputs of
    the forward operator; an argument `replacement_shape` is the shape of the argument `replacement`. If no input begins
    with d, the operator returns the gradient of the output that is a single number, a loss.

    `blockwise` is "elementwise" if an array can be cut into blocks that are computed independently. It is None if that
    is not possible, or if another module defines how.
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
        """Return the name of the package that declares the operator and holds its engines."""
        return next(iter(self.engines.values())).rpartition(".")[0]

    def arg(self, name: str) -> Arg:
        """Return the declaration of the argument `name`; raise TypeError if it does not exist."""
        for arg in self.args:
            if arg.name == name:
                return arg
        known = ", ".join(arg.name for arg in self.args)
        raise TypeError(f"{self.name} has no argument {name!r}; it has {known}")

    @functools.cached_property
    def _defaults(self) -> dict[str, Any]:
        """Return the checked default of every argument, REQUIRED where there is none."""
        return {arg.name: arg.default if arg.default is REQUIRED else arg.check(arg.default) for arg in self.args}

    @functools.cached_property
    def _required(self) -> tuple[str, ...]:
        return tuple(arg.name for arg in self.args if arg.default is REQUIRED)

    @functools.cached_property
    def _checks(self) -> dict[str, tuple]:
        """Return each argument's default, usual values, and check of all others."""
        return {arg.name: (self._defaults[arg.name], *arg.usual, arg.check) for arg in self.args}

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the checked value of every argument, with defaults for arguments that are not given."""
        checks = self._checks
        values = self._defaults.copy()
        for name, value in arguments.items():
            if name not in checks:
                self.arg(name)  # raises
            default, kind, low, high, step, check = checks[name]
            if type(value) is kind and low <= value <= high and not (step and (value - low) % step):
                values[name] = value
            elif value is not default or value is REQUIRED:
                values[name] = check(value)
        for name in self._required:
            if name not in arguments:
                self.arg(name).check(REQUIRED)  # raises
        return values

    @functools.cached_property
    def _modules(self) -> dict[str, ModuleType]:
        """Return the modules of the engines used so far: asking Python for one takes almost a microsecond."""
        return {}

    def implementation(self, engine: str) -> Callable:
        """Return the function of one engine; raise ValueError if the engine does not exist."""
        if not isinstance(engine, str) or engine not in self.engines:
            raise ValueError(f"engine={shown(engine)}: must be {_one_of(self.engines)}")
        if engine not in self._modules:
            self._modules[engine] = import_module(self.engines[engine])
        return getattr(self._modules[engine], self.function)

    def cost_module(self) -> ModuleType:
        """Return the module that counts the cost of a call; raise TypeError if none is declared."""
        if self.cost is None:
            raise TypeError(f"{self.name} declares no cost")
        return import_module(self.cost)

    def run(
        self, *inputs: Any, engine: str = "numba", outputs: Mapping[str, Any] | None = None, **arguments: Any
    ) -> Any:
        """Run on `inputs` and return the declared outputs: one output as it is, several as a tuple.

        `outputs` maps output names to arrays to write to. It must hold the input arrays of an operator that works in
        place; other arrays raise ValueError, other names TypeError.
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
        """Return the gradient operator, or None for NO_GRADIENT; raise TypeError for SHOULD_NOT_DO_GRADIENT."""
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
    """Add `operator` to OPERATORS by its name and return it.

    Raises:
        ValueError: the name is already registered, or the operator has no examples for its tests.
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
