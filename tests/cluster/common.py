"""Helpers that several tests of this folder share."""

import dask.array as da
import numpy as np

ENGINES = ["reference", "numba"]


def _uneven(n):
    sizes = []
    for size in (2, 1, 4, 3):
        sizes.append(min(size, n - sum(sizes)))
    return (*sizes, n - sum(sizes))


# How an axis of length n is cut.
AXES = {
    "whole": lambda n: (n,),
    "ones": lambda n: (1,) * n or (0,),
    "uneven": lambda n: tuple(size for size in _uneven(n) if size) or (0,),
    "long and short": lambda n: (max(n - 1, 0), min(n, 1)),
    "with empty chunks": lambda n: (0, n // 2, 0, n - n // 2, 0),
}

# How an array is cut: its first axis, those between, and its last one.
CUTS = {
    "whole": ("whole", "whole", "whole"),
    "rows": ("ones", "whole", "whole"),
    "columns": ("whole", "whole", "ones"),
    "uneven": ("uneven", "uneven", "uneven"),
    "long and short": ("long and short", "long and short", "long and short"),
    "with empty chunks": ("with empty chunks", "whole", "with empty chunks"),
}


def cut(x, name):
    """Return x as a dask array, cut as named."""
    first, between, last = CUTS[name]
    names = [first, *[between] * (x.ndim - 2), last]
    return cut_axes(x, *names[len(names) - x.ndim :])


def cut_axes(x, *names):
    """Return x as a dask array, each axis cut as named."""
    return da.from_array(x, chunks=tuple(AXES[name](n) for name, n in zip(names, x.shape, strict=True)))


def locked(x):
    """Return a dask array whose blocks refuse to be written to."""

    def lock(block):
        block = block.copy()
        block.flags.writeable = False
        return block

    return x.map_blocks(lock, dtype=x.dtype)


def unreadable(shape, dtype, chunks):
    """Return a dask array that raises AssertionError when it is computed."""

    def fail(block):
        raise AssertionError("a block was computed")

    return da.zeros(shape, dtype, chunks=chunks).map_blocks(fail, dtype=dtype, meta=np.empty((0,) * len(shape), dtype))


def rng(seed=0):
    return np.random.default_rng(seed)
