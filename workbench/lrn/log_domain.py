"""Compute local response normalization in logarithms, for numbers whose squares or powers a float cannot hold.

The reference engine takes these functions for elements that plain arithmetic gets wrong. They are slow and right at any
magnitude: finite input never gives NaN, and a result is infinite or zero only where the true value is beyond the range
of float64.
"""

import numpy as np

from workbench.lrn.window import Window


def local_response_norm_scale(x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.exp2(_log2_scale(_log2_abs(x), window, axes))


def local_response_norm(x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    with np.errstate(all="ignore"):
        log2_x = _log2_abs(x)
        return np.sign(x) * np.exp2(log2_x - _exponent(window.beta, _log2_scale(log2_x, window, axes)))


def local_response_norm_gradient(dy: np.ndarray, x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    """Return dx, each element a sum of three signed powers of two: of dy, and of the positive and negative terms."""
    with np.errstate(all="ignore"):
        log2_x, log2_dy = _log2_abs(x), _log2_abs(dy)
        log2_scale = _log2_scale(log2_x, window, axes)
        direct = log2_dy - _exponent(window.beta, log2_scale)
        term = log2_dy + log2_x - _exponent(window.beta + 1, log2_scale)
        slope = 1 + window.log2_coefficient + np.log2(window.beta) + log2_x
        sign = np.sign(x) * np.sign(dy)
        # Element i is in the windows of [i - after, i + before]: the same window, seen from the other end.
        positive, negative = (
            slope + _log2_sum(np.where(sign == other, -np.inf, term), window.after, window.before, axes)
            for other in (-1, 1)
        )
        largest = np.maximum(direct, np.maximum(positive, negative))
        largest = np.where(np.isneginf(largest), 0.0, largest)
        summed = np.exp2(positive - largest) - np.exp2(negative - largest)
        total = np.sign(dy) * np.exp2(direct - largest) - np.sign(window.alpha) * np.sign(x) * summed
        return np.where(total == 0, 0.0, _times_power_of_two(total, largest))


def refuse_vanishing_base(x: np.ndarray, window: Window, axes: tuple[int, ...], at_least: int = 0) -> None:
    """Raise ValueError if the base is zero or negative anywhere; the message says how to avoid it.

    If the caller knows of `at_least` such elements, that many are refused even if rounding hides them here.
    """
    with np.errstate(all="ignore"):
        log2_squares = _log2_sum(2 * _log2_abs(x), window.before, window.after, axes)
        if window.alpha >= 0:
            base = np.where(window.log2_coefficient + log2_squares > -np.inf, 1.0, 0.0)
        else:
            base = window.bias - np.exp2(window.log2_coefficient + log2_squares)
        refused = max(at_least, np.count_nonzero(base <= 0))
        if not refused:
            return
        count = f"{refused} of {x.size} elements"
        largest = np.exp2(np.nanmax(log2_squares))
    if window.bias == 0:
        raise ValueError(
            f"bias=0.0: the base alpha / {window.divisor:g} * (sum of squares) is not positive at {count}; "
            "use a bias above 0"
        )
    problem = (
        f"alpha={window.alpha!r}: the base bias + alpha / {window.divisor:g} * (sum of squares) "
        f"is not positive at {count}; the smallest is {np.nanmin(base):.6g}"
    )
    limit = -window.bias * window.divisor / largest
    if limit == 0:
        raise ValueError(f"{problem}. With this input and bias={window.bias!r}, use an alpha of at least 0")
    raise ValueError(f"{problem}. With this input it stays positive for alpha above {limit:.6g}")


def _exponent(beta: float, log2_scale: np.ndarray) -> np.ndarray:
    """Return beta * log2_scale, kept finite: the difference of two infinite exponents would be NaN."""
    exponent = np.where((beta == 0) & np.isinf(log2_scale), 0.0, beta * log2_scale)
    return np.clip(exponent, -1e300, 1e300)


def _log2_abs(x: np.ndarray) -> np.ndarray:
    return np.log2(np.abs(x.astype(np.float64)))


def _log2_scale(log2_x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    log2_sum = window.log2_coefficient + _log2_sum(2 * log2_x, window.before, window.after, axes)
    if window.alpha < 0:
        return np.log2(window.bias - np.exp2(log2_sum))
    if window.alpha == 0:
        log2_sum = np.where(np.isnan(log2_x), np.nan, -np.inf)
    return np.logaddexp2(np.log2(window.bias), log2_sum)


def _log2_sum(values: np.ndarray, before: int, after: int, axes: tuple[int, ...]) -> np.ndarray:
    """Return log2 of the sum of 2^value over [i - before, i + after] along each of `axes`."""
    for axis in axes:
        values = np.logaddexp2.reduce(windows(values, before, after, axis, -np.inf), axis=-1)
    return values


def windows(values: np.ndarray, before: int, after: int, axis: int, outside: float) -> np.ndarray:
    """Return each element's window along a new last axis, with `outside` for neighbours beyond the array."""
    longest = max(values.shape[axis] - 1, 0)
    padding = [(0, 0)] * values.ndim
    padding[axis] = (min(before, longest), min(after, longest))
    padded = np.pad(values, padding, constant_values=outside)
    return np.lib.stride_tricks.sliding_window_view(padded, sum(padding[axis]) + 1, axis=axis)


def _times_power_of_two(value: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Return value * 2^exponent in two steps, so that neither factor overflows before the product does."""
    half = np.trunc(exponent / 2)
    return value * np.exp2(half) * np.exp2(exponent - half)
