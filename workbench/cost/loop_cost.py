"""What every loop over arrays has in common: bytes that move, new arrays, a launch."""

from collections.abc import Sequence

from workbench.cost.record import Cost
from workbench.operator import checked_choice

DIRECTIONS = ("forward", "gradient")
ENGINES = ("numba", "reference")


def loop_cost(read: int, written: int, *, allocated: int | None = None) -> Cost:
    """Count a compiled loop that reads and writes so many bytes; what it writes is new unless `allocated` says less."""
    return Cost(
        bytes_read=read, bytes_written=written, bytes_allocated=written if allocated is None else allocated, launches=1
    )


def pass_cost(read: int, written: int, **operations: int) -> Cost:
    """Count one element of a NumPy function that makes a new array; starting it is counted once for the array."""
    return Cost(bytes_read=read, bytes_written=written, bytes_allocated=written, **operations)


def checked_engine(engine: str | None, engines: Sequence[str] = ENGINES) -> str | None:
    """Return `engine`, or raise ValueError unless it is None or one of `engines`."""
    return engine if engine is None else checked_choice("engine", engine, engines)
