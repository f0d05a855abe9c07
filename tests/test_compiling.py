"""Compiled code: its rule of division, and when a later process loads it from the disk instead of compiling again."""

import math
import os
import subprocess
import sys

import pytest

from workbench.compiling import compiler, variant

KERNEL = """
from workbench.compiling import compiler
from package.inner import helper, FACTOR

@compiler()
def kernel(x):
    return helper(x) * FACTOR
"""
HELPER = """
from workbench.compiling import compiler
from package.constants import ADDED
FACTOR = 1.0

@compiler(forceinline=True)
def helper(x):
    return x + ADDED
"""
SHOWN = """
import sys
sys.dont_write_bytecode = True
from package import kernels
print(kernels.kernel(2.0), sum(kernels.kernel.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path):
    """Return a package whose kernel calls a helper in another file, which takes a constant from a third."""
    folder = tmp_path / "package"
    folder.mkdir()
    for name, text in {"__init__": "", "kernels": KERNEL, "inner": HELPER, "constants": "ADDED = 1.0"}.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def start(package, shown=SHOWN):
    """Start a process that runs the kernel on 2.0, and prints the result and how often it came from the disk."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment["PYTHONPATH"] = os.pathsep.join([str(package.parent), *filter(None, sys.path)])
    return subprocess.Popen([sys.executable, "-c", shown], env=environment, stdout=subprocess.PIPE, text=True)


def result(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    value, hits = output.split()
    return float(value), int(hits)


def test_divides_as_numpy_does():
    assert compiler()(lambda a, b: a / b)(1.0, 0.0) == math.inf


def test_a_later_process_takes_the_code_from_the_disk_until_a_file_that_it_came_from_is_edited(package):
    assert result(start(package)) == (3.0, 0)
    assert result(start(package)) == (3.0, 1)
    files = set((package / "__pycache__").iterdir())
    for name, text, value in (
        ("inner", HELPER.replace("x + ADDED", "x - ADDED"), 1.0),
        ("constants", "ADDED = 4.0", -2.0),
        ("inner", HELPER.replace("FACTOR = 1.0", "FACTOR = 0.5"), 3.0),
        ("kernels", KERNEL.replace("* FACTOR", "+ FACTOR"), 6.5),
    ):
        (package / f"{name}.py").write_text(text)
        assert result(start(package)) == (value, 0)
        assert result(start(package)) == (value, 1)
    assert len(set((package / "__pycache__").iterdir())) == len(files)  # what is stale is removed


def test_processes_that_start_at_once_agree(package):
    started = [start(package) for _ in range(4)]
    assert {result(each)[0] for each in started} == {3.0}
    assert result(start(package)) == (3.0, 1)


def test_compiles_where_no_folder_can_keep_the_result(package):
    nowhere = "from numba.core import caching\ncaching.CacheImpl._locator_classes = []\n"
    for _ in range(2):
        assert result(start(package, nowhere + SHOWN)) == (3.0, 0)
    assert not (package / "__pycache__").exists()


def test_other_options_are_other_code():
    def kept(**options):
        return compiler(**options)(add_one)._cache._stem

    assert kept() == kept()
    assert len({kept(), kept(fastmath={"contract"}), kept(fastmath={"contract", "reassoc"})}) == 3


def add_one(x):
    return x + 1


def test_a_variant_chooses_a_branch_that_alone_is_compiled():
    def chosen(kind, x):
        if len(kind) == 2:
            return x[0]  # would not compile for a number
        return x

    compiled = compiler()(chosen)
    assert compiled(variant(2), (3.5,)) == 3.5
    assert compiled(variant(1), 4.5) == 4.5
