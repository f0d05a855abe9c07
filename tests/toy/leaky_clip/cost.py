"""What a leaky clip costs: two comparisons and a multiply-add with a difference an element, and every byte once."""

from workbench.cost import Cost
from workbench.cost.loop_cost import loop_cost
from workbench.machines.prediction import Work

from .kernels import TILE

FORWARD = Cost(comparisons=2, other_flops=1, multiply_adds=1)
GRADIENT = Cost(comparisons=1, other_flops=1)


def work(name: str, inputs: tuple, arguments: dict) -> Work:
    """Return what a call costs, and into how many jobs it is cut."""
    x = inputs[-1]
    each = GRADIENT if name == "LeakyClipGradient" else FORWARD
    cost = each * x.size + loop_cost(read=sum(array.nbytes for array in inputs), written=x.nbytes) + Cost(runs=1)
    return Work(cost, x.size, -(-x.size // TILE), x.dtype.name)
