"""Compile with Numba, keeping the result on disk wherever that can be done."""

from collections.abc import Callable
from typing import Any

import numba


def compiler(**options: Any) -> Callable[[Callable], Callable]:
    """Return a decorator that compiles a function: it releases the interpreter's lock, and divides as NumPy does.

    Compiled code is kept beside the source or in the user's cache folder, for the next process to start at once. Where
    both are read-only it is compiled anew in every process.
    """

    def compiled(function: Callable) -> Callable:
        try:
            return numba.njit(function, nogil=True, error_model="numpy", cache=True, **options)
        except RuntimeError:  # Numba's way of saying that no folder can be written to
            return numba.njit(function, nogil=True, error_model="numpy", **options)

    return compiled
