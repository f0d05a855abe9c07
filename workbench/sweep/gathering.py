"""What a sweep's page needs of its trials, gathered in one pass and in an amount of memory that has a limit."""

import dataclasses
import heapq
from collections.abc import Iterable, Iterator

from workbench.sweep.definition import Definition, Objective
from workbench.sweep.points import Points, collect
from workbench.sweep.records import Record

MOST_POINTS = 20_000  # trials that are drawn, beside those that were the best so far
LISTED = 300  # trials in the page's table; all are in trials.csv
FAILURES = 30  # of those that failed, the first


class Front:
    """The successful trials so far that no earlier one is at least as good as in every objective."""

    def __init__(self, objectives: tuple[Objective, ...]):
        self._signs = [each.sign for each in objectives]
        self._front: list[tuple[float, ...]] = []

    def takes(self, record: Record) -> bool:
        """Add a trial, unless another on the front is at least as good; return whether it was added."""
        new = tuple(sign * value for sign, value in zip(self._signs, record.values, strict=True))
        if any(_is_as_good(old, new) for old in self._front):
            return False
        self._front = [old for old in self._front if not _is_as_good(new, old)] + [new]
        return True


@dataclasses.dataclass
class Gathered:
    """Trials to draw, the best ones by the first objective, the first failures, and the time of all trials."""

    definition: Definition
    best: list[Record] = dataclasses.field(default_factory=list)
    failures: list[Record] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    started: str = ""
    points: Points | None = None

    def take_in(self, records: Iterable[Record], stride: int) -> Iterator[Record]:
        """Take in all records, and yield those to draw: each `stride`-th success, and those on the front."""
        heap: list[tuple[float, int, Record]] = []
        front, successes, sign = Front(self.definition.objectives), 0, self.definition.objectives[0].sign
        for record in records:
            self.seconds += record.duration_seconds
            self.started = min(self.started or record.started, record.started)
            if record.status == "failed" and len(self.failures) < FAILURES:
                self.failures.append(record)
            if record.status != "ok":
                continue
            put = heapq.heappush if len(heap) < LISTED else heapq.heappushpop
            put(heap, (-sign * record.values[0], -record.number, record))
            if front.takes(record) or successes % stride == 0:
                yield record
            successes += 1
        self.best = [record for *_, record in sorted(heap, reverse=True)]


def gather(records: Iterable[Record], definition: Definition, successes: int) -> Gathered:
    """Return what the page needs of a sweep's trials, of which `successes` succeeded."""
    gathered = Gathered(definition)
    stride = max(1, -(-successes // MOST_POINTS))
    gathered.points = collect(gathered.take_in(records, stride), definition)
    return gathered


def _is_as_good(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
