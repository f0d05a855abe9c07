"""The structure of the package: each module imports only from its own folder and from the floors below."""

import ast
import functools
from pathlib import Path

import pytest

import workbench

PACKAGE = Path(workbench.__file__).parent
# From the roof down. What stands on one floor may not import from its neighbours.
FLOORS = (
    ("__main__",),
    ("cli",),
    ("terminal",),
    ("bench", "claims"),
    ("experiments",),
    ("sweep", "app", "classroom"),
    ("report",),
    ("workers",),
    ("explore", "cluster", "torch"),
    ("training",),
    ("solvers",),
    ("data",),
    ("architectures", "hardware", "competition", "baselines", "sparse_inference"),
    ("__init__",),
    tuple(sorted(path.parent.name for path in PACKAGE.glob("*/reference.py"))),  # the operators
    ("machines",),
    ("cost", "measures"),
    ("operator", "arrays", "parallel", "compiling", "ahead", "philox", "drawing", "files", "lazily", "loading"),
)
GROUND = FLOORS[-1]  # these files may import each other
HEIGHT = {name: -floor for floor, names in enumerate(FLOORS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))
SLOW = ("scipy.optimize.", "scipy.signal.", "scipy.stats.")  # half a second, where a notebook imports all claims


@functools.cache
def parsed(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def room(module):
    """Return the folder, or the file beside the folders, that a module's dotted name leads to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imported(tree):
    """Yield the modules that a file imports, `from workbench import name` as workbench.name where that is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "a relative import from another folder"
            if node.level:
                continue
            if node.module == "workbench":
                yield from (f"workbench.{a.name}" if a.name in HEIGHT else "workbench" for a in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_down(file):
    here = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    names = {name for name in imported(parsed(file)) if name.startswith("workbench")}
    others = {name for name in names if room(name) != here}
    assert {name for name in others if HEIGHT[room(name)] >= HEIGHT[here] and room(name) not in GROUND} == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_no_module_is_named_in_a_string_to_reach_upwards(file):
    here = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    named = [
        node.value
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("workbench.")
    ]
    rooms = {room(name.split()[0].split(":")[0]) for name in named}
    assert {each for each in rooms & set(HEIGHT) if each != here and HEIGHT[each] >= HEIGHT[here]} == set()


def test_parts_of_scipy_that_take_long_to_load_are_left_to_their_first_use():
    names = set()
    for node in (node for file in FILES for node in parsed(file).body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names |= {f"{start}{alias.name}." for alias in node.names}
    assert {name for name in names if name.startswith(SLOW)} == set()


def test_every_folder_has_a_floor_and_says_what_belongs_there():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    files = {path.stem for path in PACKAGE.glob("*.py")}
    assert folders | files <= set(HEIGHT)
    for folder in folders:
        text = (PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")
        assert len(ast.get_docstring(ast.parse(text))) > 40, folder
