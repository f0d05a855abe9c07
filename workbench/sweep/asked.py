"""What a sweep is asked to do, checked before anything starts."""

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from numbers import Real
from typing import Any

from workbench.sweep.definition import Definition, read_objectives
from workbench.sweep.errors import SweepError
from workbench.sweep.samplers import PRUNERS, check_sampler
from workbench.sweep.space import read_space
from workbench.sweep.target import Target

TRIALS = 20  # of a sweep that is not over a grid and is not told how many


def define(
    target: Target,
    space: Mapping[str, Any],
    objective: str | list[str] | tuple[str, ...],
    sampler: str,
    pruner: str,
    seed: int,
    name: str | None,
) -> Definition:
    """Return the definition of a sweep, its lag not yet known, or raise SweepError."""
    check_sampler(sampler)
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
    if pruner not in PRUNERS:
        raise SweepError(f"pruner={pruner!r}: must be one of {', '.join(map(repr, PRUNERS))}")
    if pruner == "none":
        return
    if len(objectives) > 1:
        raise SweepError(f"pruner={pruner!r}: with two objectives nothing can be pruned; give one, or pruner='none'")
    if not getattr(target.work, "takes_trial", False):
        raise SweepError(
            f"pruner={pruner!r}: {target.name} reports no intermediate values; sweep over a function with a parameter "
            "called trial, or give pruner='none'"
        )


def count_trials(definition: Definition, trials: int | None) -> int:
    """Return how many trials a sweep shall have: of a grid at most its points."""
    if trials is not None and (isinstance(trials, bool) or not isinstance(trials, int) or trials < 1):
        raise SweepError(f"trials={trials!r}: must be a whole number of at least 1")
    if definition.sampler != "grid":
        return TRIALS if trials is None else trials
    size = math.prod(map(len, definition.space.grid().values()))
    return size if trials is None else min(trials, size)


def check_session(
    target: Target,
    jobs: int | None,
    timeout: float | None,
    executor: Executor | None,
    scheduler: str | None,
    here: bool,
) -> None:
    """Raise SweepError unless trials can be run as is asked."""
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1):
        raise SweepError(f"jobs={jobs!r}: must be a whole number of at least 1")
    if timeout is not None and not (isinstance(timeout, Real) and 0 < timeout < 10**9):
        raise SweepError(f"timeout={timeout!r}: must be a number of seconds above 0")
    if executor is not None and not isinstance(executor, Executor):
        raise SweepError(f"executor={executor!r}: must be a concurrent.futures.Executor")
    if sum((executor is not None, scheduler is not None, here)) > 1:
        raise SweepError("executor, scheduler and here: give one of them")
    if here and (timeout is not None or jobs not in (None, 1)):
        raise SweepError("here=True: runs one trial at a time and cannot stop it; leave out jobs and timeout")
    if here and target.is_notebook:
        raise SweepError(f"here=True: {target.name} is a notebook, which needs a process of its own; leave it out")
