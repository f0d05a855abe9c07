"""Where operators lie under the roofs of this machine, as NumPy computes them and as compiled."""

import dataclasses
from collections.abc import Callable

from workbench.bench.cost.cases import Case, cases
from workbench.bench.harness import Contender, measure
from workbench.bench.predictions import CALLS
from workbench.cost import Cost
from workbench.lrn.cost import cost as lrn_cost
from workbench.parallel import thread_limit
from workbench.sparse_dropout.cost import cost as dropout_cost
from workbench.sparse_lp.cost import gradient_cost, penalty_cost

# What NumPy does; of the other operators it works on single rows or segments, or iterates as the data need.
REFERENCE: dict[str, Callable[[Case], Cost]] = {
    "LRN": lambda case: lrn_cost(case.direction, case.shape, region=case.arguments["region"], engine="reference"),
    "DropoutWithReplacement": lambda case: dropout_cost(case.direction, case.shape, engine="reference"),
    "SparseLp": lambda case: penalty_cost(case.shape, case.arguments["p"], engine="reference"),
    "LpGradient": lambda case: gradient_cost(case.shape, case.arguments["p"], engine="reference"),
}
NAMES = {
    "DropoutWithReplacement": "dropout",
    "SparseDropoutWithReplacement": "dropout of segments",
    "SparseItemwiseDropoutWithReplacement": "dropout of items",
    "SparseLpRegularizer": "rows",
    "SparseLp": "penalty",
    "LpGradient": "slope",
    "LpProx": "prox",
}
WANTED = {"beta": (0.75,), "p": (0.5, 2.0)}  # one of each operator


@dataclasses.dataclass(frozen=True)
class Point:
    """An operator under a roof: operations a byte and a second, as compiled and, where it is counted, as NumPy does it.

    Operations are FLOPs, comparisons and random words, those of the compiled loops for both: what NumPy does more is no
    progress.
    """

    name: str
    after: tuple[float, float]
    before: tuple[float, float] | None = None


def measure_points(shape: tuple[int, int, int, int], rounds: int = 5, threads: int = 1) -> list[Point]:
    """Time both engines on arrays of `shape`, in turns, and return where each operator lies."""
    points = []
    for group in cases(shape):
        chosen = [case for case in group if _is_wanted(case)]
        contenders = {f"numba {case}": Contender(case.ours, case.arrays) for case in chosen}
        for case in chosen:
            if case.operator in REFERENCE:
                run = lambda case=case: case.run(case.arrays, "reference")  # noqa: E731
                contenders[f"reference {case}"] = Contender(run, case.arrays)
        with thread_limit(threads):
            timings = measure(contenders, rounds)
        points += [_point(case, {name: timing.seconds for name, timing in timings.items()}) for case in chosen]
    return points


def _is_wanted(case: Case) -> bool:
    fits = all(case.arguments.get(name, allowed[0]) in allowed for name, allowed in WANTED.items())
    return fits and case.layout != "NHWC"


def _point(case: Case, seconds: dict[str, float]) -> Point:
    cost = CALLS[case.operator](case).cost
    operations = cost.flops + cost.comparisons + cost.random_words
    after = (operations / cost.bytes, operations / seconds[f"numba {case}"])
    if case.operator not in REFERENCE:
        return Point(_name(case), after)
    before = (operations / REFERENCE[case.operator](case).bytes, operations / seconds[f"reference {case}"])
    return Point(_name(case), after, before)


def _name(case: Case) -> str:
    words = [NAMES.get(case.operator, case.operator)]
    if case.arguments.get("region") == "within":
        words.append("within")
    if "p" in case.arguments:
        words.append(f"p = {case.arguments['p']:g}")
    if case.direction == "gradient" and case.operator != "LpGradient":
        words.append("gradient")
    return " ".join(words)
