"""Run independent jobs of the kernels in threads: the calling thread and a pool share them.

Compiled kernels release the GIL, so plain Python threads can run them in parallel without OpenMP or TBB. This is safe
for any number of calling threads, in spawned workers and in forked processes. The result is the same for any number of
threads, because a job does not depend on the thread that runs it.
"""

import contextlib
import functools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

SMALL = 1 << 15  # elements; below this, waking a thread costs more than it saves
LARGE = 1 << 20  # elements; from this on, waking a thread is worth its cost for any kernel
WORTH_WAKING = 2e-4  # seconds; between the two, threads are woken for this much work (waking may take half of it)
CHUNKS_PER_THREAD = 4  # more than one, so that a delayed thread does not delay the whole call
PIECE_SECONDS = 0.1  # after about this time, a thread looks whether the call was interrupted

_limit: ContextVar[int | None] = ContextVar("thread_limit", default=None)
_pool: ThreadPoolExecutor | None = None


def available_threads() -> int:
    """Return the number of threads this process may use: WORKBENCH_NUM_THREADS, else the number of its processors."""
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
    """Use at most `threads` threads per call within the block; other Python threads are not affected."""
    if threads < 1:
        raise ValueError(f"threads={threads}: must be at least 1")
    token = _limit.set(threads)
    try:
        yield
    finally:
        _limit.reset(token)


def run(work: Callable[..., None], jobs: int, elements: int, *arguments: Any) -> None:
    """Call `work(*arguments, start, stop)` on ranges that cover 0..jobs, on several threads if `elements` are enough.

    The caller works too, so a pool that is busy with other calls delays nothing and cannot deadlock. If no thread can
    be started, as at the exit of the interpreter, the caller does all the work. Between SMALL and LARGE, it does the
    first range alone, and wakes threads if the rest would take at least WORTH_WAKING at that speed.

    An error or ctrl-C ends the call soon: no thread then begins another piece of its range, and a piece takes about
    PIECE_SECONDS or has LARGE elements. No thread works on after the call has returned; an array that the jobs change
    in place may be partly changed.
    """
    threads = 1 if elements < SMALL else min(_limit.get() or available_threads(), jobs)
    if elements < SMALL or (threads <= 1 and elements <= LARGE):
        if jobs:
            work(*arguments, 0, jobs)
        return
    work = functools.partial(work, *arguments)
    chunks = min(jobs, threads * CHUNKS_PER_THREAD) if threads > 1 else threads
    done = 0
    if elements < LARGE:
        done, first, begin = 1, jobs // chunks, time.perf_counter()
        work(0, first)
        if (time.perf_counter() - begin) * (chunks - 1) < WORTH_WAKING:
            work(first, jobs)
            return
    call = _Call(work, max(1, jobs * LARGE // elements))
    call.ranges.extend((jobs * i // chunks, jobs * (i + 1) // chunks) for i in range(done, chunks))
    try:
        _ask_for_help(call, threads - 1)
        call.drain()
        call.wait()
    except BaseException:
        call.ranges.clear()
        call.stopped = True
        call.wait()
        raise
    if call.problem is not None:
        raise call.problem


class _Call:
    """The ranges of one call that no thread has taken yet, and the number of helpers that work on others."""

    def __init__(self, work: Callable[[int, int], None], piece: int) -> None:
        self.ranges: deque[tuple[int, int]] = deque()
        self.stopped = False
        self.problem: BaseException | None = None
        self._work = work
        self._piece = piece  # jobs, until it is known how long they take
        self._changed = threading.Condition()
        self._helpers = 0

    def drain(self) -> None:
        """Do one range after another, in pieces that take not much longer than PIECE_SECONDS."""
        piece = self._piece
        while not self.stopped:
            try:
                start, stop = self.ranges.popleft()
            except IndexError:
                return
            while start < stop and not self.stopped:
                begin, end = time.perf_counter(), min(stop, start + piece)
                self._work(start, end)
                start = end
                if time.perf_counter() - begin < PIECE_SECONDS / 2:
                    piece *= 2

    def help(self) -> None:
        """Drain in a thread of the pool. This may begin after the call has ended: then there is nothing left."""
        with self._changed:
            self._helpers += 1
        try:
            self.drain()
        except BaseException as problem:
            self.problem, self.stopped = problem, True
        finally:
            with self._changed:
                self._helpers -= 1
                self._changed.notify_all()

    def wait(self) -> None:
        """Wait until no helper works."""
        with self._changed:
            self._changed.wait_for(lambda: not self._helpers)


def _ask_for_help(call: _Call, threads: int) -> None:
    for _ in range(threads):
        try:
            _executor().submit(call.help)
        except (RuntimeError, MemoryError):  # no thread can be started
            _forget_pool()  # and with it what waits in its queue
            return


def parallel_part(jobs: int, elements: int, seconds: float, threads: int) -> tuple[float, float]:
    """Return how `run` would divide work that takes one thread `seconds`.

    Returns:
        The share of the work that the caller does alone, and the share of the rest that the busiest thread does;
        (1, 0) if no other thread takes part.
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
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)  # a forked process inherits the object but not its threads
