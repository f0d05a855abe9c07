"""The `Cost` record that every estimator returns. By convention a multiply-add is two floating-point operations."""

import dataclasses
import operator as arithmetic
from collections.abc import Sequence

FLOPS_PER_MULTIPLY_ADD = 2


@dataclasses.dataclass(frozen=True)
class Cost:
    """Exact counts of what a computation does. Costs can be added, and multiplied by a whole number.

    Operations: `other_flops` are additions, subtractions and multiplications that are not part of a multiply-add. A
    comparison, or a choice that depends on one, is an instruction but not a floating-point operation. An exponential,
    logarithm or power counts as one call of that function. `random_words` are 32-bit words. `integer_operations` are
    instructions on whole numbers by which a kernel finds its place, counted where they take longer than its bytes.

    Bytes: `bytes_read` and `bytes_written` count arrays. `bytes_cached` are further bytes that move only to and from
    caches, when work is done in tiles and a neighbour is read again. `bytes_allocated` are new arrays, with results.

    Waiting: `mispredictions` are branches that depend on random data and that a processor is expected to guess wrong.
    `launches` are starts of compiled loops, NumPy passes or GPU kernels. `runs` are calls of `Operator.run`, which
    checks arguments and makes arrays around compiled loops.

    All counts are whole numbers, at least 0. Counts that depend on the implementation are 0 where none is specified.
    Use `sum(costs, Cost())` to add up several costs.
    """

    multiply_adds: int = 0
    other_flops: int = 0
    comparisons: int = 0
    divisions: int = 0
    square_roots: int = 0
    exponentials: int = 0
    logarithms: int = 0
    powers: int = 0
    random_words: int = 0
    integer_operations: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    bytes_cached: int = 0
    bytes_allocated: int = 0
    mispredictions: int = 0
    launches: int = 0
    runs: int = 0

    def __post_init__(self) -> None:
        for name, count in vars(self).items():
            if type(count) is not int:
                raise TypeError(f"{name}={count!r}: must be an int, not {type(count).__name__}; counts are exact")
            if count < 0:
                raise ValueError(f"{name}={count}: must be at least 0")

    @property
    def flops(self) -> int:
        """Return the floating-point operations: 2 per multiply-add, 1 per other operation or function call."""
        single = self.other_flops + self.divisions + self.square_roots
        return FLOPS_PER_MULTIPLY_ADD * self.multiply_adds + single + self.exponentials + self.logarithms + self.powers

    @property
    def bytes(self) -> int:
        """Return the bytes read and written, without `bytes_cached`."""
        return self.bytes_read + self.bytes_written

    def counts(self) -> dict[str, int]:
        """Return every count by its name."""
        return dict(vars(self))

    def __add__(self, other: "Cost") -> "Cost":
        if not isinstance(other, Cost):
            return NotImplemented
        return Cost(*map(arithmetic.add, vars(self).values(), vars(other).values()))

    def __mul__(self, times: int) -> "Cost":
        if type(times) is not int:
            return NotImplemented
        return Cost(*(count * times for count in vars(self).values()))

    __rmul__ = __mul__


def checked_count(name: str, value: int, least: int = 0) -> int:
    """Return `value` as an int; raise TypeError if it is not an integer, or ValueError if it is below `least`.

    NumPy integers are accepted; bools are not.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        count = arithmetic.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r}: must be an int, not {type(value).__name__}; counts are exact") from None
    if count < least:
        raise ValueError(f"{name}={count}: must be at least {least}")
    return count


def checked_shape(name: str, shape: Sequence[int], rank: int | None = None, *, least: int = 0) -> tuple[int, ...]:
    """Return a shape as a tuple of ints; raise TypeError if it is not a sequence of ints.

    Raise ValueError if a length is negative, or if the number of axes is not `rank` (if given) or is below `least`.
    """
    if isinstance(shape, str) or not isinstance(shape, Sequence):
        raise TypeError(f"{name}={shape!r}: must be a tuple of ints, the lengths of the axes")
    lengths = tuple(checked_count(f"{name}[{axis}]", length) for axis, length in enumerate(shape))
    if rank is not None and len(lengths) != rank:
        raise ValueError(f"{name}={lengths}: must have {rank} axes")
    if len(lengths) < least:
        raise ValueError(f"{name}={lengths}: must have at least {least} {'axis' if least == 1 else 'axes'}")
    return lengths


def checked_itemsize(value: int, sizes: Sequence[int] = (2, 4, 8), name: str = "itemsize") -> int:
    """Return `value`, the bytes of a number; raise ValueError if it is not one of `sizes`."""
    if isinstance(value, bool) or value not in sizes:
        *most, last = map(str, sizes)
        raise ValueError(f"{name}={value!r}: must be {', '.join(most)} or {last}, the bytes of a number")
    return int(value)
