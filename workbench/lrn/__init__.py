"""Declare local response normalization: y_i = x_i / (bias + alpha/n * sum of x_j^2 over i's window)^beta.

At the ends of the range of numbers, both engines promise the following:

- Finite input with alpha >= 0 and bias > 0 never gives NaN. A result is infinite only if the true value is beyond the
  type's range, and 0 only if it is below half of the smallest number.
- The error is at most a fraction of the true value: 8e-3 in bfloat16, 1e-3 in float16, 2e-6 in float32 and 4e-12 in
  float64, each times beta if beta is above 1; and beside it at most the smallest number of the type, which counts below
  the normal numbers.
  The error of the gradient is the same fraction of the sum of the absolute values that its formula adds up.
- This holds for every finite input and argument, also where squares, powers or products are beyond the type's range.
- With alpha < 0, a base that is a small part of the bias is a difference that has lost digits. There, the fraction is
  larger by 2e-15 * bias / base.
- NaN makes NaN of every element whose window holds it; in the gradient, of every element in a window that holds it.
  With alpha = 0, where other elements do not count, it may make NaN of fewer.
- An element depends on its window alone: an odd value elsewhere does not change a bit of it. With the channels last,
  the elements of the pixels around may change within the error above.
- A base that is zero or negative (alpha < 0 or bias = 0 alone can cause it) is refused: ValueError.

Elements whose squares or powers are beyond plain arithmetic take some twenty times as long as others, and some rows of
memory. Only blocks that hold such elements are computed again.
"""

import dataclasses
from typing import Any

import numpy as np

from workbench.arrays import FLOATS, checked_array
from workbench.lrn import examples
from workbench.lrn.window import Window, own_window
from workbench.operator import Arg, Gradient, Operator, register_cpu_operator

# Whether the channel axis is the last. NCHW and NHWC take every rank from 2 up; the others take the rank they spell.
CHANNELS_LAST = {
    "NCHW": False,
    "NHWC": True,
    "NC": False,
    "NCW": False,
    "NWC": True,
    "NCDHW": False,
    "NDHWC": True,
}

_WORDS = "float16, bfloat16, float32 or float64"
TYPES = dataclasses.replace(FLOATS, words=_WORDS, elements=_WORDS, bfloat16=True)

ARGS = (
    Arg("size", int, 5, "channels (or rows and columns) in the window", low=1, step=2, slider=(1, 31)),
    Arg("alpha", float, 1e-4, "strength: below 0 it excites instead of inhibiting", slider=(1e-5, 10.0), scale="log"),
    Arg("beta", float, 0.75, "exponent of the normalization", low=0.0, slider=(0.0, 2.0), step=0.05),
    Arg(
        "bias",
        float,
        1.0,
        "what the sum is added to; keeps small responses unchanged",
        low=0.0,
        slider=(0.1, 10.0),
        scale="log",
    ),
    Arg("order", str, "NCHW", "where the channel axis is", choices=tuple(CHANNELS_LAST)),
    Arg("region", str, "across", "neighbours across the channels, or within one channel", choices=("across", "within")),
)


def _checked_array(name: str, x: np.ndarray, order: str, region: str) -> np.ndarray:
    x = checked_array(name, x, TYPES)
    check_rank(name, x.shape, order, region)
    return x


def check_rank(name: str, shape: tuple[int, ...], order: str, region: str) -> None:
    """Raise ValueError unless the number of axes of `shape` fits the order and the region."""
    if region == "within" and len(shape) != 4:
        problem = "region='within' takes 4: batch, channels, height and width"
    elif len(shape) < 2:
        problem = "it must have at least 2, a batch and a channel axis"
    elif order not in ("NCHW", "NHWC") and len(shape) != len(order):
        problem = f"order={order!r} takes {len(order)}; NCHW and NHWC take any"
    else:
        return
    raise ValueError(f"{name} has {len(shape)} axes {shape}: {problem}")


def _prepare(inputs: tuple, values: dict) -> tuple:
    window = own_window(values["size"], values["alpha"], values["beta"], values["bias"], values["region"])
    return prepare_with_window(inputs, window, values["order"])


def prepare_with_window(inputs: tuple, window: Window, order: str) -> tuple:
    """Check the arrays (dy and x, or x alone); return the positional arguments of an engine's function."""
    x = _checked_array("x", inputs[-1], order, window.region)
    if len(inputs) == 1:
        return x, window, CHANNELS_LAST[order]
    dy = _checked_array("dy", inputs[0], order, window.region)
    if dy.shape != x.shape:
        raise ValueError(f"dy has shape {dy.shape} and x has shape {x.shape}: must be equal")
    if dy.dtype != x.dtype and dy.dtype.newbyteorder("=") != x.dtype.newbyteorder("="):
        raise TypeError(f"dy has dtype {dy.dtype} and x has dtype {x.dtype}: must be equal")
    return dy, x, window, CHANNELS_LAST[order]


LRN = register_cpu_operator(
    Operator(
        name="LRN",
        meaning="Divide each response by a power of the energy of its neighbours.",
        inputs=("x",),
        outputs=("y",),
        args=ARGS,
        function="local_response_norm",
        engines={"numba": "workbench.lrn.kernels", "reference": "workbench.lrn.reference"},
        prepare=_prepare,
        gradient="LRNGradient",
        cost="workbench.lrn.cost",
        types=TYPES,
        examples=examples.forward,
        timed=examples.timed_forward,
    )
)

LRN_GRADIENT = register_cpu_operator(
    dataclasses.replace(
        LRN,
        name="LRNGradient",
        meaning="Carry a gradient back through LRN.",
        inputs=("dy", "x"),
        outputs=("dx",),
        function="local_response_norm_gradient",
        gradient=Gradient.NO_GRADIENT,
        examples=examples.gradient,
        timed=examples.timed_gradient,
    )
)

# Caffe2's LRN can return the scale as a second output; here a separate function returns it.
LRN_SCALE = dataclasses.replace(LRN, outputs=("scale",), function="local_response_norm_scale")


def local_response_norm(
    x: Any,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 1.0,
    *,
    order: str = "NCHW",
    region: str = "across",
    engine: str = "numba",
) -> np.ndarray:
    """Normalize each response by the energy of its neighbours.

    y_i = x_i / scale_i^beta,  scale_i = bias + alpha/n * sum of x_j^2 over the window around i

    The window holds `size` channels (n = size), or with region="within" a square of size x size pixels of the same
    channel (n = size^2). At the borders the window is clipped, and n does not change.

    Args:
        x: responses, float32, float64, or float16 or bfloat16 of ml_dtypes (computed in float32 and rounded once), of
            rank 2 or more; rank 4 for "within".
        size: odd, at least 1; may exceed the number of channels.
        alpha: any finite number. A positive alpha inhibits, a negative one excites.
        beta: at least 0.
        bias: at least 0.
        order: position of the channel axis: axis 1 (NCHW, NC, NCW, NCDHW) or the last (NHWC, NWC, NDHWC). NCHW and
            NHWC take any rank.
        region: "across" channels or "within" a channel.
        engine: "numba" or "reference".

    Returns:
        y, a new array of x's shape and type, whose axes lie in memory in the order of x's. Finite x with alpha >= 0 and
        bias > 0 never gives NaN.

    Raises:
        TypeError: x has another element type or is masked, or an argument has the wrong type.
        ValueError: an argument is out of its range, the number of axes of x does not fit `order` or `region`, or the
            base scale_i is not positive somewhere; the message then gives the count and a value that works.

    Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012;
    conventions as in Caffe2's LRN. For other frameworks' arguments see `workbench.lrn.conventions`.
    """
    return LRN.run(x, size=size, alpha=alpha, beta=beta, bias=bias, order=order, region=region, engine=engine)


def local_response_norm_scale(
    x: Any,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 1.0,
    *,
    order: str = "NCHW",
    region: str = "across",
    engine: str = "numba",
) -> np.ndarray:
    """Return scale_i = bias + alpha/n * sum of x_j^2 over the window around i.

    Arguments, shapes, types and errors are those of `local_response_norm`; `beta` is checked and has no effect. The
    result is infinite where the true value is beyond the type's range.
    """
    return LRN_SCALE.run(x, size=size, alpha=alpha, beta=beta, bias=bias, order=order, region=region, engine=engine)


def local_response_norm_gradient(
    dy: Any,
    x: Any,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 1.0,
    *,
    order: str = "NCHW",
    region: str = "across",
    engine: str = "numba",
) -> np.ndarray:
    """Return dx, the gradient of a loss with respect to x, from dy, the gradient with respect to y.

    dx_i = dy_i * scale_i^-beta - 2 * alpha/n * beta * x_i * sum of dy_j * x_j * scale_j^(-beta - 1) over j

    where y = local_response_norm(x) and j runs over the elements whose window holds i. Arguments, types and errors are
    those of `local_response_norm`. dy must have x's shape and type, and dx has them too.
    """
    return LRN_GRADIENT.run(
        dy, x, size=size, alpha=alpha, beta=beta, bias=bias, order=order, region=region, engine=engine
    )
