"""What a function sees of the trial that it is called for: where to report intermediate values, and whether to stop."""

import dataclasses
from typing import Any

from workbench.sweep.optuna_setup import although_experimental, quiet_optuna

Point = tuple[int, float]  # a step, and the intermediate value there


@dataclasses.dataclass(frozen=True)
class Past:
    """What pruning needs of a trial that was finished before: its intermediate values and how it ended."""

    state: str
    values: tuple[float, ...]
    intermediate: tuple[Point, ...]
    attributes: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Pruning:
    """A pruner of Optuna's by name, the direction of the objective, and the trials to compare with."""

    pruner: str
    direction: str
    past: tuple[Past, ...] = ()


class Trial:
    """One trial, with the methods of Optuna's of the same name.

    `seed` is the trial's own, derived from the sweep's and `number`.
    """

    def __init__(self, number: int, seed: int, pruning: Pruning | None = None):
        self.number = number
        self.seed = seed
        self.intermediate: dict[int, float] = {}
        self._optuna = None if pruning is None else _rebuild(pruning)

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

    makers = {
        "median": lambda: pruners.MedianPruner(n_startup_trials=5),
        "halving": pruners.SuccessiveHalvingPruner,
        "wilcoxon": lambda: pruners.WilcoxonPruner(p_threshold=0.1),
    }
    with although_experimental():
        return makers[name]()


def _rebuild(pruning: Pruning) -> Any:
    """Return a running trial of a study in memory that holds the past trials."""
    optuna = quiet_optuna()
    study = optuna.create_study(direction=pruning.direction, pruner=make_pruner(pruning.pruner))
    for past in pruning.past:
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[past.state],
                values=past.values or None,
                intermediate_values=dict(past.intermediate),
                system_attrs=past.attributes,
            )
        )
    return study.ask()
