"""Compiled loops of training, where NumPy would pass over an array several times. All arrays are in C order."""

import numpy as np

from workbench.compiling import compiler
from workbench.philox import HALF, LOW
from workbench.sparse_dropout.loops_common import ZERO, u, write_words


@compiler()
def words(out, seeds):
    """Write the first words of each seed's stream to out (worlds, 4 * blocks)."""
    for w in range(u(out.shape[0])):
        write_words(out[w], ZERO, u(out.shape[1] // 4), seeds[w] & LOW, seeds[w] >> HALF)


@compiler()
def relu_gradient(y, dy, dx):
    """Set dx (n,) to dy where y > 0, and to 0 elsewhere."""
    zero = dx.dtype.type(0)
    for i in range(y.size):
        dx[i] = dy[i] if y[i] > zero else zero


@compiler()
def adam(w, g, m, v, largest, rate, root, beta1, beta2, eps):
    """Update the weights w (worlds, n) and the averages m and v in place, given the gradient g.

    `rate` (worlds,) is the learning rate over the bias correction of m, and `root` (worlds,) one over the square root
    of the bias correction of v. `largest` is () or, for amsgrad, the tuple of the array of the largest v so far.
    """
    one = w.dtype.type(1)
    for s in range(w.shape[0]):
        for i in range(w.shape[1]):
            mean = beta1 * m[s, i] + (one - beta1) * g[s, i]
            square = beta2 * v[s, i] + (one - beta2) * (g[s, i] * g[s, i])
            m[s, i], v[s, i] = mean, square
            if len(largest):
                square = max(largest[0][s, i], square)
                largest[0][s, i] = square
            w[s, i] -= rate[s] * (mean / (np.sqrt(square) * root[s] + eps))


@compiler()
def cross_entropy(logits, targets, smoothing, gradient, loss):
    """Write the mean loss (worlds,) and its gradient for logits (worlds, batch, classes).

    Return how many targets are not classes; for these, nothing is computed.
    """
    worlds, batch, classes = logits.shape
    even, share = smoothing / classes, gradient.dtype.type(1 / batch)
    wrong = 0
    for s in range(worlds):
        total_loss = 0.0
        for b in range(batch):
            row, out, target = logits[s, b], gradient[s, b], targets[s, b]
            if target < 0 or target >= classes:
                wrong += 1
                continue
            most, sum_of_all = row[0], 0.0
            for k in range(classes):
                most = row[k] if row[k] > most or row[k] != row[k] else most
            total = out.dtype.type(0)
            for k in range(classes):
                out[k] = np.exp(row[k] - most)
                total += out[k]
                sum_of_all += np.float64(row[k] - most)
            for k in range(classes):
                out[k] = (out[k] / total - (out.dtype.type(1 - smoothing) if k == target else 0) - even) * share
            log_total = np.log(np.float64(total))
            total_loss += log_total - (1 - smoothing) * np.float64(row[target] - most) - even * sum_of_all
        loss[s] = total_loss / batch
    return wrong
