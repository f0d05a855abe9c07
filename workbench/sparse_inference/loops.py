"""Compiled loops of products with stored weights. Each job is a block of ROWS rows, and a row is one thread's work.

    csr_one, bitmap_one      y = W x for one example: each stored weight is read once
    csr_many, bitmap_many    a weight is multiplied by a whole vector of examples: W once for each LANES of them
    to_lanes, from_lanes     examples in vectors, (groups, columns, LANES), which the loops over many need

A sum over a row has four parts, so that a product need not wait for the one before. A bitmap is expanded into vectors
for one example, and decoded into the columns of a block of rows for many.
"""

import numpy as np

from workbench.compiling import compiler
from workbench.sparse_inference.vectors import (
    add_product,
    add_products,
    added,
    count,
    expanded,
    lanes_of,
    lowest,
    ones,
    store,
    total,
    zeros,
)

fast = {"contract", "reassoc"}  # sums are vectorized, in the same order in every run
kernel = compiler(fastmath=fast)
part = compiler(fastmath=fast, forceinline=True)

ROWS = 32
WIDTH = 512  # columns, whose vectors take 32 KiB
AT_ONCE = 4  # positions written for each word of a bitmap without asking how many bits are set
TILE = 16  # of a transposition
u, u64 = np.uintp, np.uint64


@part
def _scale(scales, values, row, x):
    """Return the factor of a row: values of one byte have one, the others have none."""
    return scales[row] if values.itemsize == 1 else x.dtype.type(1)


@part
def _sum(values, at, columns, place, size, x):
    """Return the sum of values[at + k] x[columns[place + k]] over `size` numbers k."""
    result = x.dtype.type(0)
    for k in range(size):
        result += x.dtype.type(values[at + k]) * x[u(columns[place + k])]
    return result


@part
def _block(values, columns, before, starts, scales, x, y, inputs, first, last):
    """Compute rows first .. last for every group of examples; column k of the weights is columns[k - before].

    The columns are taken WIDTH at a time, whose vectors of x fit into the nearest cache. A row's sum waits in y.
    """
    rows, lanes, one = u(starts.shape[0] - 1), count(x), x.dtype.type(1)
    done = np.empty(last - first, np.uintp)
    for group in range(u(x.shape[0]) // (inputs * lanes) if inputs else u(0)):
        begin = group * inputs * lanes
        for row in range(first, last):
            done[row - first] = starts[row]
        for limit in range(u(WIDTH), inputs + u(WIDTH), u(WIDTH)):
            for row in range(first, last):
                at, stop, to = done[row - first], u(starts[row + u(1)]), (group * rows + row) * lanes
                a, b, c, d = zeros(x), zeros(x), zeros(x), zeros(x)
                if limit > u(WIDTH):
                    a = add_product(a, one, y, to)
                while at + u(4) <= stop and u(columns[at + u(3) - before]) < limit:
                    k = at - before
                    a = add_product(a, x.dtype.type(values[at]), x, begin + u(columns[k]) * lanes)
                    b = add_product(b, x.dtype.type(values[at + u(1)]), x, begin + u(columns[k + u(1)]) * lanes)
                    c = add_product(c, x.dtype.type(values[at + u(2)]), x, begin + u(columns[k + u(2)]) * lanes)
                    d = add_product(d, x.dtype.type(values[at + u(3)]), x, begin + u(columns[k + u(3)]) * lanes)
                    at += u(4)
                while at < stop and u(columns[at - before]) < limit:
                    a = add_product(a, x.dtype.type(values[at]), x, begin + u(columns[at - before]) * lanes)
                    at += u(1)
                done[row - first] = at
                scale = _scale(scales, values, row, x) if limit >= inputs else one
                store(added(added(a, b), added(c, d)), scale, y, to)


@part
def _decode(bitmap, row, columns, place):
    """Write the columns of a row's bits to columns[place:], and return the place after the last."""
    width = u64(8 * bitmap.itemsize)
    for word in range(u(bitmap.shape[1])):
        bits, column, at = u64(bitmap[row, word]), u64(word) * width, place
        place += u(ones(bits))
        for k in range(u(AT_ONCE)):  # what is too much is overwritten by the next word
            columns[at + k] = column + lowest(bits)
            bits &= bits - u64(1)
        at += u(AT_ONCE)
        while bits:
            columns[at] = column + lowest(bits)
            bits &= bits - u64(1)
            at += u(1)
    return place


@kernel
def csr_one(values, columns, starts, scales, x, y, start, stop):
    """Set y (rows,) to the product with x (columns,)."""
    for row in range(u(start) * u(ROWS), min(u(stop) * u(ROWS), u(y.shape[0]))):
        at = u(starts[row])
        y[row] = _sum(values, at, columns, at, u(starts[row + u(1)]) - at, x) * _scale(scales, values, row, x)


@kernel
def csr_many(values, columns, starts, scales, x, y, inputs, start, stop):
    """Set y (groups, rows, LANES), flat, to the product with x (groups, inputs, LANES), flat."""
    rows = u(starts.shape[0] - 1)
    for job in range(u(start), u(stop)):
        last = min((job + u(1)) * u(ROWS), rows)
        _block(values, columns, u(0), starts, scales, x, y, u(inputs), job * u(ROWS), last)


@kernel
def bitmap_one(values, bitmap, starts, scales, x, y, start, stop):
    """Set y (rows,) to the product with x, which is filled up to whole words of the bitmap (rows, words).

    A zero that is not stored must not meet an infinity or NaN. If a row's sum over all columns is not finite, it is
    computed again from the columns that are stored.
    """
    lanes = count(x)
    columns = np.empty(0, np.int64)
    for row in range(u(start) * u(ROWS), min(u(stop) * u(ROWS), u(y.shape[0]))):
        a, b = zeros(x), zeros(x)
        first = at = u(starts[row])
        words = u(bitmap.shape[1])
        for word in range(u(0), words & ~u(1), u(2)):
            bits, more = bitmap[row, word], bitmap[row, word + u(1)]
            between = at + u(ones(bits))
            a = add_products(a, expanded(values, at, bits, x), x, word * lanes)
            b = add_products(b, expanded(values, between, more, x), x, (word + u(1)) * lanes)
            at = between + u(ones(more))
        if words & u(1):
            a = add_products(a, expanded(values, at, bitmap[row, words - u(1)], x), x, (words - u(1)) * lanes)
        result = total(added(a, b))
        if not np.isfinite(result):
            if not columns.shape[0]:
                columns = np.empty(u(bitmap.shape[1]) * lanes + u(AT_ONCE), np.int64)
            result = _sum(values, first, columns, u(0), _decode(bitmap, row, columns, u(0)), x)
        y[row] = result * _scale(scales, values, row, x)


@kernel
def bitmap_many(values, bitmap, starts, scales, x, y, inputs, start, stop):
    """Do as `csr_many` does, after decoding the columns of each block of rows."""
    rows = u(bitmap.shape[0])
    for job in range(u(start), u(stop)):
        first, last = job * u(ROWS), min((job + u(1)) * u(ROWS), rows)
        columns = np.empty(u(starts[last]) - u(starts[first]) + u(AT_ONCE), np.int32)
        place = u(0)
        for row in range(first, last):
            place = _decode(bitmap, row, columns, place)
        _block(values, columns, u(starts[first]), starts, scales, x, y, u(inputs), first, last)


@kernel
def to_lanes(x, out):
    """Write x (examples, columns) to out (groups, columns, LANES); lanes without an example are 0 already."""
    lanes = out.shape[2]
    for group in range(out.shape[0]):
        own = x[group * lanes : (group + 1) * lanes]
        for begin in range(0, x.shape[1], TILE):
            for lane in range(own.shape[0]):
                for column in range(begin, min(begin + TILE, x.shape[1])):
                    out[group, column, lane] = own[lane, column]


@kernel
def from_lanes(y, out):
    """Write y (groups, columns, LANES) to out (examples, columns)."""
    lanes = y.shape[2]
    for group in range(y.shape[0]):
        own = out[group * lanes : (group + 1) * lanes]
        for begin in range(0, out.shape[1], TILE):
            for lane in range(own.shape[0]):
                for column in range(begin, min(begin + TILE, out.shape[1])):
                    own[lane, column] = y[group, column, lane]


LANES = {np.dtype(kind): lanes_of(kind) for kind in (np.float32, np.float64)}
