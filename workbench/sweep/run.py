"""Run a sweep, or continue one, with the function `sweep`."""

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
from workbench.sweep.target import Target, find_target, working_folder
from workbench.workers.messages import Setup
from workbench.workers.pool import close_workers
from workbench.workers.progress import display

TRIALS = 20  # the default number of trials, except for a grid
EVERY = 5.0  # seconds between progress lines if there is no terminal
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
    """Run trials of a notebook or a function over a space of its parameters; continue a sweep of the same name.

    Each trial is saved in `output`/name/ when it finishes. After an interruption, a call with the same arguments runs
    the missing trials, and the sweep ends with the same results as one that was not interrupted.

    Args:
        target: the path of a notebook, or a function (itself, or its name as "module:function" or "file.py:function").
            The notebook's tagged cell or the function's signature declares the parameters, with types and limits (see
            `workbench.sweep.target`). A function returns its metrics: a dict, or a number.
        space: the values of each parameter, by name: text such as "1e-5..1:log:12", "0..1" or "3,5,7"; a `Range`; a
            list; or a single value, which is fixed. A parameter that is not named keeps its default.
        objective: the metric to minimize, "loss", or to maximize, "accuracy:max"; two for a Pareto front. A list of
            numbers, such as the scores of folds, counts by its mean, and its standard deviation is shown.
        sampler: "grid", "random", "qmc" (quasi-random, Sobol), "tpe" or "gp"; random, tpe and gp are Optuna's.
        trials: number of trials; by default the whole grid, or 20. A larger number extends a finished sweep.
        jobs: number of trials at once; by default one for each core, or for each thread of the cluster's workers.
        seed: seed of the sweep. A parameter called seed gets a value derived from it and the trial's number.
        name: name of the folder in `output` and of the study in `storage`; by default the target's.
        pruner: "none", or Optuna's "median", "halving" or "wilcoxon", for functions that report to a parameter `trial`.
        timeout: seconds that one trial may take.
        executor: a `concurrent.futures.Executor` to run trials in; by default processes on this machine.
        scheduler: the address of a Dask scheduler to run trials on instead, such as "tcp://host:8786".
        in_process: run a function's trials in this process, one at a time. This has the least overhead and works with a
            debugger, but a trial that hangs cannot be stopped, and a trial that crashes ends the sweep.
        storage: Optuna's URL of a database, such as "sqlite:///study.db". The finished trials are added to it at the
            end, and when the sweep is continued. By default there is none.
        report: whether to write the tables and the page at the end.
        console: where to show the progress; None shows nothing.

    Returns:
        The result of the sweep. It counts failed trials; they do not raise an error.

    Raises:
        Refused: an argument is refused, or the sweep is already running; nothing has been run. The error is a
            SweepError or a NotebookError, unless it is about a file.
        SweepStopped: the disk, the database or the executor failed; finished trials are kept.
    """
    seed, trials = _checked("seed", seed), _checked("trials", trials)
    jobs, timeout = _checked("jobs", jobs), _checked("timeout", timeout)
    found = find_target(target)
    definition = _define(found, space, read_objectives(objective), sampler, pruner, seed, name)
    total = TRIALS if trials is None else trials
    if sampler == "grid":
        size = math.prod(map(len, definition.space.grid().values()))  # raises if a range has no number of points
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
            path=tuple(path or working_folder() for path in sys.path),
        )
        stack.callback(close_workers, setup.session)
        session = Session(found, definition, folder, setup, total)
        with display(console, definition.name, EVERY) as show:
            session.run(runner, at_once, show)
        if study is not None:
            export(study, folder)
        result = SweepResult(folder.path, definition, session.tally.counts, session.tally.best)
        if report:
            from workbench.sweep.page import write_report  # imports Matplotlib

            write_report(result, found, Path(output))
    return result


def _checked(name: str, value: Any) -> Any:
    """Return a setting converted to its type; raise SweepError if it is not allowed."""
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
    """Return a sweep's definition, with 1 for the unknown `in_flight`; raise Refused if an argument is not allowed."""
    if _checked("sampler", sampler) == "gp" and importlib.util.find_spec("torch") is None:
        raise SweepError(
            "sampler='gp': Optuna's GP sampler needs torch, which is not installed; install it, or take 'tpe'"
        )
    if _checked("pruner", pruner) != "none" and len(objectives) > 1:
        raise SweepError(f"pruner={pruner!r}: pruning needs a single objective; give one, or pruner='none'")
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
    name = files.folder_name(target.stem, {}) if name is None else name
    return Definition(name, target.name, target.digest, read, objectives, sampler, pruner, seed, in_flight=1)


def _check_executor(target: Target, executor: Any, scheduler: str | None, in_process: bool) -> None:
    """Raise SweepError if the executor is of the wrong type, not the only choice, or cannot run the target."""
    if executor is not None and not isinstance(executor, Executor):
        raise SweepError(f"executor={executor!r}: must be a concurrent.futures.Executor")
    if sum((executor is not None, scheduler is not None, in_process)) > 1:
        raise SweepError("executor, scheduler and in_process: give one of them")
    if in_process and target.is_notebook:
        raise SweepError(
            f"in_process=True: {target.name} is a notebook, which needs a process of its own; leave it out"
        )
