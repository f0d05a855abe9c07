"""Collect what a sweep's page shows: the successful trials as arrays, the best trials and the first failures.

All of it is collected in one pass over the trials, with a bounded amount of memory.
"""

import dataclasses
import heapq
from collections.abc import Iterable
from typing import Any

import numpy as np

from workbench.sweep.definition import Definition, Objective
from workbench.sweep.records import Record
from workbench.sweep.space import Choices, Range
from workbench.sweep.trial import quiet_optuna

SPAN = 100  # ratio of largest to smallest choice, from which the axis is logarithmic
TREES = 32  # in the random forest of fANOVA
MOST = 150  # trials used to compute importance; the time grows with the square of their number
MOST_POINTS = 20_000  # evenly spaced trials to draw; those that were the best so far are drawn as well
LISTED = 300  # best trials in the page's table; trials.csv holds all trials
FAILURES = 30  # failed trials on the page, the first ones
LARGEST = 1e150  # Matplotlib draws positive numbers up to this size, and from its inverse on
CLOSEST = 1e-12  # and numbers whose range, relative to the largest of them, is at least this
WIDE = 30  # ratio of largest to smallest value, from which a positive objective gets a logarithmic scale
LONGEST_LABEL = 40  # characters of a choice beside an axis
CLIPPED = 95  # percentile of the objective, counted from the best; a scale ends there if the worst is far beyond


@dataclasses.dataclass(frozen=True)
class Axis:
    """A parameter or an objective as an axis of a plot.

    `places` is the position of each trial's value. If the values are not numbers, or are numbers that Matplotlib cannot
    draw, `labels` are the labels of the positions 0, 1, 2 and so on. If the values are chosen from a list of numbers,
    `marks` are these numbers.
    """

    name: str
    places: np.ndarray
    log: bool
    labels: tuple[str, ...] = ()
    marks: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Points:
    """Successful trials in the order of their numbers.

    `values` and `spread` have shape (trials, objectives); `spread` is NaN if a metric is not a list of fold scores. If
    Matplotlib cannot draw the values of an objective, `labels` has labels for it, and its `values` are places between
    them, as in an Axis.
    """

    numbers: np.ndarray
    values: np.ndarray
    spread: np.ndarray
    parameters: dict[str, list]
    definition: Definition
    labels: tuple[tuple[str, ...], ...] = ((), ())

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return self.definition.objectives

    def axis(self, name: str) -> Axis:
        """Return the axis of the parameter `name`."""
        dimension, values = self.definition.space.dimensions[name], self.parameters[name]
        if isinstance(dimension, Range):
            return number_axis(name, np.array(values, float), dimension.log)
        return _choices_axis(name, dimension, values)

    def order(self, objective: int = 0) -> np.ndarray:
        """Return the indices of the trials, from the best to the worst by one objective."""
        return np.argsort(self.objectives[objective].sign * self.values[:, objective], kind="stable")

    def best_so_far(self, objective: int = 0) -> np.ndarray:
        """Return, for each trial, the best value up to it."""
        sign = self.objectives[objective].sign
        return sign * np.minimum.accumulate(sign * self.values[:, objective])

    def front(self) -> np.ndarray:
        """Return the indices of the trials on the Pareto front of two objectives, best first by the first one.

        A trial is on it if no other is at least as good in both and better in one; only the first of equal trials is.
        """
        signed = self.values * [each.sign for each in self.objectives]
        order = np.lexsort((signed[:, 1], signed[:, 0]))
        second = signed[order, 1]
        is_better = second < np.concatenate([[np.inf], np.minimum.accumulate(second)[:-1]])
        return order[is_better]

    def importance(self, objective: int = 0) -> dict[str, float]:
        """Return each parameter's share of the objective's variance, by Optuna's fANOVA, the largest first.

        At most MOST evenly spaced trials are used. Raises ValueError if there are fewer than two, if they do not vary,
        or if Optuna cannot compute with their parameters.
        """
        if len(self.numbers) < 2:
            raise ValueError("at least two trials must succeed")
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
        except Exception as problem:  # numbers near the ends of the range raise anything, such as ZeroDivisionError
            raise ValueError(str(problem)) from None


def collect(records: Iterable[Record], definition: Definition) -> Points:
    """Return the successful trials among `records`."""
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
    columns = np.array(values, float).reshape(shape)
    axes = [_objective_axis(each, column) for each, column in zip(definition.objectives, columns.T, strict=True)]
    labels = tuple(axis.labels for axis in axes)
    lengths = np.array(spread, float).reshape(shape)
    lengths[~(lengths < LARGEST)] = np.nan
    lengths[:, [bool(each) for each in labels]] = np.nan  # between labels, a length has no meaning
    places = np.column_stack([axis.places for axis in axes])
    return Points(np.array(numbers, int), places, lengths, parameters, definition, labels)


@dataclasses.dataclass
class Gathered:
    """The trials to draw, the best ones by the first objective, the first failures, and the time of all trials."""

    points: Points
    best: list[Record]
    failures: list[Record]
    seconds: float
    started: str


def gather(records: Iterable[Record], definition: Definition, successes: int) -> Gathered:
    """Return what the page shows of a sweep's trials; `successes` is the number of successful ones.

    If there are too many to draw, evenly spaced ones are taken, and each that was on the front of the trials so far.
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


def number_axis(name: str, values: np.ndarray, log: bool) -> Axis:
    """Return an axis of numbers; between labels at both ends if Matplotlib cannot draw the numbers themselves."""
    if not len(values) or _can_be_drawn(values, log):
        return Axis(name, values, log)
    low, high = values.min(), values.max()
    _, exponent = np.frexp(max(-low, high))
    scaled = np.log(values) if log else np.ldexp(values, -exponent)  # exact, and no difference overflows
    places = (scaled - scaled.min()) / (np.ptp(scaled) or 1.0)
    ends = dict.fromkeys([low, high])
    short = tuple(f"{each:.3g}" for each in ends)
    labels = short if len(set(short)) == len(ends) else tuple(str(each) for each in ends)
    return Axis(f"{name} (logarithmic)" if log and len(ends) > 1 else name, places, False, labels)


def is_wide(values: np.ndarray) -> bool:
    """Tell whether values are positive, and so different that a plot needs a logarithmic scale."""
    return bool(values.size and values.min() > 0 and values.max() / WIDE >= values.min())


def limits(values: np.ndarray, sign: int) -> tuple[float, float]:
    """Return the ends of the scale: the best and the worst value, or percentile CLIPPED if the worst is far off."""
    best, worst = (sign * np.sort(sign * values)[[0, -1]]).tolist()
    clipped = 4.0 * float(sign * np.percentile(sign * values / 4.0, CLIPPED))  # in quarters, since it subtracts
    if abs(worst - best) > 4 * abs(clipped - best) > 0:
        worst = clipped
    return min(best, worst), max(best, worst)


def _can_be_drawn(values: np.ndarray, log: bool) -> bool:
    low, high = values.min(), values.max()
    size = max(-low, high)
    if not (size == 0 or 1 / LARGEST < (low if log else size) <= size < LARGEST):
        return False
    return bool(high == low or high - low > CLOSEST * size)


def _objective_axis(objective: Objective, values: np.ndarray) -> Axis:
    """Return an objective as an axis; if the values cannot be drawn, without those that are far worse than the rest."""
    axis = number_axis(objective.name, values, is_wide(values))
    if axis.labels:
        values = np.clip(values, *limits(values, objective.sign))
        axis = number_axis(objective.name, values, is_wide(values))
    return axis


def _choices_axis(name: str, dimension: Choices, values: list) -> Axis:
    points = dimension.points
    if all(isinstance(each, int | float) and not isinstance(each, bool) for each in points):
        points = tuple(sorted(points))
        log = points[0] > 0 and points[-1] >= SPAN * points[0]
        are_floats = max(-points[0], points[-1]) < LARGEST and len(set(map(float, points))) == len(points)
        if are_floats and _can_be_drawn(np.array(points, float), log):
            return Axis(name, np.array(values, float), log, marks=points)
    return Axis(name, np.array([points.index(each) for each in values], float), False, tuple(map(_short, points)))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST_LABEL else f"{text[:12]}...{text[-12:]}"


def _evenly_spaced(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int)) if count else np.zeros(0, int)


def _is_as_good(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
