"""Write the HTML pages of a report: one page for each run, and an index of all runs."""

import base64
import dataclasses
import functools
import hashlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from workbench import files
from workbench.explore.notebook import mean_and_deviation
from workbench.report.parameters import Parameter
from workbench.report.results import Result
from workbench.report.source import title
from workbench.workers.worker import writable

if TYPE_CHECKING:
    from nbformat import NotebookNode

Link = tuple[str, str]  # an address relative to the page, and the text of the link
ALL_RUNS: Link = ("../index.html", "All runs")


@dataclasses.dataclass(frozen=True)
class Links:
    """Where a page's links lead: back, to the pages before and after it, and to notebooks whose runs are `pages`."""

    back: Link = ALL_RUNS
    before: Link | None = None
    after: Link | None = None
    pages: frozenset[str] = frozenset()


NO_LINKS = Links()
CLAIMS_PAGE = "claims.html"  # in a folder of reports, if the claims are part of it
ROUNDS = 20  # maximum number of times the index is rewritten while other runs add to it


def number(value: Any) -> str:
    """Format a parameter or a metric: a float with six digits, scores of folds as mean ± standard deviation."""
    if isinstance(value, list) and len(value) > 1 and all(map(_is_finite, value)):
        return "{:.6g} ± {:.2g}".format(*mean_and_deviation(value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def _is_finite(value: Any) -> bool:
    """Tell whether a value is a number that a float can hold."""
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def fingerprint(script: str) -> str:
    """Return what a page's policy calls a script by, so that the browser runs this one and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def duration(seconds: float) -> str:
    """Format seconds as `12 ms`, `3.2 s` or `2 min 05 s`."""
    if 0 < seconds < 0.095:
        return f"{1000 * seconds:.2g} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def moment(iso: str) -> str:
    """Format a time, ISO text in UTC, to the minute."""
    return f"{iso[:16].replace('T', ' ')} UTC"


def report(
    result: Result,
    declared: Mapping[str, Parameter],
    executed: "NotebookNode",
    source: Path,
    links: Links = NO_LINKS,
    recordings: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the page of one run, and its sections for a search: heading, anchor and text.

    `source` is the notebook's file; `recordings` has the frames of explorers by the name of their file.
    """
    from workbench.report import live, markup
    from workbench.report.citation import entry
    from workbench.report.contents import with_anchors

    heading = title(executed)
    used = ["page.js", *["live.js"] * bool(recordings), *["moving.js"] * markup.is_animated(executed)]
    figure = functools.partial(live.figure, dict(recordings)) if recordings else None
    body, sections = with_anchors(markup.body(executed, source, figure, links.pages))
    html = template("report.html.j2").render(
        run=result,
        links=links,
        declared=declared,
        changed=any(value != declared[name].default for name, value in result.parameters.items()),
        title=Markup(markup.inline(heading)) if heading else result.name,
        body=Markup(body),
        citation=entry(dataclasses.asdict(result)),
        sections=[section for section in sections if section.level == 2],
        script=Markup(scripts(*used)),
        code_style=Markup(markup.code_style()),
    )
    return html, [(section.heading, section.anchor, section.text) for section in sections]


def scripts(*names: str) -> str:
    """Return scripts of pages, by file name, as one."""
    folder = Path(__file__).with_name("templates")
    return "".join((folder / name).read_text(encoding="utf-8") for name in names)


def write_index(directory: Path) -> None:
    """Write `directory`/index.html with all runs in it; rewrite it if other runs were added meanwhile.

    Raises Refused if the folder has an index.html that the workbench did not write.
    """
    files.check_index(directory)
    claims = CLAIMS_PAGE if (directory / CLAIMS_PAGE).is_file() else None
    runs = scan(directory)
    for _ in range(ROUNDS):
        files.write_text(
            directory / "index.html", writable(template("index.html.j2").render(**_index(runs), claims=claims))
        )
        seen, runs = runs, scan(directory)
        if runs == seen:
            return


def _index(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the index shows: the runs, tables of runs of one notebook, and what its search looks through."""
    read = [run for run in runs if "problem" not in run]
    names = dict.fromkeys(run["notebook"] for run in read)
    tables = [_table([run for run in read if run["notebook"] == name]) for name in names]
    texts = [[run["folder"], run["title"], run["sections"]] for run in read]
    data = json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c")
    script = scripts("page.js", "search.js")
    return {
        "runs": runs,
        "tables": [table for table in tables if table],
        "texts": Markup(data),
        "script": Markup(script),
    }


def _table(runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the runs of one notebook beside each other: parameters that differ, and metrics; None for one run."""
    if len(runs) < 2:
        return None
    parameters = dict.fromkeys(name for run in runs for name in run["parameters"])
    moved = [name for name in parameters if len({str(run["parameters"].get(name)) for run in runs}) > 1]
    metrics = list(dict.fromkeys(name for run in runs for name in run["metrics"]))
    return {"title": runs[0]["title"], "parameters": moved, "metrics": metrics, "runs": runs}


def scan(directory: Path) -> list[dict[str, Any]]:
    """Return a dict for each run in `directory`, by name; an unreadable run has the reason as its `problem`."""
    folders = sorted(path.parent for path in directory.glob("*/metrics.json") if not path.parent.name.startswith("."))
    return [_read_run(folder) for folder in folders]


def _read_run(folder: Path) -> dict[str, Any]:
    try:
        run = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        if not math.isfinite(run["duration_seconds"]):
            raise ValueError
        thumbnails = [figure for figure in run["figures"] if (folder / "figures" / f"{figure['name']}.png").is_file()]
        return {
            "folder": folder.name,
            "notebook": str(run.get("notebook", folder.name)),
            "title": str(run.get("title") or folder.name),
            "summary": str(run.get("summary", "")),
            "sections": _sections(folder / "search.json"),
            "status": str(run["status"]),
            "parameters": dict(run["parameters"]),
            "metrics": dict(run["metrics"]),
            "thumbnail": {"name": thumbnails[0]["name"], "alt": thumbnails[0].get("alt", "")} if thumbnails else None,
            "duration_seconds": float(run["duration_seconds"]),
            "started": str(run["started"]),
            "has_notebook": (folder / "notebook.ipynb").is_file(),
            "error": f"{run['error']['kind']}: {run['error']['message']}" if run["error"] else None,
        }
    except Exception as problem:  # another program may have written anything, such as lists in lists without end
        reason = f"its metrics.json cannot be read: {type(problem).__name__}"
        return {"folder": folder.name, "status": "unreadable", "problem": reason}


def _sections(path: Path) -> list[list[str]]:
    """Return heading, anchor and text of a run's sections; an unreadable file has none."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return [[str(heading), str(anchor), str(text)] for heading, anchor, text in read]
    except (OSError, ValueError, TypeError, RecursionError):
        return []


def template(name: str) -> jinja2.Template:
    """Return a template by file name; its filters are number, duration, moment, fingerprint and path, for URLs."""
    return _environment().get_template(name)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    path = functools.partial(quote, errors="surrogateescape")  # of a name that is not UTF-8, the bytes are quoted
    environment.filters.update(number=number, duration=duration, moment=moment, path=path, fingerprint=fingerprint)
    return environment
