"""Fixtures of all tests."""

import gc
import sys

import pytest
from hypothesis import HealthCheck, settings

from workbench import parallel

_CHECKS = {"suppress_health_check": list(HealthCheck), "deadline": None, "database": None, "print_blob": False}
settings.register_profile("short", max_examples=120, derandomize=True, **_CHECKS)
settings.register_profile("long", max_examples=10_000, **_CHECKS)
settings.load_profile("short")

sys.modules.setdefault("rfc3987_syntax", None)  # a grammar that notebooks do not need, and that takes 1.3 s
gc.disable()  # a third of the time of collecting tests, of which none is garbage


def pytest_collection_finish() -> None:
    """Collect garbage from now on, but never look again at the thousands of tests that stay."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def waking_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let several threads take part in small work, so that tests of them need no large arrays."""
    monkeypatch.setattr(parallel, "WORTH_WAKING", 0.0)


@pytest.fixture
def no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare timings the garbage collection before them: most of the time here, and nothing that tests look at."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a worker is started."""
    from workbench.workers import pool

    def refuse(*_, **__):
        raise AssertionError("a process was started")

    monkeypatch.setattr(pool.subprocess, "Popen", refuse)
