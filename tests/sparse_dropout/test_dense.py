"""Dense arrays: both engines against the scalar loop and against each other, bit for bit."""

import itertools
import math

import numpy as np
import pytest

from workbench import dropout_with_replacement
from workbench.parallel import thread_limit

from . import scalar
from .common import ENGINES, FLOATS, INTEGERS, assert_same_bits, values

# A tile is 256 elements, a job 64 tiles, and from 32768 elements on there are several threads.
LIMITS = [1, 2, 4, 255, 256, 257, 511, 513, 1279, 1281, 16383, 16384, 16385, 16641, 32767, 32768, 32769, 49153]


def compare(x, ratio, new, *, seed=17, start=0, expected=None):
    """Assert that both engines return what the scalar loop does, and leave their inputs alone."""
    y, dropped = expected or scalar.dropout(x, ratio, new, seed=seed, start=start)
    before = x.tobytes(), np.asarray(new).tobytes()
    for engine in ENGINES:
        results = dropout_with_replacement(x, ratio, new, seed=seed, start=start, engine=engine)
        assert_same_bits(results[0], y)
        assert_same_bits(results[1], dropped)
        assert not np.shares_memory(results[0], x)
    assert before == (x.tobytes(), np.asarray(new).tobytes())


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_every_type(dtype):
    x = values((5, 3, 7, 11), dtype)
    for ratio, new, start in [(0.3, 5, 0), (0.5, 0, 1), (0.9, 100, 2), (0.01, 1, 7)]:
        compare(x, ratio, new, start=start)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
@pytest.mark.parametrize("start", [0, 1, 2, 3, 2**34 + 2])
def test_lengths_around_the_limits(start, dtype):
    drops = np.array(scalar.drops(17, 0.4, max(LIMITS), start))
    whole = values(max(LIMITS), dtype)
    for length in LIMITS:
        x, dropped = whole[:length], drops[:length]
        y = np.array([9 if gone else v for v, gone in zip(x, dropped, strict=True)], dtype)
        compare(x, 0.4, 9, start=start, expected=(y, dropped))


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**64 - 1])
@pytest.mark.parametrize("start", [0, 1, 2**34 - 5, 2**40 + 5, 2**62])
def test_seeds_and_places_in_the_stream(start, seed):
    compare(values(301, "float32"), 0.5, -1.5, seed=seed, start=start)


SHAPES = [
    (5, 3, 7, 4),
    (3, 20, 301),  # one feature row is longer than a tile
    (7, 2600),
    (70, 3),
    (1, 6, 1, 5),  # axes of one element
    (600,),
]


def shapes_that_broadcast_to(shape):
    """List every shape that broadcasts to `shape`: without some leading axes, each other axis whole or 1."""
    found = {
        tuple(kept)
        for first in range(len(shape) + 1)
        for kept in itertools.product(*[(1, length) for length in shape[first:]])
    }
    return sorted(found, key=lambda found: (len(found), found))


BROADCASTS = [
    pytest.param(shape, new, id=f"{new}-to-{shape}") for shape in SHAPES for new in shapes_that_broadcast_to(shape)
]


@pytest.mark.parametrize(("shape", "new_shape"), BROADCASTS)
def test_every_replacement_that_broadcasts(shape, new_shape):
    x = values(shape, "float32")
    new = 100 + np.arange(math.prod(new_shape), dtype=np.float32).reshape(new_shape)
    for start in (0, 3):
        compare(x, 0.5, new, start=start)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float64"])
@pytest.mark.parametrize("new_shape", [(4,), (1, 4), (3, 1, 1), (5, 1, 1, 1), (5, 3, 7, 4), (5, 1, 7, 4)])
def test_replacement_of_every_width(new_shape, dtype):
    new = np.arange(math.prod(new_shape)).reshape(new_shape) % 101
    compare(values((5, 3, 7, 4), dtype), 0.5, new, start=1)


@pytest.mark.parametrize(
    "new",
    [
        np.float64(2.5),
        np.int8(-3),
        np.array(7.0),
        [1, 2, 3, 4],
        [[1.5], [2.5], [3.5]],
        np.arange(4, dtype=">i4"),
        np.arange(8.0)[::2],
        np.arange(12.0).reshape(4, 3).T,
        np.broadcast_to(np.float32(6), (3, 4)),
        np.array([np.nan, np.inf, -np.inf, -0.0]),
    ],
    ids=lambda new: f"{type(new).__name__}-{np.asarray(new).dtype}-{np.shape(new)}",
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_replacements_of_every_kind(new, dtype):
    compare(values((6, 3, 4), dtype), 0.6, new)


def test_a_read_only_replacement():
    new = np.arange(4.0)
    new.flags.writeable = False
    compare(values((6, 4), "float64"), 0.6, new)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_stride_of_zero_and_overlapping_windows(engine):
    ones = np.broadcast_to(np.float32(1), (6, 5))
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(9.0), 4)
    for x in (ones, windows):
        y, _ = dropout_with_replacement(x, 0.5, -7, seed=2, engine=engine)
        np.testing.assert_array_equal(y, np.where(np.reshape(scalar.drops(2, 0.5, x.size), x.shape), -7, x))
        assert y.flags.writeable


@pytest.mark.parametrize("engine", ENGINES)
def test_lists_are_arrays(engine):
    for x in ([1, 2, 3], [[1.5, 2.5]], (4, 5), 6.5, 7):
        y, dropped = dropout_with_replacement(x, 1, 2, seed=0, engine=engine)
        assert_same_bits(y, np.full(np.shape(x), 2, np.asarray(x).dtype))
        assert dropped.all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("start", [0, 1, 3, 255])
@pytest.mark.parametrize(
    ("shape", "new_shape"),
    [
        ((0,), (0,)),
        ((3, 0), (3, 1)),
        ((0, 3), (3,)),
        ((0, 3), (0, 1)),
        ((2, 0, 5), (2, 1, 5)),
    ],
)
def test_empty_arrays(shape, new_shape, start, scaled, engine):
    for dtype in FLOATS:
        y, dropped = dropout_with_replacement(
            np.empty(shape, dtype), 0.5, np.ones(new_shape), seed=0, start=start, scaled=scaled, engine=engine
        )
        assert_same_bits(y, np.empty(shape, dtype))
        assert_same_bits(dropped, np.empty(shape, bool))


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@pytest.mark.parametrize("start", [0, 1, 2, 3])
def test_no_axes(start, dtype):
    for seed in range(4):
        compare(np.array(3, dtype), 0.5, 4, seed=seed, start=start)
    compare(np.array(3, dtype), 0.5, np.array(4), start=start)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_number_counts_as_dropped_strictly_below_the_ratio(engine):
    # At a ratio that is some element's own number the element is kept; one float64 above, it is dropped.
    for index in range(40):
        own = scalar.word(6, index) / 2**32
        below, above = math.nextafter(own, 0), math.nextafter(own, 1)
        for ratio, gone in ((below, False), (own, False), (above, True), (own + 2**-32, True)):
            _, dropped = dropout_with_replacement(np.zeros(1), ratio, seed=6, start=index, engine=engine)
            assert dropped.tolist() == [gone]


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("new_shape", [(), (301,), (20, 1), (7, 1, 301)])
def test_threads_change_nothing(new_shape, scaled):
    x = values((7, 20, 301), "float32")
    new = np.arange(math.prod(new_shape), dtype=np.float32).reshape(new_shape)
    arguments = dict(seed=4, start=3, scaled=scaled)
    meant = dropout_with_replacement(x, 0.3, new, engine="reference", **arguments)
    for threads in (1, 2, 3):
        with thread_limit(threads):
            results = dropout_with_replacement(x, 0.3, new, **arguments)
        for k in (0, 1):
            assert_same_bits(results[k], meant[k])


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_evaluation_returns_a_copy(engine, scaled):
    x = values((5, 301), "float32")
    y, dropped = dropout_with_replacement(x, 1.0, 3.0, seed=0, training=False, scaled=scaled, engine=engine)
    assert_same_bits(y, x)
    assert not np.shares_memory(x, y)
    assert_same_bits(dropped, np.zeros(x.shape, bool))


def test_by_default_half_become_zero():
    x = np.arange(1.0, 12.0)
    y, dropped = dropout_with_replacement(x, seed=1)
    gone = scalar.drops(1, 0.5, 11)
    assert dropped.tolist() == gone
    assert y.tolist() == [0.0 if g else v for v, g in zip(x.tolist(), gone, strict=True)]


# -- scaled ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.875])
@pytest.mark.parametrize("new_shape", [(), (11,), (3, 1, 1), (5, 1, 1, 1), (5, 1, 7, 11), (5, 3, 7, 11)])
def test_scaled_is_the_formula(new_shape, ratio, dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(scale=3, size=(5, 3, 7, 11)).astype(dtype)
    new = rng.normal(size=new_shape).astype(dtype)
    expected, size = scalar.scaled_dropout(x, ratio, new, seed=9, start=1)
    results = {
        engine: dropout_with_replacement(x, ratio, new, seed=9, start=1, scaled=True, engine=engine)
        for engine in ENGINES
    }
    y, dropped = results["numba"]
    assert_same_bits(y, results["reference"][0])
    assert_same_bits(dropped, results["reference"][1])
    assert dropped.reshape(-1).tolist() == scalar.drops(9, ratio, x.size, 1)
    # Three operations and the scale itself, each rounded by half a unit in the last place.
    assert np.all(np.abs(y - expected) <= 2 * np.finfo(dtype).eps * size)
    np.testing.assert_array_equal(y[dropped], np.broadcast_to(new, x.shape)[dropped])


@pytest.mark.parametrize("length", LIMITS)
def test_scaled_lengths_around_the_limits(length):
    for dtype in FLOATS:
        x = np.random.default_rng(1).normal(size=length).astype(dtype)
        y = [
            dropout_with_replacement(x, 0.5, 0.25, seed=17, start=3, scaled=True, engine=engine)[0]
            for engine in ENGINES
        ]
        assert_same_bits(y[1], y[0])
        # Halves: nothing but float16's last bit is rounded. 0.25 + (x - 0.25) * 2 = 2 x - 0.25
        exact = np.where(np.array(scalar.drops(17, 0.5, length, 3)), 0.25, 2 * x.astype(float) - 0.25)
        np.testing.assert_allclose(y[0], exact, rtol=0, atol=4 * np.finfo(dtype).eps * (1 + 2 * np.abs(x).max()))


@pytest.mark.parametrize("engine", ENGINES)
def test_scaled_by_hand(engine):
    # Kept: 4 + (x - 4) / (1 - 0.75); scale 4.
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], np.float32)
    gone = scalar.drops(5, 0.75, 7)
    assert sorted(set(gone)) == [False, True]
    y, _ = dropout_with_replacement(x, 0.75, 4.0, seed=5, scaled=True, engine=engine)
    by_hand = [-8.0, -4.0, 0.0, 4.0, 8.0, 12.0, 16.0]
    assert y.tolist() == [4.0 if g else kept for g, kept in zip(gone, by_hand, strict=True)]


@pytest.mark.parametrize("engine", ENGINES)
def test_scaled_keeps_its_digits_where_new_is_large(engine):
    x = np.full(4, 0.1, np.float32)
    y, dropped = dropout_with_replacement(x, 1e-8, 1e8, seed=1, scaled=True, engine=engine)
    assert not dropped.any()
    np.testing.assert_allclose(y, 1e8 + (0.1 - 1e8) / (1 - 1e-8), rtol=1e-5)  # about -0.9
    y, dropped = dropout_with_replacement(np.full(8, 2e38, np.float32), 1e-4, -2e38, seed=1, scaled=True, engine=engine)
    np.testing.assert_allclose(y[~dropped], 2.0004e38, rtol=1e-6)  # 4e38 on the way would be too much


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("ratio", "gone"), [(0.0, False), (1.0, True)])
def test_scaled_where_none_or_all_are_dropped(ratio, gone, engine):
    x = values(1000, "float32")
    y, dropped = dropout_with_replacement(x, ratio, 2.5, seed=0, scaled=True, engine=engine)
    assert_same_bits(y, np.full_like(x, 2.5) if gone else x)
    assert dropped.all() == dropped.any() == gone


@pytest.mark.parametrize("dtype", FLOATS)
def test_scaled_specials(dtype):
    # The dropped are gone, whatever they were; the kept go through the formula: an infinity stays one, NaN stays NaN.
    x = values((9, 11), dtype)
    for engine in ENGINES:
        y, dropped = dropout_with_replacement(x, 0.5, 1.0, seed=3, scaled=True, engine=engine)
        assert np.all(y[dropped] == 1)
        kept = ~dropped
        np.testing.assert_array_equal(np.isnan(y[kept]), np.isnan(x[kept]))
        infinite = kept & np.isinf(x)
        assert infinite.any()
        np.testing.assert_array_equal(y[infinite], x[infinite])


def test_scaled_overflow_is_infinity_in_both():
    for dtype in FLOATS:
        x = np.array([1, -1] * 20, dtype) * np.finfo(dtype).max
        gone = np.array(scalar.drops(1, 0.5, 40))
        expected = np.where(gone, 0, np.copysign(np.inf, x))
        for engine in ENGINES:
            np.testing.assert_array_equal(
                dropout_with_replacement(x, 0.5, seed=1, scaled=True, engine=engine)[0], expected
            )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ratio", [2.0**-32, 1 - 2.0**-32, math.nextafter(1, 0), 5e-324])
def test_scaled_at_the_ends_of_the_range(ratio, engine):
    x = np.array([0.0, 1.0, -3.0, 2.0, 0.5])
    y, dropped = dropout_with_replacement(x, ratio, 0.0, seed=2, scaled=True, engine=engine)
    assert dropped.tolist() == scalar.drops(2, ratio, 5)
    np.testing.assert_allclose(y, [0 if g else v / (1 - ratio) for v, g in zip(x, dropped, strict=True)], rtol=1e-15)


@pytest.mark.parametrize("new", [0.0, 2.0, [1.0, -1.0, 0.5, 3.0, 100.0]], ids=str)
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_the_expectation_of_scaled_is_x(ratio, new):
    # The mean over 40 seeds of 100 rows each, of 5 elements, within 5 standard errors. False alarms: 3 in 10^6.
    x, draws = np.array([0.0, 1.0, -2.0, 3.5, 4.0]), 40 * 100

    def mean(**options):
        rows = np.tile(x, (100, 1))
        found = [dropout_with_replacement(rows, ratio, new, seed=seed, **options)[0] for seed in range(40)]
        return np.mean(found, axis=(0, 1))

    # Kept: x - new stretched by 1 / (1 - ratio). Its variance is (x - new)^2 * ratio / (1 - ratio).
    error = np.abs(x - new) * (ratio / (1 - ratio) / draws) ** 0.5
    assert np.all(np.abs(mean(scaled=True) - x) <= 5 * error + 1e-12)
    biased = mean()
    assert np.abs(biased - x)[error > 0].max() > 5 * error.max() * (1 - ratio)  # without it the mean is another
