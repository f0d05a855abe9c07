"""Estimate how many machines a training rate or an embedding table needs, from predicted times of one machine.

Work is assumed to be divided evenly, without losses. Networks are data-parallel, and the exchange of gradients between
machines is left out. Rows of a table stay on their machine, and each machine updates its own.
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
    """Resources for a rate: FLOPs per second, bytes per second, and the number of machines, rounded up."""

    flops: float
    bytes: float
    machines: int


def images_at_rate(network: Network, machine: Machine, images_per_second: float, *, batch: int = 32) -> Fleet:
    """Return the resources to train a network on `images_per_second`, forward and backward in batches.

    Raises:
        TypeError: `images_per_second` is not a number, or `batch` is not an int.
        ValueError: `images_per_second` is not above 0, or `batch` is below 1.
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
    """A step on an embedding table that many machines hold: the number of machines, and the seconds that each takes.

    `look_up` is the time to read the rows that a batch names, `named` to regularize these, `every` to regularize all.
    """

    machines: int
    look_up: float
    named: float
    every: float


def table_step(
    parameters: int, length: int, named: int, machine: Machine, memory: int, *, optimizer_numbers: int = 1
) -> TableStep:
    """Return a step that shrinks rows of a float32 embedding table: p = 2, one multiplication per element.

    Args:
        parameters, length: number of elements of the table, and of one row.
        named: number of rows that a batch names, spread evenly over the machines.
        memory: bytes that the table may take on a machine.
        optimizer_numbers: additional numbers kept for each parameter, such as Adagrad's sum of squares.

    Raises:
        TypeError: a count is not an int.
        ValueError: a count is below 1, or `named` is more than the rows of the table.
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
