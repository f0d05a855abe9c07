"""Where operators lie under the roofs of this machine, as NumPy computes them and as compiled."""

import dataclasses
import inspect
from importlib import import_module

from workbench.bench.case import Case
from workbench.bench.declared import declared_cases
from workbench.cost import Cost
from workbench.machines.timing import Contender, measure
from workbench.operator import OPERATORS
from workbench.parallel import thread_limit

WANTED = {"beta": (0.75,), "p": (0.5, 2.0), "order": ("NCHW",)}  # one call or two of each operator


@dataclasses.dataclass(frozen=True)
class Point:
    """An operator under a roof: operations a byte and a second, as compiled and, where it is counted, as NumPy does it.

    Operations are FLOPs, comparisons and random words, those of the compiled loops for both: what NumPy does more is no
    progress.
    """

    name: str
    after: tuple[float, float]
    before: tuple[float, float] | None = None


def measure_points(elements: int, rounds: int = 5, threads: int = 1) -> list[Point]:
    """Time both engines on about so many elements, in turns, and return where each operator lies."""
    points = []
    for name, operator in OPERATORS.items():
        if not (operator.timed and operator.cost):
            continue
        counted = "engine" in inspect.signature(import_module(operator.cost).work).parameters
        for case in filter(_is_wanted, declared_cases(name, elements)):
            reference = _reference_cost(case) if counted else None
            contenders = {"after": Contender(case.ours, case.reads)}
            if reference:
                contenders["before"] = Contender(lambda case=case: case.run(case.inputs, "reference"), case.reads)
            with thread_limit(threads):
                timings = measure(contenders, rounds)
            count = case.work().cost
            operations = count.flops + count.comparisons + count.random_words
            before = (operations / reference.bytes, operations / timings["before"].seconds) if reference else None
            points.append(Point(_name(case), (operations / count.bytes, operations / timings["after"].seconds), before))
    return points


def _is_wanted(case: Case) -> bool:
    arguments = {"order": "NCHW" if case.layout == "dense" else case.layout, **case.arguments}
    return all(arguments.get(name, allowed[0]) in allowed for name, allowed in WANTED.items())


def _reference_cost(case: Case) -> Cost | None:
    """Return what NumPy does; None where it works on single rows or segments, or iterates as the data need."""
    try:
        return case.work(engine="reference").cost
    except ValueError:
        return None


def _name(case: Case) -> str:
    """Return the operator's name, and what is unusual about the call."""
    operator = OPERATORS[case.operator]
    words = [case.operator]
    for name, value in case.arguments.items():
        if isinstance(value, str) and value != operator.arg(name).default:
            words.append(value)
    if "p" in case.arguments:
        words.append(f"p = {case.arguments['p']:g}")
    if case.direction == "gradient" and not case.operator.endswith("Gradient"):
        words.append("gradient")
    return " ".join(words)
