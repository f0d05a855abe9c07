"""Read notebook files, and clean notebooks of everything that changes from run to run."""

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.files import Refused

if TYPE_CHECKING:  # nbformat takes a second to import, and sweeps over functions do not need it
    from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ERROR_MARKER = "papermill-error-cell-tag"  # papermill's tag on the cells that it adds to a failed notebook
VOLATILE = ("papermill", "execution", "ExecuteTime")


class NotebookError(Refused):
    """A notebook or one of its parameters is refused; nothing has been run."""


def load(path: Path) -> "NotebookNode":
    """Read a Python notebook in format 4; raise NotebookError if the file is not one or cannot be read."""
    import nbformat
    import papermill  # noqa: F401 - workers need it, so its absence is noticed before any starts
    from nbformat.warnings import MissingIDFieldWarning

    warnings.simplefilter("ignore", MissingIDFieldWarning)  # it names no file, and cells without an id do no harm
    try:
        if not path.is_file():
            raise NotebookError(f"notebook {str(path)!r}: {'is not a file' if path.exists() else 'does not exist'}")
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except NotebookError:
        raise
    except OSError as problem:
        raise NotebookError(f"notebook {str(path)!r}: cannot be read ({problem.strerror})") from None
    except Exception as problem:  # nbformat raises many kinds of error on bad content
        reason = str(problem).strip().splitlines() or [type(problem).__name__]
        raise NotebookError(
            f"notebook {str(path)!r}: is not a Jupyter notebook ({reason[0][:120]}); give the path of an .ipynb file"
        ) from None
    metadata = notebook.metadata
    language = metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language")
    if language not in (None, "python"):
        raise NotebookError(f"notebook {str(path)!r}: is written in {language}; only Python notebooks can be run")
    return notebook


def tags(cell: "NotebookNode") -> list[str]:
    """Return a cell's tags."""
    return cell.metadata.get("tags", [])


def title(notebook: "NotebookNode") -> str | None:
    """Return the text of the notebook's first level-1 heading, or None without one."""
    for cell in notebook.cells:
        heading = re.search(r"^# +(.+?) *#*$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if heading:
            return heading[1]
    return None


def summary(notebook: "NotebookNode", longest: int = 180) -> str:
    """Return the first sentences below the notebook's title, as many as fit, without marks of Markdown."""
    words = next((cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "")
    paragraph = re.search(r"^[^#\s|<*-][^\n]*(\n[^\n]+)*", words, re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", paragraph[0] if paragraph else "")
    sentences = re.findall(r"\S.*?[.?!](?=\s|$)", re.sub(r"[*_`]", "", " ".join(text.split())))
    found = ""
    for sentence in sentences:
        if found and len(found) + len(sentence) > longest:
            break
        found = f"{found} {sentence}".strip()
    return found


def clean(notebook: "NotebookNode") -> "NotebookNode":
    """Remove data that changes from run to run or belongs to a live session, in place; return the notebook."""
    from nbformat import NotebookNode

    own = {key: value for key, value in notebook.metadata.items() if key == "workbench"}
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(display_name="Python 3 (ipykernel)", language="python", name="python3"),
        # as the kernel names it: JupyterLab marks a notebook as changed if it has to write this itself
        language_info=notebook.metadata.get("language_info", NotebookNode(name="python")),
        **own,
    )
    notebook.cells = [_clean_cell(cell) for cell in notebook.cells if ERROR_MARKER not in tags(cell)]
    return notebook


def without_outputs(notebook: "NotebookNode") -> "NotebookNode":
    """Return a copy of `notebook` without outputs."""
    from nbformat import from_dict

    bare = from_dict(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def _clean_cell(cell: "NotebookNode") -> "NotebookNode":
    for key in VOLATILE:
        cell.metadata.pop(key, None)
    if not tags(cell):
        cell.metadata.pop("tags", None)
    for output in cell.get("outputs", []):
        output.get("data", {}).pop(WIDGET_VIEW, None)
        output.get("metadata", {}).pop(WIDGET_VIEW, None)
    if "outputs" in cell:
        cell.outputs = [output for output in cell.outputs if output.get("data", True)]
    return cell
