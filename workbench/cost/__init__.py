"""The `Cost` record: exact counts of operations and bytes. The functions that count are beside what they count."""

from workbench.cost.record import FLOPS_PER_MULTIPLY_ADD, Cost, checked_count, checked_itemsize, checked_shape

__all__ = ["FLOPS_PER_MULTIPLY_ADD", "Cost", "checked_count", "checked_itemsize", "checked_shape"]
