"""Sweeps: run a notebook or a function over a space of its parameters, on one machine or a cluster; see `sweep`."""

from typing import TYPE_CHECKING

from workbench.lazily import lazily

if TYPE_CHECKING:
    from workbench.sweep.definition import SweepError as SweepError
    from workbench.sweep.definition import SweepStopped as SweepStopped
    from workbench.sweep.folder import SweepResult as SweepResult
    from workbench.sweep.run import sweep as sweep
    from workbench.sweep.space import Choices as Choices
    from workbench.sweep.space import Range as Range

__all__, __getattr__ = lazily(
    __name__, space="Choices Range", definition="SweepError SweepStopped", folder="SweepResult", run="sweep"
)
