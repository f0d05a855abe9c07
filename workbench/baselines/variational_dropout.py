"""Sparse variational dropout: a dense layer in which each weight learns its own noise; very noisy weights are pruned.

A weight is normal with mean theta_oi and variance sigma2_oi. The sums y are normal too, so the layer draws these
instead (the local reparameterization), with one draw for each example and output:

    v_no = eps + sum over i of x_ni^2 sigma2_oi                      sigma2 = exp(log_sigma2)
    y_no = sum over i of x_ni theta_oi + sqrt(v_no) normal_no

normal_no comes from words 2 k and 2 k + 1 of the seed's stream, k = n * out + o. With respect to v_no, the gradient is
g_no = dy_no normal_no / (2 sqrt(v_no)), and

    dx_ni          = sum over o of dy_no theta_oi + 2 x_ni g_no sigma2_oi
    dtheta_oi      = sum over n of dy_no x_ni
    dlog_sigma2_oi = sigma2_oi * sum over n of g_no x_ni^2

alpha is the ratio of variance to squared mean; log alpha = log sigma2 - log theta^2 is clipped to [-8, 8]. For each
weight, the loss adds the Kullback-Leibler divergence of its distribution from the log-uniform prior, approximately

    KL = k1 - k1 sigmoid(k2 + k3 log alpha) + 1/2 log(1 + 1 / alpha)

It falls to 0 as alpha grows, and grows like k1 - 1/2 log alpha as alpha falls.

Clipping keeps log alpha and the slope -2 / theta finite if theta or sigma2 is 0. Outside [-8, 8] the clipped value does
not depend on the weight, so the gradient of KL is exactly 0. Above 8 this loses little: the slope in log alpha is below
0.0002, and the weight is pruned anyway. Below -8, the weight has almost no noise and only the data determine it.

Source: Molchanov, Ashukha and Vetrov, Variational Dropout Sparsifies Deep Neural Networks, 2017; the local
reparameterization is from Kingma, Salimans and Welling, Variational Dropout and the Local Reparameterization Trick,
2015.
"""

from typing import Any

import numpy as np

from workbench import philox
from workbench.baselines import _common as common
from workbench.operator import Arg
from workbench.sparse_dropout import SEED, TRAINING

K1, K2, K3 = 0.63576, 1.87320, 1.48695
LIMIT = 8.0  # log alpha is clipped to [-LIMIT, LIMIT]
THRESHOLD = 3.0  # larger log alpha prunes a weight: its dropout ratio, alpha / (1 + alpha), is then above 0.95
EPSILON = 1e-8  # keeps the square root differentiable if x is 0


def variational_dropout(
    x: Any, theta: Any, log_sigma2: Any, *, seed: int, training: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a dense layer with normal weights; in evaluation, with their means and without noisy weights.

    Args:
        x: shape (N, in), float16, float32 or float64.
        theta: means of the weights, shape (out, in), of x's type.
        log_sigma2: logarithms of their variances, of theta's shape and type.
        seed: a whole number below 2^64.
        training: False computes x @ theta.T without the `pruned` weights.

    Returns:
        y, shape (N, out), of x's type, and the normal numbers drawn, of the same shape and type; 0 in evaluation.
    """
    x, theta, log_sigma2 = _checked_layer(x, theta, log_sigma2)
    seed, training = SEED.check(seed), TRAINING.check(training)
    shape = (x.shape[0], theta.shape[0])
    normal = np.zeros(shape, x.dtype)
    if training:
        normal = philox.normals(seed, normal.size).reshape(shape).astype(x.dtype)
    wide_x, means, logarithms, noise = _widened(x, theta, log_sigma2, normal)
    with np.errstate(over="ignore", invalid="ignore"):
        if training:
            y = wide_x @ means.T + _deviations(wide_x, np.exp(logarithms)) * noise
        else:
            y = common.connected(wide_x, means, pruned(log_alpha(means, logarithms)))
    return common.rounded(y, x.dtype), normal


def variational_dropout_gradient(
    dy: Any, x: Any, theta: Any, log_sigma2: Any, normal: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dx, dtheta and dlog_sigma2, given dy, the gradient of a loss in y = variational_dropout(...) in training.

    dy has y's shape and type. The other arguments are inputs of the forward pass and the normal numbers it returned.
    """
    x, theta, log_sigma2 = _checked_layer(x, theta, log_sigma2)
    dy, normal = common.checked_floats("dy", dy), common.checked_floats("normal", normal)
    common.check_same_type(dy=dy, normal=normal, x=x)
    shape = (x.shape[0], theta.shape[0])
    common.check_shape("dy", dy, shape, "(N, out) in x and theta")
    common.check_shape("normal", normal, shape, "the forward pass returned it")
    dtype = x.dtype
    dy, x, theta, log_sigma2, normal = _widened(dy, x, theta, log_sigma2, normal)
    with np.errstate(over="ignore", invalid="ignore"):
        sigma2 = np.exp(log_sigma2)
        g = dy * normal / (2 * _deviations(x, sigma2))
        gradients = dy @ theta + 2 * x * (g @ sigma2), dy.T @ x, sigma2 * (g.T @ x**2)
    return tuple(common.rounded(gradient, dtype) for gradient in gradients)


def log_alpha(theta: Any, log_sigma2: Any) -> np.ndarray:
    """Return log sigma2 - log theta^2, clipped to [-8, 8], of theta's shape and type; float32 for float16.

    theta = 0 gives 8, or NaN if the variance is 0 too (log_sigma2 = -inf). Both arguments have the same shape and type.
    """
    theta, log_sigma2 = _checked_weights(theta, log_sigma2)
    return np.clip(_log_alpha(theta, log_sigma2), -LIMIT, LIMIT).astype(common.wide_type(theta.dtype))


def pruned(log_alpha: Any, threshold: float = THRESHOLD) -> np.ndarray:
    """Return a mask of the weights that are too noisy to be useful: log alpha > threshold."""
    threshold = Arg("threshold", float, THRESHOLD, "").check(threshold)
    return np.asarray(common.checked_floats("log_alpha", log_alpha) > threshold)


def kl_approximation(log_alpha: Any) -> np.ndarray:
    """Return each weight's approximate KL divergence from the prior, for log alpha of any shape."""
    values = common.checked_floats("log_alpha", log_alpha)
    (wide,) = _widened(values)
    return np.asarray(_kl(wide)).astype(values.dtype)


def variational_dropout_kl(theta: Any, log_sigma2: Any) -> float:
    """Return the approximate KL divergence of all weights from their prior, summed in float64."""
    theta, log_sigma2 = _checked_weights(theta, log_sigma2)
    return float(_kl(np.clip(_log_alpha(theta, log_sigma2), -LIMIT, LIMIT)).sum())


def variational_dropout_kl_gradient(theta: Any, log_sigma2: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradient of `variational_dropout_kl`: dtheta and dlog_sigma2, with theta's shape and type.

    dlog_sigma2 = -k1 k3 s (1 - s) - 1/2 sigmoid(-log alpha),  s = sigmoid(k2 + k3 log alpha);  0 if clipped
    dtheta      = -2 / theta dlog_sigma2
    """
    theta, log_sigma2 = _checked_weights(theta, log_sigma2)
    dtype = theta.dtype
    raw = _log_alpha(theta, log_sigma2)
    inside = ~(np.abs(raw) > LIMIT) & (theta != 0)  # NaN counts as inside, so that it is passed on
    point = np.where(inside, raw, 0.0)
    s = _sigmoid(K2 + K3 * point)
    slope = np.where(inside, -K1 * K3 * s * (1 - s) - _sigmoid(-point) / 2, 0.0)
    with np.errstate(over="ignore"):
        dtheta = -2 / np.where(inside, theta, 1.0).astype(np.float64) * slope
    return common.rounded(dtheta, dtype), common.rounded(slope, dtype)


def _checked_layer(x: Any, theta: Any, log_sigma2: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, theta = common.checked_floats("x", x, "(N, in)"), common.checked_floats("theta", theta, "(out, in)")
    common.check_same_type(x=x, theta=theta)
    common.check_shape("theta", theta, (theta.shape[0], x.shape[1]), "(out, in) with x's last axis")
    return x, *_checked_weights(theta, log_sigma2)


def _checked_weights(theta: Any, log_sigma2: Any) -> tuple[np.ndarray, np.ndarray]:
    theta, log_sigma2 = common.checked_floats("theta", theta), common.checked_floats("log_sigma2", log_sigma2)
    common.check_same_type(theta=theta, log_sigma2=log_sigma2)
    common.check_shape("log_sigma2", log_sigma2, theta.shape, "theta has")
    return theta, log_sigma2


def _widened(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(array.astype(common.wide_type(array.dtype)) for array in arrays)


def _deviations(x: np.ndarray, sigma2: np.ndarray) -> np.ndarray:
    return np.sqrt(x**2 @ sigma2.T + EPSILON)


def _log_alpha(theta: np.ndarray, log_sigma2: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return log_sigma2.astype(np.float64) - 2 * np.log(np.abs(theta.astype(np.float64)))


def _kl(log_alpha: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return K1 - K1 * _sigmoid(K2 + K3 * log_alpha) + _softplus(-log_alpha) / 2


def _sigmoid(t: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + e^-t), without overflow at either end."""
    return np.exp(-_softplus(-t))


def _softplus(t: np.ndarray) -> np.ndarray:
    """Return log(1 + e^t)."""
    with np.errstate(invalid="ignore"):  # NaN is passed on
        return np.logaddexp(0, t)
