"""Similarity of units: against SciPy, closed forms and sums written out."""

import re

import numpy as np
import pytest
from scipy import stats

from workbench.measures import pairs, similarity

RNG = np.random.default_rng(3)
Y = np.round(RNG.normal(size=(23, 4)) @ RNG.normal(size=(4, 5)), 1)  # rounded, so that some are equal
PAIRS = [(i, j) for i in range(5) for j in range(i)]


@pytest.mark.parametrize(("kind", "oracle"), [("pearson", stats.pearsonr), ("spearman", stats.spearmanr)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_correlations_are_scipys(kind, oracle, dtype):
    y = (10 * Y).astype(dtype)
    found = similarity(y, kind)
    expected = [oracle(*y[:, pair].T.astype(float)).statistic for pair in PAIRS]
    np.testing.assert_allclose([found[pair] for pair in PAIRS], expected, rtol=1e-12)
    np.testing.assert_allclose(np.diag(found), 1, rtol=1e-14)
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("kind", ["pearson", "spearman"])
def test_a_constant_unit_has_no_correlation(kind):
    y = np.column_stack([Y, np.full(23, 0.1)])
    found = similarity(y, kind)
    assert np.isnan(found[5]).all()
    assert np.isnan(found[:, 5]).all()
    np.testing.assert_array_equal(found[:5, :5], similarity(Y, kind))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_information_of_gaussian_units(correlation):
    """In closed form, two Gaussian units tell -log2(1 - r^2) / 2 bits of each other; ten classes lose some of it."""
    common, own = np.random.default_rng(4).normal(size=(2, 40_000))
    y = np.column_stack([common, correlation * common + np.sqrt(1 - correlation**2) * own])
    exact = -np.log2(1 - correlation**2) / 2
    found = similarity(y, "mutual information", bins=30)[0, 1]
    assert 0.9 * exact - 0.005 < found < exact + 0.005
    assert similarity(y, "mutual information", bins=4)[0, 1] < found + 0.005


def test_information_of_a_table_by_hand():
    """Two classes each: 3 + 1 + 1 + 3 examples in the four cells, so I = 1 + 1 - H(3, 1, 1, 3 of 8), and a correction
    of (4 - 1 - 1 - 1) / (2 * 8 ln 2) that lowers it."""
    y = np.array([[0, 0], [0, 0], [0, 0], [0, 5], [7, 0], [7, 5], [7, 5], [7, 5]])
    joint = -2 * (3 / 8 * np.log2(3 / 8) + 1 / 8 * np.log2(1 / 8))
    found = similarity(y, "mutual information", bins=2)
    np.testing.assert_allclose(found[0, 1], 2 - joint - 1 / (16 * np.log(2)), rtol=1e-12)
    np.testing.assert_allclose(np.diag(found), 1 + 1 / (16 * np.log(2)), rtol=1e-12)  # the entropy of halves, corrected


def test_information_sees_what_correlations_miss_and_no_scale():
    x, other = np.random.default_rng(5).normal(size=(2, 3000))
    y = np.column_stack([x, np.exp(2 * x), x**2, other, np.zeros(3000)])
    found = similarity(y, "mutual information")
    np.testing.assert_allclose(found[0, :2], np.log2(10), rtol=0.01)  # a copy, and a monotone one
    assert found[0, 2] > 2.0
    assert abs(found[0, 3]) < 0.02
    np.testing.assert_allclose(found[4], 0, atol=1e-12)
    np.testing.assert_array_equal(similarity(y**3, "mutual information"), found)


def test_pairs_are_what_stands_beside_the_diagonal():
    np.testing.assert_array_equal(pairs(np.arange(18).reshape(2, 3, 3)), [[1, 2, 3, 5, 6, 7], [10, 11, 12, 14, 15, 16]])


@pytest.mark.parametrize("wrong", [[1.0, 2.0], np.ones((4, 2, 3)), 5])
def test_pairs_need_square_matrices(wrong):
    with pytest.raises(ValueError, match=re.escape(f"matrices: have shape {np.shape(wrong)}; must be")):
        pairs(wrong)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((Y[:1],), ValueError, "y has shape (1, 5): must be (examples, units), with at least 2 examples and 1 unit"),
        ((Y[:, :0],), ValueError, "y has shape (23, 0)"),
        ((Y[0],), ValueError, "y has shape (5,): must have the axes (examples, units)"),
        (([[1.0, 2.0], [3.0, np.nan]],), ValueError, "y[1, 1]=nan: must be finite"),
        (([["a"]],), TypeError, "y has dtype <U1"),
        ((Y, "kendall"), ValueError, "kind='kendall': must be one of 'pearson', 'spearman', 'mutual information'"),
        ((Y, "mutual information", 1), ValueError, "bins=1: must be"),
        ((Y, "mutual information", 2.5), TypeError, "bins=2.5: must be"),
    ],
)
def test_refusals(arguments, error, message):
    with pytest.raises(error, match=re.escape(message)):
        similarity(*arguments)
