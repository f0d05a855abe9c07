"""Draw the pictures of a slider that moves, now or in a report: what has moved, over a stored picture of what has not.

Ticks, grids, legends and words take most of the time of a picture, and mostly stay as they are while a slider moves.
They are therefore stored as pixels. What changes, such as an axis with other limits, is drawn anew from then on. A
draft differs from the whole picture in small things: what stays lies below curves and words that move, titles, legends
and labels keep their places, images are not smoothed, and it is a JPEG file, which takes a fourth of the time of a PNG
file.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import Formatter
from matplotlib.transforms import Bbox

from workbench import drawing

STAMPS, PARTS = 500, 4  # texts whose pixels are kept, and to which part of a pixel they keep their places
EDGE = 4  # pixels around a text, for strokes that leave its box
DERIVED = ("axis", "locs", "_sublabels", "offset", "orderOfMagnitude", "format")  # a formatter gets them when it draws


class Drafts:
    """Draw one figure again and again; `encode` returns it as a JPEG file.

    Call `note` after each call of the plot function, before the figure is drawn, as a draft or as a whole.
    """

    def __init__(self) -> None:
        self._layout: Any = None  # what all of the stored pixels depend on
        self._places: dict[Axes, Any] = {}
        self._axes: dict[Axis, Any] = {}
        self._texts: dict[Artist, Any] = {}
        self._last: set[Artist] = set()  # artists that the last call of the plot function has changed
        self._changed: set[Artist] = set()  # artists that have changed since the last draft
        self._recent: set[Artist] = set()  # artists, axes and panels that have changed since the layout has
        self._moved: set[Artist] = set()  # these, and those that had changed since the layout before: they may again
        self._stored: set[Artist] = set()  # artists and axes in the stored pixels
        self._pixels: Any = None
        self._labels: dict[Axis, Any] = {}  # places of an axis' label and offset
        self._known: Any = None, {}  # a layout, and the places of labels in a whole picture that has it
        self._stamps: dict[Any, Any] = {}  # texts as pixels, by what is written and how

    def note(self, figure: Figure) -> None:
        """Note which artists have changed, for Matplotlib forgets it when it draws them."""
        artists = [*figure.texts, *(each for ax in figure.axes for each in _inside(ax))]
        before, self._texts = self._texts, {each: _written(each) for each in artists if type(each) is Text}
        self._last = {
            each for each in artists if (self._texts[each] != before.get(each) if each in self._texts else each.stale)
        }
        self._changed |= self._last

    def note_whole(self, figure: Figure, density: float) -> None:
        """Note the places of labels, which take long to find, after a whole picture was drawn at `density`."""
        axes = [axis for ax in figure.axes for axis in _axes(ax)]
        self._known = _layout(figure), {axis: _places(axis, density) for axis in axes}

    def encode(self, figure: Figure) -> bytes:
        return drawing.jpeg(self.draw(figure))

    def draw(self, figure: Figure, *, keeps: bool = False) -> FigureCanvasAgg:
        """Draw the figure on its canvas; for a picture that one `keeps`, place labels anew and smooth images."""
        if keeps:
            self._labels.clear()
        with drawing.styled():
            canvas = drawing.canvas_of(figure)
            panels = self._follow(figure)
            above = [each for each in figure.texts if each.get_visible()]
            artists = [*(each for drawn in panels.values() for each in drawn), *above]
            axes = [axis for axis in self._axes if axis.axes in panels]
            order = [*(ax for ax in figure.axes if ax not in panels), *axes, *artists]
            moving = self._moved.union(*(_moving(drawn, self._moved) for drawn in panels.values()))
            stays = {each for each in order if each not in moving}
            renderer: Any = canvas.get_renderer()
            renderer.draw_text = partial(self._write, renderer)
            try:
                if self._pixels is None or not self._stored <= stays:
                    self._pixels, self._stored = self._without(figure, renderer, {*order} - stays), stays
                canvas.restore_region(self._pixels)
                for artist in order:
                    if artist not in self._stored:
                        self._draw_artist(artist, renderer, keeps)
            finally:
                del renderer.draw_text
            return canvas

    def _without(self, figure: Figure, renderer: Any, moving: set[Artist]) -> Any:
        """Return the pixels of a figure without some artists. A canvas would look for the places of all labels."""
        renderer.clear()
        for part in _parts_of_all(figure, moving):
            self._draw_artist(part, renderer, keeps=True)
        return renderer.copy_from_bbox(figure.bbox)

    def _write(self, renderer: Any, gc: Any, x: float, y: float, *text: Any, **options: Any) -> None:
        """Draw a text from stored pixels, so that one that stays is not written letter by letter in each draft."""
        words, font, angle, *_ = text
        (column, right), (row, down) = (divmod(round(PARTS * each), PARTS) for each in (x, y))
        key = words, hash(font), angle, gc.get_rgb(), gc.get_alpha(), renderer.dpi, right, down
        if key not in self._stamps:
            while len(self._stamps) >= STAMPS:
                self._stamps.pop(next(iter(self._stamps)))
            self._stamps[key] = _stamp(renderer, gc, right / PARTS, down / PARTS, *text, **options)
        pixels, left, below = self._stamps[key]
        renderer.draw_image(gc, column + left, renderer.height - row - below, pixels)

    def _draw_artist(self, artist: Any, renderer: Any, keeps: bool) -> None:
        if isinstance(artist, Axes):
            for part in _parts(artist):
                self._draw_artist(part, renderer, keeps)
        elif isinstance(artist, Axis):
            self._draw_axis(artist, renderer)
        elif not keeps and type(artist) is AxesImage and isinstance(artist.get_alpha(), float | None):
            _draw_image(artist, renderer)
        else:
            artist.draw(renderer)

    def _draw_axis(self, axis: Any, renderer: Any) -> None:
        """Draw an axis, with its words where they were: to find their place takes longer than to draw the rest."""
        words = axis.label, axis.offsetText
        places = self._labels.get(axis)
        if places or not axis.label.get_text():
            _draw_ticks(axis, renderer)
            axis.offsetText.set_text(axis.major.formatter.get_offset())
        if places:
            for each, place in zip(words, places, strict=True):
                each.set_position(place)  # whole pictures have other pixels
                each.draw(renderer)
        elif any(each.get_text() for each in words):
            axis.draw(renderer)
            self._labels[axis] = _places(axis)

    def _follow(self, figure: Figure) -> dict[Axes, list[Artist]]:
        """Update what has moved, and return the artists of each panel that stays in its place."""
        for ax in figure.axes:
            locator: Any = ax.get_axes_locator()  # of a colour bar
            ax.apply_aspect(locator(ax, None) if locator else None)
        layout = _layout(figure)
        places: dict[Any, Any] = {ax: (ax.get_position().bounds, _words(ax.get_legend())) for ax in figure.axes}
        axes: dict[Any, Any] = {axis: _described(axis) for ax in figure.axes for axis in _axes(ax)}
        drawn = {ax: _drawn(ax) for ax in figure.axes}
        if layout != self._layout:
            self._moved, self._recent, self._pixels = self._recent | self._last, set(), None
            self._labels = dict(self._known[1]) if layout == self._known[0] else {}
        else:
            self._recent |= self._changed | {ax for ax in places if places[ax] != self._places.get(ax)}
            for axis in axes:
                if axes[axis] != self._axes.get(axis):
                    self._recent |= {axis, *_on_the_axes(drawn[axis.axes])}
            self._moved |= self._recent
        self._layout, self._places, self._axes, self._changed = layout, places, axes, set()
        self._moved &= {*places, *axes, *figure.texts, *(each for artists in drawn.values() for each in artists)}
        return {ax: artists for ax, artists in drawn.items() if ax not in self._moved}


def _draw_image(image: Any, renderer: Any) -> None:
    """Draw the pixels of an image without interpolation, which takes most of its time."""
    values, (left, right, bottom, top) = image.get_array(), image.get_extent()
    corners = image.axes.transData.transform([(left, bottom), (right, top)]).T
    view = np.transpose(image.axes.bbox.get_points())
    column, columns = _pixels(corners[0], view[0], values.shape[1])
    row, rows = _pixels(corners[1], view[1], values.shape[0])
    if not (len(columns) and len(rows)):
        return
    rows = rows if image.origin == "lower" else len(values) - 1 - rows
    seen, alpha = np.ix_(rows, columns), image.get_alpha()
    if len(rows) * len(columns) < values.size:
        shown = image.to_rgba(values[seen], alpha, bytes=True)
    else:
        shown = image.to_rgba(values, alpha, bytes=True).view(np.uint32)[..., 0][seen][..., None].view(np.uint8)
    gc = renderer.new_gc()
    renderer.draw_image(gc, column, row, shown)
    gc.restore()
    image.stale = False


def _pixels(ends: Any, view: Any, count: int) -> tuple[int, Any]:
    """Return the first pixel that an image covers along one axis, and for each which of its `count` values it shows."""
    first, last = (round(np.clip(each, *view)) for each in (min(ends), max(ends)))
    places = (np.arange(first, last) + 0.5 - ends[0]) / (ends[1] - ends[0])
    return first, np.clip((places * count).astype(int), 0, count - 1)


def _draw_ticks(axis: Any, renderer: Any) -> None:
    """Draw the ticks of an axis, all of its marks and grid lines at once: one by one they take half of its time.

    Its major ticks have one look, and so have its minor ones.
    """
    ticks, major = axis._update_ticks(), set(axis.majorTicks)
    for alike in ([each for each in ticks if each in major], [each for each in ticks if each not in major]):
        for part in ("gridline", "tick1line", "tick2line"):
            lines = [getattr(each, part) for each in alike]
            if lines and lines[0].get_visible():
                _draw_at_once(lines, renderer)
        for tick in alike:
            tick.label1.draw(renderer)
            tick.label2.draw(renderer)


def _draw_at_once(lines: list[Line2D], renderer: Any) -> None:
    """Draw lines that differ in their points alone as one line with gaps."""
    first, own = lines[0], lines[0].get_data(orig=True)
    points = [np.broadcast_arrays(*each.get_data(orig=True)) for each in lines]
    x, y = (np.concatenate([[*each[side], np.nan] for each in points]) for side in (0, 1))
    first.set_data(x, y)
    first.draw(renderer)
    first.set_data(*own)


def _layout(figure: Figure) -> Any:
    return figure.dpi, [ax.get_position(original=True).bounds for ax in figure.axes]


def _places(axis: Any, density: float = 1) -> list[tuple[float, float]]:
    """Return where the label and the offset of an axis are; one of the two numbers is in pixels."""
    (x, y), (along, up) = axis.label.get_position(), axis.offsetText.get_position()
    label = (x / density, y) if axis.axis_name == "y" else (x, y / density)
    return [label, (along, up / density)]


def _axes(ax: Axes) -> list[Axis]:
    """Return the axes that a panel shows."""
    return [axis for axis in (ax.xaxis, ax.yaxis) if ax.axison and axis.get_visible()]


def _drawn(ax: Axes) -> list[Artist]:
    """Return the visible artists that a plot function adds or changes, and the title, in the order of drawing."""
    return sorted((each for each in _inside(ax) if each.get_visible()), key=Artist.get_zorder)


def _parts_of_all(figure: Figure, without: set[Artist]) -> Iterator[Artist]:
    """Yield what a figure shows but for some artists, in the order of drawing."""
    yield figure.patch
    for child in sorted(figure.get_children()[1:], key=Artist.get_zorder):
        parts = _parts(child) if isinstance(child, Axes) else [child]
        if child not in without:
            yield from (part for part in parts if part not in without)


def _parts(ax: Axes) -> list[Artist]:
    """Return what a whole panel shows, in the order of drawing, its legend included."""
    frame = [ax.patch, *ax.spines.values()] if ax.axison and ax.get_frame_on() else []
    legend = [each for each in (ax.get_legend(),) if each]
    above = sorted([*_axes(ax), *_drawn(ax), *frame[1:], *legend], key=Artist.get_zorder)
    return [*frame[:1], *above]


def _inside(ax: Axes) -> list[Artist]:
    frame = {ax.xaxis, ax.yaxis, ax.patch, ax.get_legend(), *ax.spines.values()}
    return [each for each in ax.get_children() if each not in frame]


def _moving(drawn: list[Artist], moved: set[Artist]) -> list[Artist]:
    """Return the artists of a panel to draw anew: those that have moved, and those above the first that covers them."""
    covers = [i for i, each in enumerate(drawn) if each in moved and not isinstance(each, Line2D | Text)]
    first = min(covers, default=len(drawn))
    return [each for i, each in enumerate(drawn) if each in moved or i > first]


def _stamp(
    renderer: Any,
    gc: Any,
    right: float,
    down: float,
    words: str,
    font: Any,
    angle: float,
    ismath: Any = False,
    mtext: Any = None,
) -> Any:
    """Return a text at a part of a pixel, as pixels (rows, columns, RGBA), and where their left and lower edges are."""
    width, height, descent = renderer.get_text_width_height_descent(words, font, ismath)
    box = Bbox.from_bounds(0, -descent, width, height).rotated(np.radians(angle)).padded(EDGE)
    (left, low), (end, high) = np.floor(box.min).astype(int), np.ceil(box.max).astype(int)
    paper = RendererAgg(end - left, high - low, renderer.dpi)
    paper.draw_text(gc, right - left, high + down, words, font, angle, ismath, mtext)
    pixels = np.asarray(paper.buffer_rgba())
    return pixels[::-1].copy(), left, -low  # images begin at the bottom


def _on_the_axes(drawn: list[Any]) -> Iterator[Artist]:
    """Yield the artists of a panel whose place depends on its limits; those of its title does not."""
    for each in drawn:
        if each.get_transform().contains_branch_seperately(each.axes.transData) != (False, False):
            yield each


def _written(text: Any) -> tuple[Any, ...]:
    """Return what the picture of a text depends on; plot functions set the same words anew each time."""
    look = text.get_color(), text.get_alpha(), text.get_rotation(), text.get_ha(), text.get_va(), text.get_visible()
    box = text.get_bbox_patch()
    return text.get_text(), text.get_position(), hash(text.get_fontproperties()), box and box.stale, *look


def _described(axis: Axis) -> tuple[Any, ...]:
    """Return what the picture of an axis depends on."""
    ticks = (axis.get_major_locator(), axis.get_major_formatter(), axis.get_minor_locator(), axis.get_minor_formatter())
    return tuple(axis.get_view_interval()), axis.get_scale(), axis.get_label_text(), *map(_tick, ticks)


def _tick(of: Any) -> tuple[Any, ...]:
    """Return a locator or formatter as values, for most plot functions make an equal one anew each time."""
    function = getattr(of, "func", None)
    if isinstance(function, partial):
        return type(of), function.args
    derived = DERIVED if isinstance(of, Formatter) else ("axis",)  # the locs of a locator are its own
    settings = {name: value for name, value in vars(of).items() if name not in derived}
    return type(of), [value.tolist() if isinstance(value, np.ndarray) else value for value in settings.values()]


def _words(of: Any) -> list[str]:
    return [text.get_text() for text in of.texts] if of else []
