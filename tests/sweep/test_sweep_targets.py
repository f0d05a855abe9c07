"""Which functions a sweep takes, and that another process gets the same ones."""

import functools
import pickle
import sys

import numpy as np
import pytest

from workbench.sweep import sweep
from workbench.sweep.sending import pickled
from workbench.sweep.target import find_target
from workbench.workers.messages import Task

from .conftest import quick

HELD = """\
import functools
import threading
from dataclasses import dataclass

lock = threading.Lock()


@functools.cache
def squared(x):
    return x * x


@functools.lru_cache(maxsize=4)
def doubled(x):
    return 2 * x


@functools.singledispatch
def name(x):
    return "something"


@name.register
def _(x: float):
    return "a float"


@dataclass
class Line:
    slope: float

    @functools.cached_property
    def half(self):
        return self.slope / 2

    def __call__(self, x: float = 0.0):
        return self.slope * x


def f(x: float = 0.0):
    with lock:
        return {"loss": squared(x) + doubled(x), "half": Line(x).half, "name": name(x)}


@functools.cache
def cached(x: float = 0.0):
    return 3 * x


def plane(y: float, x: float = 0.0):
    return x + 10 * y


line = Line(5.0)
partial = functools.partial(plane, y=2.0)
"""
EXPECTED = {
    "f": {"loss": 15.0, "half": 1.5, "name": "a float"},  # 3 * 3 + 2 * 3
    "cached": {"loss": 9.0},
    "line": {"loss": 15.0},
    "partial": {"loss": 23.0},
}


@pytest.fixture
def held(tmp_path):
    """Give the path of a file that holds what cannot be pickled."""
    (tmp_path / "held.py").write_text(HELD)
    return "held.py"


def elsewhere(target, **parameters):
    """Return the outcome of a trial as another process has it: one that has not imported the file."""
    pickled = target.work(("loss",)).pickled
    for name in [name for name in sys.modules if name.startswith("held_")]:
        del sys.modules[name]
    return pickle.loads(pickled)(Task(0, parameters))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_may_hold_what_cannot_be_pickled(held, name):
    outcome = elsewhere(find_target(f"{held}:{name}"), x=3.0)
    assert (outcome.error, outcome.metrics) == (None, EXPECTED[name])


def test_trials_in_processes_run_the_file_as_it_was_when_the_sweep_began(held, tmp_path):
    target = find_target(f"{held}:f")
    result = sweep(f"{held}:f", {"x": "3,4"}, sampler="grid", jobs=1, report=False)
    assert sorted(each.values[0] for each in result.records()) == [15.0, 24.0]
    (tmp_path / "held.py").unlink()  # as on the machines of a cluster
    assert elsewhere(target, x=3.0).metrics == EXPECTED["f"]


def test_a_file_is_run_once_in_a_process(tmp_path):
    (tmp_path / "held.py").write_text("count = []\ndef f(x=0.0):\n    count.append(x)\n    return len(count)\n")
    result = quick("held.py:f", {"x": [1.0, 2.0, 3.0]}, sampler="grid")
    assert [each.values[0] for each in result.records()] == [1.0, 2.0, 3.0]


class Bowl:
    """A callable object; its least value is `least`."""

    def __init__(self, least):
        self.least = least

    def __call__(self, x: float = 0.0, *, seed: int = 3):
        return self.least + x * x


def plane(y: float, x: float = 0.0, trial=None):
    return x + 10 * y


@pytest.mark.parametrize(
    ("function", "name", "declared", "value"),
    [
        (Bowl(5.0), "Bowl", ["x", "seed"], 9.0),
        (functools.partial(plane, y=2.0), "plane", ["y", "x"], 22.0),
        (functools.partial(functools.partial(plane), 3.0), "plane", ["x"], 32.0),
        (functools.partial(Bowl(1.0), seed=5), "Bowl", ["x", "seed"], 5.0),
        (functools.cache(plane), "plane", ["y", "x"], 12.0),
    ],
)
def test_partial_functions_and_callable_objects_are_targets(function, name, declared, value):
    target = find_target(function)
    assert (list(target.declared), target.stem) == (declared, name)
    space = {"x": 2.0} | ({"y": 1.0} if name == "plane" and not isinstance(function, functools.partial) else {})
    result = quick(function, space, sampler="grid", name=None)
    assert (result.folder.name, result.best.values) == (name, (value,))


def test_the_digest_changes_with_what_a_target_holds():
    def digest(function):
        return find_target(function).digest

    assert digest(Bowl(1.0)) == digest(Bowl(1.0)) != digest(Bowl(2.0))
    assert digest(functools.partial(plane, y=1.0)) == digest(functools.partial(plane, y=1.0))
    assert digest(functools.partial(plane, y=1.0)) != digest(functools.partial(plane, y=2.0))
    assert digest(functools.cache(plane)) == digest(plane)
    assert digest(Bowl(plane)) == digest(Bowl(plane))  # without the address of what it holds


def test_a_function_with_a_cache_is_sent_from_a_notebook_too(monkeypatch):
    @functools.lru_cache(maxsize=7, typed=True)
    def squared(x):
        return x * x

    for module in ("__main__", squared.__module__):
        squared.__module__ = module
        found = pickle.loads(pickled(lambda x=0.0: (squared(x), squared.cache_parameters())))(3.0)
        assert found == (9.0, {"maxsize": 7, "typed": True})


HALF, THREE, YES, WORD = np.float64(0.5), np.int16(3), np.bool(True), np.str_("word")


def test_defaults_and_types_of_numpy_are_those_of_python():
    def f(a=HALF, b=THREE, c=YES, d=WORD, e: np.float32 = 1, g: np.integer = 2):
        return a * b

    declared = find_target(f).declared
    assert {name: (each.type_name, type(each.default)) for name, each in declared.items()} == {
        "a": ("float", float), "b": ("int", int), "c": ("bool", bool), "d": ("str", str), "e": ("float", int),
        "g": ("int", int),
    }  # fmt: skip
    result = quick(f, {"a": "0..1:3", "b": np.array([2, 4]), "c": [np.False_], "d": np.str_("x")}, sampler="grid")
    assert sorted(each.values[0] for each in result.records()) == [0.0, 0.0, 1.0, 2.0, 2.0, 4.0]
