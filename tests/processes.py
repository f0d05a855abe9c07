"""Helpers of the tests of processes: start the command so that it can be killed, and see which processes have ended."""

import signal
import subprocess
import sys
import time

import psutil


def workbench(*arguments, **settings) -> subprocess.Popen:
    """Start the command so that ctrl-C stops it as in a terminal; a shell's background jobs would ignore ctrl-C."""
    command = [sys.executable, "-m", "workbench", *map(str, arguments)]
    settings["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **settings)


def wait_until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def has_ended(process: int) -> bool:
    """Tell whether a process has ended; a zombie counts as ended."""
    try:
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def below(process: subprocess.Popen) -> list[int]:
    """Return the children of a process, their children, and so on."""
    return [each.pid for each in psutil.Process(process.pid).children(recursive=True)]
