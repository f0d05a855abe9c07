"""Run one notebook in a process of its own: `python -m workbench.report.worker`.

The job comes as one line of JSON on standard input: `notebook`, `output`, `parameters`, `timeout`, `folder`, where its
code runs, `sockets`, a folder for the kernel's, and `shutdown`, "graceful" unless it is "immediate". Standard output
carries one line of JSON per finished cell and a last one with the outcome. Standard input stays open as long as the
parent lives: when it ends, so do the kernel and this process.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec

from workbench.report.source import tags

LONGEST_SOCKET_FOLDER = 90  # characters; a socket's whole path may have 103
GRACE = 5.0  # seconds that code has to answer an interrupt before its kernel is killed


class OwnKernelManager(AsyncKernelManager):
    """Start kernels of this very interpreter, whatever kernels are installed under the name of python3."""

    latest: ClassVar["OwnKernelManager"]
    sockets: ClassVar[str] = (
        ""  # a folder for its sockets: with TCP, two kernels that start at once may pick the same port
    )

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        OwnKernelManager.latest = self
        if len(self.sockets) < LONGEST_SOCKET_FOLDER:
            self.transport = "ipc"
            self.ip = str(Path(self.sockets, "socket"))

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

    def __init__(self) -> None:
        self.process = None
        self.timed_out = False
        self.finished = threading.Event()
        self.running = ""  # the source of the cell that runs now

    def watch(self, manager: OwnKernelManager) -> None:
        """Remember the process, once it has started."""
        self.process = manager.provisioner.process

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
        """Kill the kernel and remove its sockets."""
        self.signal(signal.SIGKILL)
        shutil.rmtree(OwnKernelManager.sockets, ignore_errors=True)

    def cause_of_death(self) -> str:
        """Say how the kernel's process ended."""
        code = self.process.poll() if self.process is not None else None
        if code is None:
            return "The kernel stopped answering."
        if code >= 0:
            return f"The kernel's process ended with exit status {code}."
        hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
        return f"The kernel's process was ended by {signal.Signals(-code).name}{hint}."


def execute(job: dict, report: Any, kernel: Kernel) -> dict | None:
    """Run the job's notebook, calling report(cell_index) after each cell; return what went wrong, None if nothing did.

    The executed notebook is written to job["output"] after every cell, by papermill. One job at a time in a process.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it logs is reported as the outcome
    OwnKernelManager.sockets = job["sockets"]
    if job["timeout"]:
        threading.Thread(target=kernel.stop_after, args=(job["timeout"],), daemon=True).start()
    try:
        papermill.execute_notebook(
            _as_template(job["notebook"]),
            _as_template(job["output"]),
            parameters=job["parameters"],
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd=job["folder"],
            kernel_manager_class=OwnKernelManager,
            shutdown_kernel=job.get("shutdown", "graceful"),
            on_notebook_start=lambda notebook: kernel.watch(OwnKernelManager.latest),
            on_cell_execute=lambda cell, cell_index: kernel.run(cell_index, cell.source),
            on_cell_executed=lambda cell, cell_index, execute_reply: report(cell_index),
        )
        error = None
    except PapermillExecutionError as problem:
        error = _exception(problem, job["output"])
    except DeadKernelError:
        error = {"kind": "dead kernel", "message": kernel.cause_of_death(), "traceback": kernel.running}
    except Exception as problem:
        message = f"{type(problem).__name__}: {problem}"
        error = {"kind": "failed to run", "message": message, "traceback": traceback.format_exc()}
    finally:
        kernel.finished.set()
    if kernel.timed_out:
        message = f"Stopped after {job['timeout']:g} seconds, the time that a notebook may take."
        error = {"kind": "time-out", "message": message, "traceback": error["traceback"] if error else ""}
    return error


def _as_template(path: str) -> str:
    """Return the path as papermill takes it, with braces doubled: single ones would be filled in."""
    return path.replace("{", "{{").replace("}", "}}")


def _exception(problem: Any, output: str) -> dict | None:
    """Describe a cell's exception; None where the cell was expected to raise it."""
    import nbformat
    from nbconvert.filters import strip_ansi
    from papermill.execute import remove_error_markers

    cell = remove_error_markers(nbformat.read(output, as_version=4)).cells[problem.cell_index]
    if "raises-exception" in tags(cell):
        return None
    return {
        "kind": "exception",
        "message": strip_ansi(f"{problem.ename}: {problem.evalue}"),
        "traceback": strip_ansi("\n".join(problem.traceback)),
    }


def end_with_parent(end: Callable[[], None]) -> None:
    """Wait until standard input ends, then call `end` and end this process at once."""
    while os.read(0, 4096):
        pass
    end()
    os._exit(1)


def main() -> None:
    """Take a job from standard input, run it, and say how it goes on standard output."""
    # What the kernel and libraries print goes to standard error; the original output is for messages alone.
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(**message: Any) -> None:
        print(json.dumps(message), file=messages, flush=True)

    job = json.loads(sys.stdin.readline())
    kernel = Kernel()
    threading.Thread(target=end_with_parent, args=(kernel.end,), daemon=True).start()
    start = time.perf_counter()
    error = execute(job, lambda cell_index: send(cell=cell_index), kernel)
    send(error=error, duration=time.perf_counter() - start)


if __name__ == "__main__":
    main()
