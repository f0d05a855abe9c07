"""Windows that slide over rows and columns: how many there are, and what they cover."""

import dataclasses
from collections.abc import Sequence

from workbench.cost.record import checked_count, checked_shape


@dataclasses.dataclass(frozen=True)
class Windows:
    """Describe the windows over one plane: `size` elements each, `count` = `rows` x `columns` windows.

    `inside` adds up, over all windows, the elements that lie in the plane; the others lie on padding or beyond.
    """

    size: int
    rows: int
    columns: int
    inside: int

    @property
    def count(self) -> int:
        """Return the number of windows."""
        return self.rows * self.columns


def checked_pair(name: str, value: int | Sequence[int], least: int) -> tuple[int, int]:
    """Return a number for the rows and one for the columns, from two ints or from one that serves both."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{name}={value!r}: must be an int, or two, for the rows and for the columns")
        rows, columns = (checked_count(f"{name}[{axis}]", number, least) for axis, number in enumerate(value))
        return rows, columns
    number = checked_count(name, value, least)
    return number, number


def checked_windows(
    shape: Sequence[int],
    kernel: int | Sequence[int],
    stride: int | Sequence[int],
    padding: int | Sequence[int],
    ceil: bool = False,
) -> Windows:
    """Return the windows over the planes of (batch, channels, rows, columns), or raise TypeError or ValueError.

    Along an axis, floor((length + 2 padding - kernel) / stride) + 1 windows; with `ceil` the quotient is rounded up, as
    Caffe's pooling does, and a window that would begin beyond the plane is left out, as in PyTorch.
    """
    planes = checked_shape("shape", shape, 4)[2:]
    kernels, strides = checked_pair("kernel", kernel, 1), checked_pair("stride", stride, 1)
    paddings = checked_pair("padding", padding, 0)
    padded = tuple(length + 2 * border for length, border in zip(planes, paddings, strict=True))
    if any(width > length for width, length in zip(kernels, padded, strict=True)):
        raise ValueError(
            f"kernel={kernel}: must be at most {padded}, the rows and columns of shape={tuple(shape)} "
            f"with padding={padding}"
        )
    axes = zip(planes, kernels, strides, paddings, strict=True)
    (rows, rows_inside), (columns, columns_inside) = (_windows_along(*axis, ceil) for axis in axes)
    return Windows(kernels[0] * kernels[1], rows, columns, rows_inside * columns_inside)


def _windows_along(length: int, kernel: int, stride: int, padding: int, ceil: bool) -> tuple[int, int]:
    """Return how many windows there are along an axis, and how many elements of it they hold together."""
    room = length + 2 * padding - kernel
    starts = range(-padding, room - padding + 1, stride)
    if ceil and room % stride and starts[-1] + stride < length:
        starts = range(-padding, starts[-1] + stride + 1, stride)
    ends = (min(start + kernel, length) for start in starts)
    return len(starts), sum(max(end - max(start, 0), 0) for start, end in zip(starts, ends, strict=True))
