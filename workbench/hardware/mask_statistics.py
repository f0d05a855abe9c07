"""Statistics of words and masks that show how a chip's generator differs from a truly random one."""

import math
from collections.abc import Sequence

import numpy as np
import scipy

MOST_CELLS = 256  # largest number of cells of a chi-square test
LEAST_EXPECTED = 5  # expected count that a cell needs for the chi-square distribution to be accurate
PATTERN_LANES = 4  # the 2^4 patterns of the first lanes are counted


def lane_correlation(values: np.ndarray) -> np.ndarray:
    """Return the correlations of all pairs of lanes of words or masks (clocks, lanes); NaN if a lane is constant."""
    centred = _centred(values)
    lengths = np.sqrt((centred**2).sum(axis=0))
    with np.errstate(invalid="ignore"):
        return (centred.T @ centred) / np.outer(lengths, lengths)


def serial_correlation(values: np.ndarray, lags: Sequence[int]) -> np.ndarray:
    """Return, for each lag, the correlation of a lane with itself `lag` clocks later, averaged over lanes.

    `values` is (clocks, lanes) or (clocks,); lags are from 0 to clocks - 1. The result is NaN if a lane is constant.
    """
    centred = _centred(values.reshape(len(values), -1))
    power = (centred**2).mean(axis=0)
    with np.errstate(invalid="ignore"):
        return np.array([((centred[: len(centred) - lag] * centred[lag:]).mean(axis=0) / power).mean() for lag in lags])


def delayed_copy(first: np.ndarray, second: np.ndarray) -> tuple[int, float]:
    """Return the delay at which two lanes (clocks,) are most strongly correlated, and the correlation, from -1 to 1.

    The sign does not matter. The delay compares second[t + delay] with first[t], and is at most half the clocks.
    """
    clocks = len(first)
    delays = np.arange(-(clocks // 2), clocks // 2 + 1)
    products = scipy.signal.correlate(_centred(second), _centred(first), method="fft")[delays + clocks - 1]
    delay = int(delays[np.abs(products / (clocks - np.abs(delays))).argmax()])
    early, late = max(-delay, 0), max(delay, 0)
    overlap = clocks - abs(delay)
    return delay, float(np.corrcoef(first[early : early + overlap], second[late : late + overlap])[0, 1])


def word_chi_square(words: np.ndarray, bits: int) -> float:
    """Return the p-value of the hypothesis that words of `bits` bits are uniform; the test uses the top 8 bits at most.

    Near 0, the counts are too uneven. Near 1, they are too even: over a period, an LFSR gives each word equally often.
    """
    shown = min(bits, MOST_CELLS.bit_length() - 1)
    if words.size < LEAST_EXPECTED << shown:
        raise ValueError(
            f"words: {words.size} words are too few for {1 << shown} cells; take at least {LEAST_EXPECTED << shown}"
        )
    cells = (words.reshape(-1) >> np.uint64(bits - shown)).astype(np.int64)
    return float(scipy.stats.chisquare(np.bincount(cells, minlength=1 << shown)).pvalue)


def mask_chi_square(masks: np.ndarray, ratio: float) -> float:
    """Return the p-value of the hypothesis that lanes drop with probability `ratio`, independently of each other.

    `masks` is bool (clocks, lanes). It counts the patterns of at most the first 4 lanes. Patterns with an expected
    count below 5 share a cell. The result is NaN if only one cell is left, and 0 if an impossible pattern occurs.
    """
    masks = masks[:, :PATTERN_LANES]
    clocks, lanes = masks.shape
    patterns = np.arange(1 << lanes)
    fallen = sum(patterns >> lane & 1 for lane in range(lanes))
    expected = clocks * ratio**fallen * (1 - ratio) ** (lanes - fallen)
    found = np.bincount(masks @ (1 << np.arange(lanes)), minlength=1 << lanes)
    possible = expected > 0
    if found[~possible].any():
        return 0.0
    order = np.argsort(expected[possible], kind="stable")
    expected, found = expected[possible][order], found[possible][order]
    few = int(np.searchsorted(expected, LEAST_EXPECTED))
    while 0 < few < len(expected) and expected[:few].sum() < LEAST_EXPECTED:
        few += 1  # add cells until their joint expected count is large enough
    starts = np.append(0, np.arange(max(few, 1), len(expected)))
    if len(starts) < 2:
        return math.nan
    return float(scipy.stats.chisquare(np.add.reduceat(found, starts), np.add.reduceat(expected, starts)).pvalue)


def dispersion(masks: np.ndarray, ratio: float) -> float:
    """Return the variance of the number of lanes that drop in a clock, divided by that of independent lanes.

    The latter is lanes * ratio * (1 - ratio). `masks` is bool (clocks, lanes). The result is NaN for ratio 0 or 1.
    """
    independent = masks.shape[1] * ratio * (1 - ratio)
    return float(masks.sum(axis=1).var() / independent) if independent else math.nan


def linear_complexity(bits: Sequence[int]) -> int:
    """Return the length of the shortest LFSR that generates `bits`, by the algorithm of Berlekamp and Massey.

    For the bits of an LFSR this is its width, given at least twice as many bits; for n random bits it is about n / 2.
    """
    connection, previous = 1, 1
    length, changed, seen = 0, -1, 0
    for i, bit in enumerate(bits):
        seen = seen << 1 | int(bit)
        if not (seen & connection).bit_count() & 1:
            continue
        shifted = connection ^ previous << (i - changed)
        if 2 * length <= i:
            length, changed, previous = i + 1 - length, i, connection
        connection = shifted
    return length


def _centred(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    return values - values.mean(axis=0)
