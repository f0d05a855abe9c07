"""The part "start" of the bench: the import, and each operator's first call in a new process."""

import os
import statistics
import subprocess
import sys
import tempfile

from workbench.bench.driver import Settings
from workbench.bench.results import Measurement, Results, base_versions
from workbench.operator import OPERATORS

IMPORT_TARGET, LOAD_TARGET, COMPILE_TARGET = 0.3, 0.25, 3.0  # seconds
PROCESSES, QUICK_PROCESSES = 7, 1  # new processes of which the median is taken
COMPILED_AGAIN = 3  # times that everything is compiled

# Code for new processes, which print the seconds of an import or, after the import, of a first call.
IMPORT = "import time; start = time.perf_counter(); import workbench; print(time.perf_counter() - start)"
FIRST_CALL = """
import time, numpy, workbench
operator = workbench.OPERATORS[{!r}]
inputs, arguments = next(iter(operator.timed(numpy.random.default_rng(0), 1000)))
start = time.perf_counter()
operator.run(*inputs, **arguments)
print(time.perf_counter() - start)
"""


def bench(settings: Settings) -> Results:
    """Measure the import, and the first of the calls that each operator is declared with as `timed`."""
    names = [name for name, operator in OPERATORS.items() if operator.timed]
    measurements = [Measurement("import workbench", _median(IMPORT, _processes(settings)), "s", IMPORT_TARGET)]
    for name in names:
        settings.say(f"compiling {name} in new processes, and loading it in others")
        measurements += first_calls(name, _processes(settings), 1 if settings.quick else COMPILED_AGAIN)
    return Results(measurements=tuple(measurements), versions=base_versions())


def first_calls(name: str, processes: int, compiled: int) -> list[Measurement]:
    """Return the times of an operator's first call, with its compiled code on disk and with none.

    Args:
        processes: number of processes that find the code on disk.
        compiled: number of processes that find none.
    """
    code, compiling = FIRST_CALL.format(name), []
    for _ in range(compiled):
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            compiling.append(run_fresh(code, NUMBA_CACHE_DIR=folder))
            if len(compiling) == compiled:
                loading = _median(code, processes, NUMBA_CACHE_DIR=folder)
    return [
        Measurement(f"{name}: first call in a new process, kernels from disk", loading, "s", LOAD_TARGET),
        Measurement(f"{name}: first call ever, compiling", statistics.median(compiling), "s", COMPILE_TARGET),
    ]


def run_fresh(code: str, **environment: str) -> float:
    """Run Python code in a new process, with additions to the environment, and return the number that it prints."""
    call = [sys.executable, "-c", code]
    finished = subprocess.run(call, env={**os.environ, **environment}, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"{code!r} failed in a new process:\n{finished.stderr}")
    return float(finished.stdout)


def _median(code: str, processes: int, **environment: str) -> float:
    return statistics.median(run_fresh(code, **environment) for _ in range(processes))


def _processes(settings: Settings) -> int:
    return QUICK_PROCESSES if settings.quick else PROCESSES
