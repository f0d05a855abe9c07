"""Give access to the stored entries of a compressed sparse matrix and to their positions."""

import copy
import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Stored:
    """The entries of a `scipy.sparse` CSR or CSC matrix: entry k has value data[k], line majors[k], index minors[k].

    A line is a row of a CSR matrix or a column of a CSC matrix; `minors` are the indices within the line.
    """

    matrix: Any

    @property
    def count(self) -> int:
        return int(self.matrix.indptr[-1])

    @property
    def data(self) -> np.ndarray:
        return _native(self.matrix.data[: self.count])

    @property
    def dtype(self) -> np.dtype:
        return self.matrix.data.dtype.newbyteorder("=")

    @property
    def shape(self) -> tuple[int, int]:
        return self.matrix.shape

    @property
    def minors(self) -> np.ndarray:
        return _native(self.matrix.indices[: self.count])

    @property
    def bounds(self) -> np.ndarray:
        return _native(self.matrix.indptr)

    @property
    def majors(self) -> np.ndarray:
        lengths = np.diff(self.bounds).astype(np.intp)
        return np.repeat(np.arange(len(lengths)), lengths)

    def as_rows_and_columns(self, major: Any, minor: Any) -> tuple[Any, Any]:
        """Convert a pair (line, index in the line) to (row, column), or the other way round."""
        return (major, minor) if self.matrix.format == "csr" else (minor, major)

    def like(self, data: np.ndarray) -> Any:
        """Return a matrix of the same kind and format with `data` and copies of the index arrays.

        Copies are needed because SciPy changes index arrays in place, for example in `eliminate_zeros`.
        """
        matrix = copy.copy(self.matrix)
        matrix.data = data
        matrix.indices = self.matrix.indices[: self.count].copy()
        matrix.indptr = self.matrix.indptr.copy()
        return matrix


def _native(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))
