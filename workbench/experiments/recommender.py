"""A small recommender: what happens to it when lists of ids go missing in use.

A person has three lists of ids, of what was read, bought and searched for. An id's popularity falls as one over its
rank, so most rows of the embedding table are seldom used. The network learns from the lists whether the person likes an
offer. A world is a seed of the people, the first weights, the order of the batches and the masks; what an id means is
the same in all worlds. Each arm is tuned in worlds of its own, TUNING, and then trained in the worlds asked for.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from workbench.data.id_lists import FEATURES, make_id_lists, padded
from workbench.data.splits import PARTS, Data, as_data, side_by_side
from workbench.experiments.arms import Built
from workbench.operator import checked_choice
from workbench.training.fit import fit
from workbench.training.history import History
from workbench.training.initializers import normal
from workbench.training.layers import Dense, EmbeddingBag, IdDropout, Layer, ReLU
from workbench.training.losses import cross_entropy
from workbench.training.optimizers import Adagrad
from workbench.training.penalties import RowRegularizer

COLUMNS, HIDDEN, WIDTH = 8, 16, 16  # numbers in a row, hidden units, ids that are kept of each list
VOCABULARY = 200  # ids of each feature
SIZES = {"train": 600, "validation": 600, "test": 1000}  # people
OPTIONS: Mapping[str, Any] = {"epochs": 6, "batch": 50, "evaluate_every": 2}
TUNING = (1000, 1001, 1002)  # worlds
TABLE = 1  # place of the embedding table in the network
SMALL = 0.1  # standard deviation of the table's first numbers, unless another is asked for

RATIOS, GONE = (0.5, 0.8), tuple(np.linspace(0, 0.9, 10).round(1).tolist())
RATES, STRENGTHS = (0.01, 0.03, 0.1, 0.3), (3e-4, 3e-3, 3e-2)  # of Adagrad; of the row-wise penalty
NOTHING, MISSING = INSTEAD = ("nothing", "missing id")
WITHOUT = "without dropout"

Grid = Mapping[str, Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Trained:
    """Networks of an arm, one for each world, at their best epochs; what tuning chose, and what of it lies at an end.

    `data` holds the same worlds.
    """

    history: History
    data: Data
    chosen: dict[str, float]
    at_the_end: tuple[str, ...]

    @property
    def test_loss(self) -> np.ndarray:
        """Return the loss on test data, (worlds,)."""
        return self.history.loss(self.data)


@functools.lru_cache(8)
def people(seeds: tuple[int, ...], vocabulary: int) -> Data:
    """Return the people of each world: ids (people, 3 * WIDTH), padded with -1, and whether each likes the offer."""
    ends = np.cumsum([0, *SIZES.values()])
    rows = {part: np.arange(*ends[place : place + 2])[None] for place, part in enumerate(PARTS)}
    worlds = []
    for seed in seeds:
        made = make_id_lists(int(ends[-1]), vocabulary, seed=seed, zipf=1.0)
        data = as_data(padded(made, WIDTH).astype(np.int32), made.labels, classes=2)
        worlds.append(dataclasses.replace(data, **rows))
    return side_by_side(worlds)


def recommender(
    vocabulary: int, *, ratio: Any = 0.0, instead: str = NOTHING, mode: str = "mean", start: float = SMALL
) -> list[Layer]:
    """Return a network on three lists, each of which is dropped as a whole with the chance `ratio` in training.

    `instead` says what a dropped list becomes. The last three rows of the table belong to the missing ids, one for each
    feature. `start` is the standard deviation of the table's first numbers.
    """
    rows = len(FEATURES) * (vocabulary + 1)
    dropout = IdDropout(ratio, replacements(vocabulary, instead), whole=True, lists=len(FEATURES))
    return [dropout, EmbeddingBag(rows, COLUMNS, mode, normal(start)), Dense(HIDDEN), ReLU(), Dense(2)]


def replacements(vocabulary: int, instead: str) -> tuple[int, ...]:
    """Return what stands in place of each feature's list: -1 for nothing, or the feature's missing id."""
    named = checked_choice("instead", instead, INSTEAD) == MISSING
    return tuple(len(FEATURES) * vocabulary + feature if named else -1 for feature in range(len(FEATURES)))


def with_missing(x: np.ndarray, share: float, new: Sequence[int], seeds: Sequence[int]) -> np.ndarray:
    """Return ids (worlds, people, 3 * WIDTH) of which each list is missing with the chance `share`."""
    layer = IdDropout(share, new, whole=True, lists=len(FEATURES))
    return layer.forward({}, x, training=True, seed=np.array(seeds, np.uint64))[0]


def train(build: Callable[..., Built], grid: Grid, seeds: Sequence[int], vocabulary: int) -> Trained:
    """Choose the point of a grid with the least mean validation loss in the worlds TUNING, and train it in others.

    `build` takes one array (points,) for each hyperparameter, and returns the layers, the optimizer, and a dict of
    other options of `fit`.
    """
    points = np.array(list(itertools.product(*grid.values())), float)
    losses = fit_points(build, grid, points, TUNING, vocabulary).validation_loss.min(axis=1)  # NaN if it diverged
    means = losses.reshape(len(TUNING), -1).mean(axis=0)
    best = points[np.nanargmin(means)]
    chosen = dict(zip(grid, best.tolist(), strict=True))
    ends = tuple(name for name, values in grid.items() if chosen[name] in (min(values), max(values)))
    history = fit_points(build, grid, best[None], tuple(seeds), vocabulary)
    return Trained(history.at_best(), people(tuple(seeds), vocabulary), chosen, ends)


def fit_points(
    build: Callable[..., Built], names: Iterable[str], points: np.ndarray, seeds: tuple[int, ...], vocabulary: int
) -> History:
    """Train all points (points, hyperparameters) in all worlds, one world's points after the other's."""
    network, optimizer, options = build(**dict(zip(names, np.tile(points.T, len(seeds)), strict=True)))
    worlds = np.repeat(np.arange(len(seeds)), len(points))
    data = people(seeds, vocabulary).take(worlds)
    return fit(network, data, optimizer, seed=np.array(seeds)[worlds], **{**OPTIONS, **options})


def arms(
    seeds: Sequence[int], mode: str = "mean", ratios: Sequence[float] = RATIOS, vocabulary: int = VOCABULARY
) -> dict[str, Trained]:
    """Train one arm without dropout, and one for each of INSTEAD and each ratio, by name, such as "missing id, 0.5".

    All are tuned on people whose lists are complete, since nobody knows beforehand how many will be missing.
    """
    kinds = {WITHOUT: (NOTHING, 0.0), **{name_of(*kind): kind for kind in itertools.product(INSTEAD, ratios)}}

    def trained(instead: str, ratio: float) -> Trained:
        def build(rate: np.ndarray, weight: np.ndarray) -> Built:
            network = recommender(vocabulary, ratio=ratio, instead=instead, mode=mode)
            return network, Adagrad(rate), {"penalties": [RowRegularizer(weight, layers=(TABLE,))]}

        return train(build, {"rate": RATES, "weight": STRENGTHS}, seeds, vocabulary)

    return {name: trained(*kind) for name, kind in kinds.items()}


def name_of(instead: str, ratio: float) -> str:
    """Return the name of an arm."""
    return f"{instead}, {ratio:g}"


def losses_in_use(found: Mapping[str, Trained], vocabulary: int = VOCABULARY) -> dict[str, np.ndarray]:
    """Return the test losses (worlds, shares) of each arm if the shares GONE of all lists are missing in use.

    A missing list becomes what the arm saw in training. All arms miss the same lists.
    """
    losses = {}
    for name, arm in found.items():
        x, y = arm.data.part("test")
        new = replacements(vocabulary, MISSING if name.startswith(MISSING) else NOTHING)
        seeds = arm.history.seeds.tolist()
        given = (with_missing(x, share, new, seeds) for share in GONE)
        losses[name] = np.stack([cross_entropy(arm.history.predict(each), y)[0] for each in given], axis=1)
    return losses


def gains_in_use(losses: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the relative gain over WITHOUT, (worlds, shares), of each other arm."""
    return {name: 1 - each / losses[WITHOUT] for name, each in losses.items() if name != WITHOUT}


def crossing(gains: np.ndarray, shares: Sequence[float] = GONE) -> np.ndarray:
    """Return the share (worlds,) at which gains (worlds, shares) first reach 0, by linear interpolation.

    0 if they begin there or above; NaN if they never reach it.
    """
    found = []
    for course in gains:
        place = int(np.argmax(course >= 0))
        if course[place] < 0:
            found.append(np.nan)
        elif place == 0:
            found.append(float(shares[0]))
        else:
            low, high = course[place - 1], course[place]
            found.append(float(shares[place - 1] + (shares[place] - shares[place - 1]) * low / (low - high)))
    return np.array(found)
