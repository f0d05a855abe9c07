"""The committed notebooks keep the promises that they make to readers."""

import shlex
from pathlib import Path

import pytest

from workbench.report.parameters import ParameterError, check
from workbench.report.source import load

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def shown_commands(notebook):
    """Yield the words of every `workbench run` command in a notebook's saved outputs."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for line in output.get("data", {}).get("text/plain", "").splitlines():
                if line.startswith("workbench run "):
                    yield shlex.split(line)[2:]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_shown_command_is_one_that_the_notebook_accepts(path):
    notebook = load(path)
    commands = list(shown_commands(notebook))
    assert commands
    for file, *options in commands:
        assert file == f"notebooks/{path.name}"
        assert options[::3] == ["-p"] * (len(options) // 3)
        given = dict(zip(options[1::3], options[2::3], strict=True))
        values = check(notebook, given, text=True)
        assert {name: str(values[name]) for name in given} == given


def test_a_parameter_that_a_notebook_lacks_would_be_noticed():
    with pytest.raises(ParameterError):
        check(load(NOTEBOOKS[0]), {"order": "NCHW"}, text=True)
