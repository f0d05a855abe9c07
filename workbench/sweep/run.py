"""Sweeps: `sweep` runs one, or goes on with it."""

import contextlib
import dataclasses
import importlib.util
import math
import sys
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from rich.console import Console

from workbench import files
from workbench.operator import Arg
from workbench.parallel import available_threads
from workbench.sweep.definition import Definition, Objective, SweepError, read_objectives
from workbench.sweep.export import export, open_study
from workbench.sweep.folder import SweepFolder, SweepResult, reserve
from workbench.sweep.samplers import PRUNERS, SAMPLERS
from workbench.sweep.session import InProcess, Session, opened
from workbench.sweep.space import read_space
from workbench.sweep.target import Target, find_target
from workbench.workers.messages import Setup
from workbench.workers.pool import close_workers
from workbench.workers.progress import display

TRIALS = 20  # of a sweep that is not over a grid and is not told how many
EVERY = 5.0  # seconds between lines about the sweep, where there is no terminal
SETTINGS = {
    "sampler": Arg("sampler", str, "tpe", "", choices=SAMPLERS),
    "pruner": Arg("pruner", str, "none", "", choices=PRUNERS),
    "seed": Arg("seed", int, 0, "", low=0),
    "trials": Arg("trials", int, None, "", low=1),
    "jobs": Arg("jobs", int, None, "", low=1),
    "timeout": Arg("timeout", float, None, "", low=0.0, high=1e9, open=True, words="a number of seconds above 0"),
}


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
    in_process: bool = False,
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
        name: of the folder in `output`, and of the study in `storage`; by default the target's.
        pruner: "none", "median", "halving" or "wilcoxon", Optuna's, for functions that report to a parameter `trial`.
        timeout: seconds that one trial may take.
        executor: a `concurrent.futures.Executor` to run trials in; by default processes on this machine.
        scheduler: the address of a Dask scheduler to run trials on instead, such as "tcp://host:8786".
        in_process: run a function's trials in this process, one at a time: the least overhead, and what a debugger can
            follow; but nothing stops a trial that hangs, and one that crashes takes the sweep along.
        storage: URL of a database, as Optuna takes it, such as "sqlite:///study.db", to which the finished trials are
            added at the end, and when the sweep is continued; by default there is none.
        report: whether to write the tables and the page at the end.
        console: where to show how it goes; None shows nothing.

    Returns:
        What there is; trials that failed are counted, not raised.

    Raises:
        Refused: something is refused, or the sweep runs already; nothing has been run. It is a SweepError or a
            NotebookError, unless it is about a file.
        SweepStopped: the disk, the database or the executor failed; finished trials are kept.
    """
    seed, trials = _checked("seed", seed), _checked("trials", trials)
    jobs, timeout = _checked("jobs", jobs), _checked("timeout", timeout)
    found = find_target(target)
    definition = _define(found, space, read_objectives(objective), sampler, pruner, seed, name)
    total = TRIALS if trials is None else trials
    if sampler == "grid":
        size = math.prod(map(len, definition.space.grid().values()))  # refuses a range without a number of points
        total = size if trials is None else min(trials, size)
    files.check_name(definition.name)
    _check_executor(found, executor, scheduler, in_process)
    if in_process and (timeout is not None or jobs not in (None, 1)):
        raise SweepError("in_process=True: runs one trial at a time and cannot stop it; leave out jobs and timeout")
    if report:
        files.check_index(Path(output))
    reserve(Path(output), total, found.trial_bytes)
    with contextlib.ExitStack() as stack:
        runner, at_once = (InProcess(), 1) if in_process else stack.enter_context(opened(executor, scheduler, jobs))
        definition = dataclasses.replace(definition, in_flight=at_once)
        folder = stack.enter_context(contextlib.closing(SweepFolder(Path(output) / definition.name, definition)))
        definition = folder.definition
        study = None if storage is None else open_study(storage, definition, folder.id)
        if study is not None:
            export(study, folder)
        setup = Setup(
            session=uuid.uuid4().hex,
            work=found.work(tuple(each.name for each in definition.objectives)),
            timeout=timeout,
            threads=max(1, available_threads() // at_once),
            path=tuple(path or str(Path.cwd()) for path in sys.path),
        )
        stack.callback(close_workers, setup.session)
        session = Session(found, definition, folder, setup, total)
        with display(console, definition.name, EVERY) as show:
            session.run(runner, at_once, show)
        if study is not None:
            export(study, folder)
        result = SweepResult(folder.path, definition, session.tally.counts, session.tally.best)
        if report:
            from workbench.sweep.page import write_report  # brings Matplotlib

            write_report(result, found, Path(output))
    return result


def _checked(name: str, value: Any) -> Any:
    """Return a setting as its type; raise SweepError unless it is allowed."""
    if value is None and SETTINGS[name].default is None:
        return None
    try:
        return SETTINGS[name].check(value)
    except (TypeError, ValueError) as problem:
        raise SweepError(str(problem)) from None


def _define(
    target: Target,
    space: Mapping[str, Any],
    objectives: tuple[Objective, ...],
    sampler: str,
    pruner: str,
    seed: int,
    name: str | None,
) -> Definition:
    """Return the definition of a sweep, its `in_flight` not yet known, or raise SweepError."""
    if _checked("sampler", sampler) == "gp" and importlib.util.find_spec("torch") is None:
        raise SweepError(
            "sampler='gp': Optuna's GP sampler needs torch, which is not installed; install it, or take 'tpe'"
        )
    if _checked("pruner", pruner) != "none" and len(objectives) > 1:
        raise SweepError(f"pruner={pruner!r}: with two objectives nothing can be pruned; give one, or pruner='none'")
    if pruner != "none" and not target.takes_trial:
        raise SweepError(
            f"pruner={pruner!r}: {target.name} reports no intermediate values; sweep over a function with a parameter "
            "called trial, or give pruner='none'"
        )
    unknown = [each.name for each in objectives if target.known and each.name not in target.known]
    if unknown:
        raise SweepError(f"objective={unknown[0]!r}: {target.name} records {', '.join(map(repr, target.known))}")
    read = read_space(target.declared, space)
    target.check_complete(space)
    name = target.stem if name is None else name
    return Definition(name, target.name, target.digest, read, objectives, sampler, pruner, seed, in_flight=1)


def _check_executor(target: Target, executor: Any, scheduler: str | None, in_process: bool) -> None:
    """Raise SweepError unless trials can be run where it is asked."""
    if executor is not None and not isinstance(executor, Executor):
        raise SweepError(f"executor={executor!r}: must be a concurrent.futures.Executor")
    if sum((executor is not None, scheduler is not None, in_process)) > 1:
        raise SweepError("executor, scheduler and in_process: give one of them")
    if in_process and target.is_notebook:
        raise SweepError(
            f"in_process=True: {target.name} is a notebook, which needs a process of its own; leave it out"
        )
