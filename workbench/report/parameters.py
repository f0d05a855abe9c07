"""Read a notebook's parameters from its tagged cell, and check values for them before any kernel starts.

Each line of the cell declares one parameter: `alpha: float = 1e-4  # strength [0 .. 10]`. The brackets hold choices, as
in `[china.jpg | flower.jpg]`, or a range; a side that is left out has no limit. If the notebook has the metadata
`{"workbench": {"operator": "LRN"}}`, a parameter named like an argument of that operator follows the argument's
declaration, and also the range on its own line.
"""

import ast
import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.operator import OPERATORS, Arg, Operator
from workbench.report.source import NotebookError, literal, tags

if TYPE_CHECKING:
    from nbformat import NotebookNode

TYPES = {"int": int, "float": float, "bool": bool, "str": str}
CONVERT = {
    int: int,
    float: float,
    bool: lambda text: {"true": True, "false": False}[text.strip().lower()],
    str: str,
}
BRACKETS = re.compile(r"\s*\[([^\[\]]*(?:\.\.|\|)[^\[\]]*)\]\s*$")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One declared parameter. `arg` is None if the parameter cannot be set."""

    name: str
    type_name: str
    default: Any
    meaning: str
    arg: Arg | None

    @property
    def allowed(self) -> str:
        """Return the allowed values in words."""
        if self.arg is None:
            return "not settable: needs a bool, int, float or str, on a line with one equals sign"
        return "any text" if self.arg.type is str and not self.arg.choices else self.arg.allowed

    def check(self, value: Any) -> Any:
        """Return `value` converted to the declared type; raise TypeError or ValueError if it is not allowed."""
        if self.arg is None:
            raise TypeError(f"{self.name}: {self.allowed}")
        if value == "":
            raise ValueError(f"{self.name}={value!r}: must be {self.allowed}, not empty")
        return self.arg.check(value)

    def parse(self, text: str) -> Any:
        """Return `text`, from a command line, converted to the declared type; raise as `check` does."""
        if self.arg is None or not text:
            return self.check(text)
        try:
            value = CONVERT[self.arg.type](text)
        except (KeyError, ValueError):
            raise ValueError(f"{self.name}={text!r}: must be {self.allowed}") from None
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
    from papermill.translators import PythonTranslator

    operator = _operator(notebook)
    assigned = _assigned(cells[0].source)
    found = {line.name: line for line in PythonTranslator.inspect(cells[0])}
    parameters = {name: _parameter(line, assigned.get(name, line.default), operator) for name, line in found.items()}
    unread = {name: Parameter(name, "?", default, "", None) for name, default in assigned.items() if name not in found}
    return parameters | unread


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
    limits = BRACKETS.search(help_text)
    meaning = BRACKETS.sub("", help_text).strip()
    return Parameter(
        name, type_name, default, meaning, _arg(name, type_name, default, meaning, limits[1] if limits else "")
    )


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


def _assigned(source: str) -> dict[str, str]:
    """Return the names that `source` assigns at its top level, with the source text of their values."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:
        return {}
    found = {}
    for statement in statements:
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else getattr(statement, "targets", [])
        if len(targets) == 1 and isinstance(targets[0], ast.Name) and statement.value is not None:
            found[targets[0].id] = ast.get_source_segment(source, statement.value)
    return found


def _parameter(line: Any, expression: str, operator: Operator | None) -> Parameter:
    """Return the Parameter of a line, as papermill reads it (name, inferred_type_name, help), with its default."""
    default = literal(expression)
    type_name = line.inferred_type_name if line.inferred_type_name != "None" else type(default).__name__
    own = from_help(line.name, type_name, default, line.help or "")
    arg, meaning, limits = own.arg, own.meaning, BRACKETS.search(line.help or "")
    for declared_arg in operator.args if operator else ():
        if declared_arg.name == line.name and declared_arg.type is not object:
            declaration = _narrowed(declared_arg, arg) if limits else declared_arg
            arg = dataclasses.replace(declaration, default=default, meaning=meaning or declared_arg.meaning)
    if arg is None:
        return Parameter(line.name, type_name, expression, meaning, None)
    if arg.type is float and type(default) is int:
        default = float(default)
    return Parameter(line.name, arg.type.__name__, default, arg.meaning, arg)


def _arg(name: str, type_name: str, default: Any, meaning: str, limits: str) -> Arg | None:
    if type_name not in TYPES or default is None:
        return None
    kind = TYPES[type_name]
    if kind is str:
        choices = tuple(choice.strip() for choice in limits.split("|") if choice.strip())
        return Arg(name, str, default, meaning, choices=choices)
    if kind is bool:
        return Arg(name, bool, default, meaning)
    low, _, high = limits.partition("..")
    try:
        return Arg(name, kind, default, meaning, low=_bound(kind, low), high=_bound(kind, high))
    except ValueError:
        raise NotebookError(f"parameter {name}: its range [{limits}] must be two numbers, as in [0 .. 10]") from None


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
