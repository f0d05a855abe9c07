"""Square windows over the planes of images, and the matrices whose rows hold the windows' elements."""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from workbench.cost.record import checked_count
from workbench.training.layers import loops_windows
from workbench.training.layers.layer import Layer, Shape

MATRIX_BYTES = 1 << 18  # of each world; matrices of a few worlds then fit in the second-level cache


class WindowLayer(Layer):
    """A layer with windows of `size` x `size` pixels, `stride` apart, over images with `padding` beyond each edge."""

    size: int
    stride: int
    padding: int

    def check_windows(self) -> None:
        """Raise TypeError or ValueError unless size, stride and padding are whole numbers, at least 1, 1 and 0."""
        for name, least in (("size", 1), ("stride", 1), ("padding", 0)):
            checked_count(name, getattr(self, name), least)

    def windows(self, shape: Shape) -> "Windows":
        """Return the windows over images of shape (channels, rows, columns).

        Raises:
            ValueError: the shape has other axes, or a window is larger than the padded image.
        """
        if len(shape) != 3:
            raise ValueError(f"{type(self).__name__} takes images (channels, rows, columns), got shape {tuple(shape)}")
        if self.size > min(shape[1:]) + 2 * self.padding:
            image = f"an image of {shape[1]} x {shape[2]} with padding={self.padding}"
            raise ValueError(f"{type(self).__name__}: size={self.size} is larger than {image}; give a smaller size")
        return _windows(*shape[1:], self.size, self.stride, self.padding)


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Where windows lie over a plane of `width` columns: in `rows` lines of `columns` windows, `stride` pixels apart.

    `moves` (size * size, 6) tells for each tap, an element of the window: the first window that has it inside the
    plane, and the pixel there; the number of lines with such windows, and of such windows in a line; and in a line, the
    first of them and the last + 1.
    """

    rows: int
    columns: int
    width: int
    stride: int
    moves: np.ndarray

    def matrices(self, x: np.ndarray, *, ones: bool = False, back: bool = False) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield some examples of x at a time: their slice, and their matrices (worlds, examples, rows, windows).

        Row channel * size * size + tap holds an element of every window; with `ones`, a last row holds ones. With
        `back`, the caller fills the matrices, and each element is added to x, where it comes from otherwise. The number
        of examples depends on the shape of one world alone, so that the rounding of sums over them does, too.
        """
        worlds, batch, channels = x.shape[:3]
        rows, windows = channels * len(self.moves), self.rows * self.columns
        some = max(1, min(batch, MATRIX_BYTES // (rows * windows * x.itemsize)))
        matrix = np.zeros((worlds, some, rows + ones, windows), x.dtype)
        matrix[:, :, rows:] = 1
        planes = np.require(x.reshape(worlds, batch, channels, -1), requirements=["C", "W"])
        for first in range(0, batch, some):
            count = min(some, batch - first)
            move = (planes, first, count, matrix, self.moves, self.width, self.columns, self.stride, back)
            if not back:
                loops_windows.move_windows(*move)
            yield slice(first, first + count), matrix[:, :count]
            if back:
                loops_windows.move_windows(*move)


@functools.lru_cache
def _windows(height: int, width: int, size: int, stride: int, padding: int) -> Windows:
    rows, columns = ((length + 2 * padding - size) // stride + 1 for length in (height, width))
    down, across = (each - padding for each in np.divmod(np.arange(size * size), size))
    top, bottom = _inside(down, rows, height, stride)
    left, right = _inside(across, columns, width, stride)
    pixel = (top * stride + down) * width + left * stride + across
    moves = np.stack([top * columns + left, pixel, bottom - top, right - left, left, right], axis=1)
    return Windows(rows, columns, width, stride, moves)


def _inside(shift: np.ndarray, count: int, length: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first of `count` places with 0 <= place * stride + shift < length, and the last such place + 1."""
    first = np.clip(-(shift // stride), 0, count)
    return first, np.maximum(first, np.minimum(count, (length - 1 - shift) // stride + 1))
