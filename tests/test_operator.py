"""Declarations: argument checks, running by name, kinds of gradient and in-place rules, on toy operators."""

import dataclasses
import math
import sys
import types
from fractions import Fraction

import numpy as np
import pytest

from workbench import OPERATORS, REQUIRED, Arg, Gradient, Operator, register_cpu_operator

WIDTH = Arg("width", int, 3, "an odd window", low=1, high=9, step=2)
COUNT = Arg("count", int, 4, "any count", low=0)
SHARE = Arg("share", float, 0.5, "a share", low=0.0, high=1.0)
MODE = Arg("mode", str, "add", "what to do", choices=("add", "double"))
QUIET = Arg("quiet", bool, False, "say nothing")
PART = Arg("part", float, 0.5, "less than all, more than nothing", low=0.0, high=1.0, open=True)
ANY = Arg("any", float, 2.0, "any size, infinite too", low=0.0, high=math.inf)


@pytest.fixture(autouse=True)
def only_real_operators():
    before = dict(OPERATORS)
    yield
    OPERATORS.clear()
    OPERATORS.update(before)


@pytest.fixture
def toy(monkeypatch):
    """An operator in a module of its own that adds to its input, in place."""
    module = types.ModuleType("toy_engine")

    def toy_function(x, amount):
        x += amount
        return x

    module.toy_function = toy_function
    monkeypatch.setitem(sys.modules, "toy_engine", module)
    return Operator(
        name="Toy",
        meaning="Add an amount.",
        inputs=("x", "amount"),
        outputs=("z",),
        args=(WIDTH, SHARE, MODE, QUIET),
        function="toy_function",
        engines={"plain": "toy_engine"},
        prepare=lambda inputs, values: (inputs[0], inputs[1] * values["width"]),
        gradient=Gradient.NO_GRADIENT,
        inplace=(("z", "x"),),
        examples=lambda rng: [((rng.standard_normal(5), 1.0), {})],
    )


_POWER = "1" + 59 * "0" + "..." + 30 * "0"  # 10^400, shortened
_FRACTION = "Fraction(1" + 50 * "0" + "..." + 26 * "0" + ", 1)"
OUTSIDE = [
    (WIDTH, 4, "width=4: must be an odd whole number from 1 to 9; the nearest legal values are 3 and 5"),
    (WIDTH, 0, "width=0: must be an odd whole number from 1 to 9; the nearest legal value is 1"),
    (WIDTH, 12, "width=12: must be an odd whole number from 1 to 9; the nearest legal value is 9"),
    (COUNT, -1, "count=-1: must be a whole number of at least 0; the nearest legal value is 0"),
    (SHARE, 1.5, "share=1.5: must be a number from 0.0 to 1.0; the nearest legal value is 1.0"),
    (SHARE, -0.5, "share=-0.5: must be a number from 0.0 to 1.0; the nearest legal value is 0.0"),
    (SHARE, float("nan"), "share=nan: must be finite, a number from 0.0 to 1.0"),
    (SHARE, math.inf, "share=inf: must be finite, a number from 0.0 to 1.0"),
    (PART, -0.0, "part=-0.0: must be a number above 0.0 and below 1.0"),
    (PART, 1.0, "part=1.0: must be a number above 0.0 and below 1.0"),
    (PART, 1.5, "part=1.5: must be a number above 0.0 and below 1.0"),
    (PART, math.nan, "part=nan: must be finite, a number above 0.0 and below 1.0"),
    (ANY, -1e-9, "any=-1e-09: must be a number from 0.0 to inf; the nearest legal value is 0.0"),
    (ANY, -math.inf, "any=-inf: must be a number from 0.0 to inf"),
    (ANY, math.nan, "any=nan: must be a number from 0.0 to inf"),
    (MODE, "triple", "mode='triple': must be one of 'add', 'double'"),
    (COUNT, 2**63, "count=9223372036854775808: must be a whole number of at least 0 that an int64 can hold"),
    (WIDTH, 10**400, f"width={_POWER}: must be an odd whole number from 1 to 9; the nearest legal value is 9"),
    (
        COUNT,
        -(10**5000),
        "count=(int of more digits than Python writes): must be a whole number of at least 0; "
        "the nearest legal value is 0",
    ),
    (SHARE, 10**400, f"share={_POWER}: must be a number from 0.0 to 1.0 that a float64 can hold"),
    (ANY, Fraction(10**400), f"any={_FRACTION}: must be a number from 0.0 to inf that a float64 can hold"),
    (
        ANY,
        np.longdouble("1e4000"),
        "any=np.longdouble('1e+4000'): must be a number from 0.0 to inf that a float64 can hold",
    ),
]


@pytest.mark.parametrize(
    ("arg", "value", "message"), OUTSIDE, ids=[message.partition(":")[0] for *_, message in OUTSIDE]
)
def test_value_outside_the_range(arg, value, message, toy):
    operator = dataclasses.replace(toy, args=(arg,))
    for check in (arg.check, lambda value: operator.check({arg.name: value})):
        with pytest.raises(ValueError, match="must be") as raised:
            check(value)
        assert str(raised.value) == message


OF_THE_WRONG_TYPE = [
    (WIDTH, 3.0, "width=3.0: must be an odd whole number from 1 to 9, not float"),
    (WIDTH, True, "width=True: must be an odd whole number from 1 to 9, not bool"),
    (SHARE, "0.5", "share='0.5': must be a number from 0.0 to 1.0, not str"),
    (MODE, 1, "mode=1: must be one of 'add', 'double', not int"),
    (QUIET, 1, "quiet=1: must be True or False, not int"),
    (
        COUNT,
        np.timedelta64(3, "s"),
        "count=np.timedelta64(3,'s'): must be a whole number of at least 0, not timedelta64",
    ),
    (SHARE, np.timedelta64(0), "share=np.timedelta64(0): must be a number from 0.0 to 1.0, not timedelta64"),
    (COUNT, Fraction(3), "count=Fraction(3, 1): must be a whole number of at least 0, not Fraction"),
    (SHARE, np.True_, "share=np.True_: must be a number from 0.0 to 1.0, not bool"),
    (SHARE, 0.5j, "share=0.5j: must be a number from 0.0 to 1.0, not complex"),
    (SHARE, np.array(0.5), "share=array(0.5): must be a number from 0.0 to 1.0, not ndarray"),
]


@pytest.mark.parametrize(
    ("arg", "value", "message"), OF_THE_WRONG_TYPE, ids=[f"{arg.name}={value!r}" for arg, value, _ in OF_THE_WRONG_TYPE]
)
def test_value_of_the_wrong_type(arg, value, message):
    with pytest.raises(TypeError, match="must be") as raised:
        arg.check(value)
    assert str(raised.value) == message


LEGAL = [
    (WIDTH, 9, 9),
    (WIDTH, np.int16(7), 7),
    (SHARE, 1, 1.0),
    (SHARE, np.float32(0.25), 0.25),
    (MODE, "double", "double"),
    (QUIET, True, True),
    (PART, 5e-324, 5e-324),
    (PART, math.nextafter(1, 0), math.nextafter(1, 0)),
    (ANY, 0, 0.0),
    (ANY, 1e308, 1e308),
    (ANY, math.inf, math.inf),
    (ANY, np.float32(np.inf), math.inf),
    (ANY, np.longdouble(np.inf), math.inf),
    (COUNT, np.uint64(2**63 - 1), 2**63 - 1),
    (SHARE, np.float16(0.25), 0.25),
    (SHARE, np.longdouble(0.25), 0.25),
    (SHARE, np.int8(1), 1.0),
    (SHARE, Fraction(1, 4), 0.25),
    (MODE, np.str_("double"), "double"),
    (QUIET, np.True_, True),
]


@pytest.mark.parametrize(("arg", "value", "checked"), LEGAL, ids=[f"{arg.name}={value!r}" for arg, value, _ in LEGAL])
def test_legal_value_comes_back_as_the_declared_type(arg, value, checked):
    assert arg.check(value) == checked
    assert type(arg.check(value)) is arg.type


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(low=2, high=None), "an even whole number of at least 2"),
        (dict(low=None, high=None, step=None), "a whole number"),
        (dict(low=None, high=5, step=None), "a whole number of at most 5"),
        (dict(low=2, high=5, step=1), "a whole number from 2 to 5"),
    ],
)
def test_what_is_allowed_in_words(changes, words):
    assert dataclasses.replace(WIDTH, **changes).allowed == words


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        (dataclasses.replace(COUNT, default=REQUIRED), "count: is missing; give a whole number of at least 0"),
        (dataclasses.replace(MODE, default=REQUIRED), "mode: is missing; give one of 'add', 'double'"),
        (dataclasses.replace(QUIET, default=REQUIRED), "quiet: is missing; give True or False"),
        (
            Arg("thing", object, REQUIRED, "anything", words="a thing, or two"),
            "thing: is missing; give a thing, or two",
        ),
    ],
)
def test_an_argument_without_a_default_must_be_given(arg, message, toy):
    operator = dataclasses.replace(toy, args=(SHARE, arg))
    for given in ({}, {"share": 0.25}, {arg.name: REQUIRED}):
        with pytest.raises(TypeError) as raised:
            operator.check(given)
        assert str(raised.value) == message
    assert repr(arg.default) == "required"


def test_an_object_goes_to_the_operator_as_it_is(toy):
    thing = Arg("thing", object, None, "anything")
    for value in (None, "text", [1, 2], np.arange(3), float("nan"), True, {}):
        assert thing.check(value) is value
        assert dataclasses.replace(toy, args=(thing,)).check({"thing": value})["thing"] is value


def test_words_say_what_is_allowed():
    assert Arg("thing", object, 0, "anything", words="a number or a name").allowed == "a number or a name"
    worded = dataclasses.replace(SHARE, words="a probability")
    assert worded.allowed == "a probability"
    with pytest.raises(ValueError, match=r"^share=2: must be a probability; the nearest legal value is 1\.0$"):
        worded.check(2)
    with pytest.raises(ValueError, match=r"^part=1: must be a part$"):
        dataclasses.replace(PART, words="a part").check(1)


def test_open_ends_of_whole_numbers():
    between = Arg("between", int, 2, "a count", low=1, high=4, open=True)
    assert [between.check(value) for value in (2, 3)] == [2, 3]
    for value in (0, 1, 4, 5):
        with pytest.raises(ValueError, match=f"^between={value}: must be a whole number above 1 and below 4$"):
            between.check(value)


def test_the_defaults_are_those_that_are_promised():
    assert OPERATORS["LRN"].check({}) == dict(size=5, alpha=1e-4, beta=0.75, bias=1.0, order="NCHW", region="across")


def test_a_name_is_taken_once(toy):
    assert register_cpu_operator(toy) is toy
    assert OPERATORS["Toy"] is toy
    with pytest.raises(ValueError, match="'Toy' is already registered"):
        register_cpu_operator(dataclasses.replace(toy, meaning="Another."))
    assert OPERATORS["Toy"] is toy
    with pytest.raises(ValueError, match="'LRN' is already registered"):
        register_cpu_operator(dataclasses.replace(toy, name="LRN"))


def test_an_operator_without_examples_is_refused(toy):
    with pytest.raises(ValueError, match=r"^Toy has no examples: declare examples=\.\.\., a function of"):
        register_cpu_operator(dataclasses.replace(toy, examples=None))
    assert "Toy" not in OPERATORS


def test_in_place_output_must_be_its_input(toy):
    x = np.array([1.0, 2.0])
    assert toy.run(x, 10, engine="plain", outputs={"z": x}, width=5) is x
    assert x.tolist() == [51, 52]
    for other in (x.copy(), x[:], np.empty(2)):
        with pytest.raises(ValueError, match="Toy works in place: its output 'z' must be its input 'x'"):
            toy.run(x, 10, engine="plain", outputs={"z": other})
    with pytest.raises(TypeError, match="Toy cannot write to 'w': it returns z"):
        toy.run(x, 10, engine="plain", outputs={"w": x})
    assert x.tolist() == [51, 52]


def test_a_numpy_bool_is_a_bool():
    assert QUIET.check(np.True_) is True
    assert QUIET.check(np.False_) is False
