import math
import re

import numpy as np
import pytest

from workbench.operator import OPERATORS, Arg
from workbench.report.parameters import Parameter, ParameterError, from_help
from workbench.sweep import Choices, Range
from workbench.sweep.space import read_space

DECLARED = {
    "alpha": from_help("alpha", "float", 1e-4, "strength [0 .. 10]"),
    "rate": from_help("rate", "float", 0.1, ""),
    "width": from_help("width", "int", 8, "[1 .. 64]"),
    "count": from_help("count", "int", 0, ""),
    "size": Parameter("size", "int", 5, "", Arg("size", int, 5, "", low=1, step=2)),
    "quick": from_help("quick", "bool", False, ""),
    "mode": from_help("mode", "str", "plain", "[plain | fast | exact]"),
    "label": from_help("label", "str", "a", ""),
    "things": Parameter("things", "list", None, "", None),
}


def read(**given):
    return read_space(DECLARED, given)


def dimension(name, what):
    return read(**{name: what}).dimensions[name]


def test_a_logarithmic_range_with_a_count_is_a_grid_of_equal_ratios():
    found = dimension("alpha", "1e-5..1:log:12")
    assert found == Range(1e-5, 1.0, log=True, count=12)
    assert found.points[0] == 1e-5
    assert found.points[-1] == 1.0
    assert found.points == pytest.approx([10 ** (-5 * (11 - i) / 11) for i in range(12)], rel=1e-12)


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("alpha", "0..1", Range(0.0, 1.0)),
        ("alpha", "0..1:5", Range(0.0, 1.0, count=5)),
        ("alpha", "1e-3..10:12:log", Range(1e-3, 10.0, log=True, count=12)),
        ("rate", "-2.5..-0.5", Range(-2.5, -0.5)),
        ("rate", "-1e-2..1e+2", Range(-0.01, 100.0)),
        ("width", "1..8", Range(1, 8, step=1)),
        ("width", "1..64:log", Range(1, 64, log=True, step=1)),
        ("size", "3..9", Range(3, 9, step=2)),
        ("width", "3,5,7", Choices((3, 5, 7))),
        ("size", "3, 7 ,5", Choices((3, 7, 5))),
        ("alpha", "0.5,1,2e-1", Choices((0.5, 1.0, 0.2))),
        ("quick", "true,False", Choices((True, False))),
        ("mode", "fast,plain", Choices(("fast", "plain"))),
        ("label", "1..2,b", Choices(("1..2", "b"))),  # a text that looks like a range
        ("alpha", Range(0, 1, count=3), Range(0.0, 1.0, count=3)),
        ("width", Range(2, 4), Range(2, 4, step=1)),
        ("width", Range(np.int64(2), np.uint8(4), count=np.int16(3)), Range(2, 4, count=3, step=1)),
        ("width", [1, 2], Choices((1, 2))),
        ("width", (np.int64(4), 8), Choices((4, 8))),
        ("alpha", np.array([0.25, 0.5]), Choices((0.25, 0.5))),
        ("alpha", Choices((1, 2)), Choices((1.0, 2.0))),
        ("quick", [False, True], Choices((False, True))),
    ],
)
def test_words_and_values_become_dimensions(name, words, expected):
    found = dimension(name, words)
    assert found == expected
    assert repr(found) == repr(expected)  # 1 and 1.0 are told apart


@pytest.mark.parametrize(
    ("name", "what", "expected"),
    [
        ("alpha", "0.75", 0.75),
        ("alpha", 1, 1.0),
        ("width", [7], 7),
        ("quick", "TRUE", True),
        ("mode", "exact", "exact"),
        ("label", "some words", "some words"),
        ("width", Choices((2,)), 2),
    ],
)
def test_a_single_value_is_fixed(name, what, expected):
    found = read(**{name: what})
    assert found.dimensions == {}
    assert repr(found.fixed) == repr({name: expected})


@pytest.mark.parametrize(
    ("name", "words", "points"),
    [
        ("width", "1..4", (1, 2, 3, 4)),
        ("size", "3..9", (3, 5, 7, 9)),
        ("size", "1..9:3", (1, 5, 9)),
        ("size", "1..9:100", (1, 3, 5, 7, 9)),  # no more than there are
        ("width", "1..64:log:7", (1, 2, 4, 8, 16, 32, 64)),
        ("width", "1..4:log:9", (1, 2, 3, 4)),  # several round to one
        ("alpha", "0..1:5", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("rate", "1..100:log:3", (1.0, 10.0, 100.0)),
    ],
)
def test_points_of_a_grid(name, words, points):
    found = dimension(name, words).points
    assert found == pytest.approx(points, rel=1e-12)
    assert [type(each) for each in found] == [type(each) for each in points]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"beta": 1}, "beta: there is no such parameter"),
        ({"alpha": "0..11"}, "alpha=11.0: must be a number from 0.0 to 10.0; the nearest legal value is 10.0"),
        ({"alpha": "1,2,30"}, "alpha=30.0: must be a number from 0.0 to 10.0; the nearest legal value is 10.0"),
        ({"alpha": Range(-1, 1)}, "alpha=-1: must be a number from 0.0 to 10.0; the nearest legal value is 0.0"),
        ({"size": "2..9"}, "size=2: must be an odd whole number of at least 1; the nearest legal values are 1 and 3"),
        ({"size": "3..8"}, "size=8: must be an odd whole number of at least 1; the nearest legal values are 7 and 9"),
        ({"width": "0..4"}, "width=0: must be a whole number from 1 to 64; the nearest legal value is 1"),
        ({"width": "1.5..4"}, "width='1.5': must be a whole number from 1 to 64"),
        ({"width": [1.5, 2]}, "width=1.5: must be a whole number from 1 to 64, not float"),
        ({"width": [True, 2]}, "width=True: must be a whole number from 1 to 64, not bool"),
        ({"alpha": "5..1"}, "alpha=5.0..1.0: the range must end above its start"),
        ({"alpha": "1..1"}, "alpha=1.0..1.0: the range must end above its start"),
        ({"alpha": "0..1:log"}, "alpha=0.0..1.0:log: a logarithmic range must begin above 0"),
        ({"rate": "-1..1:log"}, "rate=-1.0..1.0:log: a logarithmic range must begin above 0"),
        (
            {"alpha": "0..1:1"},
            "alpha=0.0..1.0:1: a range needs at least 2 points; for a single value, give it without a range",
        ),
        (
            {"alpha": "0..1:0"},
            "alpha=0.0..1.0:0: a range needs at least 2 points; for a single value, give it without a range",
        ),
        ({"alpha": Range(0, 1, count=2.5)}, "alpha=0..1:2.5: a range needs at least 2 points; for a single"),
        ({"alpha": "0..1:ln"}, "alpha: a range may end in :log, a number of points, or both, as in alpha=1e-5..1:log"),
        ({"alpha": "0..1:log:3:4"}, "alpha: a range may end in :log, a number of points, or both, as in alpha=1e-5..1"),
        ({"alpha": "0..1:"}, "alpha: a range may end in :log, a number of points, or both, as in alpha=1e-5..1:log:12"),
        ({"size": "1..9:log"}, "size=1..9:log: a logarithmic range cannot go in steps of 2; list the values instead"),
        ({"width": "3,5,3"}, "width=3,5,3: a value is given twice; give each once"),
        ({"alpha": [1, 1.0]}, "alpha=1.0,1.0: a value is given twice; give each once"),
        ({"width": []}, "width: an empty list; give at least one value"),
        ({"width": ""}, "width='': must be a whole number from 1 to 64, not empty"),
        ({"width": "3,,5"}, "width='': must be a whole number from 1 to 64, not empty"),
        ({"alpha": ".."}, "alpha='': must be a number from 0.0 to 10.0, not empty"),
        ({"alpha": "nan..1"}, "alpha=nan: must be finite, a number from 0.0 to 10.0"),
        ({"quick": "maybe"}, "quick='maybe': must be True or False"),
        ({"quick": Range(0, 1)}, "quick=0..1: only numbers have ranges; quick must be True or False"),
        ({"mode": "plain,slow"}, "mode='slow': must be one of 'plain', 'fast', 'exact'"),
        ({"mode": Range(0, 1)}, "mode=0..1: only numbers have ranges; mode must be one of 'plain', 'fast', 'exact'"),
        ({"things": "1,2"}, "things: not settable: needs a bool, int, float or str as its value"),
        (
            {"rate": "0...1"},
            "rate=0...1: has three dots; write a range with two, and a zero before a decimal point, as",
        ),
        ({"count": "1...5"}, "count=1...5: has three dots"),
        ({"rate": "-1e308..1e308"}, "rate=-1e+308..1e+308: the range is longer than the largest float; give a shorter"),
        ({"count": f"0..{2**60}:5"}, f"count=0..{2**60}:5: a range of whole numbers must lie from -{2**53} to {2**53}"),
        ({"count": f"0..{2**70}:5"}, f"count={2**70}: must be a whole number that an int64 can hold"),
        ({"count": Range(-(2**53) - 1, 0)}, f"count=-{2**53 + 1}..0: a range of whole numbers must lie from -{2**53}"),
        ({"alpha": None}, "alpha=None: must be a number from 0.0 to 10.0, not NoneType"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(ParameterError) as raised:
        read(**given)
    assert raised.value.problems[0].startswith(message)
    assert "alpha: float = 0.0001 (a number from 0.0 to 10.0)" in str(raised.value)


def test_a_grid_needs_counts_takes_steps_from_an_operator_and_has_an_end():
    with pytest.raises(ParameterError) as raised:
        read(alpha="0..1", rate="1..2:log", width="1..3").grid()
    assert raised.value.problems == [
        "alpha=0.0..1.0: a grid needs the number of points of this range, as in alpha=0.0..1.0:10",
        "rate=1.0..2.0:log: a grid needs the number of points of this range, as in rate=1.0..2.0:log:10",
    ]
    size = next(arg for arg in OPERATORS["LRN"].args if arg.name == "size")
    assert read_space({"size": Parameter("size", "int", 5, "", size)}, {"size": "1..7"}).grid() == {
        "size": (1, 3, 5, 7)
    }
    with pytest.raises(ParameterError, match=re.escape("a grid of 10,100,000 points: at most 10,000,000")):
        read(alpha="0..1:1010", rate="0..1:10000").grid()


@pytest.mark.parametrize(
    ("given", "size"),
    [
        ({"count": "0..2147483647"}, 2**31),
        ({"count": f"0..{2**53}", "alpha": "0..1:2"}, 2**54 + 2),
        ({"rate": "0..1:1000000000000"}, 10**12),
        ({"count": f"1..{2**53}:log:2000000000"}, 2 * 10**9),
    ],
)
def test_a_grid_is_counted_before_it_is_built(given, size, monkeypatch):
    monkeypatch.setattr(Range, "points", property(lambda self: pytest.fail("it is built")))
    with pytest.raises(ParameterError, match=f"a grid of {size:,} points: at most 10,000,000; give fewer points"):
        read(**given).grid()


def test_a_grid_that_is_counted_has_as_many_points():
    for words in ("1..4", "1..64:log:7", "1..9:100", "3..9"):
        name = "size" if words == "3..9" else "width"
        found = dimension(name, words)
        assert found.most_points == len(found.points)
    assert dimension("width", "1..4:log:9").most_points == 4
    assert dimension("mode", "plain,fast").most_points == 2


def test_words_that_describe_a_space_are_read_as_the_same():
    space = read(alpha="1e-5..1:log:12", size="3..9", width="3,5,7", quick="true,false", mode="fast", rate="0.5")
    assert space.as_words() == {
        "alpha": "1e-05..1.0:log:12",
        "size": "3..9",
        "width": "3,5,7",
        "quick": "True,False",
        "mode": "fast",
        "rate": "0.5",
    }
    assert read_space(DECLARED, space.as_words()) == space


def test_the_order_in_which_parameters_are_given_makes_no_difference():
    one, other = (
        read(alpha="0..1", width="1..8", mode="plain,fast"),
        read(mode="plain,fast", width="1..8", alpha="0..1"),
    )
    assert list(one.dimensions) == list(other.dimensions)


def test_infinity_is_refused_even_where_it_is_the_limit():
    power = from_help("p", "float", 2.0, "[1 .. inf]")
    for what in ("1..inf", Range(1, math.inf), "1,inf", [1, math.inf], math.inf):
        with pytest.raises(ParameterError, match=r"^p='?inf'?: must be a number from 1.0 to inf, finite"):
            read_space({"p": power}, {"p": what})


def test_distributions_are_those_of_optuna():
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    space = read(
        alpha="1e-5..1:log:12", rate="0..1", width="1..64:log", size="3..9", mode="fast,exact", quick=[True, False]
    )
    assert space.distributions() == {
        "alpha": FloatDistribution(1e-5, 1.0, log=True),
        "rate": FloatDistribution(0.0, 1.0),
        "width": IntDistribution(1, 64, log=True),
        "size": IntDistribution(3, 9, step=2),
        "mode": CategoricalDistribution(("fast", "exact")),
        "quick": CategoricalDistribution((True, False)),
    }  # fmt: skip
    assert read(width="3,6,9").distributions() == {"width": IntDistribution(3, 9, step=3)}
    assert read(width="3,6,10").distributions() == {"width": CategoricalDistribution((3, 6, 10))}
    far = tuple(2**53 + i for i in range(3))  # which floats do not tell apart
    assert read(count=list(far)).distributions() == {"count": CategoricalDistribution(far)}
    assert read(width="9,6,3").distributions() == {"width": CategoricalDistribution((9, 6, 3))}
