"""What a fresh process pays for LRN: importing, the first call, and memory beyond the result.

Run as `python -m workbench.bench.lrn_startup LRN NCHW`, it prints the peak memory of one call beyond its input and
result, as a fraction of its input: in a process of its own, for the system keeps one peak.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable

import numpy as np

from workbench.bench.results import Measurement
from workbench.files import status_kilobytes
from workbench.operator import OPERATORS

IMPORT_TARGET = 0.3  # seconds
WARM_UP = (2, 64, 32, 64)  # enough elements for the threads to start
SHAPE = (8, 64, 128, 192)  # 50 MB

IMPORT = """
import time
start = time.perf_counter()
import workbench
print(time.perf_counter() - start)
"""

FIRST_CALL = """
import time
import numpy as np
import workbench
x = np.ones((1, 7, 5, 3), np.float32)
start = time.perf_counter()
workbench.local_response_norm(x)
print(time.perf_counter() - start)
"""


def measure_startup(processes: int) -> list[Measurement]:
    """Measure import and first call in `processes` fresh processes each, after one that fills the caches on disk."""
    return [
        Measurement("import workbench", _median(IMPORT, processes), "s", IMPORT_TARGET),
        Measurement("first call in a second process, kernels from disk", _median(FIRST_CALL, processes), "s"),
    ]


def measure_memory(say: Callable[[str], None]) -> list[Measurement]:
    """Measure peak memory beyond input and result, as a fraction of the input, each in a process of its own."""
    if sys.platform != "linux":
        say("memory is not measured: this system does not report a process's peak in /proc")
        return []
    found = []
    for direction, name in (("forward", "LRN"), ("gradient", "LRNGradient")):
        for layout in ("NCHW", "NHWC"):
            extra = run_fresh("-m", "workbench.bench.lrn_startup", name, layout)
            found.append(Measurement(f"peak extra memory / input, {direction} {layout}", extra, "", 1.0))
    return found


def extra_memory(name: str, layout: str) -> float:
    """Return (peak - what was in use before - the result) / the input, of one call in this process."""
    operator = OPERATORS[name]
    operator.run(*_inputs(name, WARM_UP, layout), order=layout)
    inputs = _inputs(name, SHAPE, layout)
    before = status_kilobytes("VmRSS")
    result = operator.run(*inputs, order=layout)
    return ((status_kilobytes("VmHWM") - before) * 1024 - result.nbytes) / inputs[0].nbytes


def run_fresh(*arguments: str) -> float:
    """Run Python with `arguments` in a fresh process and return the number that it prints."""
    finished = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"{sys.executable} {arguments[0]} failed:\n{finished.stderr}")
    return float(finished.stdout)


def _median(code: str, processes: int) -> float:
    run_fresh("-c", code)
    return statistics.median(run_fresh("-c", code) for _ in range(processes))


def _inputs(name: str, shape: tuple[int, ...], layout: str) -> tuple[np.ndarray, ...]:
    """Return arrays made in place: one that came and went would raise the peak beforehand."""
    n, c, h, w = shape
    rng = np.random.default_rng(0)
    shape = (n, c, h, w) if layout == "NCHW" else (n, h, w, c)
    return tuple(rng.standard_normal(shape, np.float32) for _ in OPERATORS[name].inputs)


if __name__ == "__main__":
    print(extra_memory(*sys.argv[1:]))
