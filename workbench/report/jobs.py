"""One notebook to run, and what its run leaves in a folder."""

import dataclasses
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from workbench.report import page, parameters, results
from workbench.report.results import Result
from workbench.report.source import clean, count_code_cells, without_outputs
from workbench.report.versions import versions
from workbench.workers.messages import Outcome


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


def read_executed(job: Job, folder: Path) -> NotebookNode:
    """Return the notebook as far as it was executed in `folder`; without outputs if nothing readable was written."""
    try:
        return nbformat.read(folder / "notebook.ipynb", as_version=4)
    except Exception:  # absent, or cut off where the process that wrote it ended
        return without_outputs(job.notebook)


def write_result(job: Job, outcome: Outcome, folder: Path, back: page.Link = page.ALL_RUNS) -> Result:
    """Write into `folder`, where a job was run, everything that it leaves; its page has a link `back`."""
    known = parameters.declared(job.notebook)
    executed = read_executed(job, folder)
    result = Result(
        name=job.name,
        notebook=str(job.path),
        status="ok" if outcome.error is None else "failed",
        parameters={name: job.parameters.get(name, known[name].default) for name in known},
        metrics=results.metrics(executed),
        figures=results.figures(executed, folder / "figures"),
        duration_seconds=outcome.duration_seconds,
        started=outcome.started,
        versions=versions(),
        error=outcome.error,
    )
    html = page.report(result, known, executed, job.path, back)
    (folder / "report.html").write_text(html, encoding="utf-8")
    (folder / "notebook.ipynb").write_text(nbformat.writes(clean(executed)) + "\n", encoding="utf-8")
    (folder / "metrics.json").write_text(result.to_json(), encoding="utf-8")
    return result
