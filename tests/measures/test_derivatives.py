"""Influence: against Jacobians in closed form."""

import re

import numpy as np
import pytest
from scipy.special import softmax

from workbench.measures import influence, slopes

X = np.random.default_rng(10).normal(size=(7, 4))


def test_influence_of_softmax():
    """Its Jacobian is diag(p) - p p^T."""
    p = softmax(X, axis=1)
    expected = -np.mean([np.diag(each) - np.outer(each, each) for each in p], axis=0)
    np.testing.assert_allclose(influence(lambda x: softmax(x, axis=1), X), expected, atol=1e-9)


def test_row_i_is_suppressed_by_column_j():
    def layer(x):
        return np.stack([x[:, 0] - 3 * x[:, 2], x[:, 1], 2 * x[:, 0]], axis=1)

    np.testing.assert_allclose(influence(layer, X[:, :3]), [[-1, 0, 3], [0, -1, 0], [-2, 0, 0]], atol=1e-8)


def test_slopes_of_each_example_and_for_large_inputs():
    weights = np.random.default_rng(11).normal(size=(4, 3))
    x = X * [1e5, 2e5, 3e5, 1e5]
    found = slopes(lambda x: (x**2) @ weights, x)
    assert found.shape == (7, 3, 4)
    np.testing.assert_allclose(found, (2 * x[:, :, None] * weights).transpose(0, 2, 1), rtol=1e-6, atol=1e-2)


def test_a_large_step_sees_a_jump():
    def winner(x):
        return np.where(x == x.max(axis=1, keepdims=True), x, 0.0)

    x = np.array([[0.5, 1.0, -2.0]])
    assert influence(winner, x)[1, 0] == 0
    # At 0.5 + 0.75 unit 0 wins and unit 1 falls to 0; at 0.5 - 0.75 unit 1 has its 1.
    assert influence(winner, x, 0.75)[1, 0] == pytest.approx(1 / 1.5)
    assert influence(winner, 4 * x, 0.75)[1, 0] == pytest.approx(0)  # 2 + 2 * 0.75 is less than 4
    with pytest.raises(ValueError, match=r"step=0\.0: must be"):
        influence(winner, x, 0.0)


@pytest.mark.parametrize(
    ("function", "x", "error", "message"),
    [
        (lambda x: x.astype(np.float32), X, TypeError, "function: returns float32 for float64"),
        (lambda x: x[0], X, ValueError, "function: returns shape (4,) for (7, 4); must return (7, units)"),
        (lambda x: x, X[0], ValueError, "x has shape (4,): must have the axes (examples, units)"),
        (lambda x: x, X[:0], ValueError, "x has shape (0, 4): must be (examples, units), with at least 1 example"),
    ],
)
def test_refusals(function, x, error, message):
    with pytest.raises(error, match=re.escape(message)):
        influence(function, x)


def test_a_step_is_a_number_that_moves_the_input():
    with pytest.raises(ValueError, match=r"step=1e-300: too small to change x\[:, 0\]"):
        influence(np.tanh, X, 1e-300)
    with pytest.raises(ValueError, match=r"step=0: must be a number above 0\.0$"):
        influence(np.tanh, X, 0)
