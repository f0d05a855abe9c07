"""The committed notebooks keep the promises that they make to readers."""

import ast
import os
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from workbench.classroom.exercises import SOLUTION, checks, exercises, without_answers
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_handout_holds_no_answer_and_a_check_for_each_exercise(path):
    notebook = load(path)
    found = exercises(notebook)
    assert [number for number in found if not number.isdecimal() or number == "0"] == []
    student = without_answers(notebook, {cell.id: ["sealed:1:2:3"] for cell in found.values()})
    for cell in student.cells:
        assert "<summary>" not in cell.source, f"tag the cell {cell.id} as {SOLUTION}"
        assert not cell.get("outputs")
    truths = {ast.unparse(call.args[1]) for cell in student.cells for call in checks(cell)}
    assert truths <= {"'sealed:1:2:3'", "next(sealed)"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_opens_in_all_programs(path):
    notebook = load(path)  # it is valid
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert path.stat().st_size <= 1_000_000  # larger ones open slowly, and GitHub does not show them


def test_binder_installs_what_is_pinned():
    commands = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    pins = re.search(r"--no-deps --require-hashes -r (\S+)", commands)[1]
    assert (ROOT / pins).is_file()
    assert os.access(ROOT / ".binder" / "postBuild", os.X_OK)
    python = (ROOT / ".binder" / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]
