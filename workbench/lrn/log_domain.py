"""Compute local response normalization in logarithms, for numbers whose squares or powers a float cannot hold.

These functions are slow and right at any magnitude: finite input never gives NaN, and a result is infinite or zero only
where the true value is beyond the type's range. Both engines use them for elements that plain arithmetic gets wrong.
"""

import numpy as np

from workbench.lrn.window import Window


def local_response_norm_scale(x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.exp2(_log2_scale(_log2_abs(x), window, axes))


def local_response_norm(x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    with np.errstate(all="ignore"):
        log2_x = _log2_abs(x)
        magnitude = np.exp2(log2_x - _exponent(window.beta, _log2_scale(log2_x, window, axes)))
        return np.where(x == 0, 0.0, np.sign(x) * magnitude)


def local_response_norm_gradient(dy: np.ndarray, x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    """Return dx, with each element computed as a sum of signed powers of two, scaled by the largest of them."""
    with np.errstate(all="ignore"):
        log2_x, log2_dy = _log2_abs(x), _log2_abs(dy)
        log2_scale = _log2_scale(log2_x, window, axes)
        direct = np.where(dy == 0, -np.inf, log2_dy - _exponent(window.beta, log2_scale))
        term = np.where((dy == 0) | (x == 0), -np.inf, log2_dy + log2_x - _exponent(window.beta + 1, log2_scale))
        # Element i is in the windows of [i - after, i + before]: the same window, seen from the other end.
        terms = windows(term, window.after, window.before, axes, -np.inf)
        signs = windows(np.sign(x) * np.sign(dy), window.after, window.before, axes, 0.0)
        inner = tuple(range(x.ndim, terms.ndim))
        factor = 1 + window.log2_coefficient + np.log2(window.beta) + log2_x
        largest_term = np.where(x == 0, -np.inf, factor + terms.max(axis=inner, initial=-np.inf))
        largest = np.maximum(direct, largest_term)
        largest = np.where(np.isneginf(largest), 0.0, largest)
        shifted = np.expand_dims(np.where(x == 0, -np.inf, factor) - largest, inner) + terms
        summed = (signs * np.exp2(np.where(np.isnan(terms), np.nan, shifted))).sum(axis=inner)
        slope = np.sign(window.alpha) * np.sign(x)
        total = np.sign(dy) * np.exp2(direct - largest) - slope * summed
        return np.where(total == 0, 0.0, _times_power_of_two(total, largest))


def refuse_vanishing_base(x: np.ndarray, window: Window, axes: tuple[int, ...]) -> None:
    """Raise ValueError if the base is zero or negative anywhere; the message says how to avoid it."""
    with np.errstate(all="ignore"):
        log2_squares = _log2_sum_of_squares(_log2_abs(x.astype(np.float64)), window, axes)
        if window.alpha >= 0:
            positive = window.log2_coefficient + log2_squares > -np.inf
            positive |= np.isnan(log2_squares)
            base = np.zeros(1)
        else:
            base = window.bias - np.exp2(window.log2_coefficient + log2_squares)
            positive = ~(base <= 0)
        if positive.all():
            return
        count = f"{np.count_nonzero(~positive)} of {x.size} elements"
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
    return np.clip(beta * log2_scale, -1e300, 1e300)


def _log2_abs(x: np.ndarray) -> np.ndarray:
    return np.log2(np.abs(x.astype(np.float64)))


def _log2_scale(log2_x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    log2_sum = window.log2_coefficient + _log2_sum_of_squares(log2_x, window, axes)
    if window.alpha < 0:
        return np.log2(window.bias - np.exp2(log2_sum))
    if window.alpha == 0:
        log2_sum = np.where(np.isnan(log2_x), np.nan, -np.inf)
    return np.logaddexp2(np.log2(window.bias), log2_sum)


def _log2_sum_of_squares(log2_x: np.ndarray, window: Window, axes: tuple[int, ...]) -> np.ndarray:
    views = windows(2 * log2_x, window.before, window.after, axes, -np.inf)
    return np.logaddexp2.reduce(views.reshape(*log2_x.shape, -1), axis=-1)


def windows(values: np.ndarray, before: int, after: int, axes: tuple[int, ...], outside: float) -> np.ndarray:
    """Return each element's window along new last axes, with `outside` for neighbours beyond the array."""
    padding = [(0, 0)] * values.ndim
    for axis in axes:
        longest = max(values.shape[axis] - 1, 0)
        padding[axis] = (min(before, longest), min(after, longest))
    sizes = tuple(sum(padding[axis]) + 1 for axis in axes)
    padded = np.pad(values, padding, constant_values=outside)
    return np.lib.stride_tricks.sliding_window_view(padded, sizes, axis=axes)


def _times_power_of_two(value: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Return value * 2^exponent in two steps, so that neither factor overflows before the product does."""
    half = np.trunc(exponent / 2)
    return value * np.exp2(half) * np.exp2(exponent - half)
