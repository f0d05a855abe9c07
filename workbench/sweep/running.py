"""Sweeps: `sweep` runs one, or goes on with it."""

import contextlib
import dataclasses
import sys
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from rich.console import Console

from workbench.parallel import available_threads
from workbench.report import folders
from workbench.sweep.asked import check_session, count_trials, define
from workbench.sweep.children import close_children
from workbench.sweep.database import Database
from workbench.sweep.definition import Definition
from workbench.sweep.errors import SweepError
from workbench.sweep.executors import Here, opened
from workbench.sweep.folder import SweepFolder, reserve
from workbench.sweep.messages import Setup
from workbench.sweep.progress import progress
from workbench.sweep.result import SweepResult
from workbench.sweep.session import Session
from workbench.sweep.target import Target, find_target


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
    definition = define(found, space, objective, sampler, pruner, seed, name)
    total = count_trials(definition, trials)
    folders.check_name(definition.name)
    check_session(found, jobs, timeout, executor, scheduler, here)
    if report:
        folders.check_index(Path(output))
    reserve(Path(output), total, found.trial_bytes)
    with contextlib.ExitStack() as stack:
        runner, at_once = (Here(), 1) if here else stack.enter_context(opened(executor, scheduler, jobs))
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


def _setup(target: Target, definition: Definition, timeout: float | None, at_once: int) -> Setup:
    return Setup(
        session=uuid.uuid4().hex,
        work=target.work,
        objectives=tuple(each.name for each in definition.objectives),
        timeout=timeout,
        threads=max(1, available_threads() // at_once),
        path=tuple(path or str(Path.cwd()) for path in sys.path),
    )
