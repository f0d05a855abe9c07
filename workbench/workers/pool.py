"""Workers seen from their parent: started, given tasks, and ended.

An executor of any kind calls `run_task` in threads or processes of its own. Each of those threads keeps one worker and
gives it task after task: a task that crashes, hangs or eats the memory takes along that worker alone.
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

LOG_TAIL = 4000  # characters of what a worker printed that are shown with an error
MARGIN = 15.0  # seconds beyond its time that a notebook has to be stopped in good order, before its process is killed
PATIENCE = 10.0  # seconds that a worker has to end once it is told to
ATTEMPTS = 2
RETRIED = ("lost process", "dead kernel")
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "WORKBENCH_NUM_THREADS")

Tell = Callable[[int], object]  # is told the index of each finished cell


class Lost(Exception):
    """A worker has ended without an answer."""


class Closed(Exception):
    """A worker was ended on purpose, or not even started: its session has ended."""


class Worker:
    """One process that runs the tasks of one setup."""

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
            # Appended to, so that it can be emptied under the worker's hands.
            self._log = tempfile.TemporaryFile("a+", encoding="utf-8", errors="replace")  # noqa: SIM115
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workbench.workers.worker", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
                env=_environment(setup),
                start_new_session=True,  # Ctrl-C reaches this process alone, which then ends its workers
            )
            _workers.add(self)
        self._connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # dead already: the first task finds out
            self._connection.send(setup)

    def run(self, task: Task, tell: Tell) -> Outcome:
        """Run one task; a process that ends or takes too long is a failure, after which the worker has ended.

        Raises:
            Closed: the session has ended.
        """
        started, start = now(), time.perf_counter()
        try:
            outcome = self._ask(task, tell)
        except TimeoutError:
            self.end()
            message = f"Stopped after {self._timeout:g} seconds, the time that it may take."
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
        """Close the worker's standard input, whereupon its watcher ends it."""
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self) -> None:
        """End the process and all that it has started."""
        with _registry:
            _workers.discard(self)
        self.tell_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE)
        if self.process.returncode is None:  # not waited for yet: its number cannot have become another's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._connection.close()
        self._log.close()

    def _ask(self, task: Task, tell: Tell) -> Outcome:
        try:
            self._log.truncate(0)
            if not self._is_ready:  # what it takes to start is not the task's time
                self._is_ready = self._connection.recv()
            self._connection.send(task)
            end = None if self._timeout is None else time.monotonic() + self._timeout + MARGIN * self._is_notebook
            while self._connection.poll(None if end is None else max(0.0, end - time.monotonic())):
                answer = self._connection.recv()
                if isinstance(answer, Outcome):
                    return answer
                tell(answer)
        except (EOFError, OSError, ValueError):  # the last two where the worker is being ended meanwhile
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
    """Run one task in a worker of its own, which has ended afterwards."""
    worker = Worker(setup)
    try:
        return worker.run(task, tell)
    finally:
        worker.end()


def run_task(setup: Setup, task: Task) -> Outcome:
    """Run one task in this thread's worker; once more if the process is lost."""
    for attempt in range(1, ATTEMPTS + 1):
        outcome = dataclasses.replace(_own_worker(setup).run(task, lambda cell_index: None), attempts=attempt)
        if outcome.error is None or outcome.error["kind"] not in RETRIED:
            break
    return outcome


def close_workers(session: str) -> None:
    """End the workers of a session in this process, for good; tasks that they run raise Closed."""
    with _registry:
        _closed.add(session)
        closing = [worker for worker in _workers if worker.session == session]
    for worker in closing:
        worker.tell_to_end()
    for worker in closing:
        worker.end()


def _own_worker(setup: Setup) -> Worker:
    """Return this thread's worker, a new one where it has none of this session."""
    worker = getattr(_own, "worker", None)
    if worker is None or worker.session != setup.session or worker.process.poll() is not None:
        if worker is not None:
            worker.end()
        _own.worker = worker = Worker(setup)
    return worker


def _environment(setup: Setup) -> dict[str, str]:
    """Return the environment of a worker: its share of the threads, unless the user has said otherwise."""
    threads = {} if setup.threads is None else {name: str(setup.threads) for name in THREAD_SETTINGS}
    return {**threads, **os.environ, "PYTHONFAULTHANDLER": "1"}
