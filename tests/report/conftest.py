"""Notebooks to run, and the results of one run over several of them, shared by the tests."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.report import Result, run_all, runs
from workbench.workers.messages import Outcome

PARAMETERS = """\
alpha: float = 1e-4  # strength: how strongly neighbours inhibit
size: int = 5
photo: str = "china.jpg"  # photograph [china.jpg | flower.jpg]
count: int = 3  # how many [0 .. 10]
quick: bool = False  # skip the slow half
"""

TITLE = r"""# Response <b>$y_i$</b>

It divides $x_i$ by the energy of its neighbours,

$$y_i = \frac{x_i}{s^\beta}$$

and is shown in ![a remote picture](https://example.com/picture.png) or at <https://example.com/page>.
<script src="https://example.com/script.js"></script><img src=x onerror="alert(1)">
"""

# One red pixel and one blue pixel.
FIGURE = """\
import base64, io, os, pathlib
from PIL import Image
picture = io.BytesIO()
Image.frombytes("RGB", (2, 1), bytes([255, 0, 0, 0, 0, 255])).save(picture, "png")
folder = pathlib.Path(os.environ["WORKBENCH_FIGURES"])
(folder / "pixels.png").write_bytes(picture.getvalue())
(folder / "pixels.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
encoded = base64.b64encode(picture.getvalue()).decode()
about = {"image/png": {"alt": "A red & a blue <pixel>"}, "workbench": {"figure": "pixels"}}
display({"image/png": encoded, "text/plain": "a figure"}, metadata=about, raw=True)
display({"image/png": encoded, "text/plain": "no name"}, raw=True)"""

FOREVER = "import time\nfor _ in range(600):\n    time.sleep(0.1)"

METRIC = 'display({{"application/vnd.workbench.metric+json": {{"name": {name!r}, "value": {value}}}}}, raw=True)'


def metric(name: str, value: str) -> str:
    """Return the code that records a metric; `value` is an expression."""
    return METRIC.format(name=name, value=value)


def build(path: Path, *cells: str, parameters: str | None = None, **metadata: object) -> Path:
    """Write a notebook of code cells and, where a text begins with #, Markdown cells."""
    made = [new_markdown_cell(text) if text.startswith("# ") else new_code_cell(text) for text in cells]
    if parameters is not None:
        made.insert(1, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    language = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=made, metadata={**language, **metadata}), path)
    return path


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> dict[str, list]:
    """Run no kernel: what the last cell of a notebook displays is taken from this dict, by the notebook's stem."""
    outputs: dict[str, list] = {}

    def run_alone(setup, task, tell):
        notebook = nbformat.reads(setup.work.text, as_version=4)
        notebook.cells[-1].outputs = outputs.get(Path(setup.work.path).stem, [])
        for number in range(len(notebook.cells)):
            tell(number)
        Path(setup.work.place, "notebook.ipynb").write_text(json.dumps(notebook))
        return Outcome("ok", "2030-01-01T00:00:00+00:00", 1.5)

    monkeypatch.setattr(runs, "run_alone", run_alone)
    return outputs


@pytest.fixture(scope="session")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Result]]:
    """Run notebooks that succeed, raise and die, two at once; give the folder and the results by name."""
    place = tmp_path_factory.mktemp("batch {0}")  # a path that papermill would take for a template
    notebooks = [
        build(
            place / "good.ipynb",
            TITLE,
            FIGURE,
            metric("largest", "size * 2.5") + "\n" + metric("not a number", "float('nan')"),
            "from IPython.display import HTML, Math\nimport ipywidgets, pathlib\n"
            "display(Math(r'x^2'), HTML('<p onclick=\"x()\">table</p><script>alert(2)</script>'))\n"
            "display(ipywidgets.IntSlider(description='slide'))\nprint(pathlib.Path.cwd())",
            parameters=PARAMETERS,
            workbench={"operator": "LRN"},
        ),
        build(
            place / "bad.ipynb",
            "# A notebook that fails",
            metric("<i>before</i>", "1"),
            "display({'image/png': 'iVBORw0KGgo='}, raw=True)",
            "raise RuntimeError('<script>alert(3)</script>')",
            metric("after", "2"),
        ),
        build(place / "dead.ipynb", metric("before", "1"), "import os\nos._exit(3)", metric("after", "2")),
        build(place / "expected.ipynb", "1 / 0", "print('went on')"),
    ]
    expected = nbformat.read(notebooks[3], as_version=4)
    expected.cells[0].metadata["tags"] = ["raises-exception"]
    nbformat.write(expected, notebooks[3])
    output = place / "reports"
    results = run_all(notebooks, output=output, jobs=2)
    return output, {result.name: result for result in results}


@pytest.fixture(scope="session")
def too_slow(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Result]]:
    """Run notebooks that take too long, one of which ignores being interrupted."""
    place = tmp_path_factory.mktemp("slow")
    deaf = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\ntime.sleep(60)"
    notebooks = [
        build(place / "slow.ipynb", metric("before", "1"), FOREVER),
        build(place / "deaf.ipynb", metric("before", "1"), deaf),
    ]
    results = run_all(notebooks, output=place / "out", timeout=6, jobs=2)
    return place / "out", {result.name: result for result in results}
