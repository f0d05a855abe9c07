"""A sweep that has come to its end."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from workbench.sweep.definition import Definition
from workbench.sweep.folder import read_records
from workbench.sweep.records import Record


@dataclasses.dataclass(frozen=True)
class SweepResult:
    """A sweep that has come to its end: its folder, its definition, its trials by status, and the best of them.

    Of two objectives, `best` is by the first.
    """

    folder: Path
    definition: Definition
    counts: dict[str, int]
    best: Record | None

    @property
    def ok(self) -> bool:
        """Tell whether no trial failed."""
        return not self.counts["failed"]

    def records(self) -> Iterator[Record]:
        """Yield the finished trials in the order of their numbers."""
        return read_records(self.folder)
