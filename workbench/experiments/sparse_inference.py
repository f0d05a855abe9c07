"""Experiments on what a pruned network costs when it is used: its bytes, multiply-adds, predicted time, and accuracy.

The network is 784-512-10. It reads digits of 8 x 8 grey values that are enlarged to 28 x 28 by interpolation, so its
size is that of a usual small network, and neighbouring inputs are alike. Single weights, the smallest of all layers
together, or whole hidden units, those whose rows of weights are shortest, are removed during the first two thirds of
the training. A unit that is removed takes with it its bias and its column of the next layer.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.data.catalog import digits
from workbench.data.splits import Data, Dataset, split
from workbench.experiments.arms import RATES, Built, Tuned, sgd, tune_each
from workbench.machines.published import SMALL_CORE
from workbench.sparse_inference import FORMS, cost
from workbench.training.layers import Dense, ReLU
from workbench.training.penalties import MagnitudePruning, Network, Rate, State

SIDE, HIDDEN = 28, 512
ZEROS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)
JUDGED = (0.0, 0.9)
STRUCTURES = ("single weights", "whole rows")
GRID = RATES[1:6]
PRUNING: Mapping[str, float] = {"begin": 0.3, "end": 0.6}  # shares of the training
AT_THE_END = {"epochs": 20, "evaluate_every": 20}  # judged when pruning is over, as the dense network is
PARTS = {"train": 300, "validation": 300}  # examples; the rest tests
FAST_FORM = "CSR, int16"  # of single weights: it skips zeros and takes two bytes for a column
BIAS = 4  # bytes


class RowPruning(MagnitudePruning):
    """Remove the hidden units whose rows of the first layer's weights have the smallest norm, with their biases."""

    def start(self, parameters: Network) -> State:
        return super().start(_norms(parameters))

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        norms = _norms(parameters)
        super().after_step(norms, learning_rate, progress, state)
        gone = norms[0]["weight"] == 0
        parameters[0]["weight"][gone] = 0
        parameters[0]["bias"][gone] = 0


def _norms(parameters: Network) -> Network:
    """Return the norms of the first layer's rows, (worlds, units), as if they were the only weights."""
    return [{"weight": np.linalg.norm(parameters[0]["weight"], axis=-1)}]


@dataclasses.dataclass(frozen=True)
class Pruned:
    """A tuned network: its share of zeros, accuracy on test data, and what each form of it costs.

    `sizes` has the bytes by form, biases included, and `seconds` the predicted time of one example on one core of a
    small computer. For whole rows the only form is "rows": the network without the units that were removed.
    """

    zeros: float
    accuracy: float
    multiply_adds: int
    sizes: Mapping[str, int]
    seconds: Mapping[str, float]
    rate: float
    at_the_end: bool


def table(seed: int, structure: str, zeros: Sequence[float] = ZEROS) -> list[Pruned]:
    """Train and tune a network for each share of zeros in one world, and return what it is worth and what it costs.

    Every share has the same trials, the learning rates of GRID. Validation data choose, test data are used once.
    """
    arms = _tuned(seed, structure, tuple(zeros))
    return [_counted(arm, structure, each) for arm, each in zip(arms, zeros, strict=True)]


def on_a_small_device(seed: int, structure: str) -> dict[str, float]:
    """Compare the network with 90 % zeros with the dense one: bytes, accuracy, predicted time of one example."""
    dense, pruned = table(seed, structure, JUDGED)
    form = FAST_FORM if structure == "single weights" else "rows"
    whole = "dense" if structure == "single weights" else "rows"
    return {
        "bytes at 90 % zeros over dense": pruned.sizes[form] / dense.sizes[whole],
        "accuracy lost at 90 % zeros": dense.accuracy - pruned.accuracy,
        "predicted time at 90 % zeros over dense": pruned.seconds[form] / dense.seconds[whole],
        "multiply-adds at 90 % zeros over dense": pruned.multiply_adds / dense.multiply_adds,
        "accuracy of the dense network": dense.accuracy,
        "best rates at the end of their grid": float(dense.at_the_end + pruned.at_the_end),
    }


@functools.cache
def _images() -> Dataset:
    """Return the digits, enlarged to SIDE x SIDE by linear interpolation."""
    from scipy.ndimage import zoom

    found = digits()
    side = int(np.sqrt(found.x.shape[1]))
    x = zoom(found.x.reshape(-1, side, side), (1, SIDE / side, SIDE / side), order=1)
    return dataclasses.replace(found, x=x.reshape(len(x), -1).astype(np.float32))


def _world(seed: int) -> Data:
    return split(_images(), seed, **PARTS, standardize=False)


def _tuned(seed: int, structure: str, zeros: tuple[float, ...]) -> list[Tuned]:
    pruning = RowPruning if structure == "whole rows" else MagnitudePruning

    def build(rate: np.ndarray, sparsity: np.ndarray) -> Built:
        return [Dense(HIDDEN), ReLU(), Dense(10)], sgd(rate), {"penalties": [pruning(sparsity, **PRUNING)]}

    return tune_each(build, {"rate": GRID, "sparsity": zeros}, _world(seed), seed, "sparsity", **AT_THE_END)


def _counted(arm: Tuned, structure: str, zeros: float) -> Pruned:
    layers = [layer["weight"][0] for layer in arm.history.parameters if layer]
    made = small_network(*layers) if structure == "whole rows" else layers
    names = ("rows",) if structure == "whole rows" else tuple(name for name in FORMS if name != "rows")
    sizes, seconds = {}, {}
    for name in names:
        form = "dense" if name == "rows" else name
        stored = [FORMS[form](w) for w in made]
        sizes[name] = sum(each.nbytes + BIAS * len(w) for each, w in zip(stored, made, strict=True))
        seconds[name] = latency(form, [(w.shape, each.stored) for each, w in zip(stored, made, strict=True)])
    kept = sum(w.size if structure == "whole rows" else int(np.count_nonzero(w)) for w in made)
    return Pruned(zeros, 1 - arm.test_error, kept, sizes, seconds, arm.chosen["rate"], "rate" in arm.at_the_end)


def small_network(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Return the weights of both layers without the hidden units whose rows of the first are all 0."""
    kept = (first != 0).any(axis=1)
    return [first[kept], second[:, kept]]


def latency(form: str, layers: Sequence[tuple[Any, int]], batch: int = 1) -> float:
    """Predict the seconds of a batch on one core of a small computer: the products, one layer after another.

    `layers` has the shape and the number of stored weights of each. Starting a layer takes as long in every form.
    """
    works = [cost.work(form, shape, stored, batch) for shape, stored in layers]
    weights = sum(cost.stored_bytes(form, shape, stored) for shape, stored in layers)
    # All layers share the caches, so each is as far away as all of them together.
    together = [dataclasses.replace(each, working_set=weights) for each in works]
    return sum((each.predict(SMALL_CORE).seconds for each in together), 0.0)
