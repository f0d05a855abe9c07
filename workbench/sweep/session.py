"""One session of a sweep: run the trials that are not finished yet, and keep count of the results."""

import contextlib
import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from workbench.parallel import available_threads
from workbench.report.page import duration, number
from workbench.sweep import samplers
from workbench.sweep.definition import Definition, SweepError, SweepStopped
from workbench.sweep.folder import SweepFolder
from workbench.sweep.records import Record, make_record
from workbench.sweep.target import Target
from workbench.workers.messages import Outcome, Setup, Task, failed
from workbench.workers.pool import run_task
from workbench.workers.progress import Display
from workbench.workers.worker import now

REFRESH = 1.0  # seconds between updates of the time left, even if no trial has ended
SHOWN = 8  # running trials whose numbers are shown, at most


class Session:
    """One session of a sweep, which runs the trials that are not finished yet."""

    def __init__(self, target: Target, definition: Definition, folder: SweepFolder, setup: Setup, total: int):
        self.tally = Tally(definition, max(total, len(folder)))
        self._target = target
        self._definition = definition
        self._folder = folder
        self._setup = setup
        self._total = total
        self._next = 0
        self._prefix = 0  # all trials below this number are finished
        kind = samplers.Sequential if definition.is_ordered else samplers.Independent
        self._proposer = kind(definition)
        for finished in folder.numbers():
            self.tally.add(folder[finished], earlier=True)
        self._advance()

    def run(self, executor: Executor, at_once: int, show: Display) -> None:
        """Run the unfinished trials, at most `at_once` trials at a time."""
        running: dict[Future, Task] = {}
        try:
            while True:
                self._start(executor, at_once, running)
                rows = self.tally.rows(task.number for task in running.values())
                show.update(self.tally.done, self.tally.total, rows)
                if not running:
                    break
                done, _ = wait(running, timeout=REFRESH, return_when=FIRST_COMPLETED)
                if done:
                    self._finish([(running.pop(future), _outcome_of(future)) for future in done])
        finally:
            for future in running:
                future.cancel()

    def _start(self, executor: Executor, at_once: int, running: dict[Future, Task]) -> None:
        """Start trials until `at_once` are running or no more can be proposed yet."""
        while len(running) < at_once and self._next < self._total and self._may_propose():
            task = self._task(self._next)
            self._next += 1
            if task is None:
                continue
            try:
                running[executor.submit(run_task, self._setup, task)] = task
            except (RuntimeError, OSError) as problem:  # the executor is shut down or broken, or its cluster is gone
                raise _broken(problem) from None

    def _may_propose(self) -> bool:
        return not self._definition.is_ordered or self._next < self._prefix + self._definition.in_flight

    def _task(self, number: int) -> Task | None:
        """Return the task of trial `number`, or None if the trial is already finished."""
        if number in self._folder:
            if self._definition.is_ordered:
                self._proposer.adopt(self._folder[number])
            return None
        proposed = self._proposer.propose(number)
        seed = samplers.trial_seed(self._definition.seed, number)
        parameters = {**self._target.defaults, **self._target.seed(seed), **self._definition.space.fixed, **proposed}
        pruning = self._proposer.pruning() if self._definition.is_ordered else None
        return Task(number, parameters, seed, pruning)

    def _finish(self, ended: list[tuple[Task, Outcome]]) -> None:
        """Save the outcomes of trials that have ended."""
        for task, outcome in ended:
            record = make_record(task, outcome, self._definition.objectives)
            self._folder.add(record, outcome)
            self.tally.add(record)
            if self._definition.is_ordered:
                self._proposer.finish(record)
        self._folder.flush()
        self._advance()

    def _advance(self) -> None:
        while self._prefix in self._folder:
            self._prefix += 1


class Tally:
    """The progress of a sweep: counts, best trial, last error and time left, in constant memory."""

    def __init__(self, definition: Definition, total: int):
        self.definition = definition
        self.total = total
        self.counts = {"ok": 0, "pruned": 0, "failed": 0}
        self.best: Record | None = None
        self.last_error = ""
        self._new = 0
        self._start = self._last = time.monotonic()

    @property
    def done(self) -> int:
        """Return the number of finished trials, whatever their status."""
        return sum(self.counts.values())

    @property
    def seconds_left(self) -> float | None:
        """Return the expected seconds for the remaining trials; None before the first result of this run.

        The time that the last result leads to expect runs down until the next one; running trials do not add to it.
        """
        if not self._new:
            return None
        expected = (self._last - self._start) / self._new * max(0, self.total - self.done)
        return max(0.0, expected - (time.monotonic() - self._last))

    def add(self, record: Record, *, earlier: bool = False) -> None:
        """Count a finished trial; `earlier` means that it was finished before this run."""
        self.counts[record.status] += 1
        if not earlier:
            self._new += 1
            self._last = time.monotonic()
        if record.status == "failed":
            self.last_error = f"trial {record.number}: {record.error['message']}".partition("\n")[0]
        if record.status == "ok" and (self.best is None or self._rank(record) < self._rank(self.best)):
            self.best = record

    def _rank(self, record: Record) -> tuple[float, int]:
        """Return the key that sorts trials by the first objective, then by number, so that the best comes first."""
        return self.definition.objectives[0].sign * record.values[0], record.number

    def rows(self, running: Iterable[int]) -> Iterator[tuple[str, str]]:
        """Yield the rows, each a name and a text, that the display shows beside the number of finished trials."""
        yield "failed", f"{self.counts['failed']:,}"
        if self.definition.pruner != "none":
            yield "pruned", f"{self.counts['pruned']:,}"
        if self.best is not None:
            yield "best so far", self._best_in_words()
        numbers = sorted(running)
        if numbers:
            yield "running", ", ".join(map(str, numbers[:SHOWN])) + ", ..." * (len(numbers) > SHOWN)
        left = self.seconds_left
        yield "time left", "not known yet" if left is None else duration(left)
        if self.last_error:
            yield "last error", self.last_error

    def _best_in_words(self) -> str:
        values = [
            f"{objective.name} {number(value)}" + ("" if spread is None else f" ± {number(spread)}")
            for objective, value, spread in zip(
                self.definition.objectives, self.best.values, self.best.spread, strict=True
            )
        ]
        varied = [f"{name}={number(self.best.parameters[name])}" for name in self.definition.space.dimensions]
        return f"{', '.join(values)} in trial {self.best.number}" + (f" ({' '.join(varied)})" if varied else "")


@contextlib.contextmanager
def opened(executor: Executor | None, scheduler: str | None, jobs: int | None) -> Iterator[tuple[Executor, int]]:
    """Yield an executor and the number of trials to run at once: `executor`, a Dask cluster or local processes."""
    if executor is not None:
        yield executor, jobs or available_threads()
    elif scheduler is not None:
        with _dask(scheduler) as client:
            yield client.get_executor(pure=False), jobs or max(1, sum(client.nthreads().values()))
    else:
        at_once = jobs or available_threads()
        with ThreadPoolExecutor(at_once, thread_name_prefix="trial") as pool:  # each thread has a process of its own
            yield pool, at_once


def _dask(scheduler: str) -> Any:
    from distributed import Client

    try:
        return Client(scheduler, timeout=10)
    except (OSError, ValueError) as problem:
        raise SweepError(f"scheduler={scheduler!r}: cannot be reached ({problem})") from None


class InProcess(Executor):
    """An executor that runs a function's trials in this process, as soon as they are submitted."""

    _run: Callable[[Task], Outcome] | None = None

    def submit(self, run: Callable, /, setup: Setup, task: Task) -> Future:
        """Run the task here, not with `run`, which would start a process; return a finished Future."""
        self._run = self._run or pickle.loads(setup.work.pickled)
        future: Future = Future()
        future.set_result(self._run(task))
        return future


def _outcome_of(future: Future) -> Outcome:
    """Return a trial's outcome; a trial that the executor lost has failed. Raise SweepStopped if the executor broke."""
    if future.cancelled():
        raise _broken(CancelledError("a trial was cancelled"))
    problem = future.exception()
    if problem is None:
        return future.result()
    if isinstance(problem, BrokenProcessPool):
        raise _broken(problem)
    return failed("lost worker", f"{type(problem).__name__}: {problem}", now(), 0.0)


def _broken(problem: Exception) -> SweepStopped:
    return SweepStopped(f"the executor takes no more trials ({type(problem).__name__}: {problem})")
