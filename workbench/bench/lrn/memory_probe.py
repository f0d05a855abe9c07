"""Print the peak memory of one call beyond its input and result, as a fraction of its input.

Run as `python -m workbench.bench.lrn.memory_probe forward NCHW`, in a process of its own: the system keeps one peak.
"""

import sys

import numpy as np

from workbench.bench.lrn.cases import Arrays, Case, ours
from workbench.files import status_kilobytes

WARM_UP = (2, 64, 32, 64)  # enough elements for the threads to start
SHAPE = (8, 64, 128, 192)  # 50 MB


def extra_memory(case: Case, layout: str) -> float:
    """Return (peak - what was in use before - the result) / the input."""
    ours(case, _arrays(WARM_UP, layout))
    arrays = _arrays(SHAPE, layout)
    before = status_kilobytes("VmRSS")
    result = ours(case, arrays)
    return ((status_kilobytes("VmHWM") - before) * 1024 - result.nbytes) / arrays.x.nbytes


def _arrays(shape: tuple[int, ...], layout: str) -> Arrays:
    """Return x and dy, made in place: an array that came and went would raise the peak beforehand."""
    n, c, h, w = shape
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(shape if layout == "NCHW" else (n, h, w, c), np.float32) for _ in range(2))
    return Arrays(layout, x, dy)


if __name__ == "__main__":
    print(extra_memory(Case(sys.argv[1], 0.75), sys.argv[2]))
