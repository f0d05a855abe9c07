"""Fixtures of all tests."""

import pytest
from hypothesis import HealthCheck, settings

from workbench import parallel

_CHECKS = {"suppress_health_check": list(HealthCheck), "deadline": None, "database": None, "print_blob": False}
settings.register_profile("short", max_examples=120, derandomize=True, **_CHECKS)
settings.register_profile("long", max_examples=10_000, **_CHECKS)
settings.load_profile("short")


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
