"""Climb from the loop of the formula to a fast kernel: local response normalization, one idea faster at each rung.

    y_i = x_i * (bias + alpha / size * sum over j in window(i) of x_j^2)^-beta

Each rung is a function (x, size, alpha, beta, bias) -> y for a float32 array x (batch, channels, height, width), with a
window of `size`, an odd number, over the channels. `RUNGS` lists them. Each has one sentence on why it is faster than
the one before, and the counts from which its time is predicted. From `roots` on, beta must be 3/4.

The rungs are for reading. They check no argument but beta, and do plain arithmetic: numbers whose squares overflow need
`workbench.local_response_norm`, the last rung. The compiled loops see x as (batch, channels, pixels).
"""

import math
from collections.abc import Callable

import numpy as np

from workbench import parallel
from workbench.compiling import compiler, prefetch_to_read, prefetch_to_write, unlocked
from workbench.cost import Cost
from workbench.lrn import local_response_norm
from workbench.lrn.cost import cost, work
from workbench.machines.ladder import Rung
from workbench.machines.prediction import TILE, Work

loop = compiler(fastmath={"contract"})
part = compiler(fastmath={"contract"}, forceinline=True)
f32, u = np.float32, np.uintp

BLOCK = 1024  # pixels of a block: five rows of a window, their sums and the result take 28 KiB
LINE = 16  # float32 elements of a cache line
FIVE = 5  # terms that are added up in registers
LANES = 8  # float32 numbers in a vector of 256 bits: a loop that is not vectorized uses one of them
ITEM = 4  # bytes of a float32 number
ROOTS = Cost(square_roots=2, divisions=1, other_flops=1)  # x * s^(-3/4)


def four_indices(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    y = np.empty_like(x)
    for n, i, h, w in np.ndindex(x.shape):
        total = 0.0
        for j in range(max(0, i - size // 2), min(x.shape[1], i + size // 2 + 1)):
            total += x[n, j, h, w] * x[n, j, h, w]
        y[n, i, h, w] = x[n, i, h, w] * (bias + alpha / size * total) ** -beta
    return y


def whole_arrays(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    squares = x * x
    total = squares.copy()
    for k in range(1, min(size // 2, x.shape[1] - 1) + 1):
        total[:, k:] += squares[:, :-k]
        total[:, :-k] += squares[:, k:]
    return x * (bias + alpha / size * total) ** -beta


@loop
def _compiled(x, y, reach, coefficient, beta, bias):
    batch, channels, pixels = x.shape
    for n in range(batch):
        for p in range(pixels):
            for i in range(channels):
                total = f32(0)
                for j in range(max(0, i - reach), min(channels, i + reach + 1)):
                    total += x[n, j, p] * x[n, j, p]
                y[n, i, p] = x[n, i, p] * (bias + coefficient * total) ** -beta


@part
def _sum_squares(x, n, i, reach, begin, end, total):
    total[:] = 0
    for j in range(max(0, i - reach), min(x.shape[1], i + reach + 1)):
        row = x[n, j, begin:end]
        for p in range(row.shape[0]):
            total[p] += row[p] * row[p]


@loop
def _rows(x, y, reach, coefficient, beta, bias):
    batch, channels, pixels = x.shape
    total = np.empty(pixels, np.float32)
    for n in range(batch):
        for i in range(channels):
            _sum_squares(x, n, i, reach, 0, pixels, total)
            row, to = x[n, i], y[n, i]
            for p in range(pixels):
                to[p] = row[p] * (bias + coefficient * total[p]) ** -beta


@loop
def _blocks(x, y, reach, coefficient, beta, bias):
    batch, channels, pixels = x.shape
    for n in range(batch):
        for begin in range(0, pixels, BLOCK):
            end = min(pixels, begin + BLOCK)
            total = np.empty(end - begin, np.float32)
            for i in range(channels):
                _sum_squares(x, n, i, reach, begin, end, total)
                row, to = x[n, i, begin:end], y[n, i, begin:end]
                for p in range(row.shape[0]):
                    to[p] = row[p] * (bias + coefficient * total[p]) ** -beta


@loop
def _roots(x, y, reach, coefficient, bias, block):
    batch, channels, pixels = x.shape
    for n in range(batch):
        for begin in range(0, pixels, block):
            end = min(pixels, begin + block)
            total = np.empty(end - begin, np.float32)
            for i in range(channels):
                _sum_squares(x, n, i, reach, begin, end, total)
                row, to = x[n, i, begin:end], y[n, i, begin:end]
                for p in range(row.shape[0]):
                    root = np.sqrt(bias + coefficient * total[p])
                    to[p] = row[p] / (root * np.sqrt(root))


@part
def _row(x, n, i, last, begin, end, zeros):
    """Return a block of channel i's row of pixels; zeros if i is after `last` or outside x."""
    return x[n, i, begin:end] if 0 <= i < x.shape[1] and i <= last else zeros[: end - begin]


@part
def _five_rows(x, n, i, last, begin, end, zeros):
    a, b = _row(x, n, i, last, begin, end, zeros), _row(x, n, i + 1, last, begin, end, zeros)
    c, d = _row(x, n, i + 2, last, begin, end, zeros), _row(x, n, i + 3, last, begin, end, zeros)
    return a, b, c, d, _row(x, n, i + 4, last, begin, end, zeros)


@part
def _normalize_block(x, y, n, i, begin, end, reach, coefficient, bias, total, zeros):
    total[:] = 0
    first, last = i - reach, i + reach
    while first + FIVE <= last:  # a window of more than five: all but its last terms
        a, b, c, d, e = _five_rows(x, n, first, last, begin, end, zeros)
        for p in range(total.shape[0]):
            total[p] += a[p] * a[p] + b[p] * b[p] + c[p] * c[p] + d[p] * d[p] + e[p] * e[p]
        first += FIVE
    a, b, c, d, e = _five_rows(x, n, first, last, begin, end, zeros)
    row, to = x[n, i, begin:end], y[n, i, begin:end]
    for p in range(row.shape[0]):
        squares = total[p] + a[p] * a[p] + b[p] * b[p] + c[p] * c[p] + d[p] * d[p] + e[p] * e[p]
        root = np.sqrt(bias + coefficient * squares)
        to[p] = row[p] / (root * np.sqrt(root))


@loop
def _registers(x, y, reach, coefficient, bias):
    batch, channels, pixels = x.shape
    zeros = np.zeros(BLOCK, np.float32)
    for n in range(batch):
        for begin in range(0, pixels, BLOCK):
            end = min(pixels, begin + BLOCK)
            total = np.empty(end - begin, np.float32)
            for i in range(channels):
                _normalize_block(x, y, n, i, begin, end, reach, coefficient, bias, total, zeros)


@loop
def _prefetch(x, y, start, stop, reach, coefficient, bias):
    """Do jobs start .. stop; a job is a block of one image's pixels, with all their channels."""
    _, channels, pixels = x.shape
    blocks = (pixels + BLOCK - 1) // BLOCK
    zeros = np.zeros(BLOCK, np.float32)
    for job in range(start, stop):
        n, begin = job // blocks, job % blocks * BLOCK
        end = min(pixels, begin + BLOCK)
        total = np.empty(end - begin, np.float32)
        for i in range(channels):
            if i + reach + 1 < channels:  # what the next channel needs, while this one is computed
                for p in range(begin, end, LINE):
                    prefetch_to_read(x[n, i + reach + 1], u(p))
                    prefetch_to_write(y[n, i + 1], u(p))
            _normalize_block(x, y, n, i, begin, end, reach, coefficient, bias, total, zeros)


def compiled(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    return _run(_compiled, x, size, alpha, f32(beta), f32(bias))


def rows(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    return _run(_rows, x, size, alpha, f32(beta), f32(bias))


def blocks(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    return _run(_blocks, x, size, alpha, f32(beta), f32(bias))


def roots(x: np.ndarray, size: int, alpha: float, beta: float, bias: float, *, block: int = BLOCK) -> np.ndarray:
    """Take square roots; a `block` of at least as many pixels as an image has cuts nothing."""
    return _run(_roots, x, size, alpha, _bias(beta, bias), block)


def registers(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    return _run(_registers, x, size, alpha, _bias(beta, bias))


def prefetch(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    planes, y = _planes(x), np.empty(x.shape, x.dtype)
    _prefetch(planes, _planes(y), 0, _jobs(x.shape), size // 2, f32(alpha / size), _bias(beta, bias))
    return y


def threads(x: np.ndarray, size: int, alpha: float, beta: float, bias: float) -> np.ndarray:
    planes, y = _planes(x), np.empty(x.shape, x.dtype)
    to, scalars = _planes(y), (size // 2, f32(alpha / size), _bias(beta, bias))
    parallel.run(lambda start, stop: _prefetch(planes, to, start, stop, *scalars), _jobs(x.shape), x.size)
    return y


def _run(compiled_loop: Callable, x: np.ndarray, size: int, alpha: float, *others: object) -> np.ndarray:
    y = np.empty(x.shape, x.dtype)
    compiled_loop(_planes(x), _planes(y), size // 2, f32(alpha / size), *others)
    return y


def _planes(x: np.ndarray) -> np.ndarray:
    """Return x as (batch, channels, pixels): a view if x is contiguous."""
    return unlocked(x.reshape(*x.shape[:2], math.prod(x.shape[2:])))


def _jobs(shape: tuple[int, ...]) -> int:
    return shape[0] * -(-shape[2] * shape[3] // BLOCK)


def _bias(beta: float, bias: float) -> np.float32:
    """Return the bias; raise ValueError unless beta is 3/4."""
    if beta != 0.75:
        raise ValueError(f"beta={beta!r}: this rung takes square roots, so beta must be 0.75; take the rung `blocks`")
    return f32(bias)


def _terms(shape: tuple[int, ...], size: int) -> int:
    """Return the number of terms of all windows: a multiply-add each."""
    return cost("forward", shape, size).multiply_adds


def _counted(shape: tuple[int, ...], count: Cost, *, arrays: int = 2) -> Work:
    """Return the work of one call that makes one new array; `arrays` of the shape of x are in use at a time."""
    elements = math.prod(shape)
    once = Cost(bytes_allocated=ITEM * elements, launches=1)
    return Work(count + once, elements, _jobs(shape), working_set=arrays * ITEM * elements)


def _steps_of_four_indices(shape: tuple[int, ...], size: int) -> int:
    """Count interpreted steps: one for each term, and two for each element, for its power and for its result."""
    return _terms(shape, size) + 2 * math.prod(shape)


def _work_of_four_indices(shape: tuple[int, ...], size: int) -> Work:
    return Work(Cost(), math.prod(shape), 1)


def _work_of_whole_arrays(shape: tuple[int, ...], size: int) -> Work:
    """Count NumPy's passes: each reads and writes whole arrays."""
    elements, channels, reach = math.prod(shape), shape[1], min(size // 2, shape[1] - 1)
    one, two = (Cost(bytes_read=k * ITEM, bytes_written=ITEM) * elements for k in (1, 2))
    each = Cost(other_flops=1) * elements
    shifted = elements // channels * sum(2 * (channels - k) for k in range(1, reach + 1))
    added = Cost(other_flops=1, bytes_read=2 * ITEM, bytes_written=ITEM) * shifted
    powers = one + Cost(powers=1) * elements
    total = (one + each) + one + added + 2 * (one + each) + powers + (two + each)
    new = Cost(bytes_allocated=ITEM, launches=0) * (3 * elements) + Cost(launches=5 + 2 * reach)
    return _counted(shape, total + new, arrays=3)


def _work_of_compiled(shape: tuple[int, ...], size: int) -> Work:
    """Count one number at a time; each element of x and of y drags its whole cache line from the next cache."""
    elements = math.prod(shape)
    alone = Cost(multiply_adds=_terms(shape, size) + elements, other_flops=elements, powers=elements)
    lines = Cost(bytes_cached=2 * LINE * ITEM) * elements
    return _counted(shape, LANES * alone + lines + _moved(elements))


def _summed_in_passes(shape: tuple[int, ...], size: int) -> Cost:
    """Count vectorized passes that add the squares of one row to a row of sums, which they read and write."""
    elements, terms = math.prod(shape), _terms(shape, size)
    return Cost(multiply_adds=terms + elements, other_flops=elements, bytes_cached=ITEM * (3 * terms + 2 * elements))


def _work_of_rows(shape: tuple[int, ...], size: int) -> Work:
    """Count the rows of a window from memory again if they are too long for the second-level cache."""
    elements, terms = math.prod(shape), _terms(shape, size)
    fits = (min(size, shape[1]) + 2) * ITEM * shape[2] * shape[3] <= TILE
    again = Cost() if fits else Cost(bytes_read=ITEM * (terms - elements))
    powers = Cost(powers=LANES) * elements
    return _counted(shape, _summed_in_passes(shape, size) + powers + _moved(elements) + again)


def _work_of_blocks(shape: tuple[int, ...], size: int) -> Work:
    elements = math.prod(shape)
    return _counted(shape, _summed_in_passes(shape, size) + Cost(powers=LANES) * elements + _moved(elements))


def _work_of_roots(shape: tuple[int, ...], size: int) -> Work:
    elements = math.prod(shape)
    return _counted(shape, _summed_in_passes(shape, size) + ROOTS * elements + _moved(elements))


def _work_of_registers(shape: tuple[int, ...], size: int) -> Work:
    """Count the loads of five rows at a time; zeros take the place of the rows that a window lacks."""
    elements = math.prod(shape)
    fives = -(-size // FIVE)
    count = Cost(multiply_adds=FIVE * fives + 1, other_flops=1) + ROOTS
    count += Cost(bytes_cached=ITEM * (FIVE * fives + 2 * fives + 1))
    return _counted(shape, count * elements + _moved(elements))


def _work_of_the_kernel(shape: tuple[int, ...], size: int) -> Work:
    return work("LRN", (np.broadcast_to(f32(0), shape),), {"size": size})


def _moved(elements: int) -> Cost:
    return Cost(bytes_read=ITEM, bytes_written=ITEM) * elements


RUNGS = (
    Rung(
        "four indices",
        four_indices,
        "The formula, element by element: Python interprets every step.",
        _work_of_four_indices,
        (four_indices,),
        steps=_steps_of_four_indices,
    ),
    Rung(
        "whole arrays",
        whole_arrays,
        "NumPy interprets one step for a whole array, and its loops are compiled.",
        _work_of_whole_arrays,
        (whole_arrays,),
    ),
    Rung(
        "compiled",
        compiled,
        "One compiled loop makes no temporary arrays, but does one number at a time, and neighbours are a plane apart.",
        _work_of_compiled,
        (_compiled,),
    ),
    Rung(
        "rows",
        rows,
        "Pixels inside: neighbours in memory follow each other, so all of a cache line is used, and sums are vectors.",
        _work_of_rows,
        (_sum_squares, _rows),
    ),
    Rung(
        "blocks",
        blocks,
        "A short piece of each row stays in the nearest cache until the last window that needs it is done.",
        _work_of_blocks,
        (_blocks,),
    ),
    Rung(
        "roots",
        roots,
        "s^(3/4) is sqrt(s) * sqrt(sqrt(s)): roots are vector instructions, the power was a call for each element.",
        _work_of_roots,
        (_roots,),
    ),
    Rung(
        "registers",
        registers,
        "Five terms are added up in registers, so the row of sums is neither written nor read five times.",
        _work_of_registers,
        (_normalize_block,),
    ),
    Rung(
        "prefetch",
        prefetch,
        "The next row is on its way from memory while this one is computed; the model counts no waiting.",
        _work_of_registers,
        (_prefetch,),
    ),
    Rung(
        "threads",
        threads,
        "Blocks do not depend on each other, so every core takes some; they share the memory.",
        _work_of_registers,
        (threads,),
        threaded=True,
    ),
    Rung(
        "the package",
        local_response_norm,
        "The package's own kernel does the same with longer rows, and looks for numbers that need more care.",
        _work_of_the_kernel,
        (),
        threaded=True,
    ),
)


def roofline(shape: tuple[int, ...], size: int) -> Work:
    """Return the work that no rung can avoid: x read and y written once, and the formula's operations."""
    return Work(cost("forward", shape, size), math.prod(shape), _jobs(shape))
