"""One configuration of dropout with replacement: what runs, and what it is held against."""

import dataclasses
from collections.abc import Callable

import numpy as np

from workbench.bench.results import describe, dimensions

SEED = 17
SUM_TOLERANCE = 1e-6  # relative, of a sum that the engines add up in another order


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A call that is verified and timed.

    Attributes:
        arguments: what tells the case apart from others of its shape.
        reads: the arrays that it takes in.
        run: makes the call with the engine that it is given, and returns a tuple of results.
        copy_name: what tells `copy`, a plain loop over as many bytes, from the loops of other cases.
        copy_target: what the time should be at most, in times of the copy; None: no target.
        one_thread: whether that holds for one thread alone.
        peer_target: what a peer's time should be at least, in times of ours; None: no target.
    """

    operator: str
    direction: str
    shape: tuple[int, ...]
    layout: str
    arguments: dict[str, float | str]
    reads: tuple[np.ndarray, ...]
    run: Callable[[str], tuple]
    copy_name: str
    copy: Callable[[], object]
    copy_target: float | None = None
    one_thread: bool = False
    peer_target: float | None = None

    def __str__(self) -> str:
        what = f"{self.operator} {self.direction}, {describe(self.arguments)}"
        return f"{what}, {dimensions(self.shape)} {self.layout}"

    def copy_target_with(self, threads: int) -> float | None:
        return None if self.one_thread and threads > 1 else self.copy_target

    def ours(self) -> tuple:
        """Run the operator itself."""
        return self.run("numba")

    def problem(self, results: tuple, expected: tuple) -> str:
        """Return what is wrong with results, "" for nothing: all but a gradient's sums must have the reference's bits.

        `expected` is what the reference returned.
        """
        found, right = _flat(results), _flat(expected)
        if len(found) != len(right):
            return f"{len(found)} arrays, the reference has {len(right)}"
        exact = len(right) - 1 if self.direction == "gradient" else len(right)
        for i, (mine, theirs) in enumerate(zip(found, right, strict=True)):
            if (mine.dtype, mine.shape) != (theirs.dtype, theirs.shape):
                return f"array {i} is {mine.dtype} {mine.shape}, the reference's {theirs.dtype} {theirs.shape}"
            if i < exact:
                wrong = int(np.count_nonzero(bits(mine) != bits(theirs)))
            else:
                wrong = int(np.count_nonzero(~np.isclose(mine, theirs, rtol=SUM_TOLERANCE, atol=0)))
            if wrong:
                return f"array {i} differs from the reference's at {wrong:,} of {mine.size:,} places"
        return ""


def bits(array: np.ndarray) -> np.ndarray:
    """Return an array as unsigned integers, which compare equal where all bits do."""
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def _flat(results: tuple) -> list[np.ndarray]:
    """Return all arrays of results, those of a sparse matrix one after another."""
    arrays = []
    for result in results:
        arrays += [result.data, result.indices, result.indptr] if hasattr(result, "indptr") else [np.asarray(result)]
    return arrays
