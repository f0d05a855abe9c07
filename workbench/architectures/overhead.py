"""What an operator adds to a network: operations, bytes, time and memory, forward and backward."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from workbench.architectures.network import Network, Traced, operator_cost
from workbench.cost.loop_cost import DIRECTIONS
from workbench.cost.record import Cost, checked_count
from workbench.machines.limits import Machine
from workbench.machines.prediction import predict
from workbench.operator import OPERATORS, Gradient, Operator, checked_choice

PARAMETER = 4  # bytes of a number, float32


@dataclasses.dataclass(frozen=True)
class Passed:
    """One direction of a network, without an operator and with it: costs, seconds (None without a machine), bytes.

    `memory` is the most that is held at once: forward, the parameters and the input and the output of a layer; in the
    gradient, the parameters, their gradients, every layer's output from the input on to the layer, and the gradients
    of its output and input. No layer works in place.
    """

    direction: str
    without: Cost
    added: Cost
    seconds_without: float | None
    seconds_added: float | None
    memory_without: int
    memory_with: int

    @property
    def shares(self) -> dict[str, float]:
        """Return what is added over what is there without: of FLOPs, bytes, seconds (if known) and memory."""
        shares = {
            "flops": self.added.flops / self.without.flops,
            "bytes": self.added.bytes / self.without.bytes,
            "memory": self.memory_with / self.memory_without - 1,
        }
        if self.seconds_without is not None:
            shares["seconds"] = self.seconds_added / self.seconds_without
        return shares


@dataclasses.dataclass(frozen=True)
class Overhead:
    """What an operator adds to a network with a batch of images, forward and backward."""

    network: str
    operator: str
    machine: str
    batch: int
    forward: Passed
    gradient: Passed

    @property
    def seconds_added(self) -> float | None:
        """Return the seconds that a step of training takes longer, None without a machine."""
        if self.forward.seconds_added is None:
            return None
        return self.forward.seconds_added + self.gradient.seconds_added

    def rows(self) -> list[tuple[str, str, float, float, float]]:
        """Return (direction, quantity, without, added, added / without), a row each; seconds where they are known."""
        rows = []
        for part in (self.forward, self.gradient):
            quantities = {
                "flops": (part.without.flops, part.added.flops),
                "bytes": (part.without.bytes, part.added.bytes),
                "seconds": (part.seconds_without, part.seconds_added),
                "memory": (part.memory_without, part.memory_with - part.memory_without),
            }
            rows += [(part.direction, name, *quantities[name], share) for name, share in sorted(part.shares.items())]
        return rows

    def __str__(self) -> str:
        where = f", {self.machine}" if self.machine else ""
        lines = [f"{self.operator} in {self.network}, batch {self.batch}{where}"]
        lines.append(f"{'':10}{'':9}{'without':>12}{'added':>12}{'share':>9}")
        lines += [
            f"{direction:10}{quantity:9}{without:12.4g}{added:12.4g}{share:9.2%}"
            for direction, quantity, without, added, share in self.rows()
        ]
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
        operator: a declared operator's name. One that stands among the layers, such as "LRN", is compared with the
            network without it. One that takes the weights, such as "SparseLp", is applied once to all parameters.
        machine: to predict seconds for; without it there are none.
        batch: images at once.
        threads: of the machine; without it, all.
        arguments: of an operator that takes the weights, such as {"p": 0.5}.

    Raises:
        TypeError: `network` is no Network, `batch` no int, or an argument is not the operator's.
        ValueError: no operator, or no layer of the network, is called `operator`; `batch` is below 1; the machine has
            no limits for so many threads; or `arguments` are given for an operator among the layers.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network={network!r}: must be a Network, as `workbench.architectures.networks` makes them")
    checked_count("batch", batch, 1)
    declared = _declared(operator)
    threads = machine.threads if machine is not None and threads is None else threads
    if declared.inputs == ("w",):
        parts = [_on_weights(declared, each, network, batch, arguments or {}, machine, threads) for each in DIRECTIONS]
    elif arguments:
        raise ValueError(f"arguments={dict(arguments)!r}: {operator} is a layer; give them in the network")
    else:
        without = network.without(operator)
        parts = [_among_layers(each, network, without, batch, machine, threads) for each in DIRECTIONS]
    return Overhead(network.name, operator, machine.name if machine else "", batch, *parts)


def _seconds(
    costs: Iterable[Cost], machine: Machine | None, threads: int | None, precision: str = "float32"
) -> float | None:
    """Return the seconds of costs one after another, None without a machine."""
    if machine is None:
        return None
    there = (cost for cost in costs if cost != Cost())
    return sum((predict(cost, machine, threads=threads, precision=precision).seconds for cost in there), 0.0)


def _among_layers(
    direction: str, network: Network, without: Network, batch: int, machine: Machine | None, threads: int | None
) -> Passed:
    rows, fewer = network.trace(batch), without.trace(batch)
    costs, fewer_costs = _costs(rows, direction), _costs(fewer, direction)
    whole, part = (_seconds(each, machine, threads) for each in (costs, fewer_costs))
    parameters = PARAMETER * network.parameters
    return Passed(
        direction,
        sum(fewer_costs, Cost()),
        _less(sum(costs, Cost()), sum(fewer_costs, Cost())),
        part,
        None if whole is None else whole - part,
        _memory(fewer, direction, parameters),
        _memory(rows, direction, parameters),
    )


def _on_weights(
    operator: Operator,
    direction: str,
    network: Network,
    batch: int,
    arguments: Mapping[str, Any],
    machine: Machine | None,
    threads: int | None,
) -> Passed:
    """Return what an operator adds that goes once over all parameters as one array."""
    for name in arguments:
        operator.arg(name)
    added = operator_cost(operator, direction, (network.parameters,), arguments, engine="numba")
    precision = operator.cost_module().precision(arguments.get("p", operator.arg("p").default))
    rows = network.trace(batch)
    costs, memory = _costs(rows, direction), _memory(rows, direction, PARAMETER * network.parameters)
    return Passed(
        direction,
        sum(costs, Cost()),
        added,
        _seconds(costs, machine, threads),
        _seconds([added], machine, threads, precision),
        memory,
        memory + added.bytes_allocated,
    )


def _costs(rows: Iterable[Traced], direction: str) -> list[Cost]:
    return [getattr(row, direction) for row in rows]


def _declared(name: str) -> Operator:
    operator = OPERATORS[checked_choice("operator", name, OPERATORS)]
    if not _stands_somewhere(operator):
        takes = [each.name for each in OPERATORS.values() if _stands_somewhere(each)]
        raise ValueError(f"operator={name!r}: stands neither among layers nor at the weights; take {', '.join(takes)}")
    return operator


def _stands_somewhere(operator: Operator) -> bool:
    return operator.inputs in (("x",), ("w",)) and not isinstance(operator.gradient, Gradient)


def _less(whole: Cost, part: Cost) -> Cost:
    """Return what is left of a cost; a layer that is taken out costs no other layer anything."""
    theirs = part.counts()
    return Cost(**{name: count - theirs[name] for name, count in whole.counts().items()})


def _memory(rows: tuple[Traced, ...], direction: str, parameters: int) -> int:
    """Return the bytes that are held at the peak, as `Passed` says; a layer's output is what its forward pass makes."""
    most, kept = 0, _bytes(rows[0].input_shape)
    for row in rows:
        into, made = _bytes(row.input_shape), row.forward.bytes_allocated
        kept += made
        held = into + made if direction == "forward" else kept + into + _bytes(row.output_shape)
        most = max(most, held)
    return most + parameters * (1 if direction == "forward" else 2)


def _bytes(shape: tuple[int, ...]) -> int:
    return PARAMETER * math.prod(shape)
