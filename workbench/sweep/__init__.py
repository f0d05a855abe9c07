"""Sweeps: a notebook or a function run over a space of its parameters, on one machine or a cluster; see `sweep`."""

from importlib import import_module
from typing import Any

# Imported when asked for: the processes that run trials need none of it.
HOMES = {
    "Choices": "space",
    "Range": "space",
    "SweepError": "definition",
    "SweepResult": "folder",
    "SweepStopped": "definition",
    "sweep": "run",
}
__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
