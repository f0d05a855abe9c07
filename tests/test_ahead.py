"""Compiling in the background what sliders can reach."""

import dataclasses
import sys
import types
from importlib import import_module

import pytest

from workbench import ahead
from workbench.operator import Arg

MODULE = """
from workbench.compiling import compiler, variant

@compiler()
def kernel(kind, x):
    return x + len(kind)

def plot(x, beta, ax=None):
    if beta == 2.0:
        raise ValueError("refused")
    return kernel(variant({0.0: 1, 0.5: 2, 1.0: 3}[beta]), x)
"""
ARGS = (
    Arg("beta", float, 0.5, "exponent", low=0.0, slider=(0.0, 1.0)),
    Arg("size", int, 3, "length", low=1, high=9, step=2),
    Arg("region", str, "across", "place", choices=("across", "within")),
)
OPERATOR = types.SimpleNamespace(
    examples=lambda rng: [((), {"beta": 0.5, "size": 5}), ((), {"beta": 2.0, "size": 5}), ((), {"region": "within"})]
)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a new module with a compiled kernel, and let stamps be kept beside it."""
    (tmp_path / "drawn_ahead.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(ahead, "_folder", lambda: str(tmp_path))
    monkeypatch.setattr(ahead, "NICE", 0)  # otherwise other tests can hold the process up for minutes
    monkeypatch.delenv("WORKBENCH_FIGURES", raising=False)
    yield import_module("drawn_ahead")
    ahead._state.cache_clear()
    del sys.modules["drawn_ahead"]


def test_ends_choices_and_the_values_of_examples_are_reached():
    numbers = [{"beta": 0.0}, {"beta": 0.5}, {"beta": 1.0}, {"size": 1}, {"size": 5}, {"size": 9}]
    assert list(ahead.reach(OPERATOR, ARGS)) == [
        {"region": "across"},
        *({"region": "across"} | each for each in numbers),
        {"region": "within"},
        *({"region": "within"} | each for each in numbers),
    ]
    switch = Arg("tall", bool, False, "switch")
    assert list(ahead.reach(types.SimpleNamespace(examples=None), (switch,))) == [{"tall": False}, {"tall": True}]


def test_what_sliders_reach_is_compiled_by_another_process_once(module):
    values = {"x": 2.0, "beta": 0.5}
    operator = types.SimpleNamespace(examples=lambda rng: [((), {"beta": 0.5}), ((), {"beta": 2.0})])
    args = [dataclasses.replace(ARGS[0], slider=(0.0, 3.0))]
    ahead.compile_ahead(module.plot, operator, args, values).join(300)
    assert module.kernel.signatures == []  # nothing is compiled here
    for beta, number in ((0.0, 1), (0.5, 2)):
        assert module.plot(2.0, beta) == 2.0 + number
    assert sum(module.kernel.stats.cache_hits.values()) == 2
    assert sum(module.kernel.stats.cache_misses.values()) == 0
    assert ahead.compile_ahead(module.plot, operator, args, values) is None


@pytest.mark.parametrize(
    "reason", ["report run", "no folder", "not importable", "no thread", "data of no kind", "no compiler"]
)
def test_where_nothing_can_be_gained_nothing_is_started(reason, module, monkeypatch):
    plot, values = module.plot, {"x": 2.0}
    if reason == "no compiler":
        monkeypatch.undo()  # the folder
    monkeypatch.setattr(ahead.subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    if reason == "report run":
        monkeypatch.setenv("WORKBENCH_FIGURES", "figures")
    elif reason == "no folder":
        monkeypatch.setattr(ahead, "_folder", lambda: None)
    elif reason == "no compiler":
        monkeypatch.setattr("workbench.compiling.compiler", lambda: lambda function: function)
    elif reason == "not importable":
        plot.__qualname__ = "hidden"
    elif reason == "no thread":
        monkeypatch.setattr(ahead.threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("no thread")))
    else:
        values["x"] = lambda: 2.0
    assert ahead.compile_ahead(plot, OPERATOR, ARGS, values) is None
