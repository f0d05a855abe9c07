"""Ragged arrays cut anywhere, in the middle of a segment too."""

import dask
import dask.array as da
import numpy as np
import pytest

import workbench
from tests.covers import every_triple
from tests.declared import refusal
from tests.sparse_dropout.common import FLOATS, INTEGERS, assert_same_bits, values
from workbench import cluster

from .common import CUTS, ENGINES, cut, rng, unreadable

FUNCTIONS = ["sparse_dropout_with_replacement", "sparse_itemwise_dropout_with_replacement"]
EVERY = pytest.mark.parametrize("function", FUNCTIONS)

LENGTHS = {
    "usual": [3, 1, 4, 1, 5, 9, 2, 6],
    "with empty ones": [0, 0, 4, 0, 3, 0, 0, 7, 0, 0],
    "one for all": [23],
    "all empty": [0] * 7,
    "none": [],
    "ones": [1] * 13,
}


def assert_whole(function, x, lengths, chunked, chunked_lengths, **arguments):
    y, output_lengths = getattr(workbench, function)(x, lengths, **arguments)
    results = getattr(cluster, function)(chunked, chunked_lengths, **arguments)
    assert results[0].shape == y.shape
    whole, found_lengths, *blocks = dask.compute(*results, *results[0].to_delayed())
    assert tuple(map(len, blocks)) == results[0].chunks[0]
    assert_same_bits(whole, y)
    assert_same_bits(found_lengths, output_lengths)
    return results


@every_triple(
    chunk=list(CUTS),
    kind=list(LENGTHS),
    drawn=[(0, 0, 0.5), (1, 3, 0.3), (2, 2**62, 0.7), (3, 1, 1.0), (3, 1, 0.0)],
    engine=ENGINES,
    function=FUNCTIONS,
)
def test_every_cut_has_the_bits_of_the_whole(chunk, kind, drawn, engine, function):
    lengths = np.array(LENGTHS[kind], np.int32)
    x = values((int(lengths.sum()),), "float32")
    seed, start, ratio = drawn
    arguments = {"ratio": ratio, "replacement_value": 5, "seed": seed, "start": start, "engine": engine}
    results = assert_whole(function, x, lengths, cut(x, chunk), cut(lengths, "uneven"), **arguments)
    assert len(results[0].chunks[0]) == len(cut(x, chunk).chunks[0])
    assert results[1].chunks == cut(lengths, "uneven").chunks


@EVERY
def test_random_lengths_and_cuts(function):
    for seed in range(30):
        random = rng(seed)
        lengths = random.choice([0, 0, 1, 2, 5, 30], size=random.integers(1, 40))
        x = values((int(lengths.sum()),), "float64", seed)
        borders = np.sort(random.integers(0, x.size + 1, size=random.integers(0, 12)))
        sizes = tuple(np.diff([0, *borders, x.size]).tolist())
        assert_whole(function, x, lengths, da.from_array(x, chunks=(sizes,)), lengths, ratio=0.5, seed=seed)


@EVERY
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_every_type(dtype, function):
    lengths = np.array(LENGTHS["usual"])
    x = values((int(lengths.sum()),), dtype)
    for training in (True, False):
        arguments = {"ratio": 0.5, "replacement_value": 7, "seed": 1, "training": training}
        assert_whole(function, x, lengths, cut(x, "uneven"), lengths.tolist(), **arguments)


def test_a_dropped_segment_is_one_value_where_it_began():
    """Seed 1 drops segments 0 and 2 of the three. Chunks hold 0 0 0 | 0 1 1 2 | 2 2 | 2."""
    lengths = np.array([4, 2, 4])
    x = np.arange(1.0, 11.0)
    gone = [workbench.dropout_with_replacement(np.ones(3), seed=seed)[1].tolist() for seed in range(20)]
    seed = gone.index([True, False, True])
    y, output_lengths = cluster.sparse_dropout_with_replacement(
        da.from_array(x, chunks=((3, 4, 2, 1),)), lengths, 0.5, -1, seed=seed
    )
    assert y.chunks == ((1, 3, 0, 0),)
    assert [block.compute().tolist() for block in y.blocks] == [[-1.0], [5.0, 6.0, -1.0], [], []]
    assert output_lengths.compute().tolist() == [1, 2, 1]


@EVERY
@pytest.mark.parametrize("lengths", [[2, -1, 4], [2, 9, 4], [2, 2], [2.0, 3.0], [[2, 3]]], ids=str)
@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_lengths_and_values_are_refused_at_once(shape, lengths, function):
    expected = refusal(getattr(workbench, function), np.ones(shape, np.float32), np.array(lengths), seed=0)
    for given in (np.array(lengths), da.from_array(np.array(lengths), chunks=1)):
        assert refusal(getattr(cluster, function), unreadable(shape, np.float32, 2), given, seed=0) == expected
