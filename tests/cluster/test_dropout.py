"""Dropout block by block: the bits do not depend on the blocks, nor do replacements computed from all of them."""

import dask
import dask.array as da
import numpy as np
import pytest

import workbench
from tests.covers import every_triple
from tests.declared import refusal
from tests.sparse_dropout.common import FLOATS, INTEGERS, assert_same_bits, values
from workbench import cluster
from workbench.sparse_dropout import kernels

from .common import CUTS, ENGINES, cut, cut_axes, rng, unreadable

BOTH = pytest.mark.parametrize("engine", ENGINES)
SHAPES = [(), (29,), (5, 17), (4, 3, 7), (2, 5, 3, 4)]


def assert_whole(x, chunked, **arguments):
    results = cluster.dropout_with_replacement(chunked, **arguments)
    assert results[0].chunks == results[1].chunks == chunked.chunks
    expected = workbench.dropout_with_replacement(x, **arguments)
    for result, wanted in zip(dask.compute(*results), expected, strict=True):
        assert_same_bits(result, wanted)


@BOTH
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("chunk", list(CUTS))
def test_every_cut_has_the_bits_of_the_whole(chunk, shape, engine):
    x = values(shape, "float32")
    for seed, start in [(0, 0), (7, 1), (2**64 - 1, 2**40 + 3), (5, 2**62)]:
        assert_whole(x, cut(x, chunk), ratio=0.3, seed=seed, start=start, engine=engine)


@BOTH
@pytest.mark.parametrize(
    "names",
    [("whole", "ones", "ones"), ("ones", "whole", "ones"), ("uneven", "whole", "uneven"), ("whole", "uneven", "ones")],
)
def test_axes_cut_each_in_a_way_of_its_own(names, engine):
    x = values((6, 5, 7), "float64")
    assert_whole(x, cut_axes(x, *names), ratio=0.6, seed=2, start=2, engine=engine)


@BOTH
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_every_type(dtype, engine):
    x = values((4, 3, 9), dtype)
    assert_whole(x, cut(x, "uneven"), ratio=0.5, replacement=7, seed=1, engine=engine)
    assert_whole(x, cut(x, "uneven"), ratio=0.5, replacement=7, seed=1, training=False, engine=engine)
    for ratio in (0.0, 1.0):
        assert_whole(x, cut(x, "columns"), ratio=ratio, seed=1, engine=engine)


@every_triple(
    shape=[(), (7,), (5, 1), (4, 1, 1), (1, 5, 1), (4, 5, 7)], dtype=FLOATS, scaled=[False, True], engine=ENGINES
)
def test_replacements_that_broadcast(shape, dtype, scaled, engine):
    x, new = values((4, 5, 7), dtype), rng().normal(size=shape).astype(np.float32)
    for names in (("ones", "whole", "uneven"), ("whole", "uneven", "with empty chunks")):
        assert_whole(x, cut_axes(x, *names), ratio=0.4, replacement=new, seed=3, scaled=scaled, engine=engine)


def test_blocks_long_enough_for_several_tiles():
    x = values((3, 41, 67), "float32")
    row = rng().normal(size=67)
    for chunks in [(3, 41, 67), (2, 41, 16), (3, 20, 67), (1, 41, 66), (3, 41, 1), (3, 41, 5)]:
        for scaled in (False, True):
            chunked = da.from_array(x, chunks=chunks)
            assert_whole(x, chunked, ratio=0.5, replacement=row, seed=3, start=5, scaled=scaled)


def test_a_replacement_for_no_elements():
    x = np.empty((3, 0), np.float32)
    for new in (np.empty(0), np.empty((1, 0)), np.ones((3, 1))):
        assert_whole(x, cut_axes(x, "ones", "whole"), replacement=new, seed=0)


def test_y_and_dropped_are_drawn_together(monkeypatch):
    drawn, function = [], kernels.dropout_of_runs
    monkeypatch.setattr(kernels, "dropout_of_runs", lambda *arguments: drawn.append(1) or function(*arguments))
    x = da.ones((6, 4), chunks=2)
    dask.compute(*cluster.dropout_with_replacement(x, seed=0))
    assert len(drawn) == x.npartitions


# -- values computed from x --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(), (29,), (4, 3, 7)], ids=str)
def test_a_median_is_that_of_the_whole(shape, dtype, per_feature):
    for seed, chunk in enumerate(["rows", "uneven", "with empty chunks"]):
        x = values(shape, dtype, seed)
        assert_whole(x, cut(x, chunk), ratio=0.5, replacement="median", per_feature=per_feature, seed=1)


@every_triple(chunk=list(CUTS), shape=SHAPES, dtype=FLOATS, per_feature=[False, True])
def test_a_mean_is_that_of_the_whole(chunk, shape, dtype, per_feature):
    x = values(shape, dtype, len(chunk))
    arguments = {"ratio": 1.0, "replacement": "mean", "per_feature": per_feature, "seed": 1}
    expected, _ = workbench.dropout_with_replacement(x, **arguments)
    y, _ = cluster.dropout_with_replacement(cut(x, chunk), **arguments)
    np.testing.assert_allclose(y.compute(), expected, rtol=2 * np.finfo(dtype).eps, atol=1e-13)


def typical(x, name, per_feature=False, chunks=2):
    """Return the value that all elements become."""
    chunked = da.from_array(x, chunks=chunks)
    return cluster.dropout_with_replacement(chunked, 1.0, name, per_feature=per_feature, seed=0)[0].compute()


NAN, INF = np.nan, np.inf
X = [
    [0.0, 5.0, -1.0, NAN],
    [2.0, 5.0, -2.0, 0.0],
    [-0.0, INF, -4.0, -INF],
    [8.0, 5.0, -3.0, 0.0],
    [3.0, 6.0, -9.0, 0.0],
]


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_finite_values_that_are_not_zero_count(dtype):
    x = np.array(X, dtype)
    # By columns 2 8 3, 5 5 5 6, -1 -2 -4 -3 -9, and none. In all -9 -4 -3 -2 -1 2 3 5 5 5 6 8, whose sum is 15.
    assert np.all(typical(x, "mean") == 1.25)
    assert np.all(typical(x, "median") == 2.5)
    assert np.all(typical(x, "zero") == 0)
    np.testing.assert_allclose(typical(x, "mean", True)[0], np.array([13 / 3, 5.25, -3.8, 0.0], dtype), rtol=1e-6)
    assert typical(x, "median", True).tolist() == [[3.0, 5.0, -3.0, 0.0]] * 5
    assert typical(x, "zero", True).tolist() == [[0.0] * 4] * 5


@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("name", ["mean", "median"])
def test_sizes_at_the_ends_of_the_range(name, per_feature):
    for dtype, large in (("float16", 60000.0), ("float32", 3e38), ("float64", 1.7e308)):
        x = np.full((6, 1), large, dtype)
        np.testing.assert_allclose(typical(x, name, per_feature), x, rtol=np.finfo(dtype).eps)
    np.testing.assert_allclose(typical(np.array([[1e-310], [3e-310]]), name, per_feature), 2e-310, rtol=1e-10)
    for nothing in ([0.0, -0.0, 0.0], [NAN, INF, -INF]):
        assert typical(np.array([nothing, nothing]), name, per_feature).tolist() == [[0.0] * 3] * 2


def test_medians_of_many_values():
    """The values differ in each of their 16-bit digits, with both signs and ties: every digit must be found."""
    random = rng(4)
    for dtype, bits in (("float16", "u2"), ("float32", "u4"), ("float64", "u8")):
        for count in (1000, 1001):
            x = random.integers(0, np.iinfo(bits).max, count, dtype=bits, endpoint=True).view(dtype)
            x[random.random(count) < 0.3] = random.choice(x, 3)[0]
            found = typical(x, "median", chunks=150)[0]
            kept = np.sort(x[np.isfinite(x) & (x != 0)]).astype(np.float64)
            low, high = kept[(kept.size - 1) // 2], kept[kept.size // 2]
            assert found == np.array(low / 2 + high / 2, dtype)


def test_a_value_that_is_not_needed_is_not_computed():
    x = unreadable((4, 4), np.float32, 2)
    for name in ("mean", "median", "zero"):
        cluster.dropout_with_replacement(x, 0.5, name, seed=0, training=False)
        cluster.dropout_with_replacement(x, 0.0, name, seed=0)
    for name in ("mean", "median"):
        with pytest.raises(AssertionError, match="a block was computed"):
            cluster.dropout_with_replacement(x, 0.5, name, seed=0)


# -- the way back ------------------------------------------------------------------------------------------------------


@every_triple(
    shape=[(), (7,), (5, 1), (1, 7), (4, 1, 1), (4, 5, 7)], dtype=FLOATS, scaled=[False, True], engine=ENGINES
)
def test_gradient(shape, dtype, scaled, engine):
    dy = rng().normal(size=(4, 5, 7)).astype(dtype)
    dropped = rng(1).random(dy.shape) < 0.4
    arguments = {"ratio": 0.4, "scaled": scaled, "replacement_shape": shape, "engine": engine}
    dx, dnew = workbench.dropout_with_replacement_gradient(dy, dropped, **arguments)
    for one, other in [("rows", "columns"), ("with empty chunks", "uneven")]:
        results = cluster.dropout_with_replacement_gradient(cut(dy, one), cut(dropped, other), **arguments)
        assert results[0].chunks == cut(dy, one).chunks
        found_dx, found_dnew = dask.compute(*results)
        assert_same_bits(found_dx, dx)
        assert found_dnew.dtype == dnew.dtype
        assert np.shape(found_dnew) == shape
        np.testing.assert_allclose(found_dnew, dnew, rtol=np.finfo(dtype).eps, atol=1e-13)


def test_a_replacements_gradient_is_rounded_once():
    """2049 is no float16: 12 blocks of it are 24588, which becomes 24592, and 12 times 2048 would be 24576."""
    dy = da.from_array(np.tile(np.array([2048, 1], np.float16), (12, 1)), chunks=(1, 2))
    _, new = cluster.dropout_with_replacement_gradient(dy, np.ones((12, 2), bool))
    assert new.compute() == 24592


def test_a_replacements_gradient_beyond_the_range_is_infinite_without_a_warning():
    for dtype, large in [("float16", 60000), ("float32", 3e38), ("float64", 1.7e308)]:
        dy = np.full((6, 5), large, dtype)
        dy[0, 0] = np.nan
        with np.errstate(all="raise"):
            _, new = cluster.dropout_with_replacement_gradient(
                da.from_array(dy, chunks=1), np.ones((6, 5), bool), replacement_shape=(6, 1)
            )
            result = new.compute()
        assert result.dtype == dtype
        assert np.isnan(result[0])
        assert np.all(result[1:] == np.inf)


@pytest.mark.parametrize(
    "arguments", [{"training": False}, {"ratio": 0.0, "scaled": True}, {"ratio": 1.0, "scaled": True}]
)
def test_marks_that_contradict_the_ratio_are_an_error_of_the_computation(arguments):
    dy, dropped = np.ones((4, 6)), np.zeros((4, 6), bool)
    dropped[3, 5] = True
    with pytest.raises(ValueError, match="but `dropped` ") as plain:
        workbench.dropout_with_replacement_gradient(dy, dropped, **arguments)
    results = cluster.dropout_with_replacement_gradient(cut(dy, "uneven"), cut(dropped, "uneven"), **arguments)
    for result in results:
        with pytest.raises(ValueError, match="but `dropped` ") as here:
            result.compute()
        assert str(here.value) == str(plain.value)
    everything = np.ones((4, 6), bool)
    cluster.dropout_with_replacement_gradient(cut(dy, "uneven"), everything, ratio=1.0, scaled=True)[0].compute()


def test_what_is_refused_is_refused_at_once_as_by_the_plain_function():
    drop, carry_back = "dropout_with_replacement", "dropout_with_replacement_gradient"
    x, whole, dropped = np.ones((2, 3)), np.ones((2, 3), int), np.ones((2, 3), bool)
    for name, inputs, arguments in [
        (drop, [whole], {"seed": 0, "replacement": "mean"}),
        (drop, [whole], {"seed": 0, "replacement": "zero", "scaled": True}),
        (drop, [x], {"seed": 0, "replacement": "max"}),
        (drop, [x], {"seed": 0, "replacement": [INF, 0, 0], "scaled": True}),
        (drop, [x.astype(np.int8)], {"seed": 0, "replacement": 1000}),
        (drop, [x.astype(np.float16)], {"seed": 0, "replacement": np.array([1.0, 2.0, 1e9])}),
        (carry_back, [x, dropped[1:]], {}),
        (carry_back, [x, dropped.astype(np.uint8)], {}),
        (carry_back, [whole, dropped], {}),
        (carry_back, [x, dropped], {"scaled": True}),
        (carry_back, [x, dropped], {"replacement_shape": (2,)}),
    ]:
        expected = refusal(getattr(workbench, name), *inputs, **arguments)
        blocks = [unreadable(each.shape, each.dtype, 2) for each in inputs]
        assert refusal(getattr(cluster, name), *blocks, **arguments) == expected
