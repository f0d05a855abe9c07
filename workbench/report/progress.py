"""Progress of a batch of notebooks: one moving bar in a terminal, plain lines elsewhere."""

import contextlib
import threading
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Silent:
    """Show nothing. Also what the others have in common: the count of finished cells of each notebook."""

    def __init__(self, cells: Mapping[str, int]):
        self.cells = dict(cells)
        self.done = dict.fromkeys(cells, 0)
        self._lock = threading.Lock()  # notebooks report from threads of their own

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def start(self, name: str) -> None:
        """Say that a notebook's process has been started."""

    def cell(self, name: str) -> None:
        """Count one finished cell."""
        with self._lock:
            self.done[name] = min(self.done[name] + 1, self.cells[name])
            self.show(name)

    def finish(self, name: str, outcome: str) -> None:
        """Say how a notebook has ended; cells that were not run count as done."""
        with self._lock:
            self.done[name] = self.cells[name]
            self.show_end(name, outcome)

    def show(self, name: str) -> None:
        """Show a notebook's new count."""

    def show_end(self, name: str, outcome: str) -> None:
        """Show how a notebook has ended."""


class Lines(Silent):
    """Print a line for each event."""

    def __init__(self, cells: Mapping[str, int], console: Console):
        super().__init__(cells)
        self.console = console

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def start(self, name: str) -> None:
        self._print(f"{name}: started")

    def show(self, name: str) -> None:
        self._print(f"{name}: cell {self.done[name]} of {self.cells[name]}")

    def show_end(self, name: str, outcome: str) -> None:
        self._print(f"{name}: {outcome}")


class Bar(Silent):
    """Move one bar over all cells of all notebooks."""

    def __init__(self, cells: Mapping[str, int], console: Console):
        super().__init__(cells)
        self.running: list[str] = []
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cells"),
            TimeElapsedColumn(), console=console,
        )  # fmt: skip
        self.task = self.bar.add_task("starting", total=sum(cells.values()))

    def __enter__(self) -> "Bar":
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def start(self, name: str) -> None:
        with self._lock:
            self.running.append(name)
            self.show(name)

    def show(self, name: str) -> None:
        self.bar.update(self.task, completed=sum(self.done.values()), description=self._description())

    def show_end(self, name: str, outcome: str) -> None:
        with contextlib.suppress(ValueError):
            self.running.remove(name)
        self.bar.console.print(f"{name}: {outcome}", markup=False, highlight=False)
        self.show(name)

    def _description(self) -> str:
        more = f" and {len(self.running) - 1} more" if len(self.running) > 1 else ""
        return escape(self.running[0]) + more if self.running else "done"


def progress(cells: Mapping[str, int], console: Console | None) -> Silent:
    """Choose how to show the progress of notebooks, given as name: number of cells; without a console, not at all."""
    if console is None:
        return Silent(cells)
    return Bar(cells, console) if console.is_terminal else Lines(cells, console)
