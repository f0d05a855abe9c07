"""One call to verify and time: what runs, what it must return, and what its time is held against."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench.bench.results import describe, dimensions
from workbench.machines.prediction import Work
from workbench.operator import OPERATORS


@dataclasses.dataclass(frozen=True)
class Target:
    """A ratio to report: a case's time over its limit, or over another case's; and what it should be at most."""

    name: str
    most: float | None = None
    over: "Case | None" = None
    one_thread: bool = False  # `most` holds for one thread alone


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """A call that is verified and timed.

    Attributes:
        arguments: what a table shows: what tells the case apart from others of its operator, direction and shape.
        inputs: arrays or sparse matrices; `changed` are the places of those that a run changes.
        run: makes the call on such inputs with the engine that it is given, and returns a tuple of results.
        results: a name for each result.
        limits: plain loops over the same bytes or with the same arithmetic, the first of which is the copy.
            The slowest is the limit. Those of one name are timed once for a group.
        tolerances: relative errors allowed, by result; of any other result all bits must be the reference's.
        of_largest: errors are relative to the largest element, and not each to its own.
        wide: the reference computes in float64.
        peer_targets: what a peer's time should be at least, in times of ours, by peer; None: no ratios to peers.
        peer_problem: judges a peer's results in the place of `problem`: called with the peer's name, the case, the
            peer's results and the expected ones.
        work: returns what a prediction is made from, of the engine that it is given; None: nothing is predicted.
    """

    operator: str
    direction: str
    shape: tuple[int, ...]
    layout: str
    arguments: dict[str, float | str]
    inputs: tuple
    run: Callable[[tuple, str], tuple]
    results: tuple[str, ...]
    limits: Mapping[str, Callable[[], object]]
    changed: tuple[int, ...] = ()
    tolerances: Mapping[str, float] = dataclasses.field(default_factory=dict)
    of_largest: bool = False
    wide: bool = False
    targets: tuple[Target, ...] = ()
    peer_targets: Mapping[str, float] | None = None
    peer_problem: Callable[[str, "Case", tuple, tuple], str] | None = None
    work: Callable[..., Work] | None = None

    def __str__(self) -> str:
        what = ", ".join(filter(None, (f"{self.operator} {self.direction}", describe(self.arguments))))
        return f"{what}, {dimensions(self.shape)} {self.layout}"

    @property
    def reads(self) -> list[np.ndarray]:
        """Return all arrays that a call takes in."""
        return flat(self.inputs)

    def ours(self) -> tuple:
        """Run the operator itself."""
        return self.run(self.inputs, "numba")

    def fresh(self) -> "Case":
        """Return the case on copies of the inputs that it would change."""
        inputs = tuple(each.copy() if i in self.changed else each for i, each in enumerate(self.inputs))
        return dataclasses.replace(self, inputs=inputs)

    def expected(self) -> tuple:
        """Return what the reference computes, in float64 if `wide`."""
        inputs = self.fresh().inputs
        return self.run(tuple(each.astype(np.float64) for each in inputs) if self.wide else inputs, "reference")

    def problem(self, results: tuple, expected: tuple, least: float = 0.0) -> str:
        """Return what is wrong with results, "" for nothing; every relative error up to `least` is allowed."""
        if len(results) != len(expected):
            return f"{len(results)} results, where there should be {len(expected)}"
        for name, mine, theirs in zip(self.results, results, expected, strict=True):
            tolerance = max(least, self.tolerances.get(name, 0.0))
            for found, right in zip(flat((mine,)), flat((theirs,)), strict=True):
                dtype = self.inputs[0].dtype if self.wide else right.dtype
                if (found.dtype, found.shape) != (dtype, right.shape):
                    return f"{name} is {found.dtype} {found.shape}, and should be {dtype} {right.shape}"
                if tolerance and right.dtype.kind == "f":
                    wrong = np.count_nonzero(~(relative_errors(found, right, self.of_largest) <= tolerance))
                else:
                    wrong = np.count_nonzero(bits(found) != bits(right))
                if wrong:
                    return f"{name} is wrong at {wrong:,} of {right.size:,} places"
        return ""


def declared_case(
    name: str,
    inputs: tuple,
    arguments: dict[str, Any],
    *,
    limits: Mapping[str, Callable[[], object]],
    shown: dict[str, float | str] | None = None,
    **others: Any,
) -> Case:
    """Return a call of a declared operator as a case.

    `shown` are the arguments that a table shows; without it, those given. `others` are fields of `Case`, in the place
    of what follows from the declaration. A gradient operator named after its operator is shown as its gradient.
    """
    operator = OPERATORS[name]
    backward = any(each.gradient == name for each in OPERATORS.values())
    forward = name.removesuffix("Gradient")
    in_place = [operator.inputs.index(each) for each in operator.changes]
    new = [(i, each) for i, each in enumerate(operator.outputs) if each not in dict(operator.inplace)]

    def run(inputs: tuple, engine: str) -> tuple:
        results = operator.run(*inputs, engine=engine, **arguments)
        results = results if isinstance(results, tuple) else (results,)
        return (*(inputs[i] for i in in_place), *(results[i] for i, _ in new))

    fields = {
        "operator": forward if backward and forward in OPERATORS else name,
        "direction": "gradient" if backward else "forward",
        "shape": inputs[0].shape,
        "layout": arguments.get("order", "dense"),
        "arguments": arguments if shown is None else shown,
        "results": (*operator.changes, *(each for _, each in new)),
        "changed": tuple(in_place),
        "work": lambda **options: operator.cost_module().work(name, inputs, arguments, **options),
    }
    return Case(inputs=inputs, run=run, limits=limits, **{**fields, **others})


def relative_errors(found: np.ndarray, right: np.ndarray, of_largest: bool = False) -> np.ndarray:
    """Return the error of each element, over its own size or the largest; an element that is no number has NaN."""
    sizes = np.abs(right.astype(np.float64))
    least = np.max(sizes, initial=0.0) if of_largest else 0.0
    return np.abs(found.astype(np.float64) - right) / np.maximum(sizes, max(least, np.finfo(np.float32).tiny))


def flat(results: tuple) -> list[np.ndarray]:
    """Return all arrays of results, those of a sparse matrix one after another."""
    arrays: list[np.ndarray] = []
    for each in results:
        arrays += [each.data, each.indices, each.indptr] if hasattr(each, "indptr") else [np.asarray(each)]
    return arrays


def bits(array: np.ndarray) -> np.ndarray:
    """Return an array as unsigned integers, which compare equal where all bits do."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
