"""Pictures of the data."""

import numpy as np

from workbench import drawing


@drawing.plot(columns=2, size=(8.4, 2.9))
def photograph_and_filters(photograph: np.ndarray, filters: np.ndarray, *, ax: np.ndarray) -> None:
    """Draw a photograph (height, width) in grey beside the filters (count, side, side) that look at it, eight a row."""
    drawing.image(ax[0], "photograph", photograph, 0.0, 1.0, cmap="gray")
    ax[0].set_title("photograph")
    framed = np.pad(filters, [(0, 0), (1, 1), (1, 1)], constant_values=np.nan)
    columns = 8 if len(filters) % 8 == 0 else len(filters)
    rows = [np.hstack(framed[i : i + columns]) for i in range(0, len(filters), columns)]
    largest = float(np.abs(filters).max())
    drawing.image(ax[1], "filters", np.vstack(rows), -largest, largest, cmap="PuOr_r")
    ax[1].set_title(f"{len(filters)} filters, one a channel")
    for panel in ax:
        drawing.bare(panel)
