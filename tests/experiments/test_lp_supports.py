"""Supports: worlds of pairs, overlaps by loops over sets, and recall and precision counted by hand."""

import itertools

import numpy as np
import pytest

from workbench.experiments import lp_supports as su


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_features_are_correlated_with_their_twins_alone(correlation):
    X = np.concatenate([su.world_of_pairs(seed, correlation)[0][0] for seed in range(20)])
    found = np.corrcoef(X.T)
    assert [found[j, j + 60] for j in (0, 7, 59)] == pytest.approx([correlation] * 3, abs=0.08)
    assert [found[0, 1], found[0, 61], found[5, 17]] == pytest.approx([0.0] * 3, abs=0.08)
    assert X.std(axis=0) == pytest.approx(np.ones(120), abs=0.1)


def test_the_first_six_features_make_the_signal():
    (X, y), matters = su.world_of_pairs(1, 0.5)
    assert np.flatnonzero(matters).tolist() == list(range(6))
    weights, *_ = np.linalg.lstsq(X[:, :6], y)
    assert np.abs(weights) == pytest.approx(np.full(6, 1 / np.sqrt(6)), abs=0.15)
    assert (y - X[:, :6] @ weights).std() == pytest.approx(0.5, abs=0.1)


def test_the_overlap_is_that_of_sets():
    supports = np.random.default_rng(0).random((5, 7)) < 0.4
    supports[:2] = False
    sets = [set(np.flatnonzero(each)) for each in supports]
    index = [len(a & b) / len(a | b) if a | b else 1.0 for a, b in itertools.combinations(sets, 2)]
    assert su.overlap(supports) == pytest.approx(np.mean(index))


def test_recall_and_precision_are_counted(monkeypatch):
    """Three of six that matter are kept, and five others."""
    monkeypatch.setattr(su, "kept", lambda *arguments: np.isin(np.arange(120), [0, 1, 2, 60, 61, 90, 91, 92]))
    numbers = su.kept_in_pairs(0, 0.5, "p = 1")
    assert numbers["recall"] == pytest.approx(3 / 6)
    assert numbers["precision"] == pytest.approx(3 / 8)
    assert numbers["overlap of supports over bootstraps"] == 1
    assert numbers["features kept"] == 8


def test_the_features_kept_are_scikit_learns():
    from sklearn.linear_model import Lasso

    examples, _ = su.world_of_pairs(2, 0.5)
    chosen = su.by_folds(examples, "least squares", "p = 1", 2)
    rival = Lasso(chosen.penalties[-1].alpha, fit_intercept=False, tol=1e-8).fit(*examples)
    different = su.kept(examples, "least squares", chosen) != (rival.coef_ != 0)
    assert different.sum() <= 1  # a weight at the border


def test_p_below_one_has_the_better_precision_and_a_threshold_removes_weights():
    few, many = (su.kept_in_pairs(3, 0.0, keeps)["features kept"] for keeps in ("p = 1/2", "p = 1"))
    assert few < many
    examples, _ = su.world_of_pairs(3, 0.0)
    chosen = su.by_folds(examples, "least squares", "p = 2 and a threshold", 3)
    assert chosen.threshold > 0
    assert 0 < su.kept(examples, "least squares", chosen).sum() < 120
