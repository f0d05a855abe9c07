"""The Cost record: adding, scaling, the FLOP convention, what it refuses."""

import ast
import dataclasses
from pathlib import Path

import pytest

import workbench.cost
from workbench.cost import FLOPS_PER_MULTIPLY_ADD, Cost

ONE = Cost(
    multiply_adds=3,
    other_flops=5,
    divisions=7,
    square_roots=11,
    powers=13,
    random_words=17,
    bytes_read=19,
    bytes_written=23,
)


def test_a_multiply_add_is_two_flops_and_random_words_are_none():
    assert FLOPS_PER_MULTIPLY_ADD == 2
    assert ONE.flops == 6 + 5 + 7 + 11 + 13


def test_bytes_are_those_read_and_written():
    assert ONE.bytes == 42


def test_costs_add_count_by_count():
    other = Cost(100, 200, 300, 400, 500, 600, 700, 800)
    assert dataclasses.astuple(ONE + other) == (103, 205, 307, 411, 513, 617, 719, 823)
    assert dataclasses.astuple(sum([ONE, ONE, other], Cost())) == (106, 210, 314, 422, 526, 634, 738, 846)


def test_a_whole_number_scales_every_count_from_either_side():
    assert dataclasses.astuple(ONE * 3) == (9, 15, 21, 33, 39, 51, 57, 69)
    assert dataclasses.astuple(0 * ONE) == (0,) * 8


def test_counts_stay_exact_beyond_float64():
    assert (Cost(multiply_adds=2**53 + 1) * 3).multiply_adds == 27021597764222979


def test_a_cost_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ONE.powers = 1


@pytest.mark.parametrize("times", [1.5, 2.0, "2", True])
def test_scaling_by_anything_but_an_int_is_refused(times):
    with pytest.raises(TypeError):
        ONE * times


def test_adding_a_number_is_refused():
    with pytest.raises(TypeError):
        ONE + 1


def test_inexact_and_negative_counts_are_refused_by_name():
    with pytest.raises(TypeError, match=r"divisions=2\.0: must be an int, not float"):
        Cost(divisions=2.0)
    with pytest.raises(ValueError, match="bytes_read=-4: must be at least 0"):
        Cost(bytes_read=-4)


def test_the_ground_floor_imports_nothing_of_the_rest():
    for file in Path(workbench.cost.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text())
        plain = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        sources = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        inside = [name for name in plain + sources if name.split(".")[0] == "workbench"]
        assert [name for name in inside if not name.startswith("workbench.cost")] == [], file.name
