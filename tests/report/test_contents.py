"""Finding one's way: anchors, contents, links between pages, the search, and the table that compares runs."""

import json
import subprocess

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.browser import browser, serious
from workbench.report import page
from workbench.report.contents import Section, with_anchors
from workbench.report.markup import body
from workbench.report.parameters import Parameter
from workbench.report.results import Result, binder
from workbench.report.source import summary

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_anchors_are_those_of_jupyterlab_and_repeat_with_a_number():
    markup = (
        "<p>before</p><h2>Does it <em>help</em>?</h2><p>Yes &amp; no.</p><style>p {}</style><figure>3</figure>"
        "<h3>Does it help?</h3><p>Never</p><h2><math><mi>x</mi></math></h2>"
    )
    made, sections = with_anchors(markup)
    assert sections == [
        Section(2, "Does-it-help?", "Does it help?", "Yes & no."),
        Section(3, "Does-it-help?-2", "Does it help?", "Never"),
        Section(2, "section", "", ""),
    ]
    assert '<h2 id="Does-it-help?">Does it <em>help</em>? <a class="anchor" href="#Does-it-help?"' in made
    assert made.startswith("<p>before</p><h2 id")
    assert with_anchors("<p>only</p>") == ("<p>only</p>", [])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (
            "# Title\n\nIt *divides* a\nresponse. See [01](01.ipynb)! Then more.",
            "It divides a response. See 01! Then more.",
        ),
        ("# Title\n\n| a | b |\n\nOne? " + "x" * 180 + ". Three.", "One?"),
        ("# Title only", ""),
        ("# Title\n\nWithout an end", ""),
    ],
)
def test_the_summary_is_the_first_sentences_that_fit(words, found):
    assert summary(new_notebook(cells=[new_code_cell("x"), new_markdown_cell(words)])) == found
    assert summary(new_notebook(cells=[])) == ""


def test_links_to_notebooks_lead_to_their_pages_if_there_are_any(tmp_path):
    words = "[a](02-b.ipynb#Why-me?) [b](03-c.ipynb) [c](a/02-b.ipynb) [d](https://example.com/02-b.ipynb)"
    made = body(new_notebook(cells=[new_markdown_cell(words)]), tmp_path / "n.ipynb", pages={"02-b"})
    for link in ("../02-b/report.html#Why-me?", "03-c.ipynb", "a/02-b.ipynb", "https://example.com/02-b.ipynb"):
        assert f'href="{link}"' in made


@pytest.mark.parametrize(
    ("remote", "owner"),
    [
        ("https://github.com/an-owner/a.repo.git", "an-owner/a.repo"),
        ("https://somebody:word@github.com/an-owner/repo", "an-owner/repo"),
        ("git@github.com:owner/repo.git", "owner/repo"),
        ("https://example.com/github.com/owner/repo", ""),
        ("https://github.com.example.com/owner/repo", ""),
        ("../repo", ""),
        ("", ""),
    ],
)
def test_a_notebook_of_a_repository_on_github_starts_on_binder(tmp_path, remote, owner):
    def git(*words):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    (tmp_path / "sub dir").mkdir()
    notebook = tmp_path / "sub dir" / "n.ipynb"
    notebook.write_text("{}")
    git("init")
    if remote:
        git("remote", "add", "origin", remote)
    assert binder(notebook) == ""  # Git does not know the file
    binder.cache_clear()
    git("add", ".")
    start = f"https://mybinder.org/v2/gh/{owner}/HEAD?urlpath=lab/tree/sub%20dir/n.ipynb"
    assert binder(notebook) == (start if owner else "")


def write(folder, name, title, words, rate, loss):
    """Write the page, the metrics and the text of a run, as a run does."""
    about = {"image/png": {"alt": "a dot", "width": 40}}
    outputs = [new_output("display_data", {"image/png": DOT}, metadata=about)]
    cells = [
        new_markdown_cell(f"# {title}\n\n## First, the {title}\n\n{words}\n\n## And then"),
        new_code_cell("draw()", outputs=outputs),
    ]
    metrics, versions = {"loss": loss}, {"python": "3"}
    more = {
        "title": title,
        "summary": "Short.",
        "origin": {"command": "workbench run <n>", "binder": "https://b.example/a?b&c"},
    }
    result = Result(
        name,
        f"{title}.ipynb",
        "ok",
        {"rate": rate, "seed": 7},
        metrics,
        [],
        1.0,
        "2026-01-01T00:00:00",
        versions,
        None,
        **more,
    )
    links = page.Links(before=("../a/report.html", "The one before"))
    declared = {
        name: Parameter(name, "float", value, "a meaning", None) for name, value in (("rate", 0.1), ("seed", 7))
    }
    text, sections = page.report(result, declared, new_notebook(cells=cells), folder / "n.ipynb", links)
    (folder / name).mkdir()
    for file, content in {
        "report.html": text,
        "metrics.json": result.to_json(),
        "search.json": json.dumps(sections),
    }.items():
        (folder / name / file).write_text(content, encoding="utf-8")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    write(folder, "a", "Dropout", "Masks of </script><b>Bernoulli</b> draws.", 0.1, 0.5)
    write(folder, "b #2", "Dropout", "Masks again, at another rate.", 0.3, 0.25)
    write(folder, "c", "LRN", "Neighbours inhibit.", 0.1, 0.125)
    page.write_index(folder)
    return folder


def test_the_page_has_contents_ways_and_origin(runs):
    text = (runs / "a" / "report.html").read_text(encoding="utf-8")
    assert '<li><a href="#First,-the-Dropout">First, the Dropout</a></li>' in text
    assert text.count('<a href="../a/report.html" rel="prev">← The one before</a>') == 2
    assert 'rel="next"' not in text
    assert text.count("https://b.example/a?b&amp;c") == 1
    assert '<a href="https://b.example/a?b&amp;c">start it on Binder</a>' in text
    assert "<dt>command</dt><dd><code>workbench run &lt;n&gt;</code></dd>" in text
    assert "@software{operator-workbench-a," in text
    assert text.index("1 metric that the notebook recorded") > text.index("</main>")
    assert "Parameters, as declared" in text
    assert "Parameters, as declared" not in (runs / "b #2" / "report.html").read_text(encoding="utf-8")


def test_runs_of_one_notebook_are_compared_by_what_differs(runs):
    text = (runs / "index.html").read_text(encoding="utf-8")
    table = text[text.index("Compare: Dropout") : text.index("</main>")]
    assert "Compare: LRN" not in text
    rows = [row.split("</tr>")[0] for row in table.split("<tr>")[1:]]
    assert [row.count('class="value"') for row in rows] == [2, 2, 2]
    assert "seed" not in table
    assert ['">0.3<' in row and '">0.25<' in row for row in rows] == [False, False, True]
    assert 'href="b%20%232/report.html"' in rows[2]


@pytest.fixture(scope="module")
def chromium():
    with browser() as session:
        yield session


FOUND = "return [...document.querySelectorAll('#found a')].map(link => [link.textContent, link.getAttribute('href')])"


def test_the_search_finds_sections_of_all_pages(runs, chromium):
    chromium.load((runs / "index.html").as_uri())
    assert chromium.run("return [document.querySelector('.runs').hidden, document.querySelector('#found').hidden]") == [
        False,
        True,
    ]
    chromium.press("#search input", "MASKS dropout")
    assert chromium.run(FOUND) == [
        ["Dropout › First, the Dropout", "a/report.html#First%2C-the-Dropout"],
        ["Dropout › First, the Dropout", "b%20%232/report.html#First%2C-the-Dropout"],
    ]
    assert chromium.run("return document.querySelector('#found p').textContent") == "Masks of Bernoulli draws."
    assert chromium.run("return document.querySelector('#search output').textContent") == "2 sections"
    chromium.run("document.querySelectorAll('#found a')[1].click()")
    assert chromium.run("return document.querySelector(':target').textContent") == "First, the Dropout #"
    chromium.load((runs / "index.html").as_uri())
    chromium.press("#search input", "nowhere")
    assert chromium.run("return document.querySelector('#search output').textContent") == "0 sections"


@pytest.mark.parametrize("words", ["", "masks"])
def test_axe_finds_nothing_serious_in_the_search_and_the_comparison(runs, chromium, words):
    chromium.load((runs / "index.html").as_uri())
    chromium.press("#search input", words)
    assert serious(chromium) == []


def test_a_picture_opens_in_full_size_by_keyboard(runs, chromium):
    chromium.load((runs / "a" / "report.html").as_uri())
    opened = "return document.querySelector('dialog.large').open"
    chromium.press("main img", "\ue007")
    assert chromium.run(opened)
    assert chromium.run("return document.querySelector('dialog img').alt") == "a dot"
    chromium.press("dialog", "\ue00c")  # Escape
    assert not chromium.run(opened)


def test_a_button_selects_the_citation(runs, chromium):
    chromium.load((runs / "a" / "report.html").as_uri())
    chromium.run("document.querySelector('footer details').open = true")
    chromium.press("[data-copy]", "\ue007")
    assert chromium.run("return getSelection().toString()").startswith("@software{operator-workbench-a,")


@pytest.mark.parametrize("name", ["a/report.html", "index.html"])
def test_a_phone_does_not_scroll_sideways_and_the_dark_is_dark(runs, chromium, name):
    chromium.screen(390, 844, dark=True)
    chromium.load((runs / name).as_uri())
    assert chromium.run("return document.documentElement.scrollWidth") <= 390
    assert chromium.run("return getComputedStyle(document.body).backgroundColor") == "rgb(22, 25, 29)"
    chromium.screen(1200, 900, dark=False)
    assert chromium.run("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


PARTS = """
const parts = [...document.querySelectorAll("section tr > *")].map(each => each.getBoundingClientRect());
return [parts[0].width > 150, parts[0].height < 40, parts[0].left >= 0,
  document.querySelector("section .scroll").tabIndex];
"""


def test_runs_that_are_compared_have_wide_names_that_stay(tmp_path, chromium):
    for name in ("long-" * 20, "longer-" * 15):
        write(tmp_path, name, "LRN", "Words.", len(name) / 100, 0.5)
        file = tmp_path / name / "metrics.json"
        file.write_text(file.read_text().replace('"loss"', '"' + "loss where it matters " * 9 + '"'))
    page.write_index(tmp_path)
    for width in (390, 1200):
        chromium.screen(width, 844, dark=False)
        chromium.load((tmp_path / "index.html").as_uri())
        chromium.run("document.querySelector('section .scroll').scrollLeft = 200")
        assert chromium.run(PARTS) == [True, True, True, 0]


WIDE = """
const picture = document.querySelector("main img");
const wide = "<svg xmlns='http://www.w3.org/2000/svg' width='1400' height='700'/>";
picture.src = "data:image/svg+xml," + encodeURIComponent(wide);
return picture.decode().then(() => {
  picture.click();
  return [document.querySelector(".large img").clientWidth, document.documentElement.scrollWidth];
});
"""


def test_a_picture_in_full_size_is_larger_than_the_screen_of_a_phone(runs, chromium):
    chromium.screen(390, 844, dark=False)
    chromium.load((runs / "a" / "report.html").as_uri())
    assert chromium.run(WIDE) == [960, 390]
    chromium.screen(1200, 900, dark=False)


@pytest.mark.parametrize("content", ['[["a"]]', '{"a": 1}', '"ab"', "7", "[null]", "[" * 100_000, "[[1, 2, 3, 4]]", ""])
def test_a_text_for_the_search_that_is_none_costs_only_itself(tmp_path, content):
    write(tmp_path, "a", "LRN", "Words.", 0.1, 0.5)
    assert len(page.scan(tmp_path)[0]["sections"]) == 2
    (tmp_path / "a" / "search.json").write_text(content)
    (run,) = page.scan(tmp_path)
    assert (run["status"], run["sections"]) == ("ok", [])
