"""The record that every estimator returns, and the one convention it needs."""

import dataclasses

FLOPS_PER_MULTIPLY_ADD = 2


@dataclasses.dataclass(frozen=True)
class Cost:
    """Count what a computation does; costs add up, and scale by a whole number.

    `other_flops` are additions, subtractions and multiplications that are not part of a multiply-add. A power is
    one call of a function x^p, whatever that takes. `random_words` are 32-bit words. All are exact, at least 0.

    Add up several with `sum(costs, Cost())`.
    """

    multiply_adds: int = 0
    other_flops: int = 0
    divisions: int = 0
    square_roots: int = 0
    powers: int = 0
    random_words: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    def __post_init__(self) -> None:
        for name, count in self._counts().items():
            if type(count) is not int:
                raise TypeError(f"{name}={count!r}: must be an int, not {type(count).__name__}; counts are exact")
            if count < 0:
                raise ValueError(f"{name}={count}: must be at least 0")

    @property
    def flops(self) -> int:
        """Return the floating-point operations: 2 a multiply-add, 1 any other, a root, division or power included."""
        single = self.other_flops + self.divisions + self.square_roots + self.powers
        return FLOPS_PER_MULTIPLY_ADD * self.multiply_adds + single

    @property
    def bytes(self) -> int:
        """Return the bytes read and written."""
        return self.bytes_read + self.bytes_written

    def __add__(self, other: "Cost") -> "Cost":
        if not isinstance(other, Cost):
            return NotImplemented
        theirs = other._counts()
        return Cost(**{name: count + theirs[name] for name, count in self._counts().items()})

    def __mul__(self, times: int) -> "Cost":
        if type(times) is not int:
            return NotImplemented
        return Cost(**{name: count * times for name, count in self._counts().items()})

    __rmul__ = __mul__

    def _counts(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def checked_count(name: str, value: int) -> int:
    """Return a length or a number of things, or raise TypeError or ValueError unless it is an int of at least 0."""
    if type(value) is not int:
        raise TypeError(f"{name}={value!r}: must be made of ints, not {type(value).__name__}; counts are exact")
    if value < 0:
        raise ValueError(f"{name}={value}: must be at least 0")
    return value
