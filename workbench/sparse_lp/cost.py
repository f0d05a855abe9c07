"""What sparse Lp regularization costs: operations and compulsory bytes of `loops`, each element counted once.

    penalty    for the sum of |w|^p: an addition for p = 0 and 1, a root and an addition for 1/2, a multiply-add for 2,
               a power and an addition for any other; reads and writes w, writes a byte of the mask
    gradient   nothing for p = 0 and 1, a multiplication for 2, a root and a division for 1/2, a power and a
               multiplication for any other; reads w, writes dw
    prox       nothing for p = 0 and infinity, a subtraction for 1, a multiplication for 2; any other takes steps of
               Halley's method: three for p = 1/2, four for 2/3, else as many as the data need; reads x, writes z
    rows       as prox for each element of each row that is named, each time it is named, but a division for p = 2 if
               exact; reads and writes the rows and reads their numbers

Absolute values, signs, comparisons and selections are not floating-point operations and count nothing. A logarithm or
an exponential counts as a power. A product known before the loop, such as alpha p, counts nothing.
"""

import math
from collections.abc import Sequence

from workbench.cost import Cost, checked_count

MARK = 1  # bytes of an element of the mask

PENALTIES = {
    0: Cost(other_flops=1),
    0.5: Cost(square_roots=1, other_flops=1),
    1: Cost(other_flops=1),
    2: Cost(multiply_adds=1),
}
GRADIENTS = {0: Cost(), 0.5: Cost(square_roots=1, divisions=1), 1: Cost(), 2: Cost(other_flops=1)}
SIMPLE_PROXES = {0: Cost(), 1: Cost(other_flops=1), 2: Cost(other_flops=1), math.inf: Cost()}
ITERATIONS = {1 / 2: 3, 2 / 3: 4}  # of the loops for these p
HALF = Cost(multiply_adds=3, other_flops=6, divisions=1)  # one iteration
TWO_THIRDS = Cost(multiply_adds=4, other_flops=6, divisions=1)
BELOW_ONE = Cost(multiply_adds=3, other_flops=7, divisions=1, powers=1)
ABOVE_ONE = Cost(multiply_adds=3, other_flops=11, divisions=2, powers=2)
POLISH = Cost(multiply_adds=2, other_flops=3, divisions=1, powers=1)  # the last step in float64


def penalty_cost(shape: Sequence[int], p: float, *, itemsize: int = 4) -> Cost:
    """Count `sparse_lp` on weights of `shape`, of 4 or 8 bytes.

    Raises:
        TypeError, ValueError: an argument is not what is said above, or p is below 0.
    """
    size = _itemsize(itemsize)
    each = PENALTIES.get(_exponent(p), Cost(powers=1, other_flops=1))
    return _elements(shape) * (each + Cost(bytes_read=size, bytes_written=size + MARK))


def gradient_cost(shape: Sequence[int], p: float, *, itemsize: int = 4) -> Cost:
    """Count `lp_gradient` on weights of `shape`; arguments and errors as for `penalty_cost`."""
    size = _itemsize(itemsize)
    each = GRADIENTS.get(_exponent(p), Cost(powers=1, other_flops=1))
    return _elements(shape) * (each + Cost(bytes_read=size, bytes_written=size))


def prox_cost(shape: Sequence[int], p: float, *, iterations: int | None = None, itemsize: int = 4) -> Cost:
    """Count `lp_prox` on numbers of `shape`, of 4 or 8 bytes.

    `iterations` is how many Halley's method takes where `ITERATIONS` does not say; the data decide, often 3 to 5.

    Raises:
        TypeError, ValueError: an argument is not what is said above, p is below 0, or `iterations` is not known.
    """
    size = _itemsize(itemsize)
    return _elements(shape) * (_prox(p, iterations, size) + Cost(bytes_read=size, bytes_written=size))


def rows_cost(
    indices: int,
    length: int,
    p: float,
    *,
    exact: bool = False,
    iterations: int | None = None,
    itemsize: int = 4,
    index_itemsize: int = 4,
) -> Cost:
    """Count `sparse_lp_regularizer` for a number of `indices` into rows of `length` elements.

    Other arguments and errors as for `prox_cost` and the operator.
    """
    size, count = _itemsize(itemsize), checked_count("indices", indices)
    each = Cost(divisions=1) if exact and p == 2 else _prox(p, iterations, size)
    elements = count * checked_count("length", length)
    return elements * (each + Cost(bytes_read=size, bytes_written=size)) + count * Cost(
        bytes_read=_itemsize(index_itemsize)
    )


def _prox(p: float, iterations: int | None, itemsize: int) -> Cost:
    if _exponent(p) in SIMPLE_PROXES:
        return SIMPLE_PROXES[p]
    steps = ITERATIONS.get(p, iterations)
    if steps is None:
        raise ValueError(f"iterations=None: p={p} takes as many as the data need; say how many to count")
    steps = checked_count("iterations", steps)
    if p == 1 / 2:
        return Cost(square_roots=1, divisions=1, other_flops=3) + steps * HALF
    if p == 2 / 3:
        return Cost(powers=1, divisions=1, other_flops=4) + steps * TWO_THIRDS
    last = POLISH if itemsize == 8 else Cost()
    if p < 1:
        return Cost(powers=1, multiply_adds=1, other_flops=1) + steps * BELOW_ONE + last
    return Cost(powers=2, other_flops=1, divisions=1) + steps * ABOVE_ONE + last


def _elements(shape: Sequence[int]) -> int:
    return math.prod(checked_count("shape", length) for length in shape)


def _exponent(p: float) -> float:
    if not p >= 0:
        raise ValueError(f"p={p!r}: must be a number of at least 0, infinity included")
    return p


def _itemsize(value: int) -> int:
    if value not in (4, 8):
        raise ValueError(f"itemsize={value!r}: must be 4 or 8, the bytes of a number")
    return value
