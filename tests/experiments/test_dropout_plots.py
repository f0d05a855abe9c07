import numpy as np
import pytest

from workbench.experiments import dropout_plots


@pytest.mark.parametrize(("ratio", "ones"), [(0.5, 10), (0.2, 40)])
def test_the_noise_of_a_sum_follows_the_formula(ratio, ones):
    weights = np.random.default_rng(3).uniform(0.5, 1.5, ones)
    expected = np.sqrt(ratio / (1 - ratio) * np.sum(weights**2)) / weights.sum()
    found = dropout_plots.sums(ratio, ones, seed=3)
    assert found.mean() == pytest.approx(1, abs=0.03)
    assert found.std() == pytest.approx(expected, rel=0.06)


def test_the_picture_of_a_sum_follows_its_sliders():
    ax = dropout_plots.noise_of_a_sum(0.5, 10)
    assert dropout_plots.noise_of_a_sum(0.0, 3, ax=ax) is ax
    many, few = ax.lines
    assert np.flatnonzero(few.get_ydata()).tolist() == np.flatnonzero(many.get_ydata()).tolist() == [30]  # all at 1
    assert ax.get_title(loc="left").endswith("0.000 with 3")


@pytest.mark.parametrize(("scaled", "factor"), [(True, 1 / 0.6), (False, 0.6)])
def test_gradients_by_depth(scaled, factor):
    ax = dropout_plots.gradient_by_depth(0.4, 4, scaled)
    formula, dots = ax.lines
    np.testing.assert_allclose(formula.get_ydata(), factor ** np.arange(5))
    assert list(dots.get_xdata()) == [1, 2, 3, 4]
    np.testing.assert_allclose(dots.get_ydata(), factor ** np.arange(1, 5), rtol=0.35)
