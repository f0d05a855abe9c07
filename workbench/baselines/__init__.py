"""What sparse dropout is compared with: other ways to leave something out, or to add noise, in training.

| function | drawn for | what is dropped becomes |
|---|---|---|
| `dropout` | each element | 0 |
| `feature_dropout` | each channel of an example | 0 |
| `alpha_dropout` | each element | SELU's lowest value, mean and variance restored |
| `gaussian_dropout` | each element | nothing is: noise of dropout's mean and variance |
| `dropconnect` | each weight of a dense layer | 0 |
| `variational_dropout` | each example and output of a dense layer | nothing is, until learned noise prunes the weight |
| `subsample_entries` | each stored entry of a sparse matrix | gone from the structure |
| `subsample_lists` | each id of a ragged list | gone from the list |

All are NumPy, with gradients beside them, and draw from `workbench.philox`: the same seed gives the same draws. They
raise TypeError for an argument of the wrong type, and ValueError for one that is out of its range or does not fit the
others; the message names the argument. The regularizers and `pruning` are what the sparse Lp regularizer is compared
with. The operators themselves are in `sparse_dropout` and `sparse_lp`.
"""

from workbench.baselines.dropconnect import dropconnect, dropconnect_gradient
from workbench.baselines.elementwise import (
    alpha_dropout,
    alpha_dropout_affine,
    alpha_dropout_gradient,
    dropout,
    dropout_gradient,
    feature_dropout,
    feature_dropout_gradient,
    gaussian_dropout,
    gaussian_dropout_gradient,
)
from workbench.baselines.subsampling import subsample_entries, subsample_entries_gradient, subsample_lists
from workbench.baselines.variational_dropout import (
    kl_approximation,
    log_alpha,
    pruned,
    variational_dropout,
    variational_dropout_gradient,
    variational_dropout_kl,
    variational_dropout_kl_gradient,
)

__all__ = [
    "alpha_dropout",
    "alpha_dropout_affine",
    "alpha_dropout_gradient",
    "dropconnect",
    "dropconnect_gradient",
    "dropout",
    "dropout_gradient",
    "feature_dropout",
    "feature_dropout_gradient",
    "gaussian_dropout",
    "gaussian_dropout_gradient",
    "kl_approximation",
    "log_alpha",
    "pruned",
    "subsample_entries",
    "subsample_entries_gradient",
    "subsample_lists",
    "variational_dropout",
    "variational_dropout_gradient",
    "variational_dropout_kl",
    "variational_dropout_kl_gradient",
]
