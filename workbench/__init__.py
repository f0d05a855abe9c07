"""Neural-network operators made readable, fast, measurable and playable."""

from workbench.lrn import local_response_norm, local_response_norm_gradient, local_response_norm_scale
from workbench.operator import OPERATORS, Arg, Gradient, Operator, register_cpu_operator

__version__ = "0.1.0"

__all__ = [
    "OPERATORS",
    "Arg",
    "Gradient",
    "Operator",
    "local_response_norm",
    "local_response_norm_gradient",
    "local_response_norm_scale",
    "register_cpu_operator",
]
