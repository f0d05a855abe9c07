"""Sweeps: `sweep` runs one, or goes on with it."""

import contextlib
import dataclasses
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from numbers import Real
from pathlib import Path
from typing import Any

from rich.console import Console

from workbench.parallel import available_threads
from workbench.report import folders
from workbench.sweep import proposals
from workbench.sweep.children import close_children, run_trial
from workbench.sweep.database import Database
from workbench.sweep.definition import Definition, read_objectives
from workbench.sweep.errors import SweepError, SweepStopped
from workbench.sweep.folder import SweepFolder, reserve
from workbench.sweep.progress import Silent, Tally, progress
from workbench.sweep.records import make_record
from workbench.sweep.result import SweepResult
from workbench.sweep.space import read_space
from workbench.sweep.target import Target, find_target
from workbench.sweep.tasks import Outcome, Setup, Task, failed

TRIALS = 20  # of a sweep that is not over a grid and is not told how many
REFRESH = 1.0  # seconds after which the time left is told anew, even if no trial has ended
MIRRORED_EVERY = 1.0  # seconds between writes to the database
BATCH = 1000  # trials in one of them


def sweep(
    target: Path | str | Callable,
    space: Mapping[str, Any],
    objective: str | list[str] | tuple[str, ...] = "loss",
    *,
    sampler: str = "tpe",
    trials: int | None = None,
    jobs: int | None = None,
    seed: int = 0,
    name: str | None = None,
    output: Path | str = "sweeps",
    pruner: str = "none",
    timeout: float | None = None,
    executor: Executor | None = None,
    scheduler: str | None = None,
    here: bool = False,
    storage: str | None = None,
    report: bool = True,
    console: Console | None = None,
) -> SweepResult:
    """Run trials of a notebook or a function over a space of its parameters; go on with a sweep of the same name.

    Everything is on disk in `output`/name/ as it is finished. Started again with the same arguments after any
    interruption, the sweep runs what is missing and ends with the results of one that was not interrupted.

    Args:
        target: the path of a notebook; a function, as itself or as "module:function" or "file.py:function". Its
            parameters, with types and limits, are those of the notebook's tagged cell or of the signature (see
            `workbench.sweep.target`). A function returns the metrics: a dict, or a number.
        space: by parameter, what it may be: text such as "1e-5..1:log:12", "0..1" or "3,5,7"; a `Range`; a list; or a
            single value, which is fixed. A parameter that is not named has its default.
        objective: the metric to make small, "loss", or large, "accuracy:max"; two for a Pareto front. A metric that is
            a list of numbers, as the scores of folds, counts by its mean, and its standard deviation is shown.
        sampler: "grid", "random", "qmc" (quasi-random, Sobol), "tpe" or "gp", all but the grid Optuna's.
        trials: how many; by default the whole grid, or 20. More than before extends a finished sweep.
        jobs: trials at once; by default one for each core, or for each thread of the cluster's workers.
        seed: of the sweep. A trial's own, for a parameter called seed, comes from it and the trial's number.
        name: of the folder in `output`, and of the study in the database; by default the target's.
        pruner: "none", "median", "halving" or "wilcoxon", Optuna's, for functions that report to a parameter `trial`.
        timeout: seconds that one trial may take.
        executor: a `concurrent.futures.Executor` to run trials in; by default processes on this machine.
        scheduler: the address of a Dask scheduler to run trials on instead, such as "tcp://host:8786".
        here: run a function's trials in this process, one at a time: the least overhead, and what a debugger can
            follow; but nothing stops a trial that hangs, and one that crashes takes the sweep along.
        storage: URL of a database that Optuna takes; by default a SQLite file in the folder.
        report: whether to write the tables and the page at the end.
        console: where to show how it goes; None shows nothing.

    Returns:
        What there is; trials that failed are counted, not raised.

    Raises:
        SweepError, NotebookError: something is refused, or the sweep runs already; nothing has been run.
        SweepStopped: the disk, the database or the executor failed; finished trials are kept.
    """
    found = find_target(target)
    definition = _define(found, space, objective, sampler, pruner, seed, name)
    total = _total(definition, trials)
    folders.check_name(definition.name)
    _check_session(found, jobs, timeout, executor, scheduler, here)
    reserve(Path(output), total, found.trial_bytes)
    with contextlib.ExitStack() as stack:
        runner, at_once = (Here(), 1) if here else stack.enter_context(_executor(executor, scheduler, jobs))
        definition = dataclasses.replace(definition, lag=at_once)
        held = stack.enter_context(contextlib.closing(SweepFolder(Path(output) / definition.name, definition)))
        definition = held.definition
        url = storage or f"sqlite:///{(held.path / 'study.db').resolve()}"
        try:
            database = stack.enter_context(contextlib.closing(Database(url, definition, held.id)))
        except SweepError:
            held.withdraw()
            raise
        setup = _setup(found, definition, timeout, at_once)
        stack.callback(close_children, setup.session)
        session = Session(found, definition, held, database, setup, total)
        with progress(session.tally, console) as show:
            session.run(runner, at_once, show)
        result = SweepResult(held.path, definition, session.tally.counts, session.tally.best)
        if report:
            from workbench.sweep.page import write_report  # brings Matplotlib

            write_report(result, found, Path(output))
    return result


class Here(Executor):
    """Run trials of a function in this process, at once."""

    _run: Callable[[Task], Outcome] | None = None

    def submit(self, run: Callable, /, setup: Setup, task: Task) -> Future:
        """Run the task instead of `run`, which would start a process; the Future is done."""
        from workbench.sweep.child import function_runner

        self._run = self._run or function_runner(setup)
        future: Future = Future()
        future.set_result(self._run(task))
        return future


class Session:
    """One run of a sweep, from the trials that are finished to all of them."""

    def __init__(
        self, target: Target, definition: Definition, held: SweepFolder, database: Database, setup: Setup, total: int
    ):
        self.tally = Tally(definition, max(total, len(held)))
        self._target = target
        self._definition = definition
        self._folder = held
        self._database = database
        self._setup = setup
        self._total = total
        self._next = 0
        self._prefix = 0  # trials below it are all finished
        self._mirrored_at = 0.0
        kind = proposals.Sequential if definition.is_ordered else proposals.Independent
        self._proposer = kind(definition)
        for number in held.numbers():
            self.tally.add(held[number], here=False)
        self._advance()

    def run(self, executor: Executor, at_once: int, show: Silent) -> None:
        """Run what is not finished, at most `at_once` trials at a time."""
        running: dict[Future, Task] = {}
        try:
            while True:
                self._start(executor, at_once, running)
                show.update({task.number: task for task in running.values()})
                if not running:
                    break
                done, _ = wait(running, timeout=REFRESH, return_when=FIRST_COMPLETED)
                if done:
                    self._finish([(running.pop(future), _outcome(future)) for future in done])
            self._mirror(at_once=True)
        finally:
            for future in running:
                future.cancel()

    def _start(self, executor: Executor, at_once: int, running: dict[Future, Task]) -> None:
        """Start trials until `at_once` run, or none can be proposed yet."""
        while len(running) < at_once and self._next < self._total and self._may_propose():
            task = self._task(self._next)
            self._next += 1
            if task is not None:
                running[_submit(executor, self._setup, task)] = task

    def _may_propose(self) -> bool:
        return not self._definition.is_ordered or self._next < self._prefix + self._definition.lag

    def _task(self, number: int) -> Task | None:
        """Return trial `number` to run, None where it is finished."""
        finished = number in self._folder
        if finished:
            if self._definition.is_ordered:
                self._proposer.adopt(self._folder[number])
            return None
        proposed = self._proposer.propose(number)
        seed = proposals.trial_seed(self._definition.seed, number)
        parameters = {**self._target.defaults, **self._target.seed(seed), **self._definition.space.fixed, **proposed}
        pruning = self._proposer.pruning() if self._definition.is_ordered else None
        return Task(number, parameters, seed, pruning)

    def _finish(self, ended: list[tuple[Task, Outcome]]) -> None:
        """Write down how trials have ended."""
        for task, outcome in ended:
            record = make_record(task, outcome, self._definition.objectives)
            self._folder.add(record, outcome)
            self.tally.add(record)
            if self._definition.is_ordered:
                self._proposer.finish(record)
        self._folder.flush()
        self._advance()
        self._mirror()

    def _advance(self) -> None:
        while self._prefix in self._folder:
            self._prefix += 1

    def _mirror(self, at_once: bool = False) -> None:
        """Write to the database what is not there yet, now and then or at once."""
        if not at_once and time.monotonic() < self._mirrored_at + MIRRORED_EVERY:
            return
        while self._database.count < self._prefix:
            end = min(self._prefix, self._database.count + BATCH)
            self._database.add(self._folder[number] for number in range(self._database.count, end))
        self._mirrored_at = time.monotonic()


def _submit(executor: Executor, setup: Setup, task: Task) -> Future:
    try:
        return executor.submit(run_trial, setup, task)
    except (RuntimeError, OSError) as problem:  # shut down, broken, or its cluster is gone
        raise SweepStopped(_broken(problem)) from None


def _outcome(future: Future) -> Outcome:
    """Return how a trial has ended; where its executor lost it, as a failure."""
    problem = future.exception()
    if problem is None:
        return future.result()
    if isinstance(problem, BrokenProcessPool):
        raise SweepStopped(_broken(problem))
    started = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    return failed("lost worker", f"{type(problem).__name__}: {problem}", started, 0.0)


def _broken(problem: Exception) -> str:
    return (
        f"the executor takes no more trials ({type(problem).__name__}: {problem}); finished trials are kept, and the "
        "same command continues"
    )


def _define(
    target: Target,
    space: Mapping[str, Any],
    objective: str | list[str] | tuple[str, ...],
    sampler: str,
    pruner: str,
    seed: int,
    name: str | None,
) -> Definition:
    proposals.check_sampler(sampler)
    objectives = read_objectives(objective)
    _check_pruner(pruner, target, objectives)
    unknown = [each.name for each in objectives if target.known and each.name not in target.known]
    if unknown:
        raise SweepError(f"objective={unknown[0]!r}: {target.name} records {', '.join(map(repr, target.known))}")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SweepError(f"seed={seed!r}: must be a whole number of at least 0")
    read = read_space(target.declared, space)
    target.check_complete(space)
    if sampler == "grid":
        read.grid()  # refuses a range without a number of points
    return Definition(
        name=target.stem if name is None else name,
        target=target.name,
        digest=target.digest,
        space=read,
        objectives=objectives,
        sampler=sampler,
        pruner=pruner,
        seed=seed,
        lag=1,
    )


def _check_pruner(pruner: str, target: Target, objectives: tuple) -> None:
    if pruner not in proposals.PRUNERS:
        raise SweepError(f"pruner={pruner!r}: must be one of {', '.join(map(repr, proposals.PRUNERS))}")
    if pruner == "none":
        return
    if len(objectives) > 1:
        raise SweepError(f"pruner={pruner!r}: with two objectives nothing can be pruned; give one, or pruner='none'")
    if not getattr(target.work, "takes_trial", False):
        raise SweepError(
            f"pruner={pruner!r}: {target.name} reports no intermediate values; sweep over a function with a parameter "
            "called trial, or give pruner='none'"
        )


def _total(definition: Definition, trials: int | None) -> int:
    if trials is not None and (isinstance(trials, bool) or not isinstance(trials, int) or trials < 1):
        raise SweepError(f"trials={trials!r}: must be a whole number of at least 1")
    if definition.sampler != "grid":
        return TRIALS if trials is None else trials
    size = 1
    for points in definition.space.grid().values():
        size *= len(points)
    return size if trials is None else min(trials, size)


def _check_session(
    target: Target,
    jobs: int | None,
    timeout: float | None,
    executor: Executor | None,
    scheduler: str | None,
    here: bool,
) -> None:
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1):
        raise SweepError(f"jobs={jobs!r}: must be a whole number of at least 1")
    if timeout is not None and not (isinstance(timeout, Real) and 0 < timeout < 10**9):
        raise SweepError(f"timeout={timeout!r}: must be a number of seconds above 0")
    if sum((executor is not None, scheduler is not None, here)) > 1:
        raise SweepError("executor, scheduler and here: give one of them")
    if here and (timeout is not None or jobs not in (None, 1)):
        raise SweepError("here=True: runs one trial at a time and cannot stop it; leave out jobs and timeout")
    if here and target.is_notebook:
        raise SweepError(f"here=True: {target.name} is a notebook, which needs a process of its own; leave it out")


@contextlib.contextmanager
def _executor(executor: Executor | None, scheduler: str | None, jobs: int | None) -> Iterator[tuple[Executor, int]]:
    """Give what runs trials, and how many at once."""
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


def _setup(target: Target, definition: Definition, timeout: float | None, at_once: int) -> Setup:
    return Setup(
        session=uuid.uuid4().hex,
        work=target.work,
        objectives=tuple(each.name for each in definition.objectives),
        timeout=timeout,
        threads=max(1, available_threads() // at_once),
        path=tuple(path or str(Path.cwd()) for path in sys.path),
    )
