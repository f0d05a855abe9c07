"""Forms in which a matrix of weights (out, in) can be stored, each with its bytes and its product with a batch.

    Dense       all weights, zeros included
    Csr         the weights that are not zero, row by row, and the column of each: int32, or int16 for narrow matrices
    Bitmap      the weights that are not zero, and a bit for every place; with int8=True, weights rounded to one byte
    RowPruned   the rows that are not all zero, as a smaller dense matrix, and their numbers

The product with x (batch, in) is y (batch, out), y[n, o] = sum of w[o, i] x[n, i] over the weights that are stored.
What is not stored takes no part: an infinity or NaN in x does not reach an output through it. A zero that is stored
does take part, as in NumPy's product, and 0 times infinity is NaN: all zeros of Dense are stored, and those in the
rows that RowPruned keeps. NaN and infinite weights are stored like others, but cannot be rounded to a byte.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from workbench.arrays import WIDE_FLOATS, check_axes, check_sound, is_sparse, native_array
from workbench.operator import checked_choice

ENGINES = ("numba", "reference")
INDEX_TYPES = ("int32", "int16")
LARGEST = 127  # of a weight that is rounded to a byte
WORDS: Mapping[Any, np.dtype] = {  # a bit for each lane
    np.dtype(np.float32): np.dtype(np.uint16),
    np.dtype(np.float64): np.dtype(np.uint8),
}
MOST = np.iinfo(np.int32).max  # stored weights


class Form:
    """Base class of the forms. `shape` is (out, in), and `dtype` that of inputs and results."""

    shape: tuple[int, int]

    @classmethod
    def from_dense(cls, w: Any) -> Self:
        """Return the weights w (out, in), float32 or float64, in any memory layout, in this form; w is copied.

        Raises:
            TypeError: w has another element type, or is masked or a sparse matrix.
            ValueError: w has not two axes, or the form cannot hold it.
        """
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype:
        return self.arrays()[0].dtype

    @property
    def nbytes(self) -> int:
        """Return the bytes of all arrays of the form."""
        return sum(array.nbytes for array in self.arrays())

    @property
    def stored(self) -> int:
        """Return the number of stored weights."""
        return self.arrays()[0].size

    def to_dense(self) -> np.ndarray:
        """Return the weights as a new array (out, in), 0 where none is stored."""
        raise NotImplementedError

    def mask(self) -> np.ndarray:
        """Return where a weight is stored, bool, shape (out, in)."""
        raise NotImplementedError

    def product(self, x: Any, *, engine: str = "numba") -> np.ndarray:
        """Return y (batch, out) for x (batch, in): the sums over stored weights, a new array of x's type.

        Args:
            x: of the weights' type, in any memory layout.
            engine: "numba" or "reference". Dense and RowPruned use NumPy's product of matrices in both; its threads
                are those of the linear algebra library.

        Raises:
            TypeError: x has another type than the weights, or is masked or a sparse matrix.
            ValueError: x has not the axes (batch, in), or `engine` is unknown.
        """
        checked_choice("engine", engine, ENGINES)
        x = _checked("x", x, "(batch, in)")
        if x.dtype != self.dtype:
            raise TypeError(f"x has dtype {x.dtype}: must be {self.dtype}, as the weights; convert it")
        if x.shape[1] != self.shape[1]:
            raise ValueError(f"x has shape {x.shape}: must be (batch, {self.shape[1]}), for weights {self.shape}")
        if engine == "reference":
            return stored_sums(self.to_dense(), self.mask(), x)
        with np.errstate(all="ignore"):  # as compiled loops, which do not warn
            return self._product(x)

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the arrays that are stored, the weights first."""
        raise NotImplementedError

    def _product(self, x: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, eq=False)
class Dense(Form):
    """All weights, in an array (out, in)."""

    values: np.ndarray

    @classmethod
    def from_dense(cls, w: Any) -> Self:
        return cls(np.array(_checked("w", w, "(out, in)"), order="C"))

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        return len(self.values), self.values.shape[1]

    def to_dense(self) -> np.ndarray:
        return self.values.copy()

    def mask(self) -> np.ndarray:
        return np.ones(self.shape, bool)

    def arrays(self) -> tuple[np.ndarray, ...]:
        return (self.values,)

    def _product(self, x: np.ndarray) -> np.ndarray:
        return x @ self.values.T


@dataclasses.dataclass(frozen=True, eq=False)
class Csr(Form):
    """Weights `data` (stored,), row by row, with columns `indices` (stored,) and row starts `indptr` (out + 1,).

    The names are SciPy's. Columns rise within a row.

    Raises:
        ValueError: the arrays do not describe a matrix of this shape, or a row names a column twice.
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]
    format: ClassVar[str] = "csr"

    def __post_init__(self) -> None:
        check_sound("Csr", self)
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        if np.any((np.diff(rows) == 0) & (np.diff(self.indices) <= 0)):
            raise ValueError("Csr: the columns of a row must rise; make it with Csr.from_dense")

    @classmethod
    def from_dense(cls, w: Any, index_type: str = "int32") -> Self:
        """Return w in this form; arguments and errors as for `Form.from_dense`.

        Raises:
            ValueError: `index_type` is not "int32" or "int16", or cannot hold the number of the last column.
        """
        w = _checked("w", w, "(out, in)")
        most = np.iinfo(checked_choice("index_type", index_type, INDEX_TYPES)).max
        if w.shape[1] - 1 > most:
            raise ValueError(
                f"index_type={index_type!r}: holds columns up to {most}, and w has {w.shape[1]} columns; use 'int32'"
            )
        there = w != 0
        return cls(w[there], np.nonzero(there)[1].astype(index_type), _starts(there), w.shape)

    def to_dense(self) -> np.ndarray:
        return _scattered(self.data, self.mask())

    def mask(self) -> np.ndarray:
        there = np.zeros(self.shape, bool)
        there[np.repeat(np.arange(self.shape[0]), np.diff(self.indptr)), self.indices] = True
        return there

    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.data, self.indices, self.indptr

    def _product(self, x: np.ndarray) -> np.ndarray:
        from workbench.sparse_inference import kernels

        return kernels.csr((*self.arrays(), np.empty(0, x.dtype)), x)


@dataclasses.dataclass(frozen=True, eq=False)
class Bitmap(Form):
    """Weights `values` (stored,), row by row, a bit for every place in `bitmap` (out, words), and `starts` (out + 1,).

    Bit j of word k of a row stands for column k * (bits of a word) + j. With values of type int8, a weight is
    `values` times `scales` (out,), the largest weight of its row over 127; otherwise `scales` is empty.

    Raises:
        ValueError: the arrays do not describe a matrix of this shape.
    """

    values: np.ndarray
    bitmap: np.ndarray
    starts: np.ndarray
    scales: np.ndarray
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        rows, columns = self.shape
        width = 8 * self.bitmap.itemsize
        sizes = {
            "values": (self.values, (int(self.starts[-1]),)),
            "bitmap": (self.bitmap, (rows, -(-columns // width))),
            "starts": (self.starts, (rows + 1,)),
            "scales": (self.scales, (rows if self.values.dtype == np.int8 else 0,)),
        }
        for name, (array, shape) in sizes.items():
            if array.shape != shape:
                raise ValueError(f"Bitmap: {name} has shape {array.shape}, must be {shape}; use Bitmap.from_dense")
        counts = np.bitwise_count(self.bitmap).sum(axis=1, dtype=np.int64)
        if self.bitmap.dtype != WORDS[self.dtype] or np.any(np.diff(self.starts, prepend=0)[1:] != counts):
            raise ValueError("Bitmap: its bits do not fit its row starts; use Bitmap.from_dense")
        if self._bits()[:, columns:].any():
            raise ValueError(f"Bitmap: bits are set beyond the last of {columns} columns; use Bitmap.from_dense")

    @classmethod
    def from_dense(cls, w: Any, int8: bool = False) -> Self:
        """Return w in this form, its weights rounded to whole multiples of a scale of their row if `int8`.

        A weight that is rounded to 0 is not stored. Arguments and errors are those of `Form.from_dense`.

        Raises:
            ValueError: `int8`, and a weight is NaN or infinite.
        """
        w = _checked("w", w, "(out, in)")
        word = WORDS[w.dtype]
        values, scales = _rounded(w) if int8 else (w, np.empty(0, w.dtype))
        there = values != 0
        width = 8 * word.itemsize
        padded = np.zeros((len(w), -(-w.shape[1] // width) * width), bool)
        padded[:, : w.shape[1]] = there
        words = np.packbits(padded, axis=1, bitorder="little").view(word.newbyteorder("<")).astype(word)
        return cls(values[there], words, _starts(there), scales, w.shape)

    @property
    def dtype(self) -> np.dtype:
        return self.scales.dtype if self.values.dtype == np.int8 else self.values.dtype

    def to_dense(self) -> np.ndarray:
        w = _scattered(self.values.astype(self.dtype), self.mask())
        return w * self.scales[:, None] if self.scales.size else w

    def mask(self) -> np.ndarray:
        return self._bits()[:, : self.shape[1]]

    def _bits(self) -> np.ndarray:
        little = self.bitmap.astype(self.bitmap.dtype.newbyteorder("<"))
        flat = np.ascontiguousarray(little).view(np.uint8).reshape(len(little), little.shape[1] * little.itemsize)
        return np.unpackbits(flat, axis=1, bitorder="little").view(bool)

    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.values, self.bitmap, self.starts, self.scales

    def _product(self, x: np.ndarray) -> np.ndarray:
        from workbench.sparse_inference import kernels

        return kernels.bitmap(self.arrays(), x)


@dataclasses.dataclass(frozen=True, eq=False)
class RowPruned(Form):
    """The rows of the weights that are not all zero, `values` (kept, in), and their numbers `rows` (kept,), rising.

    Raises:
        ValueError: `rows` does not name a row of the shape for each row of `values`, in rising order.
    """

    values: np.ndarray
    rows: np.ndarray
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        fits = self.values.shape == (self.rows.size, self.shape[1]) and np.all(np.diff(self.rows) > 0)
        if not fits or np.any((self.rows < 0) | (self.rows >= self.shape[0])):
            raise ValueError("RowPruned: its row numbers do not fit its rows and shape; use RowPruned.from_dense")

    @classmethod
    def from_dense(cls, w: Any) -> Self:
        w = _checked("w", w, "(out, in)")
        kept = np.flatnonzero((w != 0).any(axis=1)).astype(np.int32)
        return cls(np.ascontiguousarray(w[kept]), kept, w.shape)

    def to_dense(self) -> np.ndarray:
        w = np.zeros(self.shape, self.dtype)
        w[self.rows] = self.values
        return w

    def mask(self) -> np.ndarray:
        there = np.zeros(self.shape, bool)
        there[self.rows] = True
        return there

    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.values, self.rows

    def _product(self, x: np.ndarray) -> np.ndarray:
        y = np.zeros((len(x), self.shape[0]), x.dtype)
        y[:, self.rows] = x @ self.values.T
        return y


FORMS: Mapping[str, Callable[[Any], Form]] = {
    "dense": Dense.from_dense,
    "CSR, int32": Csr.from_dense,
    "CSR, int16": functools.partial(Csr.from_dense, index_type="int16"),
    "bitmap": Bitmap.from_dense,
    "bitmap, int8": functools.partial(Bitmap.from_dense, int8=True),
    "rows": RowPruned.from_dense,
}


def stored_sums(w: np.ndarray, mask: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return y[n, o] = sum of w[o, i] x[n, i] over all i with mask[o, i], shape (batch, out): what a product means."""
    with np.errstate(all="ignore"):
        if np.isfinite(x).all():
            return x @ np.where(mask, w, 0).T
        y = np.empty((len(x), len(w)), x.dtype)
        for o, there in enumerate(mask):
            y[:, o] = x[:, there] @ w[o, there]
    return y


def _checked(name: str, array: Any, axes: str) -> np.ndarray:
    if is_sparse(array):
        raise TypeError(f"{name} is a sparse matrix: must be an array; convert it, as with {name}.toarray()")
    array = native_array(name, array, WIDE_FLOATS)
    check_axes(name, array, axes)
    return array


def _starts(there: np.ndarray) -> np.ndarray:
    """Return where each row's weights start, int32, and the end of the last."""
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=1, dtype=np.int64))])
    if starts[-1] > MOST:
        raise ValueError(f"w has {starts[-1]} weights that are not zero: must have at most {MOST}; split it by rows")
    return starts.astype(np.int32)


def _scattered(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    w = np.zeros(mask.shape, values.dtype)
    w[mask] = values
    return w


def _rounded(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return w as whole numbers from -127 to 127, int8, and the scale of each row, in w's type."""
    if not np.isfinite(w).all():
        place = tuple(map(int, np.argwhere(~np.isfinite(w))[0]))
        raise ValueError(f"w[{place[0]}, {place[1]}]={w[place]}: must be finite to be rounded to a byte")
    least = float(np.finfo(w.dtype).tiny)
    largest = np.abs(w, dtype=np.float64).max(axis=1, initial=0.0)
    scales = np.maximum(largest / LARGEST, least).astype(w.dtype)
    return np.clip(np.rint(w / scales[:, None].astype(np.float64)), -LARGEST, LARGEST).astype(np.int8), scales
