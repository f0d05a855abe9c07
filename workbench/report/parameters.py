"""Read a notebook's parameters from its tagged cell, and check values for them before any kernel starts.

Each line of the cell declares one parameter: `alpha: float = 1e-4  # strength [0 .. 10]`. The brackets hold the limits
of a number, where a side that is left out has no limit, or the choices of a text, as in `[china.jpg | flower.jpg]`,
one of which is the default. Brackets of another kind belong to the meaning. If the notebook has the metadata
`{"workbench": {"operator": "LRN"}}`, a parameter named like an argument of that operator follows the argument's
declaration, and also the range on its own line.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.operator import OPERATORS, Arg, Operator
from workbench.report.cell import Line, read_cell, read_type
from workbench.report.source import NotebookError, tags

if TYPE_CHECKING:
    from nbformat import NotebookNode

TYPES = {"int": int, "float": float, "bool": bool, "str": str}
CONVERT: dict[type, Callable[[str], Any]] = {
    int: int,
    float: float,
    bool: lambda text: {"true": True, "false": False}[text.strip().lower()],
    str: str,
}
BRACKETS = re.compile(r"\s*\[([^\[\]]*(?:\.\.|\|)[^\[\]]*)\]\s*$")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One declared parameter. `arg` is None if the parameter cannot be set; `reason` says why.

    The value of an `optional` parameter may be None.
    """

    name: str
    type_name: str
    default: Any
    meaning: str
    arg: Arg | None
    optional: bool = False
    reason: str = "needs a bool, int, float or str as its value"

    @property
    def allowed(self) -> str:
        """Return the allowed values in words."""
        if self.arg is None:
            return f"not settable: {self.reason}"
        allowed = "any text" if self.arg.type is str and not self.arg.choices else self.arg.allowed
        return f"{allowed}, or None" if self.optional else allowed

    def check(self, value: Any) -> Any:
        """Return `value` converted to the declared type; raise TypeError or ValueError if it is not allowed."""
        if self.arg is None:
            raise TypeError(f"{self.name}: {self.allowed}")
        if value is None and self.optional:
            return None
        if self.arg.type is str and not self.arg.choices and not isinstance(value, str):
            raise TypeError(f"{self.name}={value!r}: must be {self.allowed}, not {type(value).__name__}")
        return self.arg.check(value)

    def parse(self, text: str) -> Any:
        """Return `text`, from a command line, converted to the declared type; raise as `check` does."""
        if self.arg is None:
            return self.check(text)
        if self.optional and text == "None":
            return None
        try:
            value = CONVERT[self.arg.type](text)
        except (KeyError, ValueError):
            raise ValueError(f"{self.name}={text!r}: must be {self.allowed}{'' if text else ', not empty'}") from None
        return self.check(value)


class ParameterError(NotebookError):
    """Values or names of parameters are refused. `declared` holds the parameters that exist."""

    def __init__(self, problems: list[str], declared: Mapping[str, Parameter]):
        self.problems = problems
        self.declared = dict(declared)
        existing = [f"{p.name}: {p.type_name} = {p.default!r} ({p.allowed})" for p in self.declared.values()]
        super().__init__("\n".join([*problems, "Parameters that exist:", *existing] if existing else problems))


def declared(notebook: "NotebookNode") -> dict[str, Parameter]:
    """Return the parameters by name, in the order in which the cell tagged `parameters` declares them."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and "parameters" in tags(cell)]
    if not cells:
        return {}
    operator = _operator(notebook)
    parameters = {line.name: _parameter(line, operator) for line in read_cell(cells[0].source)}
    for line in (line for cell in cells[1:] for line in read_cell(cell.source)):  # papermill sets values before it
        own = parameters.get(line.name) or _parameter(line, operator)
        reason = "is in a second cell tagged `parameters`; move it to the first"
        parameters[line.name] = dataclasses.replace(own, arg=None, reason=reason)
    return parameters


def check(notebook: "NotebookNode", given: Mapping[str, Any], *, text: bool = False) -> dict[str, Any]:
    """Return the checked values of `given`; raise ParameterError, which names all problems, if any is refused.

    With `text`, the values are text from a command line and are converted to the declared types.
    """
    known = declared(notebook)
    if given and not known:
        names = ", ".join(map(repr, given))
        raise ParameterError([f"{names}: this notebook has no parameters; tag one of its cells `parameters`"], {})
    return read_each(known, given, Parameter.parse if text else Parameter.check)


def read_each(
    known: Mapping[str, Parameter], given: Mapping[str, Any], read: Callable[[Parameter, Any], Any]
) -> dict[str, Any]:
    """Return read(parameter, value) for each given value; raise ParameterError, which names all problems, if any."""
    values, problems = {}, []
    for name, value in given.items():
        if name not in known:
            problems.append(f"{name}: there is no such parameter")
            continue
        try:
            values[name] = read(known[name], value)
        except (TypeError, ValueError) as problem:
            problems.append(str(problem))
    if problems:
        raise ParameterError(problems, known)
    return values


def from_help(name: str, type_name: str, default: Any, help_text: str) -> Parameter:
    """Return a parameter; `help_text` holds its meaning and limits, as in `strength [0 .. 10]`."""
    kind_name, optional = read_type(type_name)
    kind = TYPES.get(kind_name)
    if kind is None or (default is None and not optional):
        return Parameter(name, type_name, default, help_text.strip(), None)
    limits = _limits(name, kind, default, help_text)
    meaning = (help_text if limits is None else BRACKETS.sub("", help_text)).strip()
    type_name = f"{kind_name} | None" if optional else kind_name
    return Parameter(name, type_name, default, meaning, Arg(name, kind, default, meaning, **(limits or {})), optional)


def _operator(notebook: "NotebookNode") -> Operator | None:
    about = notebook.metadata.get("workbench", {})
    if not isinstance(about, dict):
        raise NotebookError(f"the notebook's metadata has workbench={about!r}: must be an object")
    name = about.get("operator")
    if name is None:
        return None
    if not isinstance(name, str) or name not in OPERATORS:
        raise NotebookError(
            f"the notebook's metadata names the operator {name!r}: must be one of {', '.join(OPERATORS)}"
        )
    return OPERATORS[name]


def _parameter(line: Line, operator: Operator | None) -> Parameter:
    own = from_help(line.name, line.type_name or type(line.value).__name__, line.value, line.comment)
    arg, meaning, limits = own.arg, own.meaning, own.arg is not None and own.meaning != line.comment
    for declared_arg in operator.args if operator else ():
        if declared_arg.name == line.name and declared_arg.type is not object:
            declaration = _narrowed(declared_arg, arg) if limits else declared_arg
            arg = dataclasses.replace(declaration, default=line.value, meaning=meaning or declared_arg.meaning)
    if arg is None:
        return dataclasses.replace(own, default=line.expression)
    default = float(line.value) if arg.type is float and type(line.value) is int else line.value
    type_name = f"{arg.type.__name__} | None" if own.optional else arg.type.__name__
    return Parameter(line.name, type_name, default, arg.meaning, arg, own.optional)


def _limits(name: str, kind: type, default: Any, help_text: str) -> dict[str, Any] | None:
    """Return the limits or choices in the brackets at the end of a comment; None if it has no such brackets."""
    brackets = BRACKETS.search(help_text)
    if brackets is None or kind is bool:
        return None
    words = [word.strip() for word in brackets[1].split("|")]
    if kind is str:
        is_open = not isinstance(default, str) or default == ""
        return {"choices": tuple(filter(None, words))} if len(words) > 1 and (is_open or default in words) else None
    if not any(map(_is_number, re.split(r"\.\.|\|", brackets[1]))):
        return None
    low, dots, high = brackets[1].partition("..")
    try:
        limits = {"low": _bound(kind, low), "high": _bound(kind, high)}
        right = bool(dots) and not high.startswith(".") and (None in limits.values() or limits["low"] <= limits["high"])
    except ValueError:
        right = False
    if not right:
        raise NotebookError(
            f"parameter {name}: its range [{brackets[1]}] must be two {'whole ' * (kind is int)}numbers, the smaller "
            "first, as in [0 .. 10]"
        )
    return limits


def _narrowed(declared: Arg, own: Arg | None) -> Arg:
    """Return a declaration; for a float, each limit of the line's own range replaces a wider one."""
    if own is None or declared.type is not float:
        return declared
    low = max((each for each in (declared.low, own.low) if each is not None), default=None)
    high = min((each for each in (declared.high, own.high) if each is not None), default=None)
    if (low, high) == (declared.low, declared.high):
        return declared
    still_open = declared.open and (low == declared.low or high == declared.high)
    return dataclasses.replace(declared, low=low, high=high, open=still_open, words="")


def _bound(kind: type, text: str) -> Any:
    return kind(text) if text.strip() else None


def _is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False
