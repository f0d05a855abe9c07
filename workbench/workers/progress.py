"""Show the progress of a batch of work: a table that is redrawn in place in a terminal, printed lines elsewhere."""

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

OFTEN = 0.1  # seconds between two updates of the table

# Characters that move the cursor, recolour, ring or reorder text, shown as their escape sequences.
CONTROLS = {
    code: chr(code).encode("unicode_escape").decode()
    for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}

Rows = Iterable[tuple[str, str]]  # each row is a name and a text


class SafeConsole(Console):
    """A console on which no text, such as the message of an exception, can control the terminal."""

    def render_str(self, text: str, **settings: Any) -> Text:
        return super().render_str(text.translate(CONTROLS), **settings)


class Display:
    """Print a line for each event, and a line of overall progress each `every` seconds, or never if None."""

    def __init__(self, console: Console, every: float | None):
        self._console = console
        self._every = every
        self._next = 0.0

    def event(self, words: str) -> None:
        """Print an event."""
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)

    def update(self, done: int, total: int, rows: Rows) -> None:
        """Show the progress and `rows`, unless the last update was less than `every` seconds ago and work is left."""
        if self._every is None or (time.monotonic() < self._next and done < total):
            return
        self._next = time.monotonic() + self._every
        self._show(done, total, rows)

    def _show(self, done: int, total: int, rows: Rows) -> None:
        self.event("; ".join(f"{name} {words}" for name, words in [("done", f"{done:,} of {total:,}"), *rows]))


class Moving(Display):
    """Draw a table, redraw it in the same place, and print events above it."""

    def __init__(self, live: Live, title: str):
        super().__init__(live.console, OFTEN)
        self._live = live
        self._title = title

    def _show(self, done: int, total: int, rows: Rows) -> None:
        table = Table(title=escape(self._title), title_justify="left", show_header=False)
        bar = Table.grid(padding=(0, 1))
        bar.add_row(f"{done:,} of {total:,}", ProgressBar(total or 1, done, width=40))
        table.add_row("done", bar)
        for name, words in rows:
            table.add_row(name, escape(words))
        self._live.update(table, refresh=True)


@contextlib.contextmanager
def display(console: Console | None, title: str, every: float | None = None) -> Iterator[Display]:
    """Yield the Display that shows a batch of work; without a console it shows nothing.

    If there is no terminal, a line of overall progress is printed each `every` seconds, or never if None.
    """
    if console is not None and console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield Moving(live, title)
    else:
        yield Display(console or Console(quiet=True), every)
