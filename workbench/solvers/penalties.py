"""Penalties of linear models, all with the methods of `Penalty`, and proximal operators as plain functions.

    Lp            alpha sum |w_j|^p, any p >= 0
    ElasticNet    alpha (l1_ratio sum |w_j| + (1 - l1_ratio)/2 sum w_j^2)
    GroupLasso    alpha sum_g |w_g|, the Euclidean norms of groups: the L2,1 norm
    L1Ball        0 if sum |w_j| is at most a radius, else infinite

The proximal operator is prox(v, step) = argmin_z 1/2 |z - v|^2 + step * penalty(z). The Fenchel conjugate is
conjugate(v) = sup_w <v, w> - penalty(w); duality gaps are computed with it. Penalties and operators raise TypeError if
an argument has the wrong type, and ValueError if it is outside its range or not finite (p may be infinite).

Sources: Parikh and Boyd, Proximal algorithms, 2014, for the operators and Moreau's decomposition; Zou and Hastie,
Regularization and variable selection via the elastic net, 2005; Yuan and Lin, Model selection and estimation in
regression with grouped variables, 2006; Duchi, Shalev-Shwartz, Singer and Chandra, Efficient projections onto the
l1-ball for learning in high dimensions, 2008.
"""

import dataclasses
import math
from typing import Any, ClassVar, Protocol

import numpy as np

from workbench.arrays import WIDE_FLOATS, native_array
from workbench.operator import REQUIRED, Arg
from workbench.sparse_lp import lp_gradient, lp_prox

SMALLEST = float(np.finfo(np.float64).tiny)  # smaller numbers have fewer digits

_ALPHA = Arg("alpha", float, REQUIRED, "strength of the penalty", low=0.0)
_P = Arg("p", float, 1.0, "exponent", low=0.0, high=math.inf, words="a number of at least 0, infinity included")
_L1_RATIO = Arg("l1_ratio", float, REQUIRED, "share of the L1 norm", low=0.0, high=1.0)
_SIZE = Arg("size", int, REQUIRED, "weights in a group", low=1)
_RADIUS = Arg("radius", float, REQUIRED, "radius of the ball", low=0.0)
_WEIGHT = Arg("weight", float, REQUIRED, "weight of the penalty", low=0.0)


class Penalty(Protocol):
    """Methods that a solver needs of a penalty. w and v are float64, shape (features,); alpha = 0 means no penalty."""

    @property
    def alpha(self) -> float:
        """Return the strength."""

    @property
    def convex(self) -> bool:
        """Return whether the penalty is convex; only then may `conjugate` and `feasible_scale` be called."""

    def value(self, w: np.ndarray) -> float:
        """Return the penalty of w; it is 0 for w = 0."""

    def subgradient(self, w: np.ndarray) -> np.ndarray:
        """Return the gradient, or a subgradient where there is none; its elements are 0 where w is 0."""

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        """Return argmin_z 1/2 |z - v|^2 + step * value(z)."""

    def conjugate(self, v: np.ndarray) -> float:
        """Return sup_w <v, w> - value(w); it may be infinite."""

    def feasible_scale(self, v: np.ndarray) -> float:
        """Return the largest s from 0 to 1 for which conjugate(s * v) is finite."""


@dataclasses.dataclass(frozen=True)
class Lp:
    """alpha * sum |w_j|^p: it counts non-zeros for p = 0, and is the Lasso for p = 1 and a ridge for p = 2.

    p = inf is the limit: the penalty is 0 if all weights are in [-1, 1], else infinite. It is convex for p >= 1.
    """

    alpha: float
    p: float = 1.0

    def __post_init__(self) -> None:
        _check(self, _ALPHA, _P)

    @property
    def convex(self) -> bool:
        return self.p >= 1 or self.alpha == 0

    def value(self, w: np.ndarray) -> float:
        size = np.abs(w)
        if self.alpha == 0:
            return 0.0
        if self.p == math.inf:
            return 0.0 if np.all(size <= 1) else math.inf
        if self.p == 0:
            return self.alpha * np.count_nonzero(w)
        with np.errstate(over="ignore"):
            return self.alpha * float((size if self.p == 1 else size**self.p).sum())

    def subgradient(self, w: np.ndarray) -> np.ndarray:
        if self.p == math.inf:
            return np.zeros_like(w)
        return lp_gradient(w, self.alpha, self.p)

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        return lp_prox(v, step * self.alpha, self.p) if self.alpha else v.copy()

    def conjugate(self, v: np.ndarray) -> float:
        """Return (p - 1) alpha sum (|v_j| / (alpha p))^(p / (p - 1)); 0 or inf for p = 1, sum |v_j| for p = inf."""
        self._refuse_unless_convex()
        size = np.abs(v)
        if self.alpha == 0 or self.p == 1:
            return 0.0 if (size <= self.alpha).all() else math.inf
        if self.p == math.inf:
            return float(size.sum())
        power, slope, factor = self.p / (self.p - 1), self.alpha * self.p, (self.p - 1) * self.alpha
        with np.errstate(over="ignore", divide="ignore"):
            if min(slope, factor) >= SMALLEST and max(slope, factor) < math.inf:
                value = factor * float(((size / slope) ** power).sum())
                if SMALLEST <= value < math.inf:
                    return value
            logs = power * (np.log(size) - math.log(self.alpha) - math.log(self.p))
            return float(np.exp(logs + math.log(self.alpha) + math.log(self.p - 1)).sum())

    def feasible_scale(self, v: np.ndarray) -> float:
        self._refuse_unless_convex()
        return 1.0 if self.alpha and self.p > 1 else _scale_into(np.abs(v), self.alpha)

    def _refuse_unless_convex(self) -> None:
        if not self.convex:
            raise ValueError(
                f"p={self.p!r}: the conjugate and a duality gap need a convex penalty; p must be at least 1"
            )


@dataclasses.dataclass(frozen=True)
class ElasticNet:
    """alpha * (l1_ratio * sum |w_j| + (1 - l1_ratio)/2 * sum w_j^2), as in scikit-learn; l1_ratio is in [0, 1]."""

    alpha: float
    l1_ratio: float = 0.5
    convex: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check(self, _ALPHA, _L1_RATIO)

    @property
    def lasso(self) -> float:
        """Return the factor of the L1 norm."""
        return self.alpha * self.l1_ratio

    @property
    def ridge(self) -> float:
        """Return the factor of half the sum of squares."""
        return self.alpha * (1 - self.l1_ratio)

    def value(self, w: np.ndarray) -> float:
        with np.errstate(over="ignore"):
            return _times(self.lasso, np.abs(w).sum()) + _times(self.ridge / 2, w @ w)

    def subgradient(self, w: np.ndarray) -> np.ndarray:
        return self.lasso * np.sign(w) + self.ridge * w

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        return elastic_net_prox(v, step * self.alpha, self.l1_ratio)

    def conjugate(self, v: np.ndarray) -> float:
        """Return sum max(|v_j| - a, 0)^2 / (2 b) with a = alpha l1_ratio and b = alpha (1 - l1_ratio)."""
        beyond = np.maximum(np.abs(v) - self.lasso, 0)
        if self.ridge == 0:
            return 0.0 if not beyond.any() else math.inf
        with np.errstate(over="ignore"):
            return float(beyond @ beyond) / 2 / self.ridge

    def feasible_scale(self, v: np.ndarray) -> float:
        return 1.0 if self.ridge else _scale_into(np.abs(v), self.lasso)


@dataclasses.dataclass(frozen=True)
class GroupLasso:
    """alpha * sum_g |w_g|, Euclidean norms of groups of `size` consecutive weights; the last group may be shorter."""

    alpha: float
    size: int
    convex: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check(self, _ALPHA, _SIZE)

    def norms(self, w: np.ndarray) -> np.ndarray:
        """Return the Euclidean norm of each group, shape (groups,)."""
        norms, unit = _norms_in_units(self._groups(w), 1)
        return (norms * unit)[:, 0]

    def value(self, w: np.ndarray) -> float:
        with np.errstate(over="ignore"):
            return _times(self.alpha, self.norms(w).sum())

    def subgradient(self, w: np.ndarray) -> np.ndarray:
        norms = np.repeat(self.norms(w), min(self.size, w.size))[: w.size]
        return self.alpha * np.divide(w, norms, out=np.zeros_like(w), where=norms > 0)

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        return group_prox(self._groups(v), step * self.alpha).reshape(-1)[: v.size]

    def conjugate(self, v: np.ndarray) -> float:
        """Return 0 if no group's norm is above alpha, else inf."""
        return 0.0 if np.all(self.norms(v) <= self.alpha) else math.inf

    def feasible_scale(self, v: np.ndarray) -> float:
        rounding = (min(self.size, v.size) + 4) * np.finfo(np.float64).eps  # relative error of a norm
        return _scale_into(self.norms(v) * (1 + rounding), self.alpha)

    def _groups(self, w: np.ndarray) -> np.ndarray:
        """Return w as rows (groups, size); the last row is padded with zeros, which change no norm."""
        size = max(1, min(self.size, w.size))
        missing = -w.size % size
        return (np.append(w, np.zeros(missing, w.dtype)) if missing else w).reshape(-1, size)


@dataclasses.dataclass(frozen=True)
class L1Ball:
    """0 if sum |w_j| is at most `radius`, else infinite. Proximal gradient descent is then projected gradient descent.

    The solution is that of `Lp(alpha)` for some alpha, which the data decide. There is no path over alphas.
    """

    radius: float
    alpha: ClassVar[float] = 1.0
    convex: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check(self, _RADIUS)

    def value(self, w: np.ndarray) -> float:
        """Return 0 or inf; rounding takes no point of the surface out of the ball."""
        return 0.0 if np.abs(w).sum() <= self.radius * (1 + 4 * w.size * np.finfo(np.float64).eps) else math.inf

    def subgradient(self, w: np.ndarray) -> np.ndarray:
        return np.zeros_like(w)

    def prox(self, v: np.ndarray, step: float) -> np.ndarray:
        return l1_ball_projection(v, self.radius)

    def conjugate(self, v: np.ndarray) -> float:
        """Return radius max |v_j|."""
        return self.radius * float(np.abs(v).max(initial=0))

    def feasible_scale(self, v: np.ndarray) -> float:
        return 1.0


def elastic_net_prox(x: Any, weight: float, l1_ratio: float = 0.5) -> np.ndarray:
    """Return argmin_z 1/2 (z - x)^2 + weight (l1_ratio |z| + (1 - l1_ratio)/2 z^2) for every element.

    The minimum is at sign(x) max(|x| - weight l1_ratio, 0) / (1 + weight (1 - l1_ratio)).

    Args:
        x: float32 or float64, any shape.
        weight: at least 0.
        l1_ratio: from 0 to 1.

    Returns:
        A new array of x's shape and type.
    """
    x, weight, l1_ratio = native_array("x", x, WIDE_FLOATS), _WEIGHT.check(weight), _L1_RATIO.check(l1_ratio)
    shrunk = np.maximum(np.abs(x, dtype=np.float64) - weight * l1_ratio, 0) / (1 + weight * (1 - l1_ratio))
    return np.asarray(np.copysign(shrunk, x)).astype(x.dtype)


def group_prox(x: Any, weight: float, axis: int = -1) -> np.ndarray:
    """Return argmin_z 1/2 |z - x|^2 + weight |z| with Euclidean norms, for each line of x along `axis`.

    The minimum is at x max(1 - weight / |x|, 0), at 0 for x = 0, and at x if an element is infinite. Norms are computed
    after a division by the largest element, so that no square overflows or vanishes. x has at least one axis; the rest
    is as for `elastic_net_prox`.
    """
    x, weight = native_array("x", x, WIDE_FLOATS), _WEIGHT.check(weight)
    if x.ndim == 0:
        raise ValueError("x has no axes: must have at least one, the axis of a group")
    wide = x.astype(np.float64, copy=False)
    norms, unit = _norms_in_units(wide, axis)
    with np.errstate(over="ignore"):  # weight / unit may be infinite for a tiny group: then it becomes zero
        kept = np.maximum(norms - weight / unit, 0)
    share = np.divide(kept, norms, out=np.zeros_like(norms), where=(norms != 0) & ~np.isinf(norms))
    return (wide * np.where(np.isinf(norms), 1, share)).astype(x.dtype)


def max_norm_prox(x: Any, weight: float) -> np.ndarray:
    """Return argmin_z 1/2 |z - x|^2 + weight max |z|, over all elements of x together.

    By Moreau's decomposition, the minimum is x minus its projection onto the L1 ball of radius `weight`. This is x
    clipped to [-t, t]; t is such that clipping removes `weight` in total. If sum |x| is at most `weight`, the minimum
    is 0. t is found by sorting. x and weight are as for `elastic_net_prox`.
    """
    x, weight = native_array("x", x, WIDE_FLOATS), _WEIGHT.check(weight)
    level = _clipping_level(x, weight)
    if np.isnan(level):
        return np.full_like(x, np.nan)
    return np.asarray(np.clip(x, -x.dtype.type(level), x.dtype.type(level)))


def l1_ball_projection(x: Any, radius: float) -> np.ndarray:
    """Return the nearest point z to x, over all elements together, with sum |z| at most `radius`.

    It is x inside the ball, else sign(x) max(|x| - t, 0) with the t for which sum |z| is the radius. t is found by
    sorting. An infinite element becomes NaN. x is as for `elastic_net_prox`; the radius is at least 0.
    """
    x, radius = native_array("x", x, WIDE_FLOATS), _RADIUS.check(radius)
    wide = x.astype(np.float64, copy=False)
    level = _clipping_level(x, radius)
    with np.errstate(invalid="ignore"):  # infinity - infinity
        return np.asarray(np.copysign(np.maximum(np.abs(wide) - level, 0), wide)).astype(x.dtype)


def _clipping_level(x: np.ndarray, removed: float) -> float:
    """Return the t >= 0 for which sum max(|x| - t, 0) is `removed`; 0 if sum |x| is not above that, NaN for a NaN."""
    sizes = np.sort(np.abs(x.astype(np.float64, copy=False)).reshape(-1))[::-1]
    if not sizes.size or not 0 < sizes[0] < np.inf:  # NaN sorts as the largest
        return float(sizes.max(initial=0))
    unit = sizes[0]
    with np.errstate(over="ignore"):
        shares, radius = sizes / unit, removed / unit
        sums = np.cumsum(shares)
    if sums[-1] <= radius:
        return 0.0
    levels = (sums - radius) / np.arange(1, sizes.size + 1)  # t, if the first 1, 2, ... elements were clipped
    above = np.flatnonzero(shares > levels)
    return levels[above[-1]] * unit if above.size else unit  # no element is above if rounding loses the weight


def _times(strength: float, total: Any) -> float:
    """Return the product, which is 0 for a strength of 0 even if the total is beyond the range."""
    return strength * float(total) if strength else 0.0


def _norms_in_units(x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return norms along an axis divided by units, and the units: the largest elements, so that no square overflows."""
    largest = np.abs(x).max(axis=axis, keepdims=True, initial=0)
    unit = np.where((largest > 0) & (largest < np.inf), largest, 1)
    with np.errstate(over="ignore"):
        return np.sqrt(np.square(x / unit).sum(axis=axis, keepdims=True)), unit


def _check(penalty: Any, *args: Arg) -> None:
    """Check the fields of a frozen record, and convert each to its declared type."""
    for arg in args:
        object.__setattr__(penalty, arg.name, arg.check(getattr(penalty, arg.name)))


def _scale_into(sizes: np.ndarray, bound: float) -> float:
    """Return the largest s in [0, 1] for which s * sizes is at most `bound`, even after rounding."""
    largest = float(sizes.max(initial=0))
    if largest <= bound:
        return 1.0
    scale = bound / largest
    while scale > 0 and scale * largest > bound:
        scale = math.nextafter(scale, 0)
    return scale
