"""Compiled loops for elements whose squares or powers are beyond plain arithmetic: one pair of loops for every layout.

Every array is seen as (outer, height, width, lanes). The window runs over height and width: across the channels these
are the channels and 1. A block is a band of rows with some of the lanes. It is copied to float64 with zeros around it,
so that every window is complete, and only elements whose window is beyond the limits of plain arithmetic are written.
So only the loops that copy are compiled for each type; `forward` and `gradient` are Python, and call one loop a block.

    base      Each window's base is kept as its logarithm. Squares that float64 cannot hold are summed at other levels,
              with x multiplied by a power of two; of each window, a level is taken at which its sum is in range.
    power     scale^-beta is 2^(-beta * log2 scale): a factor near 1 and an exponent that may exceed a float's range.
    terms     A term of the gradient's sum is a factor and an exponent too. Sums of terms take levels as squares do.
"""

from collections import namedtuple

import numpy as np

from workbench.lrn.loops_common import SQUARES, VALUES, inner, kernel, part, u
from workbench.lrn.loops_sums import sum_window
from workbench.lrn.powers_of_two import HIGH, LOW, log2, power, power_of_two, split, times_power_of_two

# The place of element (o, r, c, l) is the sum of the products with `strides`; a block holds `band` rows and `chunk`
# lanes. Element (o, r, c, l) was computed by job o * jobs[0] + r // band * jobs[1] + l // jobs[3] * jobs[2]. With
# `masked` all elements of a block are written: a job that multiplies by masks lets infinity reach other windows.
View = namedtuple("View", "shape strides band chunk vertical horizontal jobs masked")

# Arguments of a call, and the limits of plain arithmetic as logarithms. `slope` * 2^`slope_exponent` is the factor of
# the gradient's sum. A row of `levels` holds the factor of x, the coefficient, the bias, and what to add to the
# logarithm of the base.
Numbers = namedtuple(
    "Numbers", "beta slope slope_exponent log2_bias lowest highest largest_sum largest smallest smallest_x levels"
)

# Where a block lies, in the array and in its copy: the outer index, its rows, the rows top .. bottom of the copy, its
# first lane and their number, and in a row of the copy the length, the gap at either end, and the values between.
Block = namedtuple("Block", "outer row last top bottom lane step pitch gap width")

NEAR = 850.0  # terms whose exponents are within -NEAR .. NEAR are summed without another thought


def block_of(number, view, reach):
    """Return the block of a number, with a copy that holds `reach` rows more at either end."""
    _, height, width, lanes = view.shape
    bands, chunks = -(-height // view.band), -(-lanes // view.chunk)
    outer, rest = number // (bands * chunks), number % (bands * chunks)
    row, lane = rest // chunks * view.band, rest % chunks * view.chunk
    last, step = min(height, row + view.band), min(lanes - lane, view.chunk)
    outside = max(view.vertical)
    top, bottom = max(row - reach, -outside), min(last + reach, height + outside)
    gap = max(view.horizontal) * step
    return Block(outer, row, last, top, bottom, lane, step, width * step + 2 * gap, gap, width * step)


_block = part(block_of)


@part
def _at(r, block):
    """Return the place of a row in the copy, after the gap."""
    return u((r - block.top) * block.pitch + block.gap)


@part
def _is_concerned(block, view, safe):
    """Return whether a job that computed an element of the block was not safe."""
    each, every_band, every_tile, tile = view.jobs
    job = block.outer * each + block.row // view.band * every_band
    for number in range(block.lane // tile, (block.lane + block.step - 1) // tile + 1):
        if not safe[job + number * every_tile]:
            return True
    return False


@kernel
def next_block(number, stop, view, safe):
    """Return the first block from `number` on that a job which was not safe computed, or `stop`."""
    while number < stop and not _is_concerned(_block(number, view, 0), view, safe):
        number += 1
    return number


def _blocks(start, stop, view, reach, safe):
    """Yield the numbers of the blocks that must be computed again, and the blocks."""
    number = next_block(start, stop, view, safe)
    while number < stop:
        yield number, block_of(number, view, reach)
        number = next_block(number + 1, stop, view, safe)


@inner
def _clear(values, block, view):
    """Set values to 0 beyond the array and in the gaps, and elsewhere to anything."""
    _, height, _, _ = view.shape
    if block.gap:
        values[: (block.bottom - block.top) * block.pitch] = 0.0
    else:
        values[: max(0, -block.top) * block.pitch] = 0.0
        values[max(0, height - block.top) * block.pitch : max(0, block.bottom - block.top) * block.pitch] = 0.0


@kernel
def _gather(x, block, view, values):
    """Copy a block, with zeros beyond the array and in the gaps."""
    _, height, width, _ = view.shape
    outer_stride, row_stride, column_stride, lane_stride = view.strides
    _clear(values, block, view)
    for r in range(max(0, block.top), min(height, block.bottom)):
        origin, place = block.outer * outer_stride + r * row_stride + block.lane * lane_stride, _at(r, block)
        if width > block.step:
            for j in range(block.step):
                at, to = u(origin + j * lane_stride), place + u(j)
                for i in range(u(width)):
                    values[to + i * u(block.step)] = x[at + i * u(column_stride)]
        else:
            for j in range(width):
                at, to = u(origin + j * column_stride), place + u(j * block.step)
                for i in range(u(block.step)):
                    values[to + i] = x[at + i * u(lane_stride)]


@kernel
def _scatter(results, fails, block, view, y):
    """Copy the results of the elements that plain arithmetic fails to their places in y."""
    outer_stride, row_stride, column_stride, lane_stride = view.strides
    for r in range(block.row, block.last):
        origin, place = block.outer * outer_stride + r * row_stride + block.lane * lane_stride, _at(r, block)
        for c in range(view.shape[2]):
            at, to = place + u(c * block.step), u(origin + c * column_stride)
            for i in range(u(block.step)):
                y[to + i * u(lane_stride)] = (
                    results[at + i] if view.masked or fails[at + i] > 0.0 else y[to + i * u(lane_stride)]
                )


@inner
def _sum_around(squared, values, r, vertical, horizontal, block, down, sums):
    """Set sums to the sums of the values, or of their squares, in the windows around the elements of row r."""
    (above, below), (before, after) = vertical, horizontal
    at = u((r - above - block.top) * block.pitch)
    if before + after == 0:
        sum_window(squared, values, at, u(block.pitch), above + below + 1, sums, u(0), u(block.width))
    else:
        sum_window(squared, values, at, u(block.pitch), above + below + 1, down, u(0), u(block.pitch))
        along = u(block.gap - before * block.step)
        sum_window(VALUES, down, along, u(block.step), before + after + 1, sums, u(0), u(block.width))


@part
def _log2_of(total, level):
    """Return log2(bias + coefficient * total), whether this level can tell, and the second summand."""
    _, coefficient, bias, offset = level
    t = coefficient * total if coefficient != 0.0 else 0.0
    s, size = bias + t, max(bias, abs(t))
    value = log2(s) + (offset + (s - s))  # NaN where s is
    is_known = not (size < LOW) | (size > HIGH)
    return (-np.inf if s <= 0.0 else value), is_known, t


@inner
def _first_log2_row(sums, width, level, numbers, at, result, fails):
    """Set result to log2 of the base where the first level can tell, and fails to 1 where plain arithmetic cannot hold
    the sum, else to 0; return whether the level can tell everywhere.
    """
    unknown = 0
    for i in range(u(width)):
        value, is_known, t = _log2_of(sums[i], level)
        result[at + i] = value if is_known else (t if abs(t) == np.inf else numbers.log2_bias)
        unknown += 0 if is_known else 1
    for i in range(u(width)):
        fails[at + i] = 0.0 if sums[i] <= numbers.largest_sum else 1.0
    return unknown == 0


@inner
def _next_log2_row(sums, width, level, at, result):
    """Set result to log2 of the base where a further level can tell."""
    for i in range(u(width)):
        value, is_known, t = _log2_of(sums[i], level)
        result[at + i] = value if is_known else (t if abs(t) == np.inf else result[at + i])


@inner
def _log2_base(values, scaled, down, sums, begin, end, block, view, numbers, result, fails):
    """Set result to log2 of the base for the rows begin .. end; return whether it is positive in the block's rows."""
    for k in range(len(numbers.levels)):
        level = numbers.levels[k]
        is_sure, source = True, values
        if level[0] != 1.0:
            source = scaled
            for i in range(u((block.bottom - block.top) * block.pitch)):
                scaled[i] = values[i] * level[0]
        for r in range(begin, end):
            _sum_around(SQUARES, source, r, view.vertical, view.horizontal, block, down, sums)
            if k == 0:
                is_sure &= _first_log2_row(sums, block.width, level, numbers, _at(r, block), result, fails)
            else:
                _next_log2_row(sums, block.width, level, _at(r, block), result)
        if k == 0 and is_sure:
            break
    count = 0
    for r in range(block.row, block.last):
        for i in range(u(block.width)):
            count += 1 if result[_at(r, block) + i] == -np.inf else 0
    return count == 0


@inner
def _normalize_row(values, log2_scale, at, width, normalizes, numbers, fails, results):
    """Set results to x * scale^-beta, or to the scale, and fails to 1 where plain arithmetic does."""
    for i in range(u(width)):
        fails[at + i] = fails[at + i] if numbers.lowest <= log2_scale[at + i] <= numbers.highest else 1.0
    if normalizes:
        for i in range(u(width)):
            f, e = power(numbers.beta, log2_scale[at + i])
            results[at + i] = times_power_of_two(values[at + i], f, e)
    else:
        for i in range(u(width)):
            f, e = power(-1.0, log2_scale[at + i])
            results[at + i] = times_power_of_two(1.0, f, e)


@kernel
def _normalize(values, fails, results, buffers, rows, block, view, normalizes, numbers):
    """Set the results of a block; return whether its bases are positive."""
    scaled, log2_scale = buffers
    down, sums = rows
    is_positive = _log2_base(values, scaled, down, sums, block.row, block.last, block, view, numbers, log2_scale, fails)
    for r in range(block.row, block.last):
        _normalize_row(values, log2_scale, _at(r, block), block.width, normalizes, numbers, fails, results)
    return is_positive


def _buffers(number, view, reach):
    """Return arrays that hold a block with `reach` rows more at either end, and two that hold a row."""
    row = (view.shape[2] + 2 * max(view.horizontal)) * view.chunk
    size = (min(view.band, view.shape[1]) + 2 * reach) * row
    return [np.empty(size) for _ in range(number)], (np.empty(row), np.empty(row))


def forward(x, y, view, normalizes, numbers, safe, positive, start, stop):
    """Compute y, or else the scale, of the blocks that need it; tell whether their bases are positive."""
    reach = max(view.vertical)
    (values, fails, results, *buffers), rows = _buffers(5, view, reach)
    for number, block in _blocks(start, stop, view, reach, safe):
        _gather(x, block, view, values)
        positive[number] = _normalize(values, fails, results, tuple(buffers), rows, block, view, normalizes, numbers)
        _scatter(results, fails, block, view, y)


@inner
def _terms_row(upstream, values, log2_scale, at, width, numbers, factor, exponent, fails):
    """Set factor * 2^exponent to a row's terms, and fails to 1 where plain arithmetic does; tell whether one is far."""
    far = 0
    for i in range(at, at + u(width)):
        x, x_exponent = split(values[i])
        dy, dy_exponent = split(upstream[i])
        p, p_exponent = power(numbers.beta + 1.0, log2_scale[i])
        f, e = dy * (x * p), dy_exponent + (x_exponent + p_exponent)
        is_safe = numbers.lowest <= log2_scale[i] <= numbers.highest
        is_safe &= abs(f) * power_of_two(e - numbers.largest) <= 1.0
        is_safe &= f == 0.0 or min(e, x_exponent + p_exponent) >= numbers.smallest
        fails[i] = fails[i] if is_safe else 1.0
        factor[i], exponent[i] = f * numbers.slope, e + numbers.slope_exponent
        far += 1 if factor[i] != 0.0 and abs(exponent[i]) > NEAR else 0
    return far > 0


@inner
def _sum_back(values, r, block, view, down, sums):
    """Sum the values of all elements whose window holds an element of row r: the same window from the other end."""
    _sum_around(VALUES, values, r, view.vertical[::-1], view.horizontal[::-1], block, down, sums)


@inner
def _largest_below(bound, factor, exponent, begin, end):
    """Return the largest exponent below `bound` of a factor that is not 0, or -inf."""
    largest = -np.inf
    for i in range(begin, end):
        if factor[i] != 0.0 and largest < exponent[i] < bound:
            largest = exponent[i]
    return largest


@inner
def _sum_terms(factor, exponent, far, begin, end, block, view, down, sums, terms, size, total, shift):
    """Set total * 2^shift to the sum of the terms around each element; far terms, from begin to end, take levels.

    At a level, sums whose magnitude is at least LOW are exact enough; the others wait for a lower one.
    """
    used = u((block.bottom - block.top) * block.pitch)
    size[:used], total[:used], shift[:used] = 0.0, 0.0, 0.0
    level = _largest_below(np.inf, factor, exponent, begin, end) if far else 0.0
    while level > -np.inf:
        for i in range(used):
            terms[i] = factor[i] * power_of_two(exponent[i] - level)
        for r in range(block.row, block.last):
            _sum_back(terms, r, block, view, down, sums)
            for i in range(u(block.width)):
                if size[_at(r, block) + i] < LOW:
                    total[_at(r, block) + i], shift[_at(r, block) + i] = sums[i], level
        if not far:
            return
        for i in range(used):
            terms[i] = abs(terms[i])
        for r in range(block.row, block.last):
            _sum_back(terms, r, block, view, down, sums)
            for i in range(u(block.width)):
                if size[_at(r, block) + i] < LOW:
                    size[_at(r, block) + i] = sums[i]
        level = _largest_below(level - NEAR, factor, exponent, begin, end)


@inner
def _finish_row(upstream, values, log2_scale, total, shift, at, width, numbers, results):
    """Set results to dy * scale^-beta - x * total, two factors that are aligned at the larger exponent."""
    for i in range(at, at + u(width)):
        x, x_exponent = split(values[i])
        dy, dy_exponent = split(upstream[i])
        p, p_exponent = power(numbers.beta, log2_scale[i])
        t, t_exponent = split(total[i])
        direct, indirect = dy_exponent + p_exponent, x_exponent + (t_exponent + shift[i])
        largest = max(direct, indirect)
        result = dy * p * power_of_two(direct - largest) - x * t * power_of_two(indirect - largest)
        results[i] = times_power_of_two(result, 1.0, largest)


@kernel
def _differentiate(values, upstream, reached, results, buffers, rows, block, view, numbers):
    """Set the results of a block, and `reached` to 1 where plain arithmetic fails; tell whether bases are positive."""
    above, below = view.vertical
    scaled, log2_scale, factor, exponent, fails, magnitude, total, shift = buffers
    down, sums = rows
    first, final = max(0, block.row - below), min(view.shape[1], block.last + above)
    for terms in (factor, exponent, fails):
        _clear(terms, block, view)
    is_positive = _log2_base(values, scaled, down, sums, first, final, block, view, numbers, log2_scale, fails)
    far = False
    for r in range(first, final):
        at = _at(r, block)
        far |= _terms_row(upstream, values, log2_scale, at, block.width, numbers, factor, exponent, fails)
    for r in range(block.row, block.last):
        _sum_back(fails, r, block, view, down, sums)
        for i in range(u(block.width)):
            small = 0.0 < abs(values[_at(r, block) + i]) < numbers.smallest_x
            reached[_at(r, block) + i] = 1.0 if sums[i] > 0.0 or small else 0.0
    begin, end = (first - block.top) * block.pitch, (final - block.top) * block.pitch
    _sum_terms(factor, exponent, far, begin, end, block, view, down, sums, scaled, magnitude, total, shift)
    for r in range(block.row, block.last):
        at = _at(r, block)
        _finish_row(upstream, values, log2_scale, total, shift, at, block.width, numbers, results)
    return is_positive


def gradient(dy, x, dx, view, numbers, safe, positive, start, stop):
    """Compute the gradient of `forward` of the blocks that need it; tell whether their bases are positive."""
    reach = 2 * max(view.vertical)
    (values, upstream, reached, results, *buffers), rows = _buffers(12, view, reach)
    for number, block in _blocks(start, stop, view, reach, safe):
        _gather(x, block, view, values)
        _gather(dy, block, view, upstream)
        positive[number] = _differentiate(
            values, upstream, reached, results, tuple(buffers), rows, block, view, numbers
        )
        _scatter(results, reached, block, view, dx)
