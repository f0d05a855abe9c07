"""The helpers that plot functions share, where no plot function's own test covers them."""

import base64
import io
import os
import signal
import threading

import numpy as np
import pytest
from matplotlib.colors import same_color
from PIL import Image

from workbench import drawing


@drawing.plot()
def polygons(*corners, ax):
    for i, (x, y) in enumerate(corners):
        drawing.area(ax, f"polygon {i}", x, y, facecolor=f"C{i}", alpha=0.5)


def outline(ax, number):
    """Return the corners of a polygon, without the first again at its end."""
    return next(each for each in ax.patches if each.get_gid() == f"polygon {number}").get_xy()[:-1].tolist()


def test_an_area_has_the_corners_that_are_given():
    ax = polygons(([0, 4, 4], [0, 0, 3]), ([-1, -2, -2, -1], [5, 5, 7, 6]))
    assert outline(ax, 0) == [[0, 0], [4, 0], [4, 3]]
    assert outline(ax, 1) == [[-1, 5], [-2, 5], [-2, 7], [-1, 6]]
    assert same_color(ax.patches[1].get_facecolor(), ("#D55E00", 0.5))


def test_an_area_covers_its_inside_alone():
    ax = polygons(([0, 1, 1, 0], [0, 0, 0.5, 0.5]))
    ax.set(xlim=(0, 2), ylim=(0, 1))
    figure = drawing.figure_of(ax)
    drawing.encode(figure)
    pixels = np.asarray(figure.canvas.buffer_rgba()).astype(int)
    box = ax.get_window_extent()
    for x, y, filled in ((0.5, 0.25, True), (0.55, 0.75, False), (1.55, 0.3, False)):
        column = int(box.x0 + x / 2 * box.width)
        row = pixels.shape[0] - int(box.y0 + y * box.height)
        assert (pixels[row, column, 2] > pixels[row, column, 0] + 50) == filled  # blue on white


def test_a_stored_picture_is_dense_and_small():
    ax = polygons(([0, 4, 4], [0, 0, 3]))
    figure = drawing.figure_of(ax)
    dense = drawing.encode(figure, density=2)
    picture = np.asarray(Image.open(io.BytesIO(dense)).convert("RGB")).astype(int)
    assert picture.shape == (800, 1280, 3)  # 6.4 x 4 inches, 100 dots an inch
    assert figure.dpi == 100
    data, size = drawing.stored(dense, figure)
    assert size == {"width": 640, "height": 400}
    kept = Image.open(io.BytesIO(base64.b64decode(data)))
    assert len(kept.getcolors()) <= drawing.COLOURS
    assert np.abs(np.asarray(kept.convert("RGB")).astype(int) - picture).mean() < 1
    assert len(base64.b64decode(data)) < len(dense) / 2


@pytest.mark.parametrize("corners", [([1, 2, 3], [4, 5, 9]), ([0, 1, 2, 1, 0], [0, 0, 1, 2, 2])])
def test_an_area_moves_when_drawn_again(corners):
    other = ([7, 8, 8], [7, 7, 9])
    ax = polygons(([0, 4, 4], [0, 0, 3]), other)
    children = ax.get_children()
    assert polygons(corners, other, ax=ax) is ax
    assert ax.get_children() == children
    assert outline(ax, 0) == [list(corner) for corner in zip(*corners, strict=True)]
    assert outline(ax, 1) == [[7, 7], [8, 7], [8, 9]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_that_is_forked_while_another_thread_draws_can_draw():
    drawing_now, done = threading.Event(), threading.Event()

    def draw():
        with drawing.styled():
            drawing_now.set()
            done.wait(60)

    other = threading.Thread(target=draw)
    other.start()
    drawing_now.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(5)  # a child that hangs is killed
        with drawing.styled():
            os._exit(7)
    done.set()
    other.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_an_artist_is_set_only_to_what_is_new():
    height = np.array([1.0, 2.0, np.inf])

    @drawing.plot()
    def shown(words, colour, *, ax):
        drawing.line(ax, "line", [0, 1, 2], height)
        drawing.bars(ax, "bar", [0, 1], [3, 4], ["C0", colour])
        drawing.write(ax, "words", 0, 1, words)

    ax = shown("here", "C1")
    shown("here", "C1", ax=ax)
    artists = ax.lines[0], *ax.patches, *ax.texts
    for words, colour, last, changed in (
        ("here", "C1", 2.0, []),
        ("here", "C2", 2.0, [2]),
        ("there", "C2", 2.0, [3]),
        ("there", "C2", 5.0, [0]),
        ("there", "C2", 7.0, [0]),
    ):
        drawing.encode(drawing.figure_of(ax))
        height[1] = last  # in place: the array is the same
        shown(words, colour, ax=ax)
        assert [i for i, each in enumerate(artists) if each.stale] == changed
    assert ax.lines[0].get_ydata().tolist() == [1, 7, np.inf]
