"""Each trick against a scalar loop over its own random words, and against the chance that it should have."""

import math

import numpy as np
import pytest

from workbench import dropout_with_replacement, parallel, philox
from workbench.hardware import tricks

NAMES = ["separate_mask", "fused_32", "fused_16", "fused_8", "skipping"]
MANY = 3 * tricks.STRETCH + 77  # three stretches and a part; no whole number of tiles, jobs or blocks


def values(count):
    return np.random.default_rng(count).standard_normal(count, dtype=np.float32)


def fates_of_fields(count, ratio, seed, bits):
    """Split every word into fields of `bits` bits, the lowest first, and compare each with the rounded ratio."""
    fields = []
    for word in philox.words(seed, -(-count * bits // 32)).tolist():
        fields += [word >> low & (1 << bits) - 1 for low in range(0, 32, bits)]
    return [field < round(ratio * 2**bits) for field in fields[:count]]


def fates_of_gaps(count, ratio, seed):
    """Walk from dropped element to dropped element, each stretch with words of its own."""
    fates = [False] * count
    for stretch, start in enumerate(range(0, count, tricks.STRETCH)):
        end = min(start + tricks.STRETCH, count)
        at = start - 1
        for word in philox.words(seed, tricks.STRETCH + 4, stretch * (tricks.STRETCH + 4)).tolist():
            at += 1 + math.floor(math.log((word + 1) / 2**32) / math.log1p(-ratio))
            if at >= end:
                break
            fates[at] = True
    return fates


def scalar_fates(name, count, ratio, seed):
    if name == "separate_mask":
        return [(word >> 8) / 2**24 < ratio for word in philox.words(seed, count).tolist()]
    if name == "fused_32":
        return [word / 2**32 < ratio for word in philox.words(seed, count).tolist()]
    if name == "skipping":
        return fates_of_gaps(count, ratio, seed)
    return fates_of_fields(count, ratio, seed, int(name.removeprefix("fused_")))


def test_all_are_here():
    assert list(tricks.TRICKS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ratio", [0.3, 0.003, 0.96])
@pytest.mark.parametrize("count", [1, 1023, MANY])
def test_fates_and_values(name, ratio, count):
    x = values(count)
    given = x.copy()
    y, dropped = tricks.TRICKS[name](x, ratio, 2**63 + 5)
    fates = scalar_fates(name, count, ratio, 2**63 + 5)
    assert dropped.dtype == np.bool_
    assert y.dtype == np.float32
    np.testing.assert_array_equal(dropped, fates)
    np.testing.assert_array_equal(y, [0 if fate else value for fate, value in zip(fates, given, strict=True)])
    np.testing.assert_array_equal(x, given)


# A million draws: five standard deviations are passed with a chance of 6e-7 each.
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ratio", [0.01, 0.3, 0.75])
def test_the_share_dropped_is_the_ratio(name, ratio):
    bits = {"fused_16": 16, "fused_8": 8}.get(name, 32)
    chance = round(ratio * 2**bits) / 2**bits
    _, dropped = tricks.TRICKS[name](values(1_000_000), ratio, 3)
    assert abs(dropped.sum() - 1e6 * chance) < 5 * math.sqrt(1e6 * chance * (1 - chance))


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_are_independent(name):
    _, dropped = tricks.TRICKS[name](values(1_000_000), 0.3, 4)
    chance = dropped.mean()
    for lag in (1, 2, 3, 4, 7, 1024, tricks.STRETCH):
        both = (dropped[:-lag] & dropped[lag:]).mean()
        assert abs(both - chance**2) < 5 * chance * (1 - chance) / 1000


@pytest.mark.parametrize("name", NAMES)
def test_ratio_0_keeps_all_and_1_drops_all(name):
    x = values(MANY)
    x[::3] = np.nan
    y, dropped = tricks.TRICKS[name](x, 0.0, 1)
    np.testing.assert_array_equal(y, x)
    assert not dropped.any()
    y, dropped = tricks.TRICKS[name](x, 1.0, 1)
    np.testing.assert_array_equal(y, np.zeros(MANY))
    assert dropped.all()


def test_ratios_that_few_bits_cannot_hold():
    x = values(MANY)
    assert not tricks.fused_8(x, 0.0019, 1)[1].any()  # below half of 1/256
    assert tricks.fused_8(x, 0.9981, 1)[1].all()  # 255.51 of 256
    assert tricks.fused_16(x, 0.0019, 1)[1].any()


@pytest.mark.parametrize("name", NAMES)
def test_threads_change_nothing(name):
    x = values(MANY)
    results = []
    for threads in (1, 2, 5):
        with parallel.thread_limit(threads):
            results.append(tricks.TRICKS[name](x, 0.2, 6))
    for y, dropped in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(dropped, results[0][1])


def test_the_threshold_is_exact_to_the_last_bit():
    x = values(5)
    word = int(philox.words(2, 3)[2])
    for trick, number, unit in ((tricks.fused_32, word, 2**-32), (tricks.separate_mask, word >> 8, 2**-24)):
        assert not trick(x, number * unit, 2)[1][2]  # r < ratio, and r is the ratio
        assert trick(x, (number + 0.5) * unit, 2)[1][2]


def test_gaps_are_exact_to_the_last_bit():
    x = values(5)
    word = int(philox.words(2, 1)[0])
    # r = (word + 1) / 2^32 is a first gap of 0 where it is above 1 - ratio, and of 1 where it is just below.
    assert tricks.skipping(x, 1 - (word + 0.5) / 2**32, 2)[1][0]
    assert not tricks.skipping(x, 1 - (word + 1.5) / 2**32, 2)[1][0]


def test_32_bits_are_the_operator():
    x = values(4321)
    for mine, operators in zip(
        tricks.fused_32(x, 0.37, 8), dropout_with_replacement(x, 0.37, seed=8, engine="reference"), strict=True
    ):
        np.testing.assert_array_equal(mine, operators)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_gives_nothing(name):
    y, dropped = tricks.TRICKS[name](values(0), 0.5, 1)
    assert y.shape == dropped.shape == (0,)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("arguments", "problem", "said"),
    [
        ((np.ones(3), 0.5, 1), TypeError, r"x: must be a contiguous float32 array .* take x.ravel\(\)"),
        ((np.ones((2, 3), np.float32), 0.5, 1), TypeError, "x: must be"),
        ((np.ones(6, np.float32)[::2], 0.5, 1), TypeError, "x: must be"),
        ((np.ones(3, np.float32), math.nan, 1), ValueError, "ratio=nan: must be finite"),
        ((np.ones(3, np.float32), 1.5, 1), ValueError, "ratio=1.5: .*nearest legal value is 1.0"),
        ((np.ones(3, np.float32), 0.5, -1), ValueError, "seed=-1: .*nearest legal value is 0"),
    ],
)
def test_refuses(name, arguments, problem, said):
    with pytest.raises(problem, match=said):
        tricks.TRICKS[name](*arguments)
