"""One configuration of a sparse Lp operator: what runs, and what it is held against."""

import dataclasses
from collections.abc import Callable

import numpy as np

from workbench.bench.results import describe, dimensions


@dataclasses.dataclass(frozen=True)
class Limit:
    """A plain loop over the same bytes: its name, what it runs over, and the loop."""

    name: str
    over: str
    run: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.name}, {self.over}"


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A call that is verified and timed.

    Attributes:
        arguments: what tells the case apart from others of its shape.
        array: what it works on.
        run: makes the call on such an array with the engine that it is given, and returns a tuple of results; the first
            is the array itself where it is changed in place.
        in_place: whether it is.
        expected: returns what the reference makes of the array, which stays as it is.
        tolerances: of each result, by name: the relative error allowed, 0 where all bits must be the reference's.
        limit: what the time is compared with.
        target: what the time should be at most, in times of the limit's; None: no target.
        indices: of the row operator, the rows that are named.
    """

    operator: str
    direction: str
    shape: tuple[int, ...]
    layout: str
    arguments: dict[str, float | str]
    array: np.ndarray
    run: Callable[[np.ndarray, str], tuple]
    in_place: bool
    expected: Callable[[], tuple]
    tolerances: dict[str, float]
    limit: Limit
    target: float | None = None
    indices: np.ndarray | None = None

    def __str__(self) -> str:
        what = f"{self.operator} {self.direction}, {describe(self.arguments)}"
        return f"{what}, {dimensions(self.shape)} {self.layout}"

    @property
    def reads(self) -> tuple[np.ndarray, ...]:
        return (self.array,) if self.indices is None else (self.array, self.indices)

    def fresh(self) -> "Case":
        """Return the case on a copy of its array where it would change it."""
        return dataclasses.replace(self, array=self.array.copy()) if self.in_place else self

    def ours(self) -> tuple:
        """Run the operator itself."""
        return self.run(self.array, "numba")

    def problem(self, results: tuple, expected: tuple, least: float = 0.0) -> str:
        """Return what is wrong with results, "" for nothing; every relative error up to `least` is allowed."""
        if len(results) != len(expected):
            return f"{len(results)} results, where there should be {len(expected)}"
        for (name, tolerance), found, right in zip(self.tolerances.items(), results, expected, strict=True):
            mine, theirs = np.asarray(found), np.asarray(right)
            if (mine.dtype, mine.shape) != (theirs.dtype, theirs.shape):
                return f"{name} is {mine.dtype} {mine.shape}, and should be {theirs.dtype} {theirs.shape}"
            wrong = _count_wrong(mine, theirs, max(tolerance, least))
            if wrong:
                return f"{name} is wrong at {wrong:,} of {mine.size:,} places"
        return ""


def _count_wrong(found: np.ndarray, right: np.ndarray, tolerance: float) -> int:
    if tolerance:
        return int(np.count_nonzero(~np.isclose(found, right, rtol=tolerance, atol=0)))
    unsigned = f"u{right.dtype.itemsize}"  # which compare equal where all bits do
    return int(np.count_nonzero(found.view(unsigned) != right.view(unsigned)))
