"""The operators as modules, and the replacement of `nn.LocalResponseNorm` in a model."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from workbench.lrn import LRN
from workbench.sparse_dropout.inputs import RATIO
from workbench.sparse_lp import SPARSE_LP
from workbench.torch import functions, operators


class LocalResponseNorm(nn.LocalResponseNorm):
    """Normalize each response by the energy of its neighbours, as `nn.LocalResponseNorm`, by `local_response_norm`.

    Raises:
        TypeError, ValueError: an argument is refused by `local_response_norm`.
    """

    order = "NCHW"
    region = "across"

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        *,
        order: str = "NCHW",
        region: str = "across",
    ) -> None:
        super().__init__(size, alpha, beta, k)
        operators.checked_window(size, alpha, beta, k, region)
        self.order, self.region = LRN.arg("order").check(order), region

    def forward(self, input: Tensor) -> Tensor:
        return functions.local_response_norm(
            input, self.size, self.alpha, self.beta, self.k, order=self.order, region=self.region
        )

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, order={self.order}, region={self.region}"


def replace_local_response_norm(model: nn.Module) -> int:
    """Let every `nn.LocalResponseNorm` in a model compute with `local_response_norm`; return how many there are.

    The modules stay the same objects, with their hooks; the state dict does not change. Subclasses are left alone, as
    they may compute something else. Replace before `torch.compile`.

    Raises:
        ValueError, TypeError: the arguments of a module are refused; the message names it. Nothing is replaced then.
    """
    found = {name: module for name, module in model.named_modules() if type(module) is nn.LocalResponseNorm}
    for name, module in found.items():
        try:
            operators.checked_window(module.size, module.alpha, module.beta, module.k, "across")
        except (TypeError, ValueError) as problem:
            raise type(problem)(f"{name or 'model'}: {problem}") from None
    for module in found.values():
        module.__class__ = LocalResponseNorm  # whoever holds the module, such as a list or a hook, keeps it
    return len(found)


class DropoutWithReplacement(nn.Module):
    """Replace elements in training, with a new mask for each call; see `dropout_with_replacement`.

    A `replacement` that is an `nn.Parameter` is learned, and another tensor is a buffer: both are in the state dict.
    DropoutWithReplacement(p, scaled=True) does what nn.Dropout(p) does.

    Raises:
        TypeError, ValueError: `ratio` is not from 0 to 1. The rest is checked in the forward pass.
    """

    def __init__(
        self, ratio: float = 0.5, replacement: Any = 0.0, *, scaled: bool = False, per_feature: bool = False
    ) -> None:
        super().__init__()
        self.ratio, self.scaled, self.per_feature = RATIO.check(ratio), scaled, per_feature
        if isinstance(replacement, Tensor) and not isinstance(replacement, nn.Parameter):
            self.register_buffer("replacement", replacement)
        else:
            self.replacement = replacement

    def forward(self, input: Tensor) -> Tensor:
        options = {"scaled": self.scaled, "per_feature": self.per_feature, "training": self.training}
        return functions.dropout_with_replacement(input, self.ratio, self.replacement, **options)[0]

    def extra_repr(self) -> str:
        new = self.replacement
        shown = f"tensor{tuple(new.shape)}" if isinstance(new, Tensor) else repr(new)
        return f"ratio={self.ratio}, replacement={shown}, scaled={self.scaled}, per_feature={self.per_feature}"


class SparseDropoutWithReplacement(nn.Module):
    """Replace whole lists, or single values, in training; see `sparse_dropout_with_replacement`.

    The call takes a nested tensor, or values and offsets, and returns what `nn.EmbeddingBag` takes.

    Raises:
        TypeError, ValueError: `ratio` is not from 0 to 1. The rest is checked in the forward pass.
    """

    def __init__(
        self,
        ratio: float = 0.5,
        replacement_value: float = 0,
        *,
        itemwise: bool = False,
        include_last_offset: bool = False,
    ) -> None:
        super().__init__()
        self.ratio, self.replacement_value = RATIO.check(ratio), replacement_value
        self.itemwise, self.include_last_offset = itemwise, include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None) -> Any:
        options = {"itemwise": self.itemwise, "include_last_offset": self.include_last_offset}
        return functions.sparse_dropout_with_replacement(
            input, offsets, self.ratio, self.replacement_value, training=self.training, **options
        )

    def extra_repr(self) -> str:
        names = ("ratio", "replacement_value", "itemwise", "include_last_offset")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class SparseLp(nn.Module):
    """Keep weights small, and many of them 0, with the penalty alpha * sum |w|^p.

    Either add the module's value to the loss: `loss + SparseLp(1e-4)(*weights)`. Or `attach` it to an optimizer, whose
    steps then make weights exactly 0. Both minimize the same sum; do not use both for the same weights.

    Raises:
        TypeError, ValueError: an argument is not a number, or is negative.
    """

    def __init__(self, alpha: float, p: float = 1.0, sparsity_threshold: float = 0.0) -> None:
        super().__init__()
        checked = SPARSE_LP.check({"alpha": alpha, "p": p, "sparsity_threshold": sparsity_threshold})
        self.alpha, self.p, self.sparsity_threshold = checked.values()

    def forward(self, *weights: Tensor) -> Tensor:
        return torch.stack([functions.sparse_lp(w, self.alpha, self.p) for w in weights]).sum()

    def attach(self, optimizer: torch.optim.Optimizer, weights: Iterable[Tensor] | None = None) -> Any:
        """Let each step of an optimizer end with a proximal step, whose weight is alpha times the learning rate.

        It is decoupled from the gradient, as the decay of `torch.optim.AdamW`, and weights equal to or below the
        threshold become 0. Weights without a gradient stay. With a sparse gradient, only the rows that it names change.

        Args:
            weights: some of the optimizer's parameters; by default all of them, biases included.

        Returns:
            A handle; its method `remove` detaches the module.

        Raises:
            ValueError: a weight is not a parameter of the optimizer.
        """
        known = {id(w) for group in optimizer.param_groups for w in group["params"]}
        chosen = known if weights is None else {id(w) for w in weights}
        if not chosen <= known:
            raise ValueError("weights: must be parameters of the optimizer")

        def step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            for group in optimizer.param_groups:
                for w in group["params"]:
                    if w.grad is not None and (weights is None or id(w) in chosen):
                        self._step(w, self.alpha * float(group["lr"]))

        return optimizer.register_step_post_hook(step)

    def _step(self, w: Tensor, weight: float) -> None:
        rows = w.grad.coalesce().indices()[0] if w.grad.is_sparse else None
        functions.proximal_step_(w, weight, self.p, sparsity_threshold=self.sparsity_threshold, rows=rows)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}, p={self.p}, sparsity_threshold={self.sparsity_threshold}"
