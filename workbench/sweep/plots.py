"""Plots of a sweep's successful trials. Darker is better in every plot with a colour scale."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.tri import LinearTriInterpolator, Triangulation

from workbench import drawing
from workbench.sweep.points import Axis, Points, is_wide, limits

BEST, OTHER = "#D55E00", "#0072B2"
CELLS = 160  # points of the interpolated grid in each direction
MARKED = 8  # an axis marks every choice if there are at most this many
MOST_DRAWN = 2000  # with more trials than this, an SVG file holds pixels instead of one object for each trial
MOST_LINES = 500  # parallel coordinates show at most this many of the best trials


@drawing.plot(size=(7.2, 4.0))
def history(points: Points, objective: int = 0, *, ax: Axes) -> None:
    """Draw an objective and its best value so far against the trial number, with the spread of folds as bars."""
    name = points.objectives[objective].name
    _with_spread(ax, points.numbers, points, objective)
    ax.step(points.numbers, points.best_so_far(objective), where="post", color=BEST, label="best so far")
    _scale(ax, points, objective)
    ax.set(title=f"{name}, trial by trial", xlabel="trial", ylabel=name)
    ax.legend()


@drawing.plot(size=(7.2, 3.0))
def importance(shares: Mapping[str, float], name: str, *, ax: Axes) -> None:
    """Draw each parameter's share of the variance of the objective called `name`, the largest on top."""
    names = list(shares)[::-1]
    ax.barh(names, [shares[each] for each in names], color=OTHER)
    for place, each in enumerate(names):
        ax.text(shares[each] + 0.01, place, f"{shares[each]:.2f}", va="center", fontsize=9)
    ax.set(title=f"Importance of the parameters for {name}", xlabel="share of its variance (fANOVA)", xlim=(0, 1.1))
    ax.grid(axis="y", visible=False)


@drawing.plot(size=(7.2, 4.2))
def response(points: Points, name: str, objective: int = 0, *, ax: Axes) -> None:
    """Draw an objective against one parameter, with the spread of folds as bars, and the best trial marked."""
    axis, title = points.axis(name), points.objectives[objective].name
    _with_spread(ax, axis.places, points, objective)
    best = points.order(objective)[0]
    ax.plot(axis.places[best], points.values[best, objective], "o", color=BEST, markersize=9, label="best")
    _scale(ax, points, objective)
    _set_axis(ax, axis)
    ax.set(title=f"{title} by {name}", ylabel=title)
    ax.legend()


@drawing.plot(size=(7.2, 5.0))
def response_surface(points: Points, across: str, up: str, objective: int = 0, *, ax: Axes) -> None:
    """Draw an objective over two parameters: trials as points, and linear interpolation between them.

    If several trials share the values of both parameters, only the best of them is drawn.
    """
    x, y, name = points.axis(across), points.axis(up), points.objectives[objective].name
    values = points.values[:, objective]
    norm, cmap = _colours(points, objective)
    shown = _best_of_each_place(points, x, y, objective)
    _interpolate(ax, x, y, values, shown, norm, cmap)
    order = shown[::-1]  # the best is drawn last, on top
    look = {"norm": norm, "cmap": cmap, "s": 36, "edgecolors": "white", "linewidths": 0.7}
    drawn = ax.scatter(x.places[order], y.places[order], c=values[order], rasterized=_are_many(points), **look)
    ax.use_sticky_edges = False  # otherwise the plot ends with the filled area and cuts points on its edge
    best = points.order(objective)[0]
    ax.plot(x.places[best], y.places[best], "o", mfc="none", mec=BEST, mew=2.2, markersize=13, label="best")
    _colour_bar(ax, drawn, points, objective)
    _set_axis(ax, x)
    _set_axis(ax, y, vertical=True)
    ax.set_title(f"{name} over {across} and {up}")
    ax.legend(loc="upper left", bbox_to_anchor=(0, -0.08))


@drawing.plot(size=(8.4, 4.6))
def parallel_coordinates(points: Points, objective: int = 0, *, ax: Axes) -> None:
    """Draw each trial as a line through its parameters and its objective, the best ones on top."""
    last = _objective_axis(points, objective)
    axes = [*map(points.axis, points.parameters), last]
    order = points.order(objective)[:MOST_LINES][::-1]
    heights = np.column_stack([_normalized(axis) for axis in axes])[order]
    norm, cmap = _colours(points, objective)
    places = np.arange(len(axes))
    lines = LineCollection(
        [np.column_stack([places, line]) for line in heights], norm=norm, cmap=cmap, linewidths=1.3, alpha=0.8
    )
    lines.set_array(points.values[order, objective])
    ax.add_collection(lines)
    for place, axis in enumerate(axes):
        _draw_coordinate(ax, place, axis)
    ax.set(xlim=(-0.25, len(axes) - 0.65), ylim=(-0.05, 1.05), yticks=[])
    ax.set_xticks(places, [axis.name for axis in axes])
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(axis="x", length=0, pad=10)
    ax.grid(visible=False)
    _colour_bar(ax, lines, points, objective)
    ax.set_title("Each trial is a line; the best is the darkest")


@drawing.plot(size=(6.4, 4.8))
def pareto_front(points: Points, *, ax: Axes) -> None:
    """Draw two objectives against each other, with the trials on the Pareto front joined."""
    front = points.front()
    first, second = points.objectives
    look = {"color": OTHER, "alpha": 0.45, "label": "trial", "rasterized": _are_many(points)}
    ax.plot(points.values[:, 0], points.values[:, 1], "o", **look)
    style = {"drawstyle": "steps-post"} if first.sign == second.sign == 1 else {}
    ax.plot(points.values[front, 0], points.values[front, 1], "o-", color=BEST, label="Pareto front", **style)
    _scale(ax, points, 1)
    _label_places(ax.xaxis, points.labels[0])
    ax.set(
        title=f"{len(front)} trials on the front", xlabel=f"{first.name} ({_wish(first)})",
        ylabel=f"{second.name} ({_wish(second)})",
    )  # fmt: skip
    ax.legend()


def _wish(objective) -> str:
    return "lower is better" if objective.sign == 1 else "higher is better"


def _with_spread(ax: Axes, x: np.ndarray, points: Points, objective: int) -> None:
    values, spread = points.values[:, objective], points.spread[:, objective]
    has_spread, look = bool(np.isfinite(spread).any()), {"rasterized": _are_many(points)}
    if has_spread:
        ax.errorbar(x, values, yerr=np.nan_to_num(spread), fmt="none", ecolor=OTHER, elinewidth=0.8, alpha=0.4, **look)
    label = "trial, ± standard deviation over folds" if has_spread else "trial"
    ax.plot(x, values, "o", color=OTHER, markersize=4, alpha=0.8, label=label, **look)


def _are_many(points: Points) -> bool:
    """Tell whether there are so many trials that an SVG file should hold pixels instead of one object for each."""
    return len(points.numbers) > MOST_DRAWN


def _scale(ax: Axes, points: Points, objective: int) -> None:
    """Use a logarithmic scale for a wide range of values; otherwise cut off values that are far worse than the rest."""
    values = points.values[:, objective]
    _label_places(ax.yaxis, points.labels[objective])
    if is_wide(values):
        ax.set_yscale("log")
        return
    low, high = _limits(points, objective)
    if high > low and (values.min() < low or values.max() > high):
        margin = 0.08 * (high - low)
        ax.set_ylim(low - margin, high + margin)


def _limits(points: Points, objective: int) -> tuple[float, float]:
    return limits(points.values[:, objective], points.objectives[objective].sign)


def _label_places(axis: Any, labels: tuple[str, ...]) -> None:
    """Write labels at the places 0, 1, 2 and so on of an axis or a colour bar, if there are labels."""
    if labels:
        axis.set_ticks(range(len(labels)), labels=labels)


def _colour_bar(ax: Axes, drawn: Any, points: Points, objective: int) -> None:
    name, values = points.objectives[objective].name, points.values[:, objective]
    bar = ax.figure.colorbar(drawn, ax=ax, label=name, extend=_extend(values, drawn.norm))
    _label_places(bar, points.labels[objective])


def _extend(values: np.ndarray, norm: Normalize) -> str:
    """Return the ends of the colour scale that values exceed, as Matplotlib's `extend` names them."""
    ends = "min" * bool(values.min() < norm.vmin) + "max" * bool(values.max() > norm.vmax)
    return {"": "neither", "minmax": "both"}.get(ends, ends)


def _colours(points: Points, objective: int) -> tuple[Normalize, str]:
    values, sign = points.values[:, objective], points.objectives[objective].sign
    cmap = "viridis" if sign == 1 else "viridis_r"  # the best is the darkest
    if is_wide(values):
        return LogNorm(values.min(), values.max()), cmap
    return Normalize(*_limits(points, objective)), cmap


def _best_of_each_place(points: Points, x: Axis, y: Axis, objective: int) -> np.ndarray:
    """Return the index of the best trial for each pair of parameter values, the best first."""
    order = points.order(objective)
    pairs = np.column_stack([x.places, y.places])[order]
    _, first = np.unique(pairs, axis=0, return_index=True)
    return order[np.sort(first)]


def _interpolate(ax: Axes, x: Axis, y: Axis, values: np.ndarray, shown: np.ndarray, norm: Normalize, cmap: str) -> None:
    """Fill the area between the shown trials, unless an axis has labels, or the trials are too few or on one line."""
    flat = np.column_stack([_normalized(x), _normalized(y)])[shown]  # distances as they appear in the plot
    if len(shown) < 4 or x.labels or y.labels or np.linalg.matrix_rank(flat - flat.mean(axis=0), tol=1e-6) < 2:
        return
    grid = np.linspace(0, 1, CELLS)
    filled = LinearTriInterpolator(Triangulation(*flat.T), values[shown])(*np.meshgrid(grid, grid))
    ax.pcolormesh(
        _denormalized(x, grid), _denormalized(y, grid), filled, norm=norm, cmap=cmap, alpha=0.5, rasterized=True
    )


def _objective_axis(points: Points, objective: int) -> Axis:
    values, log = points.values[:, objective], is_wide(points.values[:, objective])
    places = values if log else np.clip(values, *_limits(points, objective))
    return Axis(points.objectives[objective].name, places, log, points.labels[objective])


def _normalized(axis: Axis) -> np.ndarray:
    """Return the places on the axis, scaled to [0, 1]."""
    places = np.log(axis.places) if axis.log else axis.places
    low, high = (0, len(axis.labels) - 1) if axis.labels else (places.min(), places.max())
    return (places - low) / (high - low) if high > low else np.full(len(places), 0.5)


def _denormalized(axis: Axis, shares: np.ndarray) -> np.ndarray:
    """Return the places that correspond to `shares`, from 0 at the low end of the axis to 1 at its high end."""
    low, high = axis.places.min(), axis.places.max()
    return low * (high / low) ** shares if axis.log else low + (high - low) * shares


def _draw_coordinate(ax: Axes, place: int, axis: Axis) -> None:
    """Draw a vertical axis and write values beside it: every choice, or the ends and the middle."""
    ax.axvline(place, color="#8c8c8c", linewidth=1, zorder=1)
    if axis.labels:
        ticks = [(i / max(1, len(axis.labels) - 1), label) for i, label in enumerate(axis.labels)]
    else:
        values = np.array(_ticks(axis))
        heights = _normalized(dataclasses.replace(axis, places=np.append(axis.places, values)))[-len(values) :]
        ticks = zip(heights, values, strict=True)
    for height, value in ticks:
        words = value if isinstance(value, str) else f"{value:.3g}"
        ax.text(
            place + 0.03, height, words, fontsize=8, va="center", zorder=5,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1},
        )  # fmt: skip


def _ticks(axis: Axis) -> list[float]:
    """Return the numbers to write beside an axis: its choices if they are few, otherwise the ends and the middle."""
    low, high = axis.places.min(), axis.places.max()
    if 0 < len(axis.marks) <= MARKED:
        return [mark for mark in axis.marks if low <= mark <= high]
    middle = np.sqrt(low * high) if axis.log else (low + high) / 2
    return [low, middle, high] if high > low else [low]


def _set_axis(ax: Axes, axis: Axis, vertical: bool = False) -> None:
    which = ax.yaxis if vertical else ax.xaxis
    which.set_label_text(axis.name)
    _label_places(which, axis.labels)
    if axis.log:
        (ax.set_yscale if vertical else ax.set_xscale)("log")
    elif 0 < len(axis.marks) <= MARKED:
        which.set_ticks(axis.marks)
