"""Threads for kernels: independent jobs shared between the caller and a pool.

Kernels are compiled to release the interpreter's lock, so plain Python threads run them side by side. That
needs no OpenMP and no TBB: it is safe from any number of calling threads, in spawned workers and in forked
children, and gives the same result at every thread count because a job's work does not depend on who does it.
"""

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

SMALL = 1 << 15  # elements; below this, waking a thread costs more than the work it would do
LARGE = 1 << 20  # elements; from this on it costs less, whatever is done to them
WORTH_WAKING = 2e-4  # seconds of work left, between the two; waking an idle core can take half of that
CHUNKS_PER_THREAD = 4  # more than one, so that a thread that is held up does not hold up the call

_limit: ContextVar[int | None] = ContextVar("thread_limit", default=None)
_pool: ThreadPoolExecutor | None = None


def available_threads() -> int:
    """Return the threads that this process may use: WORKBENCH_NUM_THREADS, else the processors granted to it."""
    setting = os.environ.get("WORKBENCH_NUM_THREADS", "")
    if setting:
        if not setting.isdecimal() or int(setting) < 1:
            raise ValueError(f"WORKBENCH_NUM_THREADS={setting!r}: must be a whole number, at least 1")
        return int(setting)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Use at most `threads` threads a call within the block, in this Python thread alone."""
    if threads < 1:
        raise ValueError(f"threads={threads}: must be at least 1")
    token = _limit.set(threads)
    try:
        yield
    finally:
        _limit.reset(token)


def run(work: Callable[[int, int], None], jobs: int, elements: int) -> None:
    """Call `work(start, stop)` over ranges that cover 0..jobs, on several threads where `elements` make it worth while.

    The caller takes part, so a pool that is busy with other calls delays nothing and cannot deadlock. Between SMALL and
    LARGE it does the first range alone, and asks for help where the others will take WORTH_WAKING at that pace.
    """
    threads = min(_limit.get() or available_threads(), jobs)
    if threads <= 1 or elements < SMALL:
        if jobs:
            work(0, jobs)
        return
    chunks = min(jobs, threads * CHUNKS_PER_THREAD)
    done = 0
    if elements < LARGE:
        done, first, begin = 1, jobs // chunks, time.perf_counter()
        work(0, first)
        if (time.perf_counter() - begin) * (chunks - 1) < WORTH_WAKING:
            work(first, jobs)
            return
    ranges = deque((jobs * i // chunks, jobs * (i + 1) // chunks) for i in range(done, chunks))

    def drain() -> None:
        while True:
            try:
                start, stop = ranges.popleft()
            except IndexError:
                return
            work(start, stop)

    helpers = [_executor().submit(drain) for _ in range(threads - 1)]
    try:
        drain()
    finally:
        ranges.clear()
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def parallel_part(jobs: int, elements: int, seconds: float, threads: int) -> tuple[float, float]:
    """Return how `run` would share out work that takes one thread `seconds`.

    Returns:
        The part that the caller does alone, and of the rest the part that the busiest thread does. (1, 0) where no
        other thread takes part.
    """
    threads = min(threads, jobs)
    if threads <= 1 or elements < SMALL:
        return 1.0, 0.0
    chunks = min(jobs, threads * CHUNKS_PER_THREAD)
    if elements >= LARGE:
        return 0.0, -(-chunks // threads) / chunks
    rest = chunks - 1
    if seconds * rest / chunks < WORTH_WAKING:
        return 1.0, 0.0
    return 1 / chunks, -(-rest // threads) / rest


def _executor() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(1, (os.cpu_count() or 1)), thread_name_prefix="workbench")
    return _pool


def _forget_pool() -> None:
    global _pool
    _pool = None  # a forked child inherits the object but not its threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
