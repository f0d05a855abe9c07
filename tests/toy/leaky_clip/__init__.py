"""A leaky clip: what lies within a limit stays, what lies beyond grows more slowly."""

from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, native_array
from workbench.operator import Arg, Gradient, Operator, register_cpu_operator

from . import examples

ENGINES = {"numba": f"{__name__}.kernels", "reference": f"{__name__}.reference"}

LIMIT = Arg("limit", float, 1.0, "how far values go unchanged", low=0.0, slider=(0.01, 10.0), scale="log")
SLOPE = Arg("slope", float, 0.1, "how fast they grow beyond", low=0.0, high=1.0, slider=(0.0, 1.0), step=0.01)


def _prepare(inputs: tuple, values: dict) -> tuple:
    return native_array("x", inputs[0], WIDE_FLOATS), values["limit"], values["slope"]


def _prepare_gradient(inputs: tuple, values: dict) -> tuple:
    dy, x = (native_array(name, array, WIDE_FLOATS) for name, array in zip(("dy", "x"), inputs, strict=True))
    if (dy.shape, dy.dtype) != (x.shape, x.dtype):
        raise ValueError(f"dy is {dy.dtype} {dy.shape} and x is {x.dtype} {x.shape}: must be alike")
    return dy, x, values["limit"], values["slope"]


LEAKY_CLIP = register_cpu_operator(
    Operator(
        name="LeakyClip",
        meaning="Keep what lies within a limit, and let the rest grow more slowly.",
        inputs=("x",),
        outputs=("y",),
        args=(LIMIT, SLOPE),
        function="leaky_clip",
        engines=ENGINES,
        prepare=_prepare,
        gradient="LeakyClipGradient",
        cost=f"{__name__}.cost",
        exact=True,
        examples=examples.forward,
        timed=examples.timed_forward,
        blockwise="elementwise",
    )
)

LEAKY_CLIP_GRADIENT = register_cpu_operator(
    Operator(
        name="LeakyClipGradient",
        meaning="Carry a gradient back through LeakyClip.",
        inputs=("dy", "x"),
        outputs=("dx",),
        args=(LIMIT, SLOPE),
        function="leaky_clip_gradient",
        engines=ENGINES,
        prepare=_prepare_gradient,
        gradient=Gradient.NO_GRADIENT,
        cost=f"{__name__}.cost",
        exact=True,
        examples=examples.gradient,
        timed=examples.timed_gradient,
        blockwise="elementwise",
    )
)


def leaky_clip(x: Any, limit: float = 1.0, slope: float = 0.1, *, engine: str = "numba") -> np.ndarray:
    """Return x where |x| <= limit, and beyond it sign(x) * (limit + slope * (|x| - limit)).

    Args:
        x: finite numbers, float32 or float64, any shape.
        limit: at least 0.
        slope: from 0, a clip, to 1, which changes nothing.
        engine: "numba" or "reference"; both return the same bits.

    Returns:
        A new array of x's shape and type.

    Raises:
        TypeError: x is no array of float32 or float64, or an argument is of another type.
        ValueError: an argument is out of its range.
    """
    return LEAKY_CLIP.run(x, limit=limit, slope=slope, engine=engine)


def leaky_clip_gradient(
    dy: Any, x: Any, limit: float = 1.0, slope: float = 0.1, *, engine: str = "numba"
) -> np.ndarray:
    """Carry the gradient dy of a loss in y = leaky_clip(x) back to x: dy where |x| < limit, else slope * dy.

    Arguments and errors as for `leaky_clip`; ValueError too where dy and x differ in shape or type.
    """
    return LEAKY_CLIP_GRADIENT.run(dy, x, limit=limit, slope=slope, engine=engine)
