"""Count the cost of a leaky clip: two comparisons, a difference and a multiply-add an element; every byte once."""

from workbench.cost import Cost
from workbench.cost.loop_cost import loop_cost
from workbench.machines.prediction import Work

from .kernels import TILE

FORWARD = Cost(comparisons=2, other_flops=1, multiply_adds=1)
GRADIENT = Cost(comparisons=1, other_flops=1)


def work(name: str, inputs: tuple, arguments: dict) -> Work:
    """Return the cost of a call, with the number of jobs that it is cut into."""
    x = inputs[-1]
    each = GRADIENT if name == "LeakyClipGradient" else FORWARD
    cost = each * x.size + loop_cost(read=sum(array.nbytes for array in inputs), written=x.nbytes) + Cost(runs=1)
    return Work(cost, x.size, -(-x.size // TILE), x.dtype.name)
