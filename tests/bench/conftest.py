"""Fixtures: a machine of round numbers, so that no test measures this one; known times; made-up peers."""

import sys
import types
from importlib import metadata

import pytest

import workbench.bench
from workbench.bench import declared, driver, dropout, lasso, lrn, sparse_lp
from workbench.machines import timing
from workbench.machines.limits import CURVES, Limits, Machine
from workbench.machines.timing import Contender, Timing


def limits(threads: int) -> Limits:
    """Return limits that grow with the threads; a launch, a run and waking a thread take the seconds that are given."""
    names = ("divisions", "square_roots", "exponentials", "logarithms", "powers", "random_words")
    everywhere = ((1e3, threads * 1e10), (1e9, threads * 1e10))
    return Limits(
        flops={"float32": threads * 2e10, "float64": threads * 1e10},
        functions={name: {"float32": threads * 1e9, "float64": threads * 5e8} for name in names},
        **{**dict.fromkeys(CURVES, everywhere), "launch_rate": ((1.0, 1e6),), "call_rate": ((1.0, 1e7),)},
        wake_seconds=1e-5 * (threads > 1),
    )


MACHINE = Machine("made up", {1: limits(1), 2: limits(2)})


@pytest.fixture(autouse=True)
def known_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench.bench, "this_machine", lambda: MACHINE)
    monkeypatch.setattr(declared, "this_machine", lambda: MACHINE)


@pytest.fixture
def small(monkeypatch):
    """Bench small arrays, large enough for two threads, without peers and memory."""
    monkeypatch.setattr(lrn, "SHAPES", ((1, 6, 5, 3), (2, 7, 53, 47)))
    monkeypatch.setattr(lrn, "mode_cases", lambda shape: [])
    monkeypatch.setattr(lrn, "measure_memory", lambda say: [])
    sizes = {"dense": (350, 101), "segments": 2000, "matrix": (310, 290), "stored": (30, 900, 40_000)}
    monkeypatch.setattr(dropout, "QUICK_SIZES", sizes)
    sizes = {"rows": ((3000, 24), 1500), "weights": ((230, 150),), "dense": (60, 210), "sparse": ((220, 410), 0.05)}
    monkeypatch.setattr(sparse_lp, "QUICK_SIZES", sizes)
    for module in (dropout, sparse_lp):
        monkeypatch.setattr(module, "small_calls", lambda room, settings: [])
    monkeypatch.setattr(lasso, "ESTIMATED", {"tall": (130, 60), "wide": (31, 83), "sparse": ((91, 70), 0.3)})
    monkeypatch.setattr(declared, "QUICK_ELEMENTS", (900, 2000))
    for module, name in ((lrn, "PEERS"), (dropout, "PEERS"), (sparse_lp, "PEERS"), (lasso, "SOLVERS")):
        monkeypatch.setattr(module, name, {})
    monkeypatch.setenv("WORKBENCH_NUM_THREADS", "2")


@pytest.fixture
def untimed(monkeypatch):
    """Fail where anything is timed."""
    monkeypatch.setattr(timing, "measure", lambda *arguments, **options: pytest.fail("timed a wrong result"))


@pytest.fixture
def fake_peer(monkeypatch):
    """Return a function that installs a peer named fake: its result is `run(case)` where `has(case)`."""

    def install(module, run, has=lambda case: True, name="fake"):
        def build(case, threads):
            return Contender(lambda: run(case), case.reads) if has(case) else None

        monkeypatch.setitem(sys.modules, "fake", types.ModuleType("fake"))
        monkeypatch.setattr(metadata, "version", lambda name: "4.5")
        monkeypatch.setattr(module, "SOLVERS" if module is lasso else "PEERS", {name: (("fake",), build)})

    return install


@pytest.fixture
def known_times(monkeypatch):
    """Return a function that sets each contender's seconds: those of the first word that its name starts with."""

    def install(seconds):
        def measured(contenders, *arguments, **options):
            found = {name: next(each for word, each in seconds.items() if name.startswith(word)) for name in contenders}
            return {name: Timing(each, 0.5) for name, each in found.items()}

        monkeypatch.setattr(driver, "measure_steadily", measured)

    return install
