"""Time contenders side by side: all of them once a round, many rounds, so that a slow minute is slow for all."""

import contextlib
import dataclasses
import gc
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from workbench import parallel

UNSTEADY = 0.2  # interquartile range / median, above which a measurement is repeated
PAUSE = 0.003  # seconds before a turn, where threads that a peer keeps waiting could still be spinning


@dataclasses.dataclass(frozen=True)
class Contender:
    """One thing to time. `reads` are the arrays that it takes in.

    `run` returns a new result each time and keeps none: making it and letting it go are part of the time.
    """

    run: Callable[[], object]
    reads: tuple[np.ndarray, ...] = ()

    def settle(self, pause: float) -> None:
        """Let other contenders' idle threads fall asleep, then read the inputs, so that all start with equal caches."""
        if pause:
            time.sleep(pause)
        for array in self.reads:
            array.max(initial=0)


@dataclasses.dataclass(frozen=True)
class Timing:
    """The median of several times and their interquartile range, in seconds."""

    seconds: float
    iqr_seconds: float

    @classmethod
    def of(cls, times: list[float]) -> "Timing":
        low, median, high = np.percentile(times, [25, 50, 75])
        return cls(float(median), float(high - low))

    @property
    def spread(self) -> float:
        return self.iqr_seconds / self.seconds if self.seconds else 0.0


def measure(
    contenders: Mapping[str, Contender],
    rounds: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    pause: float = 0.0,
) -> dict[str, Timing]:
    """Run every contender once untimed and then once in each of `rounds`, garbage collection off, and time them."""
    for contender in contenders.values():
        contender.run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    with _no_garbage_collection():
        for _ in range(rounds):
            for name, contender in contenders.items():
                contender.settle(pause)
                start = clock()
                contender.run()
                times[name].append(clock() - start)
    return {name: Timing.of(each) for name, each in times.items()}


def measure_steadily(
    contenders: Mapping[str, Contender],
    rounds: int,
    say: Callable[[str], None],
    *,
    threads: int,
    clock: Callable[[], float] = time.perf_counter,
    pause: float = 0.0,
) -> dict[str, Timing]:
    """Measure with `threads` threads a call; say what was unsteady, and measure all once more if anything was."""
    with parallel.thread_limit(threads):
        timings = measure(contenders, rounds, clock=clock, pause=pause)
        unsteady = _describe_unsteady(timings)
        if not unsteady:
            return timings
        say(f"  spread (interquartile range / median) above {UNSTEADY:.0%}, repeating once: {unsteady}")
        timings = measure(contenders, rounds, clock=clock, pause=pause)
    unsteady = _describe_unsteady(timings)
    if unsteady:
        say(f"  still above {UNSTEADY:.0%}, read with care: {unsteady}")
    return timings


def thread_counts() -> tuple[int, ...]:
    """Return one thread, and all that this process may use."""
    return tuple(sorted({1, parallel.available_threads()}))


def _describe_unsteady(timings: Mapping[str, Timing]) -> str:
    return "; ".join(f"{name} {timing.spread:.0%}" for name, timing in timings.items() if timing.spread > UNSTEADY)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
