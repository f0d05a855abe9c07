"""How a running sweep is shown: a table that is drawn over itself in a terminal, lines now and then elsewhere."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.live import Live
from rich.table import Table

from workbench.report.page import duration, number
from workbench.sweep.definition import Definition
from workbench.sweep.records import Record

EVERY = 5.0  # seconds between lines, where there is no terminal
OFTEN = 0.1  # seconds between two drawings


class Tally:
    """What is known of a sweep at any moment, in an amount of memory that does not grow with it."""

    def __init__(self, definition: Definition, total: int):
        self.definition = definition
        self.total = total
        self.counts = {"ok": 0, "pruned": 0, "failed": 0}
        self.best: Record | None = None
        self.last_error = ""
        self._here = 0
        self._start = time.monotonic()

    @property
    def done(self) -> int:
        """Return how many trials are finished, well or not."""
        return sum(self.counts.values())

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest may take, at the rate until now; None before its first trial."""
        if not self._here:
            return None
        return (time.monotonic() - self._start) / self._here * max(0, self.total - self.done)

    def add(self, record: Record, *, here: bool = True) -> None:
        """Count a finished trial, `here` if it was run since the start, and not before an interruption."""
        self.counts[record.status] += 1
        self._here += here
        if record.status == "failed":
            self.last_error = f"trial {record.number}: {record.error['message']}".partition("\n")[0]
        if record.status == "ok" and (self.best is None or self._rank(record) < self._rank(self.best)):
            self.best = record

    def _rank(self, record: Record) -> tuple[float, int]:
        """Return what sorts trials by their first objective; of two that are equal the earlier is the better."""
        return self.definition.objectives[0].sign * record.values[0], record.number


class Silent:
    """Show nothing."""

    def __init__(self, tally: Tally):
        self.tally = tally

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def update(self, running: Mapping[int, object]) -> None:
        """Show the tally, and the trials that run, by their numbers."""


class Lines(Silent):
    """Print a line now and then."""

    def __init__(self, tally: Tally, console: Console):
        super().__init__(tally)
        self._console = console
        self._next = 0.0

    def update(self, running: Mapping[int, object]) -> None:
        if time.monotonic() < self._next and self.tally.done < self.tally.total:
            return
        self._next = time.monotonic() + EVERY
        words = "; ".join(f"{name} {value}" for name, value in rows(self.tally, running))
        self._console.print(words, markup=False, highlight=False, soft_wrap=True)


class Moving(Silent):
    """Draw one table, again and again in the same place."""

    def __init__(self, tally: Tally, console: Console):
        super().__init__(tally)
        self._live = Live(console=console, auto_refresh=False)
        self._next = 0.0

    def __enter__(self) -> "Moving":
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def update(self, running: Mapping[int, object]) -> None:
        if time.monotonic() < self._next and self.tally.done < self.tally.total:
            return
        self._next = time.monotonic() + OFTEN
        table = Table(title=self.tally.definition.name, title_justify="left", show_header=False)
        for name, value in rows(self.tally, running):
            table.add_row(name, value)
        self._live.update(table, refresh=True)


def progress(tally: Tally, console: Console | None) -> Silent:
    """Choose how to show a sweep; without a console, not at all."""
    if console is None:
        return Silent(tally)
    return Moving(tally, console) if console.is_terminal else Lines(tally, console)


def rows(tally: Tally, running: Mapping[int, object]) -> list[tuple[str, str]]:
    """Return what is shown of a sweep, as names and words."""
    shown = [("done", f"{tally.done:,} of {tally.total:,}"), ("failed", f"{tally.counts['failed']:,}")]
    if tally.definition.pruner != "none":
        shown.append(("pruned", f"{tally.counts['pruned']:,}"))
    if tally.best is not None:
        shown.append(("best so far", describe(tally.best, tally.definition)))
    if running:
        shown.append(("running", ", ".join(map(str, sorted(running)[:8])) + ", ..." * (len(running) > 8)))
    left = tally.seconds_left
    shown.append(("time left", "not known yet" if left is None else duration(left)))
    if tally.last_error:
        shown.append(("last error", tally.last_error))
    return shown


def describe(record: Record, definition: Definition) -> str:
    """Return a trial's objectives and what the sweep varies, in words."""
    values = [
        f"{objective.name} {number(value)}" + ("" if spread is None else f" ± {number(spread)}")
        for objective, value, spread in zip(definition.objectives, record.values, record.spread, strict=True)
    ]
    varied = [f"{name}={number(record.parameters[name])}" for name in definition.space.dimensions]
    return f"{', '.join(values)} in trial {record.number}" + (f" ({' '.join(varied)})" if varied else "")
