"""Predict how many seconds a cost takes on a machine, and what bounds it.

    seconds = max(arithmetic + caches, special functions, memory) + launch

    arithmetic          (multiply-adds + other FLOPs + comparisons + integer operations) / half of the peak FLOP/s (a
                        multiply-add is 2); plus the time of special functions that delays these (`Limits.overlap`): all
                        of it where they are made of the same instructions
    special functions   every division, root, exponential, logarithm, power and random word at its measured rate
    caches              the bytes that only go to and from caches, at the rate of the nearest caches. Loops over a tile
                        run one after another, so what one loads and stores does not hide behind another's arithmetic.
                        It hides behind divisions and roots, whose units work on meanwhile
    memory              the longer of two, which prefetching hides: the bytes, at the rate for the size of all arrays
                        together; or these and the bytes of caches, at the rate of the nearest caches
    launch              starting loops and what `Operator.run` does around them, at the rates for the size of all arrays
                        together; waking threads, wrong guesses of branches, and new memory from the system, page by
                        page; nothing else is done meanwhile

No constant is fitted to an operator. Source of the maximum: Williams, Waterman and Patterson, Roofline: An Insightful
Visual Performance Model for Multicore Architectures, 2009.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from workbench import parallel
from workbench.cost.record import FLOPS_PER_MULTIPLY_ADD, Cost, checked_count
from workbench.machines.limits import FUNCTIONS, PRECISIONS, RUN_CALLS, Limits, Machine, rate_at
from workbench.operator import checked_choice

TILE = 1 << 18  # bytes; tiles of this size stay in the second-level cache
ACCESSES = ("copy", "update", "rows")
BOUNDS = ("arithmetic", "special functions", "caches", "memory", "launch")


@dataclasses.dataclass(frozen=True)
class Work:
    """One call to predict: its cost, its precision, and how threads share it; see `predict` for each field."""

    cost: Cost
    elements: int
    jobs: int
    precision: str = "float32"
    working_set: int | None = None
    access: str = "copy"
    calls: int = RUN_CALLS

    def predict(self, machine: Machine, threads: int = 1) -> "Prediction":
        """Predict how long the call takes with `threads` threads."""
        return predict(**vars(self), machine=machine, threads=threads)


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Predicted seconds of each part, and how long they take together."""

    arithmetic: float
    special: float
    caches: float
    memory: float
    launch: float

    @property
    def seconds(self) -> float:
        return self.working + self.launch

    @property
    def working(self) -> float:
        """Return the seconds without the launch."""
        return max(self.arithmetic + self.caches, self.special, self.memory)

    @property
    def bound(self) -> str:
        """Return which of BOUNDS takes longest."""
        parts = dataclasses.astuple(self)
        return BOUNDS[parts.index(max(parts))]


def predict(
    cost: Cost,
    machine: Machine,
    *,
    threads: int = 1,
    precision: str = "float32",
    working_set: int | None = None,
    access: str = "copy",
    elements: int | None = None,
    jobs: int | None = None,
    calls: int = RUN_CALLS,
) -> Prediction:
    """Predict how long a cost takes.

    Args:
        cost: counts of one call, as the engine computes it.
        threads: number of threads; the machine must have limits for it.
        precision: precision of the arithmetic, "float32" or "float64".
        working_set: bytes of all arrays of the call, which decide what cache holds them; by default the cost's bytes.
        access: "copy" to other arrays, "update" in place, or "rows" of a table, updated in place in random order.
        elements, jobs: numbers of elements and jobs, as for `workbench.parallel.run`; small work stays with one
            thread. Without `elements`, every thread has its share; without `jobs`, there are many jobs.
        calls: number of functions that Python calls in a run of the operator, see `workbench.machines.calls`.

    Raises:
        TypeError: `cost` is not a Cost, `machine` is not a Machine, or `working_set` is not an int.
        ValueError: `precision` or `access` is unknown, `working_set` is negative, or the machine has no limits for
            `threads` or for a function that the cost counts.
    """
    if not isinstance(cost, Cost):
        raise TypeError(f"cost={cost!r}: must be a Cost, as an estimator returns it")
    if not isinstance(machine, Machine):
        raise TypeError(f"machine={machine!r}: must be a Machine, as `this_machine` and `known_machine` return it")
    checked_choice("precision", precision, PRECISIONS)
    checked_choice("access", access, ACCESSES)
    size = cost.bytes if working_set is None else checked_count("working_set", working_set)
    parts = functools.partial(_parts, cost, precision=precision, working_set=size, access=access, calls=calls)
    together = parts(machine.with_threads(threads))
    if threads == 1 or elements is None:
        return together
    alone = parts(machine.with_threads(1))
    many = threads * parallel.CHUNKS_PER_THREAD
    before, busiest = parallel.parallel_part(many if jobs is None else jobs, elements, alone.working, threads)
    return _mixed(together, alone, before, (1 - before) * busiest * threads) if busiest else alone


def _mixed(together: Prediction, alone: Prediction, before: float, shared: float) -> Prediction:
    """Return the prediction if one thread does the share `before` alone, and all threads do the share `shared`."""
    parts = zip(dataclasses.astuple(together)[:-1], dataclasses.astuple(alone)[:-1], strict=True)
    arithmetic, special, caches, memory = (shared * ours + before * theirs for ours, theirs in parts)
    return Prediction(arithmetic, special, caches, memory, together.launch)


def _parts(cost: Cost, limits: Limits, *, precision: str, working_set: int, access: str, calls: int) -> Prediction:
    instructions = cost.multiply_adds + cost.other_flops + cost.comparisons + cost.integer_operations
    counts = {name: getattr(cost, name) for name in FUNCTIONS}
    functions = {
        name: count / _known(_known(limits.functions, name, "throughput"), precision, f"throughput of {name}")
        for name, count in counts.items()
        if count
    }
    delaying = sum(share * functions.get(name, 0.0) for name, share in limits.overlap.items())
    return Prediction(
        arithmetic=FLOPS_PER_MULTIPLY_ADD * instructions / _known(limits.flops, precision, "FLOP/s") + delaying,
        special=sum(functions.values(), 0.0),
        caches=cost.bytes_cached / rate_at(limits.copy, TILE),
        memory=_moving(cost, limits, working_set, access),
        launch=_starting(cost, limits, working_set, calls),
    )


def _moving(cost: Cost, limits: Limits, working_set: int, access: str) -> float:
    """Return the seconds of moving bytes: reads that match writes are a copy or update, the others only reads."""
    read = max(0, cost.bytes_read - cost.bytes_written)
    rate = rate_at(getattr(limits, access), working_set)
    far = (cost.bytes - read) / rate + read / rate_at(limits.read, working_set)
    return max(far, (cost.bytes + cost.bytes_cached) / rate_at(limits.copy, TILE))


def _starting(cost: Cost, limits: Limits, working_set: int, calls: int) -> float:
    waking = limits.wake_seconds if cost.launches else 0.0
    new_memory = cost.bytes_allocated / rate_at(limits.allocation_bandwidth, cost.bytes_allocated)
    guessing = cost.mispredictions * limits.misprediction_seconds
    launching = cost.launches * limits.launch_seconds(working_set)
    running = cost.runs * limits.run_seconds(working_set, calls)
    return guessing + waking + new_memory + launching + running


def _known(rates: Mapping, name: str, what: str) -> Any:
    if name not in rates:
        raise ValueError(f"{name!r}: the machine has no {what} for it, only for {', '.join(map(repr, rates))}")
    return rates[name]
