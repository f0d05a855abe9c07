"""Neural-network operators made readable, fast, measurable and playable."""

from workbench.lrn import local_response_norm, local_response_norm_gradient, local_response_norm_scale
from workbench.operator import OPERATORS, REQUIRED, Arg, Gradient, Operator, register_cpu_operator
from workbench.sparse_dropout import (
    dropout_with_replacement,
    dropout_with_replacement_gradient,
    sparse_dropout_with_replacement,
    sparse_itemwise_dropout_with_replacement,
)
from workbench.sparse_lp import lp_gradient, lp_prox, sparse_lp, sparse_lp_regularizer

__version__ = "0.1.0"

__all__ = [
    "OPERATORS",
    "REQUIRED",
    "Arg",
    "Gradient",
    "Operator",
    "dropout_with_replacement",
    "dropout_with_replacement_gradient",
    "local_response_norm",
    "local_response_norm_gradient",
    "local_response_norm_scale",
    "lp_gradient",
    "lp_prox",
    "register_cpu_operator",
    "sparse_dropout_with_replacement",
    "sparse_itemwise_dropout_with_replacement",
    "sparse_lp",
    "sparse_lp_regularizer",
]
