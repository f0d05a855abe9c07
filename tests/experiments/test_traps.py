"""The experiments on traps, against loops and closed forms, and their pictures."""

import math

import numpy as np
import pytest
from scipy import stats

from workbench.claims.rules import interval
from workbench.data import real_data
from workbench.experiments import trap_plots, traps
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve


def test_luck_is_that_of_the_best_of_many_binomial_numbers():
    counts = (1, 5, 50)
    mistaken, right = traps.luck(counts, worlds=150, seed=3)
    assert mistaken.shape == right.shape == (150, 3)
    k = np.arange(traps.JUDGED + 1)
    for column, count in enumerate(counts):
        at_most = stats.binom.cdf(k, traps.JUDGED, 0.5) ** count  # the best of `count` independent ones is at most k
        expected = np.sum(1 - at_most) / traps.JUDGED
        assert abs(mistaken[:, column].mean() - expected) < 0.015  # classifiers of the same data are nearly independent
        assert abs(right[:, column].mean() - 0.5) < 4 * 0.05 / math.sqrt(150)
    assert (mistaken >= right).all()
    assert (np.diff(mistaken, axis=1) >= 0).all()


def test_gain_of_ridge_against_a_loop():
    data = real_data.load("diabetes")
    order = np.random.default_rng(4).permutation(442)
    parts = order[:70], order[70:140], order[140:]
    X, y = data.X[parts[0]], data.y[parts[0]]
    plain = np.linalg.lstsq(X, y, rcond=None)[0]
    best = (math.inf, plain)
    for strength in traps.STRENGTHS:
        # ridge as least squares with ten more rows, sqrt(n strength) in the diagonal
        rows = np.vstack([X, math.sqrt(70 * strength) * np.eye(10)])
        w = np.linalg.lstsq(rows, np.concatenate([y, np.zeros(10)]), rcond=None)[0]
        error = sum((data.y[i] - data.X[i] @ w) ** 2 for i in parts[1])
        if error < best[0]:
            best = (error, w)
    errors = [sum((data.y[i] - data.X[i] @ w) ** 2 for i in parts[2]) for w in (best[1], plain)]
    assert traps.gain_of_ridge(4, 70) == pytest.approx({"relative gain of L2": 1 - errors[0] / errors[1]}, rel=1e-9)


def test_wrong_verdicts_are_counted_as_the_ledger_would():
    wrong = traps.wrong_verdicts((0.9, 0.99), claims=7, worlds=5, ledgers=11)
    gains = np.random.default_rng(0).normal(size=(11, 7, 5))
    outside = [sum(not low < 0 < high for low, high in map(interval, ledger)) for ledger in gains]
    assert wrong.shape == (2, 11)
    assert wrong[1].tolist() == outside
    assert (wrong[0] >= wrong[1]).all()
    means = traps.wrong_verdicts((0.95, 0.99), ledgers=3000).mean(1)
    np.testing.assert_allclose(means, [60 * 0.05, 60 * 0.01], rtol=0.08)


def test_errors_by_strength_tests_at_the_strength_that_validation_data_choose(monkeypatch):
    for name, value in {"TRAINING": 13, "VALIDATION": 17, "TEST": 31, "FEATURES": 19, "RELEVANT": 3}.items():
        monkeypatch.setattr(traps, name, value)
    alphas = (0.02, 1.5, 0.3)
    test, tuned = traps.errors_by_strength(2.0, 2, alphas)
    assert (test.shape, tuned.shape) == ((2, 3), (2,))
    rng = np.random.default_rng(1)
    X = rng.normal(size=(61, 19))
    true = np.zeros(19)
    true[:3] = rng.choice([-1.0, 1.0], 19)[:3] / math.sqrt(3)
    y = X @ true + 0.5 * rng.normal(size=61)
    errors = []
    for alpha in alphas:
        w = solve(X[:13], y[:13], Lp(alpha, 2.0), tolerance=1e-10).weights
        errors.append([np.mean((y[part] - X[part] @ w) ** 2) for part in (slice(13, 30), slice(30, 61))])
    np.testing.assert_allclose(test[1], [error for _, error in errors], rtol=1e-2)
    assert tuned[1] == test[1][int(np.argmin([error for error, _ in errors]))]


def test_pictures_of_the_traps():
    mistaken, right = traps.luck((1, 4), worlds=9)
    ax = trap_plots.luck((1, 4), mistaken, right)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), mistaken.mean(0))
    ax = trap_plots.first_seeds([0.1, 0.0, 0.3], 0.05)
    assert [bar.get_facecolor() == ax.patches[0].get_facecolor() for bar in ax.patches] == [True, False, True]
    ax = trap_plots.wrong_verdicts((0.95, 0.99), np.array([[0, 2, 2, 3], [0, 0, 0, 1]]))
    assert [bar.get_height() for bar in ax.patches] == [0.25, 0, 0.5, 0.25, 0.75, 0.25, 0, 0]
    errors = {1.0: np.array([[1.0, 3.0], [2.0, 5.0]]), 2.0: np.ones((2, 2))}
    ax = trap_plots.by_strength((0.1, 1.0), errors, {1.0: np.array([1.0, 2.0]), 2.0: np.ones(2)})
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [1.5, 4.0])
    assert ax.lines[1].get_ydata()[0] == 1.5
