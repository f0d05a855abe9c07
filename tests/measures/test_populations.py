"""Effective rank and the winner's share, of populations for which they are known."""

import re

import numpy as np
import pytest

from workbench.measures import effective_rank, winner_share

NOISE = np.random.default_rng(8).normal(size=(5000, 6))


def test_effective_rank_of_known_populations():
    np.testing.assert_allclose(effective_rank(np.repeat(NOISE[:, :1], 7, axis=1)), 1)  # copies
    np.testing.assert_allclose(effective_rank(NOISE[:, :1]), 1)
    exact = np.linalg.qr(NOISE - NOISE.mean(axis=0))[0]  # white to the last digits
    np.testing.assert_allclose(effective_rank(exact), 6)
    np.testing.assert_allclose(effective_rank(exact * [3, 2, 1, 1, 0, 0] + 5), 15**2 / (81 + 16 + 1 + 1))
    assert 5.97 < effective_rank(1e200 * NOISE) < 6


def test_effective_rank_is_that_of_the_eigenvalues():
    y = NOISE[:40] @ np.random.default_rng(9).normal(size=(6, 9))
    eigenvalues = np.linalg.eigvalsh(np.cov(y.T))
    np.testing.assert_allclose(effective_rank(y), eigenvalues.sum() ** 2 / np.sum(eigenvalues**2), rtol=1e-12)


def test_winner_share():
    np.testing.assert_allclose(winner_share([[1, 3, 0], [5, 0, 5], [0, 0, 2]]), (0.75 + 0.5 + 1) / 3)
    np.testing.assert_allclose(winner_share(np.full((2, 4), 1e308)), 0.25)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: effective_rank(np.full((3, 2), 0.1)), "y: all units are constant"),
        (lambda: effective_rank(NOISE[:1]), "with at least 2 examples and 1 unit"),
        (lambda: winner_share(NOISE), "must be at least 0 to have a share"),
        (lambda: winner_share(np.zeros((2, 3))), "y[0]: no unit is active"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
