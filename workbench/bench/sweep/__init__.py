"""What sweeps cost beyond their trials: short functions, notebooks, memory, and very many trials."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata

from workbench.bench.harness import WrongResult
from workbench.bench.results import Measurement, Results, base_versions

FUNCTION_TARGET = 10.0  # seconds for FUNCTION_TRIALS trials of a millisecond, with two processes, from start to end
FUNCTION_TRIALS = 1000
NOTEBOOK_TARGET = 1.5  # seconds that a trial takes beyond its notebook's own
NOTEBOOK_TRIALS, QUICK_NOTEBOOK_TRIALS = 100, 6
MEMORY_TARGET = 0.1  # kB of memory that a trial may leave behind
SIMULATED, QUICK_SIMULATED = (1000, 10_000, 100_000), (200, 1000, 4000)
GUIDED, QUICK_GUIDED = 2000, 200  # trials, the last tenth of which are timed


def bench_sweep(quick: bool, say: Callable[[str], None]) -> Results:
    """Run sweeps in fresh processes, check every trial's result, and return what they took.

    Raises:
        WrongResult: a sweep has lost, repeated or miscounted a trial.
    """
    counts, notebooks, guided = (
        (QUICK_SIMULATED, QUICK_NOTEBOOK_TRIALS, QUICK_GUIDED) if quick else (SIMULATED, NOTEBOOK_TRIALS, GUIDED)
    )
    measurements = [*_functions(say), *_notebooks(notebooks, say), *_simulated(counts, say), *_guided(guided, say)]
    versions = {name: metadata.version(name) for name in ("optuna", "papermill")}
    return Results(measurements=tuple(measurements), versions=base_versions() | versions)


def _functions(say: Callable[[str], None]) -> list[Measurement]:
    say(f"{FUNCTION_TRIALS:,} trials of a function of one millisecond, two processes")
    start = time.perf_counter()
    found = run_probe("function", FUNCTION_TRIALS)
    seconds = time.perf_counter() - start
    name = f"{FUNCTION_TRIALS:,} trials of 1 ms, two processes"
    return [
        Measurement(f"{name}, from start of Python to report", seconds, "s", FUNCTION_TARGET),
        Measurement(f"{name}, the trials alone", found["trials_seconds"], "s"),
    ]


def _notebooks(trials: int, say: Callable[[str], None]) -> list[Measurement]:
    say(f"{trials} trials of a notebook, two at a time")
    found = run_probe("notebook", trials)
    beyond = f"{trials} notebook trials, beyond the notebook's own time, each"
    return [
        Measurement(beyond, found["beyond"], "s", NOTEBOOK_TARGET),
        Measurement("the notebook's own time, from its first cell to its last", found["own"], "s"),
    ]


def _simulated(counts: tuple[int, ...], say: Callable[[str], None]) -> list[Measurement]:
    """Let sweeps of more and more trials run whose results cost nothing: what is left is the sweep itself."""
    found = {}
    for count in counts:
        say(f"{count:,} simulated trials")
        found[count] = run_probe("simulated", count)
    few, many = counts[-2], counts[-1]
    grown, with_report = (
        (found[many][name] - found[few][name]) / (many - few) for name in ("peak_kilobytes", "report_peak_kilobytes")
    )
    measurements = [
        Measurement(f"memory left behind by a trial, {few:,} to {many:,} simulated", grown, "kB", MEMORY_TARGET),
        Measurement("memory left behind by a trial, opened again and drawn", with_report, "kB"),
        *(Measurement(f"{count:,} simulated trials", each["trials_seconds"], "s") for count, each in found.items()),
    ]
    last = found[many]
    parts = {name: value for name, value in last.items() if name.startswith("part ")}
    measurements += [
        Measurement(f"of {many:,} simulated, {name.removeprefix('part ')}", value, "s") for name, value in parts.items()
    ]
    measurements.append(Measurement(f"{many:,} simulated trials, on the disk", last["megabytes"], "MB"))
    return measurements


def _guided(trials: int, say: Callable[[str], None]) -> list[Measurement]:
    say(f"{trials:,} simulated trials proposed by TPE")
    found = run_probe("guided", trials)
    return [
        Measurement(f"one proposal by TPE after {trials:,} trials", 1000 * found["last"], "ms"),
        Measurement("one proposal by TPE after 100 trials", 1000 * found["first"], "ms"),
    ]


def run_probe(kind: str, trials: int) -> dict[str, float]:
    """Return what `workbench.bench.sweep.probe` finds in a fresh process."""
    finished = subprocess.run(
        [sys.executable, "-m", "workbench.bench.sweep.probe", kind, str(trials)], capture_output=True, text=True
    )
    if finished.returncode:
        raise WrongResult(f"the sweep of {trials:,} trials ({kind}) failed:\n{finished.stderr.strip()}")
    return json.loads(finished.stdout.splitlines()[-1])
