"""Gaussian dropout against scalar loops, finite differences and its derived moments."""

import math

import numpy as np
import pytest

from workbench.baselines.elementwise import gaussian_dropout, gaussian_dropout_gradient

from . import scalar

SHAPE = (3, 7, 5)
SEED = 31


def some(dtype=np.float64):
    return np.random.default_rng(0).normal(size=SHAPE).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ratio", [0.1, 0.8])
def test_scalar_loop(ratio, dtype):
    x = some(dtype)
    y, noise = gaussian_dropout(x, ratio, seed=SEED)
    assert y.dtype == dtype
    assert noise.dtype == (np.float32 if dtype == np.float16 else dtype)
    expected = 1 + math.sqrt(ratio / (1 - ratio)) * scalar.normals(SHAPE, SEED)
    np.testing.assert_allclose(noise, expected, rtol=0, atol=16 * scalar.rounding(noise.dtype))
    for index in np.ndindex(SHAPE):
        assert y[index] == pytest.approx(
            x[index].item() * expected[index], rel=2 * scalar.rounding(dtype), abs=16 * scalar.rounding(noise.dtype)
        )


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_gradient(dtype):
    x, dy = some(), np.random.default_rng(1).normal(size=SHAPE)
    _, noise = gaussian_dropout(x, 0.3, seed=SEED)
    slopes = scalar.slopes(lambda x: (dy * gaussian_dropout(x, 0.3, seed=SEED)[0]).sum(), x)
    dx = gaussian_dropout_gradient(dy.astype(dtype), noise)
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, slopes, rtol=2 * scalar.rounding(dtype), atol=1e-8)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_moments(ratio):
    # Mean 1 and variance ratio / (1 - ratio), whose estimate from n normal numbers has the deviation variance
    # sqrt(2 / n). Each bound is 5 deviations: a false alarm in 6 of 10 million seeds.
    n, variance = 100_000, ratio / (1 - ratio)
    y, _ = gaussian_dropout(np.ones(n), ratio, seed=1)
    assert abs(y.mean() - 1) < 5 * math.sqrt(variance / n)
    assert abs(y.var() - variance) < 5 * variance * math.sqrt(2 / n)


def test_ratio_0_and_evaluation():
    x = some(np.float32)
    x[0, 0, :2] = np.nan, np.inf
    for arguments in (dict(ratio=0.0), dict(ratio=0.9, training=False)):
        y, noise = gaussian_dropout(x, seed=SEED, **arguments)
        assert np.array_equal(y, x, equal_nan=True)
        assert np.array_equal(noise, np.ones_like(x))
        assert np.array_equal(gaussian_dropout_gradient(x, noise), x, equal_nan=True)


@pytest.mark.parametrize("training", [True, False])
def test_ratio_1_is_refused(training):
    with pytest.raises(ValueError, match=r"ratio=1\.0: must be below 1, .*infinite; give a smaller ratio"):
        gaussian_dropout(some(), 1.0, seed=0, training=training)


def test_noise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"noise has shape \(7, 3\): must be \(3, 7\)"):
        gaussian_dropout_gradient(np.ones((3, 7)), np.ones((7, 3)))


def test_float16_noise_does_not_overflow():
    # The deviation is 1e5, which float16 cannot hold: an x of 0 must not become 0 * Inf.
    y, noise = gaussian_dropout(np.zeros(50, np.float16), 1 - 1e-10, seed=0)
    assert np.abs(noise).max() > 65504
    assert np.array_equal(y, np.zeros(50))
