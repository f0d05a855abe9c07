"""Check the built site: every link leads to a page and a heading that exist, and no page loads anything from elsewhere.

Links to other sites are left alone: they are not fetched.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.util import logging

LOG = logging.getLogger(__name__)
LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "link": "href"}


def check_site(app: Sphinx, failure: Exception | None) -> None:
    """Check all pages once they are written: each problem is a warning, and with any the build has failed."""
    if failure is None and app.builder.name == "html":
        for problem in find_problems(Path(app.outdir)):
            LOG.warning(problem)
            app.statuscode = 1


def find_problems(site: Path) -> list[str]:
    """Return a line for each broken link, and for each thing loaded from the network, in the pages of `site`."""
    pages = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site.rglob("*.html")}
    anchors = {path: {tag["id"] for tag in page(id=True)} for path, page in pages.items()}
    problems = []
    for path, page in pages.items():
        for tag in page(["a", *LOADED]):
            address = tag.get(LOADED.get(tag.name, "href"))
            problem = address and broken(address, tag.name != "a", path, anchors)
            if problem:
                problems.append(f"{path.relative_to(site)}: {address} {problem}")
    for path in site.rglob("*.css"):
        if re.search(r"@import|url\(\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8")):
            problems.append(f"{path.relative_to(site)}: loads from the network, or imports a style sheet")
    return sorted(set(problems))


def broken(address: str, loaded: bool, page: Path, anchors: dict[Path, set[str]]) -> str:
    """Say what is wrong with one address on a page; empty if it is right."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return "is loaded from the network" if loaded and parts.scheme != "data" else ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "does not exist"
    if parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]:
        return "names no place on that page"
    return ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", check_site)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
