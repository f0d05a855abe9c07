"""Pages made from declarations: the operators with their arguments, and the commands with their options."""

import inspect
from collections.abc import Iterable
from typing import Any

import typer

from workbench.cli import app
from workbench.operator import OPERATORS, Gradient, Operator

OPERATORS_INTRODUCTION = """# Operators

Each operator is declared once, and this page shows the declarations; `workbench operators` prints the same. To run an
operator by its name, write `workbench.OPERATORS["LRN"].run(x, size=5)`.
"""
COMMANDS_INTRODUCTION = """# Commands

`workbench --help` and `workbench COMMAND --help` print the same.
"""


def operators_page() -> str:
    """Return a page in Markdown with a section for each operator."""
    return "\n".join([OPERATORS_INTRODUCTION, *(operator_section(each) for each in OPERATORS.values())])


def operator_section(operator: Operator) -> str:
    gradient = operator.gradient.value if isinstance(operator.gradient, Gradient) else f"`{operator.gradient}`"
    lines = [f"## {operator.name}", "", operator.meaning, ""]
    lines += [f"- Inputs: {names(operator.inputs)}", f"- Outputs: {names(operator.outputs)}"]
    lines += [f"- Gradient: {gradient}", f"- Engines: {names(operator.engines)}"]
    lines += [f"- In place: `{output}` must be `{given}`" for output, given in operator.inplace]
    lines += ["", "| argument | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    for arg in operator.args:
        kind = "any" if arg.type is object else arg.type.__name__
        lines.append(row(f"`{arg.name}`", kind, cell(str(arg.default)), cell(arg.allowed), cell(arg.meaning)))
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """Return a page in Markdown with a section for each command."""
    group = typer.main.get_command(app)
    context = group.make_context("workbench", [], resilient_parsing=True)
    sections = [command_section(name, command, context) for name, command in group.commands.items()]
    return "\n".join([COMMANDS_INTRODUCTION, *sections])


def command_section(name: str, command: Any, parent: Any) -> str:
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"## {name}", "", "```text", usage, "```", "", inspect.cleandoc(command.help or ""), ""]
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if records:
        lines += [row("argument or option", "meaning"), row("---", "---")]
        lines += [row(f"`{words}`", cell(meaning)) for words, meaning in records]
    return "\n".join([*lines, ""])


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def cell(text: str) -> str:
    """Return text that a cell of a table in Markdown shows as it is."""
    for mark in "|*<$[":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")


def names(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "none"
