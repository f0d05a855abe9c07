"""Runs of notebooks: checked together, run side by side in processes of their own, published one by one."""

import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console

from workbench.parallel import available_threads
from workbench.report import folders, page, parameters
from workbench.report.jobs import Job, Outcome, read_executed, write_result
from workbench.report.progress import Silent, progress
from workbench.report.results import Result
from workbench.report.source import NotebookError, clean, load

LOG_TAIL = 4000  # characters of a worker's log that are shown with an error
PATIENCE = 10.0  # seconds that a worker has to end once it is told to


class Workers:
    """The running worker processes, so that all can be ended at once."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self.stopped = False

    @contextlib.contextmanager
    def start(self, environment: dict[str, str], log: Any) -> Iterator[subprocess.Popen]:
        """Start a worker; at the end of the block it is told to end, and made to if it does not."""
        with self._lock:
            if self.stopped:
                raise KeyboardInterrupt
            process = subprocess.Popen(
                [sys.executable, "-m", "workbench.report.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C reaches this process alone, which then ends its workers
            )
            self._processes.add(process)
        try:
            yield process
        finally:
            with self._lock:
                self._processes.discard(process)
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()

    def stop(self) -> None:
        """End every worker and start no other: a worker ends with its standard input."""
        with self._lock:
            self.stopped = True
            for process in self._processes:
                with contextlib.suppress(OSError):
                    process.stdin.close()


def run_notebook(
    notebook: Path | str,
    given: Mapping[str, Any] | None = None,
    *,
    output: Path | str = "reports",
    name: str | None = None,
    timeout: float | None = None,
    text: bool = False,
    console: Console | None = None,
) -> Result:
    """Run one notebook with parameters, publish `output`/name/ and the index, and return what it left.

    With `text`, the values of `given` are words of a command line. `timeout` is in seconds, for the whole notebook.

    Raises:
        NotebookError: the notebook, a parameter, the name or the folder is refused; nothing has been run.
    """
    path = Path(notebook)
    source = load(path)
    values = parameters.check(source, given or {}, text=text)
    chosen = folders.folder_name(path.stem, values) if name is None else folders.check_name(name)
    job = Job(path, source, values, chosen, _check_timeout(timeout))
    return _report([job], Path(output), 1, console)[0]


def run_all(
    notebooks: Iterable[Path | str],
    *,
    output: Path | str = "reports",
    jobs: int | None = None,
    timeout: float | None = None,
    console: Console | None = None,
) -> list[Result]:
    """Run notebooks as they are, at most `jobs` at once, publish each and the index; return results in their order.

    Raises NotebookError, as `run_notebook` does, before any is run.
    """
    return _report(_jobs(notebooks, timeout), Path(output), jobs, console)


def save_all(
    notebooks: Iterable[Path | str],
    *,
    jobs: int | None = None,
    timeout: float | None = None,
    console: Console | None = None,
) -> dict[Path, dict[str, str] | None]:
    """Run notebooks and save each in its place with its outputs; return the errors of those that fail by path.

    A notebook that fails stays as it was. One that succeeds is replaced at once and whole.
    """
    batch = _jobs(notebooks, timeout)
    for parent in {job.path.parent for job in batch}:
        folders.prepare(parent)

    def save(job: Job, workers: Workers, show: Silent) -> dict[str, str] | None:
        with folders.partial(job.path.parent, job.name) as folder:
            outcome = _execute(job, folder, None, workers, show)
            if outcome.error is None:
                folders.write_text(job.path, nbformat.writes(clean(outcome.notebook)) + "\n")
        show.finish(job.name, _describe(outcome.error, outcome.seconds))
        return outcome.error

    return dict(zip((job.path for job in batch), _side_by_side(batch, save, jobs, console), strict=True))


def _jobs(notebooks: Iterable[Path | str], timeout: float | None) -> list[Job]:
    paths = list({path.resolve(): path for path in map(Path, notebooks)}.values())
    if not paths:
        raise NotebookError("no notebooks: give their paths, or change to the folder that holds notebooks/*.ipynb")
    seconds = _check_timeout(timeout)
    batch = [Job(path, load(path), {}, folders.folder_name(path.stem, {}), seconds) for path in paths]
    taken: dict[str, Path] = {}
    for job in batch:
        other = taken.setdefault(job.name.casefold(), job.path)
        if other != job.path:
            raise NotebookError(f"notebooks {str(other)!r} and {str(job.path)!r}: would both be called {job.name!r}")
    return batch


def _check_timeout(timeout: float | None) -> float | None:
    if timeout is not None and not 0 < timeout < threading.TIMEOUT_MAX:
        raise NotebookError(f"timeout={timeout!r}: must be a number of seconds above 0")
    return timeout


def _report(batch: list[Job], output: Path, jobs: int | None, console: Console | None) -> list[Result]:
    for job in batch:
        parameters.declared(job.notebook)  # refuses a declaration that cannot be read
    folders.prepare(output)
    folders.check_index(output)
    for job in batch:
        folders.check_replaceable(output / job.name)

    def report(job: Job, workers: Workers, show: Silent) -> Result:
        with folders.partial(output, job.name) as folder:
            pictures = folder / "figures"
            pictures.mkdir()
            outcome = _execute(job, folder, pictures, workers, show)
            result = write_result(job, outcome, folder)
            folders.publish(folder, output / job.name)
        page.write_index(output)
        show.finish(job.name, _describe(outcome.error, outcome.seconds))
        return result

    return _side_by_side(batch, report, jobs, console)


def _side_by_side(batch: list[Job], work: Callable, jobs: int | None, console: Console | None) -> list[Any]:
    """Call work(job, workers, show) for each job, at most `jobs` at once; end all of them on an exception."""
    if jobs is not None and jobs < 1:
        raise NotebookError(f"jobs={jobs}: must be at least 1")
    workers = Workers()
    at_once = min(jobs or available_threads(), len(batch))
    with (
        progress({job.name: job.cells for job in batch}, console) as show,
        ThreadPoolExecutor(at_once, thread_name_prefix="notebook") as pool,
    ):
        futures = [pool.submit(work, job, workers, show) for job in batch]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException:
            workers.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [future.result() for future in futures]


def _execute(job: Job, folder: Path, pictures: Path | None, workers: Workers, show: Silent) -> Outcome:
    """Run a job's notebook in a worker that writes to `folder`, the figures to `pictures`."""
    executed, log_path = folder.resolve() / "notebook.ipynb", folder / "worker.log"
    environment = {key: value for key, value in os.environ.items() if key != "WORKBENCH_FIGURES"}
    if pictures is not None:
        environment["WORKBENCH_FIGURES"] = str(pictures.resolve())
    sockets = tempfile.TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True)
    order = {
        "notebook": str(job.path.resolve()),
        "output": str(executed),
        "parameters": job.parameters,
        "timeout": job.timeout,
        "folder": str(job.path.resolve().parent),
        "sockets": sockets.name,
    }
    started = datetime.datetime.now(datetime.UTC)
    last: dict[str, Any] = {}
    show.start(job.name)
    with sockets, log_path.open("w", encoding="utf-8") as log, workers.start(environment, log) as process:
        with contextlib.suppress(BrokenPipeError, ValueError):  # ended, or told to end, before it began
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        for line in process.stdout:
            last = json.loads(line)
            if "cell" in last:
                show.cell(job.name)
    if workers.stopped:
        raise KeyboardInterrupt
    seconds = last.get("duration", (datetime.datetime.now(datetime.UTC) - started).total_seconds())
    error = last["error"] if "error" in last else _lost_worker(process.returncode)
    log = log_path.read_text(encoding="utf-8", errors="replace").strip()
    log_path.unlink()
    if error is not None and error["kind"] != "exception" and log:
        error["traceback"] = f"{error['traceback']}\n\n{log[-LOG_TAIL:]}".strip()
    return Outcome(read_executed(executed, job), error, round(seconds, 3), started.isoformat(timespec="seconds"))


def _lost_worker(code: int) -> dict[str, str]:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit status {code}"
    return {"kind": "lost process", "message": f"The process that ran the notebook {how}.", "traceback": ""}


def _describe(error: dict[str, str] | None, seconds: float) -> str:
    took = page.duration(seconds)
    return f"ok, {took}" if error is None else f"FAILED ({error['kind']}), {took}: {error['message']}"
