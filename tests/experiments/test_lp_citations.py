"""Sparse codes against scikit-learn, pooling by loops, and passes of the hybrid counted by hand."""

import types

import numpy as np
import pytest

from workbench.experiments import lp_citations as lc


def test_codes_are_the_lasso_of_each_patch():
    from sklearn.linear_model import Lasso

    rng = np.random.default_rng(0)
    patches, atoms = rng.normal(size=(5, 25)), rng.normal(size=(7, 25))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    found = lc.codes(patches, atoms, 0.4)
    assert (found == 0).any()
    for patch, code in zip(patches, found, strict=True):
        rival = Lasso(0.4 / 25, fit_intercept=False, tol=1e-10).fit(atoms.T, patch)
        assert code == pytest.approx(rival.coef_, abs=1e-3)


def test_patches_have_no_mean_and_length_one_and_empty_ones_are_zero():
    images = np.random.default_rng(1).random((3, 64))
    images[2] = 0.5
    patches = lc._patches(images)
    assert patches.shape == (3, 16, 25)
    window = images[1].reshape(8, 8)[2:7, 1:6].ravel()  # rows from 2, columns from 1: place 2 * 4 + 1
    window = window - window.mean()
    assert patches[1, 9] == pytest.approx(window / np.linalg.norm(window))
    assert not patches[2].any()


def test_pooling_sums_the_parts_over_quarters():
    images = np.random.default_rng(2).random((2, 64))
    atoms = lc._random(3)
    codes = lc.codes(lc._patches(images).reshape(-1, 25), atoms, 0.05).reshape(2, 4, 4, 24)
    found = lc._pooled(images, atoms, 0.05).reshape(2, 2, 2, 24, 2)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for atom in (0, 23):
            block = codes[1, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2, atom]
            assert found[1, row, column, atom, 0] == pytest.approx(block[block > 0].sum())
            assert found[1, row, column, atom, 1] == pytest.approx(-block[block < 0].sum())


def test_random_atoms_have_no_mean_and_length_one():
    atoms = lc._random(5)
    assert atoms.sum(axis=1) == pytest.approx(np.zeros(24))
    assert (atoms**2).sum(axis=1) == pytest.approx(np.ones(24))


def test_passes_of_the_hybrid_are_those_of_both_parts(monkeypatch):
    """FISTA alone takes 90 passes, coordinate descent 40, and 40 less half of FISTA's iterations after it."""

    def solve(X, y, penalty, *, loss, solver, tolerance, max_iterations=90, start=None):
        assert tolerance == 1e-8
        done = max_iterations if solver == "FISTA" else 40 - (0 if start is None else start // 2)
        return types.SimpleNamespace(passes=done, weights=done)

    monkeypatch.setattr(lc, "solve", solve)
    numbers = lc.hybrid(0, "breast cancer")
    assert numbers["passes of the hybrid over the better of the two"] == pytest.approx((20 + 30) / 40)
    assert numbers["the same for the best moment to change"] == pytest.approx((5 + 38) / 40)
    assert (numbers["passes of FISTA"], numbers["passes of coordinate descent"]) == (90, 40)


def test_learned_atoms_have_length_one_and_code_patches_better_than_random_ones():
    rng = np.random.default_rng(6)
    true = lc._random(9)
    patches = np.where(rng.random((400, 24)) < 0.1, rng.normal(size=(400, 24)), 0.0) @ true

    def objective(atoms):
        coded = lc.codes(patches, atoms, 0.1)
        return 0.5 * np.sum((patches - coded @ atoms) ** 2) + 0.1 * np.abs(coded).sum()

    atoms = lc.learned(patches, 7)
    assert (atoms**2).sum(axis=1) == pytest.approx(np.ones(24))
    assert objective(atoms) < 0.8 * objective(lc._random(7))


def test_the_gain_is_that_over_the_better_of_pixels_and_a_random_dictionary(monkeypatch):
    losses = {64: 0.4, 192: 0.5}  # by number of features

    def classified(parts, features, Cs):
        loss = losses[features(parts[0][0]).shape[1]]
        return lc.Scores(loss, loss, False)

    monkeypatch.setattr(lc, "_classified", classified)
    monkeypatch.setattr(lc, "learned", lambda patches, seed: lc._random(seed))
    numbers = lc.sparse_codes(0, 30)
    assert numbers["relative gain over raw pixels and over a random dictionary"] == pytest.approx(1 - 0.5 / 0.4)
    assert numbers["relative gain over a random dictionary"] == 0
    losses[64] = 0.6
    assert lc.sparse_codes(0, 30)["relative gain over raw pixels and over a random dictionary"] == 0
