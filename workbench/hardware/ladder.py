"""Climb from NumPy's mask to fast dropout: (x, ratio, seed) -> (y, dropped) for a flat float32 array, rung by rung.

`RUNGS` lists them, with one sentence on why each is faster than the one before, and with the counts from which its time
is predicted. The last three are tricks of `workbench.hardware.tricks`. Only those have masks that do not depend on the
number of threads.
"""

import numpy as np

from workbench.cost import Cost
from workbench.hardware import tricks
from workbench.machines.ladder import Rung
from workbench.machines.prediction import Work
from workbench.sparse_dropout.cost import cost
from workbench.sparse_dropout.loops_common import kernel

ITEM, MARK = 4, 1  # bytes of a float32 number, and of an element of `dropped`
LANES = 8  # 32-bit numbers in a vector of 256 bits: a loop that is not vectorized uses one of them
XORSHIFT = 6  # shifts and exclusive ors in a step of the generator
FIELDS, BITS = 4, 8  # parts of a random word, and bits of each


def multiply(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Multiply by the mask. It is wrong for infinite numbers: infinity times 0 is NaN."""
    dropped = np.random.default_rng(seed).random(x.size, dtype=np.float32) < ratio
    return x * ~dropped, dropped


def select(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    dropped = np.random.default_rng(seed).random(x.size, dtype=np.float32) < ratio
    return np.where(dropped, np.float32(0), x), dropped


def one_loop(x: np.ndarray, ratio: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw with Marsaglia's generator xorshift of 32 bits, whose state may not be 0."""
    y, dropped = np.empty_like(x), np.empty(x.size, np.bool_)
    _one_loop(x, y, dropped, np.uint32(round(ratio * (2**32 - 1))), np.uint32(seed % (2**32 - 1) + 1))
    return y, dropped


@kernel
def _one_loop(x, y, dropped, threshold, state):
    for i in range(x.shape[0]):
        state ^= np.uint32(state << np.uint32(13))
        state ^= state >> np.uint32(17)
        state ^= np.uint32(state << np.uint32(5))
        dropped[i] = state <= threshold
        y[i] = np.float32(0) if dropped[i] else x[i]


def _work(each: Cost, elements: int, further: Cost) -> Work:
    jobs = -(-elements // (tricks.TILE * tricks.JOB_TILES))
    return Work(each * elements + further, elements, jobs)


def _drawn_by_numpy() -> Cost:
    """Count one element: its number is drawn alone and written; a pass compares it with the ratio."""
    draw = Cost(random_words=LANES, bytes_written=ITEM, bytes_allocated=ITEM)
    return draw + Cost(comparisons=1, bytes_read=ITEM, bytes_written=MARK, bytes_allocated=MARK)


def _work_of_multiply(elements: int, ratio: float) -> Work:
    inverted = Cost(bytes_read=MARK, bytes_written=MARK, bytes_allocated=MARK)
    product = Cost(other_flops=1, bytes_read=MARK + ITEM, bytes_written=ITEM, bytes_allocated=ITEM)
    return _work(_drawn_by_numpy() + inverted + product, elements, Cost(launches=4))


def _work_of_select(elements: int, ratio: float) -> Work:
    chosen = Cost(comparisons=1, bytes_read=MARK + ITEM, bytes_written=ITEM, bytes_allocated=ITEM)
    return _work(_drawn_by_numpy() + chosen, elements, Cost(launches=3))


def _one_pass(**drawing: int) -> Cost:
    """Count one element of a loop that reads x and writes y and `dropped`."""
    moved = Cost(bytes_read=ITEM, bytes_written=ITEM + MARK, bytes_allocated=ITEM + MARK)
    return moved + Cost(**drawing)


def _work_of_one_loop(elements: int, ratio: float) -> Work:
    return _work(_one_pass(other_flops=LANES * XORSHIFT, comparisons=2 * LANES), elements, Cost(launches=1))


def _work_of_fused_32(elements: int, ratio: float) -> Work:
    return _work(Cost(), elements, cost("forward", (elements,), engine="numba"))


def _work_of_fused_8(elements: int, ratio: float) -> Work:
    words = Cost(random_words=-(-elements // FIELDS), launches=1)
    return _work(_one_pass(comparisons=2), elements, words)


def _work_of_skipping(elements: int, ratio: float) -> Work:
    """Count a copy, and for each dropped element a logarithm, one number at a time, and a random word."""
    drops = round(ratio * elements)
    gaps = Cost(logarithms=LANES, random_words=LANES, bytes_cached=ITEM + MARK) * drops
    return _work(_one_pass(), elements, gaps + Cost(launches=1))


RUNGS = (
    Rung(
        "multiply",
        multiply,
        "NumPy draws a number for each element, compares, and multiplies by the mask: four passes over memory.",
        _work_of_multiply,
        (multiply,),
    ),
    Rung(
        "select",
        select,
        "A choice moves about the same bytes and gains little; but it is right: infinity times 0 is not a number.",
        _work_of_select,
        (select,),
    ),
    Rung(
        "one loop",
        one_loop,
        "One compiled pass: numbers and comparisons never reach memory, but each number waits for the one before.",
        _work_of_one_loop,
        (_one_loop,),
    ),
    Rung(
        "counter-based",
        tricks.fused_32,
        "A number depends on its place alone, so vectors of them are drawn at once, and threads share the work.",
        _work_of_fused_32,
        (tricks.fused_32,),
        threaded=True,
    ),
    Rung(
        "bytes",
        tricks.fused_8,
        "A random word serves four elements, with the ratio rounded to a multiple of 1/256.",
        _work_of_fused_8,
        (tricks._fused,),
        threaded=True,
    ),
    Rung(
        "skipping",
        tricks.skipping,
        "Only dropped elements are drawn: the number of kept ones between two of them is geometric.",
        _work_of_skipping,
        (tricks._skip,),
        threaded=True,
    ),
)


def is_right(x: np.ndarray, ratio: float, result: tuple[np.ndarray, np.ndarray]) -> bool:
    """Return whether y is x with zeros where dropped, and the share of zeros within 6 deviations and 1/512 of ratio."""
    y, dropped = result
    allowed = 6 * (ratio * (1 - ratio) / x.size) ** 0.5 + 1 / (2 * 2**BITS)
    return np.array_equal(y, np.where(dropped, np.float32(0), x)) and abs(dropped.mean() - ratio) <= allowed


def copying(elements: int) -> Work:
    """Return the work of reading x and writing y and `dropped`, which no rung can avoid."""
    return _work(Cost(bytes_read=ITEM, bytes_written=ITEM + MARK), elements, Cost())
