"""Standard dropout in its inverted form: what is kept is scaled up in training, so that evaluation does nothing.

    r_i  = word i of the seed's stream / 2^32
    y_i  = r_i < ratio ? 0 : s x_i         s = 1 / (1 - ratio)
    dx_i = r_i < ratio ? 0 : s dy_i

E y_i = x_i and Var y_i = x_i^2 ratio / (1 - ratio).

Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, Dropout: A Simple Way to Prevent Neural Networks
from Overfitting, 2014.
"""

from typing import Any

import numpy as np

from workbench.baselines._checks import checked_dropped, checked_floats, checked_ratio
from workbench.baselines._mask import drawn, scale_of, selected
from workbench.sparse_dropout import SEED


def dropout(x: Any, ratio: float = 0.5, *, seed: int, training: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Drop each element with chance `ratio` and scale the others by 1 / (1 - ratio).

    Args:
        x: float16, float32 or float64, any shape.
        ratio: from 0, which returns x as it is, to 1, which returns zeros.
        seed: a whole number below 2^64; the mask is that of `workbench.dropout_with_replacement` at the same seed.
        training: False returns x as it is, a copy.

    Returns:
        y, new, of x's shape and type, and `dropped`, bool, of x's shape. A dropped infinity or NaN is gone.
    """
    x = checked_floats("x", x)
    ratio = checked_ratio(ratio, training)
    dropped = drawn(x.shape, ratio, SEED.check(seed))
    return selected(x, dropped, scale_of(ratio)), dropped


def dropout_gradient(dy: Any, dropped: Any, ratio: float, *, training: bool = True) -> np.ndarray:
    """Carry the gradient dy of a loss in y = dropout(x) back to x.

    Args:
        dy: of y's shape.
        dropped: as the forward pass returned it.
        ratio, training: as in the forward pass.

    Returns:
        dx, of dy's shape and type.
    """
    dy = checked_floats("dy", dy)
    dropped = checked_dropped(dropped, dy.shape)
    return selected(dy, dropped, scale_of(checked_ratio(ratio, training)))
