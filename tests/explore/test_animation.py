import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from workbench import drawing
from workbench.explore import animation


@drawing.plot(size=(2.0, 1.5))
def dot(moment, *, ax):
    """A dot that moves to the right."""
    drawing.line(ax, "dot", [moment], [0.5], marker="o", markersize=20)
    ax.set(xlim=(0, 1), ylim=(0, 1))


@pytest.fixture
def displayed(monkeypatch, tmp_path):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata)))
    monkeypatch.setenv("WORKBENCH_FIGURES", str(tmp_path))
    return shown


def test_an_animation_is_one_png_that_plays_once_and_ends_on_its_last_frame(displayed, tmp_path):
    animation.animate(dot, (0.2, 0.5, 0.8), "moving", "A dot moves.", seconds=1.5)
    data, metadata = displayed[0]
    assert metadata == {
        "image/png": {"alt": "A dot moves.", "width": 200, "height": 150},
        "workbench": {"figure": "moving", "frames": 3},
    }
    film = base64.b64decode(data["image/png"])
    picture = Image.open(io.BytesIO(film))
    assert (picture.n_frames, picture.info["loop"], picture.info["default_image"]) == (4, 1, True)
    frames = [np.asarray(frame.convert("RGB"), int) for frame in ImageSequence.Iterator(picture)]
    assert np.array_equal(frames[0], frames[3])  # who cannot play it sees the last one
    for moment, frame in zip((0.2, 0.5, 0.8), frames[1:], strict=True):
        exact = np.asarray(Image.open(io.BytesIO(drawing.encode(drawing.figure_of(dot(moment))))).convert("RGB"), int)
        assert np.abs(frame - exact).mean() < 1
        assert np.abs(frame - exact).max() < 60  # there are fewer colours
    durations = []
    for number in range(1, 4):
        picture.seek(number)
        durations.append(picture.info["duration"])
    assert durations == [500, 500, 500]
    last = Image.open(io.BytesIO(animation.still(film)))
    assert last.format == "PNG"
    assert getattr(last, "n_frames", 1) == 1
    assert np.array_equal(np.asarray(last.convert("RGB"), int), frames[3])
    assert Image.open(tmp_path / "moving.png").size == (400, 300)
    assert "<svg" in (tmp_path / "moving.svg").read_text()


def test_what_changes_and_what_stays_is_seen_in_each_frame():
    shades = np.random.default_rng(3).choice([0, 100, 255], (7, 3, 5)).astype(np.uint8)  # white is also drawn anew
    frames = []
    for pixels in shades:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "png")
        frames.append(file.getvalue())
    picture = Image.open(io.BytesIO(animation.film(frames, 1.0)))
    seen = [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(picture)]
    assert np.array_equal(seen, [shades[-1], *shades])


def test_an_animation_is_the_same_each_time():
    frames = [drawing.encode(drawing.figure_of(dot(moment))) for moment in (0.3, 0.6)]
    assert animation.film(frames, 1.0) == animation.film(frames, 1.0)


def test_what_moves_for_long_is_refused(displayed):
    with pytest.raises(ValueError, match="seconds=3, plays=2: must move for at most 5 seconds in all"):
        animation.animate(dot, (0.2, 0.8), "moving", "A dot moves.", seconds=3, plays=2)
    assert displayed == []
