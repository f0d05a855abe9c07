"""Compile kernels in the background before the sliders of a figure need them, so that no slider waits for a compiler.

A child process of low priority draws the figure with other values and discards it; what this compiles stays in Numba's
cache on disk, where the calling process and all later ones find it. Nothing is compiled in the calling process, which
the compiler would hold up.
"""

import contextlib
import functools
import hashlib
import inspect
import itertools
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.operator import Arg, Operator

NICE = 19  # the lowest priority, so that the process takes only time that nothing else wants

_one_at_a_time = threading.Lock()


def compile_ahead(
    plot: Callable, operator: Operator, args: Sequence[Arg], values: Mapping[str, Any]
) -> threading.Thread | None:
    """Compile in a background process what `plot` needs when its sliders move; return at once.

    The process calls `plot` with each combination of the choices and switches among `args`, and with the other
    arguments moved one at a time, to the ends of their sliders and to their values in the operator's examples. It is
    started once for each plot function and state of the sources; processes of several calls run one after another.
    It ends early when the calling process has ended. Errors of `plot` are ignored, and so is a plot function that
    another process cannot import, such as one defined in a notebook. In a report run, where nobody moves a slider,
    nothing is done.

    Args:
        plot: a plot function that can be imported from a module.
        operator: the operator whose examples give values.
        args: declarations of the arguments that sliders move, with the ranges of the sliders.
        values: all other arguments of `plot`, such as data, and the current values of the sliders.

    Returns:
        The thread that waits for the process, or None if everything is compiled or cannot be kept on disk.
    """
    folder = _folder()
    if folder is None or "WORKBENCH_FIGURES" in os.environ:
        return None
    stamp = Path(folder, f"ahead-{plot.__module__}.{plot.__qualname__}")
    state = _state(plot.__module__.partition(".")[0])
    if _read(stamp) == state:
        return None
    try:
        work = pickle.dumps((plot, [dict(values) | each for each in reach(operator, args)], stamp, state, os.getpid()))
        thread = threading.Thread(target=_run, args=(work,), name="workbench-ahead", daemon=True)
        thread.start()
    except (pickle.PicklingError, AttributeError, TypeError, RuntimeError):  # not importable, or no thread to be had
        return None
    return thread


def reach(operator: Operator, args: Sequence[Arg]) -> Iterator[dict[str, Any]]:
    """Yield the values to try: all choices and switches, each with one other argument moved at a time."""
    examples = [arguments for _, arguments in operator.examples(np.random.default_rng(0))] if operator.examples else []
    chosen = [arg for arg in args if arg.type in (str, bool)]
    moved = [(arg.name, value) for arg in args if arg not in chosen for value in _numbers(arg, examples)]
    for choices in itertools.product(*(arg.choices or (False, True) for arg in chosen)):
        fixed = dict(zip([arg.name for arg in chosen], choices, strict=True))
        yield fixed
        yield from (fixed | {name: value} for name, value in moved)


def _numbers(arg: Arg, examples: list[dict[str, Any]]) -> list[Any]:
    """Return the ends of an argument's slider and its values in the examples between them."""
    ends = [end for end in arg.slider or (arg.low, arg.high) if end is not None]
    declared = [each[arg.name] for each in examples if arg.name in each and np.isscalar(each[arg.name])]
    inside = [value for value in declared if min(ends, default=value) <= value <= max(ends, default=value)]
    return sorted({arg.type(value) for value in (*ends, *inside)}) if arg.type in (int, float) else []


def _folder() -> str | None:
    """Return a folder that keeps compiled code, or None if none can be written to."""
    from workbench.compiling import compiler

    return getattr(getattr(compiler()(_read), "_cache", None), "cache_path", None)


def _run(work: bytes) -> None:
    path = os.pathsep.join(filter(None, sys.path))
    with _one_at_a_time, contextlib.suppress(OSError):
        child = subprocess.Popen(
            [sys.executable, "-m", "workbench.ahead"],
            env={**os.environ, "PYTHONPATH": path, "WORKBENCH_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
        child.communicate(work)


def _main() -> None:
    """Do the work that stands in standard input: draw each figure, then leave the stamp that says so."""
    plot, calls, stamp, state, parent = pickle.load(sys.stdin.buffer)
    for call in calls:
        with contextlib.suppress(Exception):  # such as values that the operator refuses
            plot(**call)
        if os.getppid() != parent:
            return
    stamp.write_text(state)


@functools.cache
def _state(package: str) -> str:
    """Return a digest of the versions and of the sources' sizes and times, by which Numba finds its caches outdated."""
    import llvmlite
    import numba

    folder = Path(inspect.getfile(sys.modules[package])).parent
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(repr((sys.version, numba.__version__, llvmlite.__version__, files)).encode()).hexdigest()


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    _main()
