"""Count the bytes of stored weights and the cost of products with them, and predict from how many zeros on they pay.

    one example     each stored weight is read once. CSR picks its numbers of x one by one, from a cache. A bitmap is
                    expanded, so that every place is multiplied, but zeros are not read
    many examples   they lie in vectors of 64 bytes, and each stored weight is multiplied by all vectors, which are read
                    from a cache; the weights are read again for each vector, in blocks that stay in a cache. Sums
                    wait in a cache while other columns are taken. The columns of a bitmap are decoded into a list

Dense weights and kept rows are multiplied by the linear algebra library, whose blocks hide what moves in caches. The
library is counted as one loop.
"""

import math
from collections.abc import Sequence

import numpy as np

from workbench.cost import Cost, checked_count, checked_itemsize, checked_shape
from workbench.cost.loop_cost import loop_cost
from workbench.machines.limits import Machine
from workbench.machines.prediction import Prediction, Work
from workbench.operator import checked_choice

FORMS = ("dense", "CSR, int32", "CSR, int16", "bitmap", "bitmap, int8", "rows")
NUMBER, ROWS, FEW, VECTOR, AT_ONCE, WIDTH = 4, 32, 4, 64, 4, 512  # as in forms, kernels and loops, which tests compare
SIZES = (4, 8)
STEPS = 1000  # of the share of zeros, where a crossing is looked for


def stored_bytes(form: str, shape: Sequence[int], stored: int, *, itemsize: int = 4) -> int:
    """Return the bytes of a matrix of weights (out, in) with so many stored weights, which is `nbytes` of the form.

    Args:
        form: one of FORMS.
        shape: (out, in).
        stored: number of stored weights; for "dense" all, for "rows" whole rows.
        itemsize: bytes of a weight that is not rounded, 4 or 8.

    Raises:
        TypeError: a length or `stored` is not an int.
        ValueError: `form` or `itemsize` is unknown, or `stored` is no number that this form can store.
    """
    rows, columns, stored, size = _checked(form, shape, stored, itemsize)
    starts = NUMBER * (rows + 1)
    if form == "dense":
        return stored * size
    if form == "rows":
        return stored * size + NUMBER * (stored // columns if columns else 0)
    if form.startswith("CSR"):
        return stored * (size + (NUMBER if form == "CSR, int32" else 2)) + starts
    bits = rows * _words(columns, size) * VECTOR // size // 8
    return bits + starts + (stored + rows * size if form == "bitmap, int8" else stored * size)


def cost(form: str, shape: Sequence[int], stored: int, batch: int, *, itemsize: int = 4) -> Cost:
    """Count the product of stored weights with a batch; arguments and errors are those of `stored_bytes`.

    `batch` is the number of examples, at least 0.
    """
    rows, columns, stored, size = _checked(form, shape, stored, itemsize)
    batch = checked_count("batch", batch)
    weights = stored_bytes(form, shape, stored, itemsize=size)
    outer = loop_cost(weights + batch * columns * size, batch * rows * size)
    if form in ("dense", "rows"):
        kept = batch * (stored // columns if columns else 0) * size
        scattered = Cost() if form == "dense" else Cost(bytes_cached=3 * kept, bytes_allocated=kept, launches=2)
        return outer + Cost(multiply_adds=batch * stored) + scattered
    if batch < FEW:
        again = Cost(bytes_cached=max(0, batch - 1) * weights, launches=max(0, batch - 1))
        return outer + again + batch * _one(form, rows, columns, stored, size)
    return outer + _many(form, rows, columns, stored, batch, size)


def _one(form: str, rows: int, columns: int, stored: int, size: int) -> Cost:
    """Count the arithmetic of one example, and the numbers of x that it reads from a cache."""
    if form.startswith("CSR"):
        return Cost(multiply_adds=stored, bytes_cached=stored * size)
    places = rows * _words(columns, size) * VECTOR // size
    return Cost(multiply_adds=places, bytes_cached=places * size)


def _many(form: str, rows: int, columns: int, stored: int, batch: int, size: int) -> Cost:
    """Count the arithmetic of vectors of examples, what moves in caches, and two transpositions."""
    vectors = -(-batch * size // VECTOR)
    number = 1 if form == "bitmap, int8" else size
    column = 2 if form == "CSR, int16" else NUMBER
    waiting = 2 * vectors * VECTOR * rows * max(0, -(-columns // WIDTH) - 1)
    turned = vectors * VECTOR * (rows + columns)  # written and read, and zeros before that
    count = Cost(
        multiply_adds=vectors * VECTOR // size * stored,
        bytes_cached=vectors * VECTOR * stored + (vectors - 1) * (number + column) * stored + waiting + 3 * turned,
        bytes_allocated=turned,
        launches=4,
    )
    return count if form.startswith("CSR") else count + _decoding(rows, columns, stored, size)


def _decoding(rows: int, columns: int, stored: int, size: int) -> Cost:
    """Count how columns are decoded: a loop whose length cannot be guessed where more than AT_ONCE bits are set.

    Zeros are taken to lie anywhere with the same chance, so the number of bits in a word is binomial.
    """
    width, words = VECTOR // size, rows * _words(columns, size)
    share = stored / (rows * columns) if rows * columns else 0.0
    fewer = sum(math.comb(width, k) * share**k * (1 - share) ** (width - k) for k in range(AT_ONCE + 1))
    surprises = round(words * max(0.0, 1 - fewer)) if share < 1 else 0
    return Cost(comparisons=words * AT_ONCE + stored, bytes_cached=2 * NUMBER * stored, mispredictions=surprises)


def work(form: str, shape: Sequence[int], stored: int, batch: int, *, itemsize: int = 4) -> Work:
    """Return the work to predict for a product; arguments and errors are those of `cost`."""
    count = cost(form, shape, stored, batch, itemsize=itemsize)
    rows, columns = shape
    arrays = stored_bytes(form, shape, stored, itemsize=itemsize) + batch * (rows + columns) * itemsize
    jobs = 1 << 20 if form in ("dense", "rows") else -(-rows // ROWS)  # the library cuts as it likes
    elements = stored * batch
    return Work(count, elements, jobs, {4: "float32", 8: "float64"}[itemsize], arrays)


def stored_at(form: str, shape: Sequence[int], zeros: float) -> int:
    """Return how many weights are stored if the share `zeros` of the weights, or for "rows" of the rows, is 0."""
    rows, columns = shape
    if form == "dense":
        return rows * columns
    return round((1 - zeros) * rows) * columns if form == "rows" else round((1 - zeros) * rows * columns)


def predicted(
    form: str, shape: Sequence[int], zeros: float, batch: int, machine: Machine, *, threads: int = 1
) -> Prediction:
    """Predict how long a product in float32 takes, for a share of zeros from 0 to 1."""
    return work(form, shape, stored_at(form, shape, zeros), batch).predict(machine, threads)


def crossing(zeros: Sequence[float], ratios: Sequence[float]) -> float | None:
    """Return the share of zeros from which on a form is faster than dense: where its ratio falls to 1 for good.

    `zeros` rise, and `ratios` are times over dense. Between two of them, the logarithm of the ratio is taken to be a
    straight line. 0 is returned if all ratios are at most 1, and None if the last one is above 1.
    """
    logs = np.log(np.asarray(ratios, float))
    slower = np.flatnonzero(logs > 0)
    if not slower.size:
        return 0.0
    last = int(slower[-1])
    if last == len(logs) - 1:
        return None
    return float(np.interp(0.0, -logs[last : last + 2], zeros[last : last + 2]))


def predicted_crossing(
    form: str, shape: Sequence[int], batch: int, machine: Machine, *, threads: int = 1
) -> float | None:
    """Return the share of zeros from which on a form is predicted to be faster than dense, to STEPS parts of 1."""
    zeros = [step / STEPS for step in range(STEPS + 1)]
    dense = predicted("dense", shape, 0.0, batch, machine, threads=threads).seconds
    ours = (predicted(form, shape, each, batch, machine, threads=threads).seconds for each in zeros)
    return crossing(zeros, [each / dense for each in ours])


def _words(columns: int, size: int) -> int:
    """Return the words of a row of a bitmap; a word has a bit for each number of a vector."""
    return -(-columns * size // VECTOR)


def _checked(form: str, shape: Sequence[int], stored: int, itemsize: int) -> tuple[int, int, int, int]:
    checked_choice("form", form, FORMS)
    rows, columns = checked_shape("shape", shape, 2)
    stored, size = checked_count("stored", stored), checked_itemsize(itemsize, SIZES)
    whole = rows * columns
    if stored > whole or (form == "dense" and stored < whole) or (form == "rows" and columns and stored % columns):
        allowed = {"dense": f"{whole}, all weights", "rows": f"a multiple of {columns}, whole rows, up to {whole}"}
        raise ValueError(f"stored={stored}: must be {allowed.get(form, f'at most {whole}')}, for {form!r} of {shape}")
    return rows, columns, stored, size
