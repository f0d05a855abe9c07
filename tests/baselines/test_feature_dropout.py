"""Feature dropout against scalar loops."""

import math

import numpy as np
import pytest

from workbench.baselines.elementwise import feature_dropout, feature_dropout_gradient

from . import scalar

SEED = 23
SHAPES = [(3, 7), (3, 7, 5), (3, 7, 2, 5)]


def some(shape, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scalar_loop(shape, dtype):
    x = some(shape, dtype)
    y, dropped = feature_dropout(x, 0.4, seed=SEED)
    assert dropped.shape == (3, 7, 1, 1)[: len(shape)]
    assert y.dtype == dtype
    gone = 0
    for n in range(3):
        for c in range(7):
            drop = scalar.uniform(SEED, n * 7 + c) < 0.4
            gone += drop
            assert np.all(dropped[n, c] == drop)
            expected = np.zeros(shape[2:]) if drop else x[n, c].astype(float) / 0.6
            np.testing.assert_allclose(y[n, c], expected, rtol=2 * scalar.rounding(dtype))
    assert 0 < gone < 21


def test_moments():
    # 60,000 channels, each 0 or 1 / 0.7: mean 1, variance 0.3 / 0.7; of three pixels alike, so that the mean of all
    # varies as that of the channels. 5 deviations: a false alarm in 6 of 10 million seeds.
    y, dropped = feature_dropout(np.ones((300, 200, 3)), 0.3, seed=1)
    assert abs(y.mean() - 1) < 5 * math.sqrt(0.3 / 0.7 / 60_000)
    assert abs(dropped.sum() - 18_000) < 5 * math.sqrt(60_000 * 0.3 * 0.7)
    assert np.array_equal(y.min(axis=2), y.max(axis=2))


def test_x_must_have_channels():
    with pytest.raises(ValueError, match=r"x has shape \(7,\): must have the axes \(N, C, \.\.\.\)"):
        feature_dropout(np.ones(7), seed=0)


def test_the_mask_must_be_one_of_channels():
    with pytest.raises(ValueError, match=r"dropped has shape \(3, 7, 5\): must be \(3, 7, 1\)"):
        feature_dropout_gradient(np.ones((3, 7, 5)), np.zeros((3, 7, 5), bool), 0.5)
