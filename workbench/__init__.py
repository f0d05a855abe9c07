"""Neural-network operators made readable, fast, measurable and playable.

The public functions are imported here. Importing this package also imports each folder beside this file that holds a
`reference.py`, and each package named in the environment variable WORKBENCH_OPERATORS (separated by commas).
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

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


def __getattr__(name: str) -> Any:
    """Return the public function of an operator that another package has added."""
    for operator in OPERATORS.values():
        if operator.function == name:
            return getattr(import_module(operator.room), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


for _file in sorted(Path(__file__).parent.glob("*/reference.py")):
    _room = import_module(f"{__name__}.{_file.parent.name}")
    for _operator in OPERATORS.values():
        if _operator.room == _room.__name__:  # the function replaces a folder of the same name
            globals()[_operator.function] = getattr(_room, _operator.function)
for _package in filter(None, os.environ.get("WORKBENCH_OPERATORS", "").split(",")):
    import_module(_package.strip())
