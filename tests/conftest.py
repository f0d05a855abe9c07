"""What all tests share: work that is long enough for several threads is given to them, however soon it is done."""

import pytest

from workbench import parallel


@pytest.fixture(autouse=True)
def waking_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let several threads take part in small work, so that tests of them need no large arrays."""
    monkeypatch.setattr(parallel, "WORTH_WAKING", 0.0)
