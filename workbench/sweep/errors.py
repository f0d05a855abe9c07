"""What can go wrong with a sweep as a whole; a trial that fails is a row of its table instead."""

from workbench.report.source import NotebookError


class SweepError(NotebookError):
    """A sweep cannot start: something that was asked for is refused, and nothing has been run."""


class SweepStopped(RuntimeError):
    """A sweep cannot go on; every finished trial is kept, and the same command continues."""
