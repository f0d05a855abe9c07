"""Random numbers by world: independent of the other worlds, and distributed as they should be."""

import numpy as np
import pytest

from workbench import philox
from workbench.training import initializers
from workbench.training.random import WorldRandom, derive, permutations, uniform, words, world_seeds

SEEDS = world_seeds(range(50))


def test_words_are_those_of_the_philox_stream_of_each_seed():
    seeds = np.array([3, 2**63 + 5], np.uint64)
    found = words(seeds, 7)
    for seed, row in zip(seeds, found, strict=True):
        np.testing.assert_array_equal(row, philox.words(int(seed), 7))


def test_a_derived_seed_depends_on_every_number_of_the_path_and_on_their_order():
    paths = [(), (0,), (1,), (0, 0), (0, 1), (1, 0), (2**40,)]
    derived = np.concatenate([derive(SEEDS, *path) for path in paths])
    assert len(np.unique(derived)) == len(paths) * len(SEEDS)


def test_derived_seeds_flip_half_of_the_bits():
    flipped = derive(SEEDS, 3) ^ derive(SEEDS ^ np.uint64(1), 3)
    assert abs(np.mean([int(each).bit_count() for each in flipped]) - 32) < 3


def test_uniform_numbers_have_the_moments_of_the_uniform_distribution():
    found = uniform(SEEDS, 20_000)
    assert found.min() >= 0
    assert found.max() < 1
    assert abs(found.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / found.size)
    assert abs(found.var() - 1 / 12) < 4 * np.sqrt(1 / 180 / found.size)
    assert abs(np.corrcoef(found)[np.triu_indices(50, 1)]).max() < 6 / np.sqrt(20_000)


def test_permutations_hold_each_place_once_and_each_place_equally_often():
    order = permutations(world_seeds(range(6000)), 5)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.broadcast_to(np.arange(5), order.shape))
    counts = np.apply_along_axis(np.bincount, 0, order, minlength=5)
    assert abs(counts - 1200).max() < 5 * np.sqrt(1200 * 0.8)


def test_a_world_draws_the_same_alone():
    together, alone = WorldRandom(SEEDS), WorldRandom(SEEDS[7:8])
    for size in [(3, 2), (4,)]:
        np.testing.assert_array_equal(together.normal(1, 2, (50, *size))[7:8], alone.normal(1, 2, (1, *size)))
        np.testing.assert_array_equal(together.uniform(-1, 2, (50, *size))[7:8], alone.uniform(-1, 2, (1, *size)))


@pytest.mark.parametrize(
    ("initializer", "variance", "bound"),
    [
        (initializers.glorot_uniform, 2 / 50, np.sqrt(6 / 50)),
        (initializers.glorot_normal, 2 / 50, np.inf),
        (initializers.he_uniform, 2 / 20, np.sqrt(6 / 20)),
        (initializers.he_normal, 2 / 20, np.inf),
        (initializers.lecun_normal, 1 / 20, np.inf),
        (initializers.normal(0.3), 0.09, np.inf),
        (initializers.uniform(0.3), 0.03, 0.3),
    ],
    ids=["glorot uniform", "glorot normal", "he uniform", "he normal", "lecun normal", "normal", "uniform"],
)
def test_initial_variances(initializer, variance, bound):
    weight = initializer((50, 30, 20), WorldRandom(SEEDS), 20, 30)
    assert weight.shape == (50, 30, 20)
    assert abs(weight.var() / variance - 1) < 5 * np.sqrt(2 / weight.size)
    assert abs(weight.mean()) < 5 * np.sqrt(variance / weight.size)
    assert abs(weight).max() <= bound
    assert bound == np.inf or abs(weight).max() > 0.99 * bound


def test_constant_initial_weights():
    np.testing.assert_array_equal(initializers.constant(2.5)((2, 3), WorldRandom(SEEDS), 3, 1), np.full((2, 3), 2.5))
    np.testing.assert_array_equal(initializers.zeros((2, 3), WorldRandom(SEEDS), 3, 1), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("seed", "error"), [(1.5, TypeError), (True, TypeError), ("3", TypeError), (-1, ValueError), (2**64, ValueError)]
)
def test_seeds_that_are_refused(seed, error):
    for given in (seed, [0, seed]):
        with pytest.raises(error, match=r"^seed=.*whole number from 0"):
            world_seeds(given)
    with pytest.raises(ValueError, match=r"^seed is empty"):
        world_seeds([])
