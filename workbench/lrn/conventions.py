"""Translate the arguments of local response normalization from other frameworks.

The frameworks differ in what alpha multiplies, on which side an even window has its extra neighbour, how the bias is
called, and whether it is used at all. Each function here takes the arguments of one framework, with its names and
defaults, and returns the `Window` that describes the computation:

    window = conventions.pytorch(size=4, alpha=1e-4, beta=0.75, k=2.0)
    y = conventions.local_response_norm(x, window)

The public functions can compute a symmetric window too: `arguments(window)` returns the arguments to give them.
"""

import numpy as np

from workbench.lrn import ARGS, LRN, LRN_GRADIENT, LRN_SCALE, prepare_with_window
from workbench.lrn.window import Window, own_window
from workbench.operator import Arg, Operator, checked_choice

_ALPHA, _BETA = (next(arg for arg in ARGS if arg.name == name) for name in ("alpha", "beta"))


def caffe2(size: int, alpha: float, beta: float, bias: float = 1.0) -> Window:
    """Translate the arguments of Caffe2's LRN: alpha is divided by size, which must be odd."""
    return _own("size", size, alpha, beta, _offset("bias", bias))


def caffe(
    local_size: int = 5, alpha: float = 1.0, beta: float = 0.75, k: float = 1.0, norm_region: str = "ACROSS_CHANNELS"
) -> Window:
    """Translate the arguments of Caffe's LRN layer: alpha is divided by local_size, for WITHIN_CHANNEL by its square.

    For WITHIN_CHANNEL, Caffe ignores k and adds 1, so any other k raises ValueError. `region="within"` takes any bias.
    """
    regions = {"ACROSS_CHANNELS": "across", "WITHIN_CHANNEL": "within"}
    region = regions[checked_choice("norm_region", norm_region, regions)]
    if region == "within" and k != 1:
        raise ValueError(
            f"k={k!r}: must be 1 for WITHIN_CHANNEL, where Caffe ignores it; for another offset use "
            f"local_response_norm(x, {local_size}, region='within', bias={k!r})"
        )
    return _own("local_size", local_size, alpha, beta, _offset("k", k), region)


def onnx(size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Window:
    """Translate ONNX's arguments: alpha is divided by size; an even window has one neighbour more on the high side."""
    size = _whole("size", size, 1)
    return _window((size - 1) // 2, size // 2, alpha, size, beta, _offset("bias", bias))


def pytorch(size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Window:
    """Translate the arguments of torch.nn.functional.local_response_norm: alpha is divided by size.

    An even window has one neighbour more on the low side.
    """
    size = _whole("size", size, 1)
    return _window(size // 2, (size - 1) // 2, alpha, size, beta, _offset("k", k))


def tensorflow(depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5) -> Window:
    """Translate the arguments of tf.nn.local_response_normalization: a radius, and an alpha that is not divided.

    TensorFlow's arrays are NHWC: pass order="NHWC" to the functions below.
    """
    radius = _whole("depth_radius", depth_radius, 0)
    return _window(radius, radius, alpha, 1, beta, _offset("bias", bias))


def alexnet(n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Window:
    """Translate the AlexNet paper's constants: a window of n channels, and an alpha that is not divided."""
    n = _whole("n", n, 1, step=2)
    return _window(n // 2, n // 2, alpha, 1, beta, _offset("k", k))


def arguments(window: Window) -> dict[str, int | float | str]:
    """Return equal arguments of `workbench.local_response_norm`; raise ValueError if the window is not symmetric."""
    if window.before != window.after:
        raise ValueError(
            f"the window reaches {window.before} before and {window.after} after: local_response_norm needs one that "
            "reaches as far before as after; use conventions.local_response_norm(x, window)"
        )
    size = window.before + window.after + 1
    divisor = size**2 if window.region == "within" else size
    return {
        "size": size,
        "alpha": window.alpha * (divisor / window.divisor),
        "beta": window.beta,
        "bias": window.bias,
        "region": window.region,
    }


def local_response_norm(x: np.ndarray, window: Window, *, order: str = "NCHW", engine: str = "numba") -> np.ndarray:
    """Normalize x with a window; arrays, order, engine and errors are those of `workbench.local_response_norm`."""
    return _run(LRN, (x,), window, order, engine)


def local_response_norm_scale(
    x: np.ndarray, window: Window, *, order: str = "NCHW", engine: str = "numba"
) -> np.ndarray:
    """Return the scale, the base of the power, for a window."""
    return _run(LRN_SCALE, (x,), window, order, engine)


def local_response_norm_gradient(
    dy: np.ndarray, x: np.ndarray, window: Window, *, order: str = "NCHW", engine: str = "numba"
) -> np.ndarray:
    """Return the gradient with respect to x from dy, the gradient for `local_response_norm(x, window)`."""
    return _run(LRN_GRADIENT, (dy, x), window, order, engine)


def _run(operator: Operator, inputs: tuple, window: Window, order: str, engine: str) -> np.ndarray:
    order = operator.arg("order").check(order)
    return operator.implementation(engine)(*prepare_with_window(inputs, window, order))


def _window(before: int, after: int, alpha: float, divisor: float, beta: float, bias: float) -> Window:
    return Window(before, after, _ALPHA.check(alpha), divisor, _BETA.check(beta), bias)


def _own(name: str, size: int, alpha: float, beta: float, bias: float, region: str = "across") -> Window:
    return own_window(_whole(name, size, 1, step=2), _ALPHA.check(alpha), _BETA.check(beta), bias, region)


def _whole(name: str, value: int, low: int, step: int | None = None) -> int:
    return Arg(name, int, 5, "", low=low, step=step).check(value)


def _offset(name: str, value: float) -> float:
    return Arg(name, float, 1.0, "", low=0.0).check(value)
