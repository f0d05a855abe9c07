"""The operators as functions of CPU tensors, with gradients.

They check where a tensor lives and what it holds; the operators check the arguments.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.operator import is_number
from workbench.torch import operators

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
WIDE_FLOATS = FLOATS[:2]  # a small step of a half number is rounded away
INTEGERS = (torch.int64, torch.int32)
NUMBERS = (*FLOATS, *INTEGERS, torch.int16, torch.int8, torch.uint8)


def checked(name: str, x: Any, dtypes: tuple[torch.dtype, ...], instead: str) -> Tensor:
    """Return x if the operators can read it: a dense tensor on the CPU, of one of the types.

    Raises:
        TypeError: x is no tensor, is sparse or nested, or has another type.
        ValueError: x is on another device. `instead` says what to do there.
        NotImplementedError: x carries a tangent, which PyTorch would drop without a word.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: must be a tensor, not {type(x).__name__}")
    if x.layout is not torch.strided or x.is_nested:
        raise TypeError(f"{name} has layout {x.layout}: must be dense; give its values, or convert it")
    if x.device.type not in ("cpu", "meta"):
        raise ValueError(f"{name} is on {x.device}: must be on the CPU, where the kernels run; {instead}")
    if x.dtype not in dtypes:
        names = ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise TypeError(f"{name} has dtype {x.dtype}: must be one of {names}; convert it, as with {name}.float()")
    if torch.autograd.forward_ad.unpack_dual(x).tangent is not None:
        raise NotImplementedError(f"{name} carries a tangent: only backward differentiation works here")
    return x


def local_response_norm(
    x: Tensor,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    *,
    order: str = "NCHW",
    region: str = "across",
) -> Tensor:
    """Normalize each response by the energy of its neighbours, as `torch.nn.functional.local_response_norm` does.

    The arguments are PyTorch's: alpha is divided by `size`, and an even window has one neighbour more on the low side.
    `order` and `region` are those of `workbench.local_response_norm`; region="within" takes odd sizes only. In a
    channels_last tensor, which is read in place, the channels are axis 1 too. y has x's type and memory format; under
    autocast it is float32, as PyTorch's.

    Raises:
        TypeError: x is no dense tensor of float16, bfloat16, float32 or float64, or an argument has the wrong type.
        ValueError: x is on another device than the CPU, or as in `workbench.local_response_norm`.
        NotImplementedError: the gradient is differentiated once more.
    """
    checked("x", x, FLOATS, "move it with x.cpu(), or use torch.nn.functional.local_response_norm there")
    return operators.lrn(x, size, alpha, beta, k, order, region)


def dropout_with_replacement(
    x: Tensor,
    ratio: float = 0.5,
    replacement: Any = 0.0,
    *,
    seed: int | None = None,
    training: bool = True,
    scaled: bool = False,
    per_feature: bool = False,
) -> tuple[Tensor, Tensor]:
    """Replace each element with chance `ratio`; return y and dropped (bool), as `workbench.dropout_with_replacement`.

    Arguments are as there, but `replacement` may be a tensor, such as (features,), which gets a gradient too. Without a
    seed, one is drawn from PyTorch's generator, so that `torch.manual_seed` repeats the masks. With training=False, y
    is x itself. scaled=True with the replacement 0 is `torch.nn.functional.dropout`, with other masks.

    Raises:
        TypeError: x is no dense tensor of floats or integers, or an argument has the wrong type.
        ValueError: x is on another device than the CPU, or as in `workbench.dropout_with_replacement`.
    """
    checked("x", x, NUMBERS, "move it with x.cpu(), or use torch.nn.functional.dropout there")
    if not training:
        return x, torch.zeros_like(x, dtype=torch.bool)
    strategy = replacement if isinstance(replacement, str) else ""
    if not isinstance(replacement, Tensor):
        replacement = torch.from_numpy(np.asarray(0 if strategy else replacement))
    new = checked("replacement", replacement, NUMBERS, "move it with replacement.cpu()")
    return operators.dropout(x, new, seed_word(seed), ratio, scaled, strategy, per_feature)


def sparse_dropout_with_replacement(
    x: Tensor,
    offsets: Tensor | None = None,
    ratio: float = 0.0,
    replacement_value: float = 0,
    *,
    seed: int | None = None,
    training: bool = True,
    itemwise: bool = False,
    include_last_offset: bool = False,
) -> Any:
    """Replace whole lists by one value each, with chance `ratio`, or with `itemwise` single values.

    Args:
        x: a nested tensor with layout torch.jagged and one value for each item; or the values of all lists, one axis,
            with `offsets`, where each list begins. These are the two arguments of `torch.nn.EmbeddingBag`.
        include_last_offset: whether `offsets` ends with the number of values, as for `torch.nn.EmbeddingBag`.
        ratio, replacement_value: as for `workbench.sparse_dropout_with_replacement`.
        seed, training: as for `dropout_with_replacement`.

    Returns:
        A nested tensor for a nested one, else values and offsets.

    Raises:
        TypeError: x is no dense or jagged tensor of numbers, or an argument has the wrong type.
        ValueError: x requires a gradient, which as in Caffe2 does not flow back; x is on another device than the CPU;
            `offsets` does not cut x into lists; or as in `workbench.sparse_dropout_with_replacement`.
    """
    nested = isinstance(x, Tensor) and x.is_nested
    if nested and (x.layout is not torch.jagged or x.lengths() is not None or offsets is not None):
        raise TypeError(
            "x is nested: must have layout torch.jagged, no gaps between its lists, and no offsets beside it"
        )
    values = checked("x", x.values() if nested else x, NUMBERS, "move it with x.cpu()")
    bounds = checked("offsets", x.offsets() if nested else offsets, INTEGERS, "move it with offsets.cpu()")
    if values.requires_grad:
        raise ValueError(
            "x requires a gradient, and none flows back through lists that are dropped, as in Caffe2; give x.detach(), "
            "or drop single values with dropout_with_replacement, which has a gradient"
        )
    if not training:
        return x if nested else (x, offsets)
    if not nested and not include_last_offset and values.ndim == bounds.ndim == 1:  # others are refused
        bounds = torch.cat([bounds, bounds.new_tensor([len(values)])])
    values, bounds = operators.sparse_dropout(values, bounds, seed_word(seed), ratio, replacement_value, itemwise)
    if nested:
        return torch.nested.nested_tensor_from_jagged(values, x.offsets() if itemwise else bounds)
    return values, bounds if include_last_offset else bounds[:-1]


def seed_word(seed: int | None) -> Tensor:
    """Return a seed as the int64 with its bits, without one a number from PyTorch's generator."""
    if seed is None:
        return torch.randint(2**63 - 1, ())
    if not is_number(seed, int):
        raise TypeError(f"seed={seed!r}: must be a whole number, not {type(seed).__name__}")
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed={seed!r}: must be a whole number from 0 to 2^64 - 1, or None")
    return torch.tensor(seed - 2**64 if seed >= 2**63 else seed, dtype=torch.int64)


def sparse_lp(w: Tensor, alpha: float, p: float = 1.0) -> Tensor:
    """Return the penalty alpha * sum |w|^p, to be added to a loss; its gradient is that of `workbench.lp_gradient`.

    Gradient steps make no weight exactly 0: `proximal_step_` does. w is not changed.

    Raises:
        TypeError: w is no dense tensor of float32 or float64, or an argument has the wrong type.
        ValueError: w is on another device than the CPU; `alpha` or `p` is negative; or, in the backward pass, p is
            infinite.
        NotImplementedError: the gradient is differentiated once more.
    """
    return operators.lp(checked("w", w, WIDE_FLOATS, "move it with w.cpu()"), alpha, p)


@torch.no_grad()
def proximal_step_(
    w: Tensor, weight: float, p: float = 1.0, *, sparsity_threshold: float = 0.0, rows: Tensor | None = None
) -> Tensor:
    """Replace w, in place, by argmin_z 1/2 (z - w)^2 + weight |z|^p, then what is at most the threshold by 0; return w.

    `rows`, distinct numbers of rows, limits this to some rows of a table. See `workbench.lp_prox`.

    Raises:
        TypeError: w is no dense tensor of float32 or float64, or an argument has the wrong type.
        ValueError: w is on another device than the CPU; `weight`, `p` or the threshold is negative.
        IndexError: a row does not exist.
    """
    checked("w", w, WIDE_FLOATS, "move it with w.cpu(); float32 weights, as those under autocast, can take small steps")
    operators.proximal_step(w, rows, weight, p, sparsity_threshold)
    return w
