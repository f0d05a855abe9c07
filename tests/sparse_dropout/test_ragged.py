"""The ragged operators: both engines against the scalar loop and against each other, bit for bit."""

import numpy as np
import pytest

from workbench import (
    sparse_dropout_with_replacement,
    sparse_itemwise_dropout_with_replacement,
)

from . import scalar
from .common import ENGINES, FLOATS, INTEGERS, assert_same_bits, values

# 4096 segments are a chunk, 32768 are enough for threads.
LIMITS = [0, 1, 2, 3, 5, 255, 256, 257, 4095, 4096, 4097, 8191, 8193, 32769]


def lists(segments, dtype="float32", length_type="int64", seed=0):
    """Return x and lengths from 0 to 4, a third of them 0, and one long segment."""
    rng = np.random.default_rng(seed)
    lengths = np.maximum(rng.integers(-2, 5, segments), 0).astype(length_type)
    if segments > 2:
        lengths[segments // 2] = 300
    return values(int(lengths.sum()), dtype, seed), lengths


def compare(x, lengths, ratio, value, *, seed=13, start=0):
    before = x.tobytes(), lengths.tobytes()
    native = lengths.astype(lengths.dtype.newbyteorder("="))
    meant = scalar.ragged(x.astype(x.dtype.newbyteorder("=")), native, ratio, value, seed=seed, start=start)
    items = scalar.itemwise(x.astype(x.dtype.newbyteorder("=")), ratio, value, seed=seed, start=start)
    for engine in ENGINES:
        arguments = dict(seed=seed, start=start, engine=engine)
        y, output_lengths = sparse_dropout_with_replacement(x, lengths, ratio, value, **arguments)
        assert_same_bits(y, meant[0])
        assert_same_bits(output_lengths, meant[1])
        assert output_lengths.sum() == y.size
        assert not np.shares_memory(y, x)
        assert not np.shares_memory(output_lengths, lengths)
        y, output_lengths = sparse_itemwise_dropout_with_replacement(x, lengths, ratio, value, **arguments)
        assert_same_bits(y, items)
        assert_same_bits(output_lengths, native)
        assert not np.shares_memory(y, x)
        assert not np.shares_memory(output_lengths, lengths)
    assert before == (x.tobytes(), lengths.tobytes())


@pytest.mark.parametrize("length_type", ["int32", "int64"])
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_every_type(dtype, length_type):
    x, lengths = lists(70, dtype, length_type)
    for ratio, start in [(0.0, 0), (0.3, 1), (0.9, 2), (1.0, 3)]:
        compare(x, lengths, ratio, 42, start=start)


@pytest.mark.parametrize("start", [0, 1, 2, 3, 2**34 - 5])
@pytest.mark.parametrize("segments", LIMITS)
def test_segments_around_the_limits(segments, start):
    compare(*lists(segments, "int16"), 0.4, -1, start=start)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**64 - 1])
@pytest.mark.parametrize("start", [0, 2**40 + 5, 2**62])
def test_seeds_and_places_in_the_stream(start, seed):
    compare(*lists(301), 0.5, 2.5, seed=seed, start=start)


@pytest.mark.parametrize("engine", ENGINES)
def test_by_hand(engine):
    # Words 0 to 3 of seed 0 are 0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8: 0.40, 0.88, 0.74, 0.61 of 2^32.
    x, lengths = np.array([10, 11, 12, 13, 14, 15]), np.array([2, 1, 0, 3])
    for ratio, y, output_lengths in [
        (0.39, [10, 11, 12, 13, 14, 15], [2, 1, 0, 3]),
        (0.5, [-1, 12, 13, 14, 15], [1, 1, 0, 3]),
        (0.7, [-1, 12, -1], [1, 1, 0, 1]),
        (0.8, [-1, 12, -1, -1], [1, 1, 1, 1]),
        (0.9, [-1, -1, -1, -1], [1, 1, 1, 1]),
    ]:
        results = sparse_dropout_with_replacement(x, lengths, ratio, -1, seed=0, engine=engine)
        assert [result.tolist() for result in results] == [y, output_lengths]
    results = sparse_itemwise_dropout_with_replacement(x[:4], [2, 2], 0.7, -1, seed=0, engine=engine)
    assert [result.tolist() for result in results] == [[-1, 11, 12, -1], [2, 2]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dropped_empty_segment_becomes_one_value(engine):
    y, lengths = sparse_dropout_with_replacement(np.empty(0), np.zeros(7, np.int32), 1.0, 4.5, seed=0, engine=engine)
    assert y.tolist() == [4.5] * 7
    assert_same_bits(lengths, np.ones(7, np.int32))
    y, lengths = sparse_itemwise_dropout_with_replacement(
        np.empty(0), np.zeros(7, np.int32), 1.0, 4.5, seed=0, engine=engine
    )
    assert y.size == 0
    assert_same_bits(lengths, np.zeros(7, np.int32))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "operator", [sparse_dropout_with_replacement, sparse_itemwise_dropout_with_replacement], ids=["segments", "items"]
)
def test_evaluation_returns_copies(operator, engine):
    x, lengths = lists(50, "float32", "int32")
    y, output_lengths = operator(x, lengths, 1.0, 3, seed=0, training=False, engine=engine)
    assert_same_bits(y, x)
    assert_same_bits(output_lengths, lengths)
    assert not np.shares_memory(x, y)
    assert not np.shares_memory(lengths, output_lengths)


def test_by_default_nothing_is_dropped():
    x, lengths = lists(50)
    for operator in (sparse_dropout_with_replacement, sparse_itemwise_dropout_with_replacement):
        assert_same_bits(operator(x, lengths, seed=0)[0], x)
        assert set(operator(x, lengths, 1.0, seed=0)[0].tolist()) == {0}


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.nan, "float16"),
        (-np.inf, "float32"),
        (-0.0, "float64"),
        (65504, "float16"),
        (2**64 - 1, "uint64"),
        (-(2**63), "int64"),
        (127.0, "int8"),
        (np.uint8(200), "int16"),
        (np.float16(-3), "int32"),
    ],
    ids=str,
)
def test_values_that_fit(value, dtype):
    x, lengths = lists(40, dtype)
    for engine in ENGINES:
        for operator in (sparse_dropout_with_replacement, sparse_itemwise_dropout_with_replacement):
            y, _ = operator(x, lengths, 1.0, value, seed=0, engine=engine)
            assert_same_bits(y, np.full(y.size, value).astype(dtype))


@pytest.mark.parametrize("engine", ENGINES)
def test_lists_are_arrays(engine):
    y, lengths = sparse_dropout_with_replacement([1, 2, 3], [1, 2], 0, seed=0, engine=engine)
    assert_same_bits(y, np.array([1, 2, 3]))
    assert_same_bits(lengths, np.array([1, 2]))
    for empty in ([], ()):
        y, lengths = sparse_dropout_with_replacement(empty, empty, 0.5, seed=0, engine=engine)
        assert_same_bits(y, np.empty(0))
        assert_same_bits(lengths, np.empty(0, np.int64))


@pytest.mark.parametrize("engine", ENGINES)
def test_one_segment_of_everything(engine):
    x = values(100000, "float32")
    for seed in range(4):
        y, lengths = sparse_dropout_with_replacement(x, np.array([100000]), 0.5, 2, seed=seed, engine=engine)
        gone = scalar.drops(seed, 0.5, 1)[0]
        assert_same_bits(y, np.full(1, 2, np.float32) if gone else x)
        assert lengths.tolist() == [1 if gone else 100000]
