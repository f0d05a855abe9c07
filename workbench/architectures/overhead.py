"""Compute what an operator adds to a network: operations, bytes, time and memory, forward and backward."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.architectures.network import Network, Traced, operator_cost
from workbench.cost.loop_cost import DIRECTIONS
from workbench.cost.record import Cost, checked_count
from workbench.machines.limits import Machine
from workbench.machines.prediction import predict
from workbench.operator import OPERATORS, Gradient, checked_choice

PARAMETER = 4  # bytes of a number, float32


@dataclasses.dataclass(frozen=True)
class Passed:
    """One direction of a network: its cost without an operator, and what the operator adds.

    Seconds are None without a machine. `memory` is the most bytes held at once. The forward pass holds the parameters
    and one layer's input and output. The gradient holds the parameters, their gradients, the network's input, all
    outputs up to one layer, and the gradients to that layer's output and input. No layer works in place.
    """

    without: Cost
    added: Cost
    seconds_without: float | None
    seconds_added: float | None
    memory_without: int
    memory_added: int

    @property
    def quantities(self) -> dict[str, tuple[float, float]]:
        """Return (without, added) by quantity: FLOPs, bytes, memory, and seconds where they are known."""
        found = {
            "flops": (self.without.flops, self.added.flops),
            "bytes": (self.without.bytes, self.added.bytes),
            "memory": (self.memory_without, self.memory_added),
            "seconds": (self.seconds_without, self.seconds_added),
        }
        return {
            name: (without, added)
            for name, (without, added) in found.items()
            if without is not None and added is not None
        }

    @property
    def shares(self) -> dict[str, float]:
        """Return added / without, by quantity."""
        return {name: added / without for name, (without, added) in self.quantities.items()}


@dataclasses.dataclass(frozen=True)
class Overhead:
    """The overhead of an operator in a network with a batch of images, forward and backward."""

    network: str
    operator: str
    machine: str
    batch: int
    forward: Passed
    gradient: Passed

    @property
    def seconds_added(self) -> float | None:
        """Return the additional seconds of a training step; None without a machine."""
        forward, gradient = self.forward.seconds_added, self.gradient.seconds_added
        return None if forward is None or gradient is None else forward + gradient

    def __str__(self) -> str:
        where = f", {self.machine}" if self.machine else ""
        lines = [f"{self.operator} in {self.network}, batch {self.batch}{where}"]
        lines.append(f"{'':10}{'':9}{'without':>12}{'added':>12}{'share':>9}")
        for direction in DIRECTIONS:
            for name, (without, added) in sorted(getattr(self, direction).quantities.items()):
                lines.append(f"{direction:10}{name:9}{without:12.4g}{added:12.4g}{added / without:9.2%}")
        return "\n".join(lines)


def overhead(
    network: Network,
    operator: str,
    machine: Machine | None = None,
    *,
    batch: int = 1,
    threads: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> Overhead:
    """Return what an operator adds to a network.

    Args:
        operator: name of a declared operator. If it is a layer, such as "LRN", the network is compared with the same
            network without it. If it takes the weights, such as "SparseLp", it is applied once to all parameters.
        machine: machine to predict seconds for; by default no seconds are predicted.
        batch: number of images in a batch.
        threads: number of threads of the machine; by default all.
        arguments: arguments of an operator that takes the weights, such as {"p": 0.5}.

    Raises:
        TypeError: `network` is not a Network, `batch` is not an int, or the operator has no such argument.
        ValueError: `operator` is not declared, fits neither layers nor weights, or is not in the network; `batch` is
            below 1; the machine has no limits for `threads`; or `arguments` are given for a layer.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network={network!r}: must be a Network, as `workbench.architectures.networks` makes them")
    checked_count("batch", batch, 1)
    among_layers_or_weights = (each for each in OPERATORS.values() if each.inputs in (("x",), ("w",)))
    placed = [each.name for each in among_layers_or_weights if not isinstance(each.gradient, Gradient)]
    declared = OPERATORS[checked_choice("operator", operator, OPERATORS)]
    if operator not in placed:
        raise ValueError(
            f"operator={operator!r}: is neither a layer nor applied to weights; choose one of {', '.join(placed)}"
        )
    if declared.inputs != ("w",) and arguments:
        raise ValueError(f"arguments={dict(arguments)!r}: {operator} is a layer; give them in the network")
    for name in arguments or {}:
        declared.arg(name)
    rows = network.trace(batch)
    fewer = rows if declared.inputs == ("w",) else network.without(operator).trace(batch)

    def seconds(costs: Iterable[Cost], precision: str = "float32") -> float | None:
        """Return the total seconds of `costs`; None without a machine."""
        if machine is None:
            return None
        there = [cost for cost in costs if cost != Cost()]
        used = machine.threads if threads is None else threads
        return sum((predict(cost, machine, threads=used, precision=precision).seconds for cost in there), 0.0)

    def passed(direction: str) -> Passed:
        without = [getattr(row, direction) for row in fewer]
        held = _memory(fewer, direction, PARAMETER * network.parameters)
        if fewer is rows:  # the operator goes once over all parameters as one array
            added = operator_cost(declared, direction, (network.parameters,), arguments or {}, engine="numba")
            p = (arguments or {}).get("p", declared.arg("p").default)
            name = declared.name if direction == "forward" else declared.gradient
            seconds_added = seconds([added], declared.cost_module().precision(p, operator=name))
            memory_added = added.bytes_allocated
        else:
            whole = [getattr(row, direction) for row in rows]
            added = _less(sum(whole, Cost()), sum(without, Cost()))
            before, after = seconds(without), seconds(whole)
            seconds_added = None if before is None or after is None else after - before
            memory_added = _memory(rows, direction, PARAMETER * network.parameters) - held
        return Passed(sum(without, Cost()), added, seconds(without), seconds_added, held, memory_added)

    return Overhead(network.name, operator, machine.name if machine else "", batch, *map(passed, DIRECTIONS))


def _less(whole: Cost, part: Cost) -> Cost:
    """Return `whole` - `part`; no count is negative, as removing a layer makes no other layer cost more."""
    theirs = part.counts()
    return Cost(**{name: count - theirs[name] for name, count in whole.counts().items()})


def _memory(rows: tuple[Traced, ...], direction: str, parameters: int) -> int:
    """Return the most bytes held at once, as in `Passed`; a layer's output is all that its forward pass allocates."""
    most, kept = 0, _bytes(rows[0].input_shape)
    for row in rows:
        into, made = _bytes(row.input_shape), row.forward.bytes_allocated
        kept += made
        held = into + made if direction == "forward" else kept + into + _bytes(row.output_shape)
        most = max(most, held)
    return most + parameters * (1 if direction == "forward" else 2)


def _bytes(shape: tuple[int, ...]) -> int:
    return PARAMETER * math.prod(shape)
