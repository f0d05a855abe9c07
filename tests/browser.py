"""The browser of `workbench bench`, for tests of pages; without chromium they are skipped."""

import contextlib
import os

import pytest

from workbench.bench import browser as bench

OPENED_AND_CHECKED = """;
document.querySelectorAll("details").forEach(each => { each.open = true; });
return axe.run().then(found => found.violations.filter(each => ["serious", "critical"].includes(each.impact)))
  .then(bad => bad.map(each => [each.id, each.help, each.nodes.map(node => node.html.slice(0, 200))]));
"""

# Of the control that has the focus and of its figure's picture: how many pixels of the screen's height each is out of
# it, and whether a finger reaches the control.
PLACES = """;
const held = document.activeElement, out = each => {
  const { top, bottom } = each.getBoundingClientRect();
  return Math.round(Math.max(0, -top, bottom - innerHeight));
};
const { left, top, width, height } = held.getBoundingClientRect();
return [held.localName, out(held), out(held.closest("figure").querySelector("img")),
  document.elementFromPoint(left + width / 2, top + height / 2) === held];
"""


@contextlib.contextmanager
def browser():
    """Yield a browser; without chromium and chromedriver skip the test, or let it fail in `make test-browser`."""
    _need()
    with bench.browser() as page:
        yield page


@contextlib.contextmanager
def jupyterlab(folder, own):
    """Yield a browser and the address of JupyterLab on a folder, or skip the test, as `browser` does."""
    _need()
    with bench.jupyterlab(folder, own) as found:
        yield found


def serious(page):
    """Return what axe-core calls serious or critical, with all that is folded opened: rule, words, elements."""
    from axe_core_python.base import AXE_SCRIPT

    return page.run(AXE_SCRIPT + OPENED_AND_CHECKED)


def walked(page, number):
    """Go through the first controls of a figure by Tab, and back by Shift and Tab; return PLACES of each."""
    page.run("document.querySelector('figure input').focus()")
    found = [page.run(PLACES)]
    for key in ["\ue004"] * (number - 1) + ["\ue008\ue004"] * (number - 1):
        page.press(":focus", key)
        found.append(page.run(PLACES))
    return found


def _need():
    if not bench.is_installed():
        (pytest.fail if "WORKBENCH_BROWSER_ALL" in os.environ else pytest.skip)("install chromium and chromedriver")
