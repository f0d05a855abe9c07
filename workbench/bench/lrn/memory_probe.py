"""Print the peak memory of one call beyond its input and result, as a fraction of its input.

Run as `python -m workbench.bench.lrn.memory_probe forward NCHW`, in a process of its own: the system keeps one peak.
"""

import sys
from pathlib import Path

import numpy as np

from workbench.bench.lrn.cases import Arrays, Case, ours

WARM_UP = (2, 64, 32, 64)  # enough elements for the threads to start
SHAPE = (8, 64, 128, 192)  # 50 MB


def extra_memory(case: Case, layout: str) -> float:
    """Return (peak - what was in use before - the result) / the input."""
    ours(case, _arrays(WARM_UP, layout))
    arrays = _arrays(SHAPE, layout)
    before = _kilobytes("VmRSS")
    result = ours(case, arrays)
    return ((_kilobytes("VmHWM") - before) * 1024 - result.nbytes) / arrays.x.nbytes


def _arrays(shape: tuple[int, ...], layout: str) -> Arrays:
    """Return x and dy, made in place: an array that came and went would raise the peak beforehand."""
    n, c, h, w = shape
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape if layout == "NCHW" else (n, h, w, c), np.float32) for _ in range(2))
    return Arrays(layout, x, dy)


def _kilobytes(field: str) -> int:
    """Return a field of this process's status: VmRSS, memory in use, or VmHWM, its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


if __name__ == "__main__":
    print(extra_memory(Case(sys.argv[1], 0.75), sys.argv[2]))
