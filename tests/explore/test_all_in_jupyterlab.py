"""Every explorer of every notebook in JupyterLab: each control is moved by a key. For `make test-browser` alone."""

import os
import shutil
from pathlib import Path

import pytest

from tests.explore.jupyterlab import ENTER, RIGHT, SPACE, jupyterlab, picture, run_all, until

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
HOME = "\ue011"
BUSY = (
    "return window.jupyterapp.shell.currentWidget.content.widgets.some(cell => cell.promptNode?.textContent == '[*]:')"
)
MARK = """
return [...document.querySelectorAll(".workbench-explorer")].map((explorer, i) => [...explorer.querySelectorAll(
  "[role=slider], .widget-toggle-buttons button:not(.mod-active):nth-child(-n+2), input[type=checkbox]"
)].map((control, j) => (control.dataset.mark = `${i}-${j}`, control.getAttribute("role") ?? control.type)));
"""
KEYS = {"slider": (RIGHT * 4, HOME), "checkbox": (SPACE,), "button": (ENTER,), "submit": (ENTER,)}

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
    until(lambda: not page.run(BUSY), 300)
    still = []
    for i, controls in enumerate(page.run(MARK)):
        for j, kind in enumerate(controls):
            before = picture(page, i)
            for keys in KEYS[kind]:
                page.press(f'[data-mark="{i}-{j}"]', keys)
                if picture(page, i) != before:
                    break
            else:
                still.append(f"explorer {i}, control {j}, a {kind}")
    assert still == []
    assert page.errors() == []
