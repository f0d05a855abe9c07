"""Reference implementation of local response normalization in NumPy, as close to the formula as possible.

    scale_i = bias + alpha / n * sum over j in window(i) of x_j^2
    y_i     = x_i * scale_i^-beta
    dx_i    = dy_i * scale_i^-beta
              - 2 * alpha / n * beta * x_i * sum over j with i in window(j) of dy_j * x_j * scale_j^(-beta - 1)

All values are computed in float64 and rounded once to the input's type.
Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012,
section 3.3, with Caffe2's divisor n; the gradient is its derivative.
"""

import numpy as np

from workbench.lrn import log_domain
from workbench.lrn.window import Window, safe_limits, window_axes


def local_response_norm_scale(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    axes = window_axes(x.ndim, window.region, channels_last)
    scale = _scale(x, window, axes)
    if not _is_safe(window, axes, x, scale):
        scale = log_domain.local_response_norm_scale(x, window, axes)
    return _rounded(scale, x.dtype)


def local_response_norm(x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    axes = window_axes(x.ndim, window.region, channels_last)
    scale = _scale(x, window, axes)
    if _is_safe(window, axes, x, scale):
        y = x.astype(np.float64) * scale**-window.beta
    else:
        y = log_domain.local_response_norm(x, window, axes)
    return _rounded(y, x.dtype)


def local_response_norm_gradient(dy: np.ndarray, x: np.ndarray, window: Window, channels_last: bool) -> np.ndarray:
    axes = window_axes(x.ndim, window.region, channels_last)
    scale = _scale(x, window, axes)
    with np.errstate(all="ignore"):
        term = dy * (x.astype(np.float64) * scale ** (-window.beta - 1))
    if _is_safe(window, axes, x, scale, term):
        # Element i is in the windows of [i - after, i + before]: the same window, seen from the other end.
        total = _window_sum(term, window.after, window.before, axes)
        dx = dy * scale**-window.beta - 2 * window.coefficient * window.beta * (x * total)
    else:
        dx = log_domain.local_response_norm_gradient(dy, x, window, axes)
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
        values = log_domain.windows(values, before, after, (axis,), 0.0).sum(axis=-1)
    return values


def _is_safe(
    window: Window, axes: tuple[int, ...], x: np.ndarray, scale: np.ndarray, term: np.ndarray | None = None
) -> bool:
    lowest, highest, largest = safe_limits(np.dtype(np.float64), window)
    safe = bool(np.all((scale >= lowest) & (scale <= highest)))
    if not safe and window.base_can_vanish:
        log_domain.refuse_vanishing_base(x, window, axes)
    return safe and (term is None or bool(np.all(np.abs(term) <= largest)))


def _rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(dtype.newbyteorder("="))
