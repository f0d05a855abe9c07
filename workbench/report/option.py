"""The option `-p NAME VALUE` of the command line, which Typer does not support by itself."""

import json
import re
from collections.abc import Iterator
from typing import Any

from typer.core import TyperCommand

PARAMETER_OPTION = re.compile(r"(?:-p|--parameter(?:=|$))(.*)", re.DOTALL)  # with what is attached to it


class ParameterCommand(TyperCommand):
    """A command with a repeatable option `-p NAME=VALUE`, which may be two words, `-p NAME VALUE`, as in papermill.

    Typer does not support repeated options of two words, so each pair is passed to it as one word of JSON.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        joined, words = [], iter(args)
        for word in words:
            if word == "--":
                joined += [word, *words]
            elif option := PARAMETER_OPTION.fullmatch(word):
                joined += ["-p", json.dumps(self._pair(ctx, option[1] or next(words, ""), words))]
            else:
                joined.append(word)
        return super().parse_args(ctx, joined)

    def _pair(self, ctx: Any, first: str, words: Iterator[str]) -> tuple[str, str]:
        """Return the name and the value that begin with the word `first`; exit if either is missing."""
        name, equals, value = first.partition("=")
        second = value if equals else next(words, None)
        is_missing = not name or name[0] == "-" or second is None or (not equals and second in ("-p", "--parameter"))
        if is_missing and not ctx.resilient_parsing:  # a line to be completed ends anywhere
            ctx.fail(f"-p {first}: give a name and a value, as in -p alpha=0.01 or -p alpha 0.01")
        return name, second or ""
