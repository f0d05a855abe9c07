"""Reference implementation of local response normalization in NumPy, as close to the formula as possible.

    scale_i = bias + alpha / n * sum over j in window(i) of x_j^2
    y_i     = x_i * scale_i^-beta
    dx_i    = dy_i * scale_i^-beta
              - 2 * alpha / n * beta * x_i * sum over j with i in window(j) of dy_j * x_j * scale_j^(-beta - 1)

All values are computed in float64 and rounded once to the input's type.
Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012,
section 3.3, with Caffe2's divisor n; the gradient is its derivative.
"""

import functools

import numpy as np

from workbench.arrays import is_bfloat16
from workbench.lrn import log_domain
from workbench.lrn.window import Window, safe_limits, window_axes


def local_response_norm_scale(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    axes = window_axes(x.ndim, window.region, channels_last)
    scale = _scale(x, window, axes)
    safe = _is_safe(scale, x, window, axes)
    if not safe.all():
        scale = np.where(safe, scale, log_domain.local_response_norm_scale(x, window, axes))
    return _rounded(scale, x.dtype)


def local_response_norm(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    axes = window_axes(x.ndim, window.region, channels_last)
    scale = _scale(x, window, axes)
    safe = _is_safe(scale, x, window, axes)
    with np.errstate(all="ignore"):
        y = x.astype(np.float64) * scale**-window.beta
    if not safe.all():
        y = np.where(safe, y, log_domain.local_response_norm(x, window, axes))
    return _rounded(y, x.dtype)


def local_response_norm_gradient(dy: np.ndarray, x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    axes = window_axes(x.ndim, window.region, channels_last)
    scale = _scale(x, window, axes)
    safe = _is_safe(scale, x, window, axes)
    with np.errstate(all="ignore"):
        share = x.astype(np.float64) * scale ** (-window.beta - 1)
        term = dy * share
        # Element i is in the windows of [i - after, i + before]: the same window, seen from the other end.
        total = _window_sum(term, window.after, window.before, axes)
        indirect = x * total
        dx = dy * scale**-window.beta - 2 * window.coefficient * window.beta * indirect
    safe &= (np.abs(term) <= safe_limits(np.dtype(np.float64), window)[2]) & _keeps_digits((dy, x), (share, term))
    safe = _window_sum(~safe, window.after, window.before, axes) == 0
    safe &= _keeps_digits((x, total), (indirect,))
    if not safe.all():
        dx = np.where(safe, dx, log_domain.local_response_norm_gradient(dy, x, window, axes))
    return _rounded(dx, x.dtype)


def _scale(x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        squares = x.astype(np.float64) ** 2
        return window.bias + window.coefficient * _window_sum(squares, window.before, window.after, axes)


def _window_sum(values: np.ndarray, before: int, after: int, axes: tuple[int, ...]) -> np.ndarray:
    """Return the sum over [i - before, i + after] along each of `axes`, with zeros outside the array."""
    if not values.size:
        return values
    for axis in axes:
        values = log_domain.windows(values, before, after, axis, 0.0).sum(axis=-1)
    return values


def _is_safe(scale: np.ndarray, x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    """Return where plain arithmetic is right; raise ValueError if the base is zero or negative somewhere."""
    lowest, highest, _ = safe_limits(np.dtype(np.float64), window)
    safe = (scale >= lowest) & (scale <= highest)
    if window.base_can_vanish and not safe.all():
        log_domain.refuse_vanishing_base(x, window, axes)
    return safe


def _keeps_digits(factors: tuple[np.ndarray, ...], products: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return where no product is below the normal numbers, or a factor is 0."""
    tiny = np.finfo(np.float64).tiny
    safe = functools.reduce(np.logical_and, [np.abs(product) >= tiny for product in products])
    return safe | functools.reduce(np.logical_or, [factor == 0 for factor in factors])


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if is_bfloat16(dtype):  # ml_dtypes would round to float32 before
        exponent = np.maximum(np.frexp(values)[1] - 8, -133)  # eight digits; the smallest number is 2^-133
        values = np.ldexp(np.rint(np.ldexp(values, -exponent)), exponent)
    with np.errstate(over="ignore"):
        return values.astype(dtype.newbyteorder("="))
