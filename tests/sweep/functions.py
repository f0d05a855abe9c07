"""Functions that the tests sweep over; each writes down that it was called where SWEEP_LOG names a file."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import optuna

Place = Annotated[float, "where [-5 .. 5]"]


def note(**what):
    """Append a line to the file that SWEEP_LOG names, in one piece."""
    if "SWEEP_LOG" in os.environ:
        handle = os.open(os.environ["SWEEP_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, (json.dumps(what) + "\n").encode())
        os.close(handle)


def hold(number):
    """Wait for good if SWEEP_HOLD or more calls were written down before this one."""
    if "SWEEP_HOLD" in os.environ:
        with open(os.environ["SWEEP_LOG"]) as file:
            numbers = [json.loads(line)["number"] for line in file]
        place = max(place for place, each in enumerate(numbers) if each == number)
        if place >= int(os.environ["SWEEP_HOLD"]):
            time.sleep(600)


def bowl(x: Place = 0.0, y: Place = 0.0, size: Annotated[int, "[1 .. 9]"] = 3, kind: Annotated[str, "[a | b]"] = "a"):
    """Return a loss whose minimum is 0, at x = 1, y = -2, size = 3, kind = a."""
    return (x - 1) ** 2 + (y + 2) ** 2 + (size - 3) ** 2 + (kind == "b")


def shuffled_bowl(trial, x: Place = 0.0, y: Place = 0.0, seed: int = 0):
    """Take a time that differs from trial to trial, so that they finish in another order than they begin."""
    note(number=trial.number, x=x, y=y)
    hold(trial.number)
    time.sleep((trial.number * 7 % 5) * 0.01)
    return {"loss": (x - 1) ** 2 + (y + 2) ** 2, "seed": seed}


def pruned_bowl(trial, x: Place = 0.0, y: Place = 0.0):
    """Report four values that fall to the loss, and stop where the pruner says so."""
    note(number=trial.number, x=x, y=y)
    hold(trial.number)
    time.sleep((trial.number * 7 % 5) * 0.01)
    loss = (x - 1) ** 2 + (y + 2) ** 2
    for step in range(4):
        trial.report(loss + (4 - step) * (1 + x % 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return loss


def seeded(seed, x: Place = 0.0):
    """Return the seed that was given."""
    return {"loss": x, "given": seed}


def seeded_within(seed: Annotated[int, "[100 .. 109]"], x: Place = 0.0):
    """Return the seed that was given, one of ten."""
    return {"loss": x, "given": seed}


def without_default(x: Place, y: float):
    """Return their sum."""
    return x + y


def unsettable(x: float = 0.0, things=None):
    """Return the number."""
    return x


def positional(x, /):
    """Return the number."""
    return x


def ending(case: str = "", trial=None):
    """End in the way that `case` names, in the first attempt or in each."""
    first = Path(os.environ.get("SWEEP_LOG", "/nowhere") + f".{case}")
    if case == "always":
        os.kill(os.getpid(), signal.SIGKILL)
    if case == "first" and not first.exists():
        first.touch()
        os._exit(3)
    if case == "sleeps":
        time.sleep(600)
    if case == "deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        sum(range(10**12))  # never out of C code
    return {"loss": float(len(case)), "pid": os.getpid()}


def stubborn(case: str = "a"):
    """Start a process, and be busy in C code, which no other thread of this process interrupts."""
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note(pid=os.getpid(), helper=helper.pid)
    if case == "busy":
        sum(range(10**12))
    time.sleep(600)


def whose(x: float = 0.0):
    """Return the process that this one was started by."""
    note(pid=os.getpid(), parent=os.getppid())
    time.sleep(0.05)
    return {"loss": x * x, "parent": os.getppid()}


def slow(trial, x: float = 0.0):
    """Take a while, and write down who started this process."""
    note(number=trial.number, pid=os.getpid(), parent=os.getppid())
    time.sleep(float(os.environ.get("SWEEP_PAUSE", "0.2")))
    return x


def wordy(trial, x: float = 0.0):
    """Return more than a small disk holds."""
    return {"loss": x, "words": "word " * 20000}
