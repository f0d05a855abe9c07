"""The worker process, which runs a notebook or a function: `python -m workbench.workers.worker SOCKET`.

SOCKET is the number of an open socket. The worker first receives a Setup and answers True. Then it receives one Task at
a time. For each, it sends the index of every finished cell of a notebook, and at last an Outcome. Standard input
carries nothing; it stays open as long as the parent process lives.
"""

import contextlib
import datetime
import faulthandler
import json
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from workbench.workers.messages import FunctionWork, Outcome, Setup, Task, failed

IDLE = 600.0  # seconds; a worker without a task for that long ends, since on a cluster nobody else would end it

Run = Callable[[Task, Callable[[int], object]], Outcome]  # calls its second argument with each finished cell's index

WATCH = """
import json, os, select, sys
worker, pipe, said, ready = int(sys.argv[1]), int(sys.argv[2]), b"[0, null]\\n", []
while 0 not in ready:
    ready = select.select([0, pipe], [], [])[0]
    if pipe in ready:
        more = os.read(pipe, 65536)
        if not more:
            break
        said = more
kernel, folder = json.loads(said.splitlines()[-1])
for group in filter(None, (kernel, worker)):
    try:
        os.killpg(group, 9)
    except ProcessLookupError:
        pass
if folder:
    import shutil
    shutil.rmtree(folder, ignore_errors=True)
"""


class Watcher:
    """A process that kills this worker and all it has started, when its standard input closes or this worker ends.

    Standard input closes when the parent ends. A thread could not do this: a function may run C code that lets no other
    thread run.
    """

    def __init__(self) -> None:
        theirs, self._pipe = os.pipe()  # only this process holds the writing end
        command = [sys.executable, "-IS", "-c", WATCH, str(os.getpgid(0)), str(theirs)]
        self._process = subprocess.Popen(command, pass_fds=[theirs], process_group=0)
        os.close(theirs)

    def guard(self, kernel: int = 0, folder: str = "") -> None:
        """Set the kernel's process group to kill as well, and the folder to remove; without arguments, neither."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, json.dumps([kernel, folder]).encode() + b"\n")  # no path can look like another


def now() -> str:
    """Return the current time in UTC as ISO text, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def error_of(problem: BaseException) -> dict[str, str]:
    """Return an exception as an Outcome's error; the traceback leaves out the function that caught it."""
    lines = traceback.format_exception(type(problem), problem, problem.__traceback__.tb_next)
    message = f"{type(problem).__name__}: {problem}"
    return {"kind": "exception", "message": writable(message), "traceback": writable("".join(lines))}


def cause_of_death(who: str, code: int | None) -> str:
    """Return in words how a process ended, from its return code; None means that it does not answer any more."""
    if code is None:
        return f"{who} stopped answering."
    if code >= 0:
        return f"{who} ended with exit status {code}."
    hint = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
    return f"{who} was ended by {signal.Signals(-code).name}{hint}."


def writable(text: str) -> str:
    """Return text that a file can hold: surrogates, as in a file name that could not be decoded, are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def without_grammar() -> None:
    """Spare a process that reads notebooks the 1.3 s in which jsonschema builds a grammar for international URLs.

    Notebooks have none to check. jsonschema does without the package that is hidden here.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def _prepare(setup: Setup, watcher: Watcher) -> Run:
    """Return the function that runs the tasks of a setup."""
    sys.path[:] = dict.fromkeys([*setup.path, *sys.path])
    if isinstance(setup.work, FunctionWork):
        function = pickle.loads(setup.work.pickled)
        return lambda task, tell: function(task)
    without_grammar()
    from workbench.workers.notebook import notebook_runner  # imports nbformat and more, which takes a second

    return notebook_runner(setup.work, setup.timeout, watcher)


def _fail_each(problem: Exception) -> Run:
    """Return a function that fails every task, since the setup raised `problem`, such as a missing module."""
    error = error_of(problem)
    return lambda task, tell: failed("set-up", error["message"], now(), 0.0, error["traceback"])


def main() -> None:
    """Receive a setup and tasks, and send an outcome for each task."""
    faulthandler.enable()
    sys.stdout.reconfigure(errors="backslashreplace")  # a function may print what the encoding lacks
    watcher = Watcher()
    connection = Connection(int(sys.argv[1]))
    try:
        run = _prepare(connection.recv(), watcher)
    except Exception as problem:
        run = _fail_each(problem)
    connection.send(True)
    while connection.poll(IDLE):
        try:
            task = connection.recv()
        except EOFError:
            return
        connection.send(run(task, connection.send))


if __name__ == "__main__":
    main()
