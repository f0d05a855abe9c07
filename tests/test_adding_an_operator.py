"""Adding an operator means adding a folder: the toy in tests/toy, in a package of its own, works everywhere.

The same files are what docs/add-an-operator.md quotes.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest

import workbench
from tests import test_every_operator
from tests.machines.flat import flat_machine
from workbench import OPERATORS
from workbench.bench.declared import run_declared
from workbench.explore import explore
from workbench.report.parameters import ParameterError, check

ROOT = Path(__file__).parents[1]
TOY = Path(__file__).parent / "toy" / "leaky_clip"
PAGE = ROOT / "docs" / "add-an-operator.md"
PLAIN = ["-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:nbval", "-p", "no:xdist"]  # starts in half the time


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder that holds the package `mine`, as a user keeps an operator outside the repository."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(TOY, folder / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def mine(folder, monkeypatch):
    """Return the package, imported for one test."""
    monkeypatch.syspath_prepend(str(folder))
    before = dict(OPERATORS)
    yield importlib.import_module("mine")
    OPERATORS.clear()
    OPERATORS.update(before)
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[name]


def run(folder, *words, cwd=ROOT, **settings):
    """Run Python in a process that finds packages in `folder`, and return what it prints."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", **settings}
    finished = subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, timeout=300, env=environment, cwd=cwd
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


X = np.array([-3.0, -1.0, 0.5, 5.0])


def test_it_computes(mine):
    assert mine.leaky_clip(X, 1.0, 0.25).tolist() == [-1.5, -1.0, 0.5, 2.0]
    assert mine.leaky_clip_gradient(np.full(4, 8.0), X, 1.0, 0.25).tolist() == [2.0, 2.0, 8.0, 2.0]
    assert workbench.leaky_clip is mine.leaky_clip


def test_arguments_are_checked(mine):
    with pytest.raises(
        ValueError, match=r"^slope=2: must be a number from 0\.0 to 1\.0; the nearest legal value is 1\.0$"
    ):
        mine.leaky_clip(X, slope=2)
    with pytest.raises(TypeError, match=r"^x has dtype int64: must be float32 or float64"):
        mine.leaky_clip(np.arange(3))


def test_sliders_move_its_plot(mine):
    plots = importlib.import_module("mine.plots")
    explorer = explore("LeakyClip", plots.curve)
    assert list(explorer.sliders) == ["limit", "slope"]
    explorer.sliders["slope"].value = 0.5
    assert explorer.wait(20)
    assert explorer.message is None
    assert explorer.python == "workbench.leaky_clip(x, limit=1.0, slope=0.5)"
    assert eval(explorer.python, {"workbench": workbench, "x": X}).tolist() == [-2.0, -1.0, 0.5, 3.0]


def test_parameters_of_a_notebook_obey_it(mine):
    cell = nbformat.v4.new_code_cell("limit = 2.0\nslope = 0.5", metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"workbench": {"operator": "LeakyClip"}})
    assert check(notebook, {"slope": "0.25"}, text=True) == {"slope": 0.25}
    with pytest.raises(ParameterError, match=r"slope=-0\.5: must be a number from 0\.0 to 1\.0"):
        check(notebook, {"slope": "-0.5"}, text=True)


def test_it_has_a_form_for_blocks(mine):
    da = pytest.importorskip("dask.array")
    from workbench import cluster

    y = cluster.leaky_clip(da.from_array(X, chunks=3), 1.0, 0.25)
    assert y.chunks == ((3, 1),)
    assert y.compute(scheduler="synchronous").tolist() == [-1.5, -1.0, 0.5, 2.0]
    dx = cluster.run("LeakyClipGradient", np.full(4, 8.0), da.from_array(X, chunks=3), slope=0.25)
    assert dx.compute(scheduler="synchronous").tolist() == [2.0, 2.0, 8.0, 2.0]


def test_the_bench_times_it_beside_its_prediction(mine):
    results = run_declared(["LeakyClip", "LeakyClipGradient"], [3000], 1, machine=flat_machine())
    assert {(row.direction, row.shape) for row in results.rows} == {("forward", (3000,)), ("gradient", (3000,))}
    # 3000 elements: 12 kB read and 12 kB written, a launch and what an operator's run costs; at a billion a second.
    predicted = {row.direction: row.predicted_seconds for row in results.rows if row.threads == 1}
    assert predicted["forward"] >= 24e-6 + 1e-6
    assert predicted["gradient"] >= 36e-6 + 1e-6


def test_the_command_line_lists_it(folder):
    listed = run(folder, "-m", "workbench", "operators", WORKBENCH_OPERATORS="mine")
    assert "LeakyClip(x) -> y" in listed
    assert "LeakyClipGradient(dy, x) -> dx" in listed
    assert re.search(r"slope +. float +. 0\.1 +. a number from 0\.0 to 1\.0 +. how fast they grow beyond", listed)
    assert "LeakyClip" not in run(folder, "-m", "workbench", "operators")


def test_the_generated_tests_pass(folder):
    words = ["-m", "pytest", "tests/test_every_operator.py", *PLAIN, "-k", "LeakyClip"]
    output = run(folder, *words, WORKBENCH_OPERATORS="mine")
    assert int(re.search(r"(\d+) passed", output)[1]) > 40


def test_a_generated_test_sees_a_fault(mine, monkeypatch):
    def wrong_at_the_limit(dy, x, limit, slope):
        return np.where(np.abs(x) <= limit, dy, dy.dtype.type(slope) * dy)

    operator = OPERATORS["LeakyClipGradient"]
    test_every_operator.test_engines_agree_for_every_type(operator)
    monkeypatch.setattr(importlib.import_module("mine.kernels"), "leaky_clip_gradient", wrong_at_the_limit)
    with pytest.raises(AssertionError):
        test_every_operator.test_engines_agree_for_every_type(operator)


def test_a_folder_inside_the_package_is_found_by_itself(tmp_path):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "workbench", tmp_path / "workbench", ignore=ignored)
    shutil.copytree(TOY, tmp_path / "workbench" / "leaky_clip", ignore=ignored)
    house = [str(ROOT / "tests" / "test_house.py"), "-k", "leaky", *PLAIN]
    script = f"""
import sys, pytest, workbench
print(workbench.__file__)
print(workbench.leaky_clip([-3.0, 5.0], slope=0.25, engine="reference"))
sys.exit(pytest.main({house}))
"""
    found, result, *_ = run(tmp_path, "-c", script, cwd=tmp_path).splitlines()
    assert Path(found).parent == tmp_path / "workbench"
    assert result == "[-1.5  2. ]"


def test_the_page_quotes_these_files():
    """Every block of code after a line that names a file is that file, or lines of it."""
    page = PAGE.read_text()
    quotes = re.findall(r"`tests/toy/(\S+)`[^`]*\n```python\n(.*?)```", page, re.DOTALL)
    assert {name for name, _ in quotes} == {f"leaky_clip/{file.name}" for file in TOY.glob("*.py")}
    for name, code in quotes:
        source = (TOY.parent / name).read_text()
        for piece in code.split("...\n"):
            assert piece.strip("\n") in source, name
