"""Wrong arguments are refused; the message names the argument, its value, what is allowed and what to do."""

import re
from fractions import Fraction

import numpy as np
import pytest

from workbench import OPERATORS, local_response_norm, local_response_norm_gradient, local_response_norm_scale

X = np.linspace(-2, 3, 2 * 7 * 3 * 4, dtype=np.float32).reshape(2, 7, 3, 4)
ENGINES = ["reference", "numba"]


def forward(x=X, **arguments):
    return local_response_norm(x, **arguments)


def scale(x=X, **arguments):
    return local_response_norm_scale(x, **arguments)


def gradient(x=X, **arguments):
    return local_response_norm_gradient(x, x, **arguments)


FUNCTIONS = pytest.mark.parametrize("function", [forward, scale, gradient])


def refusal(error, function, *arguments, **options):
    """Return the message of the error that a call must raise."""
    with pytest.raises(error) as raised:
        function(*arguments, **options)
    assert type(raised.value) is error
    return str(raised.value)


def test_ranges_are_those_that_are_promised():
    for name in ("LRN", "LRNGradient"):
        assert {arg.name: arg.allowed for arg in OPERATORS[name].args} == {
            "size": "an odd whole number of at least 1",
            "alpha": "a number",
            "beta": "a number of at least 0.0",
            "bias": "a number of at least 0.0",
            "order": "one of 'NCHW', 'NHWC', 'NC', 'NCW', 'NWC', 'NCDHW', 'NDHWC'",
            "region": "one of 'across', 'within'",
        }


@pytest.mark.parametrize("value", [np.int8(5), np.uint64(5), 5], ids=type)
def test_whole_numbers_of_any_kind_are_a_size(value):
    np.testing.assert_array_equal(forward(size=value), forward(size=5))


@pytest.mark.parametrize("value", [2, np.float16(2), np.int64(2), Fraction(2)], ids=type)
def test_real_numbers_of_any_kind_are_a_strength(value):
    np.testing.assert_array_equal(forward(alpha=value, bias=value), forward(alpha=2.0, bias=2.0))


@FUNCTIONS
@pytest.mark.parametrize(
    ("shape", "arguments", "parts"),
    [
        ((), {}, ["0 axes", "()", "at least 2"]),
        ((7,), {}, ["1 axes", "(7,)", "at least 2"]),
        ((7,), {"order": "NHWC"}, ["1 axes", "(7,)", "at least 2"]),
        ((2, 7, 3), {"order": "NCDHW"}, ["3 axes", "(2, 7, 3)", "order='NCDHW' takes 5", "NCHW and NHWC take any"]),
        ((2, 7, 3), {"order": "NC"}, ["3 axes", "order='NC' takes 2"]),
        ((2, 7), {"order": "NCW"}, ["2 axes", "order='NCW' takes 3"]),
        ((2, 7, 3, 4), {"order": "NWC"}, ["4 axes", "order='NWC' takes 3"]),
        ((2, 7, 3, 4), {"order": "NDHWC"}, ["4 axes", "order='NDHWC' takes 5"]),
        ((2, 7, 3), {"region": "within"}, ["3 axes", "(2, 7, 3)", "region='within' takes 4"]),
        ((2, 7, 3), {"region": "within", "order": "NCW"}, ["3 axes", "region='within' takes 4"]),
        ((2, 7, 3, 4, 5), {"region": "within", "order": "NHWC"}, ["5 axes", "region='within' takes 4"]),
    ],
)
def test_rank_that_does_not_fit(function, shape, arguments, parts):
    message = refusal(ValueError, function, np.zeros(shape, np.float32), **arguments)
    assert re.match(r"(x|dy) has ", message)
    assert [part for part in parts if part not in message] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_gradient_of_another_shape_or_type(engine):
    message = refusal(ValueError, local_response_norm_gradient, np.zeros((2, 7, 4, 3)), X, engine=engine)
    assert message == "dy has shape (2, 7, 4, 3) and x has shape (2, 7, 3, 4): must be equal"
    message = refusal(TypeError, local_response_norm_gradient, X.astype(np.float64), X, engine=engine)
    assert message == "dy has dtype float64 and x has dtype float32: must be equal"


# Squares 1, 4, 9, 16, 25, 36, 49 of one pixel; the sums over windows of 3 are 5, 14, 29, 50, 77, 110, 85. With
# alpha / n = -1/3 * 0.06 = -0.02 and bias 1 the base is 1 - 0.02 * sum: 0.9, 0.72, 0.42, 0, -0.54, -1.2, -0.7.
SIGNED = np.array([1, -2, 3, -4, 5, -6, 7.0])
LIMIT = -3 / 110  # of alpha, where the largest sum makes the base 0


def one_pixel(order, dtype):
    return SIGNED.astype(dtype).reshape((1, 7, 1) if order == "NCHW" else (1, 1, 7))


def number_after(words, message):
    return float(re.search(words + r" (-?[\d.]+(?:e[+-]?\d+)?)", message)[1].rstrip("."))


@FUNCTIONS
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("order", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_exciting_too_strongly(function, dtype, order, engine):
    message = refusal(
        ValueError, function, one_pixel(order, dtype), size=3, alpha=-0.0601, bias=1.0, order=order, engine=engine
    )
    assert "alpha=-0.0601" in message
    assert "at 4 of 7 elements" in message
    assert number_after("the smallest is", message) == pytest.approx(1 - 110 * 0.0601 / 3, rel=1e-5)
    assert number_after("positive for alpha above", message) == pytest.approx(LIMIT, rel=1e-5)


@FUNCTIONS
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_limit_is_where_it_is_said_to_be(function, dtype, engine):
    x = one_pixel("NCHW", dtype)
    refusal(ValueError, function, x, size=3, alpha=LIMIT * (1 + 1e-5), engine=engine)
    result = function(x, size=3, alpha=LIMIT * (1 - 1e-5), engine=engine)
    assert np.all(np.isfinite(result))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_limit_within_a_channel(engine):
    # The middle of 3 x 3 ones has a sum of 9, an edge 6, a corner 4; divisor 9.
    x = np.ones((1, 1, 3, 3), np.float32)
    message = refusal(ValueError, forward, x, size=3, alpha=-2.0, bias=1.5, region="within", engine=engine)
    assert "at 1 of 9 elements" in message
    assert number_after("the smallest is", message) == pytest.approx(-0.5)
    assert number_after("positive for alpha above", message) == pytest.approx(-1.5)
    message = refusal(ValueError, forward, x, size=3, alpha=-2.5, bias=1.5, region="within", engine=engine)
    assert "at 5 of 9 elements" in message
    y = forward(x, size=3, alpha=-2.0, beta=1.0, bias=2.25, region="within", engine=engine)
    np.testing.assert_allclose(y[0, 0, 1], [1 / (2.25 - 4 / 3), 1 / 0.25, 1 / (2.25 - 4 / 3)], rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_elements_are_counted_over_all_tiles_and_conversions(engine):
    # One bad element in each of three far apart places of a float16 array that is converted in blocks.
    x = np.zeros((5, 3, 150_001), np.float16)
    x[0, 0, 0] = x[2, 1, 77_777] = x[4, 2, 150_000] = 10
    message = refusal(ValueError, forward, x, size=1, alpha=-0.02, bias=1.0, engine=engine)
    assert f"at 3 of {x.size} elements" in message
    assert number_after("the smallest is", message) == pytest.approx(-1)
    assert number_after("positive for alpha above", message) == pytest.approx(-0.01)


@pytest.mark.parametrize("engine", ENGINES)
def test_exciting_beyond_the_range_of_a_square(engine):
    x = np.full((1, 3, 2), 1e200)
    message = refusal(ValueError, forward, x, size=1, alpha=-1.0, engine=engine)
    assert "at 6 of 6 elements" in message
    assert "inf" in message
    y = forward(x, size=1, alpha=-1e-320, beta=0.5, bias=1e81, engine=engine)  # 1e81 - 1e-320 * 1e400 = 9e80
    np.testing.assert_allclose(y, 1e200 / 3e40, rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bias_of_zero_needs_something_in_every_window(engine):
    x = np.ones((1, 7, 2), np.float32)
    x[0, :4, 1] = 0  # windows of 3 around channels 0, 1 and 2 hold nothing
    for function in (forward, scale, gradient):
        message = refusal(ValueError, function, x, size=3, bias=0.0, engine=engine)
        assert "bias=0.0" in message
        assert "at 3 of 14 elements" in message
        assert "above 0" in message
    x[0, 1, 1] = 2.0
    y = forward(x, size=3, alpha=3.0, beta=1.0, bias=0.0, engine=engine)
    np.testing.assert_allclose(y[0, :, 1], [0, 2 / 4, 0, 0, 1 / 2, 1 / 3, 1 / 2], rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_at_all_to_divide_by(engine):
    assert "bias=0.0" in refusal(ValueError, forward, X, alpha=0.0, bias=0.0, engine=engine)
    message = refusal(ValueError, forward, np.zeros((1, 3, 2)), alpha=-1.0, bias=0.0, engine=engine)
    assert "at 6 of 6 elements" in message
    assert "bias above 0" in message  # no alpha would do
