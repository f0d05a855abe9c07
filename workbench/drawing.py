"""Common helpers of the plot functions: one style, axes made if none are given, artists that can be updated.

A plot function takes data or arguments, and `ax`, and returns the Axes, or an array of Axes if it needs several. It can
draw on new Axes or update what it drew there before, without knowing which: each artist has a key, and the functions
here find the artist by its key or make it.
"""

import base64
import contextlib
import copy
import functools
import io
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from workbench.files import folder_name

COLOURS = 48  # in a stored picture; maps and photographs show no steps yet
WIDTH = 0.8  # width of a bar, Matplotlib's default
STYLE_FILE = Path(__file__).with_name("plots.mplstyle")

# Matplotlib's settings are global: the threads of sliders and of cells must not change them at the same time.
_settings = threading.RLock()
_used = False  # whether the thread that holds it uses the style

_set: weakref.WeakKeyDictionary[Artist, dict[str, Any]] = weakref.WeakKeyDictionary()  # what was set last
_keys: weakref.WeakKeyDictionary[Axes, Any] = weakref.WeakKeyDictionary()  # the artists of a panel, by their keys


def _forget_lock() -> None:
    global _settings, _used
    _settings, _used = threading.RLock(), False  # a thread that the child does not have may hold the old one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)


@functools.cache
def style() -> dict[str, Any]:
    """Return the settings of the style file."""
    return dict(matplotlib.rc_params_from_file(STYLE_FILE, use_default_template=False))


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """Use the style within the block; one thread at a time may do so. Within such a block, change nothing."""
    global _used
    with _settings:
        if _used:  # by this thread: all settings anew take a millisecond
            yield
            return
        _used = True
        try:
            with matplotlib.rc_context(style()):
                yield
        finally:
            _used = False


def plot(rows: int = 1, columns: int = 1, size: tuple[float, float] = (6.4, 4.0)) -> Callable:
    """Return a decorator for functions that draw on `ax`: it applies the style, makes `ax` if None, and returns it.

    With several rows or columns, `ax` is an array of Axes. `size` is (width, height) in inches.
    """

    def decorate(draw: Callable) -> Callable:
        @functools.wraps(draw)
        def on_axes(*data: Any, ax: Axes | np.ndarray | None = None, **options: Any) -> Axes | np.ndarray:
            with styled():
                if ax is None:
                    ax = Figure(figsize=size, layout="constrained").subplots(rows, columns)
                draw(*data, ax=ax, **options)
            return ax

        return on_axes

    return decorate


def figure_of(axes: Axes | np.ndarray) -> Figure:
    """Return the figure that holds an Axes or an array of Axes."""
    return np.ravel(np.asarray(axes, dtype=object))[0].figure


def encode(figure: Figure, density: float = 1) -> bytes:
    """Draw a figure and return it as a PNG file, with `density` pixels along each side of one of the figure's dots."""
    canvas = canvas_of(figure)
    with dense(figure, density):
        canvas.draw()
        return png(canvas)


def lay_out(figure: Figure, density: float = 1) -> None:
    """Lay a figure out for a drawing at `density`, and let later drawings leave it so."""
    engine = figure.get_layout_engine()
    if engine:
        with dense(figure, density):
            engine.execute(figure)
        figure.set_layout_engine("none")


@contextlib.contextmanager
def dense(figure: Figure, density: float) -> Iterator[None]:
    """Use the style, and `density` pixels along each side of one of the figure's dots, within the block."""
    dpi = figure.dpi
    with styled():
        figure.set_dpi(dpi * density)
        try:
            yield
        finally:
            figure.set_dpi(dpi)


def canvas_of(figure: Figure) -> FigureCanvasAgg:
    """Return the figure's canvas, which draws it as pixels."""
    canvas = figure.canvas
    return canvas if isinstance(canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)


def png(canvas: FigureCanvasAgg) -> bytes:
    """Return what has been drawn on a canvas as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(file, "png", compress_level=1)
    return file.getvalue()


def jpeg(canvas: FigureCanvasAgg) -> bytes:
    """Return what has been drawn on a canvas as a JPEG file, which is much faster to write than a PNG file."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").save(file, "jpeg", quality=90, subsampling=0)
    return file.getvalue()


def keep(figure: Figure, name: str) -> None:
    """Save a figure as NAME.png and NAME.svg in the folder WORKBENCH_FIGURES, if set, as in report runs.

    What a file name cannot hold is replaced, see `workbench.files.folder_name`.
    """
    folder = os.environ.get("WORKBENCH_FIGURES")
    if not folder:
        return
    name = folder_name(str(name), {})
    Path(folder).mkdir(parents=True, exist_ok=True)
    with styled():
        figure.savefig(Path(folder, f"{name}.svg"), metadata={"Date": None})
        figure.savefig(Path(folder, f"{name}.png"))


def stored(png: bytes, figure: Figure, colours: int = COLOURS) -> tuple[str, dict[str, int]]:
    """Return a figure's PNG for a notebook that is saved, in base64, and the size in dots at which to show it.

    It has at most `colours` colours and stronger compression, and a fourth of the bytes.
    """
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).quantize(colours).save(file, "png", optimize=True)
    size = {"width": round(figure.bbox.width), "height": round(figure.bbox.height)}
    return base64.b64encode(file.getvalue()).decode(), size


def line(ax: Axes, key: str, x: Sequence, y: Sequence, **look: Any) -> None:
    moved = {name: look[name] for name in ("color", "label") if name in look}
    _draw(ax, key, lambda: ax.plot(x, y, gid=key, **look), data=(x, y), **moved)


def area(ax: Axes, key: str, x: Sequence, y: Sequence, **look: Any) -> None:
    """Draw a filled polygon through the points."""
    _draw(ax, key, lambda: ax.fill(x, y, gid=key, **look), xy=np.column_stack([x, y]))


def vertical(ax: Axes, key: str, x: float, **look: Any) -> None:
    """Draw a vertical line at x over the whole height; for NaN, draw none."""
    _draw(ax, key, lambda: ax.axvline(x, gid=key, **look), xdata=[x, x])


def band(ax: Axes, key: str, low: float, high: float, **look: Any) -> None:
    """Shade the range from low to high over the whole height."""
    _draw(ax, key, lambda: ax.axvspan(low, high, gid=key, **look), x=low, width=high - low)


def bars(ax: Axes, key: str, x: Sequence, heights: Sequence, colors: Sequence | str, **look: Any) -> None:
    if _drawn(ax, f"{key} 0") is None:
        for i, bar in enumerate(ax.bar(x, heights, **look)):
            bar.set_gid(f"{key} {i}")
    width = look.get("width", WIDTH)
    for i, height in enumerate(heights):
        bar = _drawn(ax, f"{key} {i}")
        color = colors if isinstance(colors, str) else colors[i]
        _move(bar, x=x[i] - width / 2, width=width, height=height, color=color)


def image(ax: Axes, key: str, pixels: np.ndarray, low: float, high: float, **look: Any) -> Any:
    """Draw a matrix as pixels, on a panel without a grid."""
    look |= {"vmin": low, "vmax": high, "gid": key}

    def made() -> Any:
        ax.grid(False)  # here, since a grid that is set again and again takes long
        return ax.imshow(pixels, **look)

    return _draw(ax, key, made, data=pixels, clim=(low, high))


def write(ax: Axes, key: str, x: float, y: float, words: str, **look: Any) -> None:
    _draw(ax, key, lambda: ax.text(x, y, words, gid=key, **look), position=(x, y), text=words)


def label(ax: Axes, title: str, x: str, y: str, **settings: Any) -> None:
    """Set a panel's title, its axis labels, and further settings such as its limits."""
    for side in "xy":
        if settings.get(f"{side}scale") == getattr(ax, f"get_{side}scale")():  # set again, it makes all ticks anew
            del settings[f"{side}scale"]
    ax.set(title=title, xlabel=x, ylabel=y, **settings)


def legend(ax: Axes, **look: Any) -> None:
    """Add a legend if there is none yet."""
    if ax.get_legend() is None:
        ax.legend(**look)


def _draw(ax: Axes, key: str, make: Callable, **moved: Any) -> Any:
    """Update the artist with this key, or make it, and return it."""
    artist = _drawn(ax, key)
    if artist is None:
        made = make()
        _set[_drawn(ax, key)] = copy.deepcopy(moved)
        return made
    _move(artist, **moved)
    return artist


def _move(artist: Artist, **moved: Any) -> None:
    """Set properties of an artist, unless it has them from the last call: drafts draw anew what was set."""
    if not _is_same(_set.get(artist), moved):
        artist.set(**moved)
        _set[artist] = copy.deepcopy(moved)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(other, dict):
        return isinstance(one, dict) and one.keys() == other.keys() and all(_is_same(one[k], other[k]) for k in one)
    if isinstance(other, tuple):
        return isinstance(one, tuple) and len(one) == len(other) and all(map(_is_same, one, other))
    return bool(np.array_equal(one, other)) and not np.ma.isMaskedArray(other)


def _drawn(ax: Axes, key: str) -> Any:
    """Return the artist of a panel with this key, or None; most are where the last call has found them."""
    known = _keys.setdefault(ax, weakref.WeakValueDictionary())
    artist = known.get(key)
    if artist is None or artist.axes is not ax:
        artist = next((each for each in ax.get_children() if each.get_gid() == key), None)
        if artist is not None:
            known[key] = artist
    return artist
