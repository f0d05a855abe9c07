"""Run notebooks: check all of them first, run them side by side in worker processes, and publish each when it ends."""

import dataclasses
import json
import shlex
import shutil
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode
from rich.console import Console

from workbench import files
from workbench.files import Refused
from workbench.parallel import available_threads
from workbench.report import live, page, parameters, results
from workbench.report.results import Result, binder, commit, machine, versions
from workbench.report.source import NotebookError, clean, load, summary, title, without_outputs
from workbench.workers.messages import FRAMES, RECORDED, NotebookWork, Outcome, Setup, Task, failed
from workbench.workers.pool import Closed, close_workers, run_alone
from workbench.workers.progress import Display, display
from workbench.workers.worker import now, writable

REPORTS = Path("reports")  # the default folder for results
REFRESH = 1.0  # seconds between updates of the time shown, even if nothing has happened


@dataclasses.dataclass(frozen=True)
class Job:
    """One notebook to run: its file, its content, its checked parameters, its name, and the seconds it may take."""

    path: Path
    notebook: NotebookNode
    parameters: dict[str, Any]
    name: str
    timeout: float | None

    @property
    def cells(self) -> int:
        """Return the number of cells that a kernel will run; papermill adds one that sets the given parameters."""
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        return len(code) + bool(self.parameters)


def read_executed(job: Job, folder: Path) -> NotebookNode:
    """Return the notebook as far as it was executed in `folder`, without outputs if no readable file was written."""
    try:
        return nbformat.read(folder / "notebook.ipynb", as_version=4)
    except Exception:  # the file is missing, or incomplete because its writer was killed
        return without_outputs(job.notebook)


def write_result(job: Job, outcome: Outcome, folder: Path, links: page.Links = page.NO_LINKS) -> Result:
    """Write the page, notebook, metrics and figures of a job into `folder`, where it ran.

    An output that cannot be shown or saved makes the result fail; everything else is written.
    """
    known = parameters.declared(job.notebook)
    executed = read_executed(job, folder)
    figures, problems = results.figures(executed, folder / "figures")
    result = _result(job, outcome, results.metrics(executed, folder / RECORDED), figures)
    (folder / RECORDED).unlink(missing_ok=True)  # metrics.json holds all of it
    frames = live.recordings(folder / FRAMES)
    shutil.rmtree(folder / FRAMES, ignore_errors=True)  # the page holds all of it
    try:
        html, sections = page.report(_with_problems(result, problems), known, executed, job.path, links, frames)
    except Exception as problem:  # an output can raise anything in the libraries that convert it to HTML
        problems.append(
            f"the page shows no outputs, because they cannot be converted: {type(problem).__name__}: {problem}"
        )
        bare = without_outputs(job.notebook)
        bare.cells = [cell for cell in bare.cells if cell.cell_type == "code"]
        html, sections = page.report(_with_problems(result, problems), known, bare, job.path, links)
    result = _with_problems(result, problems)
    texts = {
        "report.html": html,
        "notebook.ipynb": nbformat.writes(clean(executed)) + "\n",
        "metrics.json": result.to_json(),
    }
    if links.back == page.ALL_RUNS:  # the index of runs has a search, the page of a sweep has none
        texts["search.json"] = json.dumps(sections, ensure_ascii=False)
    for name, text in texts.items():
        (folder / name).write_text(writable(text), encoding="utf-8")
    return result


def _result(job: Job, outcome: Outcome, metrics: dict[str, Any], figures: list[dict[str, str]]) -> Result:
    known = parameters.declared(job.notebook)
    return Result(
        name=job.name,
        notebook=writable(str(job.path)),
        status="ok" if outcome.error is None else "failed",
        parameters={name: job.parameters.get(name, known[name].default) for name in known},
        metrics=metrics,
        figures=figures,
        duration_seconds=outcome.duration_seconds,
        started=outcome.started,
        versions=versions(),
        error=outcome.error,
        title=title(job.notebook) or job.name,
        summary=summary(job.notebook),
        origin=_origin(job),
    )


def _origin(job: Job) -> dict[str, str]:
    command = ["workbench", "run", str(job.path)]
    for name, value in job.parameters.items():
        command += ["-p", name, str(value)]
    found = {
        "command": writable(shlex.join(command)),
        "machine": machine(),
        "commit": commit(job.path.resolve().parent),
        "binder": binder(job.path.resolve()),
    }
    return {name: words for name, words in found.items() if words}


def _with_problems(result: Result, problems: list[str]) -> Result:
    """Return the result as failed because of `problems`, unless there are none or it has failed already."""
    if not problems or result.error:
        return result
    error = {"kind": "bad output", "message": "; ".join(problems), "traceback": ""}
    return dataclasses.replace(result, status="failed", error=error)


class Batch:
    """Jobs that run side by side: it holds the session of their workers and counts their finished cells."""

    def __init__(self, jobs: list[Job], show: Display):
        self.session = uuid.uuid4().hex
        self._show = show
        self._cells = {job.name: job.cells for job in jobs}
        self._done = dict.fromkeys(self._cells, 0)
        self._running: dict[str, None] = {}  # names in the order of their start
        self._start = time.monotonic()
        self._lock = threading.Lock()  # each job reports from its own thread

    def execute(self, job: Job, folder: Path) -> Outcome:
        """Run a job's notebook in a worker, which saves the executed notebook in `folder`."""
        with self._lock:
            self._running[job.name] = None
        work = NotebookWork(
            nbformat.writes(job.notebook), str(job.path), str(job.path.resolve().parent), str(folder.resolve())
        )
        setup = Setup(self.session, work, job.timeout)
        return run_alone(setup, Task(0, job.parameters), lambda cell_index: self._count(job.name))

    def finish(self, name: str, seconds: float, error: dict[str, str] | None) -> None:
        """Show how a job has ended; cells that did not run count as done."""
        took = page.duration(seconds)
        words = f"ok, {took}" if error is None else f"FAILED ({error['kind']}), {took}: {error['message']}"
        words = words.partition("\n")[0]  # the whole message is shown at the end
        with self._lock:
            self._done[name] = self._cells[name]
            self._running.pop(name, None)
            self._show.event(f"{name}: {words}")
        self.refresh()

    def refresh(self) -> None:
        """Show the progress of all jobs."""
        with self._lock:
            rows = [("running", ", ".join(self._running)), ("time", page.duration(time.monotonic() - self._start))]
            self._show.update(sum(self._done.values()), sum(self._cells.values()), rows)

    def _count(self, name: str) -> None:
        with self._lock:
            self._done[name] = min(self._done[name] + 1, self._cells[name])
        self.refresh()


def run_notebook(
    notebook: Path | str,
    given: Mapping[str, Any] | None = None,
    *,
    output: Path | str = REPORTS,
    name: str | None = None,
    timeout: float | None = None,
    text: bool = False,
    console: Console | None = None,
) -> Result:
    """Run one notebook with parameters, publish `output`/name/ and the index, and return the result.

    With `text`, the values of `given` are text from a command line. `timeout` is in seconds for the whole notebook.

    Raises:
        Refused: the notebook, a parameter or the timeout is refused (a NotebookError), or the name or the folder cannot
            be used; nothing has been run.
    """
    path = Path(notebook)
    source = load(path)
    values = parameters.check(source, given or {}, text=text)
    chosen = files.folder_name(path.stem, values) if name is None else files.check_name(name)
    job = Job(path, source, values, chosen, check_timeout(timeout))
    return _report([job], Path(output), 1, console)[0]


def run_all(
    notebooks: Iterable[Path | str],
    *,
    output: Path | str = REPORTS,
    jobs: int | None = None,
    timeout: float | None = None,
    console: Console | None = None,
) -> list[Result]:
    """Run notebooks with their defaults, at most `jobs` at once; publish each and the index; return their results.

    Raises Refused, as `run_notebook` does, before any notebook is run. The results have the order of `notebooks`.
    """
    return _report(read_jobs(notebooks, timeout), Path(output), jobs, console)


def save_all(
    notebooks: Iterable[Path | str],
    *,
    jobs: int | None = None,
    timeout: float | None = None,
    console: Console | None = None,
) -> dict[Path, dict[str, str] | None]:
    """Run notebooks and save each with its outputs in its own file; return each notebook's error, or None, by path.

    The file of a notebook that fails stays as it was. One that succeeds is replaced in one step.
    """
    found = read_jobs(notebooks, timeout)
    before = {job.path: job.path.read_bytes() for job in found}
    for parent in {job.path.parent for job in found}:
        files.prepare(parent)

    def save(job: Job, batch: Batch) -> dict[str, str] | None:
        try:
            with files.partial(job.path.parent, job.name) as folder:
                outcome = batch.execute(job, folder)
                if outcome.error is None:
                    _save(job, before[job.path], nbformat.writes(clean(read_executed(job, folder))) + "\n")
        except Exception as problem:
            outcome = _not_written(job.path, problem)
        batch.finish(job.name, outcome.duration_seconds, outcome.error)
        return outcome.error

    return dict(zip((job.path for job in found), side_by_side(found, save, jobs, console, REPORTS), strict=True))


def _save(job: Job, before: bytes, text: str) -> None:
    """Replace the notebook's file, with its links and permissions kept, unless it is not as it was `before`."""
    if job.path.read_bytes() != before:
        raise NotebookError("it was changed while it ran, and keeps the change; run it again")
    file = job.path.resolve()
    mode = file.stat().st_mode
    files.write_text(file, text)
    file.chmod(mode)


def _not_written(place: Path, problem: Exception) -> Outcome:
    """Return the outcome of a run whose result cannot be written, as on a full disk; raise Closed if it was stopped."""
    if isinstance(problem, Closed):
        raise problem
    known = isinstance(problem, OSError | Refused)
    reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return failed("not written", f"{place}: {reason}", now(), 0.0, "" if known else traceback.format_exc())


def read_jobs(notebooks: Iterable[Path | str], timeout: float | None) -> list[Job]:
    """Return notebooks as jobs without parameters; raise NotebookError if one cannot be run, or two have one name."""
    paths = list({path.resolve(): path for path in map(Path, notebooks)}.values())
    if not paths:
        raise NotebookError("no notebooks: give their paths, or change to the folder that holds notebooks/*.ipynb")
    seconds = check_timeout(timeout)
    found = [Job(path, load(path), {}, files.folder_name(path.stem, {}), seconds) for path in paths]
    taken: dict[str, Path] = {}
    for job in found:
        other = taken.setdefault(job.name.casefold(), job.path)
        if other != job.path:
            raise NotebookError(
                f"notebooks {str(other)!r} and {str(job.path)!r}: both would write the folder {job.name!r}; rename one"
            )
    return found


def check_timeout(timeout: float | None) -> float | None:
    """Return seconds, or None for no limit; raise NotebookError if they are not above 0."""
    if timeout is not None and not 0 < timeout < threading.TIMEOUT_MAX:
        raise NotebookError(f"timeout={timeout!r}: must be a number of seconds above 0")
    return timeout


def _report(found: list[Job], output: Path, jobs: int | None, console: Console | None) -> list[Result]:
    for job in found:
        parameters.declared(job.notebook)  # raises if a declaration cannot be read
    files.prepare(output)
    files.check_index(output)
    for job in found:
        files.check_replaceable(output / job.name)

    names = [job.name for job in found]
    pages = frozenset(names) | {run["folder"] for run in page.scan(output)}

    def report(job: Job, batch: Batch) -> Result:
        place = names.index(job.name)
        before, after = (_link(found, other) for other in (place - 1, place + 1))
        try:
            with files.partial(output, job.name) as folder:
                (folder / "figures").mkdir()
                (folder / FRAMES).mkdir()
                links = page.Links(before=before, after=after, pages=pages)
                result = write_result(job, batch.execute(job, folder), folder, links)
                files.publish(folder, output / job.name)
            page.write_index(output)
        except Exception as problem:
            result = _result(job, _not_written(output / job.name, problem), {}, [])
        batch.finish(job.name, result.duration_seconds, result.error)
        return result

    return side_by_side(found, report, jobs, console, output)


def _link(found: list[Job], place: int) -> page.Link | None:
    """Return a link to the page of the job at a place, or None outside the list."""
    if not 0 <= place < len(found):
        return None
    job = found[place]
    return f"../{quote(job.name)}/report.html", title(job.notebook) or job.name


def side_by_side(
    found: list[Job], work: Callable[[Job, Batch], Any], jobs: int | None, console: Console | None, known: Path
) -> list[Any]:
    """Call work(job, batch) for each job, at most `jobs` at once, those first that took longest in the folder `known`.

    If one raises, end all of them.
    """
    if jobs is not None and jobs < 1:
        raise NotebookError(f"jobs={jobs}: must be at least 1")
    at_once = min(jobs or available_threads(), len(found))
    with display(console, "notebook cells") as show, ThreadPoolExecutor(at_once, "notebook") as pool:
        batch = Batch(found, show)
        futures = {job.name: pool.submit(work, job, batch) for job in _longest_first(found, known)}
        try:
            pending = set(futures.values())
            while pending:
                done, pending = wait(pending, timeout=REFRESH, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                batch.refresh()
        except BaseException:
            close_workers(batch.session)
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [futures[job.name].result() for job in found]


def _longest_first(found: list[Job], known: Path) -> list[Job]:
    """Sort jobs by their duration in the runs in the folder `known`; those without one come first, by file size."""
    seconds = {run["folder"]: run["duration_seconds"] for run in page.scan(known) if "duration_seconds" in run}
    expected = [(job.name not in seconds, seconds.get(job.name, job.path.stat().st_size)) for job in found]
    return [found[place] for place in sorted(range(len(found)), key=expected.__getitem__, reverse=True)]
