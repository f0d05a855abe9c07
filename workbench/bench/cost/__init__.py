"""Hold the cost model against the clock: every operator at several sizes, predicted over measured."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterable

from workbench.bench import limits
from workbench.bench.cost.cases import Case, cases
from workbench.bench.harness import Contender, Timing, WrongResult, measure_steadily, thread_counts
from workbench.bench.predictions import with_prediction
from workbench.bench.results import PREDICTION, Measurement, Ratio, Results, Row, base_versions, dimensions, threads_of
from workbench.machines.limits import Machine
from workbench.parallel import thread_limit

SHAPES = (
    (1, 16, 25, 25),  # 10^4 elements
    (1, 64, 28, 28),
    (1, 64, 56, 70),
    (5, 64, 56, 56),
    (25, 64, 56, 56),
    (157, 64, 56, 56),  # 10^7.5
)
QUICK_SHAPES = SHAPES[:3]

MEDIAN_TARGET, WORST_TARGET = 0.4, 1.0  # of |log2(predicted / measured)|

Say = Callable[[str], None]


def bench_cost(shapes: Iterable[tuple[int, int, int, int]], rounds: int, machine: Machine, say: Say) -> Results:
    """Verify, then time every operator at every shape and thread count for `rounds` rounds, beside what is predicted.

    Raises:
        WrongResult: a result is wrong; nothing has been timed then.
    """
    shapes = tuple(shapes)
    verify(shapes, say)
    rows: list[Row] = []
    for shape in shapes:
        for group in cases(shape):
            for threads in thread_counts():
                say(f"timing {group[0].operator} and others of {math.prod(shape):,} elements, {threads_of(threads)}")
                rows += _time(group, threads, rounds, machine, say)
    return Results(tuple(rows), tuple(summary(rows)), base_versions())


def verify(shapes: Iterable[tuple[int, int, int, int]], say: Say) -> None:
    """Compare every case with the reference, at every thread count.

    Raises:
        WrongResult: naming every case that is wrong.
    """
    verified, wrong = 0, []
    for shape in shapes:
        say(f"verifying every operator, {dimensions(shape)}")
        for group in cases(shape):
            for case in group:
                for threads in thread_counts():
                    with thread_limit(threads):
                        problem = case.problem()
                    verified += 1
                    wrong += [f"{case}, {threads_of(threads)}: {problem}"] * bool(problem)
    if wrong:
        raise WrongResult("\n".join([*wrong, f"{len(wrong)} wrong: nothing is timed"]))
    say(f"verified {verified} configurations against the reference")


def summary(rows: Iterable[Row]) -> list[Measurement]:
    """Return how far predictions are from the clock, in factors of two: the median row and the worst."""
    errors = [(abs(math.log2(row.predicted_seconds / row.seconds)), row) for row in rows]
    if not errors:
        return []
    worst, where = max(errors, key=lambda each: each[0])
    median = statistics.median(error for error, _ in errors)
    return [
        Measurement(f"median of |log2(predicted / measured)| over {len(errors)} rows", median, "", MEDIAN_TARGET),
        Measurement(f"worst of them: {where.operator} {where.label}", worst, "", WORST_TARGET),
    ]


def _time(group: list[Case], threads: int, rounds: int, machine: Machine, say: Say) -> list[Row]:
    """Time cases with a copy of what each works on, all in the same rounds."""
    contenders: dict[str, Contender] = {}
    for case in group:
        first = case.arrays[0]
        contenders.setdefault(_copy_name(case), Contender(lambda first=first: limits.copy(first.reshape(-1)), (first,)))
        contenders[str(case)] = Contender(case.ours, case.arrays)
    timings = measure_steadily(contenders, rounds, say, threads=threads)
    return [_row(case, threads, timings, machine) for case in group]


def _row(case: Case, threads: int, timings: dict[str, Timing], machine: Machine) -> Row:
    own, copy_seconds = timings[str(case)], timings[_copy_name(case)].seconds
    row = Row(
        operator=case.operator,
        direction=case.direction,
        shape=case.shape,
        layout=case.layout,
        threads=threads,
        arguments=case.arguments,
        seconds=own.seconds,
        iqr_seconds=own.iqr_seconds,
        copy_seconds=copy_seconds,
        limit_seconds=copy_seconds,
        peers={},
        versions=base_versions(),
    )
    row = with_prediction(row, machine)
    off = row.predicted_seconds / row.seconds
    ratios = (
        Ratio("ours / copy", row.seconds / copy_seconds),
        Ratio(PREDICTION, off),
        Ratio("off by a factor of", max(off, 1 / off), 2**WORST_TARGET),
    )
    return dataclasses.replace(row, ratios=ratios)


def _copy_name(case: Case) -> str:
    return f"copy of {case.arrays[0].nbytes} bytes, {case.layout}"
