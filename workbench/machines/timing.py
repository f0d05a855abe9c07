"""Time contenders side by side: every round runs each of them once, so that a slow minute is slow for all."""

import dataclasses
import gc
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workbench import parallel

UNSTEADY = 0.2  # a measurement is repeated if interquartile range / median is above this
PAUSE = 0.003  # seconds before a timed call, for idle threads of other contenders that may still spin


@dataclasses.dataclass(frozen=True)
class Contender:
    """One thing to time. `reads` are its input arrays.

    `run` returns a new result each time and keeps none: the time includes making and freeing the result.
    """

    run: Callable[[], object]
    reads: tuple[np.ndarray, ...] = ()


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
    """Time every contender once in each of `rounds`, after one untimed run, with garbage collection off.

    Before each timed call there is a pause of `pause` seconds, in which other contenders' idle threads fall asleep.
    Then the inputs are read, so that all contenders start with the same data in the caches.
    """
    for contender in contenders.values():
        contender.run()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, contender in contenders.items():
                if pause:
                    time.sleep(pause)
                for array in contender.reads:
                    array.max(initial=0)
                start = clock()
                contender.run()
                times[name].append(clock() - start)
    finally:
        if enabled:
            gc.enable()
    return {name: Timing.of(each) for name, each in times.items()}


def measure_steadily(
    contenders: Mapping[str, Contender], rounds: int, say: Callable[[str], None], *, threads: int, **options: Any
) -> dict[str, Timing]:
    """Measure with `threads` threads; if any times are unsteady, say which, and measure all once more.

    `options` are those of `measure`.
    """
    for advice in ("repeating once", "read with care"):
        with parallel.thread_limit(threads):
            timings = measure(contenders, rounds, **options)
        spreads = {name: timing.spread for name, timing in timings.items() if timing.spread > UNSTEADY}
        if not spreads:
            break
        unsteady = "; ".join(f"{name} {spread:.0%}" for name, spread in spreads.items())
        say(f"  spread (interquartile range / median) above {UNSTEADY:.0%}, {advice}: {unsteady}")
    return timings


def thread_counts() -> tuple[int, ...]:
    """Return the numbers of threads to time: 1, and all that this process may use."""
    return tuple(sorted({1, parallel.available_threads()}))
