"""Sweeps: run a notebook or a function over a space of its parameters, on one machine or a cluster; see `sweep`."""

from workbench.lazily import lazily

__all__, __getattr__ = lazily(
    __name__, space="Choices Range", definition="SweepError SweepStopped", folder="SweepResult", run="sweep"
)
