"""Plots of the data sets, and of the weights that a linear model learns from them."""

import numpy as np
from matplotlib.axes import Axes

from workbench import drawing
from workbench.data.real_data import DataSet
from workbench.solvers.paths import lambda_max
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

WEAK = 1e-3  # strength of the penalty whose weights give the scale
NAMED = 30  # with more features than this, the bars have no names


@drawing.plot(columns=2, size=(8.4, 2.9))
def photograph_and_filters(
    photograph: np.ndarray, filters: np.ndarray, title: str = "photograph", *, ax: np.ndarray
) -> None:
    """Draw a photograph (height, width) in grey beside the filters (count, side, side) applied to it, eight a row."""
    drawing.image(ax[0], "photograph", photograph, 0.0, 1.0, cmap="gray")
    ax[0].set_title(title)
    framed = np.pad(filters, [(0, 0), (1, 1), (1, 1)], constant_values=np.nan)
    columns = 8 if len(filters) % 8 == 0 else len(filters)
    rows = [np.hstack(framed[i : i + columns]) for i in range(0, len(filters), columns)]
    largest = float(np.abs(filters).max())
    drawing.image(ax[1], "filters", np.vstack(rows), -largest, largest, cmap="PuOr_r")
    ax[1].set_title(f"{len(filters)} filters, one per channel")
    for panel in ax:
        panel.set_axis_off()


@drawing.plot(size=(8.8, 4.6))
def solution(data: DataSet, p: float = 1.0, strength: float = 0.05, *, ax: Axes) -> None:
    """Draw the weights that coordinate descent finds for the penalty alpha |w|^p, from zero weights.

    `strength` is alpha as a share of the smallest alpha for which all weights of the Lasso are zero.
    """
    most = lambda_max(data.X, data.y, Lp(1.0), data.loss)
    alpha = strength * most
    found = solve(data.X, data.y, Lp(alpha, p), loss=data.loss, tolerance=1e-4, max_iterations=50)
    places = np.arange(len(found.weights))
    drawing.bars(ax, "weights", places, found.weights, "#0072B2", width=0.7)
    # The scale depends on the data alone, so that the bars are seen to shrink; a jump to p = 0 may go a little higher.
    largest = solve(data.X, data.y, Lp(WEAK * most), loss=data.loss, tolerance=1e-4, max_iterations=50)
    reach = max(1.4 * float(np.abs(largest.weights).max(initial=0)), 1.1 * float(np.abs(found.weights).max(initial=0)))
    ended = "" if found.converged else ", not converged"
    whose = f"{data.file}, " if data.file else ""
    ax.set(
        title=f"{whose}alpha = {alpha:.3g}: {found.nonzeros[-1]} of {len(places)} weights are not zero{ended}",
        xlabel="" if len(places) <= NAMED else "feature",
        ylabel="weight",
        ylim=(-(reach or 1.0), reach or 1.0),
    )
    if len(places) <= NAMED:
        ax.set_xticks(places, data.names, rotation=90, fontsize=8)
