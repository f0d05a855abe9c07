"""What every loop over arrays has in common: bytes that move, new arrays, a launch."""

from workbench.cost.record import Cost

DIRECTIONS = ("forward", "gradient")


def call(read: int, written: int, *, allocated: int | None = None) -> Cost:
    """Count a compiled loop that reads and writes so many bytes; what it writes is new unless `allocated` says less."""
    return Cost(
        bytes_read=read, bytes_written=written, bytes_allocated=written if allocated is None else allocated, launches=1
    )
