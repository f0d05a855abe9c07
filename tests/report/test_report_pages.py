import json
import math
import os
import re
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from workbench import files
from workbench.report import page
from workbench.report.markup import body, mathml, scrub


class Elements(HTMLParser):
    """The elements of a page as (tag, attributes), and its text without styles, with single spaces."""

    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.found and self.found[-1][0] != "style":
            self.text = " ".join([*self.text.split(), *data.split()])


def read(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["good/report.html", "bad/report.html", "dead/report.html", "index.html"])
def test_pages_load_and_run_nothing(batch, name):
    text = read(batch[0] / name)
    for tag, attributes in Elements(text).found:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form", "video", "audio")
        assert not any(attribute.startswith("on") for attribute in attributes)
        for attribute in ("src", "srcset", "data", "poster", "background"):
            source = attributes.get(attribute, "data:image/png")
            assert source.startswith("data:image/") or (name == "index.html" and ":" not in source)
        assert tag == "a" or "href" not in attributes
        assert not attributes.get("href", "").startswith("javascript:")
        assert "url(" not in attributes.get("style", "")
    styles = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert styles
    assert not re.search(r"@import|url\(|http", styles)
    assert not re.search(r"mathjax|require\.js|cdn", text, re.IGNORECASE)


def test_links_in_prose_stay(batch):
    links = [
        attributes["href"] for tag, attributes in Elements(read(batch[0] / "good/report.html")).found if tag == "a"
    ]
    assert "https://example.com/page" in links
    assert links[0] == "../index.html"


def test_mathematics_is_mathml(batch):
    text = read(batch[0] / "good/report.html")
    elements = [tag for tag, _ in Elements(text).found]
    # In the title, in a paragraph, as a display, and as an output.
    assert elements.count("math") == 4
    assert "mfrac" in elements
    assert r"\frac" not in text


def test_pictures_are_inlined_with_their_alternative_text(batch):
    pictures = [a for tag, a in Elements(read(batch[0] / "good/report.html")).found if tag == "img"]
    assert pictures[0]["alt"] == "A red & a blue <pixel>"
    assert all(a["src"].startswith("data:image/png;base64,") for a in pictures)


def test_the_page_shows_title_parameters_metrics_status_and_versions(batch):
    text = Elements(read(batch[0] / "good/report.html")).text
    for expected in ("All runs", "Response", "ok good", "alpha 0.0001 0.0001 strength", "largest 12.5", "numpy"):
        assert expected in text
    assert text.count("It divides") == 1
    assert "open the notebook in JupyterLab" in text
    assert "IntSlider" not in text.split("open the notebook in JupyterLab")[1]


def test_a_failed_page_shows_the_traceback_escaped(batch):
    text = read(batch[0] / "bad/report.html")
    shown = Elements(text).text
    assert "<script>" not in text
    assert "RuntimeError: <script>alert(3)</script>" in shown
    assert "<i>before</i>" in shown
    assert "Traceback" in shown
    assert "\x1b" not in text
    assert "papermill encountered" not in shown


def test_the_index_lists_every_run(batch):
    text = read(batch[0] / "index.html")
    elements = Elements(text)
    links = [a["href"] for tag, a in elements.found if tag == "a"]
    for name in ("bad", "dead", "expected", "good"):
        assert f"{name}/report.html" in links
        assert f"{name}/notebook.ipynb" in links
    assert "2 failed" in elements.text
    assert "12.5" in elements.text
    assert "dead kernel: The kernel's process ended with exit status 3." in elements.text
    pictures = [a for tag, a in elements.found if tag == "img"]
    assert {"src": "good/figures/pixels.png", "alt": "A red & a blue <pixel>"} in pictures


def run_in(directory, name, **changes):
    run = {"figures": [], "status": "ok", "parameters": {}, "metrics": {}, "duration_seconds": 1, "error": None}
    run["started"] = "2030-01-02T03:04:05+00:00"
    (directory / name).mkdir()
    (directory / name / "metrics.json").write_text(json.dumps({**run, **changes}))


def test_the_index_survives_results_that_cannot_be_read(tmp_path):
    run_in(tmp_path, "whole", metrics={"<b>": "<script>"})
    run_in(tmp_path, "odd", parameters=3)
    run_in(tmp_path, ".partial@host@1@x@hidden")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "metrics.json").write_text('{"name": "cu')
    (tmp_path / "other").mkdir()
    page.write_index(tmp_path)
    text = read(tmp_path / "index.html")
    assert "<script>" not in text
    assert "2030-01-02 03:04 UTC" in text
    assert text.count("unreadable") == 2
    assert "hidden" not in Elements(text).text
    assert [path.name for path in tmp_path.glob("*.html")] == ["index.html"]


NEIGHBOURS = {
    "no number": '{"duration_seconds": NaN}',
    "too large": '{"duration_seconds": 1e999}',
    "a text": '{"duration_seconds": "long"}',
    "deep": 100_000 * "[",
    "figures": '{"figures": [{"name": "a"}]}',
    "a large metric": '{"metrics": {"x": [1e308, 1e308], "y": [NaN, 1], "z": 1e999}}',
    "half of a character": '{"metrics": {"\\ud800": "\\udcff"}, "figures": [{"name": "\\ud800"}]}',
    os.fsdecode(b"not \xff utf-8"): "{}",
}


@pytest.mark.parametrize(
    ("folder", "text"), NEIGHBOURS.items(), ids=[name.encode("ascii", "replace") for name in NEIGHBOURS]
)
def test_a_folder_of_another_program_costs_itself_alone(folder, text, tmp_path):
    run_in(tmp_path, "mine")
    run_in(tmp_path, folder, **(json.loads(text) if text.endswith("}") else {}))
    if not text.endswith("}"):
        (tmp_path / folder / "metrics.json").write_text(text)
    (tmp_path / folder / "figures").mkdir()
    (tmp_path / folder / "figures" / "a.png").write_bytes(b"pixels")
    page.write_index(tmp_path)
    index = Elements(read(tmp_path / "index.html"))
    links = [unquote_to_bytes(a["href"]) for tag, a in index.found if tag == "a"]
    assert b"mine/report.html" in links
    readable = "duration_seconds" not in text and folder != "deep"
    assert (os.fsencode(folder) + b"/report.html" in links) == readable
    assert ("unreadable" in index.text) != readable


def test_a_run_that_ends_while_the_index_is_written_is_not_lost(tmp_path, monkeypatch):
    run_in(tmp_path, "mine")
    write = files.write_text

    def write_late(path, text):
        if not (tmp_path / "theirs").exists():
            run_in(tmp_path, "theirs")
        write(path, text)

    monkeypatch.setattr(files, "write_text", write_late)
    page.write_index(tmp_path)
    assert "theirs/report.html" in read(tmp_path / "index.html")


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="https://example.com/a.png">',
        '<img src="//example.com/a.png" srcset="https://example.com/b.png 2x">',
        '<a href=" java\nscript:alert(1)">x</a>',
        '<svg><use href="https://example.com/x.svg#a"/><image xlink:href="https://example.com"/></svg>',
        '<p style="background: URL(https://example.com/a)">x</p>',
        "<style>@import 'https://example.com/a.css'</style>",
        '<iframe srcdoc="x"></iframe><object data="https://example.com"></object>',
        '<body background="https://example.com/a.png" onload="x()">',
        '<video poster="https://example.com/a.png"></video>',
        '<link rel="stylesheet" href="https://example.com/a.css"><meta http-equiv="refresh" content="0;https://example.com">',
    ],
)
def test_scrub_removes_what_loads_or_runs(markup):
    left = scrub(markup).lower()
    assert "example.com" not in left
    assert "script" not in left
    assert "onload" not in left
    assert "srcdoc" not in left


def test_scrub_keeps_what_is_harmless():
    kept = (
        '<p style="color: red"><a href="https://example.com">b</a><img alt="c" src="data:image/png;base64,AA=="/></p>'
    )
    assert scrub(kept) == kept


def test_pictures_beside_the_notebook_are_inlined(tmp_path):
    (tmp_path / "a b.png").write_bytes(b"pixels")
    cell = new_markdown_cell("![first](a%20b.png)\n\n<img src='a b.png' alt='second'> ![third](absent.png)")
    elements = Elements(body(new_notebook(cells=[cell]), tmp_path / "n.ipynb"))
    pictures = [(a["alt"], a["src"]) for tag, a in elements.found if tag == "img"]
    assert pictures == [("first", "data:image/png;base64,cGl4ZWxz"), ("second", "data:image/png;base64,cGl4ZWxz")]
    assert "third: not part of this notebook" in elements.text


def test_an_answer_stays_folded(tmp_path):
    cell = new_markdown_cell("<details><summary>Answer</summary>\n\nIt is *three*.\n\n</details>\n\nAfter it.")
    html = body(new_notebook(cells=[cell]), tmp_path / "n.ipynb")
    assert html.index("It is <em>three</em>") < html.index("</details>") < html.index("After it")


def test_mathml_of_environments_and_of_what_is_unknown():
    for name in ("align", "aligned", "gather", "align*"):
        rows = mathml(rf"\begin{{{name}}} a &= b \\ c &= d \end{{{name}}}", "block")
        assert rows.count("<mtr>") == 2
        assert "(1)" not in rows
    assert "<mtable" not in mathml(r"\begin{equation} a = b \end{equation}", "block")
    assert mathml("a_b_c<", "inline") == '<code class="latex">a_b_c&lt;</code>'


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "40 ms"), (0.0, "0.0 s"), (0.0951, "0.1 s"), (3.21, "3.2 s"), (59.96, "1 min 00 s"), (125.4, "2 min 05 s")],
)
def test_duration(seconds, shown):
    assert page.duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *[(1 / 3, "0.333333"), (1e-7, "1e-07"), (7, "7"), (True, "True"), ("a", "a"), (10**12, "1000000000000")],
        *[
            ([1.0, 2.0], "1.5 ± 0.71"),
            ([1e308, 1e308], "1e+308 ± 0"),
            ([1.7e308, -1.7e308], "0 ± inf"),
            ([1.0], "[1.0]"),
        ],
        *[([math.nan, 1.0], "[nan, 1.0]"), ([10**400], f"[{10**400}]"), ([10**400, 1], f"[{10**400}, 1]")],
    ],
)
def test_number(value, shown):
    assert page.number(value) == shown
