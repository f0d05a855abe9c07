"""Rows of a table, shrunk once for each time they are named: both engines against the scalar loop."""

import math

import numpy as np
import pytest

from workbench import OPERATORS, parallel, sparse_lp_regularizer

from . import scalar
from .common import ENGINES, assert_same_bits, values

# p, exact, whether every operation is rounded alike everywhere
KINDS = [
    pytest.param(1.0, False, True, id="1"),
    pytest.param(2.0, False, True, id="2"),
    pytest.param(2.0, True, True, id="2-exact"),
    pytest.param(1.0, True, True, id="1-exact"),
    pytest.param(0.0, False, True, id="0"),
    pytest.param(math.inf, False, True, id="inf"),
    pytest.param(0.3, False, False, id="0.3"),
    pytest.param(0.5, False, False, id="0.5"),
    pytest.param(2 / 3, True, False, id="0.67-exact"),
    pytest.param(1.5, False, False, id="1.5"),
    pytest.param(3.0, False, False, id="3"),
]
STRENGTH = 0.07


def compare(param, expected, bits):
    """Assert that a table is as expected: bit for bit except NaN, or to the accuracy of repeated roots."""
    assert param.dtype == expected.dtype
    if bits:
        np.testing.assert_array_equal(param, expected)
        np.testing.assert_array_equal(np.signbit(param), np.signbit(expected))
    else:
        np.testing.assert_allclose(param, expected, rtol={"float32": 2e-6, "float64": 2e-12}[param.dtype.name])


@pytest.mark.parametrize("index_dtype", ["int32", "int64"])
@pytest.mark.parametrize(("p", "exact", "bits"), KINDS)
def test_every_exponent(p, exact, bits, dtype, index_dtype):
    given = values((11, 7), dtype)
    indices = np.array([3, 0, 10, 3, 7, 3, 8, 0, 3], index_dtype)
    expected = scalar.shrink_rows(given, indices, p, STRENGTH, exact)
    for engine in ENGINES:
        param = given.copy()
        sparse_lp_regularizer(param, indices, p, STRENGTH, exact=exact, engine=engine)
        compare(param, expected, bits)
        untouched = [1, 2, 4, 5, 6, 9]
        assert_same_bits(param[untouched], given[untouched])


@pytest.mark.parametrize("length", [1, 5, 32, 33])
@pytest.mark.parametrize("p", [0.5, 1.3, 1.5, 3.0])
def test_a_row_does_not_depend_on_the_rows_that_are_named_beside_it(p, length, dtype):
    given = np.random.default_rng(2).normal(size=(70, length)).astype(dtype)
    given[13] *= 1e35  # so large that its powers need another method
    together, alone = given.copy(), given.copy()
    sparse_lp_regularizer(together, np.arange(70), p, STRENGTH)
    for row in range(70):
        sparse_lp_regularizer(alone, np.array([row]), p, STRENGTH)
    assert_same_bits(together, alone)


def test_p_of_two_multiplies_and_its_exact_form_divides():
    for engine in ENGINES:
        param = np.array([[3.0], [5.0]])
        sparse_lp_regularizer(param, np.array([1, 1]), 2.0, 0.25, engine=engine)
        assert param.tolist() == [[3.0], [2.8125]]  # 5 * 0.75 * 0.75
        sparse_lp_regularizer(param, np.array([0]), 2.0, 0.25, exact=True, engine=engine)
        assert param.tolist() == [[2.4], [2.8125]]  # 3 / 1.25


def test_defaults_are_those_of_caffe2(engine):
    param = np.array([[1.0], [-8.0]])
    sparse_lp_regularizer(param, np.array([1]), engine=engine)
    np.testing.assert_allclose(param, [[1.0], [-8 * 0.99999]], rtol=1e-15)


@pytest.mark.parametrize(("rows", "length"), [(1031, 1), (257, 3), (520, 64), (5, 300)])  # 256 ranges of rows at most
@pytest.mark.parametrize("p", [1.0, 2.0])
def test_rows_named_many_times_in_all_ranges(p, rows, length, dtype):
    rng = np.random.default_rng(rows * length)
    given = rng.normal(size=(rows, length)).astype(dtype)
    indices = rng.integers(rows, size=1 + 40_000 // length)
    indices[: indices.size // 4] = rows - 1
    assert indices.size * length > parallel.SMALL  # several threads
    expected = scalar.shrink_rows(given, indices, p, 1e-3)
    for engine in ENGINES:
        param = given.copy()
        sparse_lp_regularizer(param, indices.astype(np.int32), p, 1e-3, engine=engine)
        assert_same_bits(param, expected)


@pytest.mark.parametrize("p", [0.3, 0.5, 2 / 3, 1.5, 3.0])
def test_roots_in_long_rows_shared_between_threads(p, dtype):
    rng = np.random.default_rng(3)
    given = values((301, 300), dtype, 4)
    indices = rng.permutation(301)[:150]
    named = np.repeat(indices, 2)
    reference = given.copy()
    sparse_lp_regularizer(reference, named, p, STRENGTH, engine="reference")
    param = given.copy()
    sparse_lp_regularizer(param, named, p, STRENGTH)
    compare(param, reference, False)
    untouched = np.setdiff1d(np.arange(301), indices)
    assert_same_bits(param[untouched], given[untouched])
    row = indices[17]
    compare(param[row], scalar.shrink_rows(given[[row]], np.array([0, 0]), p, STRENGTH)[0], False)


@pytest.mark.parametrize("p", [0.0, 0.5, 0.7, 1.0, 1.5, 2.0, math.inf])
def test_tables_of_any_number_of_axes(p, engine):
    for shape in [(13,), (5, 3), (7, 2, 4), (4, 3, 2, 5), (6, 1), (1, 9)]:
        given = values(shape, "float64", 1)
        indices = np.array([0, len(given) - 1, 0])
        flat = given.reshape(len(given), -1)
        expected = scalar.shrink_rows(flat, indices, p, STRENGTH).reshape(shape)
        param = given.copy()
        sparse_lp_regularizer(param, indices, p, STRENGTH, engine=engine)
        compare(param, expected, p in (0.0, 1.0, 2.0, math.inf))


def test_a_large_table_in_another_layout(engine):
    rng = np.random.default_rng(5)
    given = rng.normal(size=(523, 70)).astype(np.float32)
    indices = rng.integers(523, size=900)
    expected = scalar.shrink_rows(given, indices, 1.0, 1e-2)
    for index_dtype in ("int32", "int64"):
        param = np.asfortranarray(given)
        sparse_lp_regularizer(param, indices.astype(index_dtype), 1.0, 1e-2, engine=engine)
        np.testing.assert_array_equal(param, expected)


@pytest.mark.parametrize("index_dtype", ["int32", "int64"])
def test_indices_of_any_shape_and_layout(index_dtype, engine):
    given = values((9, 3), "float64", 6)
    whole = np.random.default_rng(7).integers(9, size=(4, 3, 2)).astype(index_dtype)
    flat = whole.ravel()
    swapped = whole.astype(whole.dtype.newbyteorder())
    reversed_twice = whole[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]
    read_only = whole.copy()
    read_only.flags.writeable = False
    for indices in (flat, whole, whole.transpose(2, 0, 1), swapped, reversed_twice, read_only, np.repeat(flat, 2)[::2]):
        before = indices.tobytes()
        param = given.copy()
        sparse_lp_regularizer(param, indices, 1.0, STRENGTH, engine=engine)
        np.testing.assert_array_equal(param, scalar.shrink_rows(given, flat, 1.0, STRENGTH))
        assert indices.tobytes() == before
    single = given.copy()
    sparse_lp_regularizer(single, np.array(4, index_dtype), 1.0, STRENGTH, engine=engine)
    np.testing.assert_array_equal(single, scalar.shrink_rows(given, np.array([4]), 1.0, STRENGTH))


def test_a_list_of_row_numbers(engine):
    param = np.array([[1.0], [2.0], [-3.0]])
    sparse_lp_regularizer(param, [2, 0, 2], 1.0, 0.5, engine=engine)
    assert param.tolist() == [[0.5], [2.0], [-2.0]]


def test_row_numbers_kept_in_the_table_itself(engine):
    # The same memory, seen as integers, says which rows to shrink; shrinking must not change what is yet to be read.
    param = np.zeros((4, 1), np.float32)
    indices = param.view(np.int32)
    indices[:, 0] = [1, 3, 3, 2]
    expected = scalar.shrink_rows(param, indices.copy(), 1.0, 0.5)
    sparse_lp_regularizer(param, indices, 1.0, 0.5, engine=engine)
    np.testing.assert_array_equal(param, expected)


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_nothing_named_or_nothing_there(p, engine):
    for indices in (np.zeros((0, 3), np.int64), np.zeros((2, 0), np.int32), [], [[], []]):
        param = values((5, 3), "float32", 8)
        before = param.tobytes()
        sparse_lp_regularizer(param, indices, p, STRENGTH, engine=engine)
        assert param.tobytes() == before
        sparse_lp_regularizer(np.zeros((3, 0)), indices, p, STRENGTH, engine=engine)
    sparse_lp_regularizer(np.zeros((4, 0, 3)), np.array([3, 1]), p, STRENGTH, engine=engine)


@pytest.mark.parametrize(("p", "exact"), [(0, False), (0.5, False), (1, False), (2, False), (2, True), (3, False)])
def test_what_is_not_named_keeps_every_bit(p, exact, engine):
    bits = np.random.default_rng(9).integers(2**64, size=(8, 5), dtype=np.uint64)
    bits[3], bits[6] = 0x7FF0000000000001, 0xFFF8000000000123  # NaN, signalling and not
    param = bits.view(np.float64)
    before = bits.copy()
    sparse_lp_regularizer(param, np.array([1, 4, 1]), p, STRENGTH, exact=exact, engine=engine)
    untouched = [0, 2, 3, 5, 6, 7]
    np.testing.assert_array_equal(bits[untouched], before[untouched])


def test_special_numbers(engine):
    given = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.25, -0.25, 0.5, -0.5]
    expected = {
        (1, False): [np.nan, np.inf, -np.inf, 0.0, 0.0, 0.0, 0.0, 0.25, -0.25],
        (2, False): [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.1875, -0.1875, 0.375, -0.375],
        (2, True): [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.2, -0.2, 0.4, -0.4],
        (0, False): [np.nan, np.inf, -np.inf, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],  # up to sqrt(0.5)
        (math.inf, False): [np.nan, 1.0, -1.0, 0.0, -0.0, 0.25, -0.25, 0.5, -0.5],
    }
    for (p, exact), result in expected.items():
        param = np.array([given])
        sparse_lp_regularizer(param, np.array([0]), p, 0.25, exact=exact, engine=engine)
        np.testing.assert_array_equal(param, [result])
        np.testing.assert_array_equal(np.signbit(param[0, 1:]), np.signbit(result[1:]))


@pytest.mark.parametrize("p", [1, 2, 0.5])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([0, 3, 4, 2, -1], "indices[2]=4: must be from 0 to 3, the rows of param (2 of 5 indices out of range"),
        ([-1], "indices[0]=-1: must be from 0 to 3, the rows of param (1 of 1 indices out of range"),
        ([[0, 1, 2], [3, 3, 2**31 - 1]], "indices[5]=2147483647: must be from 0 to 3, the rows of param (1 of 6"),
        ([1] * 50_000 + [-(2**31)], "indices[50000]=-2147483648: must be from 0 to 3, the rows of param (1 of 50001"),
    ],
    ids=["above", "below", "far above", "last of many"],
)
def test_nothing_is_written_when_an_index_is_out_of_range(indices, message, dtype, p, engine):
    param = values((4, 3), "float32", 10)
    before = param.tobytes()
    with pytest.raises(ValueError, match="out of range; nothing was written") as raised:
        sparse_lp_regularizer(param, np.array(indices, dtype), p, 0.5, engine=engine)
    assert str(raised.value).startswith(message)
    assert param.tobytes() == before


def test_indices_into_a_table_without_rows(engine):
    with pytest.raises(ValueError, match="out of range") as raised:
        sparse_lp_regularizer(np.zeros((0, 3)), np.array([0, 0]), engine=engine)
    assert str(raised.value) == (
        "indices[0]=0: must be none, as param has no rows, the rows of param "
        "(2 of 2 indices out of range; nothing was written)"
    )


def test_an_index_of_64_bits_is_not_cut_to_32(engine):
    param = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"indices\[1\]=4294967297: must be from 0 to 3"):
        sparse_lp_regularizer(param, np.array([0, 2**32 + 1]), engine=engine)
    assert np.all(param == 1)


def test_a_matrix_is_an_array():
    table = np.ones((2, 3)).view(np.matrix)
    for engine in ENGINES:
        sparse_lp_regularizer(table, np.array([1]), 1, 0.125, engine=engine)
    assert table.tolist() == [[1, 1, 1], [0.75, 0.75, 0.75]]


def test_a_table_without_axes_is_refused():
    with pytest.raises(ValueError, match=r"^param has no axes: must have at least one, the rows$"):
        sparse_lp_regularizer(np.array(3.0), np.array([0]))


@pytest.mark.parametrize("reg_lambda", [1e-300, math.nextafter(1, 0), np.float32(0.5)])
def test_strengths_next_to_the_ends(reg_lambda, engine):
    w = np.array([[3.5, -0.25], [-3.5, 0.5]])
    sparse_lp_regularizer(w, np.array([0, 0]), 1, reg_lambda, engine=engine)
    assert w[0, 0] == 3.5 - float(reg_lambda) - float(reg_lambda)


def test_ranges_are_those_that_are_promised():
    p, positive = "a number of at least 0, infinity included", "a number of at least 0.0"
    names = ("SparseLpRegularizer", "SparseLp", "LpGradient", "LpProx")
    assert {name: {arg.name: arg.allowed for arg in OPERATORS[name].args} for name in names} == {
        "SparseLpRegularizer": {"p": p, "reg_lambda": "a number above 0.0 and below 1.0", "exact": "True or False"},
        "SparseLp": {"alpha": positive, "p": p, "sparsity_threshold": positive},
        "LpGradient": {"alpha": positive, "p": p},
        "LpProx": {"weight": positive, "p": p},
    }
    for name in names:
        (exponent,) = [arg for arg in OPERATORS[name].args if arg.name == "p"]
        assert (exponent.low, exponent.high) == (0, math.inf)
