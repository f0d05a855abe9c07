"""The dropouts of elements and channels against scalar loops, finite differences and their derived moments."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.sparse import csr_array

from workbench import dropout_with_replacement
from workbench.baselines.elementwise import (
    alpha_dropout,
    alpha_dropout_affine,
    alpha_dropout_gradient,
    dropout,
    dropout_gradient,
    feature_dropout,
    feature_dropout_gradient,
    gaussian_dropout,
    gaussian_dropout_gradient,
)

from . import scalar

SHAPE = (3, 7, 5)
SEED = 2**40 + 17
TYPES = pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
LOWEST = -1.7580993408473766  # alpha' in the paper of alpha dropout


def some(shape=SHAPE, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def test_words_of_the_stream_written_out():
    # The known answer of Random123 for counter 0 and key 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
    first = [scalar.uniform(0, i) for i in range(4)]
    assert first == [0x6627E8D5 / 2**32, 0xE169C58D / 2**32, 0xBC57AC4C / 2**32, 0x9B00DBD8 / 2**32]
    y, dropped = dropout([1.0, 2.0, 3.0, 4.0], 0.75, seed=0)  # 0.399, 0.881, 0.736, 0.605
    assert dropped.tolist() == [True, False, True, True]
    assert y.tolist() == [0, 8, 0, 0]


@TYPES
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_scalar_loop(ratio, dtype):
    x = some(dtype=dtype)
    y, dropped = dropout(x, ratio, seed=SEED)
    assert dropped.dtype == bool
    assert np.array_equal(dropped, scalar.mask(SHAPE, ratio, SEED))
    assert y.dtype == dtype
    for index in np.ndindex(SHAPE):
        expected = 0 if dropped[index] else x[index].item() / (1 - ratio)
        assert y[index] == pytest.approx(expected, rel=2 * scalar.rounding(dtype))


def test_the_mask_is_that_of_dropout_with_replacement():
    x = some(dtype=np.float32)
    y, dropped = dropout(x, 0.3, seed=SEED)
    ours, ours_dropped = dropout_with_replacement(x, 0.3, seed=SEED, scaled=True, engine="reference")
    assert np.array_equal(dropped, ours_dropped)
    np.testing.assert_allclose(y, ours, rtol=1e-6)


def test_a_word_equal_to_the_ratio_is_kept():
    word = 0x6627E8D5  # the first of seed 0
    assert dropout([1.0], word / 2**32, seed=0)[1].tolist() == [False]
    assert dropout([1.0], (word + 1) / 2**32, seed=0)[1].tolist() == [True]


def test_layout_does_not_matter():
    x = some()
    for same in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        assert np.array_equal(dropout(same, 0.4, seed=SEED)[0], dropout(x, 0.4, seed=SEED)[0])


PAIRS = pytest.mark.parametrize(
    ("function", "gradient"),
    [
        (dropout, dropout_gradient),
        (feature_dropout, feature_dropout_gradient),
        (alpha_dropout, alpha_dropout_gradient),
    ],
)


@PAIRS
@pytest.mark.parametrize("shape", [(3, 7), (3, 7, 5), (3, 7, 2, 5)])
@TYPES
def test_gradient(function, gradient, dtype, shape):
    x, dy = some(shape), np.random.default_rng(1).normal(size=shape)
    _, dropped = function(x, 0.3, seed=SEED)
    slopes = scalar.slopes(lambda x: (dy * function(x, 0.3, seed=SEED)[0]).sum(), x)
    dx = gradient(dy.astype(dtype), dropped, 0.3)
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, slopes, rtol=4 * scalar.rounding(dtype), atol=1e-8)


@PAIRS
@TYPES
def test_ratio_0_and_1_and_evaluation(function, gradient, dtype):
    x = some(dtype=dtype)
    x[0, 0, :5] = np.nan, np.inf, -np.inf, -0.0, 0.0
    for arguments in (dict(ratio=0.0), dict(ratio=0.9, training=False)):
        y, dropped = function(x, seed=SEED, **arguments)
        assert np.array_equal(y, x, equal_nan=True)
        assert np.array_equal(np.signbit(y), np.signbit(x))
        assert not np.shares_memory(y, x)
        assert not dropped.any()
        assert np.array_equal(gradient(x, dropped, **arguments), x, equal_nan=True)
    y, dropped = function(x, 1.0, seed=SEED)
    assert np.array_equal(y, np.zeros_like(x))
    assert dropped.all()
    assert np.array_equal(gradient(x, dropped, 1.0), np.zeros_like(x))


@PAIRS
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_dropped_is_gone(function, gradient, value):
    x = np.full(SHAPE, value, np.float32)
    y, dropped = function(x, 0.5, seed=SEED)
    dropped = np.broadcast_to(dropped, SHAPE)
    assert 0 < dropped.sum() < x.size
    assert np.isfinite(y[dropped]).all()
    assert np.unique(y[dropped]).size == 1  # 0, or alpha dropout's lowest value
    assert np.array_equal(y[~dropped], x[~dropped], equal_nan=True)
    narrow = dropped[:, :, :1] if function is feature_dropout else dropped
    assert np.all(gradient(x, narrow, 0.5)[dropped] == 0)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
def test_moments(ratio):
    # The factor is 0 or s = 1 / q: mean 1, variance ratio / q, fourth central moment s^4 q ratio (1 - 3 q ratio).
    # Each bound is 5 deviations: a false alarm in 6 of 10 million seeds.
    n, q = 200_000, 1 - ratio
    y, _ = dropout(np.ones(n), ratio, seed=5)
    variance, fourth = ratio / q, q**-3 * ratio * (1 - 3 * q * ratio)
    assert abs(y.mean() - 1) < 5 * math.sqrt(variance / n)
    # At ratio 1/2 the deviation of the sample's variance is 0 to first order, and then that of the mean's square.
    assert abs(y.var() - variance) < 5 * math.sqrt((fourth - variance**2) / n) + 25 * variance / n


def test_a_kept_element_may_overflow():
    y, _ = dropout(np.full(4, 60000, np.float16), 0.75, seed=0)
    assert y.tolist() == [0, np.inf, 0, 0]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_empty_and_single(shape):
    y, dropped = dropout(np.ones(shape, np.float32), 0.1, seed=0)
    assert (y.shape, dropped.shape) == (shape, shape)
    assert y.dtype == np.float32


def test_a_sparse_matrix_is_told_what_to_do():
    with pytest.raises(TypeError, match=r"^x is a sparse matrix: must be an array; convert it, as with x.toarray\(\)"):
        dropout(csr_array(np.eye(2, 3)), 0.5, seed=0)


@pytest.mark.parametrize("shape", [(3, 7), (3, 7, 5), (3, 7, 2, 5)])
@TYPES
def test_channels_in_a_scalar_loop(shape, dtype):
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


def test_moments_of_channels():
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


def selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))


def test_alpha_affine_written_out():
    # ratio 1/2: variance 1/2 + 3.0909133 / 4 = 1.2727283, its root 1.1281526; b = a * 1/2 * 1.7580993.
    a, b = alpha_dropout_affine(0.5)
    assert a == pytest.approx(1 / 1.1281526, rel=1e-6)
    assert b == pytest.approx(0.8790497 / 1.1281526, rel=1e-6)


@TYPES
@pytest.mark.parametrize("ratio", [0.05, 0.5, 0.9])
def test_alpha_dropout_in_a_scalar_loop(ratio, dtype):
    x = some(dtype=dtype)
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


def test_alpha_dropout_near_ratio_1_all_go_to_0():
    # a alpha' + b = a q alpha' is about alpha' sqrt(q / (1 + alpha'^2)): for q = 1e-6, -1.7581e-3 / 2.0226.
    y, dropped = alpha_dropout(np.ones(4), 1 - 1e-6, seed=0)
    assert dropped.all()
    np.testing.assert_allclose(y, -0.86923e-3, rtol=1e-4)


@TYPES
@pytest.mark.parametrize("ratio", [0.1, 0.8])
def test_noise_in_a_scalar_loop(ratio, dtype):
    x = some(dtype=dtype)
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
def test_gradient_of_noise(dtype):
    x, dy = some(), np.random.default_rng(1).normal(size=SHAPE)
    _, noise = gaussian_dropout(x, 0.3, seed=SEED)
    slopes = scalar.slopes(lambda x: (dy * gaussian_dropout(x, 0.3, seed=SEED)[0]).sum(), x)
    dx = gaussian_dropout_gradient(dy.astype(dtype), noise)
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, slopes, rtol=2 * scalar.rounding(dtype), atol=1e-8)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_moments_of_noise(ratio):
    # Mean 1 and variance ratio / (1 - ratio), whose estimate from n normal numbers has the deviation variance
    # sqrt(2 / n). Each bound is 5 deviations: a false alarm in 6 of 10 million seeds.
    n, variance = 100_000, ratio / (1 - ratio)
    y, _ = gaussian_dropout(np.ones(n), ratio, seed=1)
    assert abs(y.mean() - 1) < 5 * math.sqrt(variance / n)
    assert abs(y.var() - variance) < 5 * variance * math.sqrt(2 / n)


def test_noise_of_ratio_0_and_in_evaluation():
    x = some(dtype=np.float32)
    x[0, 0, :2] = np.nan, np.inf
    for arguments in (dict(ratio=0.0), dict(ratio=0.9, training=False)):
        y, noise = gaussian_dropout(x, seed=SEED, **arguments)
        assert np.array_equal(y, x, equal_nan=True)
        assert np.array_equal(noise, np.ones_like(x))
        assert np.array_equal(gaussian_dropout_gradient(x, noise), x, equal_nan=True)


@pytest.mark.parametrize("training", [True, False])
def test_noise_of_ratio_1_is_refused(training):
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
