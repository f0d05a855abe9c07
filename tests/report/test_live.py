"""Figures of a report whose controls move without a kernel: their markup, and what a browser makes of it."""

import base64
import hashlib
import json
import re
import time

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.browser import browser, serious, walked
from workbench.report import live, page
from workbench.report.results import Result

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGES = [f"data:image/png;base64,{DOT}#{number}" for number in range(5)]


def frame(number, **more):
    return {"image": number, "alt": f"alt {number}", "lines": [f"line {number}", "</script><b>second"], **more}


RECORDING = {
    "controls": [
        {"name": "size", "meaning": "a 'width' & more", "values": [1, 3, 5], "start": 1, "range": True},
        {"name": "kind", "meaning": "<what>", "values": ["up", "</script>"], "start": 0, "range": False},
    ],
    "grid": [False, False],
    "played": None,
    "frames": {"1,0": frame(0), "0,0": frame(1), "2,0": {"message": "size=5: must be below 5"}, "1,1": frame(2)},
    "images": IMAGES,
}


def report(recordings, tmp_path, name="line"):
    about = {"image/png": {"alt": "a <dot>", "width": 40}, "workbench": {"figure": name}}
    cell = new_code_cell("explore()", outputs=[new_output("display_data", {"image/png": DOT}, metadata=about)])
    result = Result("run", "n.ipynb", "ok", {}, {}, [], 1.0, "2026-01-01T00:00:00", {}, None)
    return page.report(result, {}, new_notebook(cells=[cell]), tmp_path / "n.ipynb", recordings=recordings)[0]


def test_the_page_without_a_script_shows_the_first_frame(tmp_path):
    made = report({"line": RECORDING}, tmp_path)
    figure = re.search(r"<figure.*?</figure>", made, re.DOTALL)[0]
    assert f'<img src="data:image/png;base64,{DOT}" alt="a &lt;dot&gt;" width="40">' in figure
    assert "line 0\n&lt;/script&gt;&lt;b&gt;second" in figure
    assert '<input type="range" min="0" max="2" value="1" aria-valuetext="3">' in figure
    assert '<option value="1">&lt;/script&gt;</option>' in figure
    assert json.loads(re.search(r"json\">(.*?)</script>", figure, re.DOTALL)[1]) == RECORDING
    assert made.count("</script>") == 2
    script = re.findall(r"<script>(.*?)</script>", made, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in made


def test_a_figure_without_a_recording_has_no_controls(tmp_path):
    for made in (report({}, tmp_path), report({"another": RECORDING}, tmp_path)):
        assert "<figure" not in made
        assert f'src="data:image/png;base64,{DOT}"' in made


def test_recordings_that_cannot_be_read_are_left_out(tmp_path):
    (tmp_path / "good.json").write_text(json.dumps(RECORDING))
    (tmp_path / "cut.json").write_text(json.dumps(RECORDING)[:50])
    assert live.recordings(tmp_path) == {"good": RECORDING}
    assert live.recordings(tmp_path / "missing") == {}


@pytest.fixture(scope="module")
def chromium():
    with browser() as session:
        yield session


SEEN = """
const figure = document.querySelector("[data-live]");
const [size, kind] = figure.querySelectorAll("input, select"), picture = figure.querySelector("img");
return [size.value, kind.value, picture.src.split("#")[1], picture.alt, figure.querySelector(".lines").textContent,
  figure.querySelector(".message").hidden, figure.querySelector(".message").textContent,
  figure.querySelector(".note").textContent !== "", figure.querySelector("output").value];
"""
LINES = "line {}\n</script><b>second"


def test_controls_move_by_keyboard_and_one_at_a_time(tmp_path, chromium):
    (tmp_path / "report.html").write_text(report({"line": RECORDING}, tmp_path))
    chromium.load((tmp_path / "report.html").as_uri())
    assert chromium.run(SEEN) == ["1", "0", None, "a <dot>", LINES.format(0), True, "", False, "3"]
    chromium.press("input", "\ue012")  # left
    assert chromium.run(SEEN) == ["0", "0", "1", "alt 1", LINES.format(1), True, "", False, "1"]
    chromium.press("select", "\ue015")  # down: the slider goes back to its start, and a note says why
    assert chromium.run(SEEN) == ["1", "1", "2", "alt 2", LINES.format(2), True, "", True, "3"]
    chromium.press("input", "\ue014")  # right: a message in place of a picture
    assert chromium.run(SEEN)[:2] == ["2", "0"]
    assert chromium.run(SEEN)[5:] == [False, "size=5: must be below 5", True, "5"]
    chromium.press("[data-reset]", "\ue007")
    assert chromium.run(SEEN) == ["1", "0", "0", "alt 0", LINES.format(0), True, "", False, "3"]


def test_two_controls_of_a_grid_move_together(tmp_path, chromium):
    both = {"0,1": frame(3), "2,1": frame(4)}
    recording = RECORDING | {"grid": [True, True], "frames": RECORDING["frames"] | both}
    (tmp_path / "report.html").write_text(report({"line": recording}, tmp_path))
    chromium.load((tmp_path / "report.html").as_uri())
    chromium.press("select", "\ue015")
    chromium.press("input", "\ue012")
    assert chromium.run(SEEN) == ["0", "1", "3", "alt 3", LINES.format(3), True, "", False, "1"]


def test_a_button_plays_to_the_end_and_pauses(tmp_path, chromium):
    recording = RECORDING | {"played": 0, "frames": RECORDING["frames"] | {"2,0": frame(4)}}
    (tmp_path / "report.html").write_text(report({"line": recording}, tmp_path))
    chromium.load((tmp_path / "report.html").as_uri())
    button = "return document.querySelector('[data-play]').textContent"
    chromium.press("[data-play]", "\ue007")
    wait_until(lambda: chromium.run(SEEN)[0] == "2" and chromium.run(button) == "Play")
    assert chromium.run(SEEN)[2] == "4"
    chromium.press("[data-play]", "\ue007")  # from the beginning
    assert chromium.run(button) == "Pause"
    chromium.press("[data-play]", "\ue007")
    assert chromium.run(button) == "Play"


def test_on_paper_a_figure_is_as_at_the_start_and_then_as_it_was(tmp_path, chromium):
    (tmp_path / "report.html").write_text(report({"line": RECORDING}, tmp_path))
    chromium.load((tmp_path / "report.html").as_uri())
    chromium.press("input", "\ue012")  # left
    moved = chromium.run(SEEN)
    chromium.run(f"addEventListener('beforeprint', () => {{ window.printed = (() => {{ {SEEN} }})(); }})")
    chromium.print()
    assert chromium.run("return window.printed") == ["1", "0", "0", "alt 0", LINES.format(0), True, "", False, "3"]
    assert chromium.run(SEEN) == moved


def test_axe_finds_nothing_serious_in_controls(tmp_path, chromium):
    (tmp_path / "report.html").write_text(report({"line": RECORDING | {"played": 0}}, tmp_path))
    chromium.load((tmp_path / "report.html").as_uri())
    chromium.press("input", "\ue014")  # right: with a message
    chromium.press("select", "\ue015")  # down: with a note
    assert serious(chromium) == []


def test_on_a_phone_the_picture_is_seen_with_each_of_many_controls(tmp_path, chromium):
    extra = [{"name": f"n{i}", "meaning": "", "values": [1, 2], "start": 0, "range": True} for i in range(18)]
    name = ",".join(["1,0", *["0"] * 18])
    recording = RECORDING | {"controls": RECORDING["controls"] + extra, "frames": {name: frame(0)}}
    made = report({"line": recording}, tmp_path).replace('width="40"', 'width="660" height="420"')
    (tmp_path / "report.html").write_text(made)
    chromium.screen(390, 844, dark=False)
    chromium.load((tmp_path / "report.html").as_uri())
    seen = walked(chromium, 20)
    assert [each[0] for each in seen[:20]] == ["input", "select", *["input"] * 18]
    assert {tuple(each[1:]) for each in seen} == {(0, 0, True)}


def wait_until(happens):
    end = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_script_in_a_notebook_does_not_run(tmp_path, chromium):
    made = report({"line": RECORDING}, tmp_path).replace(
        "</footer>", "<script>document.title = 'run'</script></footer>"
    )
    (tmp_path / "report.html").write_text(made)
    chromium.load((tmp_path / "report.html").as_uri())
    assert chromium.run("return document.title") == "run · operator workbench"
    assert chromium.run("return document.querySelector('[data-live]').className") == "live moves"
