"""Feature dropout, also called spatial dropout: a channel of an example is dropped as a whole.

    r_nc     = word n * C + c of the seed's stream / 2^32
    y_nc...  = r_nc < ratio ? 0 : s x_nc...        s = 1 / (1 - ratio)
    dx_nc... = r_nc < ratio ? 0 : s dy_nc...

Neighbours in a feature map are alike, so that a pixel dropped alone is told by the ones around it.

Source: Tompson, Goroshin, Jain, LeCun and Bregler, Efficient Object Localization Using Convolutional Networks, 2015.
"""

from typing import Any

import numpy as np

from workbench.baselines._checks import checked_dropped, checked_floats, checked_ratio
from workbench.baselines._mask import drawn, scale_of, selected
from workbench.sparse_dropout import SEED

_AXES = "(N, C, ...)"


def feature_dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Drop each channel of each example with chance `ratio` and scale the others by 1 / (1 - ratio).

    Args:
        x: shape (N, C, ...), float16, float32 or float64.
        ratio, seed, training: as for `dropout`.

    Returns:
        y, new, of x's shape and type, and `dropped`, bool, of shape (N, C, 1, ...), which broadcasts to x.
    """
    x = checked_floats("x", x, _AXES)
    ratio = checked_ratio(ratio, training)
    dropped = drawn(_shape_of_mask(x), ratio, SEED.check(seed))
    return selected(x, dropped, scale_of(ratio)), dropped


def feature_dropout_gradient(dy: Any, dropped: Any, ratio: float, *, training: bool = True) -> np.ndarray:
    """Carry the gradient dy of a loss in y = feature_dropout(x) back to x; as `dropout_gradient`."""
    dy = checked_floats("dy", dy, _AXES)
    dropped = checked_dropped(dropped, _shape_of_mask(dy))
    return selected(dy, dropped, scale_of(checked_ratio(ratio, training)))


def _shape_of_mask(x: np.ndarray) -> tuple[int, ...]:
    return x.shape[:2] + (1,) * (x.ndim - 2)
