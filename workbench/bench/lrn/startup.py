"""What a fresh process pays: importing, the first call, and memory beyond the result."""

import statistics
import subprocess
import sys

from workbench.bench.lrn.cases import FORWARD, GRADIENT, LAYOUTS, Case
from workbench.bench.results import Measurement

IMPORT_TARGET = 0.3  # seconds

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


def measure_memory() -> list[Measurement]:
    """Measure peak memory beyond input and result, as a fraction of the input, each in a process of its own."""
    cases = [(case, layout) for case in (FORWARD, GRADIENT) for layout in LAYOUTS]
    return [
        Measurement(f"peak extra memory / input, {case.direction} {layout}", extra_memory(case, layout), "", 1.0)
        for case, layout in cases
    ]


def can_measure_memory() -> bool:
    """Tell whether the system keeps the peak that `memory_probe` reads."""
    return sys.platform == "linux"


def _median(code: str, processes: int) -> float:
    run_fresh("-c", code)
    return statistics.median(run_fresh("-c", code) for _ in range(processes))


def extra_memory(case: Case, layout: str) -> float:
    """Return what `memory_probe` prints."""
    return run_fresh("-m", "workbench.bench.lrn.memory_probe", case.direction, layout)


def run_fresh(*arguments: str) -> float:
    """Run Python with `arguments` in a fresh process and return the number that it prints."""
    finished = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"{sys.executable} {arguments[0]} failed:\n{finished.stderr}")
    return float(finished.stdout)
