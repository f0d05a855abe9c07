"""The process that runs a notebook or a function: `python -m workbench.workers.worker SOCKET`.

SOCKET is the number of an open socket. A Setup comes over it first, and True goes back. Then comes one Task at a time;
for each, the index of every finished cell of a notebook goes back, and at last an Outcome. Standard input carries
nothing; it stays open as long as the parent lives.
"""

import contextlib
import datetime
import faulthandler
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from workbench.workers.messages import FunctionWork, Outcome, Setup, Task, failed

IDLE = 600.0  # seconds without a task after which the process ends: on a cluster nobody else would end it

Run = Callable[[Task, Callable[[int], object]], Outcome]  # it tells the second argument of each finished cell

WATCH = """
import os, select, sys
worker, pipe, said, ready = int(sys.argv[1]), int(sys.argv[2]), b"0 \\n", []
while 0 not in ready:
    ready = select.select([0, pipe], [], [])[0]
    if pipe in ready:
        more = os.read(pipe, 65536)
        if not more:
            break
        said = more
kernel, _, folder = said.decode().splitlines()[-1].partition(" ")
for group in filter(None, (int(kernel), worker)):
    try:
        os.killpg(group, 9)
    except ProcessLookupError:
        pass
if folder:
    import shutil
    shutil.rmtree(folder, ignore_errors=True)
"""


class Watcher:
    """A process that ends this one, and all that it has started, once its standard input ends or it ends itself.

    Standard input ends with the parent. A thread could not do this: a function may be busy in C code that lets no other
    thread run.
    """

    def __init__(self) -> None:
        theirs, self._pipe = os.pipe()  # this process alone holds the end that is written to
        command = [sys.executable, "-IS", "-c", WATCH, str(os.getpgid(0)), str(theirs)]
        self._process = subprocess.Popen(command, pass_fds=[theirs], process_group=0)
        os.close(theirs)

    def guard(self, kernel: int = 0, folder: str = "") -> None:
        """Name the kernel's process group to kill as well, and the folder to remove; without arguments, none."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, f"{kernel} {folder}\n".encode())


def now() -> str:
    """Return the time in UTC, to the millisecond."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def error_of(problem: BaseException) -> dict[str, str]:
    """Return an exception as an Outcome's error: its traceback begins below the function that caught it."""
    lines = traceback.format_exception(type(problem), problem, problem.__traceback__.tb_next)
    message = f"{type(problem).__name__}: {problem}"
    return {"kind": "exception", "message": writable(message), "traceback": writable("".join(lines))}


def cause_of_death(who: str, code: int | None) -> str:
    """Say how a process ended, by its return code; None where it has not, but no longer answers."""
    if code is None:
        return f"{who} stopped answering."
    if code >= 0:
        return f"{who} ended with exit status {code}."
    hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
    return f"{who} was ended by {signal.Signals(-code).name}{hint}."


def writable(text: str) -> str:
    """Return text that a file can hold: of a name that could not be decoded, say, half a character is left."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _prepare(setup: Setup, watcher: Watcher) -> Run:
    """Return what runs the tasks of a setup."""
    sys.path[:] = dict.fromkeys([*setup.path, *sys.path])
    if isinstance(setup.work, FunctionWork):
        function = pickle.loads(setup.work.pickled)
        return lambda task, tell: function(task)
    from workbench.workers.notebook import notebook_runner  # what reads notebooks takes a second to import

    return notebook_runner(setup.work, setup.timeout, watcher)


def _fail_each(problem: Exception) -> Run:
    """Return what fails every task, since the setup could not be used, as where a module is not installed."""
    error = error_of(problem)
    return lambda task, tell: failed("set-up", error["message"], now(), 0.0, error["traceback"])


def main() -> None:
    """Take a setup and tasks, and send an outcome for each."""
    faulthandler.enable()
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
