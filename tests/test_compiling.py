"""Compiled code: its rule of division, and when a later process loads it from the disk instead of compiling again."""

import math
import os
import signal
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import numba
import numpy as np
import pytest
from numba.core import caching, event

from tests.declared import is_sparse, run, typical
from workbench import OPERATORS, compiling
from workbench.compiling import compiler, unlocked, variant

KERNEL = """
from workbench.compiling import compiler
from package import (  # (another file)
    inner,
)

helper, FACTOR = inner.helper, inner.FACTOR

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


def start(package):
    """Start a process that runs the kernel on 2.0, and prints the result and how often it came from the disk."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment["PYTHONPATH"] = os.pathsep.join([str(package.parent), *filter(None, sys.path)])
    return subprocess.Popen([sys.executable, "-c", SHOWN], env=environment, stdout=subprocess.PIPE, text=True)


def result(process):
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    value, hits = output.split()
    return float(value), int(hits)


def test_divides_as_numpy_does():
    assert compiler()(lambda a, b: a / b)(1.0, 0.0) == math.inf


@pytest.fixture
def load(package, monkeypatch):
    """Return a function that imports the kernel as a new process does, from the sources as they are now."""
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget():
        for name in [name for name in sys.modules if name.partition(".")[0] == "package"]:
            del sys.modules[name]
        compiling._source.cache_clear()
        compiling._sources.cache_clear()

    def load():
        forget()
        return import_module("package.kernels").kernel

    yield load
    forget()


def value_and_hits(kernel):
    """Return the kernel's value at 2.0 and how often its code came from the disk."""
    return kernel(2.0), sum(kernel.stats.cache_hits.values())


def test_code_is_taken_from_the_disk_until_a_file_that_it_came_from_is_edited(package, load):
    assert value_and_hits(load()) == (3.0, 0)
    assert value_and_hits(load()) == (3.0, 1)
    files = set((package / "__pycache__").iterdir())
    for name, text, value in (
        ("inner", HELPER.replace("x + ADDED", "x - ADDED"), 1.0),
        ("constants", "ADDED = 4.0", -2.0),
        ("inner", HELPER.replace("FACTOR = 1.0", "FACTOR = 0.5"), 3.0),
        ("kernels", KERNEL.replace("* FACTOR", "+ FACTOR"), 6.5),
    ):
        (package / f"{name}.py").write_text(text)
        assert value_and_hits(load()) == (value, 0)
        assert value_and_hits(load()) == (value, 1)
    assert len(set((package / "__pycache__").iterdir())) == len(files)  # what is stale is removed


def test_only_what_python_can_call_is_kept(package, load):
    assert load()(2.0) == 3.0
    assert {file.name.partition("-")[0] for file in (package / "__pycache__").glob("*.nb?")} == {"kernels.kernel"}


def test_processes_that_start_at_once_agree_and_a_later_one_compiles_nothing(package, load):
    started = [start(package) for _ in range(2)]
    assert {result(each)[0] for each in started} == {3.0}
    assert value_and_hits(load()) == (3.0, 1)


def test_compiles_where_no_folder_can_keep_the_result(package, load, monkeypatch):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    for _ in range(2):
        assert value_and_hits(load()) == (3.0, 0)
    assert not (package / "__pycache__").exists()


@pytest.mark.parametrize("damage", [lambda old: b"", lambda old: old[: len(old) // 2], lambda old: b"\0" * len(old)])
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_damaged_files_are_compiled_again_and_replaced(ending, damage, load, package):
    assert load()(2.0) == 3.0
    (file,) = (package / "__pycache__").glob(f"kernels.kernel-*.{ending}")
    file.write_bytes(damage(file.read_bytes()))
    assert value_and_hits(load()) == (3.0, 0)
    assert value_and_hits(load()) == (3.0, 1)


def test_a_full_disk_costs_only_the_file(load, package, monkeypatch):
    def full(self, overloads):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.IndexDataCacheFile, "_save_index", full)
    assert load()(2.0) == 3.0
    assert list((package / "__pycache__").glob("kernels.kernel-*")) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_that_is_forked_while_another_thread_compiles_can_compile():
    compiling = threading.Event()

    class Slow(event.Listener):
        def on_start(self, event):
            compiling.set()

        def on_end(self, event):
            pass

    with event.install_listener("numba:compile", Slow()):
        other = threading.Thread(target=lambda: numba.njit(lambda x: np.cumsum(x))(np.arange(3.0)))
        other.start()
        compiling.wait(60)
    child = os.fork()
    if not child:
        signal.alarm(30)  # a child that hangs is killed
        os._exit(7 if numba.njit(lambda x: x + 7)(0) == 7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    other.join()


PLAIN = """
import warnings
from tests.declared import assert_alike, examples, run
from workbench import OPERATORS, compiling

warnings.simplefilter("error")
for operator in OPERATORS.values():
    small = [(inputs, arguments) for inputs, arguments in examples(operator) if max(x.size for x in inputs) < 300]
    for inputs, arguments in small:
        copies = [[x.copy() for x in inputs] for _ in "ab"]
        found, expected = (run(operator, x, arguments, engine=e) for x, e in zip(copies, ("numba", "reference")))
        assert_alike(operator, found, expected)
    print(operator.name, len(small) > 10)
"""


def test_without_the_compiler_every_operator_gives_the_same_results():
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    call = [sys.executable, "-c", PLAIN]
    done = subprocess.run(call, env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.stdout.split() == [word for name in OPERATORS for word in (name, "True")], done.stderr


def locked(x):
    x = x.copy()
    x.flags.writeable = False
    return x


class Compilations(event.Listener):
    """Record the names of the functions that are compiled."""

    def __init__(self):
        self.names = []

    def on_start(self, event):
        self.names.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass


@pytest.mark.parametrize("dtype", ["float16", "uint8", "float64"])
def test_a_view_of_a_read_only_array_is_the_same_memory_and_lasts(dtype):
    x = np.arange(7).astype(dtype)
    assert unlocked(x) is x
    for array in (locked(x), locked(x)[:0]):
        view = unlocked(array)
        assert view.flags.writeable
        assert not array.flags.writeable
        assert view.__array_interface__["data"][0] == array.__array_interface__["data"][0]
        assert (view.dtype, view.shape) == (array.dtype, array.shape)
    lasting = [unlocked(locked(x + n)) for n in range(50)]
    assert [each.tolist() for each in lasting] == [(x + n).tolist() for n in range(50)]


@pytest.mark.parametrize("name", OPERATORS)
def test_read_only_arrays_are_not_compiled_for(name):
    operator, seen = OPERATORS[name], Compilations()
    inputs, arguments = typical(operator)
    locked_inputs = [
        x if x_name in operator.changes else locked(x) for x_name, x in zip(operator.inputs, inputs, strict=True)
    ]
    assert not any(map(is_sparse, inputs))
    run(operator, [x.copy() for x in inputs], arguments, engine="numba")
    with event.install_listener("numba:compile", seen):
        run(operator, locked_inputs, arguments, engine="numba")
    assert seen.names == []


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


def test_numba_is_loaded_without_coverage_which_can_be_loaded_afterwards():
    code = "import sys, workbench.compiling; print('coverage' in sys.modules); import coverage; print(coverage)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False\n<module 'coverage'")
