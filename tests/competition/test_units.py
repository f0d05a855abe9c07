import numpy as np
import pytest

from workbench.competition import units
from workbench.competition.units import UNITS

X = np.array([[0.5, -1.0, 2.0, 0.25, -0.5, 1.5, 0.75, 3.0], [4.0, 0.5, 0.5, 1.0, -2.0, -1.0, -3.0, -0.5]])


def test_units_keep_the_shape_and_the_input():
    x = np.random.default_rng(0).normal(size=(5, 8))
    for name, unit in UNITS.items():
        before = x.copy()
        y = unit(x)
        assert y.shape == x.shape, name
        assert np.array_equal(x, before), name
        assert not np.shares_memory(x, y), name


def test_the_strongest_of_each_block_and_of_all_stay():
    pooled = [[0, 0, 2, 0, 0, 0, 0, 3], [4, 0, 0, 0, 0, 0, 0, -0.5]]
    assert np.array_equal(UNITS["max pooling"](X), pooled)
    assert np.array_equal(UNITS["winner-take-all"](X), [[0, 0, 0, 0, 0, 0, 0, 3], [4, 0, 0, 0, 0, 0, 0, 0]])
    assert np.array_equal(UNITS["winner-take-all"](np.array([1.0, 2.0, 2.0])), [0, 2, 2])
    with pytest.raises(ValueError, match="x has 6 units: max pooling needs a multiple of 4"):
        UNITS["max pooling"](X[:, :6])


def test_lrn_across_units_is_the_formula():
    y = units.lrn(X, size=3, alpha=0.6, beta=0.5)
    assert y[0, 2] == pytest.approx(2 / np.sqrt(1 + 0.2 * (1 + 4 + 0.0625)))
    assert y[1, 0] == pytest.approx(4 / np.sqrt(1 + 0.2 * (16 + 0.25)))  # the window is cut off at the end
    assert np.array_equal(units.lrn(X[1], 3, 0.6, 0.5), y[1])


def test_softmax_and_dropout():
    y = UNITS["softmax"](np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]]))
    assert y == pytest.approx(np.array([[1, 2, 5], [3, 3, 2]]) / 8)
    x = np.ones((40, 7))
    y = units.dropout(x, 0.3, seed=4)
    assert set(y.ravel()) == {0.0, 1.0}
    assert 0.2 < np.mean(y == 0) < 0.4
    assert np.array_equal(y == 0, units.dropout(5 * x, 0.3, seed=4) == 0)


def test_share_of_the_strongest():
    x = np.array([[1.0, 3.0, 2.0], [5.0, 1.0, 1.0], [1.0, 2.0, 3.0]])
    y = np.array([[1.0, 2.0, 1.0], [1.0, 3.0, 4.0], [0.0, 0.0, 0.0]])
    assert units.share_of_strongest(x, y) == pytest.approx([0.5, 0.125, 0.0])
