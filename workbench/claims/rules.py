"""Rules: how the numbers that were measured for a claim become a verdict.

A rule looks at one number by name, measured once for each seed, and answers "holds", "fails" or "open" for one setting.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from workbench.training.statistics import DEPENDS, FAILS, HOLDS, LEVEL, OPEN, interval, judge
from workbench.training.statistics import MARGIN as MARGIN
from workbench.training.statistics import VERDICTS as VERDICTS


class Rule(Protocol):
    """A condition on one of the numbers that a claim's experiment returns."""

    @property
    def number(self) -> str: ...

    def judge(self, values: Sequence[float]) -> str:
        """Return "holds", "fails" or "open" for the values of all seeds in one setting."""
        ...

    def __str__(self) -> str: ...


@dataclasses.dataclass(frozen=True)
class Exact:
    """The number lies between `least` and `most` for every seed; one value outside is a counterexample.

    A value outside by less than the factor `doubt` decides nothing. With 1, the default, every value decides. NaN is
    outside.
    """

    number: str
    least: float = -math.inf
    most: float = math.inf
    doubt: float = 1.0

    def judge(self, values: Sequence[float]) -> str:
        array = np.asarray(values, float)
        if np.all((array >= self.least) & (array <= self.most)):
            return HOLDS
        low, high = self.least / self.doubt, self.most * self.doubt
        return OPEN if self.doubt > 1 and np.all((array > low) & (array < high)) else FAILS

    def __str__(self) -> str:
        return f"{self.number} is {_range(self.least, self.most)} for every seed"


@dataclasses.dataclass(frozen=True)
class Interval:
    """The mean over seeds is above `above`, or below `below`, with the whole 99 % t-interval.

    It fails if the whole interval lies on the other side of the bound, and is open if the interval holds the bound.
    """

    number: str
    above: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"above={self.above}, below={self.below}: give one of the two bounds")

    def judge(self, values: Sequence[float]) -> str:
        low, high = interval(values)
        if self.above is not None:
            return judge(low, high, self.above)
        return judge(-high, -low, -self.below)

    def __str__(self) -> str:
        side = f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"
        return f"the 99 % interval of the mean of {self.number} lies {side}"


@dataclasses.dataclass(frozen=True)
class Apart:
    """The mean over seeds is farther from 0 than `by`, on either side, with the whole 99 % t-interval.

    It fails if the whole interval lies within `by` of 0, and is open otherwise. The number must have its sign: the mean
    of sizes, or of ranges, is above 0 by chance alone.
    """

    number: str
    by: float

    def judge(self, values: Sequence[float]) -> str:
        low, high = interval(values)
        return judge(max(low, -high), max(-low, high), self.by)

    def __str__(self) -> str:
        return f"the 99 % interval of the mean of {self.number} lies below {-self.by:g} or above {self.by:g}"


@dataclasses.dataclass(frozen=True)
class Count:
    """The number is 1 for at least the share `least` of the seeds, and 0 for the others.

    The claim holds or fails where the 99 % interval of the share (Clopper and Pearson) lies on one side of `least`.
    """

    number: str
    least: float

    def judge(self, values: Sequence[float]) -> str:
        from scipy.stats import binomtest

        share = binomtest(int(np.sum(values)), len(values)).proportion_ci(LEVEL, method="exact")
        return HOLDS if share.low >= self.least else FAILS if share.high < self.least else OPEN

    def __str__(self) -> str:
        return f"{self.number} is 1 for at least {self.least:.0%} of the seeds, by the 99 % interval of their share"


def all_hold(verdicts: Iterable[str]) -> str:
    """Return the verdict of one setting: every rule must hold, and one that fails is enough to fail."""
    found = set(verdicts)
    return FAILS if FAILS in found else OPEN if OPEN in found else HOLDS


def over_settings(verdicts: Iterable[str]) -> str:
    """Return the verdict of a claim: it depends if it holds in one setting and fails in another."""
    found = set(verdicts)
    if {HOLDS, FAILS} <= found:
        return DEPENDS
    return OPEN if OPEN in found or not found else found.pop()


def _range(least: float, most: float) -> str:
    if f"{least:g}" == f"{most:g}":
        return f"{least:g}"
    if math.isinf(least):
        return f"at most {most:g}"
    return f"at least {least:g}" if math.isinf(most) else f"between {least:g} and {most:g}"
