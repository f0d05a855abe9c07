"""Check activations (examples, units), and sort them into classes."""

from typing import Any

import numpy as np
import scipy

from workbench.arrays import NUMBERS, check_axes, checked_array
from workbench.operator import Arg

BINS = Arg("bins", int, 10, "classes of activations", low=2)


def checked_activations(name: str, y: Any, least: int = 1) -> np.ndarray:
    """Return y (examples, units) as float64.

    Raises:
        TypeError: y is masked, or holds no numbers.
        ValueError: y has not two axes, or fewer than `least` examples, or no unit; or a number is NaN or infinite.
    """
    y = checked_array(name, y, NUMBERS).astype(np.float64)
    check_axes(name, y, "(examples, units)")
    if len(y) < least or not y.shape[1]:
        words = f"{least} example{'s' * (least > 1)} and 1 unit"
        raise ValueError(f"{name} has shape {y.shape}: must be (examples, units), with at least {words}")
    _refuse(name, y, ~np.isfinite(y), "must be finite; leave the example out")
    return y


def shares(y: Any) -> np.ndarray:
    """Return y (examples, units) with each example divided by its sum.

    Raises:
        ValueError: an activation is negative, or all of an example are 0; and as `checked_activations`.
    """
    y = checked_activations("y", y)
    _refuse("y", y, y < 0, "must be at least 0 to have a share; give np.abs(y) or y**2")
    largest = y.max(axis=1, keepdims=True)
    if not largest.all():
        silent = int(largest.argmin())
        raise ValueError(f"y[{silent}]: no unit is active, so none has a share; leave the example out")
    y = y / largest  # a sum of large numbers would overflow
    return y / y.sum(axis=1, keepdims=True)


def scaled(y: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return y times a power of two, of each unit if `axis` is 0, so that sums and squares stay in range."""
    largest = np.abs(y).max(axis=axis, keepdims=True)
    return np.ldexp(y, -np.frexp(largest)[1])


def by_width(y: np.ndarray, bins: Any) -> np.ndarray:
    """Return the class of each activation, one scale for all units: bins of equal width, or given by their edges.

    The first and the last bin are open: they hold what lies outside.

    Raises:
        TypeError, ValueError: `bins` is neither a whole number from 2, nor three increasing numbers or more.
    """
    if np.ndim(bins) == 0:
        y = scaled(y)
        edges = np.linspace(y.min(), y.max(), BINS.check(bins) + 1)
    else:
        edges = checked_array("bins", bins, NUMBERS).astype(np.float64)
        if edges.ndim > 1 or len(edges) < 3 or not np.all(edges[1:] > edges[:-1]):
            raise ValueError(f"bins={bins!r}: must be a whole number from 2, or at least 3 increasing edges")
    return np.searchsorted(edges[1:-1], y, side="right")


def by_rank(y: np.ndarray, bins: Any) -> np.ndarray:
    """Return the class of each activation among those of its unit: equally many in each, and equal ones together."""
    return ((scipy.stats.rankdata(y, axis=0) - 0.5) * BINS.check(bins) / len(y)).astype(np.int64)


def _refuse(name: str, y: np.ndarray, wrong: np.ndarray, words: str) -> None:
    if wrong.any():
        example, unit = (int(place) for place in np.argwhere(wrong)[0])
        raise ValueError(f"{name}[{example}, {unit}]={y[example, unit]:g}: {words}")
