"""What is refused, and whether the message says which argument, which value, what is allowed and what to do."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse

from workbench import (
    OPERATORS,
    dropout_with_replacement,
    dropout_with_replacement_gradient,
    sparse_dropout_with_replacement,
    sparse_itemwise_dropout_with_replacement,
)

from .common import ENGINES

X = np.linspace(-2, 3, 2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
LENGTHS = np.array([2, 0, 3])


def dense(x=X, **arguments):
    return dropout_with_replacement(x, **{"seed": 0, **arguments})


def segments(x=X[0, 0], lengths=LENGTHS, **arguments):
    return sparse_dropout_with_replacement(x, lengths, **{"seed": 0, **arguments})


def items(x=X[0, 0], lengths=LENGTHS, **arguments):
    return sparse_itemwise_dropout_with_replacement(x, lengths, **{"seed": 0, **arguments})


def gradient(dy=X, dropped=X > 0, **arguments):
    return dropout_with_replacement_gradient(dy, dropped, **arguments)


RAGGED = pytest.mark.parametrize("function", [segments, items])
BOTH = pytest.mark.parametrize("engine", ENGINES)


def refusal(error, function, *arguments, **options):
    """Return the message of the error that a call must raise."""
    with pytest.raises(error) as raised:
        function(*arguments, **options)
    assert type(raised.value) is error
    return str(raised.value)


FORWARD = pytest.mark.parametrize("function", [dense, segments, items])
RATIOS = "a number from 0.0 to 1.0"


def test_ranges_are_those_that_are_promised():
    switch = "True or False"
    drawn = {"ratio": RATIOS, "seed": "a whole number from 0 to 2^64 - 1", "start": "a whole number from 0 to 2^62"}
    ragged = drawn | {"training": switch, "replacement_value": "a number that fits x's dtype"}
    expected = {
        "DropoutWithReplacement": drawn
        | {"training": switch, "scaled": switch, "per_feature": switch, "replacement": KINDS},
        "SparseDropoutWithReplacement": ragged,
        "SparseItemwiseDropoutWithReplacement": ragged,
    }
    for name, allowed in expected.items():
        assert {arg.name: arg.allowed for arg in OPERATORS[name].args} == allowed
        assert (OPERATORS[name].arg("seed").high, OPERATORS[name].arg("start").high) == (2**64 - 1, 2**62)


# -- a seed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(ratio=-0.1), f"ratio=-0.1: must be {RATIOS}; the nearest legal value is 0.0"),
        (dict(ratio=float("nan")), f"ratio=nan: must be finite, {RATIOS}"),
    ],
)
def test_ratios_that_the_gradient_refuses(arguments, message):
    assert refusal(ValueError, gradient, **arguments) == message


def test_arguments_after_the_third_go_by_name():
    refusal(TypeError, dropout_with_replacement, X, 0.5, 0.0, 1)
    refusal(TypeError, sparse_dropout_with_replacement, X[0, 0], LENGTHS, 0.5, 0.0, 1)


# -- x -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "uint64"])
@pytest.mark.parametrize("training", [True, False])
def test_scaled_whole_numbers(training, dtype):
    message = f"scaled=True: x has dtype {dtype}, which cannot be scaled; convert x to a float type"
    for x in (np.ones((2, 3), dtype), scipy.sparse.csr_matrix(np.ones((2, 3), dtype))):
        assert refusal(TypeError, dense, x, scaled=True, training=training) == message


@RAGGED
@pytest.mark.parametrize("shape", [(), (1, 5), (5, 1), (0, 2)])
def test_ragged_values_have_one_axis(function, shape):
    message = refusal(ValueError, function, np.zeros(shape))
    assert message == f"x has {len(shape)} axes {shape}: must have 1, the values of all segments one after another"


@RAGGED
def test_ragged_operators_take_no_sparse_matrix(function):
    assert re.match("x has dtype object: ", refusal(TypeError, function, scipy.sparse.csr_matrix(np.ones((1, 5)))))


# -- sparse matrices ---------------------------------------------------------------------------------------------------

MATRIX = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("form", ["coo", "bsr", "dia", "lil", "dok"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_matrix_of_another_format(kind, form):
    x = getattr(scipy.sparse, f"{form}_{kind}")(MATRIX)
    convert = f"is a sparse 2-D {form.upper()} array: must be a CSR or CSC matrix; convert it, as with"
    assert refusal(TypeError, dense, x) == f"x {convert} x.tocsr()"
    assert refusal(TypeError, gradient, x, x) == f"dy {convert} dy.tocsr()"


def test_sparse_array_of_one_axis():
    x = scipy.sparse.coo_array(np.arange(4.0))
    assert "x is a sparse 1-D COO array" in refusal(TypeError, dense, x)
    if hasattr(x, "tocsr"):
        try:
            x = x.tocsr()
        except ValueError:
            pytest.skip("this SciPy has no CSR array of one axis")
        assert "x is a sparse 1-D CSR array" in refusal(TypeError, dense, x)


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_sparse_matrix_of_another_type(dtype):
    x = scipy.sparse.csr_matrix(MATRIX.astype(dtype))
    message = refusal(TypeError, dense, x)
    assert message.startswith(f"x.data has dtype {dtype}: must be an integer type, float16, float32 or float64")
    x = scipy.sparse.csr_matrix(MATRIX.astype(np.int32))
    assert refusal(TypeError, gradient, x, x).startswith("dy.data has dtype int32: must be float16, ")


def test_sparse_matrix_of_float16():
    # SciPy makes none, but looks at data that are put in afterwards nowhere.
    x = scipy.sparse.csr_matrix(MATRIX)
    x.data = x.data.astype(np.float16)
    words = "has dtype float16, which SciPy's sparse matrices do not support; use float32"
    assert refusal(TypeError, dense, x) == f"x.data {words}"
    assert refusal(TypeError, gradient, x, x) == f"dy.data {words}"


@BOTH
@pytest.mark.parametrize("form", ["csr_matrix", "csc_array"])
@pytest.mark.parametrize("places", [[1, 1, 2], [1, 2, 1], [2, 0, 2], [0, 1, 1]])
def test_an_element_stored_twice(places, form, engine):
    # In the second of three lines, side by side or apart.
    x = getattr(scipy.sparse, form)((np.ones(5), [1, *places, 1], [0, 1, 4, 5]), shape=(3, 3))
    assert refusal(ValueError, dense, x, engine=engine) == (
        "x: an element is stored twice; add such entries up first, with x.sum_duplicates()"
    )
    assert refusal(ValueError, gradient, x, x, engine=engine).startswith("dy: an element is stored twice; ")
    x.sum_duplicates()
    assert len(dense(x, engine=engine)[0].data) == 4


def test_the_same_place_in_the_next_line_is_not_twice():
    x = scipy.sparse.csr_matrix((np.ones(4), [2, 2, 2, 0], [0, 1, 2, 4]), shape=(3, 4))
    assert dense(x, ratio=1.0, replacement=5)[0].data.tolist() == [5.0] * 4


BROKEN = {
    "a place beyond the width": dict(indices=[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 4]),
    "a place below zero": dict(indices=[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, -1]),
    "places that are no whole numbers": dict(indices=np.arange(11) % 4 + 0.5),
    "too few places": dict(indices=[0, 1, 2]),
    "too few values": dict(data=np.ones(5)),
    "lines that do not begin at zero": dict(indptr=[1, 3, 7, 11]),
    "a line that ends before it begins": dict(indptr=[0, 8, 4, 11]),
    "a line that ends below zero": dict(indptr=[0, -4, 4, 11]),
    "more entries than there are": dict(indptr=[0, 3, 7, 12]),
    "too few lines": dict(indptr=[0, 3, 7]),
    "too many lines": dict(indptr=[0, 0, 0, 3, 7, 11]),
    "no lines": dict(indptr=np.empty(0, np.int32)),
    "bounds that are no whole numbers": dict(indptr=[0, 3, 7, 11.0]),
}


@BOTH
@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("fault", BROKEN)
def test_broken_index_arrays(fault, form, engine):
    # A sound matrix of 3 lines and 4 places, and one of its arrays replaced behind SciPy's back.
    def broken():
        x = scipy.sparse.csr_matrix(MATRIX) if form == "csr" else scipy.sparse.csc_matrix(MATRIX.T)
        for name, array in BROKEN[fault].items():
            array = np.asarray(array)
            setattr(x, name, array.astype(np.int32) if name != "data" and array.dtype.kind == "i" else array)
        return x

    shape = (3, 4) if form == "csr" else (4, 3)
    words = f": its index arrays do not describe a matrix of shape {shape}; build it anew"
    for arguments in ({}, dict(replacement=np.ones(shape)), dict(replacement="mean", per_feature=True)):
        assert refusal(ValueError, dense, broken(), engine=engine, **arguments) == f"x{words}"
    assert refusal(ValueError, gradient, broken(), broken(), engine=engine) == f"dy{words}"


# -- replacements ------------------------------------------------------------------------------------------------------

KINDS = "a number, an array that broadcasts to x, or one of 'zero', 'mean', 'median'"
WHOLE = "does not fit x's dtype int8; give whole numbers from -128 to 127, or convert x"
HALF = "does not fit x's dtype float16; give numbers of at most 6.55e+04 in magnitude, or convert x"
SINGLE = "does not fit x's dtype float32; give numbers of at most 3.4e+38 in magnitude, or convert x"
DOUBLE = "does not fit x's dtype float64; give numbers of at most 1.8e+308 in magnitude, or convert x"
DO_NOT_FIT = [
    ("int8", 128, f"=128: {WHOLE}"),
    ("int8", -129, f"=-129: {WHOLE}"),
    ("int8", 0.5, f"=0.5: {WHOLE}"),
    ("int8", float("nan"), f"=nan: {WHOLE}"),
    ("int8", float("inf"), f"=inf: {WHOLE}"),
    ("int8", np.float32(-0.5), WHOLE),
    ("int8", np.float16(np.nan), WHOLE),
    ("int8", Fraction(1, 2), f"=Fraction(1, 2): {WHOLE}"),
    ("int8", 10**400, WHOLE),
    ("uint8", -1, "=-1: does not fit x's dtype uint8; give whole numbers from 0 to 255, or convert x"),
    ("uint64", 2**64, "does not fit x's dtype uint64"),
    ("uint64", 2.0**64, "does not fit x's dtype uint64"),
    ("uint64", np.float32(2.0**64), "does not fit x's dtype uint64"),
    ("uint64", np.int8(-1), "does not fit x's dtype uint64"),
    ("int64", np.float64(2.0**63), "does not fit x's dtype int64"),
    ("int64", np.uint64(2**63), "does not fit x's dtype int64"),
    ("int32", np.float32(2.0**31), "does not fit x's dtype int32"),
    ("int32", np.float16(np.inf), "does not fit x's dtype int32"),
    ("int64", np.longdouble(2) ** 63, "does not fit x's dtype int64"),
    ("float16", 65520, f"=65520: {HALF}"),  # halfway to the next: rounds to infinity
    ("float16", -1e5, f"=-100000.0: {HALF}"),
    ("float32", 1e39, f"=1e+39: {SINGLE}"),
    ("float32", np.float64(-1e300), SINGLE),
    ("float64", 10**400, DOUBLE),
    ("float64", -(10**400), DOUBLE),
    ("float32", 10**400, SINGLE),
    ("float64", Fraction(10**400), DOUBLE),
]
if np.finfo(np.longdouble).max > np.finfo(np.float64).max:
    DO_NOT_FIT.append(("float64", np.longdouble("1e4000"), DOUBLE))


@BOTH
@FORWARD
@pytest.mark.parametrize(
    ("dtype", "value", "words"), DO_NOT_FIT, ids=[f"{dtype}-{value!r:.30}" for dtype, value, _ in DO_NOT_FIT]
)
def test_replacement_that_does_not_fit(function, dtype, value, words, engine):
    name = "replacement" if function is dense else "replacement_value"
    message = refusal(ValueError, function, np.ones(5, dtype), **{name: value}, engine=engine)
    assert message.startswith(f"{name}=")
    assert message.endswith(words) if words.endswith("convert x") else words in message
    if words.startswith("="):
        assert message == f"{name}{words}"


@pytest.mark.parametrize(
    ("dtype", "values", "words"),
    [
        ("int8", [1, 2, 128], "int8; give whole numbers from -128 to 127"),
        ("int8", [1, 2, 2.5], "int8; give whole numbers from -128 to 127"),
        ("int8", [1.0, np.nan, 2.0], "int8; give whole numbers from -128 to 127"),
        ("uint16", [1, 2, -1], "uint16; give whole numbers from 0 to 65535"),
        ("int64", np.array([1, 2, 2**63], np.uint64), "int64; give whole numbers from -9223372036854775808 to "),
        ("int64", [1, 2, 2.0**63], "int64; give whole numbers from -9223372036854775808 to "),
        ("float16", [1, 2, 65520], "float16; give numbers of at most 6.55e+04 in magnitude"),
        ("float32", [1, 2, -1e39], "float32; give numbers of at most 3.4e+38 in magnitude"),
    ],
)
def test_array_of_replacements_that_do_not_fit(dtype, values, words):
    for x in (np.ones((2, 3), dtype), None if dtype == "float16" else scipy.sparse.csr_matrix(np.ones((2, 3), dtype))):
        if x is not None:
            message = refusal(ValueError, dense, x, replacement=values)
            assert message.startswith(f"replacement holds values that do not fit x's dtype {words}")
            assert message.endswith("or convert x")


@pytest.mark.parametrize(
    ("shape", "new_shape"),
    [
        ((2, 3, 5), (3,)),
        ((2, 3, 5), (2,)),
        ((2, 3, 5), (2, 5)),
        ((2, 3, 5), (3, 1, 1)),
        ((2, 3, 5), (1, 2, 3, 5)),
        ((2, 3, 5), (0,)),
        ((2, 1, 5), (3, 1)),  # x would have to grow
        ((), (1,)),
    ],
)
def test_replacement_that_does_not_broadcast(shape, new_shape):
    words = (
        f"the replacement has shape {new_shape} and x has shape {shape}: must broadcast to x, as one value for each "
        f"feature (the last axis) does with shape {shape[-1:]}"
    )
    assert refusal(ValueError, dense, np.ones(shape), replacement=np.ones(new_shape)) == words
    message = refusal(ValueError, gradient, np.ones(shape), np.ones(shape, bool), replacement_shape=new_shape)
    assert message.startswith("replacement_shape: ")
    assert f"shape {new_shape} " in message


@pytest.mark.parametrize("new_shape", [(3,), (4, 1), (1, 3, 4), (3, 3)])
def test_replacement_that_does_not_broadcast_to_a_sparse_matrix(new_shape):
    x = scipy.sparse.csc_matrix(MATRIX)
    assert "must broadcast to x" in refusal(ValueError, dense, x, replacement=np.ones(new_shape))
    dropped = scipy.sparse.csc_matrix(MATRIX > 0)
    dropped.data = dropped.data.astype(bool)
    assert "must broadcast to x" in refusal(ValueError, gradient, x, dropped, replacement_shape=new_shape)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "replacement=True: must be a number, an array"),
        (np.True_, "replacement=np.True_: must be a number, an array"),
        (None, "replacement=None: must be a number, an array"),
        (1j, "replacement=1j: must be a number, an array"),
        ([True, False, True, False, True], "not of dtype bool"),
        (["a"] * 5, "not of dtype <U1"),
        (b"mean", "not of dtype"),
        ([1, None, 2, 3, 4], "not of dtype object"),
        ([[1], [1, 2]], f"replacement: must be {KINDS} ("),
        (Decimal(1), "replacement=Decimal('1'): must be a number, an array"),
    ],
    ids=repr,
)
def test_replacement_of_the_wrong_kind(value, words):
    message = refusal(TypeError, dense, replacement=value)
    assert message.startswith("replacement")
    # A switch is refused as what it is, everything else as an array of another type.
    assert words in message or (words.endswith("an array") and words.removesuffix(", an array") in message)


@pytest.mark.parametrize("value", [np.array(True), np.array(1j), np.array("a"), np.array(None)], ids=repr)
def test_replacement_of_no_axes_and_of_the_wrong_kind(value):
    assert refusal(TypeError, dense, replacement=value).startswith("replacement=")


def test_masked_replacement():
    for value in (np.ma.masked_equal([1.0, 2.0, 3.0, 4.0, 5.0], 3.0), np.ma.array(5.0, mask=True)):
        assert "replacement" in refusal(TypeError, dense, replacement=value)


@RAGGED
@pytest.mark.parametrize("value", [True, np.False_, None, "zero", 1j, [1.0], np.ones(5), Decimal(1)], ids=repr)
def test_replacement_value_is_a_number(function, value):
    message = refusal(TypeError, function, replacement_value=value)
    assert message == f"replacement_value={value!r}: must be a number, not {type(value).__name__}"


@pytest.mark.parametrize("name", ["Mean", "average", "", "none"])
def test_unknown_strategy(name):
    assert refusal(ValueError, dense, replacement=name) == f"replacement={name!r}: must be {KINDS}"


@pytest.mark.parametrize("name", ["mean", "median"])
@pytest.mark.parametrize("per_feature", [False, True])
def test_strategy_that_a_whole_number_may_not_hold(per_feature, name):
    message = f"replacement={name!r}: x has dtype int16, which may not hold it; convert x to a float type"
    for x in (np.ones((2, 3), np.int16), scipy.sparse.csr_matrix(np.ones((2, 3), np.int16))):
        assert refusal(TypeError, dense, x, replacement=name, per_feature=per_feature) == message


@pytest.mark.parametrize("value", [0.0, np.ones(5), [1] * 5], ids=["number", "array", "list"])
def test_per_feature_goes_with_a_strategy(value):
    assert refusal(ValueError, dense, replacement=value, per_feature=True) == (
        "per_feature=True: goes with a strategy such as replacement='mean'; give an array of values"
    )


# -- lengths -----------------------------------------------------------------------------------------------------------


@BOTH
@RAGGED
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("length_type", ["int32", "int64"])
@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([2, -1, 4], "lengths[1]=-1: must be at least 0"),
        ([6, -1], "lengths[0]=6: must be at most 5, the number of values in x"),
        ([-(2**31), 5], "lengths[0]=-2147483648: must be at least 0"),
        ([0, 2, 2**31 - 1], "lengths[2]=2147483647: must be at most 5, the number of values in x"),
        ([2, 2], "lengths add up to 4 and x has 5 values: must be equal"),
        ([3, 3], "lengths add up to 6 and x has 5 values: must be equal"),
        ([5, 5], "lengths add up to 10 and x has 5 values: must be equal"),
        ([0, 0], "lengths add up to 0 and x has 5 values: must be equal"),
        ([], "lengths add up to 0 and x has 5 values: must be equal"),
    ],
)
def test_lengths_that_do_not_fit(function, lengths, message, length_type, training, engine):
    x, lengths = np.arange(5.0), np.array(lengths, length_type)
    before = lengths.copy()
    assert refusal(ValueError, function, x, lengths, ratio=0.5, training=training, engine=engine) == message
    np.testing.assert_array_equal(x, np.arange(5.0))
    np.testing.assert_array_equal(lengths, before)


@BOTH
@RAGGED
def test_lengths_whose_sum_wraps_around(function, engine):
    for lengths in ([2**62] * 4, [2**63 - 1, 2**63 - 1, 7], [-(2**63), -(2**63), 5]):
        message = refusal(ValueError, function, np.arange(5.0), np.array(lengths), engine=engine)
        assert message.startswith(f"lengths[0]={lengths[0]}: must be at ")
    lengths = np.full(1 << 16, 1 << 16, np.int32)  # 2^32 in all, which is 0 in int32
    for x in (np.empty(0), np.empty(1 << 16)):
        assert "lengths" in refusal(ValueError, function, x, lengths, engine=engine)


@BOTH
@RAGGED
@pytest.mark.parametrize("place", [0, 3, 4093, 4095, 4096, 33000, 39999])
def test_the_first_wrong_length_is_named(function, place, engine):
    # 40000 segments: ten chunks, shared between threads. A later one is wrong too.
    lengths = np.ones(40000, np.int64)
    lengths[[place, -1]] = -7
    message = refusal(ValueError, function, np.ones(40000), lengths, ratio=0.5, start=3, engine=engine)
    assert message == f"lengths[{place}]=-7: must be at least 0"
    lengths[[place, -1]] = 40001
    message = refusal(ValueError, function, np.ones(40000), lengths, ratio=0.5, start=3, engine=engine)
    assert message == f"lengths[{place}]=40001: must be at most 40000, the number of values in x"


@RAGGED
@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8", "uint64", "int8", "int16", "bool", "object", "U1"])
def test_lengths_of_another_type(function, dtype):
    hint = "; convert it, as with lengths.astype(np.int64)" if "int" in dtype else ""
    assert refusal(TypeError, function, np.ones(5), np.array([2, 1, 2]).astype(dtype)) == (
        f"lengths has dtype {np.dtype(dtype)}: must be int32 or int64{hint}"
    )


@RAGGED
@pytest.mark.parametrize("lengths", [[2.0, 3.0], [True, False], ["2", "3"], None, [None, 5], [2**70]], ids=repr)
def test_lists_of_lengths_of_another_type(function, lengths):
    assert refusal(TypeError, function, np.ones(5), lengths).startswith("lengths has dtype ")


@RAGGED
def test_empty_lengths_of_another_type(function):
    assert refusal(TypeError, function, np.empty(0), np.empty(0)).startswith("lengths has dtype float64: ")


@RAGGED
@pytest.mark.parametrize("shape", [(), (1, 1), (0, 3)])
def test_lengths_have_one_axis(function, shape):
    message = refusal(ValueError, function, np.ones(5), np.full(shape, 5))
    assert message == f"lengths has {len(shape)} axes {shape}: must have 1, one length a segment"


# -- dropped -----------------------------------------------------------------------------------------------------------


@BOTH
def test_dropped_of_another_shape(engine):
    dropped = np.zeros((2, 5, 3), bool)
    assert refusal(ValueError, gradient, X, dropped, engine=engine) == (
        "dropped has shape (2, 5, 3) and dy has shape (2, 3, 5): must be equal"
    )
    for shape in ((), (5,), (1, 3, 5), (2, 3, 5, 1)):  # broadcasting would hide a mistake
        assert "must be equal" in refusal(ValueError, gradient, X, np.zeros(shape, bool), engine=engine)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "object"])
def test_dropped_of_another_type(dtype):
    message = f"dropped has dtype {dtype}: must be bool, as the forward pass returned it"
    assert refusal(TypeError, gradient, X, np.zeros(X.shape, dtype)) == message


def test_one_dense_and_one_sparse():
    sparse = scipy.sparse.csr_matrix(MATRIX)
    words = "dy and dropped: must both be arrays or both be sparse matrices, as the forward pass gave them"
    assert refusal(TypeError, gradient, sparse, MATRIX > 0) == words
    assert refusal(TypeError, gradient, MATRIX, sparse.astype(bool)) == words


def other_entries():
    """Yield matrices that do not store what dy does."""
    dy = scipy.sparse.csr_matrix(MATRIX)
    yield dy.tocsc().astype(bool)
    yield dy.tocoo().astype(bool)
    yield scipy.sparse.csr_matrix(MATRIX[:, :3]).astype(bool)
    yield scipy.sparse.csr_matrix(np.ones((3, 4), bool))  # an entry more
    shuffled = scipy.sparse.csr_matrix((dy.data[::-1] > 0, dy.indices.copy(), dy.indptr), shape=dy.shape)
    shuffled.indices[:3] = shuffled.indices[2::-1]
    yield shuffled
    yield scipy.sparse.csr_matrix((3, 4), dtype=bool)
    short = dy.astype(bool)
    short.data = short.data[:-1]  # SciPy looks at this nowhere
    yield short


@BOTH
@pytest.mark.parametrize("dropped", list(other_entries()), ids=range(7))
def test_dropped_of_other_entries(dropped, engine):
    message = refusal(ValueError, gradient, scipy.sparse.csr_matrix(MATRIX), dropped, engine=engine)
    assert message == "dy and dropped: must store the same elements in the same format and order"


def test_sparse_dropped_of_another_type():
    x = scipy.sparse.csr_matrix(MATRIX)
    assert refusal(TypeError, gradient, x, x.astype(np.uint8)) == (
        "dropped has dtype uint8: must be bool, as the forward pass returned it"
    )


@pytest.mark.parametrize("shape", ["5", 5.0, (5.0,), (-1,), None, (2, None), np.ones(2)], ids=repr)
def test_replacement_shape_of_the_wrong_kind(shape):
    message = refusal(TypeError, gradient, replacement_shape=shape)
    assert message == f"replacement_shape={shape!r}: must be a tuple of whole numbers, () for a single number"


def test_nothing_is_imported_to_tell_a_sparse_matrix():
    # A class of that name is not SciPy's.
    class csr_matrix:
        format, ndim = "csr", 2

    assert "x has dtype object" in refusal(TypeError, dense, csr_matrix())


def test_more_elements_than_words():
    x = scipy.sparse.csc_matrix(([1.0], [0], [0, 1] + [1] * 4), shape=(2**62, 5))
    with pytest.raises(ValueError, match=r"^x has shape \(4611686018427387904, 5\): must have at most 2\^64 - start"):
        dropout_with_replacement(x, 0.5, seed=0)
    y, _ = dropout_with_replacement(x[: 2**61], 1.0, 3.0, seed=0)
    assert y.data.tolist() == [3.0]


def test_a_scaled_gradient_without_the_ratio():
    with pytest.raises(TypeError, match=r"^ratio: is missing; with scaled=True give that of the forward pass"):
        dropout_with_replacement_gradient(np.ones(3), np.zeros(3, bool), scaled=True)


def test_a_gradient_outside_of_training_where_something_was_dropped():
    with pytest.raises(ValueError, match=r"^training=False: drops none, but dropped says otherwise"):
        dropout_with_replacement_gradient(np.ones(3), np.array([True, False, False]), training=False)


@pytest.mark.parametrize("new", [np.inf, np.nan, [1.0, -np.inf, 2.0]])
def test_scaling_towards_what_is_not_finite(new):
    with pytest.raises(ValueError, match=r"^replacement: must be finite with scaled=True"):
        dropout_with_replacement(np.ones(3), 0.5, new, seed=0, scaled=True)


@pytest.mark.parametrize(("ratio", "dropped", "word"), [(0.0, [True, False], "none"), (1.0, [True, False], "all")])
def test_a_ratio_that_cannot_have_dropped_these(ratio, dropped, word):
    with pytest.raises(ValueError, match=f"^ratio={ratio}: drops {word}, but dropped says otherwise; with scaled=True"):
        dropout_with_replacement_gradient(np.ones(2), np.array(dropped), ratio=ratio, scaled=True)
    dx, _ = dropout_with_replacement_gradient(np.ones(2), np.array(dropped), ratio=ratio)
    assert dx.tolist() == [0.0, 1.0]
