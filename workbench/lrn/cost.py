"""Count the operations and bytes of local response normalization, with each element counted once.

    scale_i   1 multiplication and k - 1 multiply-adds for k squares, 1 multiply-add for bias + alpha/n * sum
    y_i       depends on beta. 0.75: two square roots, 1 multiplication and a division; 0.5: a square root and a
              division; 1: a division; any other: a power and a multiplication. The C library computes a float64 power
              one element at a time, several times slower than the powers used to measure a machine's limits
    dx_i      the two powers of scale_i share one division; then 3 multiplications for the terms dy * scale^-beta and
              dy * x * scale^(-beta - 1), k - 1 additions for the sum, 1 multiplication and 1 multiply-add for dx

The `form` says how a window of n (across) or n x n (within) elements is summed:

    direct      add all terms: n or n^2
    separable   add along one axis of the square, then along the other: 2n
    running     update the neighbour's sum: one addition and one subtraction along each axis for any n; squares once.
                No engine does this because the running sum loses digits by cancellation (see `loops_sums`)

Not counted: neighbours outside the array, zeros that a loop adds in their place, halos that two jobs both compute, and
the flags of one byte per job.
"""

import math
from collections.abc import Sequence

from workbench.cost import Cost, checked_itemsize, checked_shape
from workbench.cost.loop_cost import DIRECTIONS, checked_engine, pass_cost
from workbench.lrn import CHANNELS_LAST, LRN, check_rank
from workbench.lrn.window import CONVERTED, SHORT_ROW, own_window, window_axes
from workbench.machines.prediction import Work
from workbench.operator import checked_choice

FORMS = {"across": ("direct", "running"), "within": ("direct", "separable", "running")}
OF_LOOPS = {"across": "direct", "within": "separable"}

# Cost per element of x * scale^-beta (forward), and of scale^-beta and scale^(-beta - 1) together (gradient).
FORWARD_POWER = {
    0.5: Cost(square_roots=1, divisions=1),
    0.75: Cost(square_roots=2, other_flops=1, divisions=1),
    1.0: Cost(divisions=1),
}
FORWARD_ANY_POWER = Cost(powers=1, other_flops=1)
GRADIENT_POWERS = {
    0.5: Cost(square_roots=1, other_flops=2, divisions=1),
    0.75: Cost(square_roots=2, other_flops=3, divisions=1),
    1.0: Cost(other_flops=2, divisions=1),
}
GRADIENT_ANY_POWERS = Cost(powers=1, divisions=1)
GRADIENT_TERMS = Cost(other_flops=3) + Cost(other_flops=1, multiply_adds=1)

GUARDS = {"forward": 2, "gradient": 5}  # comparisons per element that find what plain arithmetic cannot compute
FIVE = 5  # number of terms that the loops add up in registers
GROUP, LONG = 4, 9  # as in `loops_sums`, which this module does not import, as it needs a compiler
WIDE = 8  # bytes of a float64, the type the reference computes in


def cost(
    direction: str,
    shape: Sequence[int],
    size: int = 5,
    beta: float = 0.75,
    *,
    order: str = "NCHW",
    region: str = "across",
    itemsize: int = 4,
    form: str | None = None,
    engine: str | None = None,
) -> Cost:
    """Count the operations and the bytes of one call.

    Args:
        direction: "forward" (reads x, writes y) or "gradient" (reads dy and x, writes dx).
        shape: the shape of x; rank 2 or more, 4 for region="within".
        size, beta, order, region: as for `local_response_norm`.
        itemsize: bytes of an element: 2, 4 or 8.
        form: how windows are summed. None means the form of the loops: direct across, separable within.
        engine: None counts the compulsory bytes. "numba" and "reference" count everything that the engine does in its
            own form, including temporary arrays and start-up.

    Raises:
        TypeError: a length in `shape` is not an int, or size or beta is not a number.
        ValueError: an argument is not one of the values above, the number of axes in `shape` does not fit `order` or
            `region`, or both `form` and `engine` are given.
    """
    checked_choice("direction", direction, DIRECTIONS)
    checked_itemsize(itemsize)
    values = LRN.check({"size": size, "beta": beta, "order": order, "region": region})
    shape = checked_shape("shape", shape)
    check_rank("shape", shape, values["order"], values["region"])
    if checked_engine(engine) is not None and form is not None:
        raise ValueError(f"form={form!r}: engine={engine!r} has a form of its own; give only one of the two")
    form = checked_choice("form", form or OF_LOOPS[values["region"]], FORMS[values["region"]])
    last = CHANNELS_LAST[values["order"]]
    axes = window_axes(len(shape), values["region"], last)
    reach = values["size"] // 2
    if engine == "reference":
        return _of_reference(direction, shape, axes, reach, itemsize)
    additions, elements = _additions(shape, axes, reach, form), math.prod(shape)
    # Each window squares its terms again, with a multiply-add for each, except in the running form.
    fused = {"direct": additions, "separable": _line_additions(shape, axes[0], reach), "running": 0}[form]
    total = Cost(other_flops=elements + additions - fused, multiply_adds=fused + elements)
    if direction == "forward":
        power = FORWARD_POWER.get(values["beta"], FORWARD_ANY_POWER)
        total += elements * (power + Cost(bytes_read=itemsize, bytes_written=itemsize))
    else:
        powers = GRADIENT_POWERS.get(values["beta"], GRADIENT_ANY_POWERS)
        each = powers + GRADIENT_TERMS + Cost(bytes_read=2 * itemsize, bytes_written=itemsize)
        total += elements * each + Cost(other_flops=additions)
    return total if engine is None else total + _of_loops(direction, shape, axes, reach, last, itemsize)


def _additions(shape: tuple[int, ...], axes: tuple[int, ...], reach: int, form: str) -> int:
    """Count the additions and subtractions that sum the window around every element."""
    elements = math.prod(shape)
    if not elements:
        return 0
    if form == "running":  # every element of a line but the first is added once, and subtracted when it leaves
        of_lines = {axis: shape[axis] - 1 + max(0, shape[axis] - 1 - reach) for axis in axes}
        return sum(elements // shape[axis] * of_line for axis, of_line in of_lines.items())
    if form == "separable":
        return sum(_line_additions(shape, axis, reach) for axis in axes)
    terms = elements // math.prod(shape[axis] for axis in axes)
    for axis in axes:  # the number of terms is the product of those along each axis
        terms *= sum(_terms(shape[axis], reach))
    return terms - elements


def _line_additions(shape: tuple[int, ...], axis: int, reach: int) -> int:
    """Count the additions of direct sums along `axis`: one less per element than its window has terms."""
    length = shape[axis]
    return math.prod(shape) // length * (sum(_terms(length, reach)) - length) if length else 0


def _terms(length: int, reach: int) -> list[int]:
    """Return how many elements of a line lie in the window around each position."""
    return [min(length, i + reach + 1) - max(0, i - reach) for i in range(length)]


def _of_loops(
    direction: str, shape: tuple[int, ...], axes: tuple[int, ...], reach: int, last: bool, itemsize: int
) -> Cost:
    """Count what the loops add: comparisons, bytes moved in the caches, bytes allocated, and starting a run.

    float16 arrays are converted block by block, which moves further bytes and allocates one block of each array. The
    loops across five channels convert elements themselves.
    """
    elements = math.prod(shape)
    arrays = 2 if direction == "forward" else 3
    wide = max(itemsize, 4)
    accesses = round(elements * _accesses(direction, shape, axes, reach, last)) if elements else 0
    five = len(axes) == 1 and reach == FIVE // 2 and not last and len(shape) > 2
    converted = elements if itemsize == 2 and not five else 0
    return Cost(
        comparisons=GUARDS[direction] * elements,
        bytes_cached=wide * (accesses - arrays * elements + 2 * arrays * converted),
        bytes_allocated=itemsize * elements + wide * arrays * min(converted, CONVERTED),
        launches=1,
        runs=1,
    )


def _accesses(direction: str, shape: tuple[int, ...], axes: tuple[int, ...], reach: int, last: bool) -> float:
    """Estimate how many elements the loops load and store for each element of x.

    The error is within 15 percent if an axis is at least two windows long and a row about as long as a block.
    Window sums are computed once in the forward pass and twice in the gradient. By kind of loop:

        channels first   `_summing_rows`; four accesses for a window of five, summed where it is used
        channels last    `_summing_along`, of squares or terms that are copied to a buffer with gaps, from which the
                         sums are copied; eight accesses for a window of five, which uses four masks instead
        within           `_summing_along` along both axes, of short rows that are copied so too; `_summing` over the
                         existing rows, and `_summing_along`, of others

    Then the forward pass accesses sums, x and y. The gradient accesses sums, x, dy, direct, term; sums, direct, x, dx.
    Channels first, it moves a window's rows of direct and term once.
    """
    times, finish = (2, 9.0) if direction == "gradient" else (1, 3.0)
    whole = [_summing_along(min(2 * reach, 2 * shape[axis] - 2) + 1) for axis in axes]
    if len(axes) == 2:
        wide = shape[axes[1]]
        if wide * (shape[3] if last else 1) < SHORT_ROW:
            gaps = min(reach, wide - 1) / wide  # of zeros between rows, which are summed too
            return times * (whole[0] + 4 + whole[1]) * (1 + gaps) + finish
        there = sum(map(_summing, _terms(shape[axes[0]], reach))) / shape[axes[0]]
        back = _summing(2 * reach + 1) if direction == "gradient" else 0  # over a ring of rows, zeros outside
        return there + back + times * whole[1] + finish
    five = reach == FIVE // 2
    if last or len(shape) == 2:
        return times * (8 if five else whole[0] + 4) + finish
    length = shape[axes[0]]
    if direction == "gradient":
        finish += 4 * 2 * reach / length
    if five:  # for each of the four rows at the ends, five are copied, of which 14 of 20 exist; dy's row too
        return times * 4 + (34 if direction == "forward" else 42) / length + finish
    back = _summing_rows(length, reach, clipped=False) if direction == "gradient" else 0
    return (_summing_rows(length, reach) + back) / length + finish


def _summing(terms: int) -> int:
    """Return the number of loads and stores of a sum: five, three or one at once, then passes of eight, two and one."""
    at_once = FIVE if terms >= FIVE else 3 if terms >= 3 else 1
    return at_once + 1 + _adding(terms - at_once)


def _adding(terms: int) -> int:
    """Return the number of loads and stores that add terms to a sum in passes of eight, two and one."""
    passes, rest = divmod(max(0, terms), 8)
    return max(0, terms) + 2 * (passes + rest // 2 + rest % 2)


def _summing_along(terms: int) -> int:
    """Return the number of loads and stores of a sum along a row: of many terms in two steps and what they leave."""
    if terms < LONG:
        return _summing(terms)
    few = math.isqrt(terms)
    return _summing(few) + _summing(terms // few) + _adding(terms % few)


def _summing_rows(length: int, reach: int, clipped: bool = True) -> int:
    """Return the number of loads and stores of the sums of `length` rows, GROUP of them at a time.

    The rows that all windows have in common are summed once. Each window loads this sum and the rows that it has alone,
    in one pass if they are GROUP - 1. If not `clipped`, zeros are added where rows do not exist.
    """
    begin, end = (0, length) if clipped else (-reach, length + reach)
    total = 0
    for first in range(0, length, GROUP):
        windows = [(max(begin, r - reach), min(end, r + reach + 1)) for r in range(first, min(length, first + GROUP))]
        low, high = windows[-1][0], windows[0][1]
        if len(windows) < GROUP or high <= low:
            total += sum(_summing(bottom - top) for top, bottom in windows)
            continue
        alone = [(low - top, bottom - high) for top, bottom in windows]
        total += _summing(high - low)
        total += sum(1 + GROUP if a + b == GROUP - 1 else 2 + _adding(a) + _adding(b) for a, b in alone)
    return total


def _of_reference(direction: str, shape: tuple[int, ...], axes: tuple[int, ...], reach: int, itemsize: int) -> Cost:
    """Count NumPy's passes; most read and write whole float64 arrays.

    Windows hold zeros beyond the ends of the array, and their additions count too.
    """
    elements = math.prod(shape)
    if not elements:
        return Cost()
    narrow = itemsize
    convert = pass_cost(narrow, WIDE)
    scale = (convert + pass_cost(WIDE, WIDE, other_flops=1)) * elements + _sums(shape, axes, reach)
    scale += 2 * pass_cost(WIDE, WIDE, other_flops=1) * elements
    safe = 2 * pass_cost(WIDE, 1, comparisons=1) + pass_cost(2, 1) + Cost(bytes_read=1)
    power, product = pass_cost(WIDE, WIDE, powers=1), pass_cost(2 * WIDE, WIDE, other_flops=1)
    rounded = pass_cost(WIDE, narrow)
    if direction == "forward":
        return scale + (safe + convert + power + product + rounded) * elements + Cost(launches=12 + 2 * len(axes))
    mixed = pass_cost(narrow + WIDE, WIDE, other_flops=1)
    safe += pass_cost(WIDE, WIDE) + pass_cost(WIDE, 1, comparisons=1) + Cost(bytes_read=1)
    terms = convert + power + product + mixed
    end = power + 2 * mixed + pass_cost(WIDE, WIDE, other_flops=1) + product + rounded
    total = scale + _sums(shape, axes, reach) + (safe + terms + end) * elements
    return total + Cost(launches=21 + 4 * len(axes))


def _sums(shape: tuple[int, ...], axes: tuple[int, ...], reach: int) -> Cost:
    """Count a padded copy and the sum over a view of its windows, along each axis."""
    total, elements = Cost(), math.prod(shape)
    for axis in axes:
        ends = 2 * min(reach, shape[axis] - 1)
        padded = elements // shape[axis] * (shape[axis] + ends)
        copied = Cost(bytes_read=WIDE * elements, bytes_written=WIDE * padded, bytes_allocated=WIDE * padded)
        total += copied + elements * (pass_cost(WIDE * (ends + 1), WIDE) + Cost(other_flops=ends))
    return total


def work(name: str, inputs: tuple, arguments: dict, engine: str = "numba") -> Work:
    """Return the cost of a call of LRN or LRNGradient, and the number of jobs the loops cut it into."""
    from workbench.lrn.kernels import count_jobs

    values, x = LRN.check(arguments), inputs[-1]
    size, beta, order, region = (values[each] for each in ("size", "beta", "order", "region"))
    direction = "forward" if name == "LRN" else "gradient"
    count = cost(direction, x.shape, size, beta, order=order, region=region, itemsize=x.itemsize, engine=engine)
    window = own_window(size, values["alpha"], beta, values["bias"], region)
    jobs = count_jobs(x.shape, window, CHANNELS_LAST[order], direction)
    return Work(count, x.size, jobs, "float64" if x.itemsize == WIDE else "float32")
