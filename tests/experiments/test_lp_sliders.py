import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from workbench.experiments import lp_sliders


@pytest.mark.parametrize("x", [-1.7, -0.3, 0.2, 0.85, 2.4])
def test_the_step_with_a_rounded_corner_is_a_minimum(x):
    weight, smoothing = 0.6, 0.3

    def objective(z):
        size = z * z / (2 * smoothing) if abs(z) <= smoothing else abs(z) - smoothing / 2
        return 0.5 * (z - x) ** 2 + weight * size

    expected = minimize_scalar(objective, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x
    assert lp_sliders.smoothed_prox(np.array([x]), weight, smoothing)[0] == pytest.approx(expected, abs=1e-6)


def test_only_the_corner_makes_zeros():
    ax = lp_sliders.corner(1.5, 0.2)
    title = ax.get_title(loc="left")
    assert title == "Exact zeros: 40% with p = 1, 0% with p = 1.5, 0% rounded"
    assert lp_sliders.corner(0.5, 0.2, ax=ax).get_title(loc="left").startswith("Exact zeros: 40% with p = 1, 60% with")
    assert len(ax.lines) == 3


def test_errors_by_number_of_weights():
    sparse, dense = lp_sliders.by_number_of_weights(0.5, worlds=2)
    assert sparse.get_title(loc="left") == "few features matter: 6 weights are best"
    *_, new, training, _ = sparse.lines
    assert new.get_ydata().argmin() not in (0, len(lp_sliders.ALPHAS) - 1)
    assert training.get_ydata()[-1] < 0.1 < 0.5 < new.get_ydata()[-1]
    assert len(lp_sliders.by_number_of_weights(1.0, worlds=2, ax=np.array([sparse, dense]))[0].lines) == 2 + 3


def test_errors_by_width_are_those_of_a_ridge_fitted_to_the_same_features():
    ridge, width = 0.02, lp_sliders.WIDTHS[0]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80 + 400 + 1000, 20))
    y = x @ rng.normal(size=20) / np.sqrt(20) + 0.5 * rng.normal(size=len(x))
    features = np.maximum(x @ rng.normal(size=(20, width)), 0) / np.sqrt(width)
    old, new = slice(80), slice(480, None)
    w = np.linalg.solve(features[old].T @ features[old] + ridge * 80 * np.eye(width), features[old].T @ y[old])
    expected = np.mean((y[new] - features[new] @ w) ** 2)
    assert lp_sliders.error_by_width(ridge, 1)[0, 0] == pytest.approx(expected)


def test_the_error_peaks_where_features_are_as_many_as_examples():
    errors = lp_sliders.error_by_width(0.0, 2).mean(axis=0)
    assert lp_sliders.WIDTHS[errors.argmax()] == lp_sliders.EXAMPLES
    assert errors.max() > 10 * errors[-1]
    plain, ridge, _ = lp_sliders.by_width(0.03).lines
    assert max(ridge.get_ydata()) < 2 < max(plain.get_ydata())


def test_supports():
    alone, twins = lp_sliders.supports(0.0, 1.0), lp_sliders.supports(0.95, 1.0)
    assert alone.shape == (lp_sliders.BOOTSTRAPS, 2 * lp_sliders.PAIRS + lp_sliders.OTHERS)
    relevant, twin = slice(lp_sliders.PAIRS), slice(lp_sliders.PAIRS, 2 * lp_sliders.PAIRS)
    assert alone[:, relevant].mean() > twins[:, relevant].mean() + 0.02
    assert alone[:, twin].mean() < twins[:, twin].mean()
    ax = lp_sliders.kept_in_bootstraps(0.0, 1.0)
    assert ax.patches[8].get_height() == alone[:, 8].mean() < 1


def test_the_ball_and_the_soft_threshold():
    left, right = lp_sliders.ball_and_soft_threshold(0.8, 0.4)
    for panel in (left, right):
        before, after = (next(line for line in panel.lines if line.get_gid() == gid) for gid in ("points", "ends"))
        before, after = (np.stack(line.get_data(), 1) for line in (before, after))
        if panel is left:
            outside = np.abs(before).sum(1) > 0.8
            np.testing.assert_allclose(np.abs(after[outside]).sum(1), 0.8)
            np.testing.assert_array_equal(after[~outside], before[~outside])
            assert 0 < outside.sum() < len(outside)
        else:
            np.testing.assert_allclose(np.abs(after), np.maximum(np.abs(before) - 0.4, 0))


def test_the_loss_by_share_is_read_between_strengths():
    shares, losses = (1.0, 0.1, 0.01), {"a": np.array([3.0, 2.0, 4.0]), "b": np.array([1.5, 1.2, 1.0])}
    ax = lp_sliders.loss_by_share(shares, losses, 0.1)
    assert ax.get_title(loc="left") == "At 0.1 of the strongest alpha, 0 % to 20 % are lost"
    lp_sliders.loss_by_share(shares, losses, 0.1**1.5, ax=ax)
    assert ax.get_title(loc="left") == "At 0.032 of the strongest alpha, 10 % to 50 % are lost"


def test_the_time_of_rows_falls_in_proportion():
    ax = lp_sliders.time_by_zeros(64)
    csr, bitmap, rows, _ = (line.get_ydata() for line in ax.lines)
    assert rows[20] == pytest.approx(0.5, abs=0.05)
    assert rows[-1] < 0.1 < 1 < csr[0]
    assert bitmap[0] > 1
    assert "rows from 0%" in lp_sliders.time_by_zeros(1000, ax=ax).get_title(loc="left")
