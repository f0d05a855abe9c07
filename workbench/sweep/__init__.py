"""Sweeps: a notebook or a function run over a space of its parameters, on one machine or a cluster; see `sweep`."""

from workbench.sweep.errors import SweepError, SweepStopped
from workbench.sweep.result import SweepResult
from workbench.sweep.running import sweep
from workbench.sweep.space import Choices, Range

__all__ = ["Choices", "Range", "SweepError", "SweepResult", "SweepStopped", "sweep"]
