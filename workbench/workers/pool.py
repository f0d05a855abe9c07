"""Start worker processes, give them tasks, and end them, from the parent process.

An executor of any kind calls `run_task` in its own threads or processes. Each of these threads keeps one worker and
gives it one task after another. A task that crashes, hangs or uses up the memory ends only its worker.
"""

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from workbench.workers.messages import NotebookWork, Outcome, Setup, Task, failed
from workbench.workers.worker import cause_of_death, now

LOG_TAIL = 4000  # last characters of a worker's output that are shown with an error
MARGIN = 15.0  # seconds; a notebook's worker that has not answered that long after the time-out is ended
PATIENCE = 10.0  # seconds; a worker that has not ended by then is killed
ATTEMPTS = 2
RETRIED = ("lost process", "dead kernel")
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "WORKBENCH_NUM_THREADS")

Tell = Callable[[int], object]  # called with the index of each finished cell


class Lost(Exception):
    """A worker has ended without an answer."""


class Closed(Exception):
    """A worker was ended on purpose, or not started, because its session has ended."""


class Worker:
    """A worker process that runs the tasks of one setup."""

    def __init__(self, setup: Setup):
        self.session = setup.session
        self._is_notebook = isinstance(setup.work, NotebookWork)
        self._timeout = setup.timeout
        self._is_ready = False
        ours, theirs = socket.socketpair()
        with theirs, _registry:
            if setup.session in _closed:
                ours.close()
                raise Closed
            # Append mode: the parent can empty the file while the worker writes to it.
            self._log = tempfile.TemporaryFile("a+", encoding="utf-8", errors="replace")  # noqa: SIM115
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workbench.workers.worker", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
                env=_environment(setup),
                start_new_session=True,  # Ctrl-C reaches only the parent, which then ends its workers
            )
            _workers.add(self)
        self._connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # the process has ended already: the first task finds out
            self._connection.send(setup)

    def run(self, task: Task, tell: Tell) -> Outcome:
        """Run one task; if the process ends or takes too long, the task has failed and the worker is ended.

        Raises:
            Closed: the session has ended.
        """
        started, start = now(), time.perf_counter()
        try:
            outcome = self._ask(task, tell)
        except TimeoutError:
            self.end()
            message = f"Stopped after its time limit of {self._timeout:g} seconds."
            return failed("time-out", message, started, time.perf_counter() - start)
        except Lost as problem:
            said = self._said()
            self.end()
            return failed("lost process", str(problem), started, time.perf_counter() - start, said)
        if outcome.error is not None and outcome.error["kind"] in ("dead kernel", "time-out", "failed to run"):
            both = f"{outcome.error['traceback']}\n\n{self._said()}".strip()
            outcome = dataclasses.replace(outcome, error={**outcome.error, "traceback": both})
        return outcome

    def tell_to_end(self) -> None:
        """Close the worker's standard input, so that its watcher ends it."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self) -> None:
        """End the process and all processes that it has started."""
        with _registry:
            _workers.discard(self)
        self.tell_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        if self.process.returncode is None:  # not waited for, so its number still belongs to it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._connection.close()
        self._log.close()

    def _ask(self, task: Task, tell: Tell) -> Outcome:
        try:
            self._log.truncate(0)
            if not self._is_ready:  # the time to start does not count as the task's time
                self._is_ready = self._connection.recv()
            self._connection.send(task)
            end = None if self._timeout is None else time.monotonic() + self._timeout + MARGIN * self._is_notebook
            while self._connection.poll(None if end is None else max(0.0, end - time.monotonic())):
                answer = self._connection.recv()
                if isinstance(answer, Outcome):
                    return answer
                tell(answer)
        except (EOFError, OSError, ValueError):  # the last two if another thread ends the worker
            if self.session in _closed:
                raise Closed from None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
            raise Lost(cause_of_death("The process that ran it", self.process.returncode)) from None
        raise TimeoutError

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read().strip()[-LOG_TAIL:]


_workers: set[Worker] = set()
_closed: set[str] = set()
_registry = threading.Lock()
_own = threading.local()


def run_alone(setup: Setup, task: Task, tell: Tell) -> Outcome:
    """Run one task in a new worker, and end the worker afterwards."""
    worker = Worker(setup)
    try:
        return worker.run(task, tell)
    finally:
        worker.end()


def run_task(setup: Setup, task: Task) -> Outcome:
    """Run one task in this thread's worker; run it once more if the process or its kernel is lost."""
    for attempt in range(1, ATTEMPTS + 1):
        outcome = dataclasses.replace(_own_worker(setup).run(task, lambda cell_index: None), attempts=attempt)
        if outcome.error is None or outcome.error["kind"] not in RETRIED:
            break
    return outcome


def close_workers(session: str) -> None:
    """End the workers of a session in this process, and start no more; the tasks that they run raise Closed."""
    with _registry:
        _closed.add(session)
        closing = [worker for worker in _workers if worker.session == session]
    for worker in closing:
        worker.tell_to_end()
    for worker in closing:
        worker.end()


def _own_worker(setup: Setup) -> Worker:
    """Return this thread's worker; start a new one unless it has a living one of the setup's session."""
    worker = getattr(_own, "worker", None)
    if worker is None or worker.session != setup.session or worker.process.poll() is not None:
        if worker is not None:
            worker.end()
        _own.worker = worker = Worker(setup)
    return worker


def _environment(setup: Setup) -> dict[str, str]:
    """Return a worker's environment, with its number of threads where the user's environment does not set one.

    It leaves out the file of metrics of a notebook that this process may be running. WORKBENCH_FROM is the folder where
    the user's own files are, as kernels run in the folder of their notebook.
    """
    threads = {} if setup.threads is None else {name: str(setup.threads) for name in THREAD_SETTINGS}
    ours = {name: value for name, value in os.environ.items() if name != "WORKBENCH_METRICS"}
    with contextlib.suppress(FileNotFoundError):  # the folder has been removed meanwhile
        ours.setdefault("WORKBENCH_FROM", os.getcwd())
    return {**threads, **ours, "PYTHONFAULTHANDLER": "1"}
