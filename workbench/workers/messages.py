"""The messages to and from a worker process; all of them can be pickled."""

import dataclasses
from collections.abc import Callable
from typing import Any

RECORDED = "recorded.jsonl"  # the file in a run's folder to which its notebook adds the metrics that it records
FRAMES = "frames"  # the folder in a run's folder for the recorded frames of its explorers


@dataclasses.dataclass(frozen=True)
class NotebookWork:
    """A notebook to run: its text, the file it came from, and the folder in which its code runs.

    A run saves `notebook.ipynb` and RECORDED in the folder `place`, and there the notebook's figures in `figures` and
    the frames of its explorers in FRAMES, if those folders exist. If `place` is None, the folder is temporary. At the
    end the worker calls `finish(work, task, outcome, place)`, if given, and sends back the outcome that `finish`
    returns. `shutdown` is how papermill ends the kernel: "graceful" or "immediate".
    """

    text: str
    path: str
    folder: str
    place: str | None = None
    finish: Callable[..., "Outcome"] | None = None
    shutdown: str = "graceful"


@dataclasses.dataclass(frozen=True)
class FunctionWork:
    """A function to run, pickled by cloudpickle; it takes a Task and returns an Outcome."""

    pickled: bytes


@dataclasses.dataclass(frozen=True)
class Setup:
    """The settings that all tasks of a worker share.

    Workers with the same `session` are ended together. `timeout` is in seconds for each task, None for no limit.
    `threads` is the number of threads for a task, None to leave it to the environment. `path` is put before sys.path.
    """

    session: str
    work: NotebookWork | FunctionWork
    timeout: float | None = None
    threads: int | None = None
    path: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Task:
    """One run: its number, all its parameters, its seed, and other data that a function needs."""

    number: int
    parameters: dict[str, Any]
    seed: int = 0
    context: Any = None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a task.

    `status` is "ok", "pruned" or "failed"; if failed, `error` has kind, message and traceback. `files` are the
    contents of a notebook's files by their path in its folder. `attempts` is 2 after a retry.
    """

    status: str
    started: str
    duration_seconds: float
    metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
    error: dict[str, str] | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    intermediate: tuple[tuple[int, float], ...] = ()
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    attempts: int = 1


def failed(kind: str, message: str, started: str, seconds: float, traceback: str = "") -> Outcome:
    """Return the outcome of a task that failed."""
    error = {"kind": kind, "message": message, "traceback": traceback}
    return Outcome("failed", started, round(seconds, 6), error=error)
