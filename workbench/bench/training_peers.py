"""PyTorch and JAX as peers of `training.fit`: the same networks from the same weights, over the same batches.

`weights` is a list with a dict of arrays (worlds, ...) for each layer, x and y are the examples, and `batches` lists
the rows (worlds, batch) of each step. All train with Adam in float32 and return the weights in the same form.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.training import layers, trees

Weights = list[dict[str, np.ndarray]]


def in_torch(
    network: Sequence[Any], weights: Weights, x: np.ndarray, y: np.ndarray, batches: Sequence[np.ndarray], rate: float
) -> Weights:
    """Train one world after another with PyTorch, on one thread."""
    import torch

    torch.set_num_threads(1)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y)
    found = []
    for world in range(len(batches[0])):
        module = torch.nn.Sequential(*map(_torch_layer, network))
        module(inputs[:1])  # the lazy layers get their shapes
        pairs = list(zip(module, weights, strict=True))
        with torch.no_grad():
            for part, own in pairs:
                for name, values in own.items():
                    getattr(part, name).copy_(torch.from_numpy(values[world]))
        optimizer, loss = torch.optim.Adam(module.parameters(), lr=rate), torch.nn.CrossEntropyLoss()
        for rows in batches:
            chosen = torch.from_numpy(rows[world])
            optimizer.zero_grad()
            loss(module(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()
        found.append([{name: getattr(part, name).detach().numpy()[None] for name in own} for part, own in pairs])
    return joined(found)


def joined(parts: Sequence[Weights]) -> Weights:
    """Return the weights of the worlds of all parts, one after the other."""
    by_layer = zip(*parts, strict=True)
    return [{name: np.concatenate([own[name] for own in same]) for name in same[0]} for same in by_layer]


def _torch_layer(layer: Any) -> Any:
    from torch import nn

    match layer:
        case layers.Dense():
            return nn.LazyLinear(layer.units)
        case layers.Convolution():
            return nn.LazyConv2d(layer.channels, layer.size, layer.stride, layer.padding)
        case layers.LocalResponseNorm():
            return nn.LocalResponseNorm(layer.size, layer.alpha, layer.beta, layer.bias)
        case layers.MaxPool():
            return nn.MaxPool2d(layer.size, layer.stride, layer.padding)
        case layers.DropoutWithReplacement():
            return nn.Dropout(layer.ratio)
        case layers.Flatten():
            return nn.Flatten()
        case layers.ReLU():
            return nn.ReLU()
    raise TypeError(f"{layer!r} has no counterpart")


def in_jax(
    network: Sequence[Any], weights: Weights, x: np.ndarray, y: np.ndarray, batches: Sequence[np.ndarray], rate: float
) -> Weights:
    """Train all worlds at once with vmap, jit and scan; the network has dense layers, ReLU and dropout only."""
    import jax

    train = _jax_training(tuple(network), rate)
    sizes = [rows.shape[1] for rows in batches]
    whole = np.stack([np.pad(rows, ((0, 0), (0, max(sizes) - rows.shape[1]))) for rows in batches], axis=1)
    used = np.arange(max(sizes)) < np.array(sizes)[:, None]
    keys = jax.random.split(jax.random.key(0), len(batches[0]))
    return jax.tree.map(np.asarray, train(weights, whole, keys, x, y, used))


@functools.cache
def _jax_training(network: tuple, rate: float) -> Any:
    """Return the compiled function of weights, rows (worlds, steps, batch), keys, x, y and used (steps, batch)."""
    import jax
    import jax.numpy as jnp

    def loss(weights: Any, x: Any, y: Any, used: Any, key: Any) -> Any:
        for place, (layer, own) in enumerate(zip(network, weights, strict=True)):
            if isinstance(layer, layers.Dense):
                x = x @ own["weight"].T + own["bias"]
            elif isinstance(layer, layers.ReLU):
                x = jax.nn.relu(x)
            else:
                kept = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - layer.ratio, x.shape)
                x = jnp.where(kept, x / (1 - layer.ratio), 0)
        chosen = jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], axis=1)[:, 0]
        return -jnp.sum(chosen * used) / jnp.sum(used)

    def train(weights: Any, rows: Any, key: Any, x: Any, y: Any, used: Any) -> Any:
        def step(state: Any, batch: Any) -> Any:
            weights, m, v, count = state
            chosen, inside = batch
            g = jax.grad(loss)(weights, x[chosen], y[chosen], inside, jax.random.fold_in(key, count))
            count = count + 1
            m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
            v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
            first, second = 1 - 0.9**count, 1 - 0.999**count
            new = jax.tree.map(lambda w, m, v: w - rate * (m / first) / (jnp.sqrt(v / second) + 1e-8), weights, m, v)
            return (new, m, v, count), None

        zeros = jax.tree.map(jnp.zeros_like, weights)
        return jax.lax.scan(step, (weights, zeros, zeros, 0), (rows, used))[0][0]

    return jax.jit(jax.vmap(train, in_axes=(0, 0, 0, None, None, None)))


def largest_difference(ours: Weights, theirs: Weights) -> float:
    """Return the largest difference of two sets of weights, over the largest weight."""
    found = trees.flat(theirs)
    pairs = [(weight, found[path]) for path, weight in trees.flat(ours).items()]
    return max(float(np.abs(a - b).max()) for a, b in pairs) / max(float(np.abs(a).max()) for a, _ in pairs)
