"""Standard dropout against scalar loops and its derived moments; and what feature and alpha dropout share with it."""

import math

import numpy as np
import pytest

from workbench import dropout_with_replacement
from workbench.baselines.elementwise import (
    alpha_dropout,
    alpha_dropout_gradient,
    dropout,
    dropout_gradient,
    feature_dropout,
    feature_dropout_gradient,
)

from . import scalar

SHAPE = (3, 7, 5)
SEED = 2**40 + 17
DTYPES = [np.float16, np.float32, np.float64]


def some(shape=SHAPE, dtype=np.float64):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def test_words_of_the_stream_written_out():
    # The known answer of Random123 for counter 0 and key 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
    first = [scalar.uniform(0, i) for i in range(4)]
    assert first == [0x6627E8D5 / 2**32, 0xE169C58D / 2**32, 0xBC57AC4C / 2**32, 0x9B00DBD8 / 2**32]
    y, dropped = dropout([1.0, 2.0, 3.0, 4.0], 0.75, seed=0)  # 0.399, 0.881, 0.736, 0.605
    assert dropped.tolist() == [True, False, True, True]
    assert y.tolist() == [0, 8, 0, 0]


@pytest.mark.parametrize("dtype", DTYPES)
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
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradient(function, gradient, dtype, shape):
    x, dy = some(shape), np.random.default_rng(1).normal(size=shape)
    _, dropped = function(x, 0.3, seed=SEED)
    slopes = scalar.slopes(lambda x: (dy * function(x, 0.3, seed=SEED)[0]).sum(), x)
    dx = gradient(dy.astype(dtype), dropped, 0.3)
    assert dx.dtype == dtype
    np.testing.assert_allclose(dx, slopes, rtol=4 * scalar.rounding(dtype), atol=1e-8)


@PAIRS
@pytest.mark.parametrize("dtype", DTYPES)
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
    from scipy.sparse import csr_array

    with pytest.raises(TypeError, match=r"^x is a sparse matrix: must be an array; convert it, as with x.toarray\(\)"):
        dropout(csr_array(np.eye(2, 3)), 0.5, seed=0)
