"""Load Numba with everything that a first call needs, in less time than that call would take for it.

Importing this module changes one thing that Numba does: it does not tell `coverage` which lines it has compiled, unless
that is loaded before. If a later Numba loads in another way, only time is lost.
"""

import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Let a package that is not loaded seem absent within the block."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


_collecting = gc.isenabled()
gc.disable()  # there are hundreds of thousands of new objects, all needed: looking for garbage among them takes long
try:
    with _hidden("coverage"):  # nobody measures it now, and to load it takes long
        import numba  # noqa: F401
    from numba.core.compiler_lock import global_compiler_lock

    with global_compiler_lock, contextlib.suppress(ImportError, AttributeError):
        from numba.core.registry import cpu_target
        from numba.np import linalg

        # Numba would import all of SciPy's linear algebra only to know that it is there. It looks
        # again whenever it compiles a function that needs it.
        check, linalg.ensure_blas = linalg.ensure_blas, lambda: None
        try:
            from numba.np import arraymath
        finally:
            linalg.ensure_blas = check
        arraymath.ensure_blas = check
        cpu_target.target_context.refresh()
finally:
    if _collecting:
        gc.freeze()
        gc.unfreeze()  # together: the new objects count as old ones, which are seldom looked through
        gc.enable()
