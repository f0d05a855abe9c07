"""Curves of linear models: paths against scikit-learn, losses around the best by hand, and corners rounded off."""

import numpy as np
import pytest

from workbench.experiments import linear_tasks, lp_sensitivity
from workbench.experiments.linear_tasks import Parts, Task


def test_losses_along_a_path_are_scikit_learns(monkeypatch):
    from sklearn.linear_model import Lasso

    monkeypatch.setattr(lp_sensitivity, "SHARES", (1.0, 0.3, 0.03))
    (train, _, test), _ = linear_tasks.linear_task(2, "diabetes")
    losses = lp_sensitivity.along(2, "diabetes")
    assert losses[0] == pytest.approx(np.mean(test[1] ** 2))
    for place, share in ((1, 0.3), (2, 0.03)):
        alpha = share * np.abs(train[0].T @ train[1]).max() / 150
        rival = Lasso(alpha, fit_intercept=False, tol=1e-10).fit(*train)
        assert losses[place] == pytest.approx(np.mean((test[1] - test[0] @ rival.coef_) ** 2), rel=1e-2)


def one_weight():
    """Return a task of one feature that is 1 or -1 and y = 2 x + 1: the minimum is 2 - alpha, soft-thresholded.

    Validation data have y = 1.5 x, so that the best alpha is 0.5, and test data y = 1.6 x.
    """
    x = np.array([[1.0], [-1.0]])
    return Task(Parts((x, np.array([3.0, -1.0])), (x, 1.5 * x[:, 0]), (x, 1.6 * x[:, 0])), "least squares")


def test_losses_around_the_best_are_those_by_hand(monkeypatch):
    monkeypatch.setattr(lp_sensitivity, "linear_task", lambda seed, data: one_weight())
    alpha = min((each.alpha for each in linear_tasks.strengths(one_weight(), 1.0, 20)), key=lambda a: abs(a - 0.5))
    best = (1.6 - (2 - alpha)) ** 2
    numbers = lp_sensitivity.around_the_best(0, "", "alpha")
    for name, factor in lp_sensitivity.FACTORS.items():
        weight = max(2 - factor * alpha, 0)
        expected = (1.6 - weight) ** 2 / best - 1
        assert numbers[f"loss at {name} the best value over the best, less 1"] == pytest.approx(expected, rel=1e-3)


def test_the_middle_of_equally_good_thresholds_is_chosen(monkeypatch):
    """Thresholds below the weight change nothing; the geometric middle of them, times ten, does not reach it."""
    monkeypatch.setattr(lp_sensitivity, "linear_task", lambda seed, data: one_weight())
    numbers = lp_sensitivity.around_the_best(0, "", "threshold")
    assert numbers["loss at ten times the best value over the best, less 1"] == 0
    assert numbers["share of the variance by alpha"] > numbers["share of the variance by threshold"]


def test_a_rounded_corner_makes_no_zeros():
    from sklearn.linear_model import Lasso

    zeros = lp_sensitivity.zeros_by_smoothing(1, (0.0, 1e-3, 0.1))
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 30))
    y = X[:, :6].sum(1) / np.sqrt(6) + 0.5 * rng.normal(size=80)
    rival = Lasso(0.3 * np.abs(X.T @ y).max() / 80, fit_intercept=False, tol=1e-10).fit(X, y)
    assert zeros.tolist() == [np.sum(rival.coef_ == 0), 0, 0]
    assert zeros[0] > 10
