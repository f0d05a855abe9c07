"""The record of a finished trial, which the sweep saves as one line of JSON."""

import dataclasses
import datetime
import json
import math
import sys
from typing import Any

import numpy as np

from workbench.explore.notebook import mean_and_deviation
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
            record = cls(
                **{
                    **content,
                    "metrics": {name: _decode(value) for name, value in content["metrics"].items()},
                    "values": tuple(content["values"]),
                    "spread": tuple(map(_decode, content["spread"])),
                    "intermediate": tuple((step, _decode(value)) for step, value in content["intermediate"]),
                }
            )
            datetime.datetime.fromisoformat(record.started)
        except (TypeError, KeyError, AttributeError, ValueError, RecursionError) as problem:
            raise ValueError(f"no record of a trial: {problem}") from None
        for name, makes_sense in SENSIBLE.items():
            if not makes_sense(getattr(record, name)):
                raise ValueError(f"no record of a trial: {name} is {getattr(record, name)!r:.60}")
        if (record.status == "failed" and record.error is None) or (record.status == "ok") != bool(record.values):
            raise ValueError(f"no record of a trial: its error or its values do not fit the status {record.status!r}")
        return record


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
    return mean_and_spread(scores)


def mean_and_spread(scores: list[float]) -> tuple[float, float]:
    """Return the mean and the standard deviation of at least two scores, which need not be finite."""
    if all(map(math.isfinite, scores)):
        return mean_and_deviation(scores)
    with np.errstate(invalid="ignore"):
        return float(np.mean(scores)), float(np.std(scores, ddof=1))


def is_float(value: Any) -> bool:
    """Tell whether a value is a number that a float can hold, or is infinite or NaN."""
    return isinstance(value, float) or (is_whole(value) and abs(value) <= sys.float_info.max)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return is_float(value) and math.isfinite(value)


def _is_text_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


SENSIBLE = {  # for each field, what its value in a record must be
    "number": lambda value: is_whole(value) and value >= 0,
    "status": lambda value: value in ("ok", "pruned", "failed"),
    "parameters": lambda value: isinstance(value, dict),
    "values": lambda value: all(map(_is_finite, value)),
    "spread": lambda value: all(each is None or is_float(each) for each in value),
    "seed": is_whole,
    "duration_seconds": lambda value: _is_finite(value) and value >= 0,
    "attempts": is_whole,
    "versions": _is_text_by_name,
    "error": lambda value: (
        value is None or (_is_text_by_name(value) and {"kind", "message", "traceback"} == value.keys())
    ),
    "intermediate": lambda value: all(is_whole(step) and step >= 0 and is_float(each) for step, each in value),
    "attributes": lambda value: isinstance(value, dict),
}


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(item) for item in value]
    return NOT_FINITE.get(value, value) if isinstance(value, str) else value
