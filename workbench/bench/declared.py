"""The part "cost" of the bench: every operator declared with `timed`, beside a copy and a prediction of its time."""

import dataclasses
import math
import statistics
from collections.abc import Iterable

import numpy as np

from workbench.bench.case import Case, declared_case, flat
from workbench.bench.driver import Group, Say, Settings, run
from workbench.bench.results import MISSED, PREDICTION, Measurement, Ratio, Results, Row
from workbench.machines import plain_loops
from workbench.machines.limits import Machine
from workbench.machines.this_machine import this_machine
from workbench.operator import OPERATORS, Example, Operator

ELEMENTS = (10_000, 50_000, 250_000, 1_000_000, 5_000_000, 31_500_000)
QUICK_ELEMENTS = ELEMENTS[:3]
FEWEST = 3  # rounds, at least

MEDIAN_TARGET, WORST_TARGET = 0.25, 1.0  # at most, of |log2(predicted / measured)|

LEGEND = (
    "predicted: counts times this machine's limits, nothing fitted to an operator. copy: a plain loop over the first "
    f"input, as many threads. {MISSED}: off by more than a factor of two."
)


def bench(settings: Settings) -> Results:
    """Time every operator that is declared with `timed` and `cost`; see `run_declared`."""
    elements = QUICK_ELEMENTS if settings.quick else ELEMENTS
    rounds = max(FEWEST, settings.rounds // 2)
    return run_declared(elements=elements, rounds=rounds, machine=settings.machine, say=settings.say)


def run_declared(
    names: Iterable[str] | None = None,
    elements: Iterable[int] = QUICK_ELEMENTS,
    rounds: int = 5,
    *,
    machine: Machine | None = None,
    say: Say = lambda line: None,
) -> Results:
    """Verify declared operators, then time them beside a copy and a prediction, at about `elements` elements.

    Args:
        names: names of operators; by default all that are declared with `timed` and `cost`.
        machine: machine to predict for; by default this one.

    Raises:
        ValueError: an operator is not declared, or is declared without `timed` or `cost`.
        WrongResult: a result differs from the reference's; nothing has been timed then.
    """
    known = [name for name, operator in OPERATORS.items() if operator.timed and operator.cost]
    names = known if names is None else list(names)
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r}: must be declared with `timed` and `cost`, as {', '.join(known)} are")
    groups = [
        Group(f"{name}, about {count:,} elements", lambda name=name, count=count: declared_cases(name, count))
        for count in elements
        for name in names
    ]
    found = run(groups, [], rounds, say, machine=machine or this_machine())
    rows = tuple(_held_against_prediction(row) for row in found.rows)
    return dataclasses.replace(found, rows=rows, measurements=tuple(summary(rows)), legends=(LEGEND,))


def declared_cases(name: str, elements: int) -> list[Case]:
    """Return a case for each call that an operator's `timed` yields, beside a copy of the first input."""
    operator = OPERATORS[name]
    calls = list(operator.timed(np.random.default_rng(0), elements))
    results = () if operator.exact else (*operator.changes, *operator.outputs)
    allowed = {"tolerances": dict.fromkeys(results, operator.tolerance), "of_largest": True}
    cases = []
    for (inputs, arguments), shown in zip(calls, _shown(operator, calls), strict=True):
        first = flat(inputs)[0].reshape(-1)
        copy = {f"copy of {first.nbytes} bytes": lambda first=first: plain_loops.copy(first)}
        cases.append(declared_case(name, inputs, arguments, limits=copy, shown=shown, **allowed))
    if len({str(case) for case in cases}) < len(cases):
        cases = [dataclasses.replace(case, arguments={"call": i, **case.arguments}) for i, case in enumerate(cases)]
    return cases


def summary(rows: Iterable[Row]) -> list[Measurement]:
    """Return the errors of predictions, as |log2(predicted / measured)|: the median and the worst row."""
    errors = [(abs(math.log2(row.predicted_seconds / row.seconds)), row) for row in rows]
    if not errors:
        return []
    worst, where = max(errors, key=lambda each: each[0])
    median = statistics.median(error for error, _ in errors)
    return [
        Measurement(f"median of |log2(predicted / measured)| over {len(errors)} rows", median, "", MEDIAN_TARGET),
        Measurement(f"worst of them: {where.operator} {where.label}", worst, "", WORST_TARGET),
    ]


def _shown(operator: Operator, calls: list[Example]) -> list[dict[str, float | str]]:
    """Return what tables show of each call: arguments that vary, else those with sliders; sizes of further inputs."""
    given = dict.fromkeys(name for _, arguments in calls for name in arguments if name != "order")
    names = [name for name in given if len({repr(arguments.get(name)) for _, arguments in calls}) > 1]
    names = names or [name for name in given if operator.arg(name).slider and name != "seed"]
    shown = []
    for inputs, arguments in calls:
        told = {name: arguments[name] for name in names if isinstance(arguments.get(name), bool | int | float | str)}
        for name, array in zip(operator.inputs[1:], inputs[1:], strict=True):
            if array.shape != inputs[0].shape:
                told[name] = flat((array,))[0].size
        shown.append(told)
    return shown


def _held_against_prediction(row: Row) -> Row:
    off = row.predicted_seconds / row.seconds
    ratios = (
        Ratio("ours / copy", row.seconds / row.copy_seconds),
        Ratio(PREDICTION, off),
        Ratio("off by a factor of", max(off, 1 / off), 2**WORST_TARGET),
    )
    return dataclasses.replace(row, ratios=ratios)
