"""Notebooks run through papermill: parameters checked, results kept in a folder each, reports in HTML."""

from importlib import import_module
from typing import Any

# Imported when asked for: what reads notebooks takes a second to import, which a sweep's processes need not wait for.
HOMES = {
    "NotebookError": "source",
    "Parameter": "parameters",
    "ParameterError": "parameters",
    "Result": "results",
    "run_all": "runs",
    "run_notebook": "runs",
    "save_all": "runs",
}
__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
