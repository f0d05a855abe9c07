"""Are elements dropped as if by independent coins?

Seeds are fixed, so these tests pass or fail for good. Beside each limit stands its false-alarm rate: how often perfect
coins would fail it, were the seed drawn at random. In normal deviates, 5 is 5.7e-7 and 6 is 2.0e-9 (both tails).
"""

import numpy as np
import pytest
import scipy.sparse
from scipy import stats

from workbench import (
    dropout_with_replacement,
    sparse_dropout_with_replacement,
    sparse_itemwise_dropout_with_replacement,
)

RATIOS = [1 / 256, 0.3, 0.5, 0.999]
COUNT = 1 << 20
X = np.zeros(COUNT, np.int8)


def drops(seed, ratio, count=COUNT, start=0):
    """Return which of `count` elements are dropped."""
    return dropout_with_replacement(X[:count], ratio, seed=seed, start=start)[1]


def deviates(gone, ratio):
    """Return the drops as numbers of mean 0 and variance 1."""
    return (gone - np.float32(ratio)) / np.float32((ratio * (1 - ratio)) ** 0.5)


def segments(seed, ratio):
    return sparse_dropout_with_replacement(X[:0], np.zeros(COUNT, np.int32), ratio, seed=seed)[1] == 1


def items(seed, ratio):
    lengths = np.array([COUNT])
    return sparse_itemwise_dropout_with_replacement(X, lengths, ratio, 1, seed=seed)[0] == 1


def stored(seed, ratio):
    x = scipy.sparse.csr_matrix(np.ones((1024, 1024), np.int8))
    return dropout_with_replacement(x, ratio, seed=seed)[1].data


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("way", [drops, segments, items, stored], ids=lambda way: way.__name__)
def test_the_share_that_is_dropped(way, ratio):
    # Binomial, exact. False alarms: 3 seeds * 1e-6 = 3 in 10^6.
    for seed in (0, 1, 2**63):
        assert stats.binomtest(int(way(seed, ratio).sum()), COUNT, ratio).pvalue > 1e-6


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_shares_of_many_seeds_scatter_as_they_should(ratio):
    # 300 counts of 4096: their squared deviates add up to 300, no more and no less. False alarms: below 1 in 10^6.
    count, seeds = 4096, 300
    shares = np.array([drops(seed, ratio, count).sum() for seed in range(seeds)])
    squares = np.sum((shares - count * ratio) ** 2 / (count * ratio * (1 - ratio)))
    # A binomial's squared deviate varies by 2 and up to 1 / (n p (1 - p)) more.
    spread = (2 * seeds * (1 + 1 / (2 * count * ratio * (1 - ratio)))) ** 0.5
    assert abs(squares - seeds) < 6 * spread


@pytest.mark.parametrize("ratio", RATIOS)
def test_runs(ratio):
    # Wald and Wolfowitz: the number of runs, given the counts, is normal. False alarms: 3 * 5.7e-7 = 2 in 10^6.
    for seed in (0, 7, 2**40):
        gone = drops(seed, ratio)
        dropped, runs = int(gone.sum()), 1 + int(np.count_nonzero(gone[1:] != gone[:-1]))
        twice = 2 * dropped * (COUNT - dropped)
        mean = twice / COUNT + 1
        variance = twice * (twice - COUNT) / (COUNT**2 * (COUNT - 1))
        assert abs(runs - mean) < 5 * variance**0.5


@pytest.mark.parametrize("ratio", [0.3, 0.999])
def test_gaps_are_geometric(ratio):
    # How far the next of the rarer kind is. Chi-square of up to 12 classes, both tails. False alarms: 2 in 10^6.
    rare = min(ratio, 1 - ratio)
    places = np.flatnonzero(drops(3, ratio) == (ratio < 0.5))
    edges = np.unique(np.ceil(np.log1p(-np.arange(12) / 12) / np.log1p(-rare))).astype(int)  # about equally likely
    found = np.histogram(np.diff(places), [*(edges + 1), COUNT])[0]
    chances = -np.diff([*(1 - rare) ** edges, 0.0])
    assert 1e-6 < stats.chisquare(found, chances * found.sum()).pvalue < 1 - 1e-6


@pytest.mark.parametrize("ratio", [1 / 256, 0.3, 0.5, 0.9])
def test_no_pair_of_elements_is_correlated(ratio):
    # Lags 1 to 64, and those of a tile, a chunk and a job. False alarms: 69 * 5.7e-7 = 4 in 10^5; rarer ones have
    # longer tails: at 1/256 and 2^20 elements 16 pairs of dropped are expected, so the limit there is 8 (a Poisson
    # count of 16 is 48 or more once in 10^10).
    signs = deviates(drops(11, ratio), ratio)
    limit = 8 if ratio < 0.01 else 5
    for lag in [*range(1, 65), 128, 256, 1024, 4096, 16384]:
        assert abs(np.dot(signs[lag:], signs[:-lag])) < limit * (COUNT - lag) ** 0.5, lag


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_three_neighbours_are_independent(ratio):
    # The product of three deviates has mean 0 and variance 1. False alarms: 5 * 5.7e-7 = 3 in 10^6.
    signs = deviates(drops(5, ratio), ratio)
    for a, b in [(1, 2), (1, 4), (2, 3), (4, 8), (64, 256)]:
        total = np.sum(signs[b:] * signs[b - a : COUNT - a] * signs[: COUNT - b], dtype=np.float64)
        assert abs(total) < 5 * (COUNT - b) ** 0.5


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_places_in_a_block_of_words_are_alike(ratio):
    # The share at each of the four words of a block. False alarms: 4 * 1e-6.
    gone = drops(2, ratio).reshape(-1, 4)
    for count in gone.sum(axis=0).tolist():
        assert stats.binomtest(count, COUNT // 4, ratio).pvalue > 1e-6


NEIGHBOURS = [*range(65), 2**32 - 1, 2**32, 2**32 + 1, 2**64 - 2, 2**64 - 1]


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_neighbouring_seeds_are_independent(ratio):
    # 70 seeds, every pair of them: 2415 correlations over 2^16 elements, limit 6. False alarms: 2415 * 2e-9 = 5e-6.
    count = 1 << 16
    signs = np.array([deviates(drops(seed, ratio, count), ratio) for seed in NEIGHBOURS])
    correlations = signs @ signs.T / count**0.5
    assert np.abs(correlations[np.triu_indices(len(NEIGHBOURS), 1)]).max() < 6


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_every_bit_of_the_seed_matters(ratio):
    # Seed 0 and each power of two: 65 seeds, 2080 pairs, limit 6. False alarms: 4e-6.
    count = 1 << 14
    signs = np.array([deviates(drops(seed, ratio, count), ratio) for seed in [0, *(1 << bit for bit in range(64))]])
    correlations = signs @ signs.T / count**0.5
    assert np.abs(correlations[np.triu_indices(65, 1)]).max() < 6


def test_neighbouring_seeds_one_step_apart_are_independent():
    # A stream must not be its neighbour's, moved: 45 pairs of seeds, 17 lags, limit 6. False alarms: 765 * 2e-9 = 2e-6.
    count = 1 << 16
    signs = [deviates(drops(seed, 0.5, count), 0.5) for seed in range(10)]
    for a in range(10):
        for b in range(a):
            for lag in range(-8, 9):
                left, right = signs[a][max(lag, 0) : count + min(lag, 0)], signs[b][max(-lag, 0) : count - max(lag, 0)]
                assert abs(np.dot(left, right)) < 6 * count**0.5, (a, b, lag)


@pytest.mark.parametrize("ratio", [0.3, 0.5])
def test_parts_of_the_stream_are_independent(ratio):
    # Parts of 2^16 words that follow one another, and that begin at powers of two up to 2^62. 27 parts, 351 pairs,
    # limit 6. False alarms: 7e-7.
    count = 1 << 16
    starts = [*(count * k for k in range(16)), *(1 << power for power in range(22, 63, 4))]
    signs = np.array([deviates(drops(9, ratio, count, start), ratio) for start in starts])
    correlations = signs @ signs.T / count**0.5
    assert np.abs(correlations[np.triu_indices(len(starts), 1)]).max() < 6


def test_bytes_of_words_show_in_what_is_dropped():
    # The share below each of 256 ratios k / 256 is a chi-square of the words' highest bytes. False alarms: 2 in 10^6.
    below = [int(drops(4, k / 256, 1 << 16).sum()) for k in range(257)]
    assert 1e-6 < stats.chisquare(np.diff(below)).pvalue < 1 - 1e-6


def test_a_larger_ratio_drops_more_of_the_same():
    last = np.zeros(COUNT, bool)
    for ratio in (0.0, 2**-32, 0.1, 0.1 + 2**-30, 0.5, 0.999, 1 - 2**-32, 1.0):
        gone = drops(1, ratio)
        assert not np.any(last & ~gone)
        last = gone
