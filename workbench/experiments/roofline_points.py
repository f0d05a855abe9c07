"""Where operators lie under the roofs of this machine, as NumPy computes them and as compiled."""

import dataclasses
import inspect
from importlib import import_module

import numpy as np

from workbench.cost import Cost
from workbench.machines.timing import Contender, measure
from workbench.operator import OPERATORS, Operator
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
    for operator in OPERATORS.values():
        if operator.timed and operator.cost:
            for inputs, arguments in operator.timed(np.random.default_rng(0), elements):
                if all(arguments.get(name, allowed[0]) in allowed for name, allowed in WANTED.items()):
                    points.append(_measure(operator, inputs, arguments, rounds, threads))
    return points


def _measure(operator: Operator, inputs: tuple, arguments: dict, rounds: int, threads: int) -> Point:
    costs = {"numba": import_module(operator.cost).work(operator.name, inputs, arguments).cost}
    reference = _reference_cost(operator, inputs, arguments)
    if reference:
        costs["reference"] = reference
    contenders = {
        engine: Contender(lambda engine=engine: operator.run(*inputs, engine=engine, **arguments), inputs)
        for engine in costs
    }
    with thread_limit(threads):
        timings = measure(contenders, rounds)
    operations = costs["numba"].flops + costs["numba"].comparisons + costs["numba"].random_words
    places = {name: (operations / cost.bytes, operations / timings[name].seconds) for name, cost in costs.items()}
    return Point(_name(operator, arguments), places["numba"], places.get("reference"))


def _reference_cost(operator: Operator, inputs: tuple, arguments: dict) -> Cost | None:
    """Return what NumPy does; None where it is not counted: for single rows or segments, or as often as data need."""
    work = import_module(operator.cost).work
    if "engine" not in inspect.signature(work).parameters:
        return None
    try:
        return work(operator.name, inputs, arguments, engine="reference").cost
    except ValueError:
        return None


def _name(operator: Operator, arguments: dict) -> str:
    """Return the operator's name, and what is unusual about the call."""
    chosen = [
        value for name, value in arguments.items() if isinstance(value, str) and value != operator.arg(name).default
    ]
    exponent = [f"p = {arguments['p']:g}"] if "p" in arguments else []
    return " ".join([operator.name, *chosen, *exponent])
