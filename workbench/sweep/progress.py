"""What is known of a sweep while it runs, and how it is shown."""

import time
from collections.abc import Iterable, Iterator

from workbench.report.page import duration, number
from workbench.sweep.definition import Definition
from workbench.sweep.records import Record

SHOWN = 8  # running trials whose numbers are shown


class Tally:
    """What is known of a sweep at any moment, in an amount of memory that does not grow with it."""

    def __init__(self, definition: Definition, total: int):
        self.definition = definition
        self.total = total
        self.counts = {"ok": 0, "pruned": 0, "failed": 0}
        self.best: Record | None = None
        self.last_error = ""
        self._new = 0
        self._start = time.monotonic()

    @property
    def done(self) -> int:
        """Return how many trials are finished, well or not."""
        return sum(self.counts.values())

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest may take, at the rate until now; None before its first trial."""
        if not self._new:
            return None
        return (time.monotonic() - self._start) / self._new * max(0, self.total - self.done)

    def add(self, record: Record, *, earlier: bool = False) -> None:
        """Count a finished trial, or one that was finished `earlier`, before an interruption."""
        self.counts[record.status] += 1
        self._new += not earlier
        if record.status == "failed":
            self.last_error = f"trial {record.number}: {record.error['message']}".partition("\n")[0]
        if record.status == "ok" and (self.best is None or self._rank(record) < self._rank(self.best)):
            self.best = record

    def _rank(self, record: Record) -> tuple[float, int]:
        """Return what sorts trials by their first objective; of two that are equal the earlier is the better."""
        return self.definition.objectives[0].sign * record.values[0], record.number

    def rows(self, running: Iterable[int]) -> Iterator[tuple[str, str]]:
        """Yield what is shown of a sweep beside how much is done, as names and words."""
        yield "failed", f"{self.counts['failed']:,}"
        if self.definition.pruner != "none":
            yield "pruned", f"{self.counts['pruned']:,}"
        if self.best is not None:
            yield "best so far", best_in_words(self.best, self.definition)
        numbers = sorted(running)
        if numbers:
            yield "running", ", ".join(map(str, numbers[:SHOWN])) + ", ..." * (len(numbers) > SHOWN)
        left = self.seconds_left
        yield "time left", "not known yet" if left is None else duration(left)
        if self.last_error:
            yield "last error", self.last_error


def best_in_words(record: Record, definition: Definition) -> str:
    """Return a trial's objectives and what the sweep varies, in words."""
    values = [
        f"{objective.name} {number(value)}" + ("" if spread is None else f" ± {number(spread)}")
        for objective, value, spread in zip(definition.objectives, record.values, record.spread, strict=True)
    ]
    varied = [f"{name}={number(record.parameters[name])}" for name in definition.space.dimensions]
    return f"{', '.join(values)} in trial {record.number}" + (f" ({' '.join(varied)})" if varied else "")
