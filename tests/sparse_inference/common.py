"""Helpers that several tests of this folder share: weights whose sums are exact, and a product in a scalar loop."""

import numpy as np

FORMS = ("dense", "CSR, int32", "CSR, int16", "bitmap", "bitmap, int8", "rows")


def eighths(shape, largest, seed, dtype="float32"):
    """Return numbers k / 8 with |k| up to `largest`: their products and sums are exact, in any order."""
    return (np.random.default_rng(seed).integers(-largest, largest + 1, shape) / 8).astype(dtype)


def weights(shape, share, seed=0, dtype="float32"):
    """Return weights k / 8, a share of which is 0; each row has a 127 / 8, so that a byte can hold k."""
    w = eighths(shape, 127, seed, dtype)
    w[np.random.default_rng(seed + 1).random(shape) < share] = 0
    if w.size and share < 1:
        w[:, -1] = 127 / 8
    return w


def scalar_product(w, stored, x):
    """Return the sums over stored weights, one number after another."""
    y = np.zeros((len(x), len(w)))
    for n in range(len(x)):
        for o in range(len(w)):
            for i in range(w.shape[1]):
                if stored[o, i]:
                    y[n, o] += float(w[o, i]) * float(x[n, i])
    return y
