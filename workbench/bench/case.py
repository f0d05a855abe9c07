"""Define a case of the bench: a call to verify and time, with its limits and targets."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench.bench.results import describe, dimensions
from workbench.machines.calls import calls_of
from workbench.machines.prediction import Work
from workbench.operator import OPERATORS


@dataclasses.dataclass(frozen=True)
class Target:
    """A ratio to report: a case's time over its limit, or over another case's time. It should be at most `most`."""

    name: str
    most: float | None = None
    over: "Case | None" = None
    one_thread: bool = False  # `most` holds only for one thread


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """A call that is verified and timed.

    Attributes:
        arguments: arguments that tables show, to distinguish the case from others of its operator and shape.
        given: all arguments that the call is given, for the peers.
        inputs: arrays or sparse matrices; `changed` are the indices of those that a run changes.
        run: function of inputs and engine that makes the call and returns a tuple of results.
        results: the name of each result.
        limits: plain loops over the same bytes or with the same arithmetic, by name. The first is the copy; the
            slowest is the limit. Loops with the same name are timed once for a group.
        tolerances: allowed relative errors, by result; all other results must equal the reference's bit for bit.
        of_largest: whether errors are relative to the largest element, instead of each element's own size.
        wide: whether the reference computes in float64.
        peer_targets: least ratio wanted of a peer's time to ours, by peer; None for no ratios to peers.
        peer_problem: function that checks a peer's results instead of `problem`; it takes the peer's name, the case,
            the peer's results and the expected ones.
        work: function that returns the Work to predict the time from; None if nothing is predicted.
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
    given: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        what = ", ".join(filter(None, (f"{self.operator} {self.direction}", describe(self.arguments))))
        return f"{what}, {dimensions(self.shape)} {self.layout}"

    @property
    def reads(self) -> list[np.ndarray]:
        """Return all arrays of the inputs."""
        return flat(self.inputs)

    def ours(self) -> tuple:
        """Run the operator itself."""
        return self.run(self.inputs, "numba")

    def fresh(self) -> "Case":
        """Return the case with copies of the inputs that it changes."""
        inputs = tuple(each.copy() if i in self.changed else each for i, each in enumerate(self.inputs))
        return dataclasses.replace(self, inputs=inputs)

    def expected(self) -> tuple:
        """Return what the reference computes, in float64 if `wide`."""
        inputs = self.fresh().inputs
        return self.run(tuple(each.astype(np.float64) for each in inputs) if self.wide else inputs, "reference")

    def problem(self, results: tuple, expected: tuple, least: float = 0.0) -> str:
        """Return what is wrong with `results`, "" if nothing; relative errors up to `least` are always allowed."""
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

    `shown` are the arguments that tables show; by default all of `arguments`. `others` are fields of `Case` that
    replace those from the declaration. A gradient operator named after its operator is shown as its gradient.
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
        "work": lambda **options: dataclasses.replace(
            operator.cost_module().work(name, inputs, arguments, **options), calls=calls_of(operator)
        ),
    }
    return Case(inputs=inputs, given=arguments, run=run, limits=limits, **{**fields, **others})


def relative_errors(found: np.ndarray, right: np.ndarray, of_largest: bool = False) -> np.ndarray:
    """Return the error of each element relative to its own size or the largest; NaN for an element that is NaN."""
    sizes = np.abs(right.astype(np.float64))
    least = np.max(sizes, initial=0.0) if of_largest else 0.0
    return np.abs(found.astype(np.float64) - right) / np.maximum(sizes, max(least, np.finfo(np.float32).tiny))


def flat(results: tuple) -> list[np.ndarray]:
    """Return all arrays of results; a sparse matrix gives its data, indices and indptr."""
    arrays: list[np.ndarray] = []
    for each in results:
        arrays += [each.data, each.indices, each.indptr] if hasattr(each, "indptr") else [np.asarray(each)]
    return arrays


def bits(array: np.ndarray) -> np.ndarray:
    """Return an array as unsigned integers, which are equal where all bits are."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")
