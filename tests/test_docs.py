"""The documentation: each Python block of its pages runs on its own, and the build notices broken links."""

import importlib.resources
import re
import runpy
from pathlib import Path

import pytest
from pygments.styles import get_style_by_name
from pygments.token import Token

from tests.browser import browser, serious
from tests.contrast import contrast

DOCS = Path(__file__).resolve().parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in sorted([DOCS / "index.md", *DOCS.glob("how-to/*.md")])
    for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
]

PAGE = """# A page

```{toctree}
:caption: Learn

other
```

```{eval-rst}
.. py:function:: longest(first: int = 1, second: int = 2, third: int = 3, fourth: int = 4, *, fifth: int = 5) -> None
```

```python
def double(x):  # a comment
    return f"{2 * x}"
```

| name | formula |
|---|---|
| square | $x^2$ |
"""


@pytest.fixture
def extensions(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "_ext")


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs(block, tmp_path, monkeypatch):
    if "import torch" in block:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    Path("block.py").write_text(block, encoding="utf-8")
    runpy.run_path("block.py", run_name="__main__")


def test_broken_links_and_what_is_loaded_from_elsewhere_are_found(tmp_path, extensions):
    from links import find_problems

    (tmp_path / "folder").mkdir()
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="#top"></a><a href="#gone"></a><a href="folder/b.html#there"></a>'
        '<a href="folder/b.html#gone"></a><a href="gone.html"></a><a href="https://elsewhere.org/page"></a>'
        '<img src="gone.png"><script src="//elsewhere.org/x.js"></script><link href="https://elsewhere.org/x.css">'
    )
    (tmp_path / "folder" / "b.html").write_text('<p id="there"><a href="../a.html">back</a></p>')
    (tmp_path / "local.css").write_text("p {background: url(picture.png)}")
    (tmp_path / "loads.css").write_text("@font-face {src: url('https://elsewhere.org/font.woff2')}")
    assert find_problems(tmp_path) == [
        "a.html: #gone names no place on that page",
        "a.html: //elsewhere.org/x.js is loaded from the network",
        "a.html: folder/b.html#gone names no place on that page",
        "a.html: gone.html does not exist",
        "a.html: gone.png does not exist",
        "a.html: https://elsewhere.org/x.css is loaded from the network",
        "loads.css: loads from the network, or imports a style sheet",
    ]


@pytest.mark.parametrize("mode", ["", "dark_"])
def test_code_has_contrast_in_both_modes_of_the_site(mode):
    furo = importlib.resources.files("furo").joinpath("theme/furo/theme.conf").read_text(encoding="utf-8")
    settings = furo + (DOCS / "conf.py").read_text(encoding="utf-8")
    style = get_style_by_name(re.findall(rf'^pygments_{mode}style = "?([\w-]+)', settings, re.MULTILINE)[-1])
    colours = {token: shown for token, shown in style if shown["color"] and token is not Token.Text.Whitespace}
    assert Token.Comment in colours
    behind = style.background_color.removeprefix("#")
    assert [
        token for token, shown in colours.items() if contrast(shown["color"], shown["bgcolor"] or behind) < 4.5
    ] == []


def test_a_page_is_not_hard_to_use(tmp_path, extensions):
    from sphinx.application import Sphinx

    (tmp_path / "index.md").write_text(PAGE)
    (tmp_path / "other.md").write_text("# Another page\n")
    chosen = {"extensions": ["myst_nb", "mathml", "pictures", "spoken"], "html_static_path": [str(DOCS / "_static")]}
    with browser() as page:
        Sphinx(tmp_path, DOCS, tmp_path / "site", tmp_path / "read", "html", chosen, status=None).build()
        for width, dark in ((1200, False), (390, True)):
            page.screen(width, 844, dark=dark)
            page.load((tmp_path / "site" / "index.html").as_uri())
            assert serious(page) == []
            assert page.run("return document.documentElement.scrollWidth") <= width
            assert page.errors() == []


def test_formulas_have_a_font_for_mathematics():
    fonts = re.compile(r"^math {[^}]*font-family: ([^;]*);", re.MULTILINE)
    report = Path("workbench/report/templates/style.css").read_text(encoding="utf-8")
    assert fonts.findall((DOCS / "_static/site.css").read_text(encoding="utf-8")) == fonts.findall(report) != []


def test_docstrings_become_restructured_text(extensions):
    from docstrings import converted

    docstring = """Return |x|^p, *exactly*, for `a*b` * c_.

y_i = x_i / 2,  z_i = 3
    aligned

As in

    code |kept|

Args:
    x: first.

Returns:
    y: two words."""
    assert "\n".join(converted(docstring.splitlines())) == (
        "Return \\|x\\|^p, *exactly*, for `a*b` \\* c\\_.\n\n::\n\n    y_i = x_i / 2,  z_i = 3\n        aligned\n\n"
        "As in\n\n::\n\n    code |kept|\n\nArgs:\n    x: first.\n\n:returns:\n    y: two words."
    )
