"""Records of what a machine can do: its limits for each number of threads, as rates per second and as times."""

import dataclasses
import itertools
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

PRECISIONS = ("float32", "float64")
OPERATIONS = ("divisions", "square_roots", "exponentials", "logarithms", "powers")  # fields of a Cost
WORDS = "random_words"
FUNCTIONS = (*OPERATIONS, WORDS)
MADE_OF_ARITHMETIC = ("exponentials", "logarithms", "powers", WORDS)  # no unit of their own on a processor
UNITS = ("divisions", "square_roots")  # processors have units for these, which may delay multiply-adds

GIGA, NANO, MICRO = 1e9, 1e-9, 1e-6
RUN_CALLS = 100  # functions that Python calls in a run of an operator, where they are not counted
BEYOND = 4  # an array of so many times the last cache's size does not fit into caches

CURVES = (
    "copy",
    "read",
    "update",
    "copy_again",
    "read_again",
    "rows",
    "allocation_bandwidth",
    "launch_rate",
    "call_rate",
)

Curve = tuple[tuple[float, float], ...]

LARGEST = sys.float_info.max


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of a machine with a given number of threads. Rates are per second.

    Attributes:
        flops: floating-point operations, measured with multiply-adds, by precision ("float32", "float64").
        functions: calls by name (a field of Cost) and precision; random words have the same rate in both.
        copy, read, update: bytes copied (read and written), read, or read and written in place, as a curve over the
            bytes of all arrays involved; measured after other work.
        copy_again, read_again: the same for arrays passed over again and again: caches hold those that fit.
        rows: bytes read and written in place, for rows of a table in random order, over the bytes of the table.
        allocation_bandwidth: bytes of new memory that the system hands out, over the bytes of the array.
        launch_rate: compiled loops that can be started, and call_rate: functions that Python calls while `Operator.run`
            checks arguments and makes arrays and results. Both over the bytes of all arrays of the call, after other
            work on as many: what the caches lost of Python and its data comes back from further away.
        wake_seconds: time to wake the other threads and to wait for the last; 0 for one thread.
        misprediction_seconds: time lost by a branch that was guessed wrong.
        overlap: share of a function's time, by name, in which multiply-adds have to wait: 1 if the function is made of
            the same instructions, 0 if it has a unit of its own.
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
    launch_rate: Curve
    call_rate: Curve
    wake_seconds: float = 0.0
    misprediction_seconds: float = 0.0
    overlap: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict.fromkeys(MADE_OF_ARITHMETIC, 1.0))

    def __post_init__(self) -> None:
        groups = {"flops": self.flops, **self.functions}.items()
        rates = {f"{name}[{precision!r}]": rate for name, each in groups for precision, rate in each.items()}
        for name in CURVES:
            curve = getattr(self, name)
            sizes = [0.0, *(size for size, _ in curve)]
            rising = all(low < high for low, high in itertools.pairwise([*sizes, math.inf]))
            if len(sizes) == 1 or not rising:
                raise ValueError(f"{name}={curve!r}: must hold at least one (bytes, rate), with rising bytes above 0")
            rates |= {f"{name} at {size:g} bytes": rate for size, rate in curve}
        for name, rate in rates.items():
            if not _is_number(rate) or not (0 < rate <= LARGEST or rate == math.inf):
                raise ValueError(f"{name}={rate!r}: must be a number above 0, a rate per second")
        for name in ("wake_seconds", "misprediction_seconds"):
            seconds = getattr(self, name)
            if not (isinstance(seconds, float) and 0 <= seconds < math.inf):
                raise ValueError(f"{name}={seconds!r}: must be a finite number of seconds, at least 0")
        for name, share in self.overlap.items():
            if not _is_number(share) or not 0 <= share <= 1:
                raise ValueError(f"overlap[{name!r}]={share!r}: must be a number from 0 to 1")

    def launch_seconds(self, size: float) -> float:
        """Return the time to start a compiled loop in a call on arrays of `size` bytes together."""
        return 1 / rate_at(self.launch_rate, size)

    def run_seconds(self, size: float, calls: int = RUN_CALLS) -> float:
        """Return the time of `Operator.run` around its loops, on such arrays, if Python calls so many functions."""
        return calls / rate_at(self.call_rate, size)


@dataclasses.dataclass(frozen=True)
class Machine:
    """A machine: its limits for each number of threads, its data caches in bytes (nearest first), and their source.

    `fits` holds the conditions of a measurement: processor, threads, versions and file format. It is empty for a
    published machine. `cpu_share` is the share of the processors' time that the measurement got.
    """

    name: str
    limits: Mapping[int, Limits]
    caches: tuple[int, ...] = ()
    source: str = "measured"
    fits: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    cpu_share: float = 1.0

    def __post_init__(self) -> None:
        for name in ("name", "source"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name}={getattr(self, name)!r}: must be a text")
        if not self.limits or not all(_is_count(threads) for threads in self.limits):
            raise ValueError(f"limits for {[*self.limits]} threads: must be for at least one whole number above 0")
        if not all(map(_is_count, self.caches)):
            raise ValueError(f"caches={self.caches!r}: must be whole numbers of bytes above 0")
        if not isinstance(self.fits, Mapping):
            raise ValueError(f"fits={self.fits!r}: must be a mapping from conditions to values")
        if not _is_number(self.cpu_share) or not 0 <= self.cpu_share <= 1:
            raise ValueError(f"cpu_share={self.cpu_share!r}: must be a number from 0 to 1")

    @property
    def threads(self) -> int:
        """Return the largest number of threads with known limits."""
        return max(self.limits)

    def with_threads(self, threads: int) -> Limits:
        """Return the limits for a number of threads; raise ValueError if they are not known."""
        if threads not in self.limits:
            known = ", ".join(map(str, sorted(self.limits)))
            raise ValueError(f"threads={threads!r}: the limits of {self.name} are known only for {known}")
        return self.limits[threads]


def rate_at(curve: Curve, size: float) -> float:
    """Return a curve's rate at a size, by log-log interpolation; outside the curve, the rate of the nearest end."""
    sizes, rates = np.log(np.array(curve, np.float64)).T
    return float(np.exp(np.interp(math.log(max(size, 1.0)), sizes, rates)))


def limit_rows(machine: Machine) -> list[tuple[str, str, dict[int, float]]]:
    """Return a machine's limits as rows to print: (name, unit, value by number of threads).

    Rates are in billions per second, functions in nanoseconds per call. Arrays take half of a cache, or four times the
    last cache, and are passed over again and again.
    """
    kinds: list[tuple[str, str, Callable[..., float]]] = [
        (f"multiply-adds, {each}", "GFLOP/s", lambda of, each=each: of.flops[each] / GIGA) for each in PRECISIONS
    ]
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
        *(
            (f"{what}, {data} data", "µs", lambda of, name=name, size=size: getattr(of, name)(size) / MICRO)
            for what, name in (("starting a loop", "launch_seconds"), ("running an operator", "run_seconds"))
            for data, size in (("small", 1), ("large", levels["memory"]))
        ),
        ("waking the other threads", "µs", lambda of: of.wake_seconds / MICRO),
    ]
    return [(what, unit, {n: value(limits) for n, limits in machine.limits.items()}) for what, unit, value in kinds]
