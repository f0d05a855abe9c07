"""Count one loop over arrays, for estimators: the bytes that it moves, the arrays that it makes, its launch."""

from collections.abc import Sequence

from workbench.cost.record import Cost
from workbench.operator import checked_choice

DIRECTIONS = ("forward", "gradient")
ENGINES = ("numba", "reference")


def loop_cost(read: int, written: int, *, allocated: int | None = None) -> Cost:
    """Return the cost of a compiled loop, given its bytes; by default all bytes written are new memory."""
    return Cost(
        bytes_read=read, bytes_written=written, bytes_allocated=written if allocated is None else allocated, launches=1
    )


def pass_cost(read: int, written: int, **operations: int) -> Cost:
    """Return the cost per element of a NumPy function that makes a new array; its launch is not included."""
    return Cost(bytes_read=read, bytes_written=written, bytes_allocated=written, **operations)


def checked_engine(engine: str | None, engines: Sequence[str] = ENGINES) -> str | None:
    """Return `engine`; raise ValueError if it is neither None nor one of `engines`."""
    return engine if engine is None else checked_choice("engine", engine, engines)
