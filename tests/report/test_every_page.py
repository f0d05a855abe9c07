"""The page of every notebook in light, and in dark on a phone. For `make test-browser` alone."""

import os
from pathlib import Path

import pytest

from tests.browser import browser, serious
from workbench.report import page
from workbench.report.results import Result
from workbench.report.source import load

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.skipif("WORKBENCH_BROWSER_ALL" not in os.environ, reason="make test-browser runs it")


@pytest.fixture(scope="module")
def chromium():
    with browser() as session:
        yield session


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def address(request, tmp_path_factory):
    """Return the page of a notebook with its saved outputs."""
    path = request.param
    result = Result(path.stem, path.name, "ok", {}, {}, [], 1.0, "2030-01-02T03:04:05+00:00", {}, None)
    place = tmp_path_factory.mktemp("page") / "report.html"
    place.write_text(page.report(result, {}, load(path), path)[0], encoding="utf-8")
    return place.as_uri()


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_nothing_is_hard_to_use_or_wider_than_the_screen(address, chromium, width, dark):
    chromium.screen(width, 844, dark=dark)
    chromium.load(address)
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    assert serious(chromium) == []
    assert chromium.errors() == []
