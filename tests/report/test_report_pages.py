import base64
import hashlib
import html
import io
import json
import math
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from PIL import Image

from tests.browser import browser, serious
from tests.contrast import contrast
from workbench import files
from workbench.explore import animation
from workbench.report import Result, page
from workbench.report.formulas import mathml
from workbench.report.markup import MarkdownWithMath, MathRenderer, body, code_style
from workbench.report.sanitize import scrub
from workbench.report.source import load


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


def without_own_script(text):
    """Return a page without the one script that its policy allows; the index also has texts, which do not run."""
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"; script-src 'sha256-{digest}'\">" in text
    text = re.sub(r'<script type="application/json" id="texts">[^<]*</script>', "", text)
    return text.replace(f"<script>{script}</script>", "")


@pytest.mark.parametrize("name", ["good/report.html", "bad/report.html", "dead/report.html", "index.html"])
def test_pages_load_and_run_nothing(batch, name):
    text = without_own_script(read(batch[0] / name))
    for tag, attributes in Elements(text).found:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "video", "audio")
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


@pytest.fixture(scope="module")
def animated(tmp_path_factory):
    """Return the page of a run that has shown an animation of a red pixel that becomes blue."""
    red, blue = (io.BytesIO() for _ in range(2))
    Image.new("RGB", (40, 30), "red").save(red, "png")
    Image.new("RGB", (40, 30), "blue").save(blue, "png")
    film = base64.b64encode(animation.film([red.getvalue(), blue.getvalue()], 1.0)).decode()
    about = {"image/png": {"alt": "red & blue", "width": 40}, "workbench": {"figure": "pixel", "frames": 2}}
    output = new_output("display_data", {"image/png": film, "text/plain": "[animation]"}, metadata=about)
    alert = new_output("display_data", {"text/html": "<script>document.title = 'taken'</script><p>text</p>"})
    notebook = new_notebook(cells=[new_markdown_cell("# Title"), new_code_cell("", outputs=[output, alert])])
    result = Result("run", "n.ipynb", "ok", {}, {}, [], 1.0, "2030-01-02T03:04:05+00:00", {}, None)
    place = tmp_path_factory.mktemp("animated") / "report.html"
    place.write_text(page.report(result, {}, notebook, Path("n.ipynb"))[0], encoding="utf-8")
    return place


def test_an_animation_has_its_last_picture_beside_it_and_one_script_that_plays_it_again(animated):
    elements = Elements(read(animated)).found
    plays, still = (a for tag, a in elements if tag == "img")
    assert (plays["class"], still["class"]) == ("plays", "still")
    assert plays["alt"] == still["alt"] == "red & blue"
    film, last = (Image.open(io.BytesIO(base64.b64decode(a["src"].partition(",")[2]))) for a in (plays, still))
    assert (film.n_frames, last.convert("RGB").getpixel((0, 0))) == (3, (0, 0, 255))
    assert "Play again" in read(animated)
    assert "taken" not in without_own_script(read(animated))


def test_an_animation_in_a_browser(animated):
    with browser() as chromium:
        chromium.load(animated.as_uri())
        button = "return document.querySelector('.moving > button').textContent"
        assert chromium.run(button) == "Play again"
        chromium.press(".moving > button", "\ue007")
        source = "return document.querySelector('.plays').src"
        assert re.search(r"#\d+$", chromium.run(source))
        assert chromium.run("return getComputedStyle(document.querySelector('.still')).display") == "none"


def test_axe_finds_nothing_serious_on_pages_in_light_and_dark(batch, animated):
    good, bad, index = (batch[0] / name for name in ("good/report.html", "bad/report.html", "index.html"))
    with browser() as chromium:
        for dark, places in ((False, (good, animated)), (True, (bad, index))):  # the other half: make test-browser
            chromium.screen(1200, 900, dark=dark)
            for place in places:
                chromium.load(place.as_uri())
                assert serious(chromium) == [], (place.parent.name, dark)


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
    text = without_own_script(read(batch[0] / "bad/report.html"))
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
    assert {"src": "good/figures/pixels.png", "alt": "", "loading": "lazy"} in pictures  # the link beside it has words


def test_no_table_of_the_index_makes_a_phone_scroll_sideways(batch):
    text = read(batch[0] / "index.html")
    assert text.count("<table>") == text.count('<div class="scroll"><table>') == 3
    assert re.search(
        r"^[^@}]*\btd {[^}]*overflow-wrap: anywhere", text, re.MULTILINE
    )  # a long name leaves its value in view


def test_printed_tables_scroll_on_a_phone_and_do_not_wrap(batch):
    narrow = re.findall(
        r"@media (?:screen and )?\(max-width: [\d.]+rem\) {(.*?)\n}", read(batch[0] / "good/report.html"), re.DOTALL
    )
    assert any(re.search(r"\.output_text pre {[^}]*white-space: pre;", rules) for rules in narrow)


def test_every_colour_of_code_and_text_can_be_read_in_light_and_dark():
    sheet = Path(page.__file__).with_name("templates").joinpath("style.css").read_text(encoding="utf-8")
    themes = {}
    colours_of = re.findall(r":root {(.*?)}", sheet, re.DOTALL)
    for name, colours, code in zip(("light", "dark"), colours_of, code_style().split("@media"), strict=True):
        themes[name] = dict(re.findall(r"--(\w+): #(\w+)", colours))
        found = dict(re.findall(r"\.highlight \.(\w+) {(?:[^}]*;)? *color: #(\w+)", code))
        found.pop("w", None)  # white space
        assert len(found) > 30
        text = {key: themes[name][key] for key in ("text", "quiet", "link", "good", "bad", "warn", "extra")}
        for background in ("page", "wash", "alarm"):
            words = found | text if background != "alarm" else {"text": text["text"]}
            ratios = {key: contrast(colour, themes[name][background]) for key, colour in words.items()}
            assert {key: ratio for key, ratio in ratios.items() if ratio < 4.5} == {}, (name, background)
    assert not re.search(r"[^-]color: #", sheet), "give a colour of text a name in :root, for light and dark pages"


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
    text = without_own_script(read(tmp_path / "index.html"))
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


@pytest.mark.parametrize(
    "markup",
    [
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        '<svg><a><animate attributeName="href" values="javascript:alert(1)"/><text>x</text></a></svg>',
        '<svg><a id="a"><set attributeName="href" to="javascript:alert(1)"/></a></svg>',
        '<svg><a xlink:href="javascript:alert(1)"><text>x</text></a></svg>',
        "<svg><title><style><img src=x onerror=alert(1)></style></title></svg>",
        "<svg><foreignObject><img src=x onerror=alert(1)></foreignObject></svg>",
        '<math><annotation-xml encoding="text/html"><style><img src=x onerror=alert(1)></style></annotation-xml>',
        '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=alert(1)&gt;">',
        '<math href="javascript:alert(1)"><mi>x</mi></math>',
        '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
        "<textarea><img src=x onerror=alert(1)></textarea><xmp><img src=x onerror=alert(1)></xmp>",
        "<template><img src=x onerror=alert(1)></template>",
        '<form action="javascript:alert(1)"><button formaction="javascript:alert(1)">x</button></form>',
        '<map><area href="javascript:alert(1)"></map>',
        '<a href="java&#x09;script:alert(1)">x</a><a href="&#1;javascript:alert(1)">y</a>',
        '<a href="data:text/html,<img src=x onerror=alert(1)>">x</a>',
        '<img src="data:text/html,alert(1)"><input type="image" src="data:image/png,alert(1)">',
        "<plaintext><b>x</b>",
        "<!--[if gte IE 4]><img src=x onerror=alert(1)><![endif]--><?php <img src=x onerror=alert(1)> ?>",
    ],
)
def test_scrub_leaves_nothing_that_runs(markup):
    left = scrub(markup).replace("<style", "<p").replace("<!--", "")  # within SVG, a browser reads on in a style
    for tag, attributes in Elements(left).found:
        assert tag in ("a", "b", "img", "input", "math", "mi", "mtext", "p", "svg", "table", "text")
        assert not [name for name in attributes if name.startswith("on")]
        assert not re.search(r"script:|data:text", " ".join(map(str, attributes.values())))


@pytest.mark.parametrize(
    "css",
    [
        r'@imp\6f rt "https://example.com/a.css";',
        "@font-face {font-family: a; src: url(//example.com/a.woff)}",
        'p {background: image-set("https://example.com/a.png" 1x)}',
        r"p {background: u\72l(https://example.com/a.png)}",
        "p {background: -webkit-image-set('https://example.com/a.png' 1x)}",
        "p {cursor: url( 'https://example.com/a.cur' ), auto}",
        '@namespace "https://example.com/";',
    ],
)
def test_scrub_removes_styles_that_load(css):
    sheet = f"<style>{css}</style><svg><style>{css}</style></svg>"
    attribute = f"<p style='{css.replace(chr(39), chr(34)).removeprefix('p {').removesuffix('}')}'>x</p>"
    assert "example.com" not in scrub(sheet) + scrub(attribute)


@pytest.mark.parametrize(
    "kept",
    [
        '<p style="color: red"><a href="https://example.com">b</a><img alt="c" src="data:image/png;base64,AA=="></p>',
        '<style>.a > .b:hover {background: linear-gradient(90deg, red 50%, blue)}</style><p class="b">x</p>',
        '<img alt="&quot;a&quot; &amp; &lt;b&gt; &amp;lt;" src="data:image/png;base64,AA=="><p title="a &amp; b">c</p>',
        '<table border="1" class="dataframe"><thead><tr><th colspan="2">a</th></tr></thead></table>',
        '<input type="checkbox" disabled checked><details open><summary>a</summary>b</details>',
        '<a href="02-sparse-dropout.ipynb#top" title="next">a</a><a href="mailto:a@example.com">b</a>&lt;c&gt;',
        '<svg viewBox="0 0 2 1" role="img" aria-label="a"><defs><linearGradient id="g"><stop offset="0"></stop>'
        '</linearGradient><clipPath id="c"><rect width="2" height="1"></rect></clipPath></defs>'
        '<g clip-path="url(#c)" style="fill: url(#g)"><path d="M0 0L2 1" stroke-width="2"></path>'
        '<use href="#c" x="1"></use><image href="data:image/png;base64,AA=="></image></g></svg>',
        '<math display="block"><mrow><mo stretchy="false">(</mo><mi mathvariant="normal">a</mi></mrow></math>',
    ],
)
def test_scrub_keeps_what_is_harmless(kept):
    left = Elements(scrub(kept))
    assert (left.found, left.text) == (Elements(kept).found, Elements(kept).text)
    names = r"<\w+| [\w:-]+(?==)"  # Elements writes them in small letters, which SVG does not understand
    assert sorted(re.findall(names, scrub(kept))) == sorted(re.findall(names, kept))


def test_no_way_into_a_page_lets_markup_run(tmp_path):
    bad = "\"'><svg><style><img src=x onerror=alert(1)>"
    about = {"image/png": {"alt": bad, "width": f"1{bad}", "height": bad}, "text/html": {"isolated": True}}
    kinds = ("image/png", "image/jpeg", "image/svg+xml", "text/html", "text/markdown", "text/latex", "text/plain")
    outputs = [new_output("display_data", {kind: bad}, metadata=about) for kind in kinds]
    outputs += [new_output("stream", text=bad), new_output("error", ename=bad, evalue=bad, traceback=[bad])]
    code = new_code_cell(bad, outputs=outputs, metadata={"tags": [bad], "slideshow": {"slide_type": bad}})
    made = body(new_notebook(cells=[code, new_markdown_cell(bad), new_raw_cell(bad)]), tmp_path / "n.ipynb")
    for tag, attributes in Elements(made.replace("<style", "<p")).found:
        assert tag in ("code", "div", "img", "p", "pre", "span", "svg")
        assert not [name for name in attributes if name.startswith("on")]


def test_consecutive_prints_are_one_block(tmp_path):
    prints = [new_output("stream", name="stdout", text=text) for text in ("a  1\n", "b  2\n")]
    warning = new_output("stream", name="stderr", text="careful\n")
    cell = new_code_cell("x", outputs=[*prints, warning, prints[0]])
    blocks = re.findall(r"<pre>([^<]*)</pre>", body(new_notebook(cells=[cell]), tmp_path / "n.ipynb"))
    assert blocks == ["a  1\nb  2\n", "careful\n", "a  1\n"]


def test_scrub_escapes_long_texts_and_keeps_their_places():
    first, second = "<b>&amp;</b> " * 200, "'x' > \"y\" " * 200
    shown = Elements(scrub(f"<p>{html.escape(first)}</p>a<!-- {second}--><pre>{html.escape(second)}</pre>"))
    assert [tag for tag, _ in shown.found] == ["p", "pre"]
    assert shown.text == " ".join(f"{first} a {second}".split())


def test_pictures_beside_the_notebook_are_inlined(tmp_path):
    (tmp_path / "a b.png").write_bytes(b"pixels")
    cell = new_markdown_cell("![first](a%20b.png)\n\n<img src='a b.png' alt='second'> ![third](absent.png)")
    elements = Elements(body(new_notebook(cells=[cell]), tmp_path / "n.ipynb"))
    pictures = [(a["alt"], a["src"]) for tag, a in elements.found if tag == "img"]
    assert pictures == [("first", "data:image/png;base64,cGl4ZWxz"), ("second", "data:image/png;base64,cGl4ZWxz")]
    assert "third: not part of this notebook" in elements.text


def test_an_answer_stays_folded(tmp_path):
    cell = new_markdown_cell("<details><summary>Answer</summary>\n\nIt is *three*.\n\n</details>\n\nAfter it.")
    made = body(new_notebook(cells=[cell]), tmp_path / "n.ipynb")
    assert made.index("It is <em>three</em>") < made.index("</details>") < made.index("After it")


def test_mathml_of_environments_and_of_what_is_unknown():
    for name in ("align", "aligned", "gather", "align*"):
        rows = mathml(rf"\begin{{{name}}} a &= b \\ c &= d \end{{{name}}}", "block")
        assert rows.count("<mtr>") == 2
        assert "(1)" not in rows
    assert "<mtable" not in mathml(r"\begin{equation} a = b \end{equation}", "block")
    assert mathml("a_b_c<", "inline") == '<code class="latex">a_b_c&lt;</code>'


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\arg\min_z z", '<mo rspace="0">arg</mo><msub><mo>min</mo><mi>z</mi></msub><mi>z</mi>'),
        (r"\operatorname*{arg\,max} z", '<mo rspace="0">arg</mo><mo>max</mo><mi>z</mi>'),
        (r"\lVert x \rVert^2", "<mi>‖</mi><mi>x</mi><msup><mi>‖</mi><mn>2</mn></msup>"),
        (r"\|x\|", "<mi>‖</mi><mi>x</mi><mi>‖</mi>"),
        (r"a|x|", "<mi>a</mi><mi>|</mi><mi>x</mi><mi>|</mi>"),
        (r"\lvert x \rvert", "<mi>|</mi><mi>x</mi><mi>|</mi>"),
        (r"\left|x\right|", '<mo fence="true" form="prefix">|</mo>'),
        (r"\max(x)", '<mo rspace="0">max</mo><mo stretchy="false">(</mo>'),
        (r"[-1, \infty) - 2", '[</mo><mo form="prefix">−</mo><mn>1</mn><mo>,</mo><mi>∞</mi>'),
        (r"(a) - 2", ")</mo><mo>−</mo><mn>2</mn>"),
        (r"x^{\mathsf T}", "<mi>𝖳</mi>"),
        (r"\mathbb R, \mathcal L, \mathfrak g", "<mi>ℝ</mi><mo>,</mo><mi>ℒ</mi><mo>,</mo><mi>𝔤</mi>"),
        (r"\mathbf{x1}", "<mi>𝐱</mi><mn>𝟏</mn>"),
        (r"\boldsymbol\beta\mathrm d", '<mi>𝜷</mi><mi mathvariant="normal">d</mi>'),
        (r"x = 1 \nonumber \label{one}", "<mi>x</mi><mo>=</mo><mn>1</mn></mrow>"),
    ],
)
def test_mathml_is_what_browsers_draw_as_meant(latex, expected):
    shown = html.unescape(mathml(latex, "inline")).replace(' stretchy="true"', "")
    assert expected in shown


def test_an_unknown_command_is_shown_as_latex_and_never_within_a_formula():
    assert mathml(r"x + \unheard y", "inline") == r'<code class="latex">x + \unheard y</code>'


def test_every_formula_of_the_notebooks_is_mathml():
    cells = [cell for path in Path("notebooks").glob("*.ipynb") for cell in load(path).cells]
    texts = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    made = MarkdownWithMath(renderer=MathRenderer()).render(texts)
    assert '<code class="latex">' not in made
    assert made.count("<math") > 250


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
