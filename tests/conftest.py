"""Fixtures of all tests."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from workbench import parallel

_CHECKS = {"suppress_health_check": list(HealthCheck), "deadline": None, "database": None, "print_blob": False}
settings.register_profile("short", max_examples=80, derandomize=True, **_CHECKS)
settings.register_profile("long", max_examples=10_000, **_CHECKS)
settings.load_profile("short")


@pytest.hookimpl(optionalhook=True)  # of xdist
def pytest_xdist_auto_num_workers() -> int:
    """Run a process more than there are processors: a quarter of the time tests wait for processes and time limits."""
    return parallel.available_threads() + 1


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spare the garbage collector the thousands of tests that stay: it would look at them again and again."""
    thresholds = gc.get_threshold()
    gc.set_threshold(1_000_000_000)  # not gc.disable(): modules that are imported now may take that for the usual state
    yield
    gc.freeze()
    gc.set_threshold(*thresholds)


@pytest.fixture(autouse=True)
def waking_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let several threads take part in small work, so that tests of them need no large arrays."""
    monkeypatch.setattr(parallel, "WORTH_WAKING", 0.0)


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a worker is started."""
    from workbench.workers import pool

    def refuse(*_, **__):
        raise AssertionError("a process was started")

    monkeypatch.setattr(pool.subprocess, "Popen", refuse)
