"""Register the operators with PyTorch, so that autograd, `torch.compile` and `torch.export` know them.

Each is a custom operator in the namespace `workbench`, such as `torch.ops.workbench.local_response_norm`. It reads the
memory of a CPU tensor in place, in any layout, and uses as many threads as PyTorch does. NumPy has no bfloat16: LRN
reads it in place where the package ml_dtypes is installed, and else it is computed on a copy in float32. `functions`
checks devices and types before it calls these.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

import workbench
from workbench import parallel
from workbench.arrays import is_bfloat16
from workbench.lrn import LRN, conventions
from workbench.lrn.window import Window, own_window

ml_dtypes: Any = import_module("ml_dtypes") if find_spec("ml_dtypes") else None


def checked_window(size: int, alpha: float, beta: float, k: float, region: str) -> Window:
    """Return PyTorch's window across channels, of any size, or ours within a channel, of an odd size.

    Raises:
        TypeError, ValueError: as `workbench.lrn.conventions.pytorch` and `workbench.local_response_norm`.
    """
    if region == "across":
        return conventions.pytorch(size, alpha, beta, k)
    values = LRN.check({"size": size, "alpha": alpha, "beta": beta, "bias": k, "region": region})
    del values["order"]
    return own_window(**values)


def run(function: Callable, *inputs: Any, **arguments: Any) -> Any:
    """Call a function of arrays with the memory of tensors, on as many threads as PyTorch uses and the process may."""
    with parallel.thread_limit(min(torch.get_num_threads(), parallel.available_threads())):
        return function(*(_shared(x) if isinstance(x, Tensor) else x for x in inputs), **arguments)


def _shared(x: Tensor) -> np.ndarray:
    return (x.float() if x.dtype == torch.bfloat16 else x).detach().numpy()


def brain_floats(x: Tensor) -> Any:
    """Return a tensor of bfloat16 as an array on the same memory if ml_dtypes is there; another x as it is."""
    if x.dtype != torch.bfloat16 or ml_dtypes is None:
        return x
    return x.detach().view(torch.int16).numpy().view(ml_dtypes.bfloat16)


def like(x: Tensor, values: np.ndarray) -> Tensor:
    """Return values as a tensor of x's type."""
    if is_bfloat16(values.dtype):
        return torch.from_numpy(values.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(values).to(x.dtype)


def laid_out_like(x: Tensor, y: Tensor) -> Tensor:
    """Return y with the strides that `torch.compile` was told; the kernel's differ for an expanded x, for example."""
    if y.stride() == x.stride():
        return y  # usual
    told = torch.empty_like(x)
    return y if y.stride() == told.stride() else told.copy_(y)


def seed_of(word: Tensor) -> int:
    """Return the seed from 0 to 2^64 - 1 that has the bits of an int64."""
    return int(word) % 2**64


def refuse_second_derivative(name: str, instead: str) -> None:
    """Let differentiating the gradient operator `name` raise NotImplementedError."""

    def refuse(ctx: Any, *gradients: Tensor) -> None:
        raise NotImplementedError(f"workbench::{name} cannot be differentiated once more; {instead}")

    torch.library.register_autograd(f"workbench::{name}", refuse)


@torch.library.custom_op("workbench::local_response_norm", mutates_args=())
def lrn(x: Tensor, size: int, alpha: float, beta: float, k: float, order: str, region: str) -> Tensor:
    window = checked_window(size, alpha, beta, k, region)
    return laid_out_like(x, like(x, run(conventions.local_response_norm, brain_floats(x), window, order=order)))


@torch.library.custom_op("workbench::local_response_norm_gradient", mutates_args=())
def lrn_gradient(
    dy: Tensor, x: Tensor, size: int, alpha: float, beta: float, k: float, order: str, region: str
) -> Tensor:
    window = checked_window(size, alpha, beta, k, region)
    arrays = brain_floats(dy), brain_floats(x)
    return laid_out_like(x, like(x, run(conventions.local_response_norm_gradient, *arrays, window, order=order)))


def _save_lrn(ctx: Any, inputs: tuple, output: Tensor) -> None:
    x, *ctx.arguments = inputs
    ctx.save_for_backward(x)


def _carry_lrn_back(ctx: Any, dy: Tensor) -> tuple:
    return lrn_gradient(dy, *ctx.saved_tensors, *ctx.arguments), *[None] * len(ctx.arguments)


torch.library.register_fake("workbench::local_response_norm")(lambda x, *arguments: torch.empty_like(x))
torch.library.register_fake("workbench::local_response_norm_gradient")(lambda dy, x, *arguments: torch.empty_like(x))
torch.library.register_autograd("workbench::local_response_norm", _carry_lrn_back, setup_context=_save_lrn)
torch.library.register_autocast("workbench::local_response_norm", "cpu", torch.float32)  # as PyTorch's own
refuse_second_derivative("local_response_norm_gradient", "torch.nn.functional.local_response_norm can be")


@torch.library.custom_op("workbench::dropout_with_replacement", mutates_args=())
def dropout(
    x: Tensor, replacement: Tensor, seed: Tensor, ratio: float, scaled: bool, strategy: str, per_feature: bool
) -> tuple[Tensor, Tensor]:
    """Return y and dropped; a strategy, unless it is "", takes the place of the replacement."""
    options = {"seed": seed_of(seed), "scaled": scaled, "per_feature": per_feature}
    y, dropped = run(workbench.dropout_with_replacement, x, ratio, strategy or replacement, **options)
    return like(x, y), torch.from_numpy(dropped)


@torch.library.custom_op("workbench::dropout_with_replacement_gradient", mutates_args=())
def dropout_gradient(
    dy: Tensor, dropped: Tensor, ratio: float, scaled: bool, shape: list[int]
) -> tuple[Tensor, Tensor]:
    options = {"ratio": ratio, "scaled": scaled, "replacement_shape": tuple(shape)}
    dx, dreplacement = run(workbench.dropout_with_replacement_gradient, dy, dropped, **options)
    return like(dy, dx), like(dy, dreplacement)


def _fake_dropout(x: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    return y, torch.empty_like(y, dtype=torch.bool)


def _fake_dropout_gradient(dy: Tensor, dropped: Tensor, ratio: float, scaled: bool, shape: list[int]) -> tuple:
    return torch.empty_like(dy, memory_format=torch.contiguous_format), dy.new_empty(shape)


def _save_dropout(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(output[1])
    ctx.arguments = (*inputs[3:5], inputs[1].shape)


def _carry_dropout_back(ctx: Any, dy: Tensor, _: Any) -> tuple:
    return *dropout_gradient(dy, *ctx.saved_tensors, *ctx.arguments), *[None] * 5


def _save_dropout_gradient(ctx: Any, inputs: tuple, output: tuple[Tensor, Tensor]) -> None:
    _, dropped, ratio, scaled, _ = inputs
    ctx.save_for_backward(dropped)
    ctx.scale = 1 / (1 - ratio) if scaled and ratio < 1 else 1.0


def _carry_dropout_gradient_back(ctx: Any, ddx: Tensor, dshares: Tensor) -> tuple:
    """Carry back through dx = s dy where kept, and dreplacement = dy where dropped, (1 - s) dy where kept, summed."""
    kept = ctx.scale * ddx + (1 - ctx.scale) * dshares
    return torch.where(*ctx.saved_tensors, dshares, kept), None, None, None, None


torch.library.register_fake("workbench::dropout_with_replacement")(_fake_dropout)
torch.library.register_fake("workbench::dropout_with_replacement_gradient")(_fake_dropout_gradient)
torch.library.register_autograd("workbench::dropout_with_replacement", _carry_dropout_back, setup_context=_save_dropout)
torch.library.register_autograd(
    "workbench::dropout_with_replacement_gradient", _carry_dropout_gradient_back, setup_context=_save_dropout_gradient
)


@torch.library.custom_op("workbench::sparse_dropout_with_replacement", mutates_args=())
def sparse_dropout(
    x: Tensor, offsets: Tensor, seed: Tensor, ratio: float, replacement_value: torch.types.Number, itemwise: bool
) -> tuple[Tensor, Tensor]:
    """Return values and offsets in the form in which they are given: offsets (lists + 1,) from 0 to the last value."""
    if offsets.ndim != 1 or not len(offsets) or offsets[0]:
        raise ValueError(f"offsets={offsets}: must have one axis and begin with 0")
    drop = workbench.sparse_itemwise_dropout_with_replacement if itemwise else workbench.sparse_dropout_with_replacement
    y, lengths = run(drop, x, offsets.diff(), ratio, replacement_value, seed=seed_of(seed))
    return like(x, y), torch.cat([offsets[:1], torch.from_numpy(lengths).cumsum(0).to(offsets.dtype)])


def _fake_sparse_dropout(
    x: Tensor, offsets: Tensor, seed: Tensor, ratio: float, replacement_value: torch.types.Number, itemwise: bool
) -> tuple[Tensor, Tensor]:
    size = len(x) if itemwise else torch.library.get_ctx().new_dynamic_size()
    return x.new_empty(size), torch.empty_like(offsets)


torch.library.register_fake("workbench::sparse_dropout_with_replacement")(_fake_sparse_dropout)


@torch.library.custom_op("workbench::sparse_lp", mutates_args=())
def lp(w: Tensor, alpha: float, p: float) -> Tensor:
    loss, _ = run(workbench.sparse_lp, w.clone(), alpha, p)  # which writes to what it is given
    return w.new_tensor(loss)


@torch.library.custom_op("workbench::lp_gradient", mutates_args=())
def lp_gradient(w: Tensor, alpha: float, p: float) -> Tensor:
    return like(w, run(workbench.lp_gradient, w, alpha, p))


@torch.library.custom_op("workbench::proximal_step_", mutates_args=("w",))
def proximal_step(w: Tensor, rows: Tensor | None, weight: float, p: float, sparsity_threshold: float) -> None:
    chosen: Any = ... if rows is None else rows
    new = run(workbench.lp_prox, w[chosen], weight, p)
    if sparsity_threshold:
        run(workbench.sparse_lp, new, 0.0, sparsity_threshold=sparsity_threshold)
    w[chosen] = torch.from_numpy(new)


def _save_lp(ctx: Any, inputs: tuple, output: Tensor) -> None:
    w, *ctx.arguments = inputs
    ctx.save_for_backward(w)


def _carry_lp_back(ctx: Any, dloss: Tensor) -> tuple:
    return dloss * lp_gradient(*ctx.saved_tensors, *ctx.arguments), None, None


torch.library.register_fake("workbench::sparse_lp")(lambda w, alpha, p: w.new_empty(()))
torch.library.register_fake("workbench::lp_gradient")(
    lambda w, alpha, p: torch.empty_like(w, memory_format=torch.contiguous_format)
)
torch.library.register_fake("workbench::proximal_step_")(lambda *arguments: None)
torch.library.register_autograd("workbench::sparse_lp", _carry_lp_back, setup_context=_save_lp)
refuse_second_derivative("lp_gradient", "a penalty written with PyTorch's own operations can be")
