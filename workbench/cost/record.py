"""The record that every estimator returns, and the one convention it needs."""

import dataclasses
import operator as arithmetic
from collections.abc import Sequence

FLOPS_PER_MULTIPLY_ADD = 2


@dataclasses.dataclass(frozen=True)
class Cost:
    """Count what a computation does; costs add up, and scale by a whole number.

    Operations: `other_flops` are additions, subtractions and multiplications that are not part of a multiply-add. A
    comparison, or a choice by one, takes an instruction and is no floating-point operation. An exponential, logarithm
    or power is one call of that function, whatever it takes. `random_words` are 32-bit words.

    Bytes: read from and written to arrays; `bytes_cached` go to and from caches besides, where work is done in tiles,
    as when a neighbour is read again; `bytes_allocated` is the size of new arrays, results included.

    Waiting: `mispredictions` are branches that follow random data and that a processor is expected to guess wrong.
    `launches` are compiled loops, passes of NumPy or kernels of a GPU that are started; `runs` are calls of
    `Operator.run` around compiled loops, which check arguments and make arrays.

    All are exact, at least 0. What is not known of an implementation, because none is meant, is 0. Add up several with
    `sum(costs, Cost())`.
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
    bytes_read: int = 0
    bytes_written: int = 0
    bytes_cached: int = 0
    bytes_allocated: int = 0
    mispredictions: int = 0
    launches: int = 0
    runs: int = 0

    def __post_init__(self) -> None:
        for name, count in self.counts().items():
            if type(count) is not int:
                raise TypeError(f"{name}={count!r}: must be an int, not {type(count).__name__}; counts are exact")
            if count < 0:
                raise ValueError(f"{name}={count}: must be at least 0")

    @property
    def flops(self) -> int:
        """Return the floating-point operations: 2 a multiply-add, 1 any other, also a root, division or function."""
        single = self.other_flops + self.divisions + self.square_roots
        return FLOPS_PER_MULTIPLY_ADD * self.multiply_adds + single + self.exponentials + self.logarithms + self.powers

    @property
    def bytes(self) -> int:
        """Return the bytes read and written, but for those that stay in caches."""
        return self.bytes_read + self.bytes_written

    def counts(self) -> dict[str, int]:
        """Return every count by its name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def __add__(self, other: "Cost") -> "Cost":
        if not isinstance(other, Cost):
            return NotImplemented
        theirs = other.counts()
        return Cost(**{name: count + theirs[name] for name, count in self.counts().items()})

    def __mul__(self, times: int) -> "Cost":
        if type(times) is not int:
            return NotImplemented
        return Cost(**{name: count * times for name, count in self.counts().items()})

    __rmul__ = __mul__


def checked_count(name: str, value: int, least: int = 0) -> int:
    """Return a length or a number of things, or raise TypeError or ValueError unless it is an int of at least `least`.

    A whole number of NumPy's counts as an int.
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
    """Return a shape as a tuple of ints, or raise TypeError or ValueError unless it is one.

    It must have `rank` axes if that is given, and at least `least`.
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
    """Return the bytes of a number, or raise ValueError unless they are one of `sizes`."""
    if isinstance(value, bool) or value not in sizes:
        *most, last = map(str, sizes)
        raise ValueError(f"{name}={value!r}: must be {', '.join(most)} or {last}, the bytes of a number")
    return int(value)
