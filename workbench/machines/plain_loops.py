"""Loops that no implementation can beat: they move the same bytes, or do the same arithmetic.

All are plain compiled loops that share their work between threads as the operators do.
"""

import numpy as np

from workbench import parallel
from workbench.compiling import compiler, philox4x32, prefetch_to_read, prefetch_to_write, variant, wide_vectors
from workbench.cost import Cost
from workbench.philox import HALF, LOW

TILE = 1 << 14  # elements of a job
IN_L1 = 1024  # elements; three float32 arrays of this length take 12 KB
APART = 5  # places from one word to the next: each is in a block of its own
ROWS = 256  # rows of a job
ROWS_AHEAD = 12  # each row prefetches the one that comes so many rows later

loop = compiler()


def copy(x: np.ndarray) -> np.ndarray:
    """Return a copy of a flat array: one array read, one written."""
    out = np.empty_like(x)
    parallel.run(lambda start, stop: _copy(x, out, start, stop), -(-x.size // TILE), x.size)
    return out


def move(x: np.ndarray, written: int) -> np.ndarray:
    """Read all of x (n,), integers, and return `written` values: the traffic of an operator that shortens its input.

    Values are copied as far as both arrays reach. The rest of x is added up, or the rest of the result is filled.
    """
    out = np.empty(written, x.dtype)
    jobs = -(-max(x.size, written) // TILE)
    totals = np.empty(jobs, x.dtype)
    parallel.run(lambda start, stop: _move(x, out, totals, start, stop), jobs, x.size)
    return out


def add(dy: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the sum of two flat arrays: the traffic of a gradient, two arrays read and one written."""
    out = np.empty_like(x)
    parallel.run(lambda start, stop: _add(dy, x, out, start, stop), -(-x.size // TILE), x.size)
    return out


def negate(x: np.ndarray) -> None:
    """Change the signs of a flat array in place: one array is read and written, with as little work as possible."""
    parallel.run(lambda start, stop: _negate(x, start, stop), -(-x.size // TILE), x.size)


def gather_and_scatter(table: np.ndarray, indices: np.ndarray, buffer: np.ndarray) -> None:
    """Copy the rows `indices` (n,) of a table (rows, length) to a buffer (n, length), and then back again.

    Rows are copied in the order of `indices`, with prefetching, which is faster than without.
    """
    jobs = -(-indices.size // ROWS)
    for back in (variant(0), variant(1)):
        parallel.run(lambda start, stop, b=back: _rows(b, table, indices, buffer, start, stop), jobs, buffer.size)


def arithmetic(count: Cost) -> np.ndarray | None:
    """Do `count`'s square roots and divisions, two roots per division, on float32 data that stays in L1.

    Returns the last numbers found. Raises ValueError unless there are exactly two roots per division.
    """
    if count.square_roots != 2 * count.divisions:
        raise ValueError(
            f"square_roots={count.square_roots}, divisions={count.divisions}: this loop does two square roots for "
            "each division; write another loop for another beta"
        )
    last = None

    def work(start: int, stop: int) -> None:
        nonlocal last
        x, s, y = np.ones(IN_L1, np.float32), np.full(IN_L1, 1.1, np.float32), np.ones(IN_L1, np.float32)
        _roots_and_division(x, s, y, start, stop)
        last = y

    parallel.run(work, -(-count.divisions // IN_L1), count.divisions)
    return last


def words(count: int) -> np.ndarray:
    """Draw `count` random words of the seed 0, at places APART apart, into an array that stays in L1.

    It returns the words of the last job, uint32. A word takes its whole block, as in a sparse matrix.
    """
    last = np.zeros(IN_L1, np.uint32)

    def work(start: int, stop: int) -> None:
        nonlocal last
        drawn = np.zeros(IN_L1, np.uint32)
        _words(drawn, start, stop)
        last = drawn if stop * IN_L1 >= count else last

    parallel.run(work, -(-count // IN_L1), count)
    return last


@loop
def _copy(x, out, start, stop):
    for job in range(start, stop):
        source = x[job * TILE : (job + 1) * TILE]
        to = out[job * TILE : (job + 1) * TILE]
        for i in range(source.shape[0]):
            to[i] = source[i]


@loop
def _move(x, out, totals, start, stop):
    jobs = totals.shape[0]
    for job in range(start, stop):
        source = x[x.shape[0] * job // jobs : x.shape[0] * (job + 1) // jobs]
        to = out[out.shape[0] * job // jobs : out.shape[0] * (job + 1) // jobs]
        both = min(source.shape[0], to.shape[0])
        for i in range(both):
            to[i] = source[i]
        total = x.dtype.type(0)
        for value in source[both:]:
            total += value
        to[both:] = total
        totals[job] = total


@loop
def _add(dy, x, out, start, stop):
    for job in range(start, stop):
        first = dy[job * TILE : (job + 1) * TILE]
        second = x[job * TILE : (job + 1) * TILE]
        to = out[job * TILE : (job + 1) * TILE]
        for i in range(second.shape[0]):
            to[i] = first[i] + second[i]


@loop
def _negate(x, start, stop):
    for job in range(start, stop):
        part = x[job * TILE : (job + 1) * TILE]
        for i in range(part.shape[0]):
            part[i] = -part[i]


@loop
def _rows(back, table, indices, buffer, start, stop):
    """Copy rows of the table to the buffer, or back."""
    flat, length, last = table.reshape(-1), np.uintp(table.shape[1]), indices.shape[0] - 1
    line = np.uintp(64 // table.itemsize)
    for i in range(start * ROWS, min(stop * ROWS, indices.shape[0])):
        ahead = np.uintp(indices[min(i + ROWS_AHEAD, last)]) * length
        for j in range(np.uintp(0), length, line):
            if len(back):
                prefetch_to_write(flat, ahead + j)
            else:
                prefetch_to_read(flat, ahead + j)
        row, place = table[indices[i]], buffer[i]
        source, to = (place, row) if len(back) else (row, place)
        for j in range(source.shape[0]):
            to[j] = source[j]


@loop
def _roots_and_division(x, s, y, start, stop):
    for _ in range(start, stop):
        for i in range(x.shape[0]):
            root = np.sqrt(s[i])
            y[i] = x[i] / (root * np.sqrt(root))
        x[0] = y[1]  # the compiler cannot remove a pass that depends on the one before


@loop
def _words(drawn, start, stop):
    wide_vectors()
    zero, one, two = np.uint64(0), np.uint64(1), np.uint64(2)
    for job in range(start, stop):
        first = np.uint64(job * IN_L1 * APART)
        for i in range(np.uintp(IN_L1)):
            at = first + np.uint64(i) * np.uint64(APART)
            w0, w1, w2, w3 = philox4x32(at >> two & LOW, at >> two >> HALF, zero, zero, zero, zero)
            low, high = w1 if at & one else w0, w3 if at & one else w2
            drawn[i] = high if at & two else low
