"""For notebooks: sliders bound to a figure, built from a declaration; and to show, record and check what was found.

Drawing itself belongs to the plot functions beside each operator.
"""

from importlib import import_module
from typing import Any

# Imported when asked for: what reads the metrics of a notebook needs no widgets.
HOMES = {
    "Explorer": "explorer",
    "check": "notebook",
    "explore": "explorer",
    "record": "notebook",
    "show": "notebook",
}
__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
