"""What a sweep's page needs of its trials: the successful ones as arrays, the best, the first failures.

Gathered in one pass, in an amount of memory that has a limit.
"""

import dataclasses
import heapq
from collections.abc import Iterable

import numpy as np

from workbench.sweep.definition import Definition, Objective
from workbench.sweep.records import Record
from workbench.sweep.space import Choices, Range
from workbench.sweep.trial import quiet_optuna

SPAN = 100  # of choices, largest over smallest, from which they are drawn on a logarithmic axis
TREES = 32
MOST = 150  # trials that importance is computed from: its time grows with their square
MOST_POINTS = 20_000  # trials that are drawn, beside those that were the best so far
LISTED = 300  # trials in the page's table; all are in trials.csv
FAILURES = 30  # of those that failed, the first


@dataclasses.dataclass(frozen=True)
class Axis:
    """A parameter as an axis: where its values lie, and for those that are no numbers, what they are called.

    `places` has one entry a trial; `labels` are those of the places 0, 1, 2 and so on; `marks` are the numbers to
    choose from, where they are listed.
    """

    name: str
    places: np.ndarray
    log: bool
    labels: tuple[str, ...] = ()
    marks: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Points:
    """Successful trials, in the order of their numbers: objectives have shape (trials, objectives).

    `spread` is NaN where there is none.
    """

    numbers: np.ndarray
    values: np.ndarray
    spread: np.ndarray
    parameters: dict[str, list]
    definition: Definition

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return self.definition.objectives

    def axis(self, name: str) -> Axis:
        """Return a parameter's axis."""
        dimension, values = self.definition.space.dimensions[name], self.parameters[name]
        if isinstance(dimension, Range):
            return Axis(name, np.array(values, float), dimension.log)
        return _choices_axis(name, dimension, values)

    def order(self, objective: int = 0) -> np.ndarray:
        """Return the trials' places from the best to the worst by one objective."""
        return np.argsort(self.objectives[objective].sign * self.values[:, objective], kind="stable")

    def best_so_far(self, objective: int = 0) -> np.ndarray:
        """Return the best value up to each trial."""
        sign = self.objectives[objective].sign
        return sign * np.minimum.accumulate(sign * self.values[:, objective])

    def front(self) -> np.ndarray:
        """Return the places of the Pareto front of two objectives, the best by the first objective first.

        A trial is on it if no other is at least as good in both and better in one; of equal ones the first stays.
        """
        signed = self.values * [each.sign for each in self.objectives]
        order = np.lexsort((signed[:, 1], signed[:, 0]))
        second = signed[order, 1]
        is_better = second < np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
        return order[is_better]

    def importance(self, objective: int = 0) -> dict[str, float]:
        """Return each parameter's share of the objective's variance, by Optuna's fANOVA, the largest first.

        Of many trials, some evenly spaced ones are taken. Raises ValueError where there is too little to tell.
        """
        if len(self.numbers) < 2:
            raise ValueError("it takes at least two trials that succeeded")
        optuna = quiet_optuna()
        study = optuna.create_study(direction=self.objectives[objective].direction)
        distributions = self.definition.space.distributions()
        for place in _evenly_spaced(len(self.numbers), MOST):
            params = {name: self.parameters[name][place] for name in distributions}
            value = float(self.values[place, objective])
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=value))
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=0)
        try:
            return optuna.importance.get_param_importances(study, evaluator=evaluator)
        except RuntimeError as problem:
            raise ValueError(str(problem)) from None


def collect(records: Iterable[Record], definition: Definition) -> Points:
    """Return the successful trials of `records`."""
    numbers, values, spread = [], [], []
    parameters: dict[str, list] = {name: [] for name in definition.space.dimensions}
    for record in records:
        if record.status != "ok":
            continue
        numbers.append(record.number)
        values.append(record.values)
        spread.append([np.nan if each is None else each for each in record.spread])
        for name, column in parameters.items():
            column.append(record.parameters[name])
    shape = (len(numbers), len(definition.objectives))
    return Points(
        np.array(numbers, int),
        np.array(values, float).reshape(shape),
        np.array(spread, float).reshape(shape),
        parameters,
        definition,
    )


@dataclasses.dataclass
class Gathered:
    """Trials to draw, the best ones by the first objective, the first failures, and the time of all trials."""

    points: Points
    best: list[Record]
    failures: list[Record]
    seconds: float
    started: str


def gather(records: Iterable[Record], definition: Definition, successes: int) -> Gathered:
    """Return what the page needs of a sweep's trials, of which `successes` succeeded.

    Of many it draws some evenly spaced ones, and all that were on the front of those up to then.
    """
    signs, stride = [each.sign for each in definition.objectives], max(1, -(-successes // MOST_POINTS))
    seconds, started, count = 0.0, "", 0
    drawn: list[Record] = []
    failures: list[Record] = []
    heap: list[tuple[float, int, Record]] = []
    front: list[tuple[float, ...]] = []
    for record in records:
        seconds += record.duration_seconds
        started = min(started or record.started, record.started)
        if record.status == "failed" and len(failures) < FAILURES:
            failures.append(record)
        if record.status != "ok":
            continue
        new = tuple(sign * value for sign, value in zip(signs, record.values, strict=True))
        put = heapq.heappush if len(heap) < LISTED else heapq.heappushpop
        put(heap, (-new[0], -record.number, record))
        is_best = not any(_is_as_good(old, new) for old in front)
        if is_best:
            front = [old for old in front if not _is_as_good(new, old)] + [new]
        if is_best or count % stride == 0:
            drawn.append(record)
        count += 1
    best = [record for *_, record in sorted(heap, reverse=True)]
    return Gathered(collect(drawn, definition), best, failures, seconds, started)


def _choices_axis(name: str, dimension: Choices, values: list) -> Axis:
    points = dimension.points
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in points):
        log = min(points) > 0 and max(points) / min(points) >= SPAN
        return Axis(name, np.array(values, float), log, marks=tuple(sorted(points)))
    return Axis(name, np.array([points.index(each) for each in values], float), False, tuple(map(str, points)))


def _evenly_spaced(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)) if count else np.zeros(0, int)


def _is_as_good(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
