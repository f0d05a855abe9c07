"""Local response normalization: y_i = x_i / (bias + alpha/n * sum of x_j^2 over i's window)^beta."""

import dataclasses
import functools

import numpy as np

from workbench.arrays import FLOATS, checked_array
from workbench.lrn import examples
from workbench.lrn.window import Window
from workbench.operator import Arg, Gradient, Operator, register_cpu_operator

# Where the channels are. NCHW and NHWC serve every rank from 2 up; the others fit the rank they spell.
CHANNELS_LAST = {
    "NCHW": False,
    "NHWC": True,
    "NC": False,
    "NCW": False,
    "NWC": True,
    "NCDHW": False,
    "NDHWC": True,
}

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
    x = checked_array(name, x, FLOATS)
    if region == "within" and x.ndim != 4:
        raise ValueError(
            f"{name} has {x.ndim} axes {x.shape}: region='within' takes 4, batch, channels, height and width"
        )
    if x.ndim < 2:
        raise ValueError(f"{name} has {x.ndim} axes {x.shape}: must have at least 2, a batch and a channel axis")
    if order not in ("NCHW", "NHWC") and x.ndim != len(order):
        raise ValueError(
            f"{name} has {x.ndim} axes {x.shape}: order={order!r} takes {len(order)}; NCHW and NHWC take any"
        )
    return x


@functools.lru_cache(maxsize=256)
def _window(size: int, alpha: float, beta: float, bias: float, order: str, region: str) -> Window:
    neighbours = size**2 if region == "within" else size
    return Window(size // 2, size // 2, alpha, neighbours, beta, bias, region)


def _prepare(inputs: tuple, values: dict) -> tuple:
    return prepare_with_window(inputs, _window(**values), values["order"])


def prepare_with_window(inputs: tuple, window: Window, order: str) -> tuple:
    """Check the arrays (dy and x, or x) against each other and the order; return what an engine's function takes."""
    *dy, x = inputs
    x = _checked_array("x", x, order, window.region)
    if not dy:
        return x, window, CHANNELS_LAST[order]
    arrays = (_checked_array("dy", dy[0], order, window.region), x)
    if arrays[0].shape != x.shape:
        raise ValueError(f"dy has shape {arrays[0].shape} and x has shape {arrays[1].shape}: must be equal")
    if arrays[0].dtype.newbyteorder("=") != x.dtype.newbyteorder("="):
        raise TypeError(f"dy has dtype {arrays[0].dtype} and x has dtype {arrays[1].dtype}: must be equal")
    return (*arrays, window, CHANNELS_LAST[order])


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
        types=FLOATS,
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

# Caffe2's LRN can return this as a second output; here it is a function of its own.
LRN_SCALE = dataclasses.replace(LRN, outputs=("scale",), function="local_response_norm_scale")


def local_response_norm(
    x: np.ndarray,
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
    channel (n = size^2). At the borders it is clipped, and n stays what it is.

    Args:
        x: responses, float16 (computed in float32), float32 or float64, of rank 2 or more; rank 4 for "within".
        size: odd, at least 1; may exceed the number of channels.
        alpha: any finite number. Above 0 inhibits, below 0 excites.
        beta: at least 0.
        bias: at least 0.
        order: where the channels are: axis 1 (NCHW, NC, NCW, NCDHW) or the last (NHWC, NWC, NDHWC). NCHW and NHWC
            take any rank.
        region: "across" channels or "within" a channel.
        engine: "numba" or "reference".

    Returns:
        y, a new array of x's shape and type. Finite x with alpha >= 0 and bias > 0 never gives NaN.

    Raises:
        TypeError, ValueError: an argument is not what is said above, or the base scale_i is not positive somewhere.

    Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012;
    conventions as in Caffe2's LRN. For other frameworks' arguments see `workbench.lrn.conventions`.
    """
    return LRN.run(x, size=size, alpha=alpha, beta=beta, bias=bias, order=order, region=region, engine=engine)


def local_response_norm_scale(
    x: np.ndarray,
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

    Arguments, shapes, types and errors as for `local_response_norm`; `beta` is checked and has no effect. Infinite
    where the true value is beyond the type's range.
    """
    return LRN_SCALE.run(x, size=size, alpha=alpha, beta=beta, bias=bias, order=order, region=region, engine=engine)


def local_response_norm_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    size: int = 5,
    alpha: float = 1e-4,
    beta: float = 0.75,
    bias: float = 1.0,
    *,
    order: str = "NCHW",
    region: str = "across",
    engine: str = "numba",
) -> np.ndarray:
    """Carry the gradient dy of a loss in y = local_response_norm(x) back to x.

    dx_i = dy_i * scale_i^-beta - 2 * alpha/n * beta * x_i * sum of dy_j * x_j * scale_j^(-beta - 1) over j

    where j runs over the elements whose window holds i. Arguments, types and errors as for `local_response_norm`;
    dy has x's shape and type, and so has dx.
    """
    return LRN_GRADIENT.run(
        dy, x, size=size, alpha=alpha, beta=beta, bias=bias, order=order, region=region, engine=engine
    )
