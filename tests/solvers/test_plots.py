"""What the picture of a solution shows: its bars, on a scale that stays when the sliders move."""

from dataclasses import replace

import numpy as np
import pytest

from tests.pictures import draw_again, heights, title
from workbench.data.real_data import DataSet
from workbench.solvers import plots


@pytest.fixture(scope="module")
def data():
    """Two orthogonal features, whose coefficients of least squares are 2 and -0.5, and a third of zeros."""
    X = np.array([[1.0, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]])
    return DataSet(X, X @ np.array([2.0, -0.5, 0.0]), "least squares", ("loud", "soft", "none"))


def test_the_bars_are_the_weights(data):
    ax = plots.solution(data, 1.0, 0.25)  # alpha_max is 2, so the weights shrink by 0.5
    assert heights(ax) == pytest.approx([1.5, 0.0, 0.0], abs=1e-3)
    assert title(ax) == "alpha = 0.5: 1 of 3 weights are not zero"
    assert title(plots.solution(replace(data, file="my.csv"), 1.0, 0.25)).startswith("my.csv, alpha = 0.5: 1 of 3")


@pytest.mark.parametrize(("p", "strength"), [(0.0, 0.01), (1.0, 1e-3), (1.0, 1.0), (2.5, 0.9)])
def test_the_scale_stays_when_the_sliders_move(data, p, strength):
    ax = plots.solution(data)
    scale = ax.get_ylim()
    assert scale == pytest.approx((-2.8, 2.8), rel=0.01)  # 1.4 times the largest weight with hardly a penalty
    draw_again(plots.solution, ax, data, p, strength)
    assert ax.get_ylim() == scale
    assert np.abs(heights(ax)).max() < scale[1]


def test_data_without_a_signal_have_a_scale(data):
    ax = plots.solution(DataSet(data.X, np.zeros(4), "least squares", data.names))
    assert heights(ax) == [0.0, 0.0, 0.0]
    assert ax.get_ylim() == (-1.0, 1.0)
