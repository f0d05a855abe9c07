"""What dropout with replacement costs: the operations and the bytes of `loops`, each element counted once.

    dense      a word an element; reads x, writes y and a byte of `dropped`; scaled, a multiply-add and a multiplication
    gradient   reads dy and `dropped`, writes dx; a multiplication, and an addition for the replacement's gradient
    stored     a block of four words an entry, of which it uses one: its neighbours in the stream are not its neighbours
               in the matrix. Reads and writes the index arrays as well
    segments   a word a segment; what is dropped is not read
    items      a word a value, and the lengths copied

A comparison and a selection are not floating-point operations and count nothing. Words drawn to fill up a last tile
count nothing either.
"""

import math
from collections.abc import Sequence

from workbench.cost import Cost, checked_count
from workbench.philox import WORDS_PER_BLOCK

DIRECTIONS = ("forward", "gradient")
MARK = 1  # bytes of an element of `dropped`


def cost(
    direction: str,
    shape: Sequence[int],
    *,
    replacement_shape: Sequence[int] = (),
    scaled: bool = False,
    itemsize: int = 4,
) -> Cost:
    """Count the operations and the compulsory bytes of `dropout_with_replacement` or its gradient on a dense array.

    Args:
        direction: "forward" or "gradient".
        shape: of x.
        replacement_shape: of the replacement, () for one number.
        scaled: as in the call.
        itemsize: bytes of an element: 1, 2, 4 or 8.

    Raises:
        TypeError, ValueError: an argument is not what is said above.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r}: must be one of {', '.join(map(repr, DIRECTIONS))}")
    elements = math.prod(checked_count("shape", length) for length in shape)
    values = math.prod(checked_count("replacement_shape", length) for length in replacement_shape)
    size = _itemsize("itemsize", itemsize)
    if direction == "forward":
        each = Cost(random_words=1, bytes_read=size, bytes_written=size + MARK)
        scaling = Cost(other_flops=1, multiply_adds=1) if scaled else Cost()
        return elements * (each + scaling) + Cost(bytes_read=values * size)
    each = Cost(other_flops=2, bytes_read=size + MARK, bytes_written=size)
    return elements * each + Cost(bytes_written=values * size)


def stored_cost(entries: int, lines: int, *, scaled: bool = False, itemsize: int = 4, index_itemsize: int = 4) -> Cost:
    """Count `dropout_with_replacement` on the `entries` of a CSR (CSC) matrix of `lines` rows (columns)."""
    size, index = _itemsize("itemsize", itemsize), _itemsize("index_itemsize", index_itemsize)
    each = Cost(random_words=WORDS_PER_BLOCK, bytes_read=size + index, bytes_written=size + index + MARK)
    scaling = Cost(other_flops=1, multiply_adds=1) if scaled else Cost()
    bounds = (checked_count("lines", lines) + 1) * index
    return checked_count("entries", entries) * (each + scaling) + Cost(bytes_read=bounds, bytes_written=bounds)


def segments_cost(
    segments: int, dropped_segments: int, kept_values: int, *, itemsize: int = 8, lengths_itemsize: int = 4
) -> Cost:
    """Count `sparse_dropout_with_replacement`, which depends on what was dropped.

    `kept_values` are the values of the segments that were kept; each of `dropped_segments` becomes one value.
    """
    size, length = _itemsize("itemsize", itemsize), _itemsize("lengths_itemsize", lengths_itemsize)
    count, dropped = checked_count("segments", segments), checked_count("dropped_segments", dropped_segments)
    if dropped > count:
        raise ValueError(f"dropped_segments={dropped}: must be at most {count}, the segments")
    lengths = count * Cost(random_words=1, bytes_read=length, bytes_written=length)
    values = checked_count("kept_values", kept_values) * Cost(bytes_read=size, bytes_written=size)
    return lengths + values + dropped * Cost(bytes_written=size)


def items_cost(values: int, segments: int, *, itemsize: int = 8, lengths_itemsize: int = 4) -> Cost:
    """Count `sparse_itemwise_dropout_with_replacement`."""
    size, length = _itemsize("itemsize", itemsize), _itemsize("lengths_itemsize", lengths_itemsize)
    each = Cost(random_words=1, bytes_read=size, bytes_written=size)
    return checked_count("values", values) * each + checked_count("segments", segments) * Cost(
        bytes_read=length, bytes_written=length
    )


def _itemsize(name: str, value: int) -> int:
    if value not in (1, 2, 4, 8):
        raise ValueError(f"{name}={value!r}: must be 1, 2, 4 or 8, the bytes of a number")
    return value
