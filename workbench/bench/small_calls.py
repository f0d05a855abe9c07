"""Time calls on few numbers: what is left is the way from Python to the kernel."""

import functools
from collections.abc import Callable

import numpy as np

from workbench.bench.case import Case, declared_case
from workbench.bench.driver import Settings, WrongResult, all_threads
from workbench.bench.results import Measurement
from workbench.machines.timing import Contender, measure_steadily
from workbench.operator import OPERATORS, Operator

ELEMENTS = 90
CALLS = 100  # in a row, as one takes microseconds
TARGET = 1e-5  # seconds


def small_calls(room: str, settings: Settings) -> list[Measurement]:
    """Return the time of a call on about ELEMENTS numbers of each operator that the package `room` declares.

    Raises:
        WrongResult: a result differs from the reference's; nothing has been timed then.
    """
    calls = {each.name: _call(each) for each in OPERATORS.values() if each.room == room and each.timed}
    wrong = [(name, case.problem(case.fresh().ours(), case.expected())) for name, (case, _) in calls.items()]
    if any(problem for _, problem in wrong):
        raise WrongResult("\n".join(f"{name}, small call: {problem}" for name, problem in wrong if problem))
    with all_threads(1):
        contenders = {name: Contender(functools.partial(_repeat, call)) for name, (_, call) in calls.items()}
        timings = measure_steadily(contenders, settings.rounds, settings.say, threads=1)
    return [
        Measurement(f"{name}, a call on {ELEMENTS} elements", timing.seconds / CALLS, "s", TARGET)
        for name, timing in timings.items()
    ]


def _call(operator: Operator) -> tuple[Case, Callable[[], object]]:
    """Return a call as a case, and alone: around a call of microseconds, what a case adds would count."""
    inputs, arguments = next(iter(operator.timed(np.random.default_rng(0), ELEMENTS)))
    results = () if operator.exact else (*operator.changes, *operator.outputs)
    tolerances = dict.fromkeys(results, operator.tolerance)
    case = declared_case(operator.name, inputs, arguments, limits={}, tolerances=tolerances, of_largest=True)
    return case, functools.partial(operator.run, *inputs, **arguments)


def _repeat(call: Callable[[], object]) -> None:
    for _ in range(CALLS):
        call()
