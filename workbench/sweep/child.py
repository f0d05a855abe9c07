"""A process that runs the trials of one sweep, one after another: `python -m workbench.sweep.child DESCRIPTOR`.

DESCRIPTOR is a socket over which a Setup comes first, and True goes back; then a Task at a time, and an Outcome goes
back for each. Standard input stays open as long as the parent lives: when it ends, so do the running notebook's kernel
and this process.
"""

import datetime
import faulthandler
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from numbers import Real
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from workbench.report.versions import versions
from workbench.sweep.messages import FunctionWork, NotebookWork, Outcome, Setup, Task, failed
from workbench.sweep.trial import Trial

IDLE = 600.0  # seconds without a task after which the process ends: on a cluster nobody else would end it

Run = Callable[[Task], Outcome]


def function_runner(setup: Setup) -> Run:
    """Return what calls the setup's function for a task."""
    function = cloudpickle.loads(setup.work.pickled)
    installed = versions()

    def run(task: Task) -> Outcome:
        trial = Trial(task.number, task.seed, task.pruning)
        arguments = dict(task.parameters, trial=trial) if setup.work.takes_trial else task.parameters
        started, start = _now(), time.perf_counter()
        try:
            metrics, status, error = as_metrics(function(**arguments), setup.objectives), "ok", None
        except KeyboardInterrupt:  # of a sweep that runs in this process
            raise
        except BaseException as problem:  # SystemExit too: it is the trial's end, not the sweep's
            metrics, status, error = {}, "failed", _describe(problem)
            if type(problem).__name__ == "TrialPruned":
                status, error = "pruned", None
        return Outcome(
            status=status,
            started=started,
            duration_seconds=round(time.perf_counter() - start, 6),
            metrics=metrics,
            error=error,
            versions=installed,
            intermediate=tuple(sorted(trial.intermediate.items())),
            attributes=trial.attributes,
        )

    return run


def as_metrics(returned: Any, objectives: tuple[str, ...]) -> dict[str, Any]:
    """Return what a function gave back as metrics by name: a dict, a number, or as many numbers as objectives.

    A list of numbers instead of one are the scores of folds.
    """
    if isinstance(returned, dict):
        return {_writable(str(name)): _plain(name, value) for name, value in returned.items()}
    if len(objectives) == 1:
        return {objectives[0]: _plain(objectives[0], returned)}
    if isinstance(returned, list | tuple | np.ndarray) and len(returned) == len(objectives):
        return {name: _plain(name, value) for name, value in zip(objectives, returned, strict=True)}
    raise TypeError(f"it returned {returned!r}: must be a dict with {', '.join(map(repr, objectives))}")


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        return _writable(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, list | tuple) and value and all(_is_number(each) for each in value):
        return [float(each) for each in value]
    raise TypeError(f"metric {name!r} is a {type(value).__name__}: must be a number, a text, or a list of numbers")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _describe(problem: BaseException) -> dict[str, str]:
    frames = problem.__traceback__.tb_next  # without our own
    lines = traceback.format_exception(type(problem), problem, frames)
    message = f"{type(problem).__name__}: {problem}"
    return {"kind": "exception", "message": _writable(message), "traceback": _writable("".join(lines))}


def _writable(text: str) -> str:
    """Return text that a file can hold: of a name that could not be decoded, say, half a character is left."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def notebook_runner(setup: Setup, current: list) -> Run:
    """Return what runs the setup's notebook for a task; `current` holds the running kernel."""
    import nbformat

    from workbench.report import worker
    from workbench.report.jobs import Job, read_executed, write_result
    from workbench.report.jobs import Outcome as NotebookOutcome

    work = setup.work
    source = nbformat.reads(work.text, as_version=4)

    def run(task: Task) -> Outcome:
        job = Job(Path(work.path), source, task.parameters, f"trial {task.number}", setup.timeout)
        with tempfile.TemporaryDirectory(prefix="trial-", ignore_cleanup_errors=True) as place:
            folder = Path(place, "result")
            (folder / "figures").mkdir(parents=True)
            os.environ["WORKBENCH_FIGURES"] = str(folder / "figures")
            order = _order(Path(place), job, work)
            started, start = _now(), time.perf_counter()
            kernel = worker.Kernel()
            current[:] = [kernel]
            error = worker.execute(order, lambda cell_index: None, kernel)
            seconds = round(time.perf_counter() - start, 6)
            executed = read_executed(Path(order["output"]), job)
            result = write_result(job, NotebookOutcome(executed, error, seconds, started), folder, BACK)
            files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        status = "ok" if error is None else "failed"
        if error is not None and error["message"].startswith("TrialPruned"):
            status, error = "pruned", None
        return Outcome(status, started, seconds, result.metrics, error, result.versions, files=files)

    return run


BACK = ("../../report.html", "The sweep")


def _order(place: Path, job: Any, work: NotebookWork) -> dict[str, Any]:
    """Write the notebook into `place`, and return the order to run it there."""
    (place / "source.ipynb").write_text(work.text, encoding="utf-8")
    (place / "sockets").mkdir()
    return {
        "notebook": str(place / "source.ipynb"),
        "output": str(place / "notebook.ipynb"),
        "parameters": job.parameters,
        "timeout": job.timeout,
        "folder": work.folder if os.path.isdir(work.folder) else str(place),
        "sockets": str(place / "sockets"),
        "shutdown": "immediate",  # half a second less for each trial
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _runner(setup: Setup, current: list) -> Run:
    if isinstance(setup.work, FunctionWork):
        return function_runner(setup)
    return notebook_runner(setup, current)


def _lost_setup(problem: Exception) -> Run:
    """Return what fails every task, since the setup could not be read, as where a module is not installed."""
    described = _describe(problem)
    return lambda task: failed("set-up", described["message"], _now(), 0.0, described["traceback"])


def end_with_parent(current: list) -> None:
    """Wait until standard input ends, then end the running kernel and this process at once."""
    while os.read(0, 4096):
        pass
    for kernel in current:
        kernel.end()
    os._exit(1)


def watch() -> None:
    """Have a process end this one, and all that it starts, once standard input ends, or this one does.

    A thread could not: a function may be busy in C code that lets no other thread run.
    """
    watched, _ = os.pipe()  # whose other end this process alone holds open
    words = f"import os, select; select.select([0, {watched}], [], []); os.killpg(0, {signal.SIGKILL:d})"
    subprocess.Popen([sys.executable, "-IS", "-c", words], pass_fds=[watched])
    os.close(watched)


def main() -> None:
    """Take a setup and tasks, and send an outcome for each."""
    faulthandler.enable()
    connection = Connection(int(sys.argv[1]))
    current: list = []
    try:
        setup = connection.recv()
        if isinstance(setup.work, FunctionWork):
            watch()
        else:
            threading.Thread(target=end_with_parent, args=(current,), daemon=True).start()
        sys.path[:] = dict.fromkeys([*setup.path, *sys.path])
        run = _runner(setup, current)
    except Exception as problem:
        run = _lost_setup(problem)
    connection.send(True)
    while connection.poll(IDLE):
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(run(task))


if __name__ == "__main__":
    main()
