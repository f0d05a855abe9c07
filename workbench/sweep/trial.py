"""A trial as its function sees it, and as a worker runs it: a Task in, an Outcome out."""

import dataclasses
import time
import warnings
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from workbench.report.results import versions
from workbench.workers.messages import NotebookWork, Outcome, Task
from workbench.workers.worker import error_of, now, writable

Point = tuple[int, float]  # a step, and the intermediate value there


def quiet_optuna() -> ModuleType:
    """Import Optuna, which takes long, have it log errors alone, and return it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@dataclasses.dataclass(frozen=True)
class Pruning:
    """A pruner of Optuna's by name, the direction of the objective, and Optuna's trials to compare with."""

    pruner: str
    direction: str
    past: tuple[Any, ...] = ()


class Trial:
    """One trial, with the methods of Optuna's of the same name.

    `seed` is the trial's own, derived from the sweep's and `number`.
    """

    def __init__(self, number: int, seed: int, pruning: Pruning | None = None):
        self.number = number
        self.seed = seed
        self.intermediate: dict[int, float] = {}
        self._optuna = None
        if pruning is not None:  # a running trial of a study in memory that holds the past ones
            study = quiet_optuna().create_study(direction=pruning.direction, pruner=make_pruner(pruning.pruner))
            study.add_trials(pruning.past)
            self._optuna = study.ask()

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value of the objective at `step`, from 0 up, once for each step."""
        if isinstance(step, bool) or not isinstance(step, int) or step < 0:
            raise ValueError(f"step={step!r}: must be a whole number of at least 0")
        self.intermediate[step] = float(value)
        if self._optuna is not None:
            self._optuna.report(float(value), step)

    def should_prune(self) -> bool:
        """Return whether the sweep's pruner would stop here; then raise `optuna.TrialPruned`."""
        return self._optuna is not None and self._optuna.should_prune()

    @property
    def attributes(self) -> dict[str, Any]:
        """Return what the pruner keeps with the trial."""
        return {} if self._optuna is None else dict(self._optuna.study.get_trials(deepcopy=False)[-1].system_attrs)


def make_pruner(name: str) -> Any:
    """Return Optuna's pruner of that name."""
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_startup_trials=5)
    if name == "halving":
        return pruners.SuccessiveHalvingPruner()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is experimental
        return pruners.WilcoxonPruner(p_threshold=0.1)


class FunctionTrial:
    """A function, to be called for one trial after another; `objectives` name what it returns as bare numbers."""

    def __init__(self, function: Callable, takes_trial: bool, objectives: tuple[str, ...]):
        self._function = function
        self._takes_trial = takes_trial
        self._objectives = objectives

    def __call__(self, task: Task) -> Outcome:
        """Call the function for the trial; whatever it raises is the trial's failure."""
        trial = Trial(task.number, task.seed, task.context)
        arguments = dict(task.parameters, trial=trial) if self._takes_trial else task.parameters
        started, start = now(), time.perf_counter()
        try:
            metrics, status, error = as_metrics(self._function(**arguments), self._objectives), "ok", None
        except KeyboardInterrupt:  # of a sweep that runs in this process
            raise
        except BaseException as problem:  # SystemExit too: it is the trial's end, not the sweep's
            metrics, status, error = {}, "failed", error_of(problem)
            if type(problem).__name__ == "TrialPruned":
                status, error = "pruned", None
        return Outcome(
            status=status,
            started=started,
            duration_seconds=round(time.perf_counter() - start, 6),
            metrics=metrics,
            error=error,
            versions=versions(),
            intermediate=tuple(sorted(trial.intermediate.items())),
            attributes=trial.attributes,
        )


def finish_notebook(work: NotebookWork, task: Task, outcome: Outcome, place: Path) -> Outcome:
    """Write the report of a notebook's trial in the worker that ran it; return its metrics and all its files."""
    import nbformat

    from workbench.report.runs import Job, write_result

    source = nbformat.reads(work.text, as_version=4)
    job = Job(Path(work.path), source, task.parameters, f"trial {task.number}", None)
    result = write_result(job, outcome, place, back=("../../report.html", "The sweep"))
    files = {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
    if outcome.error is not None and outcome.error["message"].startswith("TrialPruned"):
        outcome = dataclasses.replace(outcome, status="pruned", error=None)
    return dataclasses.replace(outcome, metrics=result.metrics, versions=result.versions, files=files)


def as_metrics(returned: Any, objectives: tuple[str, ...]) -> dict[str, Any]:
    """Return what a function gave back as metrics by name: a dict, a number, or as many numbers as objectives.

    A list of numbers instead of one are the scores of folds.
    """
    if isinstance(returned, dict):
        return {writable(str(name)): _plain(name, value) for name, value in returned.items()}
    if len(objectives) == 1:
        return {objectives[0]: _plain(objectives[0], returned)}
    if isinstance(returned, list | tuple | np.ndarray) and len(returned) == len(objectives):
        return {name: _plain(name, value) for name, value in zip(objectives, returned, strict=True)}
    raise TypeError(f"it returned {returned!r}: must be a dict with {', '.join(map(repr, objectives))}")


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple) and value and all(_is_number(each) for each in value):
        return [float(each) for each in value]
    raise TypeError(f"metric {name!r} is a {type(value).__name__}: must be a number, a text, or a list of numbers")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
