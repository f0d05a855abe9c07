"""What operators cost, counted exactly; what a machine can do; and what follows for the clock."""

from workbench.cost.record import (
    FLOPS_PER_MULTIPLY_ADD,
    Cost,
    checked_choice,
    checked_count,
    checked_itemsize,
    checked_shape,
)

__all__ = [
    "FLOPS_PER_MULTIPLY_ADD",
    "Cost",
    "checked_choice",
    "checked_count",
    "checked_itemsize",
    "checked_shape",
]
