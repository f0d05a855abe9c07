"""Entropies of activations: against SciPy, and of populations whose entropy is known."""

import re

import numpy as np
import pytest
from scipy import stats

from workbench.measures import entropy

Y = np.abs(np.random.default_rng(6).normal(size=(19, 5)))


def test_entropy_of_shares_is_scipys_mean_over_examples():
    expected = np.mean([stats.entropy(example, base=2) for example in Y])
    np.testing.assert_allclose(entropy(Y), expected, rtol=1e-12)
    np.testing.assert_allclose(entropy(Y / Y.max() * 1e308), expected, rtol=1e-12)


@pytest.mark.parametrize(("y", "bits"), [(np.ones((3, 8)), 3.0), (np.eye(4), 0.0), ([[0, 2, 2, 0]], 1.0)])
def test_entropy_of_known_shares(y, bits):
    np.testing.assert_allclose(entropy(y), bits, atol=1e-12)


def test_marginal_entropies_add_up():
    """One unit takes four values equally often, one two, one is constant: 2 + 1 + 0 bits."""
    y = np.column_stack([np.arange(12) % 4, np.arange(12) % 2, np.full(12, 3)])
    np.testing.assert_allclose(entropy(y, "marginal", 4), 3.0)
    np.testing.assert_allclose(entropy(y, "marginal", [-1, 1.5, 9]), 1.0)  # {0, 1} and {2, 3}; {0, 1}; {3}
    np.testing.assert_allclose(entropy(y, "marginal", [0.5, 1.5, 2.5, 2.8]), 1.5)  # the end bins are open


def test_marginal_entropies_are_scipys():
    counts = [np.histogram(unit, np.linspace(Y.min(), Y.max(), 8))[0] for unit in Y.T]
    expected = sum(stats.entropy(each, base=2) for each in counts)
    np.testing.assert_allclose(entropy(Y, "marginal", 7), expected, rtol=1e-12)


def test_joint_entropy_of_copies_and_of_every_pattern():
    """All 2^9 patterns of nine units: 9 bits, corrected by 511 classes; nine copies of a unit: 1 bit, by 1 class."""
    patterns = (np.arange(512)[:, None] >> np.arange(9)) % 2
    one = 1 / (2 * 512 * np.log(2))
    np.testing.assert_allclose(entropy(patterns, "joint"), 9 + 511 * one)
    np.testing.assert_allclose(entropy(np.repeat(patterns[:, :1], 70, axis=1), "joint"), 1 + one)
    np.testing.assert_allclose(entropy(np.ones((6, 3)), "joint"), 0)


def test_joint_entropy_of_independent_units_has_little_bias():
    y = np.random.default_rng(7).normal(size=(2000, 8))
    assert abs(entropy(y, "joint") - 8) < 0.03  # without the correction it is 0.09 too low


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-Y,), "must be at least 0 to have a share"),
        (([[1, 0], [0, 0]],), "y[1]: no unit is active, so none has a share"),
        ((Y[:0],), "y has shape (0, 5): must be (examples, units), with at least 1 example and 1 unit"),
        (([[np.inf]], "joint"), "y[0, 0]=inf: must be finite"),
        ((Y, "mean"), "kind='mean': must be one of 'shares', 'marginal', 'joint'"),
        ((Y, "marginal", 0), "bins=0: must be"),
        ((Y, "marginal", [2, 1, 3]), "bins=[2, 1, 3]: must be a whole number from 2, or at least 3 increasing edges"),
        ((Y, "marginal", [1, 2]), "bins=[1, 2]: must be"),
        ((Y, "marginal", [1, 2, np.nan]), "bins=[1, 2, nan]: must be"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        entropy(*arguments)
