"""DropConnect: a dense layer that drops its connections, whereas dropout drops its inputs.

    r_oi   = word o * in + i of the seed's stream / 2^32
    m_oi   = r_oi < ratio ? 0 : 1
    y_no   = s * sum over i of m_oi x_ni w_oi       s = 1 / (1 - ratio)
    dx_ni  = s * sum over o of m_oi dy_no w_oi
    dw_oi  = s * m_oi * sum over n of dy_no x_ni

The whole batch shares one mask. Kept connections are scaled up in training, so that evaluation is the plain layer.

Source: Wan, Zeiler, Zhang, LeCun and Fergus, Regularization of Neural Networks using DropConnect, 2013. The paper draws
a mask for each example and, instead of scaling in training, averages over masks in evaluation.
"""

from typing import Any

import numpy as np

from workbench.baselines import _common as common


def dropconnect(
    x: Any, weight: Any, ratio: float = 0.5, *, seed: int, training: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a dense layer in which each weight is dropped with probability `ratio`.

    Args:
        x: shape (N, in), float16, float32 or float64.
        weight: shape (out, in), of x's type.
        ratio: from 0 (the plain layer) to 1 (return zeros).
        seed, training: as for `dropout`.

    Returns:
        y, shape (N, out), of x's type, and `dropped`, bool, of the weight's shape. A dropped connection contributes
        nothing, even if its weight or its input is infinite or NaN.
    """
    x, weight = _checked_layer(x, weight)
    ratio = common.checked_ratio(ratio, training)
    dropped = common.drawn(weight.shape, ratio, seed)
    return _scaled_sums(x, weight, dropped, common.scale_of(ratio)), dropped


def dropconnect_gradient(
    dy: Any, x: Any, weight: Any, dropped: Any, ratio: float, *, training: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return dx and dweight, given dy, the gradient of a loss with respect to y = dropconnect(x, weight).

    dy has y's shape and type. The other arguments are those of the forward pass and the mask that it returned.
    """
    x, weight = _checked_layer(x, weight)
    dy = common.checked_floats("dy", dy)
    common.check_same_type(dy=dy, x=x)
    common.check_shape("dy", dy, (x.shape[0], weight.shape[0]), "(N, out) in x and weight")
    dropped = common.checked_mask(dropped, weight.shape)
    scale, wide = common.scale_of(common.checked_ratio(ratio, training)), common.wide_type(x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        dweight = common.selected(dy.astype(wide).T @ x.astype(wide), dropped, scale)
    return _scaled_sums(dy, weight.T, dropped.T, scale), common.rounded(dweight, x.dtype)


def _checked_layer(x: Any, weight: Any) -> tuple[np.ndarray, np.ndarray]:
    x, weight = common.checked_floats("x", x, "(N, in)"), common.checked_floats("weight", weight, "(out, in)")
    common.check_same_type(x=x, weight=weight)
    common.check_shape("weight", weight, (weight.shape[0], x.shape[1]), "(out, in) with x's last axis")
    return x, weight


def _scaled_sums(x: np.ndarray, weight: np.ndarray, dropped: np.ndarray, scale: float) -> np.ndarray:
    wide = common.wide_type(x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = common.connected(x.astype(wide), weight.astype(wide), dropped) * wide.type(scale)
    return common.rounded(sums, x.dtype)
