"""A machine's limits as rows to print: what is measured, in which unit, for each number of threads."""

from workbench.machines.limits import Limits, Machine, rate_at
from workbench.machines.prediction import FUNCTIONS

GIGA, NANO, MICRO = 1e9, 1e-9, 1e-6
BEYOND = 4  # times the last cache: surely in memory


def limit_rows(machine: Machine) -> list[tuple[str, str, dict[int, float]]]:
    """Return (what, unit, value by number of threads): rates in giga a second, functions in nanoseconds a call.

    Of a cache, arrays that fill half of it are gone through again and again; of memory, arrays of four times the last
    cache.
    """
    kinds = [(f"multiply-adds, {precision}", "GFLOP/s", _flops(precision)) for precision in ("float32", "float64")]
    for name, size in _levels(machine).items():
        kinds.append((f"copy, {name}", "GB/s", _bandwidth("copy_again", size)))
        kinds.append((f"read, {name}", "GB/s", _bandwidth("read_again", size)))
    for function in FUNCTIONS:
        for precision in ("float32", "float64"):
            if function != "random_words" or precision == "float32":
                label = "Philox word" if function == "random_words" else f"{_singular(function)}, {precision}"
                kinds.append((label, "ns", _call(function, precision)))
    kinds += [
        ("branch guessed wrong", "ns", lambda limits: limits.misprediction_seconds / NANO),
        ("starting a loop", "µs", lambda limits: limits.launch_seconds / MICRO),
        ("running an operator", "µs", lambda limits: limits.run_seconds / MICRO),
        ("waking the other threads", "µs", lambda limits: limits.wake_seconds / MICRO),
    ]
    return [(name, unit, {n: value(limits) for n, limits in machine.limits.items()}) for name, unit, value in kinds]


def _levels(machine: Machine) -> dict[str, int]:
    if not machine.caches:
        return {"memory": 1 << 28}
    levels = {f"L{level} ({size >> 10} KiB)": size // 2 for level, size in enumerate(machine.caches, start=1)}
    return {**levels, "memory": BEYOND * machine.caches[-1]}


def _flops(precision: str):
    return lambda limits: limits.flops[precision] / GIGA


def _bandwidth(curve: str, size: int):
    return lambda limits: rate_at(getattr(limits, curve), size) / GIGA


def _call(function: str, precision: str):
    def seconds(limits: Limits) -> float:
        return 1 / limits.functions[function][precision] / NANO

    return seconds


def _singular(function: str) -> str:
    return function.removesuffix("s").replace("_", " ")
