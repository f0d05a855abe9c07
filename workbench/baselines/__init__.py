"""What sparse dropout and the sparse Lp regularizer are compared with.

Other ways to leave something out, or to add noise, in training:

| module | function | drawn for | what is dropped becomes |
|---|---|---|---|
| `elementwise` | `dropout` | each element | 0 |
| | `feature_dropout` | each channel of an example | 0 |
| | `alpha_dropout` | each element | SELU's lowest value, mean and variance restored |
| | `gaussian_dropout` | each element | nothing is: noise of dropout's mean and variance |
| `dropconnect` | `dropconnect` | each weight of a dense layer | 0 |
| `variational_dropout` | the same | each example and output | nothing is, until learned noise prunes the weight |
| `subsampling` | `subsample_entries` | each stored entry of a sparse matrix | gone from the structure |
| | `subsample_lists` | each id of a ragged list | gone from the list |

All are NumPy, with gradients beside them, and draw from `workbench.philox`: the same seed gives the same draws. They
raise TypeError for an argument of the wrong type, and ValueError for one that is out of its range or does not fit the
others; the message names the argument. `regularizers` and `pruning` are what the sparse Lp regularizer is compared
with. The operators themselves are in `sparse_dropout` and `sparse_lp`.
"""
