"""One trial of a sweep: the object that its function receives, and how a worker turns a Task into an Outcome."""

import dataclasses
import time
import warnings
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from workbench.operator import is_number
from workbench.report.results import versions
from workbench.workers.messages import NotebookWork, Outcome, Task
from workbench.workers.worker import error_of, now, writable

Point = tuple[int, float]  # a step, and the intermediate value at that step


def quiet_optuna() -> ModuleType:
    """Import Optuna, which takes long, make it log only errors, and return it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@dataclasses.dataclass(frozen=True)
class Pruning:
    """The name of an Optuna pruner, the direction of the objective, and the Optuna trials to compare with."""

    pruner: str
    direction: str
    past: tuple[Any, ...] = ()


class Trial:
    """One trial as its function sees it; its methods have the names of those of Optuna's Trial.

    `seed` belongs to this trial; it is derived from the sweep's seed and `number`.
    """

    def __init__(self, number: int, seed: int, pruning: Pruning | None = None):
        self.number = number
        self.seed = seed
        self.intermediate: dict[int, float] = {}
        self._optuna = None
        if pruning is not None:  # a running trial in a study that holds the past trials
            study = quiet_optuna().create_study(direction=pruning.direction, pruner=make_pruner(pruning.pruner))
            study.add_trials(pruning.past)
            self._optuna = study.ask()

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value of the objective at `step`, an int of at least 0, once for each step."""
        if not is_number(step, int) or step < 0:
            raise ValueError(f"step={step!r}: must be a whole number of at least 0")
        self.intermediate[int(step)] = float(value)
        if self._optuna is not None:
            self._optuna.report(float(value), int(step))

    def should_prune(self) -> bool:
        """Return whether the pruner would stop the trial here; if so, the function raises `optuna.TrialPruned`."""
        return self._optuna is not None and self._optuna.should_prune()

    @property
    def attributes(self) -> dict[str, Any]:
        """Return the attributes that the pruner stores with the trial."""
        return {} if self._optuna is None else dict(self._optuna.study.get_trials(deepcopy=False)[-1].system_attrs)


def make_pruner(name: str) -> Any:
    """Return the Optuna pruner called `name`."""
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_startup_trials=5)
    if name == "halving":
        return pruners.SuccessiveHalvingPruner()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns that it is experimental
        return pruners.WilcoxonPruner(p_threshold=0.1)


class FunctionTrial:
    """A function to call for one trial after another; `objectives` name its numbers if it returns no dict."""

    def __init__(self, function: Callable, takes_trial: bool, objectives: tuple[str, ...]):
        self._function = function
        self._takes_trial = takes_trial
        self._objectives = objectives

    def __call__(self, task: Task) -> Outcome:
        """Call the function and return the outcome; any exception but KeyboardInterrupt fails or prunes the trial."""
        trial = Trial(task.number, task.seed, task.context)
        arguments = dict(task.parameters, trial=trial) if self._takes_trial else task.parameters
        started, start = now(), time.perf_counter()
        try:
            metrics, status, error = as_metrics(self._function(**arguments), self._objectives), "ok", None
        except KeyboardInterrupt:  # the sweep runs in this process and is interrupted
            raise
        except BaseException as problem:  # SystemExit too: it ends the trial, not the sweep
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
    """Write the report of a notebook's trial, in the worker that ran it; return its outcome with metrics and files."""
    import nbformat

    from workbench.report import page
    from workbench.report.runs import Job, write_result

    source = nbformat.reads(work.text, as_version=4)
    job = Job(Path(work.path), source, task.parameters, f"trial {task.number}", None)
    result = write_result(job, outcome, place, page.Links(back=("../../report.html", "The sweep")))
    files = {str(file.relative_to(place)): file.read_bytes() for file in place.rglob("*") if file.is_file()}
    if outcome.error is not None and outcome.error["message"].startswith("TrialPruned"):
        outcome = dataclasses.replace(outcome, status="pruned", error=None)
    return dataclasses.replace(outcome, metrics=result.metrics, versions=result.versions, files=files)


def as_metrics(returned: Any, objectives: tuple[str, ...]) -> dict[str, Any]:
    """Return the metrics by name that a function returned as a dict, a number, or one number for each objective.

    A metric may be a list of numbers, the scores of folds. Raises TypeError for any other result.
    """
    if isinstance(returned, dict):
        return {writable(str(name)): _plain(name, value) for name, value in returned.items()}
    if len(objectives) == 1:
        return {objectives[0]: _plain(objectives[0], returned)}
    if isinstance(returned, list | tuple | np.ndarray) and len(returned) == len(objectives):
        return {name: _plain(name, value) for name, value in zip(objectives, returned, strict=True)}
    raise TypeError(f"it returned {returned!r}: it must return a dict with {', '.join(map(repr, objectives))}")


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple) and value and all(map(is_number, value)):
        return [float(each) for each in value]
    raise TypeError(f"metric {name!r} is a {type(value).__name__}: must be a number, a text, or a list of numbers")
