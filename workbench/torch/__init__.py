"""The operators in PyTorch, on the CPU: modules, functions with gradients, and LRN put in the place of PyTorch's.

    from workbench.torch import replace_local_response_norm

    print(replace_local_response_norm(model), "modules replaced")

Needs the extra `torch`. Models, state dicts, `torch.compile`, `torch.export` and autocast work as usual.
"""

from workbench.lazily import naming_the_extra

with naming_the_extra():
    from workbench.torch.functions import (
        dropout_with_replacement,
        local_response_norm,
        proximal_step_,
        sparse_dropout_with_replacement,
        sparse_lp,
    )
    from workbench.torch.modules import (
        DropoutWithReplacement,
        LocalResponseNorm,
        SparseDropoutWithReplacement,
        SparseLp,
        replace_local_response_norm,
    )

__all__ = [
    "DropoutWithReplacement",
    "LocalResponseNorm",
    "SparseDropoutWithReplacement",
    "SparseLp",
    "dropout_with_replacement",
    "local_response_norm",
    "proximal_step_",
    "replace_local_response_norm",
    "sparse_dropout_with_replacement",
    "sparse_lp",
]
