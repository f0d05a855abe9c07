"""Replacements that are computed from the input, against values worked out by hand."""

import math
import statistics

import numpy as np
import pytest
import scipy.sparse

from workbench import dropout_with_replacement
from workbench.sparse_dropout import strategies

from .common import ENGINES, places_of

NAN, INF = math.nan, math.inf

# Column 0: 2, 4, 9 (odd); 1: 1, 3, 5, 10 (even), with an infinity and NaN; 2: nothing but zeros; 3: one value, -6;
# 4: nothing finite.
X = [
    [2.0, 1.0, 0.0, 0.0, NAN],
    [0.0, 10.0, -0.0, -6.0, INF],
    [9.0, INF, 0.0, 0.0, 0.0],
    [4.0, 3.0, 0.0, NAN, -INF],
    [0.0, 5.0, 0.0, 0.0, 0.0],
    [-0.0, NAN, 0.0, -INF, NAN],
]
MEANS = [5.0, 4.75, 0.0, -6.0, 0.0]  # 15 / 3, 19 / 4, none, -6 / 1, none
MEDIANS = [4.0, 4.0, 0.0, -6.0, 0.0]  # of 2 4 9, of 1 3 5 10, none, of -6, none
MEAN = 3.5  # 2 + 4 + 9 + 1 + 10 + 3 + 5 - 6 = 28, of 8
MEDIAN = 3.5  # -6 1 2 3 | 4 5 9 10

FORMATS = {
    "dense": np.asarray,
    "F": np.asfortranarray,
    "csr": scipy.sparse.csr_matrix,
    "csc": scipy.sparse.csc_matrix,
    "csr_array": scipy.sparse.csr_array,
    "csc_array": scipy.sparse.csc_array,
}
FORMS_AND_TYPES = [(form, dtype) for form in FORMATS for dtype in ("float32", "float64")]
FORMS_AND_TYPES += [("dense", "float16"), ("F", "float16")]  # SciPy has no sparse matrices of float16
BY_HAND = [("mean", True, MEANS), ("median", True, MEDIANS), ("zero", True, [0.0] * 5)] + [
    (name, False, [value] * 5) for name, value in (("mean", MEAN), ("median", MEDIAN), ("zero", 0.0))
]


def all_dropped(x, name, **arguments):
    """Return the replacement of every element; for a sparse matrix, of every stored element."""
    y, _ = dropout_with_replacement(x, 1.0, name, seed=0, **arguments)
    return y


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("form", "dtype"), FORMS_AND_TYPES)
@pytest.mark.parametrize(("name", "per_feature", "expected"), BY_HAND)
def test_by_hand(name, per_feature, expected, form, dtype, engine):
    x = FORMATS[form](np.array(X, dtype))
    y = all_dropped(x, name, per_feature=per_feature, engine=engine)
    assert y.dtype == dtype
    if form.startswith("cs"):
        _, columns = places_of(y)
        assert y.data.tolist() == [expected[column] for column in columns]
    else:
        assert y.tolist() == [expected] * len(X)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["csr", "csc"])
def test_stored_zeros_are_zeros(form, engine):
    x = getattr(scipy.sparse, f"{form}_matrix")(np.array([[1.0, 7.0], [3.0, 0.0], [5.0, 2.0]]))
    x.data[x.data == 3.0] = 0.0
    y = all_dropped(x, "mean", per_feature=True, engine=engine).toarray()
    assert y.tolist() == [[3.0, 4.5], [3.0, 0.0], [3.0, 4.5]]  # (1 + 5) / 2, (7 + 2) / 2; one element is not stored


@pytest.mark.parametrize("engine", ENGINES)
def test_the_last_axis_is_the_feature(engine):
    x = np.arange(1.0, 25.0).reshape(2, 3, 4)  # feature f: f + 1, f + 5, ..., f + 21, whose mean and median are f + 11
    for name in ("mean", "median"):
        y = all_dropped(x, name, per_feature=True, engine=engine)
        np.testing.assert_allclose(y, np.broadcast_to([11.0, 12.0, 13.0, 14.0], (2, 3, 4)), rtol=1e-15)
        assert np.all(all_dropped(x, name, engine=engine) == 12.5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("name", ["mean", "median", "zero"])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_of_nothing(shape, name, per_feature, engine):
    y = all_dropped(np.empty(shape, np.float32), name, per_feature=per_feature, engine=engine)
    assert y.shape == shape
    assert y.dtype == np.float32
    for form in (scipy.sparse.csr_matrix, scipy.sparse.csc_matrix):
        if len(shape) == 2:
            y = all_dropped(form(shape, dtype=np.float32), name, per_feature=per_feature, engine=engine)
            assert y.shape == shape


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["mean", "median"])
def test_zeros_alone_and_nothing_finite_give_zero(name, engine):
    for row in ([0.0, -0.0, 0.0], [NAN, INF, -INF]):
        for per_feature in (False, True):
            y = all_dropped(np.array([row, row]), name, per_feature=per_feature, engine=engine)
            assert y.tolist() == [[0.0] * 3] * 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("name", ["mean", "median"])
def test_large_values_do_not_overflow_and_small_ones_do_not_vanish(name, per_feature, engine):
    for dtype, large in (("float16", 60000.0), ("float32", 3e38), ("float64", 1.7e308)):
        x = np.full((6, 1), large, dtype)
        y = all_dropped(x, name, per_feature=per_feature, engine=engine)
        np.testing.assert_allclose(y, x, rtol=np.finfo(dtype).eps)
    y = all_dropped(np.array([[1e-310], [3e-310]]), name, per_feature=per_feature, engine=engine)
    np.testing.assert_allclose(y, 2e-310, rtol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("per_feature", [False, True])
def test_a_median_of_two_is_their_mean_rounded_once(per_feature, engine):
    # 2049 is no float16: the middle of 2048 and 2050 is a tie, which goes to 2048. 65440 and 65504 add to infinity.
    x = np.array([[2048.0], [2050.0]], np.float16)
    assert np.all(all_dropped(x, "median", per_feature=per_feature, engine=engine) == 2048)
    x = np.array([[65440.0], [65504.0]], np.float16)
    assert np.all(all_dropped(x, "median", per_feature=per_feature, engine=engine) == 65472)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_mean_of_many_is_not_added_up_in_float16(engine):
    x = np.ones((5000, 1), np.float16)  # in float16 the sum would stay at 2048
    for per_feature in (False, True):
        assert np.all(all_dropped(x, "mean", per_feature=per_feature, engine=engine) == 1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["zero", "mean", "median"])
def test_zero_dimensional_per_feature(name, engine):
    y, dropped = dropout_with_replacement(np.array(3.0), 1.0, name, per_feature=True, seed=0, engine=engine)
    assert y.shape == dropped.shape == ()
    assert y == (0.0 if name == "zero" else 3.0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("per_feature", [False, True])
def test_zero_goes_with_whole_numbers(per_feature, engine):
    x = np.arange(6, dtype=np.int16).reshape(2, 3)
    assert all_dropped(x, "zero", per_feature=per_feature, engine=engine).tolist() == [[0] * 3] * 2
    y = all_dropped(scipy.sparse.csr_matrix(x), "zero", per_feature=per_feature, engine=engine)
    assert y.dtype == np.int16
    assert y.data.tolist() == [0] * 5


@pytest.mark.parametrize("engine", ENGINES)
def test_only_the_dropped_are_replaced(engine):
    x = np.array(X)
    y, dropped = dropout_with_replacement(x, 0.5, "median", per_feature=True, seed=1, engine=engine)
    np.testing.assert_array_equal(y, np.where(dropped, MEDIANS, x))
    assert 0 < dropped.sum() < x.size


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", FORMATS)
def test_scaled_around_the_value(form, engine):
    # The mean of 1 2 3 6 is 3: kept elements become 3 + (x - 3) * 2.
    x = FORMATS[form](np.array([[1.0, 2.0], [3.0, 6.0]]))
    y, dropped = dropout_with_replacement(x, 0.5, "mean", seed=1, scaled=True, engine=engine)
    if form.startswith("cs"):
        y, dropped = y.toarray(), dropped.toarray()
    np.testing.assert_array_equal(y, np.where(dropped, 3.0, [[-1.0, 1.0], [3.0, 9.0]]))


@pytest.mark.parametrize("per_feature", [False, True])
def test_the_mean_of_many_huge_values(per_feature):
    y = all_dropped(np.full((200_000, 1), 1.7e308), "mean", per_feature=per_feature)
    np.testing.assert_allclose(y[0], 1.7e308, rtol=1e-9)


@pytest.mark.parametrize("name", ["mean", "median"])
def test_tables_of_several_blocks(name, monkeypatch):
    monkeypatch.setattr(strategies, "LINES", 1500)  # 2 features at a time
    monkeypatch.setattr(strategies, "NARROW", 600)  # 255 rows at a time
    x = np.random.default_rng(0).normal(3, 1, (700, 5))
    x[:, 1:][np.random.default_rng(1).random((700, 4)) < 0.5] = 0
    x[600, 3] = math.inf
    for table in (x[:, :3], x, np.asfortranarray(x[1:])):
        values = [[v for v in column.tolist() if v and math.isfinite(v)] for column in table.T]
        expected = [(statistics.fmean if name == "mean" else statistics.median)(each) for each in values]
        before = table.copy()
        np.testing.assert_allclose(strategies.typical_value(name, table, per_feature=True), expected, rtol=1e-14)
        np.testing.assert_array_equal(table, before)
