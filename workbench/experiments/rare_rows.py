"""Experiments on the rows of a recommender's table: how a row-wise penalty treats rare rows, and which rows can go.

Caffe2's operator shrinks the rows that a batch names. This is compared with a penalty on every row at every step, and
with catching up: a row's missed steps are made up for before its next use, which comes to the same table.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.baselines.pruning import prune_rows
from workbench.data.splits import PARTS
from workbench.experiments.arms import Built
from workbench.experiments.recommender import (
    COLUMNS,
    OPTIONS,
    SMALL,
    TABLE,
    VOCABULARY,
    Trained,
    fit_points,
    people,
    recommender,
    train,
)
from workbench.operator import checked_choice
from workbench.training import network as networks
from workbench.training.fit import Training, fit
from workbench.training.layers import EmbeddingBag
from workbench.training.layers.layer import Named, Parameters, Passed, Random, Shape
from workbench.training.losses import cross_entropy
from workbench.training.optimizers import Adagrad
from workbench.training.penalties import Network, Penalty, RowRegularizer, State
from workbench.training.statistics import MARGIN

NONE, LAZY, FULL = METHODS = ("none", "rows of the batch", "every row")
RATES = (0.02, 0.07, 0.25, 0.9)  # of Adagrad for first numbers of standard deviation 1; smaller ones need smaller steps
STRENGTHS = (1e-3, 1e-2, 3e-2, 1e-1)
TRIALS = len(RATES) * len(STRENGTHS)
# Strengths by p. Equal ones would not be equally strong: the first numbers are small, and p below 2 pulls them harder.
BY_EXPONENT = {2.0: (1e-3, 3e-3, 1e-2, 3e-2), 1.0: (1e-4, 3e-4, 1e-3, 1e-2), 0.5: (3e-5, 1e-4, 3e-4, 3e-3)}
SHARES = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the rows that are removed
NORM, USE = RANKINGS = ("norm", "use")
STEP = 0.2  # Adagrad's learning rate where nothing is tuned, for first numbers of standard deviation 1


class EveryRow(RowRegularizer):
    """Apply `sparse_lp_regularizer` to every row after each step."""

    def add_gradient(self, parameters: Network, gradients: Network, progress: float, state: State) -> None:
        for touched in state["touched"]:
            touched[...] = True


@dataclasses.dataclass(frozen=True, eq=False)
class CaughtUp(EmbeddingBag):
    """An embedding bag that multiplies a row by (1 - reg_lambda)^k before its next use, k steps after its last one.

    That equals shrinking every row after each step, p = 2, if the optimizer leaves a row without gradient as it is. A
    step visits the rows of its batch only. `steps` (worlds, 1) counts the steps, and `done` (worlds, rows) up to which
    of them a row has been shrunk. `table` returns all rows as they are after the last step.
    """

    reg_lambda: float = 0.01

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        counts = {"steps": np.zeros((worlds, 1)), "done": np.zeros((worlds, self.rows))}
        return super().initial(shape, rng, worlds) | counts

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        if not training:
            return super().forward({"weight": self.table(parameters)}, x, training=False)
        self._check_ids(x)
        world, row = np.divmod(np.unique((x + self.rows * np.arange(len(x))[:, None, None])[x >= 0]), self.rows)
        missed = parameters["steps"][world, 0] - parameters["done"][world, row]
        parameters["weight"][world, row] *= ((1 - self.reg_lambda) ** missed)[:, None]
        parameters["done"][world, row] = parameters["steps"][world, 0]
        parameters["steps"][...] += 1
        return super().forward(parameters, x, training=True)

    def table(self, parameters: Named) -> np.ndarray:
        """Return the weight (worlds, rows, columns) with all missed steps made up for."""
        missed = parameters["steps"] - parameters["done"]
        return parameters["weight"] * ((1 - self.reg_lambda) ** missed)[..., None]


def penalty(method: str, weight: Any, p: float) -> list[Penalty]:
    """Return the penalties of one of METHODS on the table."""
    checked_choice("method", method, METHODS)
    kind = {LAZY: RowRegularizer, FULL: EveryRow}.get(method)
    return [kind(weight, p, layers=(TABLE,))] if kind else []


def regularized(
    method: str, p: float, seeds: Sequence[int], start: float = SMALL, vocabulary: int = VOCABULARY
) -> Trained:
    """Tune and train a recommender with one of METHODS; each has TRIALS points.

    Without a penalty, all of them are learning rates.
    """
    rates = np.array(RATES) * start**0.75

    def build(rate: np.ndarray, weight: Any = 0.0) -> Built:
        return recommender(vocabulary, start=start), Adagrad(rate), {"penalties": penalty(method, weight, p)}

    grid = {"rate": rates.tolist(), "weight": STRENGTHS}
    if method == NONE:
        grid = {"rate": np.geomspace(rates[0], rates[-1], TRIALS).tolist()}
    return train(build, grid, seeds, vocabulary)


class BatchOrEveryRow(RowRegularizer):
    """Shrink the rows of the batch in the first of two worlds, and every row in the second."""

    def start(self, parameters: Network) -> State:
        return super().start(parameters) | {"every": np.array([False, True])}

    def add_gradient(self, parameters: Network, gradients: Network, progress: float, state: State) -> None:
        super().add_gradient(parameters, gradients, progress, state)
        for touched in state["touched"]:
            touched[state["every"]] = True


@functools.lru_cache(64)
def sizes(
    p: float, reg_lambda: float, start: float = 1.0, seed: int = 0, vocabulary: int = VOCABULARY
) -> dict[str, np.ndarray]:
    """Return the root mean square of each row's numbers after 0, 1, ... epochs, (epochs + 1, rows), for each method.

    Each method trains on the world of `seed`.
    """
    shrunk = _sizes((seed, seed), start, vocabulary, [BatchOrEveryRow(reg_lambda, p, layers=(TABLE,))])
    return dict(zip(METHODS, (_free_sizes(seed, start, vocabulary), *shrunk), strict=True))


@functools.lru_cache(8)
def _free_sizes(seed: int, start: float, vocabulary: int) -> np.ndarray:
    """Return the sizes without a penalty, (epochs + 1, rows)."""
    return _sizes((seed,), start, vocabulary, [])[0]


def _sizes(seeds: tuple[int, ...], start: float, vocabulary: int, penalties: Sequence[Penalty]) -> np.ndarray:
    """Return the root mean square of each row's numbers after 0, 1, ... epochs, (worlds, epochs + 1, rows)."""
    options = {**OPTIONS, "evaluate_every": 0, "penalties": penalties, "seed": seeds}
    training = Training(recommender(vocabulary, start=start), people(seeds, vocabulary), _adagrad(start), **options)
    tables = [training.parameters[TABLE]["weight"].copy()]
    while not training.done:
        training.run_epoch()
        tables.append(training.parameters[TABLE]["weight"].copy())
    return np.sqrt(np.square(tables).mean(axis=3)).swapaxes(0, 1)


@functools.lru_cache(8)
def uses(seed: int = 0, vocabulary: int = VOCABULARY) -> np.ndarray:
    """Return the mean number of batches of an epoch that name each row, (rows,)."""
    data = people((seed,), vocabulary)
    x, _ = data.part("train")
    chances = 1 - np.minimum(1.0, OPTIONS["batch"] / x.shape[1])  # that a batch leaves a person out
    holders = np.bincount(np.concatenate([np.unique(each[each >= 0]) for each in x[0]]), minlength=_rows(vocabulary))
    return (1 - chances**holders) * math.ceil(x.shape[1] / OPTIONS["batch"])


def catching_up(reg_lambda: float = 0.01, start: float = 1.0, seed: int = 0, vocabulary: int = VOCABULARY) -> dict:
    """Train once with every row shrunk and once caught up; compare the tables and what was visited.

    Returns the largest difference between the tables, and the rows visited in total, by method.
    """
    data, given = people((seed,), vocabulary), {**OPTIONS, "evaluate_every": 0, "seed": seed}
    network = recommender(vocabulary, start=start)
    full = fit(network, data, _adagrad(start), penalties=penalty(FULL, reg_lambda, 2.0), **given)
    lazy = list(network)
    lazy[TABLE] = bag = CaughtUp(**_fields(network[TABLE]), reg_lambda=reg_lambda)
    caught = fit(lazy, data, _adagrad(start), **given)
    difference = np.abs(bag.table(caught.parameters[TABLE]) - full.parameters[TABLE]["weight"]).max()
    steps = caught.parameters[TABLE]["steps"].item()
    visited = uses(seed, vocabulary).sum() * OPTIONS["epochs"]
    return {"difference": float(difference), "caught up": round(visited), FULL: round(steps * _rows(vocabulary))}


def without_rows(arm: Trained, part: str, ranking: str = NORM) -> np.ndarray:
    """Return the losses (worlds, SHARES) on a part of the data when shares of the rows are set to 0.

    `ranking` says which go first: the rows of the smallest Euclidean norm, or those of the fewest uses in training.
    """
    checked_choice("ranking", ranking, RANKINGS)
    x, y = arm.data.part(part)
    order = [np.argsort(each, kind="stable") for each in _counts(arm)] if ranking == USE else []
    losses = []
    for share in SHARES:
        table = arm.history.parameters[TABLE]["weight"].copy()
        for world, rows in enumerate(table):
            if ranking == NORM:
                prune_rows(rows, share)
            else:
                rows[order[world][: round(share * len(rows))]] = 0
        parameters = [each | ({"weight": table} if i == TABLE else {}) for i, each in enumerate(arm.history.parameters)]
        losses.append(cross_entropy(networks.predict(arm.history.network, parameters, x), y)[0])
    return np.stack(losses, axis=1)


@dataclasses.dataclass(frozen=True)
class Smallest:
    """The smallest tables of an arm: the share of rows removed and the test loss of each world, (worlds,).

    `zero_numbers` and `zero_rows` are shares of the trained table by strength, (strengths,), and `loss` is the mean
    test loss of the whole table, (strengths,).
    """

    removed: np.ndarray
    test_loss: np.ndarray
    zero_numbers: np.ndarray
    zero_rows: np.ndarray
    loss: np.ndarray


def by_strength(p: float, none: Trained, start: float = SMALL, vocabulary: int = VOCABULARY) -> Trained:
    """Train with the rows of the batch shrunk by each strength of BY_EXPONENT, at the learning rate of `none`.

    The worlds of the result are the strengths of the first world of `none`, then those of the second, and so on.
    """

    def build(weight: np.ndarray) -> Built:
        optimizer = Adagrad(none.chosen["rate"])
        return recommender(vocabulary, start=start), optimizer, {"penalties": penalty(LAZY, weight, p)}

    points = np.array(BY_EXPONENT[p])[:, None]
    history = fit_points(build, ["weight"], points, tuple(none.history.seeds.tolist()), vocabulary)
    worlds = np.repeat(np.arange(none.data.worlds), len(points))
    return Trained(history.at_best(), none.data.take(worlds), {}, ())


def smallest(arm: Trained, none: Trained, ranking: str = NORM, margin: float = MARGIN) -> Smallest:
    """Remove rows up to the largest share at which the validation loss is within `margin` of that of `none`, whole.

    `arm` is `none` itself or comes from `by_strength`, where the strength that removes most is taken, and among equals
    the one of the least validation loss. If no strength is within the margin, the whole table without penalty is kept.
    """
    worlds = none.data.worlds
    validation, test = (without_rows(arm, part, ranking).reshape(worlds, -1, len(SHARES)) for part in PARTS[1:])
    limit = (1 + margin) * none.history.loss(none.data, "validation")
    within = np.logical_and.accumulate(validation <= limit[:, None, None], axis=2)
    count = within.sum(axis=2)  # of shares, (worlds, strengths)
    score = count - validation[:, :, 0] / (1 + validation[:, :, 0].max())  # the loss decides among equal counts
    best, every = score.argmax(axis=1), np.arange(worlds)
    place = np.maximum(count[every, best] - 1, 0)
    kept = np.where(count[every, best] > 0, test[every, best, place], none.test_loss)
    table = arm.history.parameters[TABLE]["weight"]
    zero = (table == 0).reshape(worlds, -1, *table.shape[1:])
    return Smallest(
        np.array(SHARES)[place],
        kept,
        zero.mean(axis=(0, 2, 3)),
        zero.all(axis=3).mean(axis=(0, 2)),
        test[:, :, 0].mean(axis=0),
    )


def bytes_left(share: float, rows: int = 3 * (VOCABULARY + 1), columns: int = COLUMNS, itemsize: int = 4) -> int:
    """Return the bytes of a table without a share of its rows: the others, and a bit for each row that says which."""
    return (rows - round(share * rows)) * columns * itemsize + (math.ceil(rows / 8) if share else 0)


def _counts(arm: Trained) -> np.ndarray:
    """Return how often the training people of each world name each row, (worlds, rows)."""
    rows = arm.history.parameters[TABLE]["weight"].shape[1]
    return np.stack([np.bincount(x[x >= 0], minlength=rows) for x in arm.data.part("train")[0]])


def _adagrad(start: float) -> Adagrad:
    return Adagrad(STEP * start**0.75)


def _rows(vocabulary: int) -> int:
    return 3 * (vocabulary + 1)


def _fields(layer: Any) -> dict[str, Any]:
    return {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
