"""Draw the pictures that are shown while a slider moves: what has moved, over a stored picture of what has not.

Ticks, grids, labels and legends take most of the time of a picture, and mostly stay as they are while a slider moves.
They are therefore stored as pixels. An axis that changes, such as one with other limits, is drawn anew from then on. A
draft differs from the whole picture in small things: the frames of panels lie below curves, and titles, legends and
labels keep their places.
"""

from functools import partial
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from workbench import drawing

DERIVED = ("axis", "locs", "_sublabels", "offset", "orderOfMagnitude", "format")  # from the limits, when drawn


class Drafts:
    """Draw one figure again and again; `encode` returns it as a PNG file."""

    def __init__(self) -> None:
        self._panels: Any = None  # what the stored pixels depend on, the axes apart
        self._axes: dict[Axis, Any] = {}
        self._moved: set[Axis] = set()  # axes that have changed; they are not in the stored pixels
        self._pixels: Any = None

    def encode(self, figure: Figure) -> bytes:
        with drawing.styled():
            canvas = drawing.canvas_of(figure)
            panels = (
                figure.dpi,
                _words(figure),
                [(ax.get_position().bounds, _words(ax.get_legend())) for ax in figure.axes],
            )
            axes: dict[Axis, Any] = {axis: _described(axis) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)}
            is_new = panels != self._panels
            changed = set() if is_new else {axis for axis in axes if axes[axis] != self._axes.get(axis)}
            moving = sorted((each for ax in figure.axes for each in _drawn(ax)), key=Artist.get_zorder)
            if is_new or not changed <= self._moved:
                self._moved = set() if is_new else self._moved | changed
                self._pixels = _without(figure, [*moving, *self._moved])
            self._panels, self._axes = panels, axes
            canvas.restore_region(self._pixels)
            renderer = canvas.get_renderer()
            for artist in (*self._moved, *moving):
                artist.draw(renderer)
            return drawing.png(canvas)


def _without(figure: Figure, artists: list[Any]) -> Any:
    """Return the pixels of a figure without some artists that are visible."""
    canvas = drawing.canvas_of(figure)
    for artist in artists:
        artist.set_visible(False)
    try:
        canvas.draw()
    finally:
        for artist in artists:
            artist.set_visible(True)
    return canvas.copy_from_bbox(figure.bbox)


def _drawn(ax: Axes) -> list[Artist]:
    """Return the visible artists that a plot function adds or changes, and the title."""
    frame = {ax.xaxis, ax.yaxis, ax.patch, ax.get_legend(), *ax.spines.values()}
    return [each for each in ax.get_children() if each not in frame and each.get_visible()]


def _described(axis: Axis) -> tuple[Any, ...]:
    """Return what the picture of an axis depends on."""
    ticks = (axis.get_major_locator(), axis.get_major_formatter(), axis.get_minor_locator(), axis.get_minor_formatter())
    return tuple(axis.get_view_interval()), axis.get_scale(), axis.get_label_text(), *map(_tick, ticks)


def _tick(of: Any) -> tuple[Any, ...]:
    """Return a locator or formatter as values, for most plot functions make an equal one anew each time."""
    function = getattr(of, "func", None)
    if isinstance(function, partial):
        return type(of), function.args
    settings = {name: value for name, value in vars(of).items() if name not in DERIVED}
    return type(of), [value.tolist() if isinstance(value, np.ndarray) else value for value in settings.values()]


def _words(of: Any) -> list[str]:
    return [text.get_text() for text in of.texts] if of else []
