"""The record of a finished trial, which the sweep saves as one line of JSON."""

import dataclasses
import json
import math
import statistics
from typing import Any

from workbench.report.results import finite
from workbench.sweep.definition import Objective
from workbench.sweep.trial import Point
from workbench.workers.messages import Outcome, Task

NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclasses.dataclass(frozen=True)
class Record:
    """One finished trial.

    `status` is "ok", "pruned" or "failed". `values` are the objectives, the mean for a list of fold scores;
    `spread` is its standard deviation, or None for a single number. Both are empty unless `status` is "ok".
    """

    number: int
    status: str
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    values: tuple[float, ...]
    spread: tuple[float | None, ...]
    seed: int
    started: str
    duration_seconds: float
    attempts: int
    versions: dict[str, str]
    error: dict[str, str] | None
    intermediate: tuple[Point, ...] = ()
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> str:
        """Return one line of standard JSON: numbers that are not finite become text."""
        return json.dumps(finite(dataclasses.asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> "Record":
        """Return the record that `to_json` wrote; raise ValueError if `line` is not one."""
        try:
            content = json.loads(line)
            return cls(
                **{
                    **content,
                    "metrics": {name: _decode(value) for name, value in content["metrics"].items()},
                    "values": tuple(content["values"]),
                    "spread": tuple(content["spread"]),
                    "intermediate": tuple((step, _decode(value)) for step, value in content["intermediate"]),
                }
            )
        except (TypeError, KeyError, AttributeError) as problem:
            raise ValueError(f"no record of a trial: {problem}") from None


def make_record(task: Task, outcome: Outcome, objectives: tuple[Objective, ...]) -> Record:
    """Return the record of a trial; it has failed if an objective is missing from its metrics or is not finite."""
    status, error, values, spread = outcome.status, outcome.error, (), ()
    if status == "ok":
        try:
            scored = [_score(outcome.metrics, objective.name) for objective in objectives]
            values, spread = (tuple(column) for column in zip(*scored, strict=True))
        except ValueError as problem:
            status, error = "failed", {"kind": "objective", "message": str(problem), "traceback": ""}
    kept = {name: value for name, value in vars(outcome).items() if name not in ("status", "error", "files")}
    return Record(
        task.number, status, task.parameters, values=values, spread=spread, seed=task.seed, error=error, **kept
    )


def _score(metrics: dict[str, Any], name: str) -> tuple[float, float | None]:
    """Return an objective's value and spread; raise ValueError if the metric is missing or is not finite."""
    if name not in metrics:
        raise ValueError(f"the metrics have no {name!r}; they have {', '.join(map(repr, metrics)) or 'nothing'}")
    value = metrics[name]
    scores = value if isinstance(value, list) else [value]
    if not all(_is_finite(each) for each in scores):
        raise ValueError(f"the metric {name!r} is {value!r}: an objective must be a finite number, or a list of them")
    if len(scores) == 1:
        return float(scores[0]), None
    return statistics.fmean(scores), statistics.stdev(scores)


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an int that is too large for a float
        return False


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value
