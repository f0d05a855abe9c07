"""Plot a leaky clip."""

from typing import Any

import numpy as np

from workbench import drawing

from . import leaky_clip


@drawing.plot()
def curve(limit: float = 1.0, slope: float = 0.1, *, ax: Any = None) -> None:
    """Draw y = leaky_clip(x) for x from -5 to 5."""
    x = np.linspace(-5, 5, 201)
    drawing.line(ax, "clipped", x, leaky_clip(x, limit, slope))
    ax.set(xlabel="x", ylabel="y", title=f"Beyond {limit:g} it grows {slope:g} as fast")
