"""What operators cost, counted exactly."""

from workbench.cost.record import FLOPS_PER_MULTIPLY_ADD, Cost, checked_count

__all__ = ["FLOPS_PER_MULTIPLY_ADD", "Cost", "checked_count"]
