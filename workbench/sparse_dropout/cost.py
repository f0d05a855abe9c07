"""What dropout with replacement costs: the operations and the bytes of `loops`, each element counted once.

    dense      a word an element, a comparison and a choice; reads x, writes y and a byte of `dropped`; scaled, a
               multiply-add and a multiplication
    gradient   reads dy and `dropped`, writes dx; a multiplication, an addition for the replacement's gradient, and
               three choices: dx, and what is added to the sums of the dropped and of the kept
    stored     a block of four words an entry, of which it uses one: its neighbours in the stream are not its neighbours
               in the matrix. A comparison, and four choices. Reads and writes the index arrays as well
    segments   a word a segment, a comparison and a choice; what is dropped is not read
    items      a word a value, a comparison and a choice, and the lengths copied

A comparison and a choice are not floating-point operations; they are counted apart. Words drawn to fill up a last tile
count nothing. With an engine, what it does besides: temporaries, copies, checks of the lengths.
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
WIDE = 8  # bytes of a number in float64, and of a counter

DRAW = Cost(random_words=1, comparisons=2)
SCALING = Cost(multiply_adds=1, other_flops=1)

# A block of four words in NumPy: in each round two products, two halves, two shifts and four XORs; before, the counter
# made and halved; after, the words narrowed and put in order. Every one reads and writes arrays of counters.
ROUND = Cost(bytes_read=12 * WIDE, bytes_written=10 * WIDE, bytes_allocated=10 * WIDE)
BLOCK_BEFORE = Cost(bytes_read=2 * WIDE, bytes_written=4 * WIDE, bytes_allocated=4 * WIDE)
BLOCK_AFTER = Cost(bytes_read=4 * WIDE + 16, bytes_written=32, bytes_allocated=32)
BLOCK = BLOCK_BEFORE + ROUNDS * ROUND + BLOCK_AFTER
BLOCK_LAUNCHES = 4 + 10 * ROUNDS + 5
# Four words as numbers in [0, 1), and compared with the ratio.
COMPARED = Cost(bytes_read=4 * (4 + WIDE), bytes_written=4 * (WIDE + MARK), bytes_allocated=4 * (WIDE + MARK))
# The lengths of segments, each compared with two bounds, both put together, asked for any, and added up.
LENGTHS_CHECKED = Cost(bytes_read=3, bytes_written=3, bytes_allocated=3, comparisons=2)
LENGTHS_READ = 3


def cost(
    direction: str,
    shape: Sequence[int],
    *,
    replacement_shape: Sequence[int] = (),
    scaled: bool = False,
    itemsize: int = 4,
    engine: str | None = None,
) -> Cost:
    """Count the operations and the bytes of `dropout_with_replacement` or its gradient on a dense array.

    Args:
        direction: "forward" or "gradient".
        shape: of x.
        replacement_shape: of the replacement, () for one number.
        scaled: as in the call.
        itemsize: bytes of an element: 1, 2, 4 or 8.
        engine: None counts the compulsory bytes; "numba" and "reference" count all that the engine does, temporaries
            and what starts it included (of the reference the replacement being one number).

    Raises:
        TypeError: a length of a shape is no int.
        ValueError: a length is negative, or `direction`, `itemsize` or `engine` is not one of those above.
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
    """Count `dropout_with_replacement` on the `entries` of a CSR (CSC) matrix of `lines` rows (columns).

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
    # The places are compared with their bounds, and each with the one before; and copied once more, for `dropped`.
    checked = Cost(comparisons=3, bytes_read=4 * index + 1, bytes_written=1)
    copied = Cost(bytes_read=index, bytes_written=index)
    near = Cost(bytes_cached=4 * WIDE + 2 * MARK)  # where an entry is and which value it takes, and its mark
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
    """Count `sparse_dropout_with_replacement`, which depends on what was dropped.

    `kept_values` are the values of the segments that were kept; each of `dropped_segments` becomes one value. `engine`
    is None or "numba": the reference handles segments one by one in Python, which is not counted.
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
        comparisons=2 * count,  # a length that is negative, or too large
        mispredictions=min(dropped, count - dropped)
        + 2 * dropped,  # kept or not; where a stretch ends, and its remainder
        bytes_read=count * (2 * length + MARK),  # the lengths copied, and read again where the values are; the marks
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
    checked = count * (LENGTHS_CHECKED + Cost(bytes_read=LENGTHS_READ * length, bytes_allocated=length))
    drawn = _of_loops("forward", elements, 1, size, scaled=False) + Cost(bytes_written=elements * MARK)
    return total + checked + drawn


def _of_loops(direction: str, elements: int, values: int, size: int, scaled: bool) -> Cost:
    """Count what the loops move within the caches, and the arrays and the run around them.

    Forward, marks and the replacement are read from L1; in the gradient dy and the marks are, for the sums. Numbers of
    two bytes are widened before they are scaled or carried back, and narrowed after.
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
        # dy converted, multiplied, converted; chosen; dy in float64; chosen; added up.
        passes = (size, size), (size, size), (size, size), (size + MARK, size), (size, WIDE), (WIDE + MARK, WIDE)
        each = sum((pass_cost(*each) for each in passes), Cost(other_flops=2, comparisons=2, bytes_read=WIDE))
        if scaled:  # the kept elements' share, in float64
            each += pass_cost(size, WIDE) + pass_cost(WIDE, WIDE) + Cost(other_flops=1, bytes_read=WIDE)
        return elements * each + Cost(bytes_written=size, launches=10 if scaled else 8)
    if scaled:
        scaling = pass_cost(size, size) + 2 * pass_cost(size, size) + pass_cost(size, size) + SCALING
    blocks = -(-elements // WORDS_PER_BLOCK)
    chosen = pass_cost(size + MARK, size) + DRAW + scaling
    return blocks * (BLOCK + COMPARED) + elements * chosen + Cost(launches=BLOCK_LAUNCHES + 3 + 4 * scaled)


def _tiled(elements: int) -> int:
    """Return the bytes of the marks, which fill whole tiles."""
    return -(-elements // TILE) * TILE * MARK


def work(name: str, inputs: tuple, arguments: dict, engine: str = "numba") -> Work:
    """Return what a call of a dropout operator costs, and into how many jobs the loops cut it.

    The share that is dropped is taken to be the ratio.

    Raises:
        ValueError: the engine's work on such inputs is not counted.
    """
    from workbench.sparse_dropout import kernels

    x, other = (*inputs, None)[:2]
    tile = kernels.TILES * TILE
    if name.startswith("Sparse"):
        sizes = {"itemsize": x.itemsize, "lengths_itemsize": other.itemsize, "engine": engine}
        if name.startswith("SparseItemwise"):
            return Work(items_cost(x.size, other.size, **sizes), x.size, -(-x.size // tile))
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
        return Work(cost("forward", x.shape, replacement_shape=shape, **sizes), x.size, -(-x.size // tile))
    shape = arguments.get("replacement_shape", ())
    jobs = max(1, min(kernels.SUMS, x.size // (kernels.ROOM * max(1, math.prod(shape)))))
    return Work(cost("gradient", x.shape, replacement_shape=shape, **sizes), x.size, jobs, "float64")  # of its sums
