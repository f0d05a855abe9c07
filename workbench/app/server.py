"""The web application: a gallery, a page for each notebook, and the pictures that its sliders ask for."""

import asyncio
import contextlib
import functools
import hashlib
import ipaddress
import json
import secrets
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import nbformat
from markupsafe import Markup
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPFile, parse_body_arguments
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RedirectHandler, RequestHandler, stream_request_body

from workbench.app import uploads
from workbench.app.inside import EXERCISE
from workbench.app.kernels import MOST, Gone, Kernels
from workbench.app.uploads import Uploads
from workbench.data.own import MEGABYTES
from workbench.files import Refused
from workbench.report import markup, page, parameters
from workbench.report.contents import with_anchors, written
from workbench.report.source import load, summary, title

TIDY = 30.0  # seconds between looks for idle kernels
LARGEST = 20_000  # bytes of a request


class Book:
    """A notebook as pages show it: from the outputs that are saved in its file."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._notebook, self._names = load(path), names
        self.path, self.name = path, path.stem
        self.title, self.summary = title(self._notebook) or path.stem, summary(self._notebook)
        self.thumbnail = next(_pictures(self._notebook), "")
        words = [cell.source for cell in self._notebook.cells if cell.cell_type == "markdown"]
        self.sections = written("\n\n".join(words))
        data = parameters.declared(self._notebook).get("data")
        self.takes = data.meaning.partition(";")[0].removeprefix("path of ") if data else ""  # such as "a table"
        self.exercises = {
            place: cell.source
            for place, cell in enumerate(self._notebook.cells)
            if cell.cell_type == "code" and EXERCISE.search(cell.source) and "check(" in cell.source
        }

    @functools.cached_property
    def body(self) -> Markup:
        """Return the cells as HTML; it takes some tenths of a second."""
        shown = nbformat.from_dict(self._notebook)
        for place in self.exercises:
            field = nbformat.v4.new_output(
                "display_data", {"text/html": f'<p class="exercise" id="exercise-{place}"></p>'}
            )
            shown.cells[place].outputs = [field]
        return Markup(with_anchors(markup.body(shown, self.path, _figure, self._names, "{}"))[0])


def _figure(name: str, picture: Markup) -> str:
    return Markup('<figure class="live" data-figure="{}">{}</figure>').format(name, picture)


def _pictures(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Yield the figures of a notebook, as PNG in base64."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data and "workbench" in output.get("metadata", {}):
                yield "".join(data["image/png"].split())


class Page(RequestHandler):
    """A request that is answered only for those who know the token."""

    def initialize(self, books: dict[str, Book], kernels: Kernels, runs: Uploads, token: str, host: str) -> None:
        self.books, self.kernels, self.runs, self.token, self.host = books, kernels, runs, token, host
        self.proof = hashlib.sha256(token.encode()).hexdigest()  # a token may hold what a cookie cannot
        self.cookie = f"workbench-{self.proof[:8]}"  # applications on other ports of the host have other cookies

    def prepare(self) -> None:
        """Take a token from the address once, keep it in a cookie, and refuse those without it.

        Without a token, refuse foreign names: a page elsewhere can have its own name lead to this machine, and then
        its script may read what is here.
        """
        if not self.token and not _is_own(self.request.host_name, self.host):
            raise HTTPError(421, reason="Misdirected Request")
        given = self.get_query_argument("token", "")
        if self.token and given and secrets.compare_digest(given.encode(), self.token.encode()):
            # Not "Strict": whoever comes by a link on another page, such as a course's, would seem to have no cookie.
            self.set_cookie(self.cookie, self.proof, httponly=True, samesite="Lax")
            self.redirect(self.request.path)
        elif self.token and not secrets.compare_digest(self.get_cookie(self.cookie, "").encode(), self.proof.encode()):
            raise HTTPError(403, reason="Forbidden")

    def set_default_headers(self) -> None:
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **_: Any) -> None:
        words = {
            403: "This application needs its token: open the address that the command `workbench app` has printed.",
            404: "There is no such page.",
            421: "Without a token, this application answers at its own address alone, not at another name.",
        }
        said = words.get(status_code, "This request is not understood.")
        self.finish(_template("error.html.j2").render(words=said, home=status_code == 404))

    def book(self, name: str) -> Book:
        """Return a notebook by its name; there is no page for another."""
        if name not in self.books:
            raise HTTPError(404)
        return self.books[name]


class Missing(Page):
    """Any other address."""

    def get(self) -> None:
        raise HTTPError(404)


class Gallery(Page):
    """All notebooks, with a search over their text."""

    def get(self) -> None:
        texts = [
            [each.name, each.title, [(s.heading, s.anchor, s.text) for s in each.sections]]
            for each in self.books.values()
        ]
        data = Markup(json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c"))
        script = Markup(page.scripts("search.js").replace("/report.html#", "#"))
        self.finish(_template("gallery.html.j2").render(books=self.books.values(), texts=data, script=script))


class Notebook(Page):
    """The page of a notebook; a kernel is started for it."""

    def get(self, name: str) -> None:
        book, names = self.book(name), list(self.books)
        self.kernels.start(book.path)
        place = names.index(name)
        before, after = (self.books[names[i]] if 0 <= i < len(names) else None for i in (place - 1, place + 1))
        sections = [section for section in book.sections if section.level == 2]
        script = Markup(page.scripts("page.js", "moving.js") + _script())
        style = Markup(markup.code_style())
        self.finish(
            _template("notebook.html.j2").render(
                book=book,
                before=before,
                after=after,
                sections=sections,
                script=script,
                code_style=style,
                megabytes=MEGABYTES,
            )
        )


class Explorers(Page):
    """The controls of a notebook's explorers."""

    async def get(self, name: str) -> None:
        await answer(self, self.kernels.explorers(self.book(name).path))


class Frame(Page):
    """The picture of a figure at the values of its controls."""

    async def post(self, name: str) -> None:
        try:
            asked = json.loads(self.request.body)
            request = {key: asked[key] for key in ("figure", "values", "final")}
        except (ValueError, TypeError, KeyError, RecursionError):
            raise HTTPError(400) from None
        self.set_header("Content-Encoding", "identity")  # to compress a picture once more takes longer than to send it
        await answer(self, self.kernels.frame(self.book(name).path, request))


class Check(Page):
    """What an exercise says of an answer."""

    async def post(self, name: str) -> None:
        book = self.book(name)
        try:
            asked = json.loads(self.request.body)
            source, given = book.exercises[asked["exercise"]], str(asked["answer"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise HTTPError(400) from None
        await answer(self, self.kernels.check(book.path, source, given))


class Restart(Page):
    """A new kernel for a notebook whose kernel has gone."""

    def post(self, name: str) -> None:
        self.kernels.start(self.book(name).path)
        self.finish({})


@stream_request_body
class Data(Page):
    """A visitor's file, with which a notebook is run."""

    def prepare(self) -> None:
        """Let a file in, which is larger than other requests, if it comes from a page of the application."""
        super().prepare()
        if self.request.headers.get("Origin", "").partition("://")[2] not in ("", self.request.host):
            raise HTTPError(403, reason="Forbidden")
        self.request.connection.set_max_body_size(uploads.LARGEST + LARGEST)
        self._body = bytearray()

    def data_received(self, chunk: bytes) -> None:
        self._body += chunk

    def post(self, name: str) -> None:
        book, found = self.book(name), dict[str, list[HTTPFile]]()
        with contextlib.suppress(Exception):  # a body that is no form has no file
            parse_body_arguments(self.request.headers["Content-Type"], bytes(self._body), {}, found)
        if not book.takes or not found.get("data"):
            raise HTTPError(400)
        file = found["data"][0]
        try:
            run = self.runs.start(book.path, file.filename, file.body)
        except Refused as problem:
            self.set_status(503)
            self.finish(_template("run.html.j2").render(words=str(problem), waits=False))
        else:
            self.redirect(f"/runs/{run}/report.html")


class Run(Page):
    """The page of a run with a visitor's file, and the notebook and the metrics that it links to."""

    def get(self, run: str, file: str) -> None:
        words, waits = "The notebook runs with your file. When it has, its page is here.", True
        try:
            folder = self.runs.page(run)
        except KeyError:
            raise HTTPError(404) from None
        except Refused as problem:
            folder, words, waits = None, str(problem), False
        if folder is None:
            self.finish(_template("run.html.j2").render(words=words, waits=waits))
        else:
            self.set_header("Content-Type", "text/html" if file == "report.html" else "application/json")
            self.finish((folder / file).read_bytes())


async def answer(handler: Page, asked: Any) -> None:
    """Finish a request with what a kernel answers, or with what is wrong."""
    try:
        handler.finish(await asked)
    except Gone as problem:
        handler.set_status(503)
        handler.finish({"gone": str(problem)})
    except ValueError as problem:
        handler.set_status(400)
        handler.finish({"message": str(problem)})


def _is_own(name: str, host: str) -> bool:
    """Tell whether a request's name of this machine is `host`, localhost or a number, which no one else can own."""
    if name in (host.lower(), "localhost"):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def make(
    paths: Sequence[Path], kernels: Kernels, token: str, host: str = "127.0.0.1", runs: Uploads | None = None
) -> Application:
    """Return the application for some notebooks; raise Refused for one that cannot be shown."""
    names = [path.stem for path in paths]
    if len(set(names)) < len(names) or not names:
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Refused(f"notebooks: {twice or 'none'}; give at least one, each with another file name")
    books = {path.stem: Book(path.resolve(), names) for path in sorted(paths, key=lambda path: path.stem)}
    shared = {"books": books, "kernels": kernels, "runs": runs or Uploads(), "token": token, "host": host}
    return Application(
        [
            (r"/", Gallery, shared),
            (r"/([^/]+)", Notebook, shared),
            (r"/([^/]+)/explorers", Explorers, shared),
            (r"/([^/]+)/frame", Frame, shared),
            (r"/([^/]+)/check", Check, shared),
            (r"/([^/]+)/restart", Restart, shared),
            (r"/([^/]+)/data", Data, shared),
            (r"/runs/([^/]+)/(report\.html|notebook\.ipynb|metrics\.json)", Run, shared),
            (r"/runs/index\.html", RedirectHandler, {"url": "/"}),
        ],
        compress_response=True,
        default_handler_class=Missing,
        default_handler_args=shared,
    )


async def serve(application: Application, kernels: Kernels, runs: Uploads, sockets: Sequence[Any]) -> None:
    """Answer requests until the process is interrupted or told to end; then end the kernels and runs."""
    server, stop = HTTPServer(application, max_body_size=LARGEST), asyncio.Event()
    server.add_sockets(sockets)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TIDY)
            await kernels.tidy()
    finally:
        server.stop()
        await asyncio.gather(kernels.end(), runs.end())


def run(paths: Sequence[Path], host: str, port: int, token: str | None, ahead: bool, say: Any) -> None:
    """Serve notebooks on an address until interrupted.

    Without a `token` a new one is made; an empty one lets everybody in. `ahead` starts the kernels of all notebooks at
    once. `say` is called with the address to open. Raises Refused if the address cannot be used.
    """
    token = secrets.token_urlsafe(18) if token is None else token
    kernels = Kernels(most=max(MOST, len(paths))) if ahead else Kernels()
    runs = Uploads()
    application = make(paths, kernels, token, host, runs)
    try:
        sockets = bind_sockets(port, host)
    except OSError as problem:
        raise Refused(f"{host}:{port}: cannot be used ({problem.strerror}); give another --host or --port") from None

    async def main() -> None:
        if ahead:
            for path in paths:
                kernels.start(path.resolve())
        await serve(application, kernels, runs, sockets)

    shown = f"[{host}]" if ":" in host else host
    say(f"http://{shown}:{sockets[0].getsockname()[1]}/" + (f"?token={quote(token)}" if token else ""))
    asyncio.run(main())


def _script() -> str:
    return Path(__file__).with_name("templates").joinpath("app.js").read_text(encoding="utf-8")


@functools.cache
def _environment() -> jinja2.Environment:
    folders = [Path(__file__).with_name("templates"), Path(page.__file__).with_name("templates")]
    environment = page.template("base.html.j2").environment.overlay()
    environment.loader = jinja2.FileSystemLoader(folders)
    return environment


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)
