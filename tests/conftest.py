"""Fixtures of all tests."""

import pytest

from workbench import parallel


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
