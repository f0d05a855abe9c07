"""Alpha dropout against scalar loops, and the mean and variance that it must keep."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from workbench.baselines.elementwise import alpha_dropout, alpha_dropout_affine

from . import scalar

SHAPE = (3, 7, 5)
SEED = 29
LOWEST = -1.7580993408473766  # alpha' in the paper


def some(dtype=np.float64):
    return np.random.default_rng(0).normal(size=SHAPE).astype(dtype)


def selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))


def test_affine_written_out():
    # ratio 1/2: variance 1/2 + 3.0909133 / 4 = 1.2727283, its root 1.1281526; b = a * 1/2 * 1.7580993.
    a, b = alpha_dropout_affine(0.5)
    assert a == pytest.approx(1 / 1.1281526, rel=1e-6)
    assert b == pytest.approx(0.8790497 / 1.1281526, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("ratio", [0.05, 0.5, 0.9])
def test_scalar_loop(ratio, dtype):
    x = some(dtype)
    y, dropped = alpha_dropout(x, ratio, seed=SEED)
    assert y.dtype == dtype
    assert np.array_equal(dropped, scalar.mask(SHAPE, ratio, SEED))
    q = 1 - ratio
    variance = q * (1 + (1 - q) * LOWEST**2)
    for index in np.ndindex(SHAPE):
        value = LOWEST if dropped[index] else x[index].item()
        expected = (value - (1 - q) * LOWEST) / math.sqrt(variance)
        assert y[index] == pytest.approx(expected, rel=4 * scalar.rounding(dtype), abs=4 * scalar.rounding(dtype))


@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.8])
def test_mean_0_and_variance_1_are_kept(ratio):
    # SELU of a standard normal number has mean 0 and variance 1. The fourth moment, by quadrature, says how far the
    # variance of a sample strays. Each bound is 5 deviations: a false alarm in 6 of 10 million seeds.
    n = 200_000
    y, _ = alpha_dropout(selu(np.random.default_rng(2).standard_normal(n)), ratio, seed=3)
    a, b = alpha_dropout_affine(ratio)

    def moment(power):
        def kept(z):
            return (a * selu(z) + b) ** power * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

        return (1 - ratio) * (quad(kept, -12, 0)[0] + quad(kept, 0, 12)[0]) + ratio * (a * LOWEST + b) ** power

    assert moment(1) == pytest.approx(0, abs=1e-7)
    assert moment(2) == pytest.approx(1, abs=1e-7)
    assert abs(y.mean()) < 5 / math.sqrt(n)
    assert abs(y.var() - 1) < 5 * math.sqrt((moment(4) - 1) / n)


def test_near_ratio_1_all_go_to_0():
    # a alpha' + b = a q alpha' is about alpha' sqrt(q / (1 + alpha'^2)): for q = 1e-6, -1.7581e-3 / 2.0226.
    y, dropped = alpha_dropout(np.ones(4), 1 - 1e-6, seed=0)
    assert dropped.all()
    np.testing.assert_allclose(y, -0.86923e-3, rtol=1e-4)


def test_what_is_dropped_is_the_lowest_value():
    y, dropped = alpha_dropout(np.full(SHAPE, np.nan), 0.5, seed=SEED)
    assert 0 < dropped.sum() < y.size
    np.testing.assert_allclose(y[dropped], LOWEST / 2 / 1.1281526, rtol=1e-6)
