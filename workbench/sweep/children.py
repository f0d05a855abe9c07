"""The processes that run trials, seen from their parent, and the one function that executors call.

An executor of any kind calls `run_trial` in threads or processes of its own. Each of those threads keeps one child
process and gives it task after task: a trial that crashes, hangs or eats the memory takes along that child alone.
"""

import contextlib
import dataclasses
import datetime
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing.connection import Connection

from workbench.sweep.messages import Outcome, Setup, Task, failed

LOG_TAIL = 4000  # characters of what a child printed that are shown with its death
MARGIN = 15.0  # seconds beyond its time that a notebook has to be stopped in good order, before its process is killed
PATIENCE = 5.0  # seconds that a child has to end once it is told to
ATTEMPTS = 2
RETRIED = ("lost process", "dead kernel")
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "WORKBENCH_NUM_THREADS")


class Lost(Exception):
    """A child has ended without an answer."""


class Closed(Exception):
    """A child was ended on purpose: its sweep stops."""


class Child:
    """One process that runs trials of one sweep."""

    def __init__(self, setup: Setup):
        self.session = setup.session
        self.closed = False
        self._is_ready = False
        self._ends_itself = setup.stops_itself
        # Appended to, so that it can be emptied under the child's hands.
        self._log = tempfile.TemporaryFile("a+", encoding="utf-8", errors="replace")  # noqa: SIM115
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workbench.sweep.child", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[theirs.fileno()],
                env=_environment(setup),
                start_new_session=True,  # Ctrl-C reaches the sweep alone, which then ends its children
            )
        self._connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # dead already: the first task finds out
            self._connection.send(setup)
        with _registry:
            _children.add(self)
            self.closed = self.session in _closed

    def run(self, task: Task, timeout: float | None) -> Outcome:
        """Run one trial; raise TimeoutError after `timeout` seconds, Lost if the process ends."""
        if self.closed:
            raise Closed
        self._log.truncate(0)
        try:
            if not self._is_ready:  # what it takes to start is not the trial's time
                self._is_ready = self._connection.recv()
            self._connection.send(task)
            if not self._connection.poll(timeout):
                raise TimeoutError
            return self._connection.recv()
        except (EOFError, OSError) as problem:
            if isinstance(problem, TimeoutError):
                raise
            if self.closed:
                raise Closed from None
            raise Lost(self._cause_of_death()) from None

    def end(self) -> None:
        """End the process and what it has started; one that runs notebooks is given time to end their kernel."""
        with _registry:
            _children.discard(self)
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        if self._ends_itself:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
        if self.process.returncode is None:  # not waited for yet: its number cannot have become another's
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._connection.close()
        self._log.close()

    def close(self) -> None:
        """Tell the process to end: its sweep stops."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def _cause_of_death(self) -> str:
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return "The process that ran the trial stopped answering."
        self._log.seek(0)
        said = self._log.read().strip()[-LOG_TAIL:]
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
        return f"The process that ran the trial {how}." + (f"\n\n{said}" if said else "")


_children: set[Child] = set()
_closed: set[str] = set()
_registry = threading.Lock()
_own = threading.local()


def run_trial(setup: Setup, task: Task) -> Outcome:
    """Run one trial in this thread's child process; once more if the process is lost."""
    started, start = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"), time.perf_counter()
    for attempt in range(1, ATTEMPTS + 1):
        outcome = dataclasses.replace(_attempt(setup, task, started, start), attempts=attempt)
        if outcome.error is None or outcome.error["kind"] not in RETRIED:
            break
    return outcome


def close_children(session: str) -> None:
    """End the children of a session in this process, for good; trials that they run raise Closed."""
    with _registry:
        _closed.add(session)
        closing = [child for child in _children if child.session == session]
    for child in closing:
        child.close()
    for child in closing:
        child.end()


def _attempt(setup: Setup, task: Task, started: str, start: float) -> Outcome:
    child = _own_child(setup)
    limit = setup.timeout
    if limit is not None and setup.stops_itself:
        limit += MARGIN
    try:
        return child.run(task, limit)
    except TimeoutError:
        _discard(child)
        message = f"Stopped after {setup.timeout:g} seconds, the time that a trial may take."
        return failed("time-out", message, started, time.perf_counter() - start)
    except Lost as problem:
        _discard(child)
        message, _, said = str(problem).partition("\n\n")
        return failed("lost process", message, started, time.perf_counter() - start, said)


def _own_child(setup: Setup) -> Child:
    """Return this thread's child, a new one where it has none of this sweep."""
    child = getattr(_own, "child", None)
    if child is not None and (child.session != setup.session or child.process.poll() is not None):
        _discard(child)
        child = None
    if child is None:
        child = _own.child = Child(setup)
    return child


def _discard(child: Child) -> None:
    _own.child = None
    child.end()


def _environment(setup: Setup) -> dict[str, str]:
    """Return the environment of a child: its share of the threads, unless the user has said otherwise."""
    threads = {name: str(setup.threads) for name in THREAD_SETTINGS}
    return {**threads, **os.environ, "PYTHONFAULTHANDLER": "1"}
