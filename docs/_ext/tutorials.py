"""Copy the notebooks into docs/tutorials, each picture beside its notebook with the text that describes it.

MyST-NB shows a saved picture without its alternative text. So a picture is written to a file, and the copy of the
notebook shows it with a line of Markdown.
"""

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
INDEX = """# Tutorials

Each tutorial is a notebook of the repository, shown with the outputs it was saved with. `make lab` opens the notebooks
in JupyterLab, where the figures have sliders and the exercises check your answers.

```{{toctree}}
:maxdepth: 1

{pages}
```
"""


def copy_notebooks(app: Sphinx) -> None:
    """Make docs/tutorials anew from every notebook in notebooks/."""
    folder = Path(app.srcdir) / "tutorials"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    notebooks = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in notebooks:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        pictures = folder / path.stem
        pictures.mkdir()
        for cell in notebook["cells"]:
            cell["outputs"] = [shown(output, pictures) for output in cell.get("outputs", [])]
            if cell["cell_type"] == "markdown":
                del cell["outputs"]
        (folder / path.name).write_text(json.dumps(notebook), encoding="utf-8")
    pages = "\n".join(path.stem for path in notebooks)
    (folder / "index.md").write_text(INDEX.format(pages=pages), encoding="utf-8")


def shown(output: dict[str, Any], pictures: Path) -> dict[str, Any]:
    """Return an output with its picture, if it has one, as a file in `pictures` and a line of Markdown.

    A metric is shown by its text.
    """
    data = output.get("data", {})
    data.pop("application/vnd.workbench.metric+json", None)
    picture = data.get("image/png")
    if picture is None:
        return output
    metadata = output["metadata"]
    name = metadata.get("workbench", {}).get("figure") or f"picture-{len(list(pictures.iterdir()))}"
    file = pictures / f"{name}.png"
    file.write_bytes(base64.b64decode("".join(picture)))
    alt = re.sub(r"([\\\[\]`*_<>$])", r"\\\1", metadata.get("image/png", {}).get("alt", name))
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {"text/markdown": f"![{alt}]({pictures.name}/{file.name})", "text/plain": f"[figure: {name}]"},
    }


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
