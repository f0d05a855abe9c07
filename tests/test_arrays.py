"""The checks of arrays that operators share: arrays that pass, and the whole message for those that do not."""

import numpy as np
import pytest

from workbench import arrays


def test_an_array_keeps_its_byte_order_or_gets_the_machines():
    swapped = np.array([1.5, -2.0], np.dtype(np.float32).newbyteorder("S"))
    assert arrays.checked_array("x", swapped, arrays.FLOATS) is swapped
    native = arrays.native_array("x", swapped, arrays.FLOATS)
    assert native.dtype.isnative
    assert native.tolist() == [1.5, -2.0]
    assert arrays.native_array("x", native, arrays.FLOATS) is native


@pytest.mark.parametrize(
    ("types", "allowed"),
    [
        (arrays.FLOATS, "efd"),
        (arrays.WIDE_FLOATS, "fd"),
        (arrays.NUMBERS, "bhilqBHILQefd"),
        (arrays.INTEGERS, "ilq"),
        (arrays.MASKS, "?"),
    ],
)
def test_types(types, allowed):
    for code in "?bhilqBHILQefdgFDGOSUmM":
        if code in allowed:
            arrays.check_dtype("x", np.dtype(code), types)
        else:
            with pytest.raises(TypeError, match=r"^x has dtype .*: must be .*(32|64|bool)"):
                arrays.check_dtype("x", np.dtype(code), types)


@pytest.mark.parametrize(
    ("x", "types", "message"),
    [
        (np.ma.masked_less([1.0, 2.0], 2), "FLOATS", "a masked array's mask would be lost; fill it first, as with "),
        ([[1.0], [2.0, 3.0]], "NUMBERS", "must be an array of numbers (setting an array element with a sequence. "),
        (np.arange(3), "FLOATS", "must be float16, float32 or float64; convert it, as with w.astype(np.float32)"),
        (np.arange(3), "WIDE_FLOATS", "must be float32 or float64; convert it, as with w.astype(float)"),
        (np.arange(3, dtype=np.int8), "INTEGERS", "must be int32 or int64; convert it, as with w.astype(np.int64)"),
    ],
)
def test_refusals_name_the_argument_and_what_to_do(x, types, message):
    with pytest.raises(TypeError) as raised:
        arrays.checked_array("w", x, getattr(arrays, types))
    assert str(raised.value).startswith("w")
    assert message in str(raised.value)


@pytest.mark.parametrize("empty", [[], (), [[], []]])
@pytest.mark.parametrize(("types", "dtype"), [("INTEGERS", "int64"), ("MASKS", "bool"), ("FLOATS", "float64")])
def test_an_empty_list_is_of_the_type_that_is_wanted(types, dtype, empty):
    found = arrays.checked_array("w", empty, getattr(arrays, types))
    assert (found.dtype, found.shape) == (dtype, np.shape(empty))
    if types != "FLOATS":
        with pytest.raises(TypeError, match=r"^w has dtype float64: must be "):
            arrays.checked_array("w", np.array(empty), getattr(arrays, types))


def test_a_conversion_that_loses_something_is_not_suggested():
    with pytest.raises(TypeError, match=r"^indices has dtype float64: must be int32 or int64$"):
        arrays.checked_indices([0.0, 1.0], 2)


@pytest.mark.parametrize(
    ("axes", "ranks"),
    [("(N, in)", {2}), ("(entries,)", {1}), ("(N, C, ...)", {2, 3, 4}), ("(..., weights)", {1, 2, 3, 4})],
)
def test_axes(axes, ranks):
    for rank in range(5):
        if rank in ranks:
            arrays.check_axes("x", np.zeros((1,) * rank), axes)
        else:
            with pytest.raises(ValueError, match=r"^x has shape \(.*\): must have the axes \(.*\); reshape it$"):
                arrays.check_axes("x", np.zeros((1,) * rank), axes)


@pytest.mark.parametrize("w", [[[1.0, 2.0]], (1.0,), 3.0, None, np.float32(3)], ids=repr)
def test_what_is_changed_in_place_is_an_array(w):
    message = f"^w: must be a NumPy array, which is changed in place, not {type(w).__name__}$"
    with pytest.raises(TypeError, match=message):
        arrays.check_in_place("w", w)


@pytest.mark.parametrize(
    ("shape", "strides"),
    [
        *[((2, 3), (0, 8)), ((2, 3), (8, 0)), ((4,), (0,)), ((2, 1, 3), (0, 0, 8)), ((4, 3), (8, 8))],
        *[((2, 3), (16, 16)), ((3, 2), (16, 32)), ((2, 2), (12, 16)), ((3,), (4,)), ((2, 2, 2), (24, 16, 8))],  # gaps
    ],
)
def test_what_is_changed_in_place_has_each_element_once(shape, strides):
    strided = np.lib.stride_tricks.as_strided
    message = r"^w: several of its elements share one place in memory; give a copy, as with w\.copy\(\)$"
    with pytest.raises(ValueError, match=message):
        arrays.check_in_place("w", strided(np.zeros(6), shape, strides))
    arrays.check_in_place("w", strided(np.zeros(6), (2, 1, 3), (24, 0, 8)))  # along one element 0 does no harm
    for shape, strides in (((3, 2), (24, 16)), ((2, 3), (-8, 16)), ((2, 2), (12, 32)), ((0, 3), (0, 0))):  # in turns
        arrays.check_in_place("w", strided(np.zeros(9)[1:], shape, strides))


def test_what_is_changed_in_place_is_writable():
    message = r"^w is read-only and is changed in place; give a copy, as with w\.copy\(\)$"
    with pytest.raises(ValueError, match=message):
        arrays.check_in_place("w", np.broadcast_to(np.float32(1), (2, 3)))
