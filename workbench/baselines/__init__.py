"""Methods that the operators are compared with.

Other methods that drop something or add noise in training:

| module | function | one draw for | effect of dropping |
|---|---|---|---|
| `elementwise` | `dropout` | each element | becomes 0 |
| | `feature_dropout` | each channel of an example | becomes 0 |
| | `alpha_dropout` | each element | becomes SELU's lowest value; mean and variance are restored |
| | `gaussian_dropout` | each element | none; multiplies by noise with dropout's mean and variance |
| `dropconnect` | `dropconnect` | each weight of a dense layer | becomes 0 |
| `variational_dropout` | the same | each example and output | none, until learned noise prunes the weight |
| `subsampling` | `subsample_entries` | each stored entry of a sparse matrix | removed from the structure |
| | `subsample_lists` | each id of a ragged list | removed from the list |

All use NumPy, come with their gradients, and draw from `workbench.philox`, so the same seed gives the same draws. They
raise TypeError if an argument has the wrong type, and ValueError if it is out of its range or does not fit the others;
the message names the argument. Local response normalization is compared with `normalizations`, and the sparse Lp
regularizer with `regularizers` and `pruning`. The operators themselves are in `lrn`, `sparse_dropout` and `sparse_lp`.
"""
