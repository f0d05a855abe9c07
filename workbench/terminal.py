"""Say in a terminal what a command has to say: refusals with their exit status, failures, tables of arguments."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from workbench.files import Refused
from workbench.workers.progress import SafeConsole as Console

REFUSED = 2  # exit status if a request is refused and nothing has been run
INTERRUPTED = 130  # exit status after Ctrl-C


@contextlib.contextmanager
def refusals(interrupted: str = "interrupted: notebooks that had not finished leave no results") -> Iterator[None]:
    """Turn a `Refused` error or an interrupt in the block into a message and an exit status."""
    try:
        yield
    except Refused as problem:
        _refuse_with_parameters(problem)
    except KeyboardInterrupt:
        say("", interrupted)
        raise typer.Exit(INTERRUPTED) from None


def say(heading: str, words: str = "") -> None:
    """Print a message to standard error, with the heading in red."""
    shown = f"[bold red]{escape(heading)}[/] " if heading else ""
    Console(stderr=True).print((shown + escape(words)).rstrip(), highlight=False, soft_wrap=True)


def argument_table(title: str, first: str, args: Iterable[Any]) -> Table:
    """Return a table of parameters or of an operator's arguments."""
    table = Table(title=title, title_justify="left", title_style="")
    for column in (first, "type", "default", "allowed", "meaning"):
        table.add_column(column, no_wrap=column == first)
    for arg in args:
        kind = getattr(arg, "type_name", None) or arg.type.__name__
        table.add_row(*map(escape, (arg.name, kind, str(arg.default), arg.allowed, arg.meaning)))
    return table


def refuse(*messages: str) -> NoReturn:
    for message in messages:
        say("refused:", message)
    raise typer.Exit(REFUSED)


def _refuse_with_parameters(problem: Refused) -> None:
    """Print the problem and exit; for a wrong parameter, also print the table of existing parameters."""
    from workbench.report.parameters import ParameterError

    if not isinstance(problem, ParameterError) or not problem.declared:
        refuse(str(problem))
    Console(stderr=True).print(argument_table("[italic]Parameters that exist[/]", "name", problem.declared.values()))
    refuse(*problem.problems)


def print_failure(heading: str, error: dict[str, str]) -> None:
    say(f"\n{heading}:", error["message"])
    if error["traceback"]:
        say("", error["traceback"])
