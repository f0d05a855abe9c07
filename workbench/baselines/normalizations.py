"""Normalizations of activations and of weights, each with its gradient. LRN is compared with them.

Those of activations differ in what forms a group of elements; pixelwise normalization also takes the mean to be 0:

    s  = (x - mean) / sqrt(variance + eps)                      y = gamma s + beta
    dx = (ds - mean(ds) - s mean(ds s)) / sqrt(variance + eps)  ds = gamma dy

| kind | a group is |
|---|---|
| batch | a channel, over the batch and the pixels |
| layer | all elements of an example |
| group | some neighbouring channels of an example, over the pixels |
| instance | a channel of an example, over the pixels |
| pixel | the channels of a pixel: each is divided by their root mean square |

The variance is the mean square distance from the mean. An infinity or NaN makes NaN of its group.

Sources: Ioffe and Szegedy, Batch Normalization, 2015; Ba, Kiros and Hinton, Layer Normalization, 2016; Wu and He, Group
Normalization, 2018; Ulyanov, Vedaldi and Lempitsky, Instance Normalization, 2016; Karras, Aila, Laine and Lehtinen,
Progressive Growing of GANs, 2018 (pixelwise); Salimans and Kingma, Weight Normalization, 2016.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from workbench.baselines import _common as common
from workbench.operator import REQUIRED, Arg, checked_choice

KINDS = ("batch", "layer", "group", "instance", "pixel")
GROUPS = Arg("groups", int, REQUIRED, "number of groups of channels", low=1)
EPS = Arg("eps", float, 1e-5, "added to the variance; keeps its root away from 0", low=1e-30, high=1e30)

Shape = tuple[int, ...]
_quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")

# -- one network -------------------------------------------------------------------------------------------------------


@_quiet
def normalize(
    x: Any, kind: str, gamma: Any = None, beta: Any = None, *, groups: int = 1, eps: float = 1e-5
) -> np.ndarray:
    """Standardize each group of elements, then scale and shift each channel; y is new, of x's shape and type.

    Args:
        x: shape (batch, channels, ...), float16 (computed in float32), float32 or float64.
        kind: "batch", "layer", "group", "instance" or "pixel".
        gamma, beta: shape (channels,), for "layer" x.shape[1:], of x's type; None is 1 and 0.
        groups: number of groups of channels for "group"; must divide the number of channels.
        eps: added to the variance, from 1e-30 to 1e30.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument is out of its range, shapes do not fit, a group has one element, or squares of finite
            elements overflow.
    """
    x, gamma, s, _, parts = _standardized(x, kind, gamma, groups, eps)
    beta = _checked("beta", np.zeros(gamma.shape, x.dtype) if beta is None else beta, x, gamma.shape)
    return common.rounded(scale_and_shift(s, gamma, beta, parts).reshape(x.shape), x.dtype)


@_quiet
def normalize_gradient(
    dy: Any, x: Any, kind: str, gamma: Any = None, *, groups: int = 1, eps: float = 1e-5
) -> tuple[np.ndarray, ...]:
    """Return dx, dgamma and dbeta, given dy, the gradient of a loss in y = normalize(x, ...); arguments as there."""
    x, gamma, s, inverse, parts = _standardized(x, kind, gamma, groups, eps)
    found = scale_and_shift_gradient(_checked("dy", dy, x, x.shape), s, inverse, gamma, parts)
    return tuple(common.rounded(each, x.dtype) for each in found)


@_quiet
def weight_norm(v: Any, g: Any) -> np.ndarray:
    """Return w = g v / |v|, where |v| is the length of a unit's weights; v is (units, features, ...), g (units,).

    Types and errors are as for `normalize`; a length of 0 raises ValueError too.
    """
    v, *wide = _checked_weights(v, g)
    return common.rounded(scale_rows(*wide), v.dtype)


@_quiet
def weight_norm_gradient(dw: Any, v: Any, g: Any) -> tuple[np.ndarray, ...]:
    """Return dv and dg, given dw, the gradient of a loss in w = weight_norm(v, g)."""
    v, *wide = _checked_weights(v, g)
    return tuple(common.rounded(each, v.dtype) for each in scale_rows_gradient(_checked("dw", dw, v, v.shape), *wide))


def _standardized(x: Any, kind: str, gamma: Any, groups: int, eps: float) -> tuple:
    """Return the checked x, gamma in the type to compute with, s, 1 / root and the groups."""
    x = common.checked_floats("x", x, "(batch, channels, ...)")
    parts = divided(checked_choice("kind", kind, KINDS), (1, *x.shape), GROUPS.check(groups))
    check_size(parts, x.shape)
    shape = x.shape[1:] if kind == "layer" else x.shape[1:2]
    gamma = _checked("gamma", np.ones(shape, x.dtype) if gamma is None else gamma, x, shape)
    s, inverse, _, variance = standardize(_checked("x", x, x, x.shape), parts, EPS.check(eps))
    if not np.isfinite(variance).all() and np.isfinite(x).all():
        raise ValueError(f"x has elements up to {np.abs(x).max()}, whose squares overflow; scale x")
    return x, gamma, s, inverse, parts


def _checked_weights(v: Any, g: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    v = common.checked_floats("v", v, "(units, features, ...)")
    wide = _checked("v", v, v, v.shape)
    check_lengths(wide, 1)
    return v, wide, _checked("g", g, v, v.shape[:1])


def _checked(name: str, array: Any, x: np.ndarray, shape: Shape) -> np.ndarray:
    """Return an array in the type to compute with; raise unless it has the type of x, and `shape`."""
    array = common.checked_floats(name, array)
    if array.dtype != x.dtype:
        raise TypeError(f"{name} has dtype {array.dtype}: must be {x.dtype}, as the other arguments; convert it")
    common.check_shape(name, array, shape, "the other arguments say")
    return array.astype(common.wide_type(x.dtype), copy=False)


# -- many networks: x is (worlds, batch, channels, ...); squares that overflow give NaN, with NumPy's warning ----------


class Groups(NamedTuple):
    """The groups of an array x: after x.reshape(view), the elements along `axes` form a group.

    gamma and beta are reshaped to `gamma`. If not `centred`, means are taken to be 0.
    """

    view: Shape
    axes: Shape
    gamma: Shape
    centred: bool = True


def divided(kind: str, shape: Shape, groups: int = 1) -> Groups:
    """Return the groups of x of this shape; raise ValueError without channels, or if `groups` does not divide them."""
    if len(shape) < 3 or not shape[2]:
        raise ValueError(f"x has shape {shape[1:]}: must have at least one channel, its second axis")
    worlds, batch, channels, pixels = *shape[:3], math.prod(shape[3:])
    if kind in ("batch", "pixel"):
        axes = (1, 3) if kind == "batch" else (2,)
        return Groups((worlds, batch, channels, pixels), axes, (worlds, 1, channels, 1), kind == "batch")
    if kind == "layer":
        return Groups((worlds, batch, channels * pixels), (2,), (worlds, 1, channels * pixels))
    groups = channels if kind == "instance" else groups
    if channels % groups:
        raise ValueError(f"groups={groups}: must divide the number of channels, {channels}")
    parts = groups, channels // groups
    axes = (3, 4) if parts[1] > pixels else (4, 3)  # the longer first
    return Groups((worlds, batch, *parts, pixels), axes, (worlds, 1, *parts, 1))


def check_size(parts: Groups, shape: Shape) -> None:
    """Raise ValueError if a group has no element, or a single one, which is its own mean; the message has `shape`."""
    size, least = math.prod(parts.view[axis] for axis in parts.axes), 2 if parts.centred else 1
    if size < least:
        hint = "give a larger batch, more pixels or fewer groups"
        raise ValueError(f"x has shape {shape} and groups of {size} element: must be at least {least}; {hint}")


def standardize(x: np.ndarray, parts: Groups, eps: float) -> tuple[np.ndarray, ...]:
    """Return s = (x - mean) / sqrt(variance + eps), viewed as groups, and of each group 1 / root, mean and variance."""
    x = x.reshape(parts.view)
    mean = _mean(parts.axes, x) if parts.centred else np.zeros((1,) * x.ndim, x.dtype)
    s = x - mean
    variance = _mean(parts.axes, s, s)
    inverse = inverse_root(variance, eps)
    s *= inverse
    return s, inverse, mean, variance


def inverse_root(variance: np.ndarray, eps: float) -> np.ndarray:
    """Return 1 / sqrt(variance + eps); NaN where the variance has overflowed, for 0 would hide that."""
    return np.where(np.isinf(variance), np.nan, 1 / np.sqrt(variance + eps)).astype(variance.dtype, copy=False)


def standardize_gradient(ds: np.ndarray, s: np.ndarray, inverse: np.ndarray, parts: Groups) -> np.ndarray:
    """Return dx = (ds - mean(ds) - s mean(ds s)) / root for s = standardize(x); no mean(ds) unless centred."""
    dx = s * _mean(parts.axes, ds, s)
    if parts.centred:
        dx += _mean(parts.axes, ds)
    np.subtract(ds, dx, out=dx)
    dx *= inverse
    return dx


def scale_and_shift(s: np.ndarray, gamma: np.ndarray, beta: np.ndarray, parts: Groups) -> np.ndarray:
    """Return y = gamma s + beta, viewed as groups."""
    y = s * gamma.reshape(parts.gamma)
    y += beta.reshape(parts.gamma)
    return y


def scale_and_shift_gradient(
    dy: np.ndarray, s: np.ndarray, inverse: np.ndarray, gamma: np.ndarray, parts: Groups, fixed: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return dx, dgamma and dbeta for y = gamma s + beta, s = standardize(x); `fixed`: mean and variance are given."""
    shape, dy = dy.shape, dy.reshape(parts.view)
    shared = tuple(axis for axis in range(1, dy.ndim) if parts.gamma[axis] == 1)
    ds = dy * gamma.reshape(parts.gamma)
    dx = ds * inverse if fixed else standardize_gradient(ds, s, inverse, parts)
    return dx.reshape(shape), _sum(shared, dy, s).reshape(gamma.shape), _sum(shared, dy).reshape(gamma.shape)


def scale_rows(v: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return g v / |v|; the first axes of v are those of g, and |v| is the length over the others."""
    norm = lengths(v, g.ndim)
    return v * (g.reshape(norm.shape) / norm)


def scale_rows_gradient(dw: np.ndarray, v: np.ndarray, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return dv = g / |v| (dw - dg v / |v|) and dg = dw . v / |v| for w = scale_rows(v, g)."""
    norm = lengths(v, g.ndim)
    units = v / norm
    dg = _sum(tuple(range(g.ndim, v.ndim)), dw, units)
    return (dw - dg * units) * (g.reshape(norm.shape) / norm), dg.reshape(g.shape)


def lengths(v: np.ndarray, axes: int) -> np.ndarray:
    """Return |v| over all but the first `axes`, which become 1 long; NaN where its square overflows."""
    squares = _sum(tuple(range(axes, v.ndim)), v, v)
    return np.where(np.isinf(squares), np.nan, np.sqrt(squares)).astype(v.dtype, copy=False)


def check_lengths(v: np.ndarray, axes: int) -> None:
    """Raise ValueError if some weights have the length 0, or finite weights one whose square overflows."""
    wrong = np.argwhere(~(lengths(v, axes) > 0))[:, :axes]
    if wrong.size and np.isfinite(v).all():
        raise ValueError(f"v{wrong[0].tolist()} has a length of 0, or one whose square overflows; draw or scale v anew")


def _mean(axes: Shape, *factors: np.ndarray) -> np.ndarray:
    return _sum(axes, *factors) / max(1, math.prod(factors[0].shape[axis] for axis in axes))


def _sum(axes: Shape, *factors: np.ndarray) -> np.ndarray:
    """Return the sum of the factors' product along `axes`, which keep the length 1.

    `einsum` sums along the first of them: it adds whole rows, and makes no array of the products.
    """
    every = list(range(factors[0].ndim))
    operands = [operand for factor in factors for operand in (factor, every)]
    rows = np.einsum(*operands, [axis for axis in every if axis != axes[0]])
    return np.expand_dims(rows, axes[0]).sum(axes[1:], keepdims=True)
