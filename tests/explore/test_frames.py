"""Recorded frames: which settings are drawn, what they show, and that equal pictures are stored once."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from workbench import drawing
from workbench.explore import explore, frames
from workbench.explore.playground import Playground
from workbench.operator import Arg
from workbench.report import live

ARGS = (
    Arg("width", int, 3, "units of the layer", low=1, high=41, step=2),
    Arg("rate", float, 0.5, "how fast it learns", low=0.01, high=10.0, scale="log"),
    Arg("shown", bool, True, "whether the line is drawn"),
    Arg("kind", str, "up", "where the line goes", choices=("up", "down", "flat")),
)


@drawing.plot(size=(2, 1))
def plot(*, ax, width=3, rate=0.5, shown=True, kind="up"):
    """A line."""
    if width > 40:
        raise ValueError("width=41: must be below 41")
    height = width * rate * {"up": 1, "down": -1, "flat": 0}[kind] * shown
    drawing.line(ax, "line", [0, 1], [0, height])
    ax.set(ylim=(-10, 10))


def explorer(name="line", **options):
    return explore("LRN", plot, extra=ARGS, python="plot(width={width}, rate={rate})", name=name, **options)


def test_one_control_moves_and_the_others_stay():
    found = frames.record(explorer(), seconds=0)
    values = [control["values"] for control in found["controls"]]
    assert values == [[1, 3, 21, 41], [0.01, 0.316, 0.5, 10.0], [False, True], ["up", "down", "flat"]]
    assert [control["start"] for control in found["controls"]] == [1, 2, 1, 0]
    assert [control["range"] for control in found["controls"]] == [True, True, False, False]
    moved = ["0,2,1,0", "2,2,1,0", "3,2,1,0", "1,0,1,0", "1,1,1,0", "1,3,1,0", "1,2,0,0", "1,2,1,1", "1,2,1,2"]
    assert list(found["frames"]) == ["1,2,1,0", *moved]
    assert found["controls"][0]["meaning"] == "units of the layer"
    assert found["frames"]["0,2,1,0"]["lines"] == ["plot(width=1, rate=0.5)"]
    assert found["frames"]["2,2,1,0"]["alt"] == "A line. At width = 21, rate = 0.5, shown = True, kind = up."
    assert found["frames"]["3,2,1,0"] == {"message": "width=41: must be below 41"}
    assert json.loads(json.dumps(found)) == found


def test_equal_pictures_are_stored_once_and_others_are_not():
    found = frames.record(explorer(), seconds=0)
    number = {at: frame.get("image") for at, frame in found["frames"].items()}
    assert number["1,2,0,0"] == number["1,2,1,2"]  # no line, and a flat one at 0
    assert len(found["images"]) == len(found["frames"]) - 2 == len(set(number.values()) - {None})
    high, low = (pixels(found["images"][number[at]]) for at in ("1,2,1,0", "1,2,1,1"))
    assert high.shape == (125, 250, 3)  # 2 x 1 inches of 100 dots, each 1.25 pixels wide
    assert np.abs(high.astype(int) - low).max() > 100


def pixels(image):
    kind, _, content = image.partition(",")
    assert kind == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_a_grid_moves_two_controls_together():
    found = frames.record(explorer(grid=("rate", "kind")), seconds=0)
    rates, kinds = (len(found["controls"][i]["values"]) for i in (1, 3))
    assert (rates, kinds, found["grid"]) == (6, 3, [False, True, False, True])
    assert {f"1,{rate},1,{kind}" for rate in range(6) for kind in range(3)} <= found["frames"].keys()
    assert len(found["frames"]) == 6 * 3 + 3 + 1
    for wrong, match in ((("rate",), "two controls"), (("rate", "speed"), "'speed' is not controlled")):
        with pytest.raises(ValueError, match=match):
            explorer(grid=wrong)


def test_with_time_there_are_more_stops_and_the_explorer_is_as_before():
    shown = explorer(rate=0.25)
    before = shown.frame, shown.values
    found = frames.record(shown, seconds=60)
    assert [len(control["values"]) for control in found["controls"]] == [10, 10, 2, 3]
    assert found["controls"][1]["values"][found["controls"][1]["start"]] == 0.25
    assert (shown.frame, shown.values) == before


def test_a_page_that_is_large_enough_gets_no_more_stops(monkeypatch):
    monkeypatch.setattr(frames, "ENOUGH", 1)
    few, many = (frames.record(explorer(), seconds=seconds)["frames"] for seconds in (0, 60))
    assert few.keys() == many.keys()


def test_the_lines_of_a_playground_are_those_of_its_frame():
    playground = Playground(epochs=0, depth=0)
    lines = playground.lines_at(playground.values | {"seed": 7})
    assert lines[0] == "Playground(depth=0, seed=7, epochs=0)"
    assert lines[1].startswith("points = plane('two moons', noise=0.25, seed=7)")


def test_a_picture_of_many_colours_is_stored_with_loss():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8))
    file = io.BytesIO()
    noise.save(file, "png")
    assert frames.LARGE < len(frames.encode(noise)) < file.tell() / 2


def test_a_frame_is_the_whole_picture_of_its_values():
    shown = explorer()
    for moved in ({"width": 21}, {"kind": "down"}, {"width": 9, "rate": 0.1}):
        values = shown.values | moved
        frame = np.asarray(shown.frame_at(values, 1.25)).astype(int)
        whole = np.asarray(Image.open(io.BytesIO(explorer().picture_at(values, 1.25)))).astype(int)
        assert frame.shape == whole.shape
        assert np.mean(np.abs(frame - whole).max(axis=2) > 40) < 0.002, moved


def test_frames_are_kept_in_a_report_run_only(tmp_path, monkeypatch):
    explorer().outputs()
    monkeypatch.setenv("WORKBENCH_FRAMES", str(tmp_path))
    explorer().outputs()
    assert [path.name for path in tmp_path.iterdir()] == ["line.json"]
    assert "frames" in json.loads((tmp_path / "line.json").read_text())


NAMES = ("../x", "/tmp/x", "a/b", "..", "x" * 300, "half \ud800", "é #?%<b>", 3)


def test_any_name_is_a_file_in_the_folder_and_the_first_figure_with_it_moves(tmp_path, monkeypatch):
    recorded, figures = tmp_path / "in" / "frames", tmp_path / "in" / "figures"
    recorded.mkdir(parents=True)
    monkeypatch.setenv("WORKBENCH_FRAMES", str(recorded))
    monkeypatch.setenv("WORKBENCH_FIGURES", str(figures))
    recording = {"controls": [], "played": None, "frames": {"": {"lines": []}}}
    monkeypatch.setattr(frames, "record", lambda explorer: recording | explorer.values)
    for name in NAMES:
        for width in (5, 7):
            explorer(name, width=width).outputs()
    assert [each.name for each in tmp_path.iterdir()] == ["in"]
    assert [len(list(each.iterdir())) for each in (recorded, figures)] == [len(NAMES), 2 * len(NAMES)]
    found = live.recordings(recorded)
    assert {each["width"] for each in found.values()} == {5}
    assert all("<figure" in live.figure(found, str(name), "") for name in NAMES)
    assert all(live.figure(found, str(name), "") == "" for name in NAMES)
