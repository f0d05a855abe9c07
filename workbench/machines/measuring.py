"""Measure what this machine can do: for each limit the best of a few tries, and of several rounds of these the middle.

The best of a few tries is free of short disturbances. Those that last, such as other virtual machines that use the same
memory and cores, make a machine slow for seconds: the rounds are spread over the whole measurement.

Raise `FORMAT` in this_machine.py whenever a limit is measured in another way: files of another format are not used.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from workbench import parallel
from workbench.machines import probes
from workbench.machines.calls import calls_of, first_example
from workbench.machines.limits import (
    MADE_OF_ARITHMETIC,
    OPERATIONS,
    PRECISIONS,
    UNITS,
    WORDS,
    Curve,
    Limits,
    rate_at,
)
from workbench.operator import OPERATORS

TRIES = 3
ROUNDS = 3
SHORT = 1e-3  # seconds that one try takes when arithmetic is measured
WOKEN = 4  # times as long with several threads, so that waking them hardly counts
SIZES = tuple(1 << k for k in range(14, 29))  # bytes of all arrays, from within L1 to beyond any cache
PASSED = 1 << 27  # bytes in a try: passes over a small array are repeated, so that the start does not count
NEW_MEMORY = (1 << 20, 1 << 22, 1 << 24, 30 << 20, 34 << 20, 1 << 26, 1 << 27)  # bytes
TABLES = (1 << 21, 1 << 23, 1 << 25, 1 << 27, 1 << 28)  # bytes
ROW = 64  # float32 elements of a row
NAMED = 0.2  # share of a table's rows that are updated
PAGE = 4096
SETTLED = 1 << 21  # bytes; for arrays of this size or more it matters what ran before
SHARED = 1 << 25  # bytes; one pass over this many takes much longer than waking a thread
PASSES, BUSY = 2000, 48  # passes over a tile in a job of about a millisecond; jobs per thread
STREAMS = ("copy", "read", "update")
STRETCHES = 1 << 18  # too many for a branch predictor to remember
CALLS = 20
USED = tuple(1 << k for k in (14, 18, 20, 21, 22, 23, 24))  # bytes of arrays that push Python out of the near caches
STARTS = 5  # tries of each
WORK = 5e-4  # seconds of work that threads share when the time to wake them is measured


def measure(threads: int) -> tuple[dict[int, Limits], float]:
    """Return the limits with 1 thread and with `threads`, by number of threads, and the share of processor time.

    The share is the part of the processors' time that this process got while it kept all threads busy. It is below 1
    if other processes, or other virtual machines on the same host, used the processors too.
    """
    before = _cpu_share(threads)
    rounds = [{count: _limits(count) for count in sorted({1, threads})} for _ in range(ROUNDS)]
    limits = {count: Limits(**_middle([dataclasses.asdict(each[count]) for each in rounds])) for count in rounds[0]}
    return limits, min(before, _cpu_share(threads))


def _middle(found: Sequence[Any]) -> Any:
    """Return the median of numbers, or of each number in mappings or tuples that are alike."""
    if isinstance(found[0], dict):
        return {name: _middle([each[name] for each in found]) for name in found[0]}
    if isinstance(found[0], tuple):
        return tuple(map(_middle, zip(*found, strict=True)))
    return float(np.median(found))


def _limits(threads: int) -> Limits:
    with parallel.thread_limit(threads):
        functions = {name: {kind: _function(name, kind, threads) for kind in PRECISIONS} for name in OPERATIONS}
        functions[WORDS] = dict.fromkeys(PRECISIONS, _words(threads))
        flops = {kind: _flops(kind, threads) for kind in PRECISIONS}
        single = {name: functions[name]["float32"] for name in UNITS}
        units = {name: _overlap(name, single[name], flops["float32"], threads) for name in UNITS}
        launches = _curve(USED, _launch_rate)
        wake = _wake(threads) if threads > 1 else 0.0
        return Limits(
            flops=flops,
            functions=functions,
            **{name: _curve(_measurable(SIZES, threads), _stream, name, threads, wake) for name in STREAMS},
            copy_again=_curve(SIZES, _stream, "copy", threads),
            read_again=_curve(SIZES, _stream, "read", threads),
            rows=_curve(_measurable(TABLES, threads), _rows, threads, wake),
            allocation_bandwidth=_curve(NEW_MEMORY, _allocation_bandwidth),
            launch_rate=launches,
            call_rate=_curve(USED, _call_rate, launches),
            wake_seconds=wake,
            misprediction_seconds=_misprediction() / threads,
            overlap={**dict.fromkeys(MADE_OF_ARITHMETIC, 1.0), **units},
        )


def _cpu_share(threads: int) -> float:
    """Return processor time / wall time, per thread, for work that keeps all threads busy."""

    def work(start: int, stop: int) -> None:
        x = np.full(probes.TILE, 0.5, np.float32)
        for _ in range(start, stop):
            probes.fused(x, np.empty_like(x), np.float32(0.3), np.float32(0.2), 0, PASSES)

    with parallel.thread_limit(threads):
        _shared(work, threads)
        wall, used = time.perf_counter(), time.process_time()
        _shared(work, BUSY * threads)
        return min(1.0, (time.process_time() - used) / (time.perf_counter() - wall) / threads)


def _measurable(sizes: Sequence[int], threads: int) -> list[int]:
    """Return `sizes` without those for which one pass takes about as long as waking a thread."""
    return [size for size in sizes if threads == 1 or not SETTLED <= size < SHARED]


def _curve(sizes: Sequence[int], rate: Callable[..., float], *arguments: Any) -> Curve:
    return tuple((float(size), rate(size, *arguments)) for size in sizes)


def _best(run: Callable[[], object], tries: int = TRIES) -> float:
    """Return the shortest of several times, after one untimed call."""
    run()
    return min(_timed(run) for _ in range(tries))


def _timed(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def _shared(work: Callable[[int, int], None], jobs: int) -> None:
    parallel.run(work, jobs, parallel.LARGE)


def _rate(work: Callable[[int, int], None], elements: int, threads: int) -> float:
    """Return the elements per second of jobs of `elements` each, with enough jobs to hide the start."""
    once = max(_best(lambda: work(0, 8), 3) / 8, 1e-8)
    jobs = max(8, round(_long(threads) * SHORT / once)) * threads
    return jobs * elements / _best(lambda: _shared(work, jobs))


def _long(threads: int) -> int:
    return WOKEN if threads > 1 else 1


def _tile_rate(threads: int, numbers: np.ndarray, scalars: Sequence[float], loop: Callable, *kind: tuple) -> float:
    """Return the elements per second of a loop that passes over a tile of numbers again and again."""

    def work(start: int, stop: int) -> None:
        x = numbers.copy()
        loop(*kind, x, np.empty_like(x), *map(numbers.dtype.type, scalars), start, stop)

    return _rate(work, probes.TILE, threads)


def _flops(kind: str, threads: int) -> float:
    return 2 * probes.FUSED * _tile_rate(threads, np.full(probes.TILE, 0.5, kind), (0.3, 0.2), probes.fused)


def _function(name: str, kind: str, threads: int) -> float:
    numbers = np.linspace(1.1, 1.9, probes.TILE).astype(kind)
    return _tile_rate(threads, numbers, (0.625, 0.01), probes.function, probes.FUNCTIONS[kind][name])


def _overlap(name: str, functions: float, flops: float, threads: int) -> float:
    """Return the share of a function's time in which multiply-adds wait: (both - multiply-adds alone) / function."""
    numbers = np.linspace(1.1, 1.9, probes.TILE).astype(np.float32)
    both = 1 / _tile_rate(threads, numbers, (0.7, 0.2), probes.mixed, probes.FUNCTIONS["float32"][name])
    return float(np.clip((both - 2 * probes.DEGREE / flops) * functions, 0, 1))


def _misprediction() -> float:
    """Return the seconds of a wrong guess: half of the stretches, of 0 or 1 elements at random, are guessed wrong."""
    x, y = np.ones(probes.TILE, np.float32), np.ones(probes.TILE, np.float32)
    lengths = np.random.default_rng(0).integers(0, 2, STRETCHES, np.int32)
    seconds = [
        _best(lambda each=each: probes.stretches(x, y, each, 0, STRETCHES)) for each in (lengths, lengths * 0 + 1)
    ]
    return max(0.0, 2 * (seconds[0] - seconds[1]) / STRETCHES)


def _words(threads: int) -> float:
    def work(start: int, stop: int) -> None:
        out = np.empty((4, probes.TILE), np.uint32)
        probes.words(out, np.uint64(1), np.uint64(2), start, stop)

    return _rate(work, 4 * probes.TILE, threads)


def _stream(size: int, name: str, threads: int, wake: float | None = None) -> float:
    """Return the bytes per second of a copy, a sum or an in-place update of arrays of `size` bytes together.

    Each thread passes over arrays of its own again and again. If `wake`, the seconds that waking the threads takes, is
    given, arrays of SETTLED bytes or more are shared and passed over once, after other work and after the input has
    been read. The rate then depends on what the caches still hold.
    """
    once = wake is not None and size >= SETTLED
    elements = size // (8 if name == "copy" else 4)
    length, times = -(-elements // threads), 1 if once else max(1, _long(threads) * PASSED // size)
    run = {
        "copy": lambda x, y, job: probes.copy(x, y, length, times, job, job + 1),
        "read": lambda x, y, job: probes.read(x, y, length, times, job, job + 1),
        "update": lambda x, y, job: probes.update(x, np.float32(1), length, times, job, job + 1),
    }[name]
    moved = times * elements * 4 * (1 if name == "read" else 2)
    if not once:
        own = [np.ones((2, length), np.float32) for _ in range(threads)]
        return moved / _best(
            lambda: _shared(lambda start, stop: [run(*own[i], 0) for i in range(start, stop)], threads)
        )
    x, y = np.ones(elements, np.float32), np.ones(elements if name == "copy" else threads, np.float32)
    return moved / _less(
        _after_other_work(lambda: _shared(lambda start, stop: [run(x, y, i) for i in range(start, stop)], threads), x),
        wake,
    )


def _rows(size: int, threads: int, wake: float) -> float:
    table = np.ones((size // (4 * ROW), ROW), np.float32)
    numbers = np.random.default_rng(0).permutation(len(table))[: round(NAMED * len(table))].astype(np.int32)

    def run() -> None:
        _shared(lambda start, stop: probes.rows(table, numbers, np.float32(1), start, stop), numbers.size)

    return numbers.size * 2 * ROW * 4 / _less(_after_other_work(run, table), wake)


def _less(seconds: float, wake: float) -> float:
    """Return `seconds` without the time to wake threads, but at least half of `seconds`, because of noise."""
    return max(seconds - wake, seconds / 2)


def _after_other_work(run: Callable[[], object], array: np.ndarray, tries: int = TRIES) -> float:
    """Return the median time of calls, each made after other work and after `array` has been read.

    The other work changes as large an array: what runs before a call has mostly arrays as large as its own.
    """
    run()
    other, times = np.ones_like(array), []
    for _ in range(tries):
        other += 1
        array.max()
        times.append(_timed(run))
    return float(np.median(times))


def _allocation_bandwidth(size: int) -> float:
    def run() -> None:
        memory = np.empty(size, np.uint8)
        _shared(lambda start, stop: probes.touch(memory, PAGE, start, stop), size // PAGE)

    alone = np.empty(size, np.uint8)
    old = _best(lambda: _shared(lambda start, stop: probes.touch(alone, PAGE, start, stop), size // PAGE))
    return size / max(_best(run) - old, 1e-12 * size)


def _launch_rate(size: int) -> float:
    """Return the launches per second after other work on arrays of `size` bytes."""
    x, scalars = np.ones(16, np.float32), (np.float32(1), np.float32(2), np.float32(3))
    return 1 / _after_other_work(lambda: probes.nothing(x, x, scalars, 0, 1), _used(size), STARTS)


def _call_rate(size: int, launches: Curve) -> float:
    """Return the functions per second that Python calls in `Operator.run`, launches apart, after such work.

    All operators that have examples run on small arrays, one after another.
    """
    operators, launch = [each for each in OPERATORS.values() if each.examples], 1 / rate_at(launches, size)
    seconds = [_after_other_work(first_example(each), _used(size), STARTS) - launch for each in operators]
    return sum(map(calls_of, operators)) / max(1e-9, sum(seconds))


def _used(size: int) -> np.ndarray:
    return np.ones(size // 4, np.float32)


def _wake(threads: int) -> float:
    """Return the seconds that sharing work between threads takes beyond the work itself."""
    x, y = np.full(probes.TILE, 0.5, np.float32), np.empty(probes.TILE, np.float32)

    def work(passes: int, start: int, stop: int) -> None:
        probes.fused(x.copy(), y.copy(), np.float32(0.3), np.float32(0.2), 0, passes * (stop - start))

    jobs = 4 * threads
    passes = max(1, round(WORK / jobs / _best(lambda: work(1, 0, 8), 3) * 8))
    alone = _best(lambda: work(passes, 0, jobs))
    times = []
    for _ in range(CALLS):
        time.sleep(1e-3)  # lets the other threads fall asleep
        times.append(_timed(lambda: _shared(lambda start, stop: work(passes, start, stop), jobs)))
    return max(0.0, float(np.median(times)) - alone / threads)
