"""Cite the workbench, and what was run with it, as an entry for BibTeX."""

import json
import re
from pathlib import Path
from typing import Any

import workbench
from workbench.files import Refused

TITLE, AUTHOR = "Operator workbench", "The operator workbench developers"  # as in CITATION.cff
SPECIAL = {
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def bibtex(run: Path | None = None) -> str:
    """Return an entry; for the folder of a run, its key is the run's name, and its note says what was run.

    Raises:
        Refused: the folder holds no run of a notebook.
    """
    return entry(None if run is None else _read(run))


def entry(found: dict[str, Any] | None = None) -> str:
    """Return an entry for what a run's metrics.json holds, or without a run."""
    version = workbench.__version__
    fields = {"author": f"{{{AUTHOR}}}", "title": f"{{{TITLE}}}", "version": version}
    key = "operator-workbench"
    if found is not None:
        version = found["versions"].get("workbench", version)
        key = f"{key}-{re.sub(r'[^A-Za-z0-9.-]+', '-', found['name'])}"
        fields |= {"version": _escaped(version), "year": found["started"][:4], "note": _note(found)}
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@software{{{key},", *lines, "}"])


def _read(run: Path) -> dict[str, Any]:
    try:
        found = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        kinds = {"name": str, "notebook": str, "started": str, "status": str, "parameters": dict, "versions": dict}
        if all(isinstance(found[name], kind) for name, kind in kinds.items()):
            return found
        reason = "its metrics.json was not written by `workbench run`"
    except OSError as problem:
        reason = f"its metrics.json cannot be read ({problem.strerror})"
    except (ValueError, KeyError, TypeError, RecursionError):
        reason = "its metrics.json was not written by `workbench run`"
    raise Refused(f"{str(run)!r}: {reason}; give the folder of a run, such as reports/01-lrn") from None


def _note(found: dict[str, Any]) -> str:
    values = ", ".join(f"{name}={value!r}" for name, value in found["parameters"].items())
    others = ", ".join(f"{name} {version}" for name, version in found["versions"].items() if name != "workbench")
    failed = "" if found["status"] == "ok" else "; the run failed"
    shown = f"{Path(found['notebook']).name} with {values or 'no parameters'}, run on {found['started'][:10]}"
    return _escaped(f"{shown} with {others}{failed}")


def _escaped(text: str) -> str:
    """Return text for TeX on one line."""
    return "".join(SPECIAL.get(mark, mark) for mark in " ".join(str(text).split()))
