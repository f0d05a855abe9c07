"""Count the functions that Python calls to run an operator: to check arguments, to make arrays, to share work."""

import sys
from collections.abc import Callable

import numpy as np

from workbench.machines.limits import RUN_CALLS
from workbench.operator import Operator
from workbench.parallel import thread_limit


def count_calls(run: Callable[[], object]) -> int:
    """Return how many functions Python calls during `run()`, itself included; those of compiled code do not count."""
    count = 0

    def seen(frame: object, event: str, what: object) -> None:
        nonlocal count
        count += what is not sys.setprofile and event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def first_example(operator: Operator) -> Callable[[], object]:
    """Return a function that runs the first of an operator's examples, which are small, on one thread."""
    if operator.examples is None:
        raise ValueError(f"{operator.name}: is declared without examples")
    inputs, arguments = next(iter(operator.examples(np.random.default_rng(0))))

    def run() -> object:
        with thread_limit(1):
            return operator.run(*inputs, **arguments)

    return run


def calls_of(operator: Operator) -> int:
    """Return the calls of a run of an operator, which hardly depend on the arguments; RUN_CALLS without examples."""
    if operator.examples is None:
        return RUN_CALLS
    run = first_example(operator)
    run()  # compiles
    return count_calls(run)
