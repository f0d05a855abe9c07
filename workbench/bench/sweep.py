"""The part "sweep" of the bench: time and memory of sweeps over short functions, notebooks and very many trials.

`python -m workbench.bench.sweep KIND TRIALS FOLDER` runs one sweep, checks it, and prints its times and memory as JSON.
Each sweep has its own process, because a process has only one memory peak, and because importing is part of a sweep.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest import mock

from workbench.bench.driver import Settings, WrongResult
from workbench.bench.results import Measurement, Results, base_versions
from workbench.explore.notebook import METRIC_TYPE
from workbench.files import status_kilobytes
from workbench.sweep import SweepResult, sweep
from workbench.sweep.folder import SweepFolder
from workbench.sweep.samplers import Independent, Sequential
from workbench.sweep.session import Session
from workbench.workers.messages import Outcome, Setup, Task

FUNCTION_TARGET = 10.0  # seconds for FUNCTION_TRIALS trials of a millisecond, with two processes, from start to end
FUNCTION_TRIALS = 1000
NOTEBOOK_TARGET = 1.5  # seconds that a trial takes beyond its notebook's own time
MEMORY_TARGET = 0.1  # kB of memory that a trial may leave behind
# Numbers of trials: simulated, of a notebook, and simulated with TPE, whose proposals are timed.
TRIALS, QUICK_TRIALS = ((1000, 10_000, 100_000), 100, 2000), ((200, 1000, 4000), 6, 200)

SPACE = {"x": "0..1", "y": "1e-3..1:log", "n": "1..9"}
TIMED = 100  # proposals whose median is taken
PARTS = {
    "run": (Session, "run"),
    "proposing": (Independent, "propose"),
    "writing down": (SweepFolder, "add"),
    "waiting for the disk": (SweepFolder, "flush"),
}

NOTEBOOK = (
    "import time\nbegin = time.perf_counter()",
    "import numpy as np\nimport workbench\nfrom workbench.lrn import plots",
    "from workbench.explore.notebook import record, show",
    "y = workbench.local_response_norm(np.ones((1, 8, 6, 5), np.float32), size=n, alpha=x)\nrecord('loss', x)",
    "show(plots.response_curve(size=n), 'response-curve', alt='The response curve')",
    "from IPython.display import display\nseconds = {'name': 'own', 'value': time.perf_counter() - begin}\n"
    f"display({{{METRIC_TYPE!r}: seconds}}, raw=True)",
)
PARAMETERS = "x: float = 0.5  # [0 .. 1]\nn: int = 5  # [1 .. 9]"


def bench(settings: Settings) -> Results:
    """Run sweeps in fresh processes, check every trial's result, and return times and memory.

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
    """Return the measurements of one of KINDS, run in a fresh process."""
    # The folder is made here, as ctrl-C leaves the process no time to remove its own.
    with tempfile.TemporaryDirectory(prefix="bench-sweep-", ignore_cleanup_errors=True) as place:
        command = [sys.executable, "-m", "workbench.bench.sweep", kind, str(trials), place]
        finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        raise WrongResult(f"the sweep of {trials:,} trials ({kind}) failed:\n{finished.stderr.strip()}")
    return json.loads(finished.stdout.splitlines()[-1])


def one_millisecond(x: float, y: float, n: int) -> float:
    """Compute for one millisecond."""
    end = time.perf_counter() + 1e-3
    while time.perf_counter() < end:
        pass
    return x + y + n


class Simulated(Executor):
    """Executor that returns the result of `one_millisecond` at once."""

    def submit(self, run: Callable, /, setup: Setup, task: Task) -> Future:
        """Return a Future that is done."""
        future: Future = Future()
        metrics = {"loss": sum(task.parameters.values())}
        future.set_result(Outcome("ok", "2000-01-01T00:00:00.000+00:00", 0.001, metrics, versions={"python": "3"}))
        return future


def function(trials: int, place: Path) -> dict[str, float]:
    """Sweep over `one_millisecond` with two processes, report included."""
    with _parts() as parts:
        result = sweep(one_millisecond, SPACE, sampler="random", trials=trials, jobs=2, name="function", output=place)
    _check(result, trials)
    return {"trials_seconds": parts["run"]}


def notebook(trials: int, place: Path) -> dict[str, float]:
    """Sweep over a notebook, two at a time."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    cells = [new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), *map(new_code_cell, NOTEBOOK)]
    nbformat.write(new_notebook(cells=cells), place / "notebook.ipynb")
    space = {"x": "0..1", "n": "1,3,5,7,9"}
    given = {"sampler": "random", "trials": trials, "jobs": 2, "name": "notebooks", "output": place}
    with _parts() as parts:
        result = sweep(place / "notebook.ipynb", space, **given)
    own = [record.metrics["own"] for record in result.records()]
    wrong = [record.number for record in result.records() if abs(record.values[0] - record.parameters["x"]) > 1e-5]
    if len(own) != trials or wrong:
        raise SystemExit(f"trials {wrong} are wrong, {len(own)} of {trials} done")
    return {"beyond": (2 * parts["run"] - sum(own)) / trials, "own": sum(own) / trials}


def simulated(trials: int, place: Path) -> dict[str, float]:
    """Sweep over simulated trials, then write tables and page."""
    with _parts() as parts:
        result = _simulate("random", trials, place, report=False)
    peak = status_kilobytes("VmHWM")
    _check(result, trials)
    start = time.perf_counter()
    _simulate("random", trials, place, report=True)
    run = parts.pop("run")
    named = {f"part {name}": seconds for name, seconds in parts.items()}
    named["part opening it again, tables, pictures and page"] = time.perf_counter() - start
    report_peak = status_kilobytes("VmHWM")
    size = sum(file.stat().st_size for file in result.folder.rglob("*") if file.is_file())
    peaks = {"peak_kilobytes": peak, "report_peak_kilobytes": report_peak}
    return {"trials_seconds": run, **peaks, "megabytes": size / 1e6, **named}


def guided(trials: int, place: Path) -> dict[str, float]:
    """Let TPE propose simulated trials, and time the proposals."""
    taken: list[float] = []
    with _timed(Sequential, "propose", taken.append):
        result = _simulate("tpe", trials, place, report=False)
    _check(result, trials)
    first, last = taken[TIMED : TIMED + TIMED // 2], taken[-TIMED:]
    return {"first": sorted(first)[len(first) // 2], "last": sorted(last)[len(last) // 2]}


def _simulate(sampler: str, trials: int, place: Path, report: bool) -> SweepResult:
    given = {"trials": trials, "jobs": 2, "name": "simulated", "output": place, "executor": Simulated()}
    return sweep(one_millisecond, SPACE, sampler=sampler, report=report, **given)


@contextlib.contextmanager
def _parts() -> Iterator[dict[str, float]]:
    """Yield the seconds that the block spends in each part of a sweep; "run" is the time of all trials."""
    parts: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        for name, (owner, method) in PARTS.items():

            def count(seconds: float, name: str = name) -> None:
                parts[name] = parts.get(name, 0.0) + seconds

            stack.enter_context(_timed(owner, method, count))
        yield parts


def _timed(owner: type, method: str, count: Callable[[float], None]) -> contextlib.AbstractContextManager:
    """Call `count` with the seconds of each call of a method within the block."""
    original = getattr(owner, method)

    def timed(*arguments: Any, **named: Any) -> Any:
        start = time.perf_counter()
        try:
            return original(*arguments, **named)
        finally:
            count(time.perf_counter() - start)

    return mock.patch.object(owner, method, timed)


def _check(result: SweepResult, trials: int) -> None:
    """Exit with a message unless every trial is there once, with the right result for its parameters."""
    count = 0
    for count, record in enumerate(result.records(), start=1):
        if record.number != count - 1 or abs(record.values[0] - sum(record.parameters.values())) > 1e-9:
            raise SystemExit(f"trial {record.number} in place {count - 1} is wrong: {record}")
    if count != trials or result.counts["ok"] != trials:
        raise SystemExit(f"{count} of {trials} trials are there")


KINDS = {"function": function, "notebook": notebook, "simulated": simulated, "guided": guided}

if __name__ == "__main__":
    print(json.dumps(KINDS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))))
