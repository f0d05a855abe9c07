"""The definition of a sweep (all that its results depend on, saved as sweep.json), and the errors of sweeps."""

import dataclasses
from typing import Any

from workbench.files import Refused
from workbench.sweep.space import Space

DIRECTIONS = {"min": "minimize", "max": "maximize"}


class SweepError(Refused):
    """A sweep cannot start, because an argument or a file is refused; nothing has been run."""


class SweepStopped(RuntimeError):
    """A sweep cannot continue; every finished trial is kept, and the same command continues it."""

    def __str__(self) -> str:
        return f"{super().__str__()}; finished trials are kept; run the same command to continue"


@dataclasses.dataclass(frozen=True)
class Objective:
    """A metric to minimize or maximize."""

    name: str
    direction: str = "minimize"

    def __str__(self) -> str:
        return f"{self.name}:{self.direction[:3]}"

    @property
    def sign(self) -> int:
        """Return 1 if lower values are better, -1 if higher values are."""
        return 1 if self.direction == "minimize" else -1


@dataclasses.dataclass(frozen=True)
class Definition:
    """A sweep's target, space, objectives, sampler and pruner.

    When trial n is proposed, a sampler that learns from results knows those of the trials up to n - `in_flight`.
    """

    name: str
    target: str
    digest: str
    space: Space
    objectives: tuple[Objective, ...]
    sampler: str
    pruner: str
    seed: int
    in_flight: int

    @property
    def is_ordered(self) -> bool:
        """Tell whether a trial's proposal or pruning depends on the results of earlier trials."""
        return self.sampler in ("tpe", "gp") or self.pruner != "none"

    def as_json(self) -> dict[str, Any]:
        """Return the definition as values that JSON can hold."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**plain, "space": self.space.as_words(), "objectives": [str(each) for each in self.objectives]}


def read_objectives(given: str | list[str] | tuple[str, ...]) -> tuple[Objective, ...]:
    """Return the one or two objectives that `given` names, as in `loss`, `loss:min` or `accuracy:max`."""
    words = given if isinstance(given, list | tuple) else [given]
    if not 1 <= len(words) <= 2:
        raise SweepError(f"objective={given!r}: give one metric, or two for a Pareto front")
    objectives = tuple(map(_objective, words))
    if len({each.name for each in objectives}) < len(objectives):
        raise SweepError(f"objective={given!r}: the two metrics must differ")
    return objectives


def _objective(word: str) -> Objective:
    name, colon, direction = word.rpartition(":") if isinstance(word, str) else ("", ":", "")
    if not colon:
        name, direction = direction, "min"
    if not name or direction not in DIRECTIONS:
        raise SweepError(f"objective={word!r}: must be the name of a metric, as in loss, loss:min or accuracy:max")
    return Objective(name, DIRECTIONS[direction])
