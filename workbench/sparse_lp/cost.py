"""Count the operations and bytes of sparse Lp regularization, as the loops do it, with each element counted once.

    penalty    `PENALTIES` for each term of the sum of |w|^p; reads and writes w, writes a byte of the mask
    gradient   `GRADIENTS` for each element; reads w, writes dw
    prox       `SIMPLE_PROXES` for each element, or polynomials if there is a curve for p, see `curves`; any other p
               takes steps of Halley's method, whose number depends on the data; reads x, writes z
    rows       as prox for each element of a row, each time the row is named, but `SHRINKS` for p = 1 and 2, or a
               division for p = 2 if exact; reads and writes the rows and reads the row numbers

Comparisons and choices are not floating-point operations and are counted separately. Absolute values, signs,
conversions and products known before the loop, such as alpha p, are not counted. A power includes its exponent. Weights
are taken as from 2^-100 to 2^100, and elements of float64 as up to 2^100: others need Halley's method.
"""

import math
from collections.abc import Sequence
from typing import Any

from workbench.cost import Cost, checked_count, checked_itemsize, checked_shape
from workbench.cost.loop_cost import DIRECTIONS, checked_engine, pass_cost
from workbench.machines.limits import Machine
from workbench.machines.prediction import Work, predict
from workbench.operator import checked_choice
from workbench.sparse_lp import SPARSE_LP, curves

MARK = 1  # bytes of an element of the mask
WIDE = 8  # bytes of a float64

KEPT = Cost(comparisons=2)  # compare |w| with the threshold, and choose w or 0
PENALTIES = {
    0: Cost(other_flops=1, comparisons=2),
    0.5: Cost(square_roots=1, other_flops=1),
    1: Cost(other_flops=1),
    2: Cost(multiply_adds=1),
}
ANY_PENALTY = Cost(powers=1, other_flops=1)
SIGNED = Cost(comparisons=5)  # choose 0 where w is 0, and the sign of w where the slope is not 0
FINITE = Cost(comparisons=2)  # an infinity or NaN has its own slope
GRADIENTS = {0: FINITE, 0.5: Cost(square_roots=1, divisions=1), 1: FINITE, 2: Cost(other_flops=1)}
ANY_GRADIENT = Cost(powers=1, other_flops=1) + FINITE
SIMPLE_PROXES = {
    0: Cost(comparisons=2),
    1: Cost(other_flops=1, comparisons=4),
    2: Cost(other_flops=1),
    math.inf: Cost(comparisons=4),
}
SIGNED_ROOT = Cost(comparisons=4)  # compare |x| with the threshold, choose 0; choose the sign
CURVE_BELOW_ONE = Cost(powers=1, square_roots=1, multiply_adds=10, other_flops=3)  # a polynomial of degree 8
CURVE_OF_HALF = Cost(divisions=1, square_roots=2, multiply_adds=10, other_flops=4)  # the same; float32, p = 1/2
CURVE_ABOVE_ONE = Cost(powers=1, multiply_adds=26, other_flops=5, comparisons=3)  # two of degree 12
SINGLE_ABOVE_ONE = Cost(comparisons=6)  # choose three more exponents, and x where it is 0 or not finite
BELOW_ONE = Cost(multiply_adds=3, other_flops=7, comparisons=1, divisions=1, powers=1)
ABOVE_ONE = Cost(multiply_adds=3, other_flops=11, comparisons=5, divisions=2, exponentials=1, logarithms=1)
POLISH = Cost(multiply_adds=2, other_flops=4, comparisons=5, divisions=1, powers=1)  # the last step for float64
BOUNDED = Cost(comparisons=12)  # set known results aside and see what is far; then restore them and the signs
SHRINKS = {1: Cost(other_flops=1, comparisons=4), 2: Cost(other_flops=1)}  # shrink rows as Caffe2 does

SIZES = (4, 8)


def cost(direction: str, shape: Sequence[int], p: float = 1.0, *, itemsize: int = 4, engine: str | None = None) -> Cost:
    """Count the penalty (`direction` "forward") or its gradient ("gradient").

    Other arguments and errors are those of `penalty_cost`.
    """
    checked_choice("direction", direction, DIRECTIONS)
    return (penalty_cost if direction == "forward" else gradient_cost)(shape, p, itemsize=itemsize, engine=engine)


def precision(p: float, itemsize: int = 4, *, operator: str = "SparseLp") -> str:
    """Return the type that the loops of an operator compute in: float32 for float32 arrays where it is exact enough."""
    checked_itemsize(itemsize, SIZES)
    single = {
        "SparseLp": p == 0.5 or (p not in PENALTIES and p <= curves.LARGEST_SINGLE_POWER),
        "LpGradient": False,
        "LpProx": curves.in_single(p) and p not in SIMPLE_PROXES,
        "SparseLpRegularizer": curves.in_single(p) or p in SHRINKS,
    }
    return "float32" if itemsize == 4 and single[checked_choice("operator", operator, single)] else "float64"


def penalty_cost(shape: Sequence[int], p: float, *, itemsize: int = 4, engine: str | None = None) -> Cost:
    """Count `sparse_lp` on weights of shape `shape`, with 4 or 8 bytes each.

    An `engine` of None counts the compulsory bytes. "numba" and "reference" count everything that the engine does,
    including temporary arrays and start-up.

    Raises:
        TypeError: a length is not an int, or p is not a number.
        ValueError: a length or p is negative, or `itemsize` or `engine` is not one of the values above.
    """
    size, elements = checked_itemsize(itemsize, SIZES), _elements(shape)
    each = PENALTIES.get(SPARSE_LP.arg("p").check(p), ANY_PENALTY) + KEPT
    if checked_engine(engine) == "reference":
        # |w| in float64, its power, an exact sum over a list; the mask; set w to 0 outside it.
        passes = (size, WIDE), (WIDE, WIDE), (WIDE, MARK), (WIDE, MARK)
        moved = sum((pass_cost(*each) for each in passes), Cost(bytes_read=2 * WIDE + MARK, bytes_written=size))
        return elements * (each + moved) + Cost(launches=7 * (elements > 0))
    total = elements * (each + Cost(bytes_read=size, bytes_written=size + MARK))
    passed_on = 2 * size if precision(p, size) == "float32" else 0  # terms are written by one loop, read by the next
    return total + _of_loops(engine, elements * (size + passed_on), elements * MARK)


def gradient_cost(shape: Sequence[int], p: float, *, itemsize: int = 4, engine: str | None = None) -> Cost:
    """Count `lp_gradient` on weights of shape `shape`; arguments and errors are those of `penalty_cost`."""
    size, elements = checked_itemsize(itemsize, SIZES), _elements(shape)
    each = GRADIENTS.get(SPARSE_LP.arg("p").check(p), ANY_GRADIENT) + SIGNED
    if checked_engine(engine) == "reference":
        # |w| in float64, its power, two products, the sign of w; compare w with 0, choose, narrow.
        passes = (size, WIDE), (WIDE, WIDE), (WIDE, WIDE), (size, size), (WIDE + size, WIDE)
        passes += (WIDE, MARK), (WIDE + MARK, WIDE), (WIDE, size)
        return elements * sum((pass_cost(*each) for each in passes), each) + Cost(launches=8 * (elements > 0))
    total = elements * (each + Cost(bytes_read=size, bytes_written=size))
    return total + _of_loops(engine, 0, elements * size)


def prox_cost(
    shape: Sequence[int], p: float, *, iterations: int | None = None, itemsize: int = 4, engine: str | None = None
) -> Cost:
    """Count `lp_prox` on an array of shape `shape`, with 4 or 8 bytes per element.

    `iterations` is the number of steps of Halley's method for a p without a curve, near 1 or above 6. It depends on the
    data and is often 3 to 5. `engine` is None or "numba"; the reference is not counted, as its steps depend on the data
    too.

    Raises:
        TypeError, ValueError: as in `penalty_cost`, or `iterations` is None where p needs it, or is not a count.
    """
    size, elements = checked_itemsize(itemsize, SIZES), _elements(shape)
    total = elements * (_prox(p, iterations, size) + Cost(bytes_read=size, bytes_written=size))
    checked_engine(engine, ("numba",))
    return total + _of_loops(engine, elements * _kept_near(p, iterations, size), elements * size)


def rows_cost(
    indices: int,
    length: int,
    p: float,
    *,
    exact: bool = False,
    iterations: int | None = None,
    itemsize: int = 4,
    index_itemsize: int = 4,
    engine: str | None = None,
) -> Cost:
    """Count `sparse_lp_regularizer` for `indices` row numbers and rows of `length` elements.

    Other arguments and errors are those of `prox_cost` and the operator.
    """
    size, index = checked_itemsize(itemsize, SIZES), checked_itemsize(index_itemsize, SIZES, "index_itemsize")
    count = checked_count("indices", indices)
    each = Cost(divisions=1) if exact and p == 2 else SHRINKS.get(p) or _prox(p, iterations, size)
    elements = count * checked_count("length", length)
    total = elements * (each + Cost(bytes_read=size, bytes_written=size)) + count * Cost(bytes_read=index)
    if checked_engine(engine, ("numba",)) is None:
        return total
    # Row numbers are copied, compared with the largest so far, counted and sorted by range.
    checked = Cost(comparisons=1, bytes_read=4 * index, bytes_written=2 * index, bytes_allocated=2 * index)
    return total + count * checked + Cost(launches=1) + _of_loops(engine, elements * _kept_near(p, iterations, size), 0)


def step_seconds(
    weights: int, machine: Machine, p: float = 1.0, *, threads: int | None = None, itemsize: int = 4
) -> float:
    """Predict one step of regularization of all weights of a network: penalty and threshold in place, and the gradient.

    Args:
        weights: their number, such as 10**8.
        machine: a measured or published machine.
        threads: all that the machine has limits for, unless given.

    Errors are those of `penalty_cost` and of `workbench.machines.prediction.predict`.
    """
    given: dict[str, Any] = {"threads": machine.threads if threads is None else threads, "machine": machine}
    counted: dict[str, Any] = {"itemsize": itemsize, "engine": "numba"}
    penalty, slope = (count((weights,), p, **counted) for count in (penalty_cost, gradient_cost))
    in_place = predict(
        penalty,
        working_set=weights * (itemsize + MARK),
        access="update",
        precision=precision(p, itemsize),
        **given,
    )
    return in_place.seconds + predict(slope, precision=precision(p, itemsize, operator="LpGradient"), **given).seconds


def _of_loops(engine: str | None, cached: int, allocated: int) -> Cost:
    """Count the bytes in caches, the bytes allocated, and starting a run of the loops; nothing without an engine."""
    if engine is None:
        return Cost()
    return Cost(bytes_cached=cached, bytes_allocated=allocated, launches=1, runs=1)


def _kept_near(p: float, iterations: int | None, itemsize: int) -> int:
    """Return the bytes per element of the sizes, logarithms and roots that a root accesses in the L1 cache."""
    if p in SIMPLE_PROXES or (itemsize == 4 and curves.in_single(p)):
        return 0
    steps = 0 if curves.has_curve(p) else checked_count("iterations", iterations)
    return WIDE * (4 + 3 * steps)  # write and read sizes and roots; a step reads a logarithm, reads and writes a root


def _prox(p: float, iterations: int | None, itemsize: int) -> Cost:
    if SPARSE_LP.arg("p").check(p) in SIMPLE_PROXES:
        return SIMPLE_PROXES[p]
    last = BOUNDED + (POLISH if itemsize == 8 else Cost())
    if curves.has_curve(p):
        curve = CURVE_BELOW_ONE if p < 1 else CURVE_ABOVE_ONE
        if itemsize == 8 or not curves.in_single(p):
            return curve + last
        if p == 0.5:
            return CURVE_OF_HALF + SIGNED_ROOT
        return curve + SIGNED_ROOT + (Cost() if p < 1 else SINGLE_ABOVE_ONE)
    if iterations is None:
        raise ValueError(f"iterations=None: p={p} needs a number that depends on the data; give the number to count")
    steps = checked_count("iterations", iterations)
    if p < 1:
        return Cost(logarithms=1, multiply_adds=1, other_flops=1) + steps * BELOW_ONE + last
    start = Cost(logarithms=1, exponentials=1, comparisons=1, other_flops=1, divisions=1)
    return start + steps * ABOVE_ONE + last


def _elements(shape: Sequence[int]) -> int:
    return math.prod(checked_shape("shape", shape))


STEPS = 4  # assumed steps of Halley's method where the number depends on the data, often 3 to 5


def work(name: str, inputs: tuple, arguments: dict, engine: str = "numba") -> Work:
    """Return the cost of a call of an Lp operator, and the number of jobs the loops cut it into.

    Raises:
        ValueError: there is no count for this engine.
    """
    from workbench.sparse_lp import kernels

    w, p = inputs[0], arguments.get("p", 2.0 if name == "SparseLpRegularizer" else 1.0)
    given = {"itemsize": w.itemsize, "engine": engine}
    steps, kind = {"iterations": STEPS}, precision(p, w.itemsize, operator=name)
    if name == "SparseLpRegularizer":
        indices, length = inputs[1], math.prod(w.shape[1:])
        given |= {"exact": arguments.get("exact", False), "index_itemsize": indices.itemsize, **steps}
        last = max(0, len(w) - 1)
        ranges = (last >> max(0, last.bit_length() - (kernels.RANGES - 1).bit_length())) + 1
        count = rows_cost(indices.size, length, p, **given)
        return Work(count, indices.size * length, ranges, kind, w.nbytes, "rows")
    jobs = -(-w.size // kernels.SAMPLE)
    if name == "LpProx":
        return Work(prox_cost(w.shape, p, **steps, **given), w.size, jobs, kind)
    if name == "LpGradient":
        return Work(gradient_cost(w.shape, p, **given), w.size, jobs, kind)
    in_place = w.nbytes + MARK * w.size
    return Work(penalty_cost(w.shape, p, **given), w.size, jobs, kind, in_place, "update")
