"""The gradient against the scalar loop, and sums by hand."""

import numpy as np
import pytest
import scipy.sparse

from workbench import dropout_with_replacement, dropout_with_replacement_gradient
from workbench.parallel import thread_limit

from . import scalar
from .common import ENGINES, FLOATS, assert_same_bits, places_of


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array"])
@pytest.mark.parametrize("new_shape", [(), (1,), (7,), (1, 7), (6, 1), (6, 7), (1, 1)], ids=str)
def test_of_sparse_matrices(new_shape, kind, scaled):
    rng = np.random.default_rng(len(new_shape))
    dy = getattr(scipy.sparse, kind)(rng.normal(size=(6, 7)) * (rng.random((6, 7)) < 0.6))
    dy.data[3] = 0.0  # a stored zero
    dropped = dy.astype(bool)
    dropped.data = rng.random(dy.data.size) < 0.4
    # What is not stored has a gradient of zero, kept or dropped.
    to_x, to_new = scalar.gradient(dy.toarray(), dropped.toarray(), new_shape, 0.4 if scaled else 0.0)
    for engine in ENGINES:
        dx, dnew = dropout_with_replacement_gradient(
            dy, dropped, ratio=0.4, scaled=scaled, replacement_shape=new_shape, engine=engine
        )
        assert type(dx) is type(dy)
        assert_same_bits(dx.indices, dy.indices)
        assert_same_bits(dx.indptr, dy.indptr)
        assert not any(np.shares_memory(getattr(dx, name), getattr(dy, name)) for name in ("data", "indices", "indptr"))
        np.testing.assert_allclose(dx.toarray(), to_x, rtol=1e-15)
        assert dnew.shape == new_shape
        np.testing.assert_allclose(dnew, to_new, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
def test_by_hand(engine):
    dy = np.array([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]])
    dropped = np.array([[True, False, False], [True, False, True]])
    for shape, expected in [((), 41.0), ((3,), [9.0, 0.0, 32.0]), ((2, 1), [[1.0], [40.0]]), ((1, 1), [[41.0]])]:
        dx, dnew = dropout_with_replacement_gradient(dy, dropped, replacement_shape=shape, engine=engine)
        assert dx.tolist() == [[0.0, 2.0, 4.0], [0.0, 16.0, 0.0]]
        assert dnew.tolist() == expected
    # Scaled by 1 / (1 - 0.75) = 4: kept gradients go to x fourfold, and -3 times to the replacement.
    for shape, expected in [((), 41 - 66.0), ((3,), [9.0, -54.0, 20.0]), ((2, 1), [[-17.0], [-8.0]])]:
        dx, dnew = dropout_with_replacement_gradient(
            dy, dropped, ratio=0.75, scaled=True, replacement_shape=shape, engine=engine
        )
        assert dx.tolist() == [[0.0, 8.0, 16.0], [0.0, 64.0, 0.0]]
        assert dnew.tolist() == expected


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("new_shape", [(), (1, 1), (301,), (20, 1), (7, 1, 301), (7, 20, 301)], ids=str)
def test_types_and_threads(new_shape, dtype, scaled):
    # 42140 elements: threads, and more than one job.
    rng = np.random.default_rng(0)
    dy = rng.normal(size=(7, 20, 301)).astype(dtype)
    dropped = rng.random(dy.shape) < 0.3
    ratio = 0.25 if scaled else 0.0
    to_x, to_new = scalar.gradient(dy, dropped, new_shape, ratio)
    arguments = dict(ratio=0.25, scaled=scaled, replacement_shape=new_shape)
    meant, _ = dropout_with_replacement_gradient(dy, dropped, engine="reference", **arguments)
    rounding, smallest = np.finfo(dtype).eps, float(np.finfo(dtype).smallest_subnormal)
    np.testing.assert_allclose(meant.astype(float), to_x, rtol=2 * rounding, atol=smallest)
    for engine, threads in (("reference", 1), ("numba", 1), ("numba", 2), ("numba", 3)):
        with thread_limit(threads):
            dx, dnew = dropout_with_replacement_gradient(dy, dropped, engine=engine, **arguments)
        assert_same_bits(dx, meant)
        assert type(dnew) is np.ndarray
        assert dnew.dtype == dtype
        assert dnew.shape == new_shape
        # Added up in float64 and rounded once; the sizes of what was added are at most 50000 in all.
        assert np.all(np.abs(dnew.astype(float) - to_new) <= rounding * np.abs(to_new) + smallest + 1e-10)


@pytest.mark.parametrize("new_shape", [(), (301,), (20, 1), (7, 1, 301)], ids=str)
def test_the_number_of_threads_changes_no_bit_of_a_sum(new_shape):
    rng = np.random.default_rng(0)
    dy, dropped = rng.normal(size=(7, 20, 301)), rng.random((7, 20, 301)) < 0.3
    found = []
    for threads in (1, 2, 3):
        with thread_limit(threads):
            found.append(dropout_with_replacement_gradient(dy, dropped, replacement_shape=new_shape)[1].tobytes())
    assert found == [found[0]] * 3


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 4095, 4096, 4097, 32768, 40001])
def test_lengths_around_the_limits(count):
    rng = np.random.default_rng(1)
    dy, dropped = rng.integers(-50, 50, count).astype(np.float64), rng.random(count) < 0.5
    for engine in ENGINES:
        dx, dnew = dropout_with_replacement_gradient(dy, dropped, engine=engine)
        assert dx.tolist() == [0.0 if gone else g for g, gone in zip(dy.tolist(), dropped, strict=True)]
        assert dnew == sum(g for g, gone in zip(dy.tolist(), dropped, strict=True) if gone)  # whole numbers: exact


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 31, 33, 255, 257, 1023, 1025])
def test_each_value_gets_the_sum_of_its_elements(rows, scaled):
    # Whole numbers, and a scale of 2: every sum is exact, in whatever order. From few elements a value to many.
    rng = np.random.default_rng(rows)
    for shape in [(rows, 7), (7, rows), (3, rows, 2), (2, 3, rows), (rows, 1, 5)]:
        dy, dropped = rng.integers(-9, 10, shape).astype(np.float32), rng.random(shape) < 0.5
        for new_shape in {shape[first:] for first in range(len(shape) + 1)} | {
            (rows, 1),
            (1, 7),
            (7, 1),
            (3, 1, 1),
            (3, rows, 1),
            (3, 1, 2),
            (1, rows, 2),
            (2, 1, rows),
            (rows, 1, 1),
            (1, 1, 5),
        }:
            if len(new_shape) > len(shape) or any(
                mine not in (1, theirs) for mine, theirs in zip(new_shape[::-1], shape[::-1], strict=False)
            ):
                continue
            dx, dnew = scalar.gradient(dy, dropped, new_shape, 0.5 if scaled else 0.0)
            for engine in ENGINES:
                results = dropout_with_replacement_gradient(
                    dy, dropped, ratio=0.5, scaled=scaled, replacement_shape=new_shape, engine=engine
                )
                np.testing.assert_array_equal(results[0], dx)
                assert results[1].shape == new_shape
                np.testing.assert_array_equal(results[1], dnew)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scaled", [False, True])
def test_no_axes_and_no_elements(scaled, engine):
    arguments = dict(ratio=0.5, scaled=scaled, engine=engine)
    for gone in (False, True):
        dx, dnew = dropout_with_replacement_gradient(np.array(3.0), np.array(gone), **arguments)
        assert dx.shape == dnew.shape == ()
        assert dx == (0 if gone else 6 if scaled else 3)
        assert dnew == (3 if gone else -3 if scaled else 0)
    for shape, new_shape in [((0,), ()), ((3, 0), (3, 1)), ((3, 0), (0,)), ((0, 3), (3,)), ((0, 3), ())]:
        dx, dnew = dropout_with_replacement_gradient(
            np.empty(shape, np.float32), np.empty(shape, bool), replacement_shape=new_shape, **arguments
        )
        assert_same_bits(dx, np.empty(shape, np.float32))
        assert_same_bits(dnew, np.zeros(new_shape, np.float32))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_was_dropped_is_gone_from_dx(dtype, scaled, engine):
    dy = np.array([np.nan, np.inf, -np.inf, 2.0, np.inf, np.nan, -0.0], dtype)
    dropped = np.array([True, True, True, True, False, False, False])
    dx, _ = dropout_with_replacement_gradient(
        dy, dropped, ratio=0.5, scaled=scaled, replacement_shape=(7,), engine=engine
    )
    assert_same_bits(dx[:4].copy(), np.zeros(4, dtype))
    np.testing.assert_array_equal(dx[4:], [np.inf, np.nan, -0.0])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("new_shape", [(), (2,), (1, 2)])
def test_a_dropped_infinity_is_no_kept_one(new_shape, scaled, engine):
    # It goes to the replacement, once: counted among the kept as well, as 0 times infinity, it would make a NaN.
    for rows in (1, 50):  # few elements for each value, and many
        dy, dropped = np.tile([[np.inf, 2.0], [3.0, np.inf]], (rows, 1)), np.tile(np.eye(2, dtype=bool), (rows, 1))
        dx, dnew = dropout_with_replacement_gradient(
            dy, dropped, ratio=0.5, scaled=scaled, replacement_shape=new_shape, engine=engine
        )
        assert dx.tolist() == ([[0.0, 4.0], [6.0, 0.0]] if scaled else [[0.0, 2.0], [3.0, 0.0]]) * rows
        assert np.all(dnew == np.inf)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_kept_infinities_stay_out_of_an_unscaled_dreplacement(form, engine):
    dy, dropped = form(np.array([[np.inf, 2.0], [np.nan, 5.0]])), form(np.ones((2, 2), bool))
    gone = np.array([[False, True], [False, True]])
    if form is np.asarray:
        dropped = gone
    else:
        dropped.data = gone[places_of(dropped)]
    for shape, expected in [((), 7.0), ((2,), [0.0, 7.0]), ((2, 1), [[2.0], [5.0]])]:
        _, dnew = dropout_with_replacement_gradient(dy, dropped, replacement_shape=shape, engine=engine)
        assert dnew.tolist() == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("new_shape", [(), (2,), (1, 2), (2, 2)])
def test_gradient_overflow_is_quiet(new_shape, engine):
    # Warnings from the package are errors here. Infinities of both signs, and sums beyond float16.
    arguments = dict(replacement_shape=new_shape, engine=engine)
    dy, dropped = np.array([[np.inf, 1], [-np.inf, 2]]), np.ones((2, 2), bool)
    _, dnew = dropout_with_replacement_gradient(dy, dropped, **arguments)
    assert not np.all(np.isfinite(dnew))
    large = np.full((2, 2), 60000, np.float16)
    _, dnew = dropout_with_replacement_gradient(large, dropped, **arguments)
    assert np.all(dnew == (60000 if new_shape == (2, 2) else np.inf))
    dx, _ = dropout_with_replacement_gradient(large, ~dropped, ratio=0.9, scaled=True, **arguments)
    assert np.all(dx == np.inf)
    sparse = scipy.sparse.csr_matrix(dy)
    _, dnew = dropout_with_replacement_gradient(sparse, scipy.sparse.csr_matrix(dropped), **arguments)
    assert not np.all(np.isfinite(dnew))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scaled", [False, True])
def test_there_and_back_at_ratio_zero_and_one(scaled, engine):
    x, dy = np.arange(1.0, 7.0).reshape(2, 3), np.arange(7.0, 13.0).reshape(2, 3)
    for ratio, dx_expected, dnew_expected in ((0.0, dy, 0.0), (1.0, 0 * dy, 57.0)):
        _, dropped = dropout_with_replacement(x, ratio, 2.0, seed=0, scaled=scaled, engine=engine)
        dx, dnew = dropout_with_replacement_gradient(dy, dropped, ratio=ratio, scaled=scaled, engine=engine)
        assert_same_bits(dx, dx_expected)
        assert dnew == dnew_expected


@pytest.mark.parametrize("engine", ENGINES)
def test_shape_may_be_a_list_or_a_whole_number(engine):
    dy, dropped = np.ones((3, 4)), np.ones((3, 4), bool)
    for shape in ((4,), [4], 4, np.int32(4), (np.int64(4),)):
        _, dnew = dropout_with_replacement_gradient(dy, dropped, replacement_shape=shape, engine=engine)
        assert dnew.tolist() == [3.0] * 4


@pytest.mark.parametrize("engine", ["reference", "numba"])
def test_nothing_is_scaled_back_outside_of_training(engine):
    x = np.array([1.0, -2.0, 3.0])
    arguments = {"ratio": 0.5, "scaled": True, "training": False, "engine": engine}
    y, dropped = dropout_with_replacement(x, replacement=7.0, seed=1, **arguments)
    dx, dreplacement = dropout_with_replacement_gradient(np.array([1.0, 2.0, 4.0]), dropped, **arguments)
    assert y.tolist() == x.tolist()
    assert dx.tolist() == [1.0, 2.0, 4.0]
    assert dreplacement == 0
