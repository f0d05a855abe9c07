"""Experiments on what sparse dropout with replacement computes: its draws, its statistics, its gradient, its counts.

Each function takes a seed and returns numbers by name. None of them trains a network.
"""

from collections.abc import Sequence

import numpy as np

from workbench.baselines.subsampling import subsample_entries
from workbench.data.id_lists import make_id_lists, multi_hot
from workbench.operator import OPERATORS, Gradient
from workbench.sparse_dropout import (
    dropout_with_replacement,
    dropout_with_replacement_gradient,
    sparse_dropout_with_replacement,
)
from workbench.sparse_dropout.cost import cost, segments_cost

MANY = 1_000_000
SHAPE = (256, 512)  # examples and features of the array whose bytes are counted


def ragged_draws(seed: int) -> dict[str, float]:
    """Drop from ragged lists; compare the output's length with the input's, and the words drawn with the values."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 9, 200).astype(np.int32)
    values = rng.integers(1, 1000, lengths.sum())
    y, output_lengths = sparse_dropout_with_replacement(values, lengths, 0.5, 0, seed=seed)
    segments = np.split(values, np.cumsum(lengths)[:-1])
    parts = np.split(y, np.cumsum(output_lengths)[:-1])
    whole = [
        np.array_equal(part, segment) or part.tolist() == [0] for part, segment in zip(parts, segments, strict=True)
    ]
    dropped = sum(part.tolist() == [0] for part in parts)  # 0 is no value of the input
    words = segments_cost(len(lengths), dropped, len(y) - dropped).random_words
    return {
        "output values over input values": len(y) / len(values),
        "random words over values": words / len(values),
        "share of lists kept or replaced as a whole": float(np.mean(whole)),
    }


def share_dropped(seed: int, ratio: float) -> dict[str, float]:
    """Return how far the share of dropped elements is from the ratio, in standard errors; exactly 0 at 0 and at 1."""
    dropped = dropout_with_replacement(np.ones(MANY), ratio, seed=seed)[1]
    away, error = abs(dropped.mean() - ratio), np.sqrt(ratio * (1 - ratio) / MANY)
    return {"standard errors from the ratio": float(away / error) if error else float(np.inf if away else 0.0)}


def dropped_values(seed: int) -> dict[str, float]:
    y, dropped = dropout_with_replacement(np.random.default_rng(seed).normal(size=1000), 0.5, 3.0, seed=seed)
    return {
        "share of dropped elements that are zero": float(np.mean(y[dropped] == 0)),
        "share of dropped elements that are the replacement": float(np.mean(y[dropped] == 3)),
    }


def gradient_and_reason(seed: int) -> dict[str, float]:
    """Ask whether the ragged operator declares no gradient, and whether the element-wise one has none to give."""
    x, step = np.random.default_rng(seed).normal(size=50), 1e-6
    up, down = (dropout_with_replacement(x + sign * step, 0.5, 2.0, seed=seed)[0] for sign in (1, -1))
    more, less = (dropout_with_replacement(x, 0.5, 2.0 + sign * step, seed=seed)[0] for sign in (1, -1))
    slopes = (np.abs(up - down).max(), np.abs(more - less).max())
    return {
        "the operator declares no gradient": float(
            OPERATORS["SparseDropoutWithReplacement"].gradient is Gradient.NO_GRADIENT
        ),
        "replacing has no derivative": float(max(slopes) < step),
    }


def trained_replacement(seed: int) -> dict[str, float]:
    """Train a replacement for each feature by gradient descent, so that outputs are near the inputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.normal(size=6), 1.0, size=(400, 6))
    value = np.zeros(6)
    for step in range(150):
        y, dropped = dropout_with_replacement(x, 0.5, value, seed=1000 * seed + step)
        value -= dropout_with_replacement_gradient((y - x) / len(x), dropped, replacement_shape=(6,))[1]
    return {"largest distance from the feature's mean": float(np.max(np.abs(value - x.mean(0))))}


def noise(seed: int) -> dict[str, float]:
    """Drop from inputs with few and with many ones; compare the relative noise of a weighted sum of the output."""
    found = relative_noise(seed, (1000, 100, 10))
    return {
        "noise with 10 ones over noise with 1000": found[10] / found[1000],
        "noise with 100 ones over noise with 1000": found[100] / found[1000],
    }


def relative_noise(seed: int, counts: Sequence[int]) -> dict[int, float]:
    """Return the standard deviation over the mean of a weighted sum, by the number of ones among 1000 inputs."""
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, 1000)
    found = {}
    for count in counts:
        x = np.broadcast_to((np.arange(1000) < count) * 1.0, (2000, 1000))
        sums = dropout_with_replacement(x, 0.5, seed=seed, scaled=True)[0] @ weights
        found[count] = float(sums.std() / sums.mean())
    return found


def variance(seed: int, zeros: float) -> dict[str, float]:
    """Replace by a typical value of the non-zero elements; return the output's variance over that with zero."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(200_000) < zeros, 0.0, rng.gamma(4.0, 0.5, 200_000))
    plain = dropout_with_replacement(x, 0.5, seed=seed)[0].var()
    typical = {"mean": x[x != 0].mean(), "median": np.median(x[x != 0])}
    return {
        f"variance with the {name} over variance with zero": float(
            dropout_with_replacement(x, 0.5, value, seed=seed)[0].var() / plain
        )
        for name, value in typical.items()
    }


def cost_of_replacement(seed: int, kind: str) -> dict[str, float]:
    """Count bytes and operations of a forward pass with a replacement, over those with zero.

    The mean of all elements takes one more pass that reads and adds them.
    """
    base, passes = (
        cost("forward", SHAPE),
        cost("forward", SHAPE, replacement_shape=SHAPE[1:] if kind == "array" else ()),
    )
    elements = SHAPE[0] * SHAPE[1]
    more_bytes, more_operations = (4 * elements, elements) if kind == "mean" else (0, 0)
    operations = [each.flops + each.comparisons + each.random_words for each in (base, passes)]
    return {
        "bytes over those with zero": (passes.bytes + more_bytes) / base.bytes,
        "operations over those with zero": (operations[1] + more_operations) / operations[0],
    }


def cost_of_engine(seed: int, engine: str) -> dict[str, float]:
    """Count the bytes that an engine moves for a large array, over those that standard dropout must move."""
    large = (4096, 1024)
    must = cost("forward", large).bytes  # read x, write y and the mask: the same for a replacement of zero
    return {"bytes moved over the necessary": cost("forward", large, engine=engine).bytes / must}


def density(seed: int, kept: str) -> dict[str, float]:
    """Subsample id lists as a matrix of ones; return its density afterwards over that before."""
    from scipy.sparse import csr_matrix

    lists = make_id_lists(1000, seed=seed)
    x = csr_matrix(multi_hot(lists.values, lists.lengths, lists.labels.size, lists.ids))
    rng = np.random.default_rng(seed)
    if kept == "entries":
        after = subsample_entries(x, 0.5, seed=seed)[0]
    elif kept == "rows":
        after = x[rng.random(x.shape[0]) < 0.5]
    else:
        after = x[:, np.flatnonzero(rng.random(x.shape[1]) < 0.5)]
    return {"density after over density before": (after.nnz / np.prod(after.shape)) / (x.nnz / np.prod(x.shape))}
