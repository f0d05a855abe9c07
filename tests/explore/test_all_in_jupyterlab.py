"""Every explorer of every notebook in JupyterLab: each control is moved by a key. For `make test-browser` alone."""

import os
import shutil
from pathlib import Path

import pytest

from tests.browser import jupyterlab
from tests.explore.jupyterlab import ALL, END, ENTER, HOME, PAGE_DOWN, PAGE_UP, PICTURE, SPACE, changed, picture
from workbench.bench.browser import run_all, until

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MARK = """
const [which] = arguments, explorer = document.querySelectorAll(".workbench-explorer")[which];
return [...explorer.querySelectorAll("[role=slider], .widget-toggle-buttons, input[type=checkbox]")].map(
  (control, i) => (control.dataset.mark = `${which}-${i}`, control.getAttribute("role") ?? control.type ?? "choice"));
"""
COUNT = "return document.querySelectorAll('.workbench-explorer').length"
FIELDS = """
const [which] = arguments, explorer = document.querySelectorAll(".workbench-explorer")[which];
return [...explorer.querySelectorAll("input[type=number]")].map(
  (field, i) => (field.dataset.mark = `${which}-field-${i}`, field.value));
"""
MESSAGE = """
return document.querySelectorAll(".workbench-explorer")[arguments[0]].querySelector("[role=alert]")?.textContent;
"""
OTHER = "button:not(.mod-active)"
KEYS = {"slider": (PAGE_UP, PAGE_DOWN, END, HOME), "checkbox": (SPACE,), "choice": (ENTER,)}
SAME = {
    "06-lrn-overhead": ["explorer 0: 2, a choice"],  # memory bounds LRN there, in either order of the channels
    "13-competition": ["explorer 1: 2, a slider"],  # with any ratio of dropout, no unit suppresses another one
}
STILL = 20  # seconds without another picture after which a key has moved nothing
ILLEGAL = "-1000000000"  # for most numbers

pytestmark = pytest.mark.skipif("WORKBENCH_BROWSER_ALL" not in os.environ, reason="make test-browser runs it")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    for path in NOTEBOOKS:
        shutil.copy(path, folder)
    with jupyterlab(folder, tmp_path_factory.mktemp("jupyter")) as found:
        yield found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_control_of_a_notebook_moves_its_picture(path, lab):
    page, address = lab
    run_all(page, address, path.name)
    still, silent = [], []
    for i in range(page.run(COUNT)):
        still += [f"explorer {i}: {control}" for control in controls_that_move_nothing(page, i)]
        silent += [i] * (not refuses_and_recovers(page, i))
    assert still == SAME.get(path.stem, [])
    assert silent == []
    assert page.errors() == []


def controls_that_move_nothing(page, which):
    """Yield the controls of an explorer that no key moves to another picture."""
    now = picture(page, which)
    for place, kind in enumerate(page.run(MARK, which)):
        for keys in KEYS[kind]:
            page.press(f'[data-mark="{which}-{place}"]' + f" {OTHER}" * (kind == "choice"), keys)
            before, now = now, changed(page, now, which, STILL) or now
            if now != before:
                break
        else:
            yield f"{place}, a {kind}"


def refuses_and_recovers(page, which):
    """Return whether a number that is not allowed gets a message, and the number before gets a picture again.

    It is not always the same picture: Matplotlib finds the places of panels in several steps, one a drawing.
    """
    before, fields = picture(page, which), page.run(FIELDS, which)
    for place, number in enumerate(fields):
        field = f'[data-mark="{which}-field-{place}"]'
        page.press(field, ALL + ILLEGAL + ENTER)
        found = until(lambda: page.run(MESSAGE, which) or changed(page, before, which, 1))
        page.press(field, ALL + number + ENTER)
        until(lambda: not page.run(MESSAGE, which) and page.run(PICTURE, which) not in (None, "moves"))
        if ILLEGAL in found:
            return True
    return not fields
