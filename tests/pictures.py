"""Helpers of the tests of pictures: find artists by key, read their data, see that a second call moves them."""

import numpy as np

from workbench import drawing


def artist(ax, key):
    return next(each for each in ax.get_children() if each.get_gid() == key)


def data(ax, key):
    """Return the x and the y of a line."""
    return tuple(np.asarray(each, float) for each in artist(ax, key).get_data())


def pixels(ax, key):
    return np.asarray(artist(ax, key).get_array())


def title(ax):
    return ax.get_title(loc="left")


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def panels(axes):
    return list(np.ravel(np.asarray(axes, dtype=object)))


def heights(ax, key=""):
    """Return the heights of bars, those of one key or of all keys that end with a number."""
    keys = [bar.get_gid() or "" for bar in ax.patches]
    return [bar.get_height() for bar, at in zip(ax.patches, keys, strict=True) if at[-1:].isdigit() and key in at]


def render(axes):
    png = drawing.encode(drawing.figure_of(axes))
    assert png.startswith(b"\x89PNG")
    return png


def draw_again(draw, axes, *arguments, **options):
    """Draw on the same axes again; assert that no artist and no axes are added or removed."""
    figure = drawing.figure_of(axes)
    before = figure.axes, [panel.get_children() for panel in panels(axes)]
    assert draw(*arguments, **options, ax=axes) is axes
    assert (figure.axes, [panel.get_children() for panel in panels(axes)]) == before
