"""An explorer in JupyterLab, in a real browser: every kind of control is moved by keys, and the picture follows."""

import nbformat
import pytest

from tests.browser import jupyterlab
from tests.explore.jupyterlab import ALL, ENTER, PICTURE, RIGHT, SPACE, changed, picture
from workbench.bench.browser import run_all, until
from workbench.bench.in_browser import MOVES

CELL = '''
import numpy as np
from workbench import drawing
from workbench.explore import explore
from workbench.operator import Arg

ARGS = (
    Arg("size", int, 3, "waves", low=1, high=9),
    Arg("alpha", float, 0.1, "height", low=0.0, high=10.0, slider=(0.01, 1.0), scale="log"),
    Arg("order", str, "sine", "kind of wave", choices=("sine", "cosine")),
    Arg("thick", bool, False, "thick lines"),
    Arg("step", int, 0, "place", low=0, high=50),
)

@drawing.plot(size=(3, 2))
def wave(size=3, alpha=0.1, order="sine", thick=False, step=0, *, ax):
    """A wave."""
    x = np.linspace(0, 7, 99)
    y = alpha * (np.sin if order == "sine" else np.cos)(size * x + step / 9)
    drawing.line(ax, "wave", x, y)
    ax.lines[0].set_linewidth(9 if thick else 1)
    ax.set(ylim=(-1, 1), title=f"{size} waves")

explore(None, wave, extra=ARGS, play="step", name="wave", python="wave({size})")
'''
SAVED = """
const link = document.querySelector(".workbench-explorer a[download]");
document.addEventListener("click", event => event.preventDefault(), { once: true });
link.click();
return fetch(link.href).then(answer => answer.arrayBuffer()).then(data =>
  [link.download, String.fromCharCode(...new Uint8Array(data.slice(1, 4)))]);
"""
# Notebook 7 looks for shortcuts before a control gets a key, and JupyterLab afterwards.
SHORTCUTS_FIRST = """
document.addEventListener("keydown", event => window.jupyterapp.commands.processKeydownEvent(event), true);
"""
NAMED = {
    *("size", "alpha", "thick", "step", "sine (chosen)", "cosine", "Play or pause", "Stop, and back to the start"),
    *("Step", "Restart", "Reset", "Save picture"),
}
EXPLORER = ".workbench-explorer "
FIELD, MESSAGE = EXPLORER + ".workbench-log input", EXPLORER + "[role=alert]"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(CELL.strip())]
    nbformat.write(nbformat.v4.new_notebook(metadata=about, cells=cells), folder / "wave.ipynb")
    with jupyterlab(folder, tmp_path_factory.mktemp("jupyter")) as (page, address):
        run_all(page, address, "wave.ipynb")
        yield page
        assert page.errors() == []


def test_every_control_has_a_name(page):
    assert page.names() >= NAMED


def test_every_kind_of_control_moves_the_picture_by_keys_and_reset_brings_it_back(page):
    first = before = picture(page)
    for control, keys in (
        (".workbench-linear [role=slider]", RIGHT),
        (".workbench-log [role=slider]", RIGHT),
        (".workbench-log input", ALL + "0.7" + ENTER),
        (".widget-toggle-buttons button:nth-child(2)", ENTER),
        ("input[type=checkbox]", SPACE),
        (".widget-play button", ENTER),
        (".widget-play ~ button", ENTER),
    ):
        page.press(EXPLORER + control, keys)
        if control == ".widget-play button":
            until(lambda: playing(page))
            page.press(EXPLORER + control, ENTER)
        before = changed(page, before)
        assert before, control
    page.press(EXPLORER + "button[title^=all]", ENTER)
    until(lambda: picture(page) == first)


def playing(page):
    """Return the step that is played by now."""
    return page.run(f"return +document.querySelectorAll('{EXPLORER}.workbench-linear input')[1].value")


def test_a_slider_keeps_its_keys_in_notebook_7(page):
    page.run(SHORTCUTS_FIRST)
    before = picture(page)
    page.press(EXPLORER + ".workbench-linear [role=slider]", RIGHT)
    assert changed(page, before, seconds=20)
    page.press(EXPLORER + "button[title^=all]", ENTER)
    until(lambda: picture(page) == before)


def test_an_illegal_value_shows_a_message_and_a_legal_one_the_picture_again(page):
    shown = picture(page)
    page.press(FIELD, ALL + "99" + ENTER)
    words = until(lambda: page.run(f"return document.querySelector('{MESSAGE}')?.textContent"))
    assert words.startswith("alpha=99.0: must be")
    assert page.run(PICTURE, 0) is None
    page.press(FIELD, ALL + "0.1" + ENTER)
    assert picture(page) == shown
    assert page.run(f"return document.querySelector('{MESSAGE}')") is None


def test_the_picture_can_be_saved(page):
    assert page.run(SAVED) == ["wave.png", "PNG"]


def test_the_bench_times_moves_and_drags(page):
    name, times, rates = page.run(MOVES, 0, 10, 1000)
    assert name == "wave"
    assert 4 < len(times) <= 10  # on a busy machine, not every move has a picture of its own
    assert 0 < len(rates) <= 3
    assert min(times + rates) > 0
