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


def test_ranges_are_those_that_are_promised():
    names = ("SparseLp", "LpGradient", "LpProx")
    found = {name: {arg.name: arg.allowed for arg in OPERATORS[name].args} for name in names}
    p, positive = "a number of at least 0, infinity included", "a number of at least 0.0"
    assert found == {
        "SparseLp": {"alpha": positive, "p": p, "sparsity_threshold": positive},
        "LpGradient": {"alpha": positive, "p": p},
        "LpProx": {"weight": positive, "p": p},
    }


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
