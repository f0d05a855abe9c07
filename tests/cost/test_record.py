"""The Cost record: adding, scaling, the FLOP convention, what it refuses; and what its floor stands on."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from workbench.cost import FLOPS_PER_MULTIPLY_ADD, Cost, checked_count, checked_itemsize, checked_shape
from workbench.operator import checked_choice

COUNTS = {
    "multiply_adds": 3,
    "other_flops": 5,
    "comparisons": 29,
    "divisions": 7,
    "square_roots": 11,
    "exponentials": 31,
    "logarithms": 37,
    "powers": 13,
    "random_words": 17,
    "integer_operations": 61,
    "bytes_read": 19,
    "bytes_written": 23,
    "bytes_cached": 41,
    "bytes_allocated": 43,
    "mispredictions": 47,
    "launches": 53,
    "runs": 59,
}
ONE = Cost(**COUNTS)


def test_a_multiply_add_is_two_flops_what_is_no_float_is_none():
    assert FLOPS_PER_MULTIPLY_ADD == 2
    assert ONE.flops == 6 + 5 + 7 + 11 + 31 + 37 + 13
    none = ("comparisons", "random_words", "integer_operations", "mispredictions", "launches", "runs")
    assert Cost(**dict.fromkeys(none, 1)).flops == 0


def test_bytes_are_those_read_and_written():
    assert ONE.bytes == 42


def test_counts_are_named_in_the_order_of_the_fields():
    assert list(ONE.counts().items()) == list(COUNTS.items())
    assert [field.name for field in dataclasses.fields(Cost)] == list(COUNTS)


def test_costs_add_count_by_count():
    other = Cost(*range(100, 1800, 100))
    one_and_other = (103, 205, 329, 407, 511, 631, 737, 813, 917, 1061, 1119, 1223, 1341, 1443, 1547, 1653, 1759)
    assert dataclasses.astuple(ONE + other) == one_and_other
    two_and_other = (106, 210, 358, 414, 522, 662, 774, 826, 934, 1122, 1138, 1246, 1382, 1486, 1594, 1706, 1818)
    assert dataclasses.astuple(sum([ONE, ONE, other], Cost())) == two_and_other


def test_a_whole_number_scales_every_count_from_either_side():
    three = (9, 15, 87, 21, 33, 93, 111, 39, 51, 183, 57, 69, 123, 129, 141, 159, 177)
    assert dataclasses.astuple(ONE * 3) == dataclasses.astuple(3 * ONE) == three
    assert dataclasses.astuple(0 * ONE) == (0,) * 17


def test_counts_stay_exact_beyond_float64():
    assert (Cost(multiply_adds=2**53 + 1) * 3).multiply_adds == 27021597764222979


@pytest.mark.parametrize("times", [1.5, 2.0, "2", True])
def test_scaling_by_anything_but_an_int_is_refused(times):
    with pytest.raises(TypeError):
        ONE * times


def test_adding_a_number_is_refused():
    with pytest.raises(TypeError):
        ONE + 1


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Cost)])
def test_inexact_and_negative_counts_are_refused_by_name(name):
    with pytest.raises(TypeError, match=rf"^{name}=2\.0: must be an int, not float; counts are exact$"):
        Cost(**{name: 2.0})
    with pytest.raises(TypeError, match=f"^{name}=True: must be an int, not bool"):
        Cost(**{name: True})
    with pytest.raises(ValueError, match=f"^{name}=-4: must be at least 0$"):
        Cost(**{name: -4})


@pytest.mark.parametrize("value", [7, np.int32(7), np.uint8(7), np.array(7)])
def test_a_count_is_a_plain_int_whatever_kind_of_int_it_was(value):
    count = checked_count("rows", value, 7)
    assert count == 7
    assert type(count) is int


@pytest.mark.parametrize("value", [True, 7.0, "7", None, np.float32(7), np.array([7])])
def test_a_count_that_is_no_int_is_refused(value):
    with pytest.raises(TypeError, match=r"^rows=.*: must be an int, not .*; counts are exact$"):
        checked_count("rows", value)


def test_a_count_below_its_least_is_refused():
    assert checked_count("rows", 0) == 0
    with pytest.raises(ValueError, match=r"^rows=-1: must be at least 0$"):
        checked_count("rows", -1)
    with pytest.raises(ValueError, match=r"^rows=6: must be at least 7$"):
        checked_count("rows", np.int64(6), 7)


def test_a_shape_is_a_tuple_of_plain_ints():
    for given in ([2, np.int16(3), 0], (2, 3, 0)):
        shape = checked_shape("shape", given, 3)
        assert shape == (2, 3, 0)
        assert [type(length) for length in shape] == [int, int, int]
    assert checked_shape("shape", ()) == ()


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ((2, -3, 4), ValueError, r"^kernel\[1\]=-3: must be at least 0$"),
        ((2, 3, 4.0), TypeError, r"^kernel\[2\]=4\.0: must be an int, not float"),
        ((True, 3, 4), TypeError, r"^kernel\[0\]=True: must be an int, not bool"),
        ((2, 3), ValueError, r"^kernel=\(2, 3\): must have 3 axes$"),
        (6, TypeError, "^kernel=6: must be a tuple of ints, the lengths of the axes$"),
        ("234", TypeError, "^kernel='234': must be a tuple of ints"),
        ({2, 3, 4}, TypeError, "^kernel=.*: must be a tuple of ints"),
    ],
)
def test_what_is_no_shape_is_refused_by_name_and_axis(shape, error, message):
    with pytest.raises(error, match=message):
        checked_shape("kernel", shape, 3)


def test_a_choice_is_one_of_those_there_are():
    assert checked_choice("way", "up", ("up", "down")) == "up"
    for wrong in ("left", "", None, "u"):
        with pytest.raises(ValueError, match=f"^way={wrong!r}: must be one of 'up', 'down'$"):
            checked_choice("way", wrong, ("up", "down"))


@pytest.mark.parametrize("value", [2, 4, 8, np.uint8(4)])
def test_the_bytes_of_a_number_are_a_plain_int(value):
    assert checked_itemsize(value) == value
    assert type(checked_itemsize(value)) is int


@pytest.mark.parametrize("value", [1, 3, 16, True, "4", None])
def test_other_bytes_of_a_number_are_refused(value):
    with pytest.raises(ValueError, match=f"^itemsize={value!r}: must be 2, 4 or 8, the bytes of a number$"):
        checked_itemsize(value)
    with pytest.raises(ValueError, match=f"^index={value!r}: must be 4 or 8, the bytes of a number$"):
        checked_itemsize(value, (4, 8), "index")


def test_true_is_not_one_byte():
    with pytest.raises(ValueError, match=r"^itemsize=True: must be 1, 2, 4 or 8"):
        checked_itemsize(True, (1, 2, 4, 8))


def test_importing_the_counts_brings_no_compiler_and_no_pictures():
    names = (
        "workbench.cost, workbench.machines.this_machine, workbench.machines.prediction, workbench.machines.published"
    )
    script = (
        f"import {names}, workbench.architectures.networks; import json, sys; print(json.dumps(sorted(sys.modules)))"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    loaded = {name.partition(".")[0] for name in json.loads(finished.stdout)}
    assert loaded & {"numba", "llvmlite", "matplotlib", "scipy", "IPython", "platformdirs"} == set()
