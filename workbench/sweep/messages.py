"""What goes to the process that runs trials, and what comes back; all of it can be pickled."""

import dataclasses
from typing import Any

from workbench.sweep.trial import Point, Pruning


@dataclasses.dataclass(frozen=True)
class NotebookWork:
    """A notebook as it is sent to the process that runs it: its text, its name, and the folder its code runs in."""

    text: str
    path: str
    folder: str


@dataclasses.dataclass(frozen=True)
class FunctionWork:
    """A function as it is sent: pickled, by value where others could not import it, and whether it takes a trial."""

    pickled: bytes
    takes_trial: bool


@dataclasses.dataclass(frozen=True)
class Setup:
    """What all trials of one run of a sweep have in common.

    `session` tells runs apart. `objectives` name what a function returns that returns bare numbers. `timeout` is in
    seconds for each trial, None for no limit. `threads` is how many a trial may use. `path` is where modules are found.
    """

    session: str
    work: NotebookWork | FunctionWork
    objectives: tuple[str, ...]
    timeout: float | None
    threads: int
    path: tuple[str, ...]

    @property
    def stops_itself(self) -> bool:
        """Tell whether a trial that takes too long is stopped in good order, as a notebook is."""
        return isinstance(self.work, NotebookWork)


@dataclasses.dataclass(frozen=True)
class Task:
    """One trial to run: its number, every parameter that it is given, its seed, and what pruning needs."""

    number: int
    parameters: dict[str, Any]
    seed: int
    pruning: Pruning | None = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a trial has ended: `status` is "ok", "pruned" or "failed", and then `error` has kind, message and traceback.

    `files` are those that a notebook leaves, by their path in the trial's folder. `attempts` is 2 after a retry.
    """

    status: str
    started: str
    duration_seconds: float
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    error: dict[str, str] | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    intermediate: tuple[Point, ...] = ()
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    attempts: int = 1


def failed(kind: str, message: str, started: str, seconds: float, traceback: str = "", **more: Any) -> Outcome:
    """Return the outcome of a trial that failed."""
    error = {"kind": kind, "message": message, "traceback": traceback}
    return Outcome("failed", started, round(seconds, 6), error=error, **more)
