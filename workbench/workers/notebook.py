"""Run notebooks with papermill in a worker process, each in its own kernel."""

import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import nbformat
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec

from workbench.workers.messages import FRAMES, RECORDED, NotebookWork, Outcome, Task
from workbench.workers.worker import Run, Watcher, cause_of_death, now

LONGEST_SOCKET_FOLDER = 90  # characters; the whole path of a socket may have at most 103
DRAIN = 3600  # seconds; a run fails if a finished cell's last outputs have not arrived by then
OWN_DATA = "data"  # the parameter for a file of the reader's own, of which figures do not speak
GRACE = 5.0  # seconds; a kernel that still runs that long after an interrupt is killed


def notebook_runner(work: NotebookWork, timeout: float | None, watcher: Watcher) -> Run:
    """Return a function that runs the notebook for one task; a process runs one task at a time."""

    def run(task: Task, tell: Callable[[int], object]) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="notebook-", ignore_cleanup_errors=True) as scratch:
            place = Path(work.place or scratch, "" if work.place else "result")
            if work.place is None:
                (place / "figures").mkdir(parents=True)
            for variable, kept in (("WORKBENCH_FIGURES", "figures"), ("WORKBENCH_FRAMES", FRAMES)):
                os.environ.pop(variable, None)
                if (place / kept).is_dir():
                    os.environ[variable] = str(place / kept)
            os.environ["WORKBENCH_METRICS"] = str(place / RECORDED)
            given = (f"{name} = {value}" for name, value in task.parameters.items() if name != OWN_DATA)
            os.environ["WORKBENCH_PARAMETERS"] = ", ".join(given)
            kernel = Kernel(Path(scratch), watcher)
            started, start = now(), time.perf_counter()
            error = _execute(work, task, place, timeout, kernel, tell)
            seconds = round(time.perf_counter() - start, 6)
            outcome = Outcome("ok" if error is None else "failed", started, seconds, error=error)
            if work.finish is not None:
                outcome = work.finish(work, task, outcome, place)
        watcher.guard()
        return outcome

    return run


class LocalKernelManager(AsyncKernelManager):
    """Start kernels with this interpreter, even if another kernel is installed under the name python3."""

    def keep_in(self, folder: Path) -> None:
        """Keep the connection file in a folder, and the sockets too.

        With TCP, two kernels that start at the same time may pick the same port, and other users could listen.
        """
        self.connection_file = str(folder / "connection.json")
        if len(str(folder)) < LONGEST_SOCKET_FOLDER:
            self.transport = "ipc"
            self.ip = str(folder / "socket")

    @property
    def kernel_spec(self) -> KernelSpec:
        command = [sys.executable, str(Path(__file__).with_name("kernel.py")), "-f", "{connection_file}"]
        return KernelSpec(**{**get_kernel_dict(), "argv": command})

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """End the kernel; with `now`, kill it and the processes that it has started, without asking it."""
        if now and self.has_kernel:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.provisioner.process.pid, signal.SIGKILL)
        await super().shutdown_kernel(now=now, restart=restart)


class OwnKernelManager(LocalKernelManager):
    """Start kernels that are watched and ended together with this process."""

    kernel: ClassVar["Kernel"]  # a class attribute, since papermill makes the instance from this class

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.keep_in(self.kernel.scratch)

    async def start_kernel(self, **settings: Any) -> None:
        """Start the kernel; from then on, it is ended when this process ends."""
        await super().start_kernel(**settings)
        self.kernel.watch(self.provisioner.process)


class Kernel:
    """The kernel's process, for actions that do not wait for its answer: interrupt it, kill it, see why it ended."""

    def __init__(self, scratch: Path, watcher: Watcher) -> None:
        self.scratch = scratch
        self.process = None
        self.timed_out = False
        self.finished = threading.Event()
        self.running = ""  # the number and source of the current cell
        self._watcher = watcher
        watcher.guard(folder=str(scratch))

    def watch(self, process: Any) -> None:
        """Store the process, after it has started."""
        self.process = process
        self._watcher.guard(process.pid, str(self.scratch))

    def run(self, cell_index: int, source: str) -> None:
        """Store the number and source of the current cell."""
        self.running = f"while running cell {cell_index + 1}:\n\n{source}"

    def signal(self, number: int) -> None:
        """Send a signal to the kernel and the processes that it has started, if the kernel is alive."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)  # a kernel has its own process group

    def stop_after(self, seconds: float) -> None:
        """Interrupt the kernel if it has not finished after `seconds`, and kill it if it does not stop within GRACE."""
        if self.finished.wait(seconds):
            return
        self.timed_out = True
        self.signal(signal.SIGINT)
        if not self.finished.wait(GRACE):
            self.signal(signal.SIGKILL)

    def end(self) -> None:
        """Note that the kernel has ended; the system may now give its process number to another process."""
        self.finished.set()
        self._watcher.guard(folder=str(self.scratch))


def _execute(
    work: NotebookWork, task: Task, place: Path, timeout: float | None, kernel: Kernel, tell: Callable[[int], object]
) -> dict[str, str] | None:
    """Run the notebook, and call `tell` for each finished cell; return the error, or None if there is none.

    Papermill writes the executed notebook into `place` after every cell.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # the outcome reports what it logs
    OwnKernelManager.kernel = kernel
    link = kernel.scratch / "place"  # papermill writes its path into the notebook, so it must be UTF-8
    link.symlink_to(place.absolute())
    source, output = kernel.scratch / "source.ipynb", link / "notebook.ipynb"
    source.write_text(work.text, encoding="utf-8")
    if timeout:
        threading.Thread(target=kernel.stop_after, args=(timeout,), daemon=True).start()
    try:
        papermill.execute_notebook(
            _as_template(source),
            _as_template(output),
            parameters=task.parameters,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=work.folder if os.path.isdir(work.folder) else str(place),
            kernel_manager_class=OwnKernelManager,
            shutdown_kernel=work.shutdown,
            iopub_timeout=DRAIN,
            on_cell_execute=lambda cell, cell_index: kernel.run(cell_index, cell.source),
            on_cell_executed=lambda cell, cell_index, execute_reply: tell(cell_index),
        )
        error = None
    except PapermillExecutionError as problem:
        error = _exception(problem, output)
    except DeadKernelError:
        message = cause_of_death("The kernel's process", kernel.process and kernel.process.poll())
        error = {"kind": "dead kernel", "message": message, "traceback": kernel.running}
    except Exception as problem:
        message = f"{type(problem).__name__}: {problem}"
        error = {"kind": "failed to run", "message": message, "traceback": traceback.format_exc()}
    finally:
        kernel.end()
    if kernel.timed_out:
        message = f"Stopped after its time limit of {timeout:g} seconds."
        error = {"kind": "time-out", "message": message, "traceback": error["traceback"] if error else ""}
    return error


def _as_template(path: Path) -> str:
    """Return the path with braces doubled, since papermill replaces single braces by parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _exception(problem: Any, output: Path) -> dict[str, str] | None:
    """Return a cell's exception as an error, or None if the cell has the tag `raises-exception`."""
    from nbconvert.filters import strip_ansi
    from papermill.execute import remove_error_markers

    cell = remove_error_markers(nbformat.read(output, as_version=4)).cells[problem.cell_index]
    if "raises-exception" in cell.metadata.get("tags", []):
        return None
    return {
        "kind": "exception",
        "message": strip_ansi(f"{problem.ename}: {problem.evalue}"),
        "traceback": strip_ansi("\n".join(problem.traceback)),
    }
