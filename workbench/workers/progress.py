"""How a batch of work is shown: a table that is drawn over itself in a terminal, lines elsewhere."""

import contextlib
import time
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

OFTEN = 0.1  # seconds between two drawings

Rows = Iterable[tuple[str, str]]  # names, and words


class Display:
    """Print a line for each event, and one about the whole every so many seconds, or never."""

    def __init__(self, console: Console, every: float | None):
        self._console = console
        self._every = every
        self._next = 0.0

    def event(self, words: str, *, passing: bool = False) -> None:
        """Say that something has happened; what is passing is not said where a table shows it."""
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)

    def update(self, done: int, total: int, rows: Rows) -> None:
        """Show how much is done, and more about it; not at every call, but when all is done."""
        if self._every is None or (time.monotonic() < self._next and done < total):
            return
        self._next = time.monotonic() + self._every
        self._show(done, total, rows)

    def _show(self, done: int, total: int, rows: Rows) -> None:
        self.event("; ".join(f"{name} {words}" for name, words in [("done", f"{done:,} of {total:,}"), *rows]))


class Moving(Display):
    """Draw one table, again and again in the same place, and print events above it."""

    def __init__(self, live: Live, title: str):
        super().__init__(live.console, OFTEN)
        self._live = live
        self._title = title

    def event(self, words: str, *, passing: bool = False) -> None:
        if not passing:
            super().event(words)

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
    """Give what shows a batch of work in the block; without a console it shows nothing.

    Where there is no terminal, a line about the whole is printed each `every` seconds, or never.
    """
    if console is not None and console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield Moving(live, title)
    else:
        yield Display(console or Console(quiet=True), every)
