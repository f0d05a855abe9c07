"""Calls of functions, counted by hand."""

import types

from workbench.machines.calls import calls_of, count_calls
from workbench.machines.limits import RUN_CALLS


def inner(number):
    return abs(number)  # one function of C


def outer():
    return [inner(-1), inner(2), sorted(())]  # and another


def test_calls_by_hand():
    # outer, inner twice, abs twice, sorted.
    assert count_calls(outer) == 6
    assert count_calls(lambda: None) == 1


def test_what_compiles_first_is_not_counted():
    made = []

    def run(x, factor):
        if not made:
            made.append(outer())
        return inner(x)

    operator = types.SimpleNamespace(examples=lambda rng: iter([((3,), {"factor": 2})]), run=run)
    assert calls_of(operator) == calls_of(operator)
    assert 3 <= calls_of(operator) < 20  # the example's own, and those of the limit to one thread


def test_without_examples_a_run_has_the_usual_calls():
    assert calls_of(types.SimpleNamespace(examples=None)) == RUN_CALLS
