"""Philox4x32-10 in NumPy and in compiled code: published answers, a loop over Python's integers, and its statistics.

Each statistical test names its false-alarm rate: how often a perfect generator would fail it at a seed drawn at random.
"""

import numba
import numpy as np
import pytest
from scipy import stats
from sparse_dropout import scalar

from workbench import compiling, philox
from workbench.sparse_dropout import kernels

SEEDS = [0, 1, 2**32 - 1, 2**32, 2**64 - 1]
STARTS = [0, 1, 3, 4, 2**34 + 2, 2**40 + 5]  # 2^34: where the counter's second word begins

# counter, key and random words, of Random123's kat_vectors for philox4x32-10
KNOWN_ANSWERS = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@numba.njit
def compiled_words(c0, c1, c2, c3, k0, k1):
    """Call the compiled generator, which Python itself cannot call."""
    return compiling.philox4x32(c0, c1, c2, c3, k0, k1)


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_published_answers(counter, key, answer):
    assert scalar.philox(counter, key) == answer
    counter_and_key = [np.uint64(word) for word in (*counter, *key)]
    assert tuple(map(int, philox.philox4x32(*counter_and_key))) == answer
    assert tuple(map(int, compiled_words(*counter_and_key))) == answer


def test_first_words_of_seed_zero_are_the_published_ones():
    expected = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox.words(0, 4).tolist() == expected
    assert kernels.random_words(0, 4).tolist() == expected


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_words_are_those_of_the_scalar_loop(seed, start):
    expected = scalar.words(seed, 261, start)
    for count in (0, 1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 261):
        for words in (philox.words(seed, count, start), kernels.random_words(seed, count, start)):
            assert words.dtype == np.uint32
            assert words.tolist() == expected[:count]
    backwards = np.arange(start, start + 261, dtype=np.uint64)[::-1]
    assert philox.words_at(seed, backwards).tolist() == expected[::-1]


@pytest.mark.parametrize("seed", SEEDS)
def test_both_ways_of_computing_are_one_stream(seed):
    many, start = 70001, 2**34 - 35001  # over the place where the counter's second word changes
    words = philox.words(seed, many, start)
    np.testing.assert_array_equal(kernels.random_words(seed, many, start), words)
    np.testing.assert_array_equal(philox.words_at(seed, np.arange(start, start + many)), words)


@pytest.mark.parametrize("start", [2**62, 2**62 - 3, 2**64 - 8])
def test_the_far_end_of_the_stream(start):
    expected = scalar.words(7, 8, start)
    assert philox.words(7, 8, start).tolist() == expected
    assert kernels.random_words(7, 8, start).tolist() == expected
    index = np.array([start + i for i in range(8)], np.uint64)
    assert philox.words_at(7, index).tolist() == expected


def test_words_at_keeps_the_shape():
    index = np.array([[7, 0, 2**40], [1, 1, 6]])
    words = philox.words_at(3, index)
    assert words.dtype == np.uint32
    assert words.tolist() == [[scalar.word(3, i) for i in row] for row in index.tolist()]
    assert philox.words_at(3, 9) == scalar.word(3, 9)
    assert philox.words_at(3, np.empty((2, 0), int)).shape == (2, 0)


def test_each_bit_of_the_seed_is_a_stream_of_its_own():
    # 65 seeds' first two words: all different. Two of 65 random pairs of words agree once in 10^16 times.
    firsts = {tuple(philox.words(seed, 2).tolist()) for seed in [0, *(1 << bit for bit in range(64))]}
    assert len(firsts) == 65


def test_uniforms_are_words_over_two_to_the_32():
    numbers = philox.uniforms(11, 9, 3)
    assert numbers.dtype == np.float64
    assert numbers.tolist() == [word / 2**32 for word in scalar.words(11, 9, 3)]


def test_uniforms_are_at_least_zero_and_below_one():
    # The words 0xFFFFFFFF and 0, found by search: see sparse_dropout/test_threshold.py.
    assert philox.uniforms(9652, 1, 859188).tolist() == [1 - 2**-32]
    assert philox.uniforms(10751, 1, 344903).tolist() == [0.0]


def test_uniforms_are_uniform():
    # Kolmogorov and Smirnov's test of 2^18 numbers for each of three seeds. False alarms: 3 in 10^6.
    for seed in (0, 1, 2**63):
        assert stats.kstest(philox.uniforms(seed, 1 << 18), "uniform").pvalue > 1e-6


def test_normals_are_normal():
    n = 1 << 18
    for seed in (0, 12345, 2**40):
        numbers = philox.normals(seed, n)
        assert numbers.dtype == np.float64
        assert numbers.shape == (n,)
        assert np.isfinite(numbers).all()
        assert abs(numbers.mean()) * n**0.5 < 5  # standard errors: 6 false alarms in 10^7
        assert abs((numbers**2).mean() - 1) * (n / 2) ** 0.5 < 5.5  # 4 in 10^8, doubled for chi-square's skew
        assert abs((numbers[1:] * numbers[:-1]).sum()) / n**0.5 < 5  # neighbours, 6 in 10^7
        assert stats.kstest(numbers, "norm").pvalue > 1e-6  # 1 in 10^6


def test_normals_of_the_extreme_words_are_finite():
    # A first word of 0 is a radius of 0, and of 0xFFFFFFFF the largest, sqrt(2 * 32 log 2).
    seed, index = 10751, 344903
    assert index % 2 == 1  # a second word: the angle is 0
    assert np.isfinite(philox.normals(seed, index // 2 + 1)[-1])
    assert np.sqrt(-2 * np.log1p(-philox.uniforms(9652, 1, 859188)))[0] == pytest.approx((64 * np.log(2)) ** 0.5)


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_bytes_of_words_are_uniform(seed):
    # Chi-square of 2^18 words with 255 degrees of freedom, both tails, for 4 bytes. False alarms: 8 in 10^6 a seed.
    octets = philox.words(seed, 1 << 18).view(np.uint8).reshape(-1, 4)
    for place in range(4):
        p = stats.chisquare(np.bincount(octets[:, place], minlength=256)).pvalue
        assert 1e-6 < p < 1 - 1e-6


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_every_bit_is_set_half_the_time(seed):
    # 32 bits, each of 2^18 words, within 5.5 standard errors of a half. False alarms: 32 * 4e-8 = 1.2 in 10^6.
    n = 1 << 18
    bits = np.unpackbits(philox.words(seed, n).view(np.uint8).reshape(n, 4), axis=1)
    assert np.abs(bits.sum(axis=0, dtype=np.int64) - n / 2).max() < 5.5 * n**0.5 / 2


def test_bits_of_words_are_not_correlated():
    # 496 pairs of bits, each correlation of 2^16 words within 6 standard errors. False alarms: 496 * 2e-9 = 1 in 10^6.
    n = 1 << 16
    bits = np.unpackbits(philox.words(3, n).view(np.uint8).reshape(n, 4), axis=1).astype(np.float32) * 2 - 1
    products = bits.T @ bits / n**0.5
    assert np.abs(products[np.triu_indices(32, 1)]).max() < 6
