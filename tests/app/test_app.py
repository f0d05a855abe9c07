"""The web application: who gets in, what the sliders draw, and what a visitor sees in a real browser."""

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from tests.browser import browser, serious, walked
from workbench.app import server
from workbench.app.server import make
from workbench.files import Refused

CELL = """
import os
from workbench import drawing
from workbench.explore import explore
from workbench.operator import Arg

ARGS = (
    Arg("height", float, 2.0, "how high the line is", low=0.0, high=10.0),
    Arg("rate", float, 0.1, "how fast", low=0.01, high=1.0, scale="log"),
    Arg("step", int, 1, "moment", low=0, high=9),
    Arg("kind", str, "up", "which way", choices=("up", "down")),
    Arg("shown", bool, True, "whether it is drawn"),
)

@drawing.plot(size=(2, 1))
def plot(*, ax, height=2.0, rate=0.1, step=1, kind="up", shown=True):
    "A line."
    if height == 9:
        os._exit(1)
    if height > 9:
        raise ValueError("height: too high")
    sign = 1 if kind == "up" else -1
    drawing.line(ax, "line", [0, 1], [0, sign * height * shown + step], linewidth=5)
    ax.set(ylim=(-10, 10))

explore(None, plot, extra=ARGS, name="line 5%?", play="step", alt="at first",
        python="plot(height={height}, kind={kind!r})")
"""
EXERCISE = """my_number = None
from workbench.explore import check
check(my_number, 0.5, hint="Less than one.")"""
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
NAME, HASH = "line 5%?", "#line%205%25%3F"
TOKEN, PROOF = "my; secret", hashlib.sha256(b"my; secret").hexdigest()
COOKIE = f"workbench-{PROOF[:8]}"
START = {"height": 2.0, "rate": 0.1, "step": 1, "kind": "up", "shown": True}


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve two notebooks; yield the address without the token, which is TOKEN."""
    folder = tmp_path_factory.mktemp("notebooks")
    about = {"image/png": {"alt": "saved", "width": 200}, "workbench": {"figure": NAME}}
    output = new_output("display_data", {"image/png": DOT}, metadata=about)
    cells = [
        new_markdown_cell("# A line\n\nIt moves.\n\n## Which way?\n\nSee [b](b.ipynb)."),
        new_code_cell(CELL, outputs=[output]),
    ]
    cells.append(new_code_cell(EXERCISE))
    nbformat.write(new_notebook(cells=cells), folder / "a.ipynb")
    nbformat.write(
        new_notebook(cells=[new_markdown_cell("# Another\n\n## Why?\n\nBecause of zebras.")]), folder / "b.ipynb"
    )
    data = new_code_cell('data: str = ""  # path of a list of your own; empty: none', metadata={"tags": ["parameters"]})
    read = new_code_cell(
        "import os, pathlib\nprint(pathlib.Path(os.environ['WORKBENCH_FROM'], data).read_text()[::-1])"
    )
    cells = [new_markdown_cell("# Own\n\n## What?"), data, read]
    nbformat.write(new_notebook(cells=cells), folder / "own.ipynb")
    names = ("a.ipynb", "b.ipynb", "own.ipynb")
    command = [sys.executable, "-m", "workbench", "app", *names, "--port", "0", "--token", TOKEN]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+", line)[0]
    finally:
        process.terminate()
        assert process.wait(30) == 0


def ask(address, path, body=None, cookie=f"{COOKIE}={PROOF}"):
    """Return the status and the answer of a request, read as JSON if it is that."""
    request = urllib.request.Request(
        address + path, body if isinstance(body, bytes | None) else json.dumps(body).encode()
    )
    request.add_header("Cookie", cookie)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            status, text = reply.status, reply.read().decode()
    except urllib.error.HTTPError as problem:
        status, text = problem.code, problem.read().decode()
    return status, json.loads(text) if text.startswith("{") else text


def frame(address, final=True, **values):
    return ask(address, "/a/frame", {"figure": NAME, "values": START | values, "final": final})


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image.partition(",")[2]))).convert("L"))


@pytest.mark.parametrize("path", ["/", "/a", "/a/explorers", "/a/frame", "/?token=wrong", "/a?token="])
def test_nobody_gets_in_without_the_token(address, path):
    for cookie in ("", f"{COOKIE}=", f"{COOKIE}=wrong", f"{COOKIE}=my; secret", f"workbench={PROOF}"):
        status, text = ask(address, path, cookie=cookie)
        assert (status, "needs its token" in text) == (403, True)


def test_the_gallery_and_the_pages_come_from_the_saved_outputs(address):
    status, text = ask(address, "/")
    assert status == 200
    assert '<a href="a">A line</a>' in text
    assert "zebras" in text
    status, text = ask(address, "/a")
    assert f'<figure class="live" data-figure="{NAME}"><img src="data:image/png;base64,{DOT}" alt="saved"' in text
    assert '<a href="b">b</a>' in text
    assert ask(address, "/c")[0] == ask(address, "/c/explorers")[0] == 404


def test_the_controls_are_those_of_the_explorer(address):
    status, found = ask(address, "/a/explorers")
    assert (status, list(found)) == (200, [NAME])
    assert found[NAME]["played"] == "step"
    assert found[NAME]["lines"] == ["plot(height=2.0, kind='up')"]
    height, rate, step, kind, shown = found[NAME]["controls"]
    assert height == {
        "name": "height",
        "meaning": "how high the line is",
        "kind": "linear",
        "low": 0.0,
        "high": 10.0,
        "step": 0.1,
        "value": 2.0,
    }
    assert (rate["kind"], rate["low"], rate["high"]) == ("log", -2.0, 0.0)
    assert (step["kind"], step["high"], step["value"]) == ("whole", 9, 1)
    assert (kind["kind"], kind["options"], shown["kind"], shown["value"]) == ("choice", ["up", "down"], "box", True)


def test_a_frame_is_the_picture_at_the_values(address):
    status, high = frame(address, height=8)
    assert (status, high["lines"], high["alt"][:7]) == (200, ["plot(height=8.0, kind='up')"], "A line.")
    assert frame(address, step=1.0, height=2) == frame(address)  # JavaScript has one kind of number
    assert frame(address)[1]["alt"] == "at first"
    up, down, small = (
        frame(address, **at)[1]["image"] for at in ({"height": 8.0}, {"height": 8.0, "kind": "down"}, {"height": 8.0})
    )
    assert pixels(up).shape == (150, 300)
    assert np.array_equal(pixels(up), pixels(small))
    assert (pixels(up)[:60, 200:] < 128).sum() > (pixels(down)[:60, 200:] < 128).sum() + 100
    draft = frame(address, final=False)[1]["image"]
    assert draft.startswith("data:image/jpeg;base64,/9j/")  # a JPEG file's first bytes
    assert pixels(draft).shape == (100, 200)


def test_pages_are_compressed_and_pictures_are_not(address):
    found = []
    for path, body in (("/a", None), ("/a/frame", {"figure": NAME, "values": START, "final": False})):
        request = urllib.request.Request(address + path, body and json.dumps(body).encode())
        request.add_header("Cookie", f"{COOKIE}={PROOF}")
        request.add_header("Accept-Encoding", "gzip")
        with urllib.request.urlopen(request, timeout=30) as reply:
            found.append((reply.headers["Content-Encoding"], reply.read(2)))
    assert found == [("gzip", b"\x1f\x8b"), ("identity", b'{"')]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"height": 9.5}, "too high"),
        ({"height": -1}, "from 0.0 to 10.0"),
        ({"kind": "left"}, "kind"),
        ({"step": 1.5}, "step"),
        ({"height": None}, "height"),
    ],
)
def test_a_value_that_is_not_allowed_gets_its_message(address, values, words):
    status, found = frame(address, **values)
    assert (status, list(found)) == (200, ["message"])
    assert words in found["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"figure": "other", "values": START, "final": True},
        {"figure": NAME, "values": {}, "final": True},
        {"figure": NAME, "values": START | {"os": 1}, "final": True},
        {"figure": NAME, "values": [], "final": True},
        {"figure": [NAME], "values": START, "final": True},
        {"figure": NAME},
        [],
        "'); import os; os._exit(1) #",
        b"[" * 19_000,
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_the_kernel_lives(address, body):
    assert ask(address, "/a/frame", body)[0] == 400
    assert frame(address)[0] == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0.5", "Right."),
        (" 1/2", "Right."),
        ("7", "Not yet. Less than one."),
        ("os._exit(1)", "a number"),
        ("1e999", "Not yet."),
        ("{'a': {1: -2}}", "a number"),
        ("\ud800", "a number"),
        ("None", "No prediction"),
        ("(" * 5000, "a number"),
    ],
)
def test_an_exercise_takes_a_literal_and_runs_nothing_else(address, given, said):
    status, found = ask(address, "/a/check", {"exercise": 2, "answer": given})
    assert (status, said in found["said"], "run the cell" in found["said"]) == (200, True, False), found
    assert ask(address, "/a/check", {"exercise": 1, "answer": given})[0] == 400


def test_a_kernel_that_dies_says_so_and_a_new_one_starts(address):
    status, found = frame(address, height=9)
    assert (status, found) == (503, {"gone": "The kernel has stopped."})
    assert ask(address, "/a/restart", {}) == (200, {})
    assert frame(address)[0] == 200


@pytest.fixture(scope="module")
def chromium(address):
    with browser() as session:
        session.load(f"{address}/?token=my%3B%20secret")
        yield session


STATE = """
const figure = document.querySelector("[data-figure]"), [height, number] = figure.querySelectorAll("input");
return [number?.value, figure.querySelector("img").alt, figure.querySelector(".lines")?.textContent,
  figure.querySelector(".message")?.textContent, location.hash];
"""


def wait_for(session, script, wanted):
    end = time.monotonic() + 60
    while (found := session.run(script)) != wanted:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def test_a_visitor_moves_a_slider_and_a_reload_keeps_what_is_seen(address, chromium):
    assert chromium.run("return location.search") == ""  # the token is in a cookie, not in the address
    chromium.load(f"{address}/a")
    assert chromium.run("return document.querySelector('.code_cell details').open") is False
    wait_for(chromium, STATE, ["2", "saved", "plot(height=2.0, kind='up')", "", ""])
    chromium.press("figure input", "\ue014" * 20)  # right
    seen = [
        "3",
        "A line. At height = 3.0, rate = 0.1, step = 1, kind = up, shown = True.",
        "plot(height=3.0, kind='up')",
        "",
        f"{HASH}?height=3",
    ]
    wait_for(chromium, STATE, seen)
    chromium.load(f"{address}/b")
    chromium.load(f"{address}/a#100%-sure")  # the anchor of a heading
    wait_for(chromium, STATE, ["2", "saved", "plot(height=2.0, kind='up')", "", "#100%-sure"])
    chromium.load(f"{address}/b")
    chromium.load(f"{address}/a{HASH}?height=3")
    wait_for(chromium, STATE, seen)
    chromium.run("scrollTo(0, 0); location.hash = arguments[0]", f"{HASH}?kind=down")  # a link in the same tab
    words = "A line. At height = 2.0, rate = 0.1, step = 1, kind = down, shown = True."
    wait_for(chromium, STATE, ["2", words, "plot(height=2.0, kind='down')", "", f"{HASH}?kind=down"])
    chromium.run("location.hash = arguments[0]", f"{HASH}?height=3")
    wait_for(chromium, STATE, seen)
    chromium.press("figure input.number", "\ue009a\ue000" + "9.5\ue007")
    wait_for(chromium, "return document.querySelector('.message').textContent", "height: too high")
    chromium.run("[...document.querySelectorAll('figure button')].find(b => b.textContent === 'Reset').click()")
    wait_for(chromium, STATE, ["2", "at first", "plot(height=2.0, kind='up')", "", ""])


def test_on_a_small_screen_the_picture_is_seen_with_each_control(address, chromium):
    chromium.screen(390, 240, dark=False)
    chromium.load(f"{address}/a")
    wait_for(chromium, STATE, ["2", "saved", "plot(height=2.0, kind='up')", "", ""])
    seen = walked(chromium, 10)
    assert [each[0] for each in seen[:10]] == [*["input"] * 6, "select", "input", "button", "button"]
    assert {tuple(each[1:]) for each in seen} == {(0, 0, True)}
    chromium.screen(1200, 900, dark=False)


def test_a_visitor_comes_by_a_link_on_another_page(address, chromium):
    """With the token when it comes first, and without it later; the host "localhost" is another site to a browser."""
    for path in ("/?token=my%3B%20secret", f"/a{HASH}?height=3"):
        chromium.load(address.replace("127.0.0.1", "localhost") + "/nothing")
        chromium.run("location.assign(arguments[0])", address + path)
        wait_for(chromium, "return [location.host, location.search]", [address.partition("//")[2], ""])
        wait_for(chromium, "return document.querySelectorAll('main').length", 1)


PLAYS = """
window.asked = [];
const real = window.fetch;
window.fetch = async (path, options = {}) => {
  if (!path.endsWith("/frame")) return real(path, options);
  asked.push([JSON.parse(options.body).values.step, Date.now()]);
  await new Promise(done => setTimeout(done, asked.length === 1 ? 300 : 0));
  if (window.dead) return new Response('{"gone": "The kernel has stopped."}', { status: 503 });
  return new Response('{"image": "data:,", "alt": "", "lines": []}');
};
window.button = name => [...document.querySelectorAll("figure button")].find(each => each.textContent === name);
"""
STEP = "return document.querySelectorAll('figure input[type=range]')[2].value"


def test_what_plays_stops_at_a_reset_and_when_the_kernel_has_gone(address, chromium):
    for ending in ("button('Reset').click()", "window.dead = true"):
        chromium.load(f"{address}/b")
        chromium.load(f"{address}/a")
        wait_for(chromium, STATE, ["2", "saved", "plot(height=2.0, kind='up')", "", ""])
        chromium.run(f"{PLAYS} button('Play').click(); {ending}")
        wait_for(chromium, "return !!button('Play')", True)
        assert chromium.run("return new Promise(done => setTimeout(() => done(asked.length), 700))") <= 3
        assert chromium.run(STEP) == ("1" if "Reset" in ending else "2")


def test_play_pause_and_play_while_a_picture_is_drawn_play_once(address, chromium):
    chromium.load(f"{address}/b")
    chromium.load(f"{address}/a")
    wait_for(chromium, STATE, ["2", "saved", "plot(height=2.0, kind='up')", "", ""])
    chromium.run(f"{PLAYS} button('Play').click(); button('Pause').click(); button('Play').click()")
    wait_for(chromium, "return !!button('Play')", True)
    steps, times = zip(*chromium.run("return asked.slice(0, 8)"), strict=True)
    assert steps == (2, 3, 4, 5, 6, 7, 8, 9)
    assert min(np.diff(times[2:])) > 100  # one picture a beat: two that play would ask at the same time


@pytest.mark.parametrize("path", ["/", "/a", "/own"])
def test_axe_finds_nothing_serious_in_the_application(address, chromium, path):
    chromium.errors()  # of the tests before
    chromium.load(address + path)
    if path == "/a":
        wait_for(chromium, STATE, ["2", "saved", "plot(height=2.0, kind='up')", "", ""])
    assert serious(chromium) == []
    assert chromium.errors() == []


def test_a_visitor_answers_an_exercise(address, chromium):
    chromium.load(f"{address}/a")
    chromium.press("#exercise-2 input", "0.5\ue007")
    wait_for(chromium, "return document.querySelector('#exercise-2 output').textContent", "Right.")


def test_a_visitor_whose_kernel_has_died_gets_a_new_one(address, chromium):
    chromium.load(f"{address}/a")
    wait_for(chromium, "return document.querySelector('#kernel').textContent", "")
    chromium.press("figure input.number", "\ue009a\ue000" + "9\ue007")
    wait_for(
        chromium, "return document.querySelector('#kernel').textContent", "The kernel has stopped. Start a new kernel"
    )
    chromium.press("#kernel button", "\ue007")
    wait_for(chromium, "return document.querySelector('#kernel').textContent", "")
    chromium.press("figure input", "\ue014")
    wait_for(chromium, "return document.querySelector('.lines').textContent.slice(0, 12)", "plot(height=")


def form(address, path, name, content, origin=None):
    """Send a file as the form of a page does; return the status, the address of the answer, and its text."""
    head = f'--cut\r\nContent-Disposition: form-data; name="data"; filename="{name}"\r\n\r\n'.encode()
    request = urllib.request.Request(address + path, head + content + b"\r\n--cut--\r\n")
    request.add_header("Content-Type", "multipart/form-data; boundary=cut")
    request.add_header("Cookie", f"{COOKIE}={PROOF}")
    if origin:
        request.add_header("Origin", origin)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.url, reply.read().decode()
    except urllib.error.HTTPError as problem:
        return problem.code, problem.url, problem.read().decode()


def test_a_visitor_s_file_is_run_and_shown_on_a_page_of_its_own(address):
    content = b"sarbez " + b"." * 100_000  # larger than other requests may be
    assert 'action="own/data"' in ask(address, "/own")[1]
    assert 'action="a/data"' not in ask(address, "/a")[1]
    status, place, text = form(address, "/own/data", "../my <list>.CSV", content, address)
    assert (status, "When it has, its page is here" in text) == (200, True)
    path = place.removeprefix(address)
    assert re.fullmatch(r"/runs/[0-9a-f]{16}/report\.html", path)
    end = time.monotonic() + 60
    while "When it has" in text:
        assert time.monotonic() < end
        time.sleep(0.2)
        text = ask(address, path)[1]
    assert "zebras</pre>" in text.replace("\n", "")
    assert re.search(r"<td><code>data</code></td><td class=\"value\">my_list_-\w+\.csv</td>", text)
    assert ask(address, path, cookie="")[0] == 403
    assert ask(address, path.replace("report.html", "metrics.json"))[1]["status"] == "ok"
    assert ask(address, path.replace("report.html", "my.csv"))[0] == ask(address, "/runs/0/report.html")[0] == 404
    assert ">Own</a>" in ask(address, "/runs/index.html")[1]  # the page's link to all runs leads to the gallery


def test_a_file_that_makes_no_sense_here_is_refused(address):
    assert form(address, "/a/data", "my.csv", b"1")[0] == 400  # takes none
    assert form(address, "/own/data", "", b"")[0] == 400
    assert form(address, "/own/data", "my.csv", b"1", "http://elsewhere.example")[0] == 403
    assert ask(address, "/own/data", b"no form")[0] == 400
    with contextlib.suppress(urllib.error.URLError):  # the connection may be cut while the body is sent
        assert form(address, "/own/data", "my.csv", bytes(51_000_000))[0] in (400, 503)
    assert ask(address, "/own")[0] == 200


def test_a_notebook_that_cannot_be_shown_is_refused(tmp_path):
    (tmp_path / "n.ipynb").write_text("{")
    command = [sys.executable, "-m", "workbench", "app", "n.ipynb", "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "is not a Jupyter notebook" in done.stderr


@pytest.mark.parametrize("path", ["/nothing", "/a/", "/a/b/c", "//a"])
def test_an_address_without_a_page_says_so_and_leads_back(address, path):
    assert ask(address, path, cookie="")[0] == 403
    status, text = ask(address, path)
    assert (status, "There is no such page." in text, '<a href="/">All notebooks</a>' in text) == (404, True, True)


def test_names_that_repeat_are_refused(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        nbformat.write(new_notebook(), tmp_path / folder / "n.ipynb")
    with pytest.raises(Refused, match=r"\['n'\].*another file name"):
        make([tmp_path / "a" / "n.ipynb", tmp_path / "b" / "n.ipynb"], None, "")
    with pytest.raises(Refused, match="none; give at least one"):
        make([], None, "")


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("lab.example", "lab.example")]
)
def test_the_address_that_is_printed_can_be_opened(tmp_path, monkeypatch, host, shown):
    nbformat.write(new_notebook(), tmp_path / "n.ipynb")
    monkeypatch.setattr(server, "bind_sockets", lambda port, host: [SimpleNamespace(getsockname=lambda: (host, 5))])
    monkeypatch.setattr(server.asyncio, "run", lambda main: main.close())
    said = []
    server.run([tmp_path / "n.ipynb"], host, 0, "", False, said.append)
    assert said == [f"http://{shown}:5/"]


@pytest.mark.parametrize(
    ("token", "name", "status"),
    [
        *[("", name, 200) for name in ("127.0.0.1:80", "LOCALHOST", "192.168.1.7:1", "[::1]:8888", "Lab.example:80")],
        *[
            ("", name, 421)
            for name in ("rebound.example", "rebound.example:80", "127.0.0.1.rebound.example", "localhost.")
        ],
        ("secret", "rebound.example", 403),
    ],
)
def test_without_a_token_foreign_names_are_refused(tmp_path, token, name, status):
    nbformat.write(new_notebook(), tmp_path / "n.ipynb")
    application = make([tmp_path / "n.ipynb"], None, token, host="lab.Example")

    async def ask():
        socket, port = bind_unused_port()
        server = HTTPServer(application)
        server.add_socket(socket)
        reply = await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/", headers={"Host": name}, raise_error=False)
        server.stop()
        return reply.code

    assert asyncio.run(ask()) == status
