"""Small networks, many worlds at once: layers, initializers, optimizers, losses, and `fit`, which trains them.

A world is one seed of everything: the split of the data, the initial weights, the order of the batches and the masks.
The worlds are the leading axis of every array. Experiments that train networks are in `experiments`.
"""
