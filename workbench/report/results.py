"""The result of a run: its recorded metrics and figures, and the versions of the packages that it used."""

import base64
import contextlib
import dataclasses
import functools
import json
import math
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from workbench.explore.notebook import METRIC_TYPE
from workbench.files import folder_name
from workbench.parallel import available_threads

if TYPE_CHECKING:
    from nbformat import NotebookNode

GITHUB = re.compile(r"(?:@|//)github\.com[:/]([\w.-]+)/([\w.-]+?)(?:\.git)?/?$")
PACKAGES = {"workbench": "operator-workbench", **{name: name for name in ("numpy", "numba", "matplotlib", "papermill")}}


@dataclasses.dataclass
class Result:
    """One run, saved as `metrics.json`. `status` is "ok" or "failed"; `error` has kind, message and traceback.

    `title` and `summary` are the notebook's first heading and sentence. `origin` says how to repeat the run: the
    `command`, the `machine`, the `commit` of the notebook's repository, if it is in one, and, for one on GitHub, the
    address that starts the notebook on Binder.
    """

    name: str
    notebook: str
    status: str
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    figures: list[dict[str, str]]
    duration_seconds: float
    started: str
    versions: dict[str, str]
    error: dict[str, str] | None
    title: str = ""
    summary: str = ""
    origin: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    def to_json(self) -> str:
        """Return standard JSON: numbers that are not finite become text."""
        return json.dumps(finite(dataclasses.asdict(self)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def metrics(notebook: "NotebookNode", file: Path | None = None) -> dict[str, Any]:
    """Return the metrics that an executed notebook has recorded, by name; if a name repeats, the last one counts.

    They are in its outputs and, complete, in the lines of `file`.
    """
    recorded = [output.data[METRIC_TYPE] for output in _displayed(notebook) if METRIC_TYPE in output.data]
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file and file.is_file() else ():
        with contextlib.suppress(ValueError):  # an incomplete last line, left when the kernel was killed
            recorded.append(json.loads(line))
    whole = [metric for metric in recorded if isinstance(metric, dict) and {"name", "value"} <= metric.keys()]
    return {str(metric["name"]): metric["value"] for metric in whole}


def figures(notebook: "NotebookNode", folder: Path) -> tuple[list[dict[str, str]], list[str]]:
    """Return the name and alt text of each figure in an executed notebook, in order of appearance.

    If the notebook did not save a picture in `folder` itself, the picture is written there as PNG. The second list says
    which pictures cannot be written, and why.
    """
    found: dict[str, dict[str, str]] = {}
    problems = []
    for number, output in enumerate((o for o in _displayed(notebook) if "image/png" in o.data), start=1):
        name = folder_name(str(_about(output, "workbench", "figure")), {}) or f"figure-{number}"
        path = folder / f"{name}.png"
        try:
            if not path.exists():
                path.write_bytes(base64.b64decode("".join(output.data["image/png"].split()), validate=True))
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            problems.append(f"picture {number} of the notebook, {name[:40]!r}, cannot be saved: {reason}")
        else:
            found[name] = {"name": name, "alt": str(_about(output, "image/png", "alt"))}
    return list(found.values()), problems


def _about(output: "NotebookNode", part: str, key: str) -> Any:
    """Return a value of an output's metadata, or an empty text if it is missing or the metadata have another form."""
    about = output.metadata.get(part)
    return (about.get(key) if isinstance(about, dict) else None) or ""


def _displayed(notebook: "NotebookNode") -> "list[NotebookNode]":
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in outputs if "data" in output]


def finite(value: Any) -> Any:
    """Return a value in a form that standard JSON can hold: numbers that are not finite become text."""
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


@functools.cache
def machine() -> str:
    """Return the machine's operating system, architecture and number of processors."""
    return f"{platform.system()} on {platform.machine()}, {available_threads()} processors"


@functools.cache
def commit(folder: Path) -> str:
    """Return the commit that a folder's repository is at, marked if files differ from it; empty without one."""
    ask = ["git", "-C", str(folder), "describe", "--always", "--dirty= with changes", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(ask, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


@functools.cache
def binder(notebook: Path) -> str:
    """Return the address that starts a notebook on Binder, if its repository's `origin` is on GitHub; or nothing."""
    ask = ["git", "-C", str(notebook.parent)]
    try:
        asked = [[*ask, "remote", "get-url", "origin"], [*ask, "ls-files", "--full-name", "--", notebook.name]]
        remote, file = (
            subprocess.run(each, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
            for each in asked
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = GITHUB.search(remote)
    return (
        f"https://mybinder.org/v2/gh/{found[1]}/{found[2]}/HEAD?urlpath=lab/tree/{quote(file)}"
        if found and file
        else ""
    )


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    found = {"python": platform.python_version()}
    for name, distribution in PACKAGES.items():
        try:
            found[name] = version(distribution)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
