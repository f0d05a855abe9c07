"""What is refused, and what is said; nothing has been written then."""

import math

import numpy as np
import pytest

from workbench import OPERATORS, lp_gradient, lp_prox, sparse_lp, sparse_lp_regularizer

from .common import ENGINES


def shrink_rows(w, engine="numba", **arguments):
    return sparse_lp_regularizer(w, np.array([1, 0, 1]), engine=engine, **arguments)


def penalty(w, engine="numba", **arguments):
    return sparse_lp(w, **{"alpha": 0.5, "sparsity_threshold": 9.0, **arguments}, engine=engine)


def gradient(w, engine="numba", **arguments):
    return lp_gradient(w, **{"alpha": 0.5, **arguments}, engine=engine)


def prox(w, engine="numba", **arguments):
    return lp_prox(w, **{"weight": 0.5, **arguments}, engine=engine)


CALLS = {shrink_rows: "param", penalty: "w", gradient: "w", prox: "x"}
IN_PLACE = {shrink_rows: "param", penalty: "w"}
OUT_OF_PLACE = {gradient: "w", prox: "x"}


def named(calls):
    return pytest.mark.parametrize(("call", "name"), calls.items(), ids=[call.__name__ for call in calls])


def refused(call, w, kind, message, **arguments):
    """Assert that a call is refused in both engines with this message, and that w keeps every bit."""
    before = w.tobytes() if isinstance(w, np.ndarray) else repr(w)
    for engine in ENGINES:
        with pytest.raises(kind) as raised:
            call(w, engine=engine, **arguments)
        assert str(raised.value) == message
        assert before == (w.tobytes() if isinstance(w, np.ndarray) else repr(w))


def weights(dtype="float64"):
    return np.array([[1.5, -2.5, 0.5], [3.5, -0.25, 0.0]], dtype)


AT_LEAST_0 = "must be finite, a number of at least 0.0"
NEAREST_0 = "must be a number of at least 0.0; the nearest legal value is 0.0"


@named(CALLS)
@pytest.mark.parametrize(
    ("p", "kind", "message"),
    [
        (-1e-300, ValueError, "p=-1e-300: must be a number of at least 0, infinity included; "),
        (-2, ValueError, "p=-2: must be a number of at least 0, infinity included; "),
        (-math.inf, ValueError, "p=-inf: must be a number of at least 0, infinity included"),
        (math.nan, ValueError, "p=nan: must be a number of at least 0, infinity included"),
        ("2", TypeError, "p='2': must be a number of at least 0, infinity included, not str"),
        (True, TypeError, "p=True: must be a number of at least 0, infinity included, not bool"),
        (None, TypeError, "p=None: must be a number of at least 0, infinity included, not NoneType"),
        (1j, TypeError, "p=1j: must be a number of at least 0, infinity included, not complex"),
        (10**400, ValueError, "p: must be a number of at least 0, infinity included that a float64 can hold"),
    ],
)
def test_exponents(call, name, p, kind, message):
    refused(call, weights(), kind, message + "the nearest legal value is 0.0" * message.endswith("; "), p=p)


@pytest.mark.parametrize(
    ("reg_lambda", "kind"),
    [
        (0, ValueError),
        (0.0, ValueError),
        (-0.0, ValueError),
        (1, ValueError),
        (-0.1, ValueError),
        (1.5, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        ("0.5", TypeError),
        (False, TypeError),
    ],
)
def test_strengths_of_rows(reg_lambda, kind):
    finite = "" if kind is TypeError or math.isfinite(reg_lambda) else "finite, "
    other = f", not {type(reg_lambda).__name__}" if kind is TypeError else ""
    message = f"reg_lambda={reg_lambda!r}: must be {finite}a number above 0.0 and below 1.0{other}"
    refused(shrink_rows, weights(), kind, message, reg_lambda=reg_lambda)


@pytest.mark.parametrize("reg_lambda", [1e-300, math.nextafter(1, 0), np.float32(0.5)])
def test_strengths_next_to_the_ends(reg_lambda):
    for engine in ENGINES:
        w = weights()
        shrink_rows(w, p=1, reg_lambda=reg_lambda, engine=engine)
        assert w[1, 0] == 3.5 - float(reg_lambda) - float(reg_lambda)


@pytest.mark.parametrize(
    ("call", "argument"),
    [(penalty, "alpha"), (gradient, "alpha"), (prox, "weight"), (penalty, "sparsity_threshold")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_what_must_not_be_negative(call, argument):
    refused(call, weights(), ValueError, f"{argument}=-0.1: {NEAREST_0}", **{argument: -0.1})
    for number in (math.nan, math.inf, -math.inf):
        refused(call, weights(), ValueError, f"{argument}={number!r}: {AT_LEAST_0}", **{argument: number})
    message = f"{argument}='1': must be a number of at least 0.0, not str"
    refused(call, weights(), TypeError, message, **{argument: "1"})
    if argument != "sparsity_threshold":
        message = f"{argument}: is missing; give a number of at least 0.0"
        with pytest.raises(TypeError) as raised:
            OPERATORS[{penalty: "SparseLp", gradient: "LpGradient", prox: "LpProx"}[call]].run(weights())
        assert str(raised.value) == message


def test_exact_is_a_bool():
    refused(shrink_rows, weights(), TypeError, "exact=1: must be True or False, not int", exact=1)


@named(CALLS)
@pytest.mark.parametrize(
    "dtype", ["int8", "int32", "int64", "uint8", "float16", "complex64", "complex128", "bool", "O"]
)
def test_types_of_values(call, name, dtype):
    w = np.array([[2, 1, 0], [3, 1, 1]]).astype(dtype)
    message = f"{name} has dtype {w.dtype}: must be float32 or float64; convert it, as with {name}.astype(float)"
    refused(call, w, TypeError, message)


@named(CALLS)
def test_masked_arrays(call, name):
    w = np.ma.masked_array(weights(), mask=weights() < 0)
    message = f"{name}: a masked array's mask would be lost; fill it first, as with {name}.filled(0)"
    refused(call, w, TypeError, message)


@named(IN_PLACE)
def test_what_is_no_array(call, name):
    for w, kind in [([[1.0, 2.0], [3.0, 4.0]], "list"), ((1.0, 2.0), "tuple"), (3.0, "float"), (None, "NoneType")]:
        message = f"{name}: must be a NumPy array, which is changed in place, not {kind}"
        refused(call, w, TypeError, message)
    message = f"{name}: must be a NumPy array, which is changed in place, not float32"
    refused(call, np.float32(3), TypeError, message)


@named(IN_PLACE)
def test_read_only_arrays(call, name):
    w = weights("float32")
    w.flags.writeable = False
    message = f"{name} is read-only and is changed in place; give a copy, as with {name}.copy()"
    refused(call, w, ValueError, message)
    refused(call, np.broadcast_to(np.float32(1), (2, 3)), ValueError, message)


@named(IN_PLACE)
def test_arrays_whose_elements_share_memory(call, name):
    for shape, strides in [((2, 3), (0, 8)), ((2, 3), (8, 0)), ((4,), (0,)), ((2, 1, 3), (0, 0, 8)), ((4, 3), (8, 8))]:
        w = np.lib.stride_tricks.as_strided(weights(), shape, strides)
        message = f"{name}: several of its elements share one place in memory; give a copy, as with {name}.copy()"
        refused(call, w, ValueError, message)


@named(IN_PLACE)
def test_a_stride_of_zero_along_one_element_is_no_harm(call, name):
    for engine in ENGINES:
        w = np.lib.stride_tricks.as_strided(weights(), (2, 1, 3), (24, 0, 8))
        before = w.copy()
        call(w, engine=engine)
        assert not np.array_equal(w, before)


@named(IN_PLACE)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_other_byte_order(call, name, dtype):
    w = weights(np.dtype(dtype).newbyteorder())
    message = f"{name} has dtype {w.dtype}, not in this machine's byte order; convert it first"
    refused(call, w, TypeError, message)


@named(OUT_OF_PLACE)
def test_lists_of_no_array(call, name):
    for engine in ENGINES:
        with pytest.raises(TypeError, match=rf"^{name}: must be an array of float32 or float64 \(") as raised:
            call([[1.0, 2.0], [3.0]], engine=engine)
        assert "inhomogeneous" in str(raised.value)
    kind = np.asarray([[1, 2]]).dtype
    message = f"{name} has dtype {kind}: must be float32 or float64; convert it, as with {name}.astype(float)"
    refused(call, [[1, 2]], TypeError, message)
    message = f"{name} has dtype object: must be float32 or float64; convert it, as with {name}.astype(float)"
    refused(call, None, TypeError, message)


def test_a_table_without_axes():
    refused(shrink_rows, np.array(3.0), ValueError, "param has no axes: must have at least 1, of rows")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (np.array([0, 1], "int8"), "indices has dtype int8: must be int32 or int64; convert it, as with "),
        (np.array([0, 1], "uint32"), "indices has dtype uint32: must be int32 or int64; convert it, as with "),
        (np.array([0, 1], "uint64"), "indices has dtype uint64: must be int32 or int64; convert it, as with "),
        (np.array([0.0, 1.0]), "indices has dtype float64: must be int32 or int64"),
        (np.array([True, False]), "indices has dtype bool: must be int32 or int64"),
        (np.array([0, 1], object), "indices has dtype object: must be int32 or int64"),
        ([], "indices has dtype float64: must be int32 or int64"),
        ([0, 1.5], "indices has dtype float64: must be int32 or int64"),
        (None, "indices has dtype object: must be int32 or int64"),
        (slice(0, 1), "indices has dtype object: must be int32 or int64"),
    ],
    ids=repr,
)
def test_types_of_indices(indices, message, engine):
    w = weights()
    before = w.tobytes()
    with pytest.raises(TypeError) as raised:
        sparse_lp_regularizer(w, indices, engine=engine)
    assert str(raised.value) == message + "indices.astype(np.int64)" * message.endswith("with ")
    assert w.tobytes() == before


@pytest.mark.parametrize("engine", ENGINES)
def test_other_indices(engine):
    w = weights()
    before = w.tobytes()
    with pytest.raises(TypeError, match="indices: a masked array's mask would be lost; fill it first"):
        sparse_lp_regularizer(w, np.ma.masked_array([0, 1], mask=[True, False]), engine=engine)
    with pytest.raises(TypeError, match=r"indices: must be an array of int32 or int64 \(.*inhomogeneous"):
        sparse_lp_regularizer(w, [[0], [0, 1]], engine=engine)
    for wrong, first in [([0, 2], 1), ([-1, 0], 0), ([1, 0, -2, 7], 2)]:
        message = (
            f"indices[{first}]={wrong[first]}: must be from 0 to 1, the rows of param "
            f"({sum(not 0 <= i <= 1 for i in wrong)} of {len(wrong)} indices out of range; nothing was written)"
        )
        with pytest.raises(ValueError, match="out of range") as raised:
            sparse_lp_regularizer(w, np.array(wrong), engine=engine)
        assert str(raised.value) == message
    assert w.tobytes() == before


@named(CALLS)
@pytest.mark.parametrize("engine", ["fast", "", None, ["numba"]])
def test_unknown_engines(call, name, engine):
    w = weights()
    before = w.tobytes()
    with pytest.raises(ValueError, match="engine=") as raised:
        call(w, engine=engine)
    assert str(raised.value) == f"engine={engine!r}: must be one of 'numba', 'reference'"
    assert w.tobytes() == before


@pytest.mark.parametrize(
    ("name", "inputs", "has"),
    [
        ("SparseLpRegularizer", (weights(), np.array([0])), "p, reg_lambda, exact"),
        ("SparseLp", (weights(),), "alpha, p, sparsity_threshold"),
        ("LpGradient", (weights(),), "alpha, p"),
        ("LpProx", (weights(),), "weight, p"),
    ],
)
def test_unknown_arguments_and_outputs(name, inputs, has):
    before = inputs[0].tobytes()
    with pytest.raises(TypeError) as raised:
        OPERATORS[name].run(*inputs, strength=2.0)
    assert str(raised.value) == f"{name} has no argument 'strength'; it has {has}"
    with pytest.raises(TypeError, match=f"{name} cannot write to 'other'"):
        OPERATORS[name].run(*inputs, outputs={"other": inputs[0]})
    with pytest.raises(TypeError, match=f"{name} takes {len(inputs)} inputs"):
        OPERATORS[name].run(*inputs, inputs[0])
    assert inputs[0].tobytes() == before
