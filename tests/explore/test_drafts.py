"""Drafts against whole pictures of the same figure."""

import io

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from PIL import Image

from workbench import drawing
from workbench.explore import drafts as module
from workbench.explore.drafts import Drafts, _draw_image, _draw_ticks


@drawing.plot(columns=2, size=(4, 2))
def panels(
    height=1.0, top=2.0, scale="linear", label="y", names=("a", "b"), words="here", legend="curve", above="both", *, ax
):
    ax[0].figure.suptitle(above, fontsize=9)
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

    draw.whole, draw.axes = whole, axes
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
    {"above": "left and right"},
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


@pytest.mark.parametrize("angle", [0, 30, 90, 200])
@pytest.mark.parametrize("words", ["Ágy_jp(0)", r"$\sum_i |x_i|^p$"])
def test_a_text_from_stored_pixels_is_where_matplotlib_draws_it(angle, words):
    stored, plain = (RendererAgg(300, 260, 100) for _ in range(2))
    drafts, gc, font = Drafts(), plain.new_gc(), FontProperties(size=14)
    rest = words, font, angle, words.startswith("$")
    for x, y in ((150.25, 130.5), (152.25, 133.5)):  # the second from the pixels of the first
        drafts._write(stored, gc, x, y, *rest)
        plain.draw_text(gc, x, y, *rest)
    one, other = (np.asarray(each.buffer_rgba())[..., 3].astype(int) for each in (stored, plain))
    assert other.max() == 255
    assert np.abs(one - other).max() < 20


def test_only_an_axis_that_changes_is_drawn_again(monkeypatch):
    axes = panels(top=4.0)
    figure, drafts, asked = drawing.figure_of(axes), Drafts(), []
    labels, draw = {axis.label for ax in axes for axis in (ax.xaxis, ax.yaxis)}, Text.draw
    for label in labels:
        label.set_text("name")

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
    image = module._draw_image
    monkeypatch.setattr(module, "_draw_image", lambda each, *given: drawn.append(each.get_gid()) or image(each, *given))
    found = []
    for moved in ({}, {"words": "there"}, {"words": "where"}, {"words": "where", "height": 2.0}, {"height": 3.0}):
        panels(ax=axes, **moved)
        drafts.note(figure)
        drawn.clear()
        drafts.encode(figure)
        found.append({each for each in drawn if each})
    everything = {"curve", "words", "pixels", "over"}
    assert found == [everything, everything, {"words"}, everything, everything]


def test_an_image_that_stays_for_a_layout_is_stored_with_the_next(monkeypatch):
    axes, found = panels(), []
    figure, drafts = drawing.figure_of(axes), Drafts()
    figure.set_layout_engine("none")
    image = module._draw_image
    monkeypatch.setattr(module, "_draw_image", lambda *given: found.append(given) or image(*given))
    for top, height, count in ((0.6, 1.0, 1), (0.6, 1.1, 2), (0.6, 1.2, 3), (0.5, 1.2, 4), (0.4, 1.2, 4)):
        axes[0].set_position((0.1, 0.1, 0.3, top))
        panels(ax=axes, height=height)
        drafts.note(figure)
        drafts.encode(figure)
        assert len(found) == count


@pytest.mark.parametrize(("name", "values"), [("height", (1.0, 1.1, 1.9)), ("top", (3.0, 4.0, 5.0))])
def test_a_whole_picture_between_two_drafts_leaves_nothing_old(drawn, name, values):
    for value in values:
        drawn(**{name: value})
    drawn.whole(2, **{name: values[0]})
    draft, whole = drawn(**{name: values[0]})
    assert (np.abs(draft - whole).max(axis=-1) > 40).mean() < 0.003


def test_ticks_that_are_taken_away_are_drawn_no_longer(drawn):
    drawn.axes[0].set_xticks([0.2, 0.8])
    for top in (0.7, 0.6):  # after two layouts, the axis is among the stored pixels
        drawn.axes[0].set_position((0.1, 0.1, 0.3, top))
        before, _ = drawn()
    drawn.axes[0].set_xticks([])
    draft, whole = drawn()
    assert (draft != before).any()
    assert (np.abs(draft - whole).max(axis=-1) > 40).mean() < 0.003


@pytest.mark.parametrize(("extend", "share"), [("neither", 0.012), ("both", 0.02)])  # of pixels: frames below images
def test_a_colour_bar_follows_its_image(extend, share):
    figure = Figure(figsize=(3, 2))
    ax, drafts = figure.subplots(), Drafts()
    image = ax.imshow([[0.0, 1.0]])
    figure.colorbar(image, extend=extend)
    drawing.encode(figure)
    drafts.note(figure)
    drafts.encode(figure)
    for high in (3.0, 20.0):
        image.set_clim(0, high)
        drafts.note(figure)
        draft, whole = pixels(drafts.encode(figure)), pixels(drawing.encode(figure))
        assert (np.abs(draft - whole).max(axis=-1) > 40).mean() < share


def test_a_formatter_that_is_made_anew_is_drawn_anew():
    axes = panels()
    figure, drafts = drawing.figure_of(axes), Drafts()
    first = pixels(drafts.encode(figure))
    axes[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: "?"))
    assert (pixels(drafts.encode(figure)) != first).any()


def test_words_stay_hidden_below_an_image_when_both_move():
    figure = Figure(figsize=(2, 2))
    ax = figure.subplots()
    picture = ax.imshow(np.array([[0.0, 0.2]]), vmin=0, vmax=1, extent=(0, 1, 0, 1), zorder=2)
    words = ax.text(0.5, 0.5, "", ha="center", zorder=1)
    drafts = Drafts()
    for value in (0.2, 0.4, 0.6):
        picture.set_data([[value, value]])
        words.set_text(f"HIDDEN {value}")
        drafts.note(figure)
        inside = pixels(drafts.encode(figure))[60:140, 60:140]
        assert np.ptp(inside, axis=(0, 1)).max() < 40, value


@pytest.mark.parametrize("origin", ["upper", "lower"])
@pytest.mark.parametrize("limits", [(-0.5, 4.5, 2.5, -0.5), (-0.5, 4.5, -0.5, 2.5), (4.5, 0.5, -1.0, 1.5)], ids=str)
@pytest.mark.parametrize("kind", ["numbers", "colours", "masked"])
def test_an_image_is_where_matplotlib_draws_it(origin, limits, kind):
    """Five columns, three rows; the limits turn axes over and cut pixels off."""
    values = np.arange(15.0).reshape(3, 5) / 14
    values = {
        "numbers": values,
        "colours": np.stack([values, 1 - values, values * 0], axis=-1),
        "masked": np.ma.masked_greater(values, 0.8),
    }[kind]
    figure = Figure(figsize=(2, 2))
    ax = figure.subplots()
    ax.axis("off")
    image = ax.imshow(values, origin=origin, aspect="auto", alpha=0.7)
    ax.axis(limits)
    canvas = drawing.canvas_of(figure)
    canvas.draw()
    whole = np.array(canvas.buffer_rgba(), dtype=int)
    image.set_visible(False)
    canvas.draw()
    empty = np.array(canvas.buffer_rgba(), dtype=int)
    _draw_image(image, canvas.get_renderer())
    found = np.array(canvas.buffer_rgba(), dtype=int)
    assert (whole != empty).any(axis=-1).mean() > 0.3
    assert (np.abs(found - whole).max(axis=-1) > 3).mean() < 0.02  # edges that lie within a pixel


@pytest.mark.parametrize("size", [(70, 90), (700, 900)])
def test_an_image_with_more_pixels_than_the_screen_is_thinned_out(size):
    figure = Figure(figsize=(1, 1))
    ax = figure.add_axes((0, 0, 1, 1))
    ax.axis("off")
    rows, columns = size
    image = ax.imshow(np.linspace(0, 1, rows * columns).reshape(size), aspect="auto", cmap="gray")
    canvas = drawing.canvas_of(figure)
    canvas.draw()
    whole = np.array(canvas.buffer_rgba(), dtype=int)
    _draw_image(image, canvas.get_renderer())
    assert np.abs(np.array(canvas.buffer_rgba(), dtype=int) - whole).max() <= 6


def test_what_a_whole_picture_has_changed_is_in_the_next_draft(drawn):
    drawn.axes[0].set_position((0.1, 0.1, 0.3, 0.6))  # a new layout, in which nothing else has moved
    drawn()
    drawn.whole(1, words="elsewhere")
    draft, whole = drawn(words="elsewhere")
    assert (np.abs(draft - whole).max(axis=-1) > 40).sum() < 20


@pytest.fixture
def stored(monkeypatch):
    """Return a list that gets an entry each time when pixels are stored."""
    found, store = [], Drafts._without
    monkeypatch.setattr(Drafts, "_without", lambda *given: found.append(0) or store(*given))
    return found


def test_pixels_are_stored_once_for_a_new_layout(drawn, stored):
    counts = []
    for height, top, words in ((1.1, 0.8, "a"), (1.2, 0.8, "b"), (1.3, 0.8, "c"), (1.4, 0.7, "d"), (1.5, 0.7, "e")):
        drawn.axes[0].set_position((0.1, 0.1, 0.3, top))
        drawn(height=height, above=words)
        counts.append(len(stored))
    assert counts == [1, 1, 1, 2, 2]


def test_what_has_moved_before_a_new_layout_may_move_again(drawn, stored):
    drawn(height=1.1)
    drawn(height=1.2, top=3.0)
    assert len(stored) == 2  # the curve moves, then the axis too
    drawn.axes[0].set_position((0.1, 0.1, 0.3, 0.7))
    drawn(height=1.2, top=3.0)
    drawn(height=1.3, top=3.0)
    drawn(height=1.3, top=4.0)
    assert len(stored) == 3


def test_the_label_of_an_axis_keeps_its_place_after_a_whole_picture(drawn):
    """A whole picture at twice the density puts the label at twice the pixels."""
    for top in (3.0, 4.0, 5.0):
        before, _ = drawn(top=top)
    left, bottom, right, top = drawn.axes[0].yaxis.label.get_window_extent().extents.astype(int)
    label = np.s_[len(before) - top : len(before) - bottom, left:right]
    drawn.whole(2, top=6.0)
    draft, _ = drawn(top=5.0)
    assert before[label].min() < 120
    assert np.abs(draft[label] - before[label]).max() < 40


@pytest.mark.parametrize("density", [1, 2, 3])
def test_words_are_where_the_whole_picture_has_them(density, monkeypatch):
    figure, drafts = Figure(figsize=(5, 4)), Drafts()
    ax = figure.subplots()
    ax.set(xlabel="x", ylabel="y", xlim=(0, 1e-9), ylim=(0, 1e12))
    words = [each for axis in (ax.xaxis, ax.yaxis) for each in (axis.label, axis.offsetText)]
    drawing.encode(figure)
    wanted = [each.get_position() for each in words]
    drawing.encode(figure, density)
    drafts.note(figure)
    drafts.note_whole(figure, density)
    monkeypatch.setattr(Axis, "draw", None)  # it would find the places again
    drafts.encode(figure)
    assert [each.get_position() for each in words] == [pytest.approx(place, abs=1) for place in wanted]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_ticks_that_are_drawn_at_once_are_those_drawn_one_by_one(scale):
    figure = Figure(figsize=(2, 2))
    ax = figure.subplots()
    ax.set(xlim=(2, 300), xscale=scale, ylim=(1, 7))
    ax.tick_params(which="minor", length=9, color="C1")
    ax.grid(True)
    canvas = drawing.canvas_of(figure)
    canvas.draw()
    found = []
    for draw in (lambda axis, renderer: [tick.draw(renderer) for tick in axis._update_ticks()], _draw_ticks):
        canvas.get_renderer().clear()
        draw(ax.xaxis, canvas.get_renderer())
        draw(ax.yaxis, canvas.get_renderer())
        found.append(np.array(canvas.buffer_rgba()))
    assert (found[0] != found[0][0, 0]).any()
    assert (found[0] == found[1]).all()
