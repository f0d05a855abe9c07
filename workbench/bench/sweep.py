"""The part "sweep": what sweeps cost beyond their trials: short functions, notebooks, memory, and very many trials."""

import json
import subprocess
import sys
import time
from importlib import metadata

from workbench.bench.driver import Settings, WrongResult
from workbench.bench.results import Measurement, Results, base_versions

FUNCTION_TARGET = 10.0  # seconds for FUNCTION_TRIALS trials of a millisecond, with two processes, from start to end
FUNCTION_TRIALS = 1000
NOTEBOOK_TARGET = 1.5  # seconds that a trial takes beyond its notebook's own
MEMORY_TARGET = 0.1  # kB of memory that a trial may leave behind
# Trials: simulated, of a notebook, and simulated with TPE, of which the last hundred proposals are timed.
TRIALS, QUICK_TRIALS = ((1000, 10_000, 100_000), 100, 2000), ((200, 1000, 4000), 6, 200)


def bench(settings: Settings) -> Results:
    """Run sweeps in fresh processes, check every trial's result, and return what they took.

    Raises:
        WrongResult: a sweep has lost, repeated or miscounted a trial.
    """
    counts, notebooks, guided = QUICK_TRIALS if settings.quick else TRIALS

    def found(kind: str, trials: int, what: str) -> dict[str, float]:
        settings.say(f"{trials:,} {what}")
        return run_probe(kind, trials)

    start = time.perf_counter()
    function = found("function", FUNCTION_TRIALS, "trials of a function of one millisecond, two processes")
    seconds = time.perf_counter() - start
    notebook = found("notebook", notebooks, "trials of a notebook, two at a time")
    simulated = {count: found("simulated", count, "simulated trials") for count in counts}
    proposed = found("guided", guided, "simulated trials proposed by TPE")
    (few, before), (many, last) = list(simulated.items())[-2:]

    def grown(name: str) -> float:
        return (last[name] - before[name]) / (many - few)

    name = f"{FUNCTION_TRIALS:,} trials of 1 ms, two processes"
    beyond = f"{notebooks} notebook trials, beyond the notebook's own time, each"
    left = f"memory left behind by a trial, {few:,} to {many:,} simulated"
    measurements = [
        Measurement(f"{name}, from start of Python to report", seconds, "s", FUNCTION_TARGET),
        Measurement(f"{name}, the trials alone", function["trials_seconds"], "s"),
        Measurement(beyond, notebook["beyond"], "s", NOTEBOOK_TARGET),
        Measurement("the notebook's own time, from its first cell to its last", notebook["own"], "s"),
        Measurement(left, grown("peak_kilobytes"), "kB", MEMORY_TARGET),
        Measurement("memory left behind by a trial, opened again and drawn", grown("report_peak_kilobytes"), "kB"),
        *(Measurement(f"{n:,} simulated trials", each["trials_seconds"], "s") for n, each in simulated.items()),
        *(
            Measurement(f"of {many:,} simulated, {part.removeprefix('part ')}", value, "s")
            for part, value in last.items()
            if part.startswith("part ")
        ),
        Measurement(f"{many:,} simulated trials, on the disk", last["megabytes"], "MB"),
        Measurement(f"one proposal by TPE after {guided:,} trials", 1000 * proposed["last"], "ms"),
        Measurement("one proposal by TPE after 100 trials", 1000 * proposed["first"], "ms"),
    ]
    versions = {name: metadata.version(name) for name in ("optuna", "papermill")}
    return Results(measurements=tuple(measurements), versions=base_versions() | versions)


def run_probe(kind: str, trials: int) -> dict[str, float]:
    """Return what `workbench.bench.sweep_probe` finds in a fresh process."""
    finished = subprocess.run(
        [sys.executable, "-m", "workbench.bench.sweep_probe", kind, str(trials)], capture_output=True, text=True
    )
    if finished.returncode:
        raise WrongResult(f"the sweep of {trials:,} trials ({kind}) failed:\n{finished.stderr.strip()}")
    return json.loads(finished.stdout.splitlines()[-1])
