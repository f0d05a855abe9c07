"""The page of the claims, in its HTML and in a real browser."""

import re

import pytest

from tests.browser import browser
from workbench.claims.evidence import saved
from workbench.claims.ledger import CLAIMS
from workbench.claims.page import write_page


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    place = tmp_path_factory.mktemp("claims") / "index.html"
    write_page(place, notebooks="{}/report.html")
    return place


def test_every_claim_has_a_row_with_its_verdict(page):
    rows = re.findall(r'<details id="(\w+)" data-verdict="(\w+)"', page.read_text())
    assert rows == [(id, saved(claim).verdict) for id, claim in CLAIMS.items()]


def test_nothing_is_loaded_from_elsewhere(page):
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page.read_text())


def test_filter_open_and_keyboard_in_a_browser(page):
    with browser() as chromium:
        chromium.load(page.as_uri())
        shown = (
            "return [...document.querySelectorAll('.claims > details')].filter(row => !row.hidden).map(row => row.id)"
        )
        assert chromium.run(shown) == list(CLAIMS)
        chromium.press("#claim-words", "softmax")
        words = [id for id, claim in CLAIMS.items() if "softmax" in claim.paraphrase.lower()]
        found = chromium.run(shown)
        assert set(words) <= set(found) < set(CLAIMS)
        count = chromium.run("return document.getElementById('claim-count').textContent")
        assert count == f"{len(found)} claims" if len(found) != 1 else "1 claim"
        chromium.press("#claim-verdict", "depends")
        assert "L15" in chromium.run(shown)
        assert chromium.run(
            "return [...document.querySelectorAll('.claims > details')].every(row => row.hidden || "
            "row.dataset.verdict === 'depends')"
        )
        chromium.press("#L15 > summary", "\ue007")
        assert chromium.run("return document.getElementById('L15').open")


def test_an_address_with_an_identifier_opens_that_claim(page):
    with browser() as chromium:
        chromium.load(page.as_uri() + "#L13")
        assert chromium.run("return [...document.querySelectorAll('details[open]')].map(row => row.id)") == ["L13"]
