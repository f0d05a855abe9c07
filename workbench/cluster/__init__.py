"""Apply the operators to `dask.array` arrays, block by block, for arrays too large for memory or for one machine.

    x = cluster.from_memmap(np.load("activations.npy", mmap_mode="r"))
    y, dropped = cluster.dropout_with_replacement(cluster.local_response_norm(x), seed=0)
    dask.array.to_npy_stack("normalized", y)

The functions have the names and arguments of the plain functions in `workbench` and return the same values, however the
array is cut into blocks; dropout is the same bit for bit. If a window crosses the border of a block, the block is
computed with a halo. Random draws depend on an element's place in the whole array.

Arrays are dask arrays whose chunks have known sizes. A memory-mapped file is read block by block (`from_memmap`); any
other array is copied and cut, as `dask.array.asarray` does. Results are lazy dask arrays. No block is changed in place.

Arguments are checked at once, with the messages of the plain functions. Errors that depend on the values, such as a
base of LRN that is not positive, are raised by the computation. Each block is computed on one thread, since dask
computes several blocks at once.

An operator declared with blockwise="elementwise" gets its function here without further code, in whatever package it is
declared. `run` calls any operator by its name.
"""

from typing import Any

from workbench.cluster.blocks import elementwise, from_memmap
from workbench.cluster.dropout import dropout_with_replacement, dropout_with_replacement_gradient
from workbench.cluster.lp import sparse_lp, sparse_lp_regularizer
from workbench.cluster.lrn import local_response_norm, local_response_norm_gradient, local_response_norm_scale
from workbench.cluster.ragged import sparse_dropout_with_replacement, sparse_itemwise_dropout_with_replacement
from workbench.operator import OPERATORS

__all__ = [
    "dropout_with_replacement",
    "dropout_with_replacement_gradient",
    "from_memmap",
    "local_response_norm",
    "local_response_norm_gradient",
    "local_response_norm_scale",
    "run",
    "sparse_dropout_with_replacement",
    "sparse_itemwise_dropout_with_replacement",
    "sparse_lp",
    "sparse_lp_regularizer",
]


def run(name: str, *inputs: Any, **arguments: Any) -> Any:
    """Run a declared operator on dask arrays, and return its results as lazy dask arrays.

    Raises:
        ValueError: no operator is called `name`, or it has no form for blocks.
    """
    if name not in OPERATORS:
        raise ValueError(f"name={name!r}: must be one of {', '.join(map(repr, OPERATORS))}")
    function = OPERATORS[name].function
    form = globals().get(function) or _elementwise(function)
    if form is None:
        raise ValueError(
            f'{name} cannot be computed in blocks; if each block can be computed alone, declare blockwise="elementwise"'
        )
    return form(*inputs, **arguments)


def __getattr__(name: str) -> Any:
    form = _elementwise(name)
    if form is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return form


def _elementwise(function: str) -> Any:
    for operator in OPERATORS.values():
        if operator.function == function and operator.blockwise == "elementwise":
            return elementwise(operator)
    return None
