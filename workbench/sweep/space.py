"""The search space of a sweep: the values of each parameter, read from text or Python values and checked.

In text, `1e-5..1:log:12` is a range with a logarithmic scale and twelve points for a grid, `0..1` is a range, `3,5,7`
is a list of choices, and a single value is fixed. The target's declaration says which values are allowed.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.operator import is_number
from workbench.report.parameters import Parameter, ParameterError, read_each
from workbench.workers.worker import writable

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LARGEST_GRID = 10**7  # points
LARGEST_WHOLE = 2**53  # a float holds every whole number up to this; samplers and grids compute with floats


@dataclasses.dataclass(frozen=True)
class Range:
    """All numbers from `low` to `high`, both included; a grid takes `count` points from them.

    `step` comes from the parameter's declaration; it is None unless the parameter is an int.
    """

    low: float
    high: float
    log: bool = False
    count: int | None = None
    step: int | None = None

    def __str__(self) -> str:
        count = f":{self.count}" if self.count is not None else ""
        return f"{self.low!r}..{self.high!r}{':log' * self.log}{count}"

    @property
    def most_points(self) -> int:
        """Return the number of values of a grid, or more if several round to one; 0 if a float range has no count."""
        if self.step is None:
            return self.count or 0
        every = int(self.high - self.low) // self.step + 1
        return every if self.count is None else min(every, self.count)

    @property
    def points(self) -> tuple[float, ...]:
        """Return the values of a grid; an int range without a count gives all its values."""
        if self.step is not None and self.count is None:
            return tuple(range(int(self.low), int(self.high) + 1, self.step))
        count: Any = self.count  # `grid` has refused a float range without a count
        spaced = (np.geomspace if self.log else np.linspace)(self.low, self.high, count)
        if self.step is None:
            return tuple(spaced.tolist())
        steps = np.unique(np.rint((spaced - self.low) / self.step).astype(int))
        return tuple((self.low + self.step * steps).tolist())

    def holds(self, value: Any) -> bool:
        """Tell whether a trial can have this value."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def distribution(self) -> "BaseDistribution":
        """Return the range as an Optuna distribution."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.step is None:
            return FloatDistribution(self.low, self.high, log=self.log)
        return IntDistribution(int(self.low), int(self.high), log=self.log, step=self.step)


@dataclasses.dataclass(frozen=True)
class Choices:
    """A list of values; a single value is fixed."""

    points: tuple[Any, ...]

    @property
    def most_points(self) -> int:
        """Return the number of values."""
        return len(self.points)

    def holds(self, value: Any) -> bool:
        """Tell whether a trial can have this value."""
        return value in self.points

    def __str__(self) -> str:
        return ",".join(str(value) if isinstance(value, str) else repr(value) for value in self.points)

    def distribution(self) -> "BaseDistribution":
        """Return the choices as an Optuna distribution; only increasing, evenly spaced ints keep their order."""
        from optuna.distributions import CategoricalDistribution, IntDistribution

        if all(type(value) is int and abs(value) <= LARGEST_WHOLE for value in self.points):
            steps = np.diff(self.points)
            if steps.min() > 0 and steps.min() == steps.max():
                return IntDistribution(self.points[0], self.points[-1], step=int(steps[0]))
        return CategoricalDistribution(self.points)


@dataclasses.dataclass(frozen=True)
class Space:
    """The parameters that a sweep varies, with a range or choices for each, and the values of the fixed ones."""

    dimensions: dict[str, Range | Choices]
    fixed: dict[str, Any]

    def as_words(self) -> dict[str, str]:
        """Return each parameter's dimension or value as text."""
        fixed = {name: Choices((value,)) for name, value in self.fixed.items()}
        return {name: str(each) for name, each in {**self.dimensions, **fixed}.items()}

    def distributions(self) -> dict[str, "BaseDistribution"]:
        """Return Optuna's distributions of the dimensions."""
        return {name: dimension.distribution() for name, dimension in self.dimensions.items()}

    def grid(self) -> dict[str, tuple[Any, ...]]:
        """Return the values by parameter; raise ParameterError if a float range has no count or the grid is too big."""
        problems = [
            f"{name}={dimension}: a grid needs the number of points of this range, as in {name}={dimension}:10"
            for name, dimension in self.dimensions.items()
            if isinstance(dimension, Range) and dimension.step is None and dimension.count is None
        ]
        if problems:
            raise ParameterError(problems, {})
        size = math.prod(dimension.most_points for dimension in self.dimensions.values())
        if size > LARGEST_GRID:
            raise ParameterError([f"a grid of {size:,} points: at most {LARGEST_GRID:,}; give fewer points"], {})
        return {name: dimension.points for name, dimension in self.dimensions.items()}


def read_space(declared: Mapping[str, Parameter], given: Mapping[str, Any]) -> Space:
    """Return the space that `given` describes: text, a range, a list or a single value for each parameter.

    Raises:
        ParameterError: a parameter does not exist, or its values are not allowed. The message names all problems.
    """
    found = read_each(declared, given, _dimension)
    dimensions = {name: found[name] for name in declared if name in found}  # samplers draw in this order
    fixed = {
        name: each.points[0] for name, each in dimensions.items() if isinstance(each, Choices) and len(each.points) == 1
    }
    return Space({name: each for name, each in dimensions.items() if name not in fixed}, fixed)


def _dimension(parameter: Parameter, what: Any) -> Range | Choices:
    if parameter.arg is None:
        parameter.check(what)  # raises TypeError: the parameter cannot be set
    if isinstance(what, Range):
        return _checked_range(parameter, what)
    if isinstance(what, str):
        return _read(parameter, what)
    what = what.points if isinstance(what, Choices) else what.tolist() if isinstance(what, np.ndarray) else what
    values = what if isinstance(what, list | tuple) else [what]
    return _checked_choices(parameter, [_checked(parameter, value) for value in values])


def _checked(parameter: Parameter, value: Any) -> Any:
    value = parameter.check(value)
    if isinstance(value, float) and not math.isfinite(value):  # a run allows inf if it is the upper limit
        raise ValueError(f"{parameter.name}={value!r}: must be {parameter.allowed}, finite")
    if isinstance(value, str) and writable(value) != value:
        raise ValueError(f"{parameter.name}={value!r}: must be {parameter.allowed}, which UTF-8 can hold")
    return value


def _read(parameter: Parameter, text: str) -> Range | Choices:
    if parameter.arg is not None and parameter.arg.type in (int, float) and ".." in text:
        limits, *options = text.split(":")
        low, _, high = limits.partition("..")
        if high.startswith("."):
            raise ValueError(
                f"{parameter.name}={text}: has three dots; write a range with two, and a zero before a decimal point, "
                "as in 0..1 or 0..0.1"
            )
        return _checked_range(
            parameter, Range(parameter.parse(low), parameter.parse(high), *_options(parameter, options))
        )
    return _checked_choices(parameter, [_checked(parameter, parameter.parse(word.strip())) for word in text.split(",")])


def _options(parameter: Parameter, words: list[str]) -> tuple[bool, int | None]:
    counts = [word for word in words if word != "log"]
    if len(counts) > 1 or words.count("log") > 1 or not all(count.isdecimal() for count in counts):
        raise ValueError(
            f"{parameter.name}: a range may end in :log, a number of points, or both, as in "
            f"{parameter.name}=1e-5..1:log:12; not in :{':'.join(words)}"
        )
    return "log" in words, int(counts[0]) if counts else None


def _checked_range(parameter: Parameter, given: Range) -> Range:
    name, arg = parameter.name, parameter.arg
    if arg is None or arg.type not in (int, float):
        raise TypeError(f"{name}={given}: only numbers have ranges; {name} must be {parameter.allowed}")
    low, high = _checked(parameter, given.low), _checked(parameter, given.high)
    if not low < high:
        raise ValueError(f"{name}={given}: the range must end above its start")
    if given.log and low <= 0:
        raise ValueError(f"{name}={given}: a logarithmic range must begin above 0")
    count = given.count
    if count is not None and (not is_number(count, int) or count < 2):
        raise ValueError(
            f"{name}={given}: a range needs at least 2 points; for a single value, give it without a range"
        )
    if arg.type is float and high - low == math.inf:
        raise ValueError(f"{name}={given}: the range is longer than the largest float; give a shorter one")
    if arg.type is int and max(-low, high) > LARGEST_WHOLE:
        raise ValueError(
            f"{name}={given}: a range of whole numbers must lie from -{LARGEST_WHOLE} to {LARGEST_WHOLE}; list larger "
            "values instead"
        )
    step = int(arg.step or 1) if arg.type is int else None
    if given.log and step not in (None, 1):
        raise ValueError(f"{name}={given}: a logarithmic range cannot go in steps of {step}; list the values instead")
    return Range(low, high, bool(given.log), None if count is None else int(count), step)


def _checked_choices(parameter: Parameter, values: list[Any]) -> Choices:
    if not values:
        raise ValueError(f"{parameter.name}: an empty list; give at least one value")
    if len(set(values)) < len(values):
        raise ValueError(f"{parameter.name}={Choices(tuple(values))}: a value is given twice; give each once")
    return Choices(tuple(values))
