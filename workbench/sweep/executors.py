"""What runs trials: processes on this machine, a Dask cluster, any other executor, or this very process."""

import contextlib
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from workbench.parallel import available_threads
from workbench.sweep.definition import SweepError, SweepStopped
from workbench.workers.messages import Outcome, Setup, Task, failed
from workbench.workers.pool import run_task
from workbench.workers.worker import now


@contextlib.contextmanager
def opened(executor: Executor | None, scheduler: str | None, jobs: int | None) -> Iterator[tuple[Executor, int]]:
    """Give what runs trials, and how many at once."""
    if executor is not None:
        yield executor, jobs or available_threads()
    elif scheduler is not None:
        with _dask(scheduler) as client:
            yield client.get_executor(pure=False), jobs or max(1, sum(client.nthreads().values()))
    else:
        at_once = jobs or available_threads()
        with ThreadPoolExecutor(at_once, thread_name_prefix="trial") as pool:  # each thread has a process of its own
            yield pool, at_once


def _dask(scheduler: str) -> Any:
    from distributed import Client

    try:
        return Client(scheduler, timeout=10)
    except (OSError, ValueError) as problem:
        raise SweepError(f"scheduler={scheduler!r}: cannot be reached ({problem})") from None


class InProcess(Executor):
    """Run trials of a function in this process, at once."""

    _run: Callable[[Task], Outcome] | None = None

    def submit(self, run: Callable, /, setup: Setup, task: Task) -> Future:
        """Run the task instead of `run`, which would start a process; the Future is done."""
        self._run = self._run or pickle.loads(setup.work.pickled)
        future: Future = Future()
        future.set_result(self._run(task))
        return future


def submit(executor: Executor, setup: Setup, task: Task) -> Future:
    """Hand a trial to an executor, or raise SweepStopped where it takes no more."""
    try:
        return executor.submit(run_task, setup, task)
    except (RuntimeError, OSError) as problem:  # shut down, broken, or its cluster is gone
        raise _broken(problem) from None


def outcome_of(future: Future) -> Outcome:
    """Return how a trial has ended; where its executor lost it, as a failure."""
    if future.cancelled():
        raise _broken(CancelledError("a trial was cancelled"))
    problem = future.exception()
    if problem is None:
        return future.result()
    if isinstance(problem, BrokenProcessPool):
        raise _broken(problem)
    return failed("lost worker", f"{type(problem).__name__}: {problem}", now(), 0.0)


def _broken(problem: Exception) -> SweepStopped:
    return SweepStopped(f"the executor takes no more trials ({type(problem).__name__}: {problem})")
