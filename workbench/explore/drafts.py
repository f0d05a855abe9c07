"""Draw the pictures that are shown while a slider moves: what has moved, over a stored picture of what has not.

Ticks, grids, labels and legends take most of the time of a picture, and mostly stay as they are while a slider moves.
A draft therefore stores them as pixels, until one of them changes. It differs from the whole picture in small things:
axes lines pass below curves, and titles and legends keep their places.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from workbench import drawing

UNSET = ("axis", "locs", "_sublabels", "offset", "orderOfMagnitude", "format")  # what a locator or formatter derives


class Drafts:
    """Draw one figure again and again; `encode` returns it as a PNG file."""

    def __init__(self) -> None:
        self._still: Any = None  # what the stored pixels depend on
        self._pixels: Any = None

    def encode(self, figure: Figure) -> bytes:
        with drawing.styled():
            canvas = drawing.canvas_of(figure)
            moving = [artist for ax in figure.axes for artist in _moving(ax)]
            still = figure.dpi, *map(_still, figure.axes), *map(_words, figure.legends), *map(_words, [figure])
            if still != self._still:
                for artist in moving:
                    artist.set_visible(False)
                try:
                    canvas.draw()
                finally:
                    for artist in moving:
                        artist.set_visible(True)
                self._still, self._pixels = still, canvas.copy_from_bbox(figure.bbox)
            canvas.restore_region(self._pixels)
            renderer = canvas.get_renderer()
            for artist in moving:
                artist.draw(renderer)
            return drawing.png(canvas)


def _moving(ax: Axes) -> Iterator[Artist]:
    """Yield the visible artists that a plot function adds or changes, from back to front."""
    artists = [*ax.images, *ax.patches, *ax.collections, *ax.lines, *ax.texts, ax.title, ax._left_title]
    yield from sorted((each for each in artists if each.get_visible()), key=Artist.get_zorder)


def _still(ax: Axes) -> tuple[Any, ...]:
    """Return what the picture of an Axes without its moving artists depends on."""
    return ax.get_position().bounds, *map(_axis, (ax.xaxis, ax.yaxis)), _words(ax.get_legend())


def _axis(axis: Axis) -> tuple[Any, ...]:
    ticks = (axis.get_major_locator(), axis.get_major_formatter(), axis.get_minor_locator(), axis.get_minor_formatter())
    return tuple(axis.get_view_interval()), axis.get_scale(), axis.get_label_text(), *map(_tick, ticks)


def _tick(of: Any) -> tuple[Any, ...]:
    """Return a locator or formatter as values, for most plot functions make an equal one anew each time."""
    function = getattr(of, "func", None)
    settings = [repr(value) for name, value in vars(of).items() if name not in UNSET]
    return type(of), *(function.args if isinstance(function, partial) else settings)


def _words(of: Any) -> list[str]:
    return [text.get_text() for text in of.texts] if of else []
