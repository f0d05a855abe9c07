"""Count the operations and bytes of dropout with replacement, as the loops do it, with each element counted once.

    dense      per element a random word, a comparison and a choice; reads x, writes y and a byte of `dropped`. With
               scaled=True also a multiply-add and a multiplication
    gradient   per element a multiplication, an addition for the replacement's gradient, and three choices: of dx and of
               the terms added to the sums of dropped and of kept elements; reads dy and `dropped`, writes dx
    stored     per entry a block of four random words, of which one is used, since neighbours in the matrix are not
               neighbours in the stream; a comparison and four choices. Also reads and writes the index arrays
    segments   per segment a random word, a comparison and a choice; dropped values are not read
    items      per value a random word, a comparison and a choice; the lengths are copied

Comparisons and choices are not floating-point operations and are counted separately. Words drawn to fill the last tile
are not counted. With an engine, its further work counts too: temporary arrays, copies, checks of the lengths.
"""

import math
from collections.abc import Sequence

from workbench.cost import Cost, checked_count, checked_itemsize, checked_shape
from workbench.cost.loop_cost import DIRECTIONS, checked_engine, pass_cost
from workbench.machines.prediction import Work
from workbench.operator import checked_choice
from workbench.philox import ROUNDS, TILE, WORDS_PER_BLOCK

SIZES = (1, 2, 4, 8)
MARK = 1  # bytes of an element of `dropped`
WIDE = 8  # bytes of a float64, and of a counter

DRAW = Cost(random_words=1, comparisons=2)
SCALING = Cost(multiply_adds=1, other_flops=1)

# Drawing a block of four words in NumPy. Before the rounds, the counter is made and split; each round computes two
# products, two halves, two shifts and four XORs; then the words are narrowed and put in order. All are array passes.
ROUND = Cost(bytes_read=12 * WIDE, bytes_written=10 * WIDE, bytes_allocated=10 * WIDE)
BLOCK_BEFORE = Cost(bytes_read=2 * WIDE, bytes_written=4 * WIDE, bytes_allocated=4 * WIDE)
BLOCK_AFTER = Cost(bytes_read=4 * WIDE + 16, bytes_written=32, bytes_allocated=32)
BLOCK = BLOCK_BEFORE + ROUNDS * ROUND + BLOCK_AFTER
BLOCK_LAUNCHES = 4 + 10 * ROUNDS + 5
# Converting four words to numbers in [0, 1) and comparing them with the ratio.
COMPARED = Cost(bytes_read=4 * (4 + WIDE), bytes_written=4 * (WIDE + MARK), bytes_allocated=4 * (WIDE + MARK))


def cost(
    direction: str,
    shape: Sequence[int],
    *,
    replacement_shape: Sequence[int] = (),
    scaled: bool = False,
    itemsize: int = 4,
    engine: str | None = None,
) -> Cost:
    """Count the operations and bytes of `dropout_with_replacement` or its gradient on a dense array.

    Args:
        direction: "forward" or "gradient".
        shape: the shape of x.
        replacement_shape: the shape of the replacement, () for one number.
        scaled: as in the call.
        itemsize: bytes of an element: 1, 2, 4 or 8.
        engine: None counts the compulsory bytes. "numba" and "reference" count everything that the engine does,
            including temporary arrays and start-up; "reference" assumes that the replacement is one number.

    Raises:
        TypeError: a length in a shape is not an int.
        ValueError: a length is negative, or `direction`, `itemsize` or `engine` is not one of the values above.
    """
    checked_choice("direction", direction, DIRECTIONS)
    elements = math.prod(checked_shape("shape", shape))
    values = math.prod(checked_shape("replacement_shape", replacement_shape))
    size = checked_itemsize(itemsize, SIZES)
    if checked_engine(engine) == "reference":
        return _of_reference(direction, elements, size, scaled)
    if direction == "forward":
        each = DRAW + (SCALING if scaled else Cost()) + Cost(bytes_read=size, bytes_written=size + MARK)
        total = elements * each + Cost(bytes_read=values * size)
    else:
        each = Cost(other_flops=2, comparisons=3, bytes_read=size + MARK, bytes_written=size)
        total = elements * each + Cost(bytes_written=values * size)
    return total if engine is None else total + _of_loops(direction, elements, values, size, scaled)


def stored_cost(
    entries: int,
    lines: int,
    *,
    scaled: bool = False,
    itemsize: int = 4,
    index_itemsize: int = 4,
    engine: str | None = None,
) -> Cost:
    """Count `dropout_with_replacement` on a CSR (CSC) matrix with `lines` rows (columns) and `entries` stored entries.

    `engine` is None or "numba".
    """
    size, index = checked_itemsize(itemsize, SIZES), checked_itemsize(index_itemsize, SIZES, "index_itemsize")
    each = Cost(random_words=WORDS_PER_BLOCK, comparisons=5)
    each += Cost(bytes_read=size + index, bytes_written=size + index + MARK)
    entries, lines = checked_count("entries", entries), checked_count("lines", lines)
    bounds = (lines + 1) * index
    total = entries * (each + (SCALING if scaled else Cost()))
    total += Cost(bytes_read=bounds, bytes_written=bounds)
    if checked_engine(engine, ("numba",)) is None:
        return total
    # Each index is compared with its bounds and with the one before, and copied once more for `dropped`.
    checked = Cost(comparisons=3, bytes_read=4 * index + 1, bytes_written=1)
    copied = Cost(bytes_read=index, bytes_written=index)
    near = Cost(bytes_cached=4 * WIDE + 2 * MARK)  # an entry's position, the index of its value, its mark
    made = Cost(bytes_allocated=size + 2 * index + 2 * MARK)
    lines_besides = Cost(
        mispredictions=2 * lines, bytes_read=3 * bounds, bytes_written=bounds, bytes_allocated=2 * bounds
    )
    return total + entries * (checked + copied + near + made) + lines_besides + Cost(launches=1, runs=1)


def segments_cost(
    segments: int,
    dropped_segments: int,
    kept_values: int,
    *,
    itemsize: int = 8,
    lengths_itemsize: int = 4,
    engine: str | None = None,
) -> Cost:
    """Count `sparse_dropout_with_replacement`, whose cost depends on which segments were dropped.

    `kept_values` counts the values in kept segments; each of the `dropped_segments` becomes one value. `engine` is
    None or "numba": the reference processes segments one by one in Python, which is not counted.
    """
    size, length = checked_itemsize(itemsize, SIZES), checked_itemsize(lengths_itemsize, SIZES, "lengths_itemsize")
    count, dropped = checked_count("segments", segments), checked_count("dropped_segments", dropped_segments)
    kept = checked_count("kept_values", kept_values)
    if dropped > count:
        raise ValueError(f"dropped_segments={dropped}: must be at most {count}, the segments")
    checked_engine(engine, ("numba",))
    lengths = count * (DRAW + Cost(bytes_read=length, bytes_written=length))
    values = kept * Cost(bytes_read=size, bytes_written=size)
    total = lengths + values + dropped * Cost(bytes_written=size)
    if engine is None:
        return total
    marks, results = _tiled(count), kept * size + dropped * size
    return total + Cost(
        comparisons=2 * count,  # is a length negative or too large
        mispredictions=min(dropped, count - dropped)
        + 2 * dropped,  # kept or dropped; the end of a stretch, and its remainder
        bytes_read=count * (2 * length + MARK),  # lengths copied, then read again with the values; marks
        bytes_written=count * length + marks,
        bytes_cached=count * MARK,
        bytes_allocated=2 * count * length + marks + results,
        launches=2,
        runs=1,
    )


def items_cost(
    values: int, segments: int, *, itemsize: int = 8, lengths_itemsize: int = 4, engine: str | None = None
) -> Cost:
    """Count `sparse_itemwise_dropout_with_replacement`; `engine` is None or "numba"."""
    size, length = checked_itemsize(itemsize, SIZES), checked_itemsize(lengths_itemsize, SIZES, "lengths_itemsize")
    elements, count = checked_count("values", values), checked_count("segments", segments)
    checked_engine(engine, ("numba",))
    total = elements * (DRAW + Cost(bytes_read=size, bytes_written=size))
    total += count * Cost(bytes_read=length, bytes_written=length)
    if engine is None:
        return total
    # A length is compared with 0 and with the size, and added up.
    checked = count * Cost(comparisons=2, bytes_read=length, bytes_allocated=length) + Cost(launches=1)
    drawn = _of_loops("forward", elements, 1, size, scaled=False) + Cost(bytes_written=elements * MARK)
    return total + checked + drawn


def _of_loops(direction: str, elements: int, values: int, size: int, scaled: bool) -> Cost:
    """Count what the loops add: bytes moved in the caches, bytes allocated, and starting a run.

    The forward pass reads marks and the replacement from the L1 cache; the gradient reads dy and marks there for its
    sums. float16 is widened before scaling and before the gradient, and narrowed afterwards.
    """
    forward = direction == "forward"
    widened = Cost()
    if size == 2 and (scaled or not forward):
        widened = elements * Cost(bytes_read=2 + 4, bytes_written=4 + 2, bytes_allocated=4 + 4)
    results = size * elements + (_tiled(elements) if forward else size * values)
    return widened + Cost(
        bytes_cached=(MARK + size) * elements,
        bytes_allocated=results,
        launches=1,
        runs=1,
    )


def _of_reference(direction: str, elements: int, size: int, scaled: bool) -> Cost:
    """Count NumPy's passes over whole arrays, with one number as the replacement."""
    if not elements:
        return Cost()
    scaling = Cost()
    if direction == "gradient":
        # dx: convert, multiply, convert, choose. The replacement's gradient: convert dy to float64, choose, add up.
        passes = (size, size), (size, size), (size, size), (size + MARK, size), (size, WIDE), (WIDE + MARK, WIDE)
        each = sum((pass_cost(*each) for each in passes), Cost(other_flops=2, comparisons=2, bytes_read=WIDE))
        if scaled:  # the share of the kept elements, in float64
            each += pass_cost(size, WIDE) + pass_cost(WIDE, WIDE) + Cost(other_flops=1, bytes_read=WIDE)
        return elements * each + Cost(bytes_written=size, launches=10 if scaled else 8)
    if scaled:
        scaling = pass_cost(size, size) + 2 * pass_cost(size, size) + pass_cost(size, size) + SCALING
    blocks = -(-elements // WORDS_PER_BLOCK)
    chosen = pass_cost(size + MARK, size) + DRAW + scaling
    return blocks * (BLOCK + COMPARED) + elements * chosen + Cost(launches=BLOCK_LAUNCHES + 3 + 4 * scaled)


def _tiled(elements: int) -> int:
    """Return the number of bytes of the marks, which fill whole tiles."""
    return -(-elements // TILE) * TILE * MARK


def work(name: str, inputs: tuple, arguments: dict, engine: str = "numba") -> Work:
    """Return the cost of a call of a dropout operator, and the number of jobs the loops cut it into.

    The share of dropped segments is assumed to be the ratio.

    Raises:
        ValueError: there is no count for this engine with such inputs.
    """
    from workbench.sparse_dropout import kernels

    x, other = (*inputs, None)[:2]
    job = kernels.JOB
    if name.startswith("Sparse"):
        sizes = {"itemsize": x.itemsize, "lengths_itemsize": other.itemsize, "engine": engine}
        if name.startswith("SparseItemwise"):
            return Work(items_cost(x.size, other.size, **sizes), x.size, -(-x.size // job))
        ratio, segments = arguments.get("ratio", 0.0), other.size
        count = segments_cost(segments, round(ratio * segments), round((1 - ratio) * x.size), **sizes)
        return Work(count, x.size, -(-segments // kernels.loops_segments.CHUNK))
    scaled = arguments.get("scaled", False)
    if hasattr(x, "indptr"):
        if name != "DropoutWithReplacement":
            raise ValueError(f"{name} of a sparse matrix is not counted")
        sizes = {"itemsize": x.data.itemsize, "index_itemsize": x.indices.itemsize}
        count = stored_cost(x.nnz, x.indptr.size - 1, scaled=scaled, engine=engine, **sizes)
        return Work(count, x.nnz, -(-x.nnz // kernels.ENTRIES))
    sizes = {"scaled": scaled, "itemsize": x.itemsize, "engine": engine}
    if name == "DropoutWithReplacement":
        new = arguments.get("replacement", 0.0)
        of_features = isinstance(new, str) and arguments.get("per_feature", False)
        shape = x.shape[-1:] if of_features else getattr(new, "shape", ())
        return Work(cost("forward", x.shape, replacement_shape=shape, **sizes), x.size, -(-x.size // job))
    shape = arguments.get("replacement_shape", ())
    jobs = max(1, min(kernels.SUMS, x.size // (kernels.ROOM * max(1, math.prod(shape)))))
    return Work(cost("gradient", x.shape, replacement_shape=shape, **sizes), x.size, jobs, "float64")  # type of sums
