"""Wrong arguments are refused; the message names the argument, its value, what is allowed and what to do."""

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


def test_arguments_after_the_third_go_by_name():
    refusal(TypeError, dropout_with_replacement, X, 0.5, 0.0, 1)
    refusal(TypeError, sparse_dropout_with_replacement, X[0, 0], LENGTHS, 0.5, 0.0, 1)


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


@BOTH
@pytest.mark.parametrize("place", [2, 255, 256, 257, 16384, 16399])
def test_one_wrong_entry_of_a_long_line(place, engine):
    # At the ends of tiles and of jobs.
    x = scipy.sparse.csr_array((np.ones(16400), np.arange(16400), [0, 1, 16400, 16400]), shape=(3, 16400))
    x.indices[place] = place - 1
    assert refusal(ValueError, dense, x, engine=engine).startswith("x: an element is stored twice; ")
    x.indices[place] = 16400
    assert refusal(ValueError, dense, x, engine=engine).startswith("x: its index arrays do not describe a matrix ")


def test_the_same_place_in_the_next_line_is_not_twice():
    x = scipy.sparse.csr_matrix((np.ones(4), [2, 2, 2, 0], [0, 1, 2, 4]), shape=(3, 4))
    assert dense(x, ratio=1.0, replacement=5)[0].data.tolist() == [5.0] * 4


BROKEN = {
    "a place beyond the width": dict(indices=[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 4]),
    "a place below zero": dict(indices=[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, -1]),
    "places that are no whole numbers": dict(indices=np.arange(11) % 4 + 0.5),
    "too few places": dict(indices=[0, 1, 2]),
    "places with two axes": dict(indices=[[0], [1], [2], [3], [0], [1], [2], [3], [0], [1], [2]]),
    "values with two axes": dict(data=np.ones((11, 1))),
    "bounds with two axes": dict(indptr=[[0], [3], [7], [11]]),
    "one place without an axis": dict(indices=0),
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
    words = f": its index arrays do not describe a matrix of shape {shape}; build it again"
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


@RAGGED
@pytest.mark.parametrize("value", [True, np.False_, None, "zero", 1j, [1.0], np.ones(5), Decimal(1)], ids=repr)
def test_replacement_value_is_a_number(function, value):
    message = refusal(TypeError, function, replacement_value=value)
    assert message == f"replacement_value={value!r}: must be a number, not {type(value).__name__}"


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
def test_a_negative_length_in_another_chunk_makes_up_for_nothing(function, engine):
    lengths = np.zeros(4097, np.int64)
    lengths[:6], lengths[4096] = 1, -1
    message = refusal(ValueError, function, np.ones(5), lengths, engine=engine)
    assert message == "lengths[4096]=-1: must be at least 0"


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


# -- dropped -----------------------------------------------------------------------------------------------------------


def other_entries():
    """Yield matrices that store other entries than dy."""
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


def test_more_elements_than_words():
    x = scipy.sparse.csc_matrix(([1.0], [0], [0, 1] + [1] * 4), shape=(2**62, 5))
    with pytest.raises(ValueError, match=r"^x has shape \(4611686018427387904, 5\): must have at most 2\^64 - start"):
        dropout_with_replacement(x, 0.5, seed=0)
    y, _ = dropout_with_replacement(x[: 2**61], 1.0, 3.0, seed=0)
    assert y.data.tolist() == [3.0]


@pytest.mark.parametrize(("ratio", "dropped", "word"), [(0.0, [True, False], "none"), (1.0, [True, False], "all")])
def test_a_ratio_that_cannot_have_dropped_these(ratio, dropped, word):
    with pytest.raises(ValueError, match=f"^ratio={ratio}: drops {word}, but `dropped` says otherwise; with"):
        dropout_with_replacement_gradient(np.ones(2), np.array(dropped), ratio=ratio, scaled=True)
    dx, _ = dropout_with_replacement_gradient(np.ones(2), np.array(dropped), ratio=ratio)
    assert dx.tolist() == [0.0, 1.0]


# -- what a single call shows ------------------------------------------------------------------------------------------

CSR, FIVE = scipy.sparse.csr_matrix(MATRIX), np.ones(5)
WHOLE_CSR = scipy.sparse.csr_matrix(np.ones((2, 3), np.int16))
UNSCALED = "scaled=True: x has dtype int16, which cannot be scaled; convert x to a float type"
OF_SEGMENTS = ": must have 1, the values of all segments one after another"
PAIR = "dy and dropped: must both be arrays or both be sparse matrices"
LOST = "replacement: a masked array's mask would be lost"
STRATEGY_OF_FLOATS = "x has dtype int16, which may not hold it; convert x to a float type"
SHAPES = "must be a tuple of whole numbers, () for a single number"


def half_precision():
    """Return a matrix of float16: SciPy makes none, but it does not check data that are put in afterwards."""
    x = scipy.sparse.csr_matrix(MATRIX)
    x.data = x.data.astype(np.float16)
    return x


class csr_matrix:
    """A class with the same name as SciPy's."""

    format, ndim = "csr", 2


WRONG_TYPES = [
    (dense, (np.ones(3, np.int16),), dict(scaled=True), UNSCALED),
    (dense, (WHOLE_CSR,), dict(scaled=True, training=False), UNSCALED),
    (segments, (CSR,), {}, "x has dtype object: "),
    (items, (CSR,), {}, "x has dtype object: "),
    (dense, (csr_matrix(),), {}, "x has dtype object: "),
    (dense, (CSR.astype(bool),), {}, "x.data has dtype bool: must be an integer type, float16, float32 or float64"),
    (gradient, (CSR.astype(np.int32), CSR), {}, "dy.data has dtype int32: must be float16, "),
    (dense, (half_precision(),), {}, "x.data has dtype float16, which SciPy's sparse matrices do not support; use "),
    (gradient, (half_precision(), CSR), {}, "dy.data has dtype float16, which SciPy's sparse matrices do not support"),
    *[(dense, (), dict(replacement=np.array(value)), "replacement=") for value in (True, 1j, "a", None)],
    (dense, (FIVE,), dict(replacement=np.ma.masked_equal([1.0, 2.0, 3.0, 4.0, 5.0], 3.0)), LOST),
    (dense, (), dict(replacement=np.ma.array(5.0, mask=True)), "replacement"),
    *[
        (dense, (x,), dict(replacement=name, per_feature=each), f"replacement={name!r}: {STRATEGY_OF_FLOATS}")
        for x in (np.ones((2, 3), np.int16), WHOLE_CSR)
        for name in ("mean", "median")
        for each in (False, True)
    ],
    *[
        (segments, (FIVE, np.array([2, 1, 2]).astype(dtype)), {}, f"lengths has dtype {dtype}: must be int32 or int64")
        for dtype in ("float64", "float32", "uint8", "uint64", "int8", "int16", "bool", "object")
    ],
    (items, (FIVE, np.array([5], np.int8)), {}, "lengths has dtype int8: must be int32 or int64; convert it, as with "),
    *[
        (items, (FIVE, lengths), {}, "lengths has dtype ")
        for lengths in ([2.0, 3.0], [True, False], ["2", "3"], None, [None, 5], [2**70])
    ],
    (items, (np.empty(0), np.empty(0)), {}, "lengths has dtype float64: "),
    *[
        (gradient, (X, np.zeros(X.shape, dtype)), {}, f"dropped has dtype {dtype}: must be bool, as the forward pass ")
        for dtype in ("uint8", "int64", "float32", "object")
    ],
    (gradient, (CSR, MATRIX > 0), {}, PAIR),
    (gradient, (MATRIX, CSR.astype(bool)), {}, PAIR),
    (gradient, (CSR, CSR.astype(np.uint8)), {}, "dropped has dtype uint8: must be bool, as the forward pass returned"),
    *[
        (gradient, (), dict(replacement_shape=shape), f"replacement_shape={shape!r}: {SHAPES}")
        for shape in ("5", 5.0, (5.0,), (-1,), None, (2, None), np.ones(2))
    ],
    (gradient, (), dict(scaled=True), "ratio: is missing; with scaled=True give that of the forward pass"),
]
WRONG_VALUES = [
    (gradient, (), dict(ratio=-0.1), f"ratio=-0.1: must be {RATIOS}; the nearest legal value is 0.0"),
    (gradient, (), dict(ratio=np.nan), f"ratio=nan: must be finite, {RATIOS}"),
    (gradient, (), dict(training=False), "training=False: drops nothing, but `dropped` has marks"),
    (segments, (np.zeros((1, 5)),), {}, f"x has 2 axes (1, 5){OF_SEGMENTS}"),
    (items, (np.zeros(()),), {}, f"x has 0 axes (){OF_SEGMENTS}"),
    *[(dense, (), dict(replacement=name), f"replacement={name!r}: must be {KINDS}") for name in ("Mean", "", "none")],
    *[
        (dense, (FIVE,), dict(replacement=value, per_feature=True), "per_feature=True: needs a strategy such as ")
        for value in (0.0, FIVE, [1] * 5)
    ],
    *[
        (dense, (FIVE[:3],), dict(replacement=new, scaled=True), "replacement: must be finite with scaled=True")
        for new in (np.inf, np.nan, [1.0, -np.inf, 2.0])
    ],
    *[
        (dense, (CSR,), dict(replacement=np.ones(shape)), f"the replacement has shape {shape} and x has shape (3, 4): ")
        for shape in ((3,), (4, 1), (1, 3, 4), (3, 3))
    ],
    (gradient, (CSR, CSR > 0), dict(replacement_shape=(4, 1)), "replacement_shape: the replacement has shape (4, 1) "),
    *[
        (segments, (FIVE, np.full(shape, 5)), {}, f"lengths has {len(shape)} axes {shape}: must have 1, one length p")
        for shape in ((), (1, 1), (0, 3))
    ],
    *[  # broadcasting would hide a mistake
        (gradient, (X, np.zeros(shape, bool)), {}, f"dropped has shape {shape} and dy has shape (2, 3, 5): must be eq")
        for shape in ((2, 5, 3), (), (5,), (1, 3, 5), (2, 3, 5, 1))
    ],
]


@pytest.mark.parametrize(("error", "calls"), [(TypeError, WRONG_TYPES), (ValueError, WRONG_VALUES)])
def test_single_calls(error, calls):
    for function, inputs, arguments, words in calls:
        message = refusal(error, function, *inputs, **arguments)
        assert message.startswith(words), message
