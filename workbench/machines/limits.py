"""What a machine can do, as records: its limits by number of threads, each a rate a second or a time."""

import dataclasses
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

PRECISIONS = ("float32", "float64")
OPERATIONS = ("divisions", "square_roots", "exponentials", "logarithms", "powers")  # fields of a Cost
WORDS = "random_words"
FUNCTIONS = (*OPERATIONS, WORDS)
MADE_OF_ARITHMETIC = ("exponentials", "logarithms", "powers", WORDS)  # on a processor that has no unit for them
UNITS = ("divisions", "square_roots")  # a processor has units for these, which delay multiply-adds more or less

GIGA, NANO, MICRO = 1e9, 1e-9, 1e-6
BEYOND = 4  # times the last cache: surely in memory

CURVES = ("copy", "read", "update", "copy_again", "read_again", "rows", "allocation_bandwidth")

Curve = tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a machine can do with a number of threads; rates are per second.

    Attributes:
        flops: floating-point operations, as multiply-adds, by precision ("float32", "float64").
        functions: calls by name (a field of Cost) and precision; a random word is the same in either.
        copy, read, update: bytes read and written, read, or read and written in place, against the bytes of all arrays
            that take part, after other work.
        copy_again, read_again: the same of arrays that are gone through again and again: what each cache can do.
        rows: bytes read and written in place, in rows of a table in no order, against the bytes of the table.
        allocation_bandwidth: bytes of new memory that the system hands out, against the bytes of the array.
        launch_seconds: starting a compiled loop on an array, after other work.
        run_seconds: what `Operator.run` does around its loops: checking, and making arrays and results.
        wake_seconds: getting the other threads to take part, and waiting for the last; 0 for one thread.
        misprediction_seconds: a branch that was guessed wrong.
        overlap: the share of a function's time, by name, in which multiply-adds have to wait: 1 where it is made of the
            same instructions, 0 where it has a unit of its own.
    """

    flops: Mapping[str, float]
    functions: Mapping[str, Mapping[str, float]]
    copy: Curve
    read: Curve
    update: Curve
    copy_again: Curve
    read_again: Curve
    rows: Curve
    allocation_bandwidth: Curve
    launch_seconds: float
    run_seconds: float
    wake_seconds: float = 0.0
    misprediction_seconds: float = 0.0
    overlap: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict.fromkeys(MADE_OF_ARITHMETIC, 1.0))

    def __post_init__(self) -> None:
        groups = {"flops": self.flops, **self.functions}.items()
        rates = {f"{name}[{precision!r}]": rate for name, each in groups for precision, rate in each.items()}
        for name in CURVES:
            curve = getattr(self, name)
            sizes = [0.0, *(size for size, _ in curve)]
            if len(sizes) == 1 or not all(low < high for low, high in itertools.pairwise(sizes)):
                raise ValueError(f"{name}={curve!r}: must hold at least one (bytes, rate), bytes above 0 and rising")
            rates |= {f"{name} at {size:g} bytes": rate for size, rate in curve}
        for name, rate in rates.items():
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not rate > 0:
                raise ValueError(f"{name}={rate!r}: must be a number above 0, a rate per second")
        for name in ("launch_seconds", "run_seconds", "wake_seconds", "misprediction_seconds"):
            seconds = getattr(self, name)
            if not (isinstance(seconds, float) and 0 <= seconds < math.inf):
                raise ValueError(f"{name}={seconds!r}: must be a finite number of seconds, at least 0")


@dataclasses.dataclass(frozen=True)
class Machine:
    """A machine: its limits by number of threads, its data caches in bytes from the nearest on, and where that is from.

    `fits` is what a measurement holds for: the processor, the threads, the versions and the file's format; empty where
    it was published. `cpu_share` is the share of the processors' time that the measurement got.
    """

    name: str
    limits: Mapping[int, Limits]
    caches: tuple[int, ...] = ()
    source: str = "measured"
    fits: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cpu_share: float = 1.0

    @property
    def threads(self) -> int:
        """Return the most threads there are limits for."""
        return max(self.limits)

    def with_threads(self, threads: int) -> Limits:
        """Return the limits with a number of threads, or raise ValueError naming those that are known."""
        if threads not in self.limits:
            known = ", ".join(map(str, sorted(self.limits)))
            raise ValueError(f"threads={threads!r}: {self.name} has limits for {known} alone")
        return self.limits[threads]


def rate_at(curve: Curve, size: float) -> float:
    """Return a curve's rate at a size: interpolated between logarithms, that of the nearest end outside."""
    sizes, rates = np.log(np.array(curve, np.float64)).T
    return float(np.exp(np.interp(math.log(max(size, 1.0)), sizes, rates)))


def limit_rows(machine: Machine) -> list[tuple[str, str, dict[int, float]]]:
    """Return a machine's limits as rows to print: (what, unit, value by number of threads).

    Rates are in giga a second, functions in nanoseconds a call. Arrays fill half of a cache, or are four times as large
    as the last one, and are gone through again and again.
    """
    kinds = [(f"multiply-adds, {each}", "GFLOP/s", lambda of, each=each: of.flops[each] / GIGA) for each in PRECISIONS]
    levels = {"memory": 1 << 28}
    if machine.caches:
        levels = {f"L{level} ({size >> 10} KiB)": size // 2 for level, size in enumerate(machine.caches, start=1)}
        levels["memory"] = BEYOND * machine.caches[-1]
    for level, size in levels.items():
        kinds += [
            (f"copy, {level}", "GB/s", lambda of, size=size: rate_at(of.copy_again, size) / GIGA),
            (f"read, {level}", "GB/s", lambda of, size=size: rate_at(of.read_again, size) / GIGA),
        ]
    calls = [
        (f"{name.removesuffix('s').replace('_', ' ')}, {each}", name, each)
        for name in OPERATIONS
        for each in PRECISIONS
    ]
    for label, name, precision in [*calls, ("Philox word", WORDS, PRECISIONS[0])]:
        kinds.append((label, "ns", lambda of, f=name, p=precision: 1 / of.functions[f][p] / NANO))
    kinds += [
        ("branch guessed wrong", "ns", lambda of: of.misprediction_seconds / NANO),
        ("starting a loop", "µs", lambda of: of.launch_seconds / MICRO),
        ("running an operator", "µs", lambda of: of.run_seconds / MICRO),
        ("waking the other threads", "µs", lambda of: of.wake_seconds / MICRO),
    ]
    return [(what, unit, {n: value(limits) for n, limits in machine.limits.items()}) for what, unit, value in kinds]
