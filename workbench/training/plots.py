"""Plot training: arms compared over worlds, learning curves, grids of hyperparameters, layers, decision boundaries.

The functions take plain arrays; the worlds, where there are any, are the leading axis.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from contourpy import contour_generator  # comes with Matplotlib
from matplotlib.axes import Axes

from workbench import drawing
from workbench.operator import checked_choice
from workbench.training.statistics import LEVEL, Comparison, interval

COLOURS = {"holds": "#009E73", "fails": "#D55E00", "depends": "#E69F00", "open": "#BBBBBB"}
DARK, BEST = "#222222", "#D55E00"
TURNED = 6  # with more layers than this, their names are turned


@drawing.plot(size=(7.6, 3.4))
def differences(comparisons: Mapping[str, Comparison], *, ax: Axes) -> None:
    """Draw the paired gains of each arm over the control, and the verdict.

    A faint point is a world, the bar is the t-interval of the mean, and the line with ends the bootstrap interval. The
    grey band holds the gains that are too small to matter.

    Raises:
        ValueError: the comparisons do not have one margin.
    """
    margins = {each.margin for each in comparisons.values()}
    if len(margins) != 1:
        raise ValueError(f"comparisons have the margins {sorted(margins)}: must have one, the same for all")
    margin = abs(margins.pop())
    drawing.band(ax, "margin", -margin, margin, color="#767676", alpha=0.18, linewidth=0)
    drawing.vertical(ax, "no gain", 0.0, color=DARK, linewidth=1)
    for row, (name, each) in enumerate(comparisons.items()):
        heights = row + np.linspace(-0.28, 0.28, each.worlds)
        drawing.line(ax, f"{name} worlds", each.gains, heights, color="#0072B2", marker="o", linestyle="", alpha=0.3)
        for verdict, colour in COLOURS.items():
            ends = (each.low, each.high) if verdict == each.verdict else (math.nan, math.nan)
            drawing.line(ax, f"{name} {verdict}", ends, (row, row), color=colour, linewidth=8, solid_capstyle="butt")
        look = {"color": DARK, "marker": "|", "markersize": 9, "linewidth": 1}
        drawing.line(ax, f"{name} bootstrap", (each.bootstrap_low, each.bootstrap_high), (row, row), **look)
        drawing.line(ax, f"{name} mean", [each.mean], [row], color=DARK, marker="D", markersize=5, linestyle="")
        place = {"transform": ax.get_yaxis_transform(), "va": "center"}
        drawing.write(ax, f"{name} verdict", 1.02, row, each.verdict, **place)
    levels = sorted({f"{100 * each.level:.4g} %" for each in comparisons.values()})
    title = f"Bar: {levels[0]}{f' to {levels[-1]}' * (len(levels) > 1)} interval of the mean; points: worlds"
    drawing.label(ax, title, f"paired gain; in the grey band it does not matter (margin {margin:g})", "")
    ax.set_yticks(range(len(comparisons)), list(comparisons))
    ax.set_ylim(len(comparisons) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)


@drawing.plot(size=(7.2, 4.2))
def learning_curves(
    training: Mapping[str, np.ndarray],
    validation: Mapping[str, np.ndarray],
    *,
    epochs: Sequence[int] | None = None,
    middle: str = "median",
    measure: str = "loss",
    ax: Axes,
) -> None:
    """Draw curves by epoch, shape (epochs,) or (worlds, epochs), of named arms: training dashed, validation solid.

    `epochs` are the epochs after which the curves were measured, as `epochs` of a History; by default 1, 2, and so on.
    The line is the median, and the band holds the middle half of the worlds; with middle="mean", the line is the mean,
    and the band its 99 % interval. NaN or infinity means that a world has stopped: the epoch shows the other worlds.

    Raises:
        ValueError: `middle` is neither "median" nor "mean".
    """
    checked_choice("middle", middle, ("median", "mean"))
    names = list(dict.fromkeys([*training, *validation]))
    for part, dashes, curves in (("training", "--", training), ("validation", "-", validation)):
        for name, values in curves.items():
            look = {"color": f"C{names.index(name) % 7}", "linestyle": dashes}
            worlds = np.atleast_2d(np.asarray(values, float))
            places = np.arange(1, worlds.shape[1] + 1) if epochs is None else np.asarray(epochs)
            _draw_curve(ax, f"{name}, {part}", places, worlds, middle, look)
    band = "middle half of the worlds" if middle == "median" else f"{LEVEL:.0%} interval"
    drawing.label(ax, f"Line: {middle}; band: {band}", "epoch", measure)
    drawing.legend(ax)


def _draw_curve(
    ax: Axes, name: str, epochs: np.ndarray, worlds: np.ndarray, middle: str, look: Mapping[str, Any]
) -> None:
    finite = np.isfinite(worlds)
    measured = np.flatnonzero(finite.any(axis=0))
    found = np.array([_middle(worlds[finite[:, each], each], middle) for each in measured]).reshape(-1, 3)
    stopped = int(np.sum(~finite[:, -1]))
    label = f"{name} ({stopped} of {len(worlds)} worlds stopped)" if stopped else name
    x, around = epochs[measured], np.concatenate([found[:, 0], found[::-1, 2]])
    drawing.area(ax, f"{name} band", np.concatenate([x, x[::-1]]), around, color=look["color"], alpha=0.15, linewidth=0)
    drawing.line(ax, name, x, found[:, 1], label=label, **look)


def _middle(values: np.ndarray, middle: str) -> tuple[float, float, float]:
    if middle == "median":
        low, centre, high = np.quantile(values, (0.25, 0.5, 0.75))
        return low, centre, high
    centre = values.mean()
    low, high = interval(values) if len(values) > 1 else (centre, centre)
    return low, centre, high


@drawing.plot(size=(6.6, 4.6))
def heat_map(
    values: np.ndarray,
    row_values: Sequence[float],
    column_values: Sequence[float],
    *,
    rows: str = "row",
    columns: str = "column",
    measure: str = "loss",
    ax: Axes,
) -> None:
    """Draw a loss over two hyperparameters called `rows` and `columns`, with the best cell marked; darker is better.

    `values` is (rows, columns), or (worlds, rows, columns), of which the mean over worlds is drawn. A cell is blank if
    the loss of a world is not finite. The title says whether the best cell lies at the edge of the grid.

    Raises:
        ValueError: the shape does not fit the values of the rows and columns, or no cell is finite.
    """
    cells = np.asarray(values, float)
    cells = cells.mean(axis=0) if cells.ndim == 3 else cells
    if cells.shape != (len(row_values), len(column_values)) or not np.isfinite(cells).any():
        wanted = f"{len(row_values)} rows and {len(column_values)} columns"
        raise ValueError(f"values has cells of shape {cells.shape}: must have {wanted}, one of them finite")
    cells = np.where(np.isfinite(cells), cells, np.nan)
    row, column = (int(place) for place in np.unravel_index(np.nanargmin(cells), cells.shape))
    low, median, high = np.nanmin(cells), np.nanmedian(cells), np.nanmax(cells)
    top = min(high, low + 4 * (median - low)) if median > low else high  # a few bad cells do not take all colours
    picture = drawing.image(ax, "cells", cells, low, top, origin="lower", aspect="auto")
    drawing.line(ax, "best", [column], [row], marker="*", markersize=18, color=BEST, markeredgecolor="white")
    if picture.colorbar is None:
        ax.figure.colorbar(picture, ax=ax, label=measure, extend="max" if top < high else "neither")
    ends = [(rows, row, len(row_values)), (columns, column, len(column_values))]
    edges = [name for name, place, count in ends if count > 1 and place in (0, count - 1)]
    where = f"at the edge of the grid: extend {' and '.join(edges)}" if edges else "within the grid"
    best = f"{rows} = {row_values[row]:.3g}, {columns} = {column_values[column]:.3g}"
    drawing.label(ax, f"Best {measure} {low:.3g} at {best},\n{where}", columns, rows)
    ax.set_xticks(range(len(column_values)), [f"{each:.2g}" for each in column_values])
    ax.set_yticks(range(len(row_values)), [f"{each:.2g}" for each in row_values])


@drawing.plot(columns=2, size=(9.6, 3.8))
def activations(layers: Mapping[str, np.ndarray], *, what: str = "activation", ax: np.ndarray) -> None:
    """Draw the distribution of each layer's numbers, shape (worlds, ...), and their second moment in each world.

    On the left, the lines hold 90 % of the numbers of all worlds, the bars 50 %, and the dots are medians. On the
    right, a faint line is the mean square in one world, and the dark one the median of the worlds; 0 is not drawn.
    `what` says what the numbers are.
    """
    places = np.arange(len(layers), dtype=float)
    spread = np.array([np.nanquantile(each, (0.05, 0.25, 0.5, 0.75, 0.95)) for each in layers.values()])
    for name, low, high, width in (("most", 0, 4, 1.5), ("half", 1, 3, 7)):
        x, y = _separate(np.stack([places, places], 1)), _separate(spread[:, [low, high]])
        drawing.line(ax[0], name, x, y, color="#0072B2", linewidth=width, solid_capstyle="butt")
    drawing.line(ax[0], "median", places, spread[:, 2], color="white", marker="o", linestyle="", markeredgecolor=DARK)
    squares = np.array([np.square(np.asarray(each, float)).reshape(len(each), -1).mean(1) for each in layers.values()])
    squares[squares == 0] = np.nan
    x = np.broadcast_to(places, squares.T.shape)
    drawing.line(ax[1], "worlds", _separate(x), _separate(squares.T), color="#0072B2", alpha=0.25, linewidth=1)
    middle = np.array([np.median(each[np.isfinite(each)]) if np.isfinite(each).any() else np.nan for each in squares])
    drawing.line(ax[1], "middle", places, middle, color=DARK, marker="o", markersize=4)
    drawing.label(ax[0], f"Distribution of each {what}: 90 %, 50 %, median", "", what)
    title = f"Second moment: {middle[0]:.3g} first, {middle[-1]:.3g} last"
    drawing.label(ax[1], title, "", f"mean square of each {what}", yscale="log")
    for panel in ax:
        panel.set_xticks(places, list(layers), rotation=90 if len(layers) > TURNED else 0)


def _separate(lines: np.ndarray) -> np.ndarray:
    """Return the numbers of several lines in one row, with NaN after each line, so that they are not joined."""
    return np.pad(lines, [(0, 0), (0, 1)], constant_values=np.nan).ravel()


@drawing.plot(size=(8.8, 2.6))
def feature_maps(maps: np.ndarray, *, across: int = 8, ax: Axes) -> None:
    """Draw feature maps (channels, rows, columns) side by side on one scale, `across` in a row.

    Raises:
        ValueError: `maps` does not have three axes.
    """
    if maps.ndim != 3:
        raise ValueError(f"maps has shape {maps.shape}: must be (channels, rows, columns); choose one example")
    count, across = len(maps), min(across, len(maps))
    framed = np.pad(maps.astype(float), [(0, -count % across), (0, 1), (0, 1)], constant_values=np.nan)
    rows = [np.hstack(framed[first : first + across]) for first in range(0, len(framed), across)]
    low, high = float(maps.min()), float(maps.max())
    reach = max(abs(low), abs(high)) or 1.0
    picture = drawing.image(ax, "maps", np.vstack(rows), -reach if low < 0 else 0.0, reach)
    picture.set_cmap("PuOr_r" if low < 0 else "cividis")
    silent = int(np.sum(~maps.any(axis=(1, 2))))
    ax.set_title(f"{count} feature maps from {low:.3g} to {high:.3g}; {silent} all zero")
    ax.set_axis_off()


@drawing.plot(size=(5.6, 4.8))
def decision_boundary(
    grid_x: np.ndarray, grid_y: np.ndarray, probability: np.ndarray, x: np.ndarray, y: np.ndarray, *, ax: Axes
) -> None:
    """Draw the probability of class 1, shape (len(grid_y), len(grid_x)), its boundary at 1/2, and examples of both.

    `grid_x` and `grid_y` rise in equal steps; `x` is (examples, 2), and `y` has the classes 0 and 1.
    """
    half = (grid_x[1] - grid_x[0]) / 2, (grid_y[1] - grid_y[0]) / 2
    extent = (grid_x[0] - half[0], grid_x[-1] + half[0], grid_y[0] - half[1], grid_y[-1] + half[1])
    look = {"origin": "lower", "extent": extent, "cmap": "RdBu_r", "alpha": 0.55, "aspect": "auto"}
    picture = drawing.image(ax, "probability", probability, 0.0, 1.0, **look)
    edges = contour_generator(grid_x, grid_y, probability).lines(0.5)
    joined = np.concatenate([np.full((1, 2), np.nan), *(part for edge in edges for part in (edge, [[np.nan] * 2]))])
    drawing.line(ax, "boundary", joined[:, 0], joined[:, 1], color=DARK, label="probability 1/2")
    for label, marker in ((0, "o"), (1, "^")):
        points = np.asarray(x)[np.asarray(y) == label].reshape(-1, 2)
        look = {"color": f"C{label}", "marker": marker, "linestyle": "", "markeredgecolor": "white"}
        drawing.line(ax, f"class {label}", points[:, 0], points[:, 1], label=f"class {label}", **look)
    if picture.colorbar is None:
        ax.figure.colorbar(picture, ax=ax, label="probability of class 1")
    drawing.label(ax, "Probability of class 1, and its boundary", "first feature", "second feature")
    ax.set(xlim=extent[:2], ylim=extent[2:])
    drawing.legend(ax, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
