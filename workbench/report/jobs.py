"""One notebook to run, how its run ended, and what that leaves in a folder."""

import dataclasses
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from workbench.report import page, parameters, results
from workbench.report.results import Result
from workbench.report.source import clean, count_code_cells
from workbench.report.versions import versions


@dataclasses.dataclass(frozen=True)
class Job:
    """One notebook to run: its file, its content, the checked parameters, and the seconds it may take."""

    path: Path
    notebook: NotebookNode
    parameters: dict[str, Any]
    name: str
    timeout: float | None

    @property
    def cells(self) -> int:
        """Count the cells to run; papermill adds one that sets the parameters given."""
        return count_code_cells(self.notebook) + bool(self.parameters)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a worker has ended: the executed notebook as far as it came, what went wrong, and the seconds it took."""

    notebook: NotebookNode
    error: dict[str, str] | None
    seconds: float
    started: str


def read_executed(path: Path, job: Job) -> NotebookNode:
    """Return the notebook as far as it was executed; without outputs if nothing readable was written."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # absent, or cut off where the process that wrote it ended
        notebook = nbformat.from_dict(job.notebook)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return notebook


def write_result(job: Job, outcome: Outcome, folder: Path, back: page.Link = page.ALL_RUNS) -> Result:
    """Write into `folder` everything that a finished run leaves; its page has a link `back`."""
    known = parameters.declared(job.notebook)
    result = Result(
        name=job.name,
        notebook=str(job.path),
        status="ok" if outcome.error is None else "failed",
        parameters={name: job.parameters.get(name, known[name].default) for name in known},
        metrics=results.metrics(outcome.notebook),
        figures=results.figures(outcome.notebook, folder / "figures"),
        duration_seconds=outcome.seconds,
        started=outcome.started,
        versions=versions(),
        error=outcome.error,
    )
    html = page.report(result, known, outcome.notebook, job.path, back)
    (folder / "report.html").write_text(html, encoding="utf-8")
    (folder / "notebook.ipynb").write_text(nbformat.writes(clean(outcome.notebook)) + "\n", encoding="utf-8")
    (folder / "metrics.json").write_text(result.to_json(), encoding="utf-8")
    return result
