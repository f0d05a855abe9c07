"""Notebooks run by papermill in a worker, each in a kernel of its own."""

import contextlib
import logging
import os
import signal
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

from workbench.workers.messages import NotebookWork, Outcome, Task
from workbench.workers.worker import Run, Watcher, cause_of_death, now

LONGEST_SOCKET_FOLDER = 90  # characters; a socket's whole path may have 103
GRACE = 5.0  # seconds that code has to answer an interrupt before its kernel is killed


def notebook_runner(work: NotebookWork, timeout: float | None, watcher: Watcher) -> Run:
    """Return what runs a notebook for a task, one task at a time in a process."""

    def run(task: Task, tell: Callable[[int], object]) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="notebook-", ignore_cleanup_errors=True) as scratch:
            place = Path(work.place or scratch, "" if work.place else "result")
            if work.place is None:
                (place / "figures").mkdir(parents=True)
            os.environ.pop("WORKBENCH_FIGURES", None)
            if (place / "figures").is_dir():
                os.environ["WORKBENCH_FIGURES"] = str(place / "figures")
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


class OwnKernelManager(AsyncKernelManager):
    """Start kernels of this very interpreter, whatever kernels are installed under the name of python3."""

    kernel: ClassVar["Kernel"]  # papermill is given this class, and makes the manager itself

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.connection_file = str(self.kernel.scratch / "connection.json")
        # Sockets in a folder: with TCP, two kernels that start at once may pick the same port.
        if len(str(self.kernel.scratch)) < LONGEST_SOCKET_FOLDER:
            self.transport = "ipc"
            self.ip = str(self.kernel.scratch / "socket")

    async def start_kernel(self, **settings: Any) -> None:
        """Start the kernel, which from then on is ended with this process."""
        await super().start_kernel(**settings)
        self.kernel.watch(self.provisioner.process)

    async def shutdown_kernel(self, now: bool = False, restart: bool = False) -> None:
        """End the kernel; at once, also the processes that it has started, which it is not asked to end."""
        if now and self.has_kernel:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.provisioner.process.pid, signal.SIGKILL)
        await super().shutdown_kernel(now=now, restart=restart)

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class Kernel:
    """The process of the kernel, for what cannot wait until it answers: interrupts, death and its cause."""

    def __init__(self, scratch: Path, watcher: Watcher) -> None:
        self.scratch = scratch
        self.process = None
        self.timed_out = False
        self.finished = threading.Event()
        self.running = ""  # the source of the cell that runs now
        self._watcher = watcher
        watcher.guard(folder=str(scratch))

    def watch(self, process: Any) -> None:
        """Remember the process, once it has started."""
        self.process = process
        self._watcher.guard(process.pid, str(self.scratch))

    def run(self, cell_index: int, source: str) -> None:
        """Remember the cell that runs now."""
        self.running = f"while running cell {cell_index + 1}:\n\n{source}"

    def signal(self, number: int) -> None:
        """Send a signal to the kernel and the processes it has started, if it is alive."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)  # a kernel leads a process group of its own

    def stop_after(self, seconds: float) -> None:
        """Interrupt the kernel if it has not finished in time, and kill it if it goes on."""
        if self.finished.wait(seconds):
            return
        self.timed_out = True
        self.signal(signal.SIGINT)
        if not self.finished.wait(GRACE):
            self.signal(signal.SIGKILL)

    def end(self) -> None:
        """Say that the kernel has ended: its number may become another process's."""
        self.finished.set()
        self._watcher.guard(folder=str(self.scratch))


def _execute(
    work: NotebookWork, task: Task, place: Path, timeout: float | None, kernel: Kernel, tell: Callable[[int], object]
) -> dict[str, str] | None:
    """Run the notebook, telling of each finished cell; return what went wrong, None if nothing did.

    Papermill writes the executed notebook into `place` after every cell.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it logs is reported as the outcome
    OwnKernelManager.kernel = kernel
    source, output = kernel.scratch / "source.ipynb", place / "notebook.ipynb"
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
        message = f"Stopped after {timeout:g} seconds, the time that it may take."
        error = {"kind": "time-out", "message": message, "traceback": error["traceback"] if error else ""}
    return error


def _as_template(path: Path) -> str:
    """Return the path as papermill takes it, with braces doubled: single ones would be filled in."""
    return str(path).replace("{", "{{").replace("}", "}}")


def _exception(problem: Any, output: Path) -> dict[str, str] | None:
    """Describe a cell's exception; None where the cell was expected to raise it."""
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
