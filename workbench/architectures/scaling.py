"""How costs grow, on paper: as many machines as a rate or a table takes, each as fast as one is predicted to be.

Assumed throughout: work is divided evenly and nothing is lost in between. Networks are data-parallel, and what machines
tell each other about gradients is left out; a table's rows stay where they are, and each machine treats its own.
"""

import dataclasses
import math

from workbench.architectures.layer_costs import embedding_lookup
from workbench.architectures.network import Network
from workbench.cost.record import Cost, checked_count
from workbench.machines.limits import Machine
from workbench.machines.prediction import predict

NUMBER = 4  # bytes


@dataclasses.dataclass(frozen=True)
class Fleet:
    """What a rate takes: FLOPs and bytes a second, and machines, rounded up."""

    flops: float
    bytes: float
    machines: int


def images_at_rate(network: Network, machine: Machine, images_per_second: float, *, batch: int = 32) -> Fleet:
    """Return what training a network on so many images a second takes, forward and backward in batches.

    Raises:
        TypeError, ValueError: a rate that is not above 0, or a batch below 1.
    """
    if not images_per_second > 0:
        raise ValueError(f"images_per_second={images_per_second!r}: must be above 0")
    checked_count("batch", batch, 1)
    costs = [cost for row in network.trace(batch) for cost in (row.forward, row.gradient) if cost != Cost()]
    seconds = sum(predict(cost, machine, threads=machine.threads).seconds for cost in costs)
    total, batches = sum(costs, Cost()), images_per_second / batch
    return Fleet(total.flops * batches, total.bytes * batches, math.ceil(seconds * batches))


@dataclasses.dataclass(frozen=True)
class TableStep:
    """A step on an embedding table that many machines hold: machines, and seconds of what each does to its part.

    `look_up` reads the rows that a batch names; `named` regularizes them, and `every` all rows of the table.
    """

    machines: int
    look_up: float
    named: float
    every: float


def table_step(
    parameters: int, length: int, named: int, machine: Machine, memory: int, *, optimizer_numbers: int = 1
) -> TableStep:
    """Return a step of shrinking rows of an embedding table of float32, p = 2, a multiplication an element.

    Args:
        parameters, length: of the table, and of a row.
        named: rows that a batch names, spread evenly over the machines.
        memory: bytes of a machine that the table may take.
        optimizer_numbers: kept for each parameter beside itself, such as Adagrad's sum of squares.

    Raises:
        TypeError, ValueError: a count below 1, or more rows named than there are.
    """
    counts = {"parameters": parameters, "length": length, "named": named, "memory": memory}
    parameters, length, named, memory = (checked_count(name, value, 1) for name, value in counts.items())
    if named > parameters // length:
        raise ValueError(f"named={named}: must be at most {parameters // length}, the rows of the table")
    machines = math.ceil(parameters * NUMBER * (1 + optimizer_numbers) / memory)
    own, own_rows = math.ceil(parameters / machines), math.ceil(named / machines)
    threads = machine.threads

    def shrink(elements: int) -> Cost:
        return elements * Cost(other_flops=1, bytes_read=NUMBER, bytes_written=NUMBER) + Cost(launches=1)

    far = {"threads": threads, "working_set": own * NUMBER}
    return TableStep(
        machines,
        predict(embedding_lookup("forward", own_rows, length), machine, **far).seconds,
        predict(shrink(own_rows * length), machine, **far, access="rows").seconds,
        predict(shrink(own), machine, **far, access="update").seconds,
    )
