"""Sparse variational dropout against scalar loops, finite differences, derived moments, and the KL it approximates."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from workbench.baselines.variational_dropout import (
    kl_approximation,
    log_alpha,
    pruned,
    variational_dropout,
    variational_dropout_gradient,
    variational_dropout_kl,
    variational_dropout_kl_gradient,
)

from . import scalar

N, OUT, IN = 3, 7, 5
SEED = 41


def some(dtype=np.float64):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(N, IN)), rng.normal(size=(OUT, IN)), rng.normal(-1, 2, size=(OUT, IN))
    return tuple(array.astype(dtype) for array in arrays)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scalar_loop(dtype):
    x, theta, log_sigma2 = some(dtype)
    y, normal = variational_dropout(x, theta, log_sigma2, seed=SEED)
    assert (y.dtype, normal.dtype) == (dtype, dtype)
    np.testing.assert_allclose(normal, scalar.normals((N, OUT), SEED), rtol=scalar.rounding(dtype))
    for n in range(N):
        for o in range(OUT):
            mean = variance = 0.0
            for i in range(IN):
                mean += float(x[n, i]) * float(theta[o, i])
                variance += float(x[n, i]) ** 2 * math.exp(float(log_sigma2[o, i]))
            expected = mean + math.sqrt(variance + 1e-8) * float(normal[n, o])
            assert y[n, o] == pytest.approx(expected, rel=8 * scalar.rounding(dtype), abs=16 * scalar.rounding(dtype))


@pytest.mark.parametrize("which", [0, 1, 2], ids=["dx", "dtheta", "dlog_sigma2"])
def test_gradient(which):
    arrays, dy = some(), np.random.default_rng(1).normal(size=(N, OUT))
    _, normal = variational_dropout(*arrays, seed=SEED)

    def loss(changed):
        return (dy * variational_dropout(*arrays[:which], changed, *arrays[which + 1 :], seed=SEED)[0]).sum()

    gradient = variational_dropout_gradient(dy, *arrays, normal)[which]
    np.testing.assert_allclose(gradient, scalar.slopes(loss, arrays[which]), rtol=1e-7, atol=1e-7)
    narrow = variational_dropout_gradient(*(array.astype(np.float32) for array in (dy, *arrays, normal)))[which]
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, gradient, rtol=1e-4, atol=1e-5)


def test_gradient_is_finite_where_x_is_0():
    _, theta, log_sigma2 = some()
    x, dy = np.zeros((N, IN)), np.ones((N, OUT))
    _, normal = variational_dropout(x, theta, log_sigma2, seed=SEED)
    dx, dtheta, dlog_sigma2 = variational_dropout_gradient(dy, x, theta, log_sigma2, normal)
    np.testing.assert_allclose(dx, np.tile(theta.sum(axis=0), (N, 1)), rtol=1e-14)
    assert not dtheta.any()
    assert not dlog_sigma2.any()


def test_moments():
    # x = (1, -2, 1/2): mean 3 - 1/2 - 1/2 = 2, variance 1/4 + 4 * 1 + 1/4 * 4 = 5.25, and normal. Each bound is 5
    # deviations: a false alarm in 6 of 10 million seeds.
    n = 100_000
    x = np.tile([1.0, -2.0, 0.5], (n, 1))
    y, _ = variational_dropout(x, [[3.0, 0.25, -1.0]], np.log([[0.25, 1.0, 4.0]]), seed=1)
    assert abs(y.mean() - 2) < 5 * math.sqrt(5.25 / n)
    assert abs(y.var() - 5.25) < 5 * 5.25 * math.sqrt(2 / n)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_evaluation_prunes(dtype):
    # log alpha = log_sigma2 - log theta^2: 2.9, 3.1, 2.9 + log 4 - log 4, and with theta 0 the clip's 8.
    theta = np.array([[1, 1, 2, 0]], dtype)
    log_sigma2 = np.array([[2.9, 3.1, 2.9 + math.log(4), -20]], dtype)
    x = np.array([[1, 10, 100, 1000], [2, np.inf, 200, np.nan]], dtype)
    y, normal = variational_dropout(x, theta, log_sigma2, seed=0, training=False)
    assert y.tolist() == [[201], [402]]
    assert y.dtype == dtype
    assert normal.tolist() == [[0], [0]]


def test_log_alpha_written_out():
    theta = np.array([1.0, -1.0, math.e, 0.5, 0.0, 1.0, 1.0, 0.0])
    log_sigma2 = np.array([2.0, -3.0, 1.0, 0.0, -50.0, 9.0, -9.0, -np.inf])
    expected = [2, -3, -1, math.log(4), 8, 8, -8, np.nan]
    np.testing.assert_allclose(log_alpha(theta, log_sigma2), expected, rtol=1e-15)
    assert log_alpha(np.float16([1]), np.float16([2])).dtype == np.float32


def test_pruned():
    assert pruned([2.9, 3.0, 3.1, np.nan]).tolist() == [False, False, True, False]
    assert pruned([2.9, 3.0, 3.1], threshold=2.95).tolist() == [False, True, True]
    with pytest.raises(ValueError, match="threshold=nan: must be finite"):
        pruned([1.0], threshold=math.nan)


def test_kl_written_out():
    # k1 - k1 sigmoid(k2) + 1/2 log 2, with sigmoid(1.8732) = 1 / (1 + 0.1536314) = 0.8668280
    assert kl_approximation([0.0])[0] == pytest.approx(0.63576 * 0.1331720 + 0.3465736, abs=1e-6)
    # log alpha = 2: sigmoid(1.8732 + 2.9739) = 1 / (1 + e^-4.8471) = 0.9922098; 1/2 log(1 + e^-2) = 0.0634640
    assert kl_approximation([2.0])[0] == pytest.approx(0.63576 * 0.0077902 + 0.0634640, abs=1e-6)


def test_kl_limits():
    assert np.all(kl_approximation([40.0, 700.0, np.inf]) < 1e-15)
    np.testing.assert_allclose(kl_approximation([-40.0, -700.0]), [0.63576 + 20, 0.63576 + 350], rtol=1e-15)
    assert np.all(np.diff(kl_approximation(np.linspace(-20, 20, 200))) < 0)


def exact_kl(log_alpha):
    """Integrate E log|1 + sqrt(alpha) z| - 1/2 log alpha - E log|z| over standard normal z.

    That is the divergence up to the constant of the improper prior, chosen to make it 0 for infinite alpha. The first
    two terms are E log|z - pole| with the pole -1 / sqrt(alpha), and E log|z| is -(Euler's constant + log 2) / 2.
    """
    pole = -math.exp(-log_alpha / 2)

    def density(z):
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    if pole < -12:
        expectation = quad(lambda z: math.log(z - pole) * density(z), -12, 12)[0]
    else:
        expectation = quad(density, -12, pole, weight="alg-logb", wvar=(0, 0))[0]
        expectation += quad(density, pole, 12, weight="alg-loga", wvar=(0, 0))[0]
    return expectation + (np.euler_gamma + math.log(2)) / 2


def test_kl_approximates_the_divergence():
    points = np.linspace(-8, 8, 33)
    exact = [exact_kl(point) for point in points]
    assert exact_kl(60) == pytest.approx(0, abs=1e-12)
    assert exact_kl(-60) == pytest.approx(30 + 0.6351814, abs=1e-6)
    np.testing.assert_allclose(kl_approximation(points), exact, rtol=0, atol=0.01)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_kl_is_summed_over_the_weights(dtype):
    _, theta, log_sigma2 = some(dtype)
    theta[0, 0] = 0
    total = 0.0
    for t, s in zip(theta.ravel().tolist(), log_sigma2.ravel().tolist(), strict=True):
        point = min(8.0, s - math.log(t * t)) if t else 8.0
        point = max(-8.0, point)
        total += 0.63576 * (1 - 1 / (1 + math.exp(-1.87320 - 1.48695 * point))) + math.log1p(math.exp(-point)) / 2
    assert variational_dropout_kl(theta, log_sigma2) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kl_gradient(dtype):
    _, theta, log_sigma2 = some()
    theta[0, :2], log_sigma2[0, :2] = (1, 0.01), (-30, 20)  # clipped below and above
    gradients = variational_dropout_kl_gradient(theta.astype(dtype), log_sigma2.astype(dtype))
    slopes = (
        scalar.slopes(lambda theta: variational_dropout_kl(theta, log_sigma2), theta),
        scalar.slopes(lambda log_sigma2: variational_dropout_kl(theta, log_sigma2), log_sigma2),
    )
    for gradient, slope in zip(gradients, slopes, strict=True):
        assert gradient.dtype == dtype
        assert not gradient[0, :2].any()
        assert gradient[0, 2:].all()
        np.testing.assert_allclose(gradient, slope, rtol=1e-5 if dtype == np.float32 else 1e-6, atol=1e-8)


def test_kl_gradient_where_theta_or_sigma2_is_0():
    dtheta, dlog_sigma2 = variational_dropout_kl_gradient([0.0, 1.0, 0.0], [1.0, -np.inf, -np.inf])
    assert np.array_equal(dtheta, np.zeros(3))
    assert np.array_equal(dlog_sigma2, np.zeros(3))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(x=np.ones(5)), ValueError, r"x has shape \(5,\): must have the axes \(N, in\)"),
        (dict(theta=np.ones((5, 7))), ValueError, r"theta has shape \(5, 7\): must be \(5, 5\), as \(out, in\)"),
        (dict(theta=np.ones((7, 5), np.float32)), TypeError, "dtypes are x float64, theta float32: must be equal"),
        (dict(log_sigma2=np.ones((5, 7))), ValueError, r"log_sigma2 has shape \(5, 7\): must be \(7, 5\)"),
        (dict(log_sigma2=np.ones((7, 5), int)), TypeError, "log_sigma2 has dtype int64: must be float16, float32 or"),
        (dict(dy=np.ones((7, 3))), ValueError, r"dy has shape \(7, 3\): must be \(3, 7\)"),
        (dict(normal=np.ones((7, 3))), ValueError, r"normal has shape \(7, 3\): must be \(3, 7\)"),
        (dict(normal=np.ones((3, 7), np.float32)), TypeError, "normal float32, x float64: must be equal"),
    ],
)
def test_refused(change, error, message):
    layer = dict(x=np.ones((3, 5)), theta=np.ones((7, 5)), log_sigma2=np.ones((7, 5)))
    arrays = dict(dy=np.ones((3, 7)), **layer, normal=np.ones((3, 7)))
    with pytest.raises(error, match=message):
        variational_dropout_gradient(**{**arrays, **change})


def test_kl_gradient_passes_nan_on():
    dtheta, dlog_sigma2 = variational_dropout_kl_gradient(np.array([np.nan, 1.0]), np.array([0.0, 0.5]))
    assert np.isnan(dtheta).tolist() == [True, False]
    assert np.isnan(dlog_sigma2).tolist() == [True, False]
