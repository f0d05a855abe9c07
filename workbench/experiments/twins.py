"""Remove hidden units of a trained classifier: one of each pair of twins, which resemble each other, or other units.

Each function takes a seed, which is one world, and returns numbers by name.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from workbench.experiments.arms import Built, sgd, tune
from workbench.experiments.dropout_in_networks import TRAINING, USUAL, world
from workbench.measures import similarity
from workbench.training.layers import Dense, ReLU
from workbench.training.losses import cross_entropy

HIDDEN = 64
DRAWS = 10  # of units at random

Pairs = Iterable[tuple[int, int]]  # the unit that goes, and the one that stays and is most correlated with it


def _build(rate: np.ndarray) -> Built:
    return [Dense(HIDDEN), ReLU(), Dense(10)], sgd(rate), {}


def pruned(seed: int, share: float, method: str) -> dict[str, float]:
    """Remove a share of the hidden units in several ways, and return test losses and the relative gain of one way.

    The ways: of the two most correlated units, the smaller is "dropped", or "folded" into the other: that unit takes
    over the outgoing weights, times the slope of a regression. Units at random are dropped, or folded into the unit
    that is most correlated with each. The smallest are dropped. Units that never vary are no candidates.
    """
    data = world(seed)
    tuned = tune(_build, {"rate": USUAL}, data, seed, **TRAINING)
    first, _, last = ({name: array[0] for name, array in layer.items()} for layer in tuned.history.parameters)
    inside = {part: np.maximum(data.part(part)[0][0] @ first["weight"].T + first["bias"], 0) for part in PARTS}
    h, size = inside["train"], np.linalg.norm(first["weight"], axis=1) * np.linalg.norm(last["weight"], axis=0)
    alive = np.flatnonzero(h.std(axis=0) > 0)
    count, rng = round(share * len(alive)), np.random.default_rng(seed)

    def loss(pairs: Pairs, fold: bool) -> float:
        weight, bias = without(h, last["weight"], last["bias"], pairs, fold)
        return float(cross_entropy((inside["test"] @ weight.T + bias)[None], data.part("test")[1])[0][0])

    orders = [rng.permutation(alive)[:count] for _ in range(DRAWS)]
    losses = {
        "dropped": loss(twins(h, size, count), False),
        "folded": loss(twins(h, size, count), True),
        "random": float(np.mean([loss(with_twins(h, order), False) for order in orders])),
        "random, folded": float(np.mean([loss(with_twins(h, order), True) for order in orders])),
        "smallest": loss(with_twins(h, alive[np.argsort(size[alive])][:count]), False),
    }
    return {
        "relative gain over random pruning": 1 - losses[method] / losses["random"],
        "relative gain over random pruning, folded too": 1 - losses[method] / losses["random, folded"],
        "loss of the whole network": tuned.test_loss,
        **{f"loss, {name}": value for name, value in losses.items()},
        "units that never vary": HIDDEN - len(alive),
    }


PARTS = ("train", "test")


def twins(h: np.ndarray, size: np.ndarray, count: int) -> Iterator[tuple[int, int]]:
    """Yield the most correlated pair of the units that are left, the smaller of the two first, and remove this one."""
    alike = _alike(h)
    for _ in range(count):
        pair = np.unravel_index(alike.argmax(), alike.shape)
        gone, stays = sorted(map(int, pair), key=lambda unit: size[unit])
        alike[gone] = alike[:, gone] = -1
        yield gone, stays


def with_twins(h: np.ndarray, order: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield each unit of an order together with the unit that is most correlated with it among those that are left."""
    alike = _alike(h)
    for gone in map(int, order):
        stays = int(alike[gone].argmax())
        alike[gone] = alike[:, gone] = -1
        yield gone, stays


def _alike(h: np.ndarray) -> np.ndarray:
    """Return absolute correlations (units, units), and -1 on the diagonal and for units that never vary."""
    alike = np.nan_to_num(np.abs(similarity(h)), nan=-1)
    np.fill_diagonal(alike, -1)
    return alike


def without(
    h: np.ndarray, weight: np.ndarray, bias: np.ndarray, pairs: Pairs, fold: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight (outputs, units) and the bias (outputs,) of the layer after units h (examples, units).

    The first unit of each pair is removed. If it is folded, the second one and the bias do what it did, as far as a
    line through their activations tells.
    """
    weight, bias = weight.copy(), bias.copy()
    for gone, stays in pairs:
        if fold:
            slope = np.cov(h[:, gone], h[:, stays], bias=True)[0, 1] / np.var(h[:, stays])
            weight[:, stays] += slope * weight[:, gone]
            bias += (h[:, gone].mean() - slope * h[:, stays].mean()) * weight[:, gone]
        weight[:, gone] = 0
    return weight, bias
