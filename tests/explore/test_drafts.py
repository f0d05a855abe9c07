"""Drafts against whole pictures of the same figure."""

import io

import numpy as np
import pytest
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from PIL import Image

from workbench import drawing
from workbench.explore.drafts import Drafts


@drawing.plot(columns=2, size=(4, 2))
def panels(height=1.0, top=2.0, scale="linear", label="y", names=("a", "b"), words="here", legend="curve", *, ax):
    drawing.line(ax[0], "curve", [0, 1], [0.1, height], label=legend)
    drawing.write(ax[0], "words", 0.2, 0.5, words)
    ax[0].set(xlim=(0, 1), ylim=(0.1, top), yscale=scale, ylabel=label, title=f"{height:g}")
    drawing.image(ax[1], "pixels", np.array([[0, height]]), 0, 2)
    drawing.write(ax[1], "over", 0.9, 0.1, "over the pixels", ha="right")
    ax[1].set_xticks([0, 1], names)
    ax[0].legend(loc="upper left")
    ax[1].grid(False)


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.fixture
def drawn():
    """Return a function that draws once more, and returns the draft and the whole picture, as pixels."""
    axes = panels()
    figure, drafts = drawing.figure_of(axes), Drafts()
    drawing.encode(figure)
    figure.set_layout_engine("none")

    def draw(**moved):
        panels(ax=axes, **moved)
        drafts.note(figure)
        draft = pixels(drafts.encode(figure))
        return draft, pixels(drawing.encode(figure))

    def whole(density, **moved):
        panels(ax=axes, **moved)
        drafts.note(figure)
        drawing.encode(figure, density)

    draw.whole = whole
    draw()
    return draw


MOVES = (
    {"height": 1.5},
    {"top": 5.0},
    {"scale": "log"},
    {"label": "other"},
    {"names": ("c", "dd")},
    {"words": "there"},
    {"legend": "line"},
)


@pytest.mark.parametrize("moved", MOVES, ids=str)
def test_a_draft_is_the_whole_picture_with_frames_below(drawn, moved):
    before, _ = drawn()
    for _ in range(3):  # what has changed before is drawn in another way
        draft, whole = drawn(**moved)
        assert (draft != before).any()
        assert (np.abs(draft - whole).max(axis=-1) > 40).mean() < 0.003  # where a curve crosses the frame
        draft, whole = drawn()
        assert (np.abs(draft - whole).max(axis=-1) > 40).mean() < 0.003


def test_only_an_axis_that_changes_is_drawn_again(monkeypatch):
    axes = panels(top=4.0)
    figure, drafts, asked = drawing.figure_of(axes), Drafts(), []
    labels, draw = {axis.label for ax in axes for axis in (ax.xaxis, ax.yaxis)}, Text.draw

    def counted(self, *arguments):
        asked.extend({self} & labels)
        return draw(self, *arguments)

    monkeypatch.setattr(Text, "draw", counted)
    drawing.encode(figure)
    figure.set_layout_engine("none")
    moves = ({}, {}, {"height": 2.0}, {"height": 3.0}, {"top": 3.0}, {"top": 4.0}, {})
    for count, moved in zip((4, 0, 4, 0, 4, 1, 1), moves, strict=True):  # what first moves leaves the stored pixels
        panels(ax=axes, **{"top": 4.0} | moved)
        drafts.note(figure)
        asked.clear()
        drafts.encode(figure)
        assert len(asked) == count, moved


def test_only_what_has_moved_and_what_it_covers_is_drawn_again(monkeypatch):
    axes = panels()
    figure, drafts, drawn = drawing.figure_of(axes), Drafts(), []
    drafts.note(figure)
    drawing.encode(figure)
    figure.set_layout_engine("none")
    for kind in (Line2D, Text, AxesImage):
        draw = kind.draw

        def counted(self, *arguments, draw=draw):
            drawn.extend([self.get_gid()] * self.get_visible())
            return draw(self, *arguments)

        monkeypatch.setattr(kind, "draw", counted)
    found = []
    for moved in ({}, {"words": "there"}, {"words": "where"}, {"words": "where", "height": 2.0}, {"height": 3.0}):
        panels(ax=axes, **moved)
        drafts.note(figure)
        drawn.clear()
        drafts.encode(figure)
        found.append({each for each in drawn if each})
    everything = {"curve", "words", "pixels", "over"}
    assert found == [everything, everything, {"words"}, everything, everything]


@pytest.mark.parametrize(("name", "values"), [("height", (1.0, 1.1, 1.9)), ("top", (3.0, 4.0, 5.0))])
def test_a_whole_picture_between_two_drafts_leaves_nothing_old(drawn, name, values):
    for value in values:
        drawn(**{name: value})
    drawn.whole(2, **{name: values[0]})
    draft, whole = drawn(**{name: values[0]})
    assert (np.abs(draft - whole).max(axis=-1) > 40).mean() < 0.003


def test_a_formatter_that_is_made_anew_is_drawn_anew():
    axes = panels()
    figure, drafts = drawing.figure_of(axes), Drafts()
    first = pixels(drafts.encode(figure))
    axes[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: "?"))
    assert (pixels(drafts.encode(figure)) != first).any()
