"""Experiments on dropout with replacement in small networks: by what to replace, at which ratio, on which data.

Each function takes a seed, which makes the world, and returns numbers by name. Dropout scales what it keeps, so that
the expectation of its output is its input, unless an arm says that it is not scaled. Replacements are compared on the
inputs, where sparse data are sparse: all elements of a multi-hot input may be replaced, not only the stored ones, which
would be a 1 replaced by a 1. Mean and median of the non-zeros of ids are both 1.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.data.catalog import load
from workbench.data.splits import PARTS, Data, Dataset, as_data, split
from workbench.experiments.arms import Built, Tuned, gain, sgd, tune
from workbench.sparse_dropout import dropout_with_replacement
from workbench.training.fit import fit
from workbench.training.initializers import he_uniform, zeros
from workbench.training.layers import Dense, Dropout, DropoutWithReplacement, ReLU
from workbench.training.layers.layer import Named, Passed, Shape

COUNTED = ("topics", "documentation", "id lists")
FIXED = {"documentation": {"classes": 3}, "digits": {}, "patches": {}}  # the others are generated anew in each world
FEATURES = 200  # of counted data: the most frequent words or ids
TRAIN, JUDGED = 120, {"validation": 300, "test": 600}  # examples
FEW = {"validation": 100, "test": 100}  # of the documentation, which has no more
HIDDEN = 16
TRAINING: Mapping[str, Any] = {"epochs": 12, "batch": 30, "evaluate_every": 3}
Grid = Mapping[str, Sequence[float]]

KINDS = ("zero", "mean of each feature", "mean of non-zeros", "median of non-zeros", "trained for each feature")
REPLACEMENTS = (*KINDS[1:], "missing id")
NOT_SCALED = ", not scaled"
PILOT = range(1 << 20, (1 << 20) + 10)  # seeds of the worlds that choose which two replacements are compared
RATES, DECAYS = (0.07, 0.2), (0.0, 0.02)
GRID: Grid = {"ratio": np.geomspace(1e-3, 0.6, 6).tolist(), "rate": RATES, "decay": DECAYS}
ZERO: Grid = {**GRID, "ratio": np.geomspace(1e-3, 0.6, 6 * len(REPLACEMENTS)).tolist()}  # as many points as all others
NONE: Grid = {"ratio": (0.0,), "rate": np.geomspace(*RATES, 6).tolist(), "decay": (0.0, 0.005, 0.02, 0.05)}
ONE_RATIO: Grid = {**NONE, "ratio": (0.5,)}

DENSITIES, PLANTED = (0.01, 0.05, 0.2, 0.5, 1.0), (240, 120)  # shares of non-zeros; examples and features
PLAIN: Grid = {**GRID, "rate": (0.003, 0.01), "decay": (0.0, 0.01)}
SIZES, UPDATES = (50, 100, 300, 800), 300  # training examples; steps
WITHOUT: Grid = {"ratio": (0.0,), "rate": (0.05, 0.2), "decay": (0.0, 0.003, 0.01, 0.03)}
WITH: Grid = {"ratio": (0.2, 0.5), "rate": (0.05, 0.2), "decay": (0.0, 0.01)}

RATIOS, VALUES = (0.003, 0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 0.9), (0.0, 0.05, 0.2, 0.5, 1.0)
TRIALS, SEARCHES = 16, 20  # trials of a random search; searches

SETS = {  # two of each kind; with these numbers of training examples, a tenth to a quarter of the answers are wrong
    "text": {"topics": 60, "documentation": 140},
    "images": {"digits": 90, "patches": 300},
    "time series": {"cylinder-bell-funnel": 90, "autoregressive": 400},
    "audio": {"vowels": 90, "bursts": 90},
}


@functools.cache
def _fixed(name: str) -> Dataset:
    return load(name, **FIXED[name])


def examples(name: str, seed: int, train: int = TRAIN) -> Data:
    """Return the split of a world; counts as their square roots, of the most frequent words or ids alone.

    Data with negative numbers are standardized. Others keep their zeros.
    """
    sizes = {"train": train, **(FEW if name == "documentation" else JUDGED)}
    found = _fixed(name) if name in FIXED else load(name, seed=seed, examples=sum(sizes.values()))
    x = found.x.reshape(len(found.x), -1)
    if name in COUNTED:
        x = multi_hot(x) if x.dtype.kind == "i" else x
        x = np.sqrt(x[:, np.sort(np.argsort(-x.sum(axis=0), kind="stable")[:FEATURES])])
    found = dataclasses.replace(found, x=np.ascontiguousarray(x, np.float32))
    return split(found, seed, standardize=bool(x.min() < 0), **sizes)


def multi_hot(ids: np.ndarray) -> np.ndarray:
    """Return a column for each id, 1 where an example's list has it; -1, the padding, goes to a last column."""
    x = np.zeros((len(ids), ids.max() + 2), np.float32)
    x[np.arange(len(ids))[:, None], ids] = 1
    return x[:, :-1]


def replacement(seed: int, data: str, hidden: int) -> dict[str, float]:
    """Tune dropout of the inputs with each replacement; compare the best, by validation data, with dropout to zero.

    `hidden` is the number of hidden units; 0 is logistic regression. Dropout to zero has as many trials as the other
    replacements together. Arms that are not scaled are shown beside, and cannot be the best.
    """
    world = examples(data, seed)
    tuned = {kind: _tuned(world, seed, kind, hidden) for kind in REPLACEMENTS}
    zero, none = (_tuned(world, seed, "zero", hidden, grid) for grid in (ZERO, NONE))
    best = min(tuned.values(), key=lambda each: each.validation_loss)
    tuned |= {kind + NOT_SCALED: _tuned(world, seed, kind + NOT_SCALED, hidden) for kind in KINDS[:2]}
    x = world.x[world.train[0]]
    return {
        "relative gain over dropout to zero": gain(best, zero),
        **{f"gain with {kind}": gain(each, zero) for kind, each in tuned.items()},
        "gain of dropout to zero over none": gain(zero, none),
        "strength with feature means over that with zero": float(np.sum((x - x.mean(axis=0)) ** 2) / np.sum(x**2)),
        "mean over masks over the closed form": mean_over_masks(seed),
    }


def mean_over_masks(seed: int, ratio: float = 0.3) -> float:
    """Return the mean loss of a linear model over masks, over loss + p/(2n(1-p)) sum_j w_j^2 sum_i (x_ij - v_j)^2.

    The loss is half the mean squared error; p is the ratio, and v_j the mean of feature j.
    """
    n, features, masks = 60, 8, 2000
    rng = np.random.default_rng(seed)
    x = rng.binomial(1, 0.2, (n, features)).astype(np.float64)
    w, y, v = rng.standard_normal(features), rng.standard_normal(n), x.mean(axis=0)
    copies = np.tile(x, (masks, 1, 1))
    _, dropped = dropout_with_replacement(copies, ratio, seed=seed)
    noisy = np.where(dropped, v, v + (copies - v) / (1 - ratio))
    loss = np.mean((y - x @ w) ** 2) / 2
    penalty = ratio / (2 * n * (1 - ratio)) * np.sum(w**2 * np.sum((x - v) ** 2, axis=0))
    return float(np.mean((y - noisy @ w) ** 2) / 2 / (loss + penalty))


def effect_of_value(seed: int, data: str, ratio: str) -> dict[str, float]:
    """Return the gain of the replacement that is best on average over that which is worst, in a logistic regression.

    With `ratio` "tuned", each replacement has its own best ratio, and otherwise all have one half. Ten other worlds say
    which is best and which is worst. Within one world, the best arm gains over the worst even if all are alike: masks
    and batches alone make their weights differ.
    """
    grid, world = GRID if ratio == "tuned" else ONE_RATIO, examples(data, seed)
    best, worst = (_tuned(world, seed, kind, 0, grid) for kind in best_and_worst(data, ratio))
    return {"gain of the replacement that is best in other worlds over the worst": gain(best, worst)}


@functools.cache
def best_and_worst(data: str, ratio: str) -> tuple[str, str]:
    """Return the replacements with the lowest and the highest mean test loss in the worlds of PILOT."""
    grid = GRID if ratio == "tuned" else ONE_RATIO
    worlds = {seed: examples(data, seed) for seed in PILOT}
    losses = [np.mean([_tuned(worlds[each], each, kind, 0, grid).test_loss for each in PILOT]) for kind in KINDS]
    return KINDS[int(np.argmin(losses))], KINDS[int(np.argmax(losses))]


def gain_along(seed: int, varied: str) -> dict[str, float]:
    """Return the rank correlation of a gain with what is varied, and the gains.

    For "density" it is the gain of replacing inputs by their feature's mean over zero, and the share of non-zeros is
    varied; for "examples", the gain of dropout between two layers over none, with more and more digits.
    """
    from scipy.stats import spearmanr

    if varied == "density":
        worlds = {at: planted(at, seed) for at in DENSITIES}
        kinds = ("mean of each feature", "zero")
        gains = {at: gain(*(_tuned(world, seed, each, 0, PLAIN) for each in kinds)) for at, world in worlds.items()}
    else:
        gains = {at: gain_of_dropout("digits", at, seed) for at in SIZES}
    correlation = float(spearmanr(list(gains), list(gains.values()))[0])
    return {"rank correlation of the gain": correlation, **{f"gain at {at:g}": g for at, g in gains.items()}}


def planted(density: float, seed: int) -> Data:
    """Return features of variance 1/4, a share `density` of which are not 0, and labels from a logistic model of them.

    Non-zeros are normal, with a mean of twice their standard deviation.
    """
    rng = np.random.default_rng(seed)
    train, features = PLANTED
    ends = np.cumsum([train, *JUDGED.values()])
    shape = (ends[-1], features)
    x = rng.normal(1, 0.5, shape) * (rng.uniform(size=shape) < density) / np.sqrt(5 * density - 4 * density**2)
    weights = rng.standard_normal(features) / np.arange(1, features + 1)
    logits = (x - x.mean(axis=0)) @ (6 * weights / np.linalg.norm(weights))
    y = (logits + rng.logistic(size=len(x)) > 0).astype(np.int64)
    rows = dict(zip(PARTS, (part[None] for part in np.split(np.arange(len(x)), ends[:-1])), strict=True))
    return dataclasses.replace(as_data(x.astype(np.float32), y, classes=2), **rows)


@functools.cache
def gain_of_dropout(data: str, train: int, seed: int) -> float:
    """Return the relative gain of dropout between two layers, its ratio tuned, over weight decay, tuned as often."""
    return gain(*(_between_layers(data, train, seed, grid) for grid in (WITH, WITHOUT)))


def _between_layers(data: str, train: int, seed: int, grid: Grid) -> Tuned:
    world = examples(data, seed, train)

    def build(ratio: np.ndarray, rate: np.ndarray, decay: np.ndarray) -> Built:
        layers = [Dense(2 * HIDDEN), ReLU(), Dropout(ratio), Dense(world.classes)]
        return layers, sgd(rate, weight_decay=decay), {}

    epochs = -(-UPDATES // -(-train // TRAINING["batch"]))
    return tune(build, grid, world, seed, **{**TRAINING, "epochs": epochs, "evaluate_every": max(1, epochs // 8)})


def kinds_of_data(seed: int, better: str, worse: str) -> dict[str, float]:
    """Return the mean gain of dropout on two data sets of one kind, less that on two of another."""
    gains = {kind: [gain_of_dropout(*each, seed) for each in SETS[kind].items()] for kind in (better, worse)}
    return {
        "difference of mean gains between the kinds": float(np.mean(gains[better]) - np.mean(gains[worse])),
        **{f"gain on {data}": g for kind in gains for data, g in zip(SETS[kind], gains[kind], strict=True)},
    }


def loss_at_defaults(seed: int, hyperparameter: str) -> dict[str, float]:
    """Tune ratio and replacement on id lists; return what the default of one loses, and what a short search does.

    For "ratio", 0.5 is compared with the best ratio, both with the replacement 0; for "replacement", 0 is compared with
    the best value, the ratio tuned in both.
    """
    validation, test = _losses_on_id_lists(seed)  # (ratios, values, trials of rate and decay)

    def chosen(some: Any) -> float:
        return float(test[some].flat[validation[some].argmin()])

    best, zero = chosen(np.s_[:]), chosen(np.s_[:, :1])
    default = chosen(np.s_[RATIOS.index(0.5), :1]) if hyperparameter == "ratio" else zero
    table = np.log([[chosen(np.s_[i, j]) for j in range(len(VALUES))] for i in range(len(RATIOS))])
    rng = np.random.default_rng(seed)
    searches = [rng.choice(validation.size, TRIALS, replace=False) for _ in range(SEARCHES)]
    found = [test.flat[some[validation.flat[some].argmin()]] for some in searches]
    return {
        "loss at the default over the tuned loss, less 1": default / (zero if hyperparameter == "ratio" else best) - 1,
        "share of variance, ratio": float(table.mean(axis=1).var() / table.var()),
        "share of variance, replacement": float(table.mean(axis=0).var() / table.var()),
        "regret of a random search": float(np.mean(found)) / best - 1,
    }


@functools.cache
def _losses_on_id_lists(seed: int) -> np.ndarray:
    """Return validation and test losses of a network at its best epoch, (2, ratios, values, trials)."""
    grid = np.meshgrid(RATIOS, VALUES, RATES, DECAYS, indexing="ij")
    ratio, value, rate, decay = (each.ravel() for each in grid)
    world = examples("id lists", seed).take(np.zeros(len(ratio), int))
    network, optimizer, _ = _build(ratio, rate, decay, value=value[:, None], hidden=HIDDEN, classes=world.classes)
    history = fit(network, world, optimizer, seed=np.full(len(ratio), seed), **TRAINING)
    losses = np.stack([np.nanmin(history.validation_loss, axis=1), history.at_best().loss(world)])
    return losses.reshape(2, len(RATIOS), len(VALUES), -1)


def _tuned(data: Data, seed: int, kind: str, hidden: int, grid: Grid = GRID) -> Tuned:
    replacement, scaled = _value(kind.removesuffix(NOT_SCALED), data), not kind.endswith(NOT_SCALED)
    build = functools.partial(_build, value=replacement, hidden=hidden, classes=data.classes, scaled=scaled)
    return tune(build, grid, data, seed, **TRAINING)


def _value(kind: str, data: Data) -> Any:
    x = data.x[data.train[0]]
    """Return a number, one for each feature, "trained", or None for the id that means "missing"."""
    values = {
        "zero": 0.0,
        "mean of each feature": x.mean(axis=0),
        "mean of non-zeros": x[x != 0].mean(),
        "median of non-zeros": np.median(x[x != 0]),
        "trained for each feature": "trained",
    }
    return values.get(kind)


@dataclasses.dataclass(frozen=True, eq=False)
class MissingId(DropoutWithReplacement):
    """Replace ids, or words, by one that means "missing": a further feature, whose number is the root of their count.

    It is 0 in evaluation, where none is missing. Nothing is scaled, as in Caffe2's operator. x holds roots of counts.
    """

    def output(self, shape: Shape) -> Shape:
        return (shape[0] + 1,)

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        y, _ = super().forward(parameters, x, training=training, seed=seed)
        missing = np.sqrt(np.sum((x - y) ** 2, axis=-1, keepdims=True))
        return np.concatenate([y, missing], axis=-1), None


def _build(
    ratio: np.ndarray, rate: np.ndarray, decay: np.ndarray, value: Any, hidden: int, classes: int, scaled: bool = True
) -> Built:
    """Return a network whose inputs are replaced by a value of `_value` with a chance `ratio`."""
    options = {"scaled": scaled, "per_feature": isinstance(value, str)}
    dropout = MissingId(ratio) if value is None else DropoutWithReplacement(ratio, value, **options)
    inner = [Dense(hidden), ReLU()] if hidden else []
    optimizer = sgd(rate if hidden else 3 * rate, weight_decay=decay)  # a linear model bears more
    last = Dense(classes, he_uniform if hidden else zeros)  # a convex problem needs no random start
    return [dropout, *inner, last], optimizer, {}
