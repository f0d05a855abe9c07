"""Arrays in memory-mapped files as dask arrays, read block by block."""

import dataclasses
import mmap

import dask.array as da
import numpy as np


def from_memmap(x: np.memmap, chunks: int | str | tuple | dict = "auto") -> da.Array:
    """Return a dask array whose blocks are read from the file when they are needed.

    `dask.array.from_array` would copy the whole file into memory, and send it to other processes; here each process
    opens the file itself, under the same path.

    Args:
        x: as `np.memmap` or `np.load(path, mmap_mode="r")` return it. Slice the result rather than x.
        chunks: as for `dask.array.from_array`.

    Raises:
        ValueError: x is a part of a file, has no file of its own name, or may differ from it (mode "c").
    """
    if not isinstance(x.base, mmap.mmap) or x.filename is None or x.mode == "c":
        raise ValueError(
            "a memory-mapped array must be a file as a whole, with a name and not in mode 'c'; "
            "take parts of the dask array, as with cluster.from_memmap(x)[:10]"
        )
    file = _File(str(x.filename), x.dtype, x.shape, x.offset, "C" if x.flags.c_contiguous else "F")
    return da.from_array(file, chunks=chunks, name=False, meta=np.empty((0,) * x.ndim, x.dtype))


@dataclasses.dataclass(frozen=True)
class _File:
    """What it takes to map a file anew, wherever a block of it is read."""

    path: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    order: str

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, place: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(np.memmap(self.path, self.dtype, "r", self.offset, self.shape, self.order)[place])
