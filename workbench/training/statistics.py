"""Compare arms over worlds: paired gains, intervals, verdicts against a margin, and how many worlds one needs.

A gain says how much better an arm is than the control in the same world, so that what both share cancels.
"""

import bisect
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from workbench.operator import checked_choice

HOLDS, FAILS, DEPENDS, OPEN = VERDICTS = ("holds", "fails", "depends", "open")
LEVEL = 0.99  # of every interval: some 60 claims are judged, so that at 95 % three would be wrong by chance
MARGIN = 0.02  # the smallest relative gain that matters in practice
SAME = 1e-9  # gains that differ by at most this share of the largest are equal up to rounding
RESAMPLES = 9_999, 100_000  # of the bootstrap, at least and at most; a higher level needs more
MOST_WORLDS = 10**9


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Paired gains, shape (worlds,), their mean and standard deviation, and two intervals of the true mean.

    `low` and `high` are the ends of the t-interval; the bootstrap is bias-corrected and accelerated (BCa). `p_value` is
    that of the two-sided t-test that the true mean is the margin, adjusted if there are many comparisons. `verdict` is
    "holds" if both intervals lie above the margin, "fails" if both lie below it, and "open" otherwise; `agree` says
    whether both lead to one verdict. Equal gains other than 0 are "open", too: the worlds may be copies of one world.
    """

    gains: np.ndarray = dataclasses.field(repr=False, compare=False)
    margin: float
    level: float
    mean: float
    spread: float
    low: float
    high: float
    bootstrap_low: float
    bootstrap_high: float
    p_value: float
    agree: bool
    verdict: str

    @property
    def worlds(self) -> int:
        return len(self.gains)

    @property
    def effect(self) -> float:
        """Cohen's d of the paired gains: their mean over their standard deviation; NaN if all gains are equal."""
        return self.mean / self.spread if self.spread else math.nan

    def __str__(self) -> str:
        if self.spread == 0:
            hint = "their spread is not known; check that the worlds differ" if self.mean else "the arms are the same"
            return f"{self.verdict}: all {self.worlds} worlds have the gain {self.mean:+.3g}: {hint}"
        doubt = "" if self.agree else ", which leads to another verdict"
        return (
            f"{self.verdict}: mean gain {self.mean:+.3g} in {self.worlds} worlds, margin {self.margin:g}, "
            f"{100 * self.level:.4g} % interval {self.low:+.3g} to {self.high:+.3g} "
            f"(bootstrap {self.bootstrap_low:+.3g} to {self.bootstrap_high:+.3g}{doubt}), Cohen's d {self.effect:.2f}"
        )


def judge(low: float, high: float, bound: float) -> str:
    """Return "holds" for an interval above the bound, "fails" for one below, and "open" if the bound is within it."""
    return HOLDS if low > bound else FAILS if high < bound else OPEN


def interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> tuple[float, float]:
    """Return the t-interval of the mean of at least two values; (-inf, inf) if it cannot be computed."""
    from scipy.special import stdtrit  # scipy.stats.t.ppf without its checks, for pictures that move

    _check_share("level", level)
    array = np.asarray(values, float)
    if array.ndim != 1 or len(array) < 2 or not np.all(np.isfinite(array)):
        return -math.inf, math.inf
    half = float(stdtrit(len(array) - 1, 0.5 + level / 2)) * float(np.std(array, ddof=1)) / math.sqrt(len(array))
    return float(np.mean(array)) - half, float(np.mean(array)) + half


def compare(treated: ArrayLike, control: ArrayLike, **options: Any) -> Comparison:
    """Compare two arms by their losses in the same worlds, shape (worlds,). Options and errors as for compare_many."""
    return compare_many({"treated": treated}, control, **options)["treated"]


def compare_many(
    arms: Mapping[str, ArrayLike],
    control: ArrayLike,
    *,
    margin: float = MARGIN,
    level: float = LEVEL,
    relative: bool = True,
    correction: str = "holm",
    seed: int = 0,
) -> dict[str, Comparison]:
    """Compare arms with one control by their losses in the same worlds, shape (worlds,); a lower loss is better.

    The gain of a world is 1 - treated / control, or, with relative=False, control - treated; for a score of which more
    is better, give the negatives. `margin` has the unit of the gain; `seed` is that of the bootstrap.

    The chance that any verdict is wrong is at most 1 - level for all arms together. "bonferroni" gives each interval
    the level 1 - (1 - level) / arms, so that together they hold all true means with the chance `level`. "holm" decides
    at least as often (Holm 1979): an arm's interval leaves out the margin exactly if Holm's test decides.

    Raises:
        ValueError: the arms differ in length, have fewer than two worlds, or hold NaN or infinity; a loss is negative,
            or the control's is 0, with relative=True; there is no arm; or another argument is not allowed.
    """
    checked_choice("correction", correction, ("holm", "bonferroni"))
    _check_share("level", level)
    if not math.isfinite(margin) or not arms:
        raise ValueError(f"margin={margin}, {len(arms)} arms: the margin must be finite, and there must be an arm")
    gains = [_gains(name, treated, control, relative) for name, treated in arms.items()]
    p = np.array([_p_value(each, margin) for each in gains])
    adjusted = holm(p) if correction == "holm" else np.minimum(len(p) * p, 1.0)
    shares = np.full(len(p), 1 / len(p))  # of 1 - level, for each interval
    if correction == "holm":
        np.divide(p, adjusted, out=shares, where=adjusted > 0)  # p < share (1 - level) exactly if adjusted < 1 - level
    found = (_compared(*each, margin, level, seed) for each in zip(gains, shares, adjusted, strict=True))
    return dict(zip(arms, found, strict=True))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return p-values adjusted for their number: the k-th smallest of m times m - k + 1, never below the one before."""
    p = np.asarray(p_values, float)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def power(effect: float, spread: float, worlds: int, *, margin: float = MARGIN, level: float = LEVEL) -> float:
    """Return the chance that the t-interval of `worlds` gains leads to the right verdict.

    The gains are normal with the mean `effect` and the standard deviation `spread`; "holds" is right above the margin,
    "fails" below. The t-statistic then follows the noncentral t-distribution with worlds - 1 degrees of freedom and the
    noncentrality |effect - margin| / spread * sqrt(worlds).

    Raises:
        ValueError: a number is not finite, `spread` is not above 0, `worlds` is below 2, or `level` not in (0, 1).
    """
    _check_share("level", level)
    if not (math.isfinite(effect - margin) and 0 < spread < math.inf and worlds >= 2):
        values = f"effect={effect}, spread={spread}, worlds={worlds}, margin={margin}"
        raise ValueError(f"{values}: must be finite, with a spread above 0 and at least 2 worlds")
    return _chance(abs(effect - margin) / spread, worlds, level)


def worlds_needed(
    differences: ArrayLike, margin: float = MARGIN, *, level: float = LEVEL, power: float = 0.9
) -> tuple[str, int]:
    """Return the verdict and the number of worlds that reaches it with the chance `power`, from some worlds' gains.

    The mean and the spread of `differences`, shape (worlds,), are taken as the true ones. The verdict is "holds" for a
    mean above the margin, "fails" for one below. A spread that is known from few worlds gives a rough number.

    Raises:
        ValueError: the mean equals the margin, so that infinitely many worlds are needed; all differences are equal;
            there are fewer than two, or NaN or infinity is among them; `level` or `power` is not in (0, 1).
    """
    gains = _checked("differences", differences)
    _check_share("level", level)
    _check_share("power", power)
    mean = float(gains.mean())
    if _are_equal(gains):
        raise ValueError(f"differences are all {mean:g}: their spread is not known; check that the worlds differ")
    distance = abs(mean - margin) / float(gains.std(ddof=1))
    counts = range(2, MOST_WORLDS)
    place = bisect.bisect_left(counts, power, key=lambda worlds: _chance(distance, worlds, level))
    if place == len(counts):
        where = f"margin={margin:g} is the mean of differences, but for {distance:.2g} standard deviations"
        raise ValueError(f"{where}: at the mean itself, infinitely many worlds are needed; choose another margin")
    return HOLDS if mean > margin else FAILS, counts[place]


def _chance(distance: float, worlds: int, level: float) -> float:
    """Return the chance that the interval lies on the right side of a bound that is `distance` spreads away."""
    from scipy.stats import nct, t

    return float(nct.sf(t.ppf(0.5 + level / 2, worlds - 1), worlds - 1, distance * math.sqrt(worlds)))


def _gains(name: str, treated: ArrayLike, control: ArrayLike, relative: bool) -> np.ndarray:
    ours, theirs = _checked(name, treated), _checked("control", control)
    if len(ours) != len(theirs):
        raise ValueError(f"{name} has {len(ours)} worlds and control has {len(theirs)}: must be the same worlds")
    if relative and (theirs.min() <= 0 or ours.min() < 0):
        wrong = f"control={theirs.min():g}" if theirs.min() <= 0 else f"{name}={ours.min():g}"
        raise ValueError(f"{wrong} in a world: a relative gain needs losses above 0; or give relative=False")
    return _checked(f"the gain of {name}", 1 - ours / theirs if relative else theirs - ours)


def _checked(name: str, values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, float)
    if array.ndim != 1 or len(array) < 2:
        raise ValueError(f"{name} has shape {array.shape}: must be (worlds,), with at least two worlds")
    if not np.all(np.isfinite(array)):
        world = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name}[{world}]={array[world]}: must be finite; decide what a world that diverged counts as")
    return array


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name}={value!r}: must be above 0 and below 1")


def _are_equal(gains: np.ndarray) -> bool:
    return bool(np.ptp(gains) <= SAME * np.abs(gains).max())


def _p_value(gains: np.ndarray, margin: float) -> float:
    from scipy.stats import ttest_1samp

    if _are_equal(gains):
        return 1.0 if gains.any() or margin == 0 else 0.0
    return float(ttest_1samp(gains, margin).pvalue)


def _compared(gains: np.ndarray, share: float, p: float, margin: float, level: float, seed: int) -> Comparison:
    """Compare at the level that leaves `share` of 1 - level outside each interval."""
    level, mean, spread = 1 - float(share) * (1 - level), float(gains.mean()), float(gains.std(ddof=1))
    if _are_equal(gains):
        verdict = OPEN if gains.any() else judge(mean, mean, margin)
        return Comparison(gains, margin, level, mean, 0.0, mean, mean, mean, mean, float(p), True, verdict)
    ends, others = interval(gains, level), _bootstrap(gains, level, seed)
    verdict, other = judge(*ends, margin), judge(*others, margin)
    agreed = verdict if verdict == other else OPEN
    return Comparison(gains, margin, level, mean, spread, *ends, *others, float(p), verdict == other, agreed)


def _bootstrap(gains: np.ndarray, level: float, seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    resamples, rng = int(np.clip(100 / (1 - level), *RESAMPLES)), np.random.default_rng(seed)
    found = bootstrap((gains,), np.mean, n_resamples=resamples, confidence_level=level, random_state=rng)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
