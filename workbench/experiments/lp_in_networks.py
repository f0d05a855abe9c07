"""Experiments on sparse Lp in small networks, beside L2 and dropout, all tuned alike.

An arm is a way to train. It has eighteen trials in each world, such as three learning rates, each with six strengths.
Where two ways are combined, each arm has ninety. Networks are judged after their last step, but for early stopping,
which takes the step with the lowest validation loss. Validation data choose a trial, and its test loss counts.

With momentum, the gradient of the loss moves a weight ten times as far as the learning rate says. The strength of a
proximal operator is multiplied by ten, so that it is the factor of the penalty in what is minimized.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench.data.catalog import load
from workbench.data.splits import Data, split
from workbench.experiments import lp_against_l2
from workbench.experiments.arms import MOMENTUM, RATES, sgd
from workbench.experiments.dropout_relatives import relevant_and_noise
from workbench.experiments.replacement_in_networks import examples
from workbench.training.fit import fit
from workbench.training.history import History
from workbench.training.layers import Convolution, Dense, Dropout, Flatten, Layer, ReLU
from workbench.training.penalties import (
    ElasticNetProx,
    GroupProx,
    L1Ball,
    LpProx,
    MagnitudePruning,
    Penalty,
    SparseLpThreshold,
)

HIDDEN, FILTERS = 32, 8
BATCH, STEPS = 30, 400  # examples of a step; steps of a training run
TRIALS = 18  # of each arm in a world
SIX, THREE = 2.5 ** np.arange(-2.5, 3), 2.5 ** np.array([-2.0, 0.0, 2.0])  # strengths, over the middle one
BOTH = 1 / (1 - MOMENTUM)  # what momentum makes of a step

PENALTIES: Mapping[str, Callable[[Any, Any], Penalty]] = {
    "L1": lambda strength, other: ElasticNetProx(BOTH * strength, 1.0),
    "p = 1/2": lambda strength, other: LpProx(BOTH * strength, 0.5),
    "elastic net": lambda strength, other: ElasticNetProx(BOTH * strength, other),
    "groups": lambda strength, other: GroupProx(BOTH * strength, axis=1),  # what goes out of an input or a unit
    "L1 ball": lambda strength, other: L1Ball(strength),
    "threshold": lambda strength, other: SparseLpThreshold(strength, 2.0, sparsity_threshold=other),
    "pruning": lambda strength, other: MagnitudePruning(strength),
}
OTHERS = {"threshold": (0.01, 0.04, 0.16), "elastic net": (0.2, 0.6)}  # thresholds; shares of the L1 norm
PRUNED = (0.2, 0.4, 0.7, 0.9, 0.98, 0.995)  # shares of zeros
DROPPED = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95)  # ratios
COMBINED = (0.05, 0.1, 0.2, 0.35, 0.5)  # ratios, where a strength is tuned too
MANY = 30  # strengths or ratios of a way that is compared with a combination
FOUR_TASKS = ("few inputs matter", "all inputs matter", "digits", "vowels")
COMPARED = ("none", "L2", "L1", "p = 1/2", "dropout", "elastic net", "groups", "L1 ball", "pruning", "early stopping")


class Task(NamedTuple):
    """Data of a world, the layers before the last, the middle learning rate, and the middle strength of penalties."""

    data: Callable[[int], Data]
    hidden: Sequence[Layer]
    rate: float
    strengths: Mapping[str, float]

    @property
    def rates(self) -> np.ndarray:
        return self.rate * np.array([1 / 3, 1.0, 3.0])


@dataclasses.dataclass(frozen=True)
class Trials:
    """The trials of an arm in one world; each array has one number for each trial.

    `zeros` is the share of the weights that are exactly 0, and `train`, `validation` and `test` are losses.
    """

    points: Mapping[str, np.ndarray]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    zeros: np.ndarray

    @property
    def best(self) -> int:
        """Return the place of the trial with the lowest validation loss."""
        return int(np.nan_to_num(self.validation, nan=np.inf).argmin())

    @property
    def loss(self) -> float:
        """Return the test loss of the best trial."""
        return float(self.test[self.best])

    @property
    def gap(self) -> float:
        """Return the test loss less the training loss of the best trial."""
        return float(self.test[self.best] - self.train[self.best])

    @property
    def at_an_end(self) -> float:
        """Return 1 if the best trial has the smallest or the largest strength or ratio of several, and 0 otherwise."""
        ends = [
            values[self.best] in (values.min(), values.max())
            for values in (self.points["strength"], self.points["ratio"])
            if np.ptp(values)
        ]
        return float(any(ends))

    def some(self, places: np.ndarray) -> "Trials":
        """Return some of the trials."""
        points = {name: values[places] for name, values in self.points.items()}
        return Trials(points, *(getattr(self, name)[places] for name in ("train", "validation", "test", "zeros")))


def _images(seed: int, train: int) -> Data:
    sizes = {"train": train, "validation": 300, "test": 600}
    return split(load("digits", images=True), seed, standardize=False, **sizes)


def _tasks() -> dict[str, Task]:
    dense = [Dense(HIDDEN), ReLU()]
    windows = [Convolution(FILTERS, 3, stride=2, padding=1), ReLU(), Flatten()]
    return {
        "few inputs matter": Task(
            lambda seed: relevant_and_noise(seed, 6), dense, 0.016, _middle(0.05, 0.02, 0.01, 12.0)
        ),
        "all inputs matter": Task(
            lambda seed: relevant_and_noise(seed, 100), dense, 0.016, _middle(0.05, 8e-3, 5e-3, 80.0)
        ),
        "digits": Task(lambda seed: examples("digits", seed, 300), dense, 0.2, _middle(1e-3, 2e-4, 3e-4, 320.0)),
        "vowels": Task(lambda seed: examples("vowels", seed, 100), dense, 8e-3, _middle(0.015, 3e-3, 3e-3, 160.0)),
        "tones": Task(lambda seed: examples("bursts", seed, 100), dense, 3e-3, _middle(0.05, 5e-3, 5e-3)),
        "100 digits, convolution": Task(lambda seed: _images(seed, 100), windows, 0.03, _middle(3e-3, 1e-3, 3e-4)),
        "300 digits, convolution": Task(lambda seed: _images(seed, 300), windows, 0.1, _middle(2e-3, 1e-3, 4e-4)),
    }


def _middle(l2: float, l1: float, half: float, ball: float | None = None) -> dict[str, float]:
    """Return the middle strength of each penalty; seeds that no result uses showed those that are given here.

    The strength of an L1 ball, which not all tasks have, is its radius.
    """
    mixed = {"elastic net": float(np.sqrt(l1 * l2)), "groups": l1, "threshold": l2 / 2}
    return {"L2": l2, "L1": l1, "p = 1/2": half, **mixed, **({} if ball is None else {"L1 ball": ball})}


TASKS = _tasks()


def grid(task: str, arm: str) -> dict[str, np.ndarray]:
    """Return the trials of an arm: rate, ratio of dropout, strength of the penalty, and other, each (trials,)."""
    rates, others, ratios = TASKS[task].rates, OTHERS.get(arm, (0.0,)), DROPPED if arm == "dropout" else (0.0,)
    strengths = TASKS[task].strengths.get(arm, 0.0) * (THREE if len(others) > 1 else SIX)
    if arm == "none":
        rates = np.geomspace(rates[0] / 10, rates[-1], TRIALS)  # without a penalty, a low rate may be best
    if arm == "early stopping":
        rates = np.geomspace(rates[0] / 3, 3 * rates[-1], TRIALS)
    if arm == "pruning":
        strengths = np.array(PRUNED)
    return _points(rates[: 2 if len(others) == 3 else None], ratios, np.unique(strengths), others)


def fine_grid(task: str, arm: str) -> dict[str, np.ndarray]:
    """Return ninety trials of dropout, of a penalty, or of dropout and a penalty, as `grid` does."""
    *dropout, penalty = arm.split(" and ")
    ratios = np.linspace(0.03, 0.9, MANY) if penalty == "dropout" else COMBINED if dropout else (0.0,)
    strengths = TASKS[task].strengths.get(penalty, 0.0) * 2.5 ** np.linspace(-4, 3, MANY // len(ratios))
    return _points(TASKS[task].rates / 3, ratios, strengths, (0.0,))


def _points(*values: Sequence[float] | np.ndarray) -> dict[str, np.ndarray]:
    """Return all combinations of rates, ratios, strengths and others."""
    return dict(zip(("rate", "ratio", "strength", "other"), np.array(list(itertools.product(*values))).T, strict=True))


@functools.cache
def trials(task: str, arm: str, seed: int, fine: bool = False) -> Trials:
    """Train all trials of an arm in one world, side by side."""
    points, data = (fine_grid if fine else grid)(task, arm), TASKS[task].data(seed)
    history = train(task, arm, data, seed, **points, evaluate_every=int(arm == "early stopping"))
    if arm == "early stopping":
        history = history.at_best()
    several = data.take(np.zeros(len(history.seeds), int))
    losses = (np.nan_to_num(history.loss(several, part), nan=np.inf) for part in ("train", "validation", "test"))
    return Trials(points, *losses, zeros(history))


def train(
    task: str, arm: str, data: Data, seed: int, rate: Any, ratio: Any, strength: Any, other: Any, **options: Any
) -> History:
    """Train a network in one world, once for each learning rate; `options` are those of `fit`."""
    penalty = arm.split(" and ")[-1]
    decay = strength if penalty == "L2" else 0.0
    penalties = [PENALTIES[penalty](strength, other)] if penalty in PENALTIES else []
    drops = [Dropout(ratio)] if np.any(ratio) else []
    epochs = STEPS // -(-data.train.shape[1] // BATCH)
    given = {"epochs": epochs, "batch": BATCH, "evaluate_every": 0, "penalties": penalties, **options}
    network = [*TASKS[task].hidden, *drops, Dense(data.classes)]
    return fit(network, data, sgd(rate, weight_decay=decay), seed=[seed] * len(rate), **given)


def zeros(history: History) -> np.ndarray:
    """Return the share of each world's weights that are exactly 0; biases do not count."""
    weights = [layer["weight"].reshape(len(history.seeds), -1) for layer in history.parameters if "weight" in layer]
    return np.mean(np.concatenate(weights, axis=1) == 0, axis=1)


def best_p(task: str, seed: int) -> Trials:
    """Return eighteen trials of a penalty with p = 1 or p = 1/2: p is tuned too, with every other strength of each."""
    one, half = (trials(task, arm, seed) for arm in ("L1", "p = 1/2"))
    place = np.searchsorted(np.unique(one.points["strength"]), one.points["strength"])
    some = one.some(place % 2 == 1), half.some(place % 2 == 0)
    points = {name: np.concatenate([each.points[name] for each in some]) for name in one.points}
    points["other"] = np.repeat([1.0, 0.5], [len(each.test) for each in some])
    numbers = ("train", "validation", "test", "zeros")
    return Trials(points, *(np.concatenate([getattr(each, name) for each in some]) for name in numbers))


def gain(treated: Trials, control: Trials) -> float:
    """Return the relative gain 1 - treated / control of the test losses."""
    return 1 - treated.loss / control.loss


def against_l2(seed: int, data: str) -> dict[str, float]:
    """Compare sparse Lp, with p tuned, with L2: in a network on digits, or in a linear model on other data."""
    return lp_against_l2.gain_over_l2(seed, data) if data != "digits, network" else overfitting(seed, "digits")


def overfitting(seed: int, task: str) -> dict[str, float]:
    """Compare sparse Lp, with p tuned, with no penalty and with L2, by their losses and by what they overfit."""
    lp, none, l2 = best_p(task, seed), *(trials(task, arm, seed) for arm in ("none", "L2"))
    return {
        "relative gain over tuned L2": gain(lp, l2),
        "relative gain over none": gain(lp, none),
        **{f"gap, {name}": each.gap for name, each in (("Lp", lp), ("L2", l2), ("none", none))},
        "share of weights that are 0": float(lp.zeros[lp.best]),
        **_ends({"Lp": lp, "L2": l2}),
    }


def _ends(arms: Mapping[str, Trials]) -> dict[str, float]:
    return {f"strength at an end of its grid, {name}": each.at_an_end for name, each in arms.items()}


def combined(seed: int, penalty: str) -> dict[str, float]:
    """Compare dropout with a penalty on digits with the one of the two that is better on the validation data."""
    arms = (f"dropout and {penalty}", "dropout", penalty)
    both, *alone = (trials("digits", arm, seed, fine=True) for arm in arms)
    better = min(alone, key=lambda each: each.validation[each.best])
    names = ("both", "dropout", "penalty")
    by_name = dict(zip(names, (both, *alone), strict=True))
    losses = {f"test loss, {name}": each.loss for name, each in by_name.items()}
    return {"relative gain over the better of the two": gain(both, better), **losses, **_ends(by_name)}


def winners(seed: int) -> dict[str, float]:
    """Compare arms on four tasks, and two of them where one and where the other is expected to win.

    Where few inputs matter, that is sparse Lp, and where all do, L2: seeds that are not used here showed it.
    """
    found: dict[str, float] = {}
    for task in FOUR_TASKS:
        arms = {"Lp": best_p(task, seed)} | {arm: trials(task, arm, seed) for arm in COMPARED}
        found |= {f"{task}: test loss, {name}": each.loss for name, each in arms.items()}
        found |= {f"{task}: zeros, {name}": float(each.zeros[each.best]) for name, each in arms.items()}
        found |= {f"{task}: {name}": end for name, end in _ends(arms).items()}
    few, all_matter = (f"{task}: test loss, " for task in FOUR_TASKS[:2])
    return {
        "gain of Lp over L2 where few inputs matter": 1 - found[f"{few}Lp"] / found[f"{few}L2"],
        "gain of L2 over Lp where all inputs matter": 1 - found[f"{all_matter}L2"] / found[f"{all_matter}Lp"],
        **found,
    }


def by_task(numbers: Sequence[Mapping[str, float]], what: str) -> dict[str, dict[str, np.ndarray]]:
    """Return what `winners` measured in several worlds, by task and arm: "test loss" or "zeros", each (worlds,)."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for task in FOUR_TASKS:
        names = {name.removeprefix(head): name for name in numbers[0] if name.startswith(head := f"{task}: {what}, ")}
        found[task] = {arm: np.array([each[name] for each in numbers]) for arm, name in names.items()}
    return found


def on_images(seed: int, train: int) -> dict[str, float]:
    """Compare sparse Lp, with p tuned, and a threshold, with no penalty and L2 in a convolutional network on digits."""
    task = f"{train} digits, convolution"
    lp, none, l2, threshold = best_p(task, seed), *(trials(task, arm, seed) for arm in ("none", "L2", "threshold"))
    return {
        "relative gain of the best p over none": gain(lp, none),
        "relative gain of the best p over L2": gain(lp, l2),
        "relative gain of a threshold over L2": gain(threshold, l2),
        "share of weights that are 0": float(lp.zeros[lp.best]),
        **_ends({"Lp": lp, "L2": l2}),
    }


def l2_against_l1(seed: int, model: str) -> dict[str, float]:
    """Compare L2 with L1 on digits, in a network or by logistic regression."""
    if model == "logistic regression":
        return lp_against_l2.l2_and_l1_on_digits(seed)
    arms = {arm: trials("digits", arm, seed) for arm in ("L2", "L1")}
    zeros_of_l1 = float(arms["L1"].zeros[arms["L1"].best])
    return {"relative gain of L2 over L1": gain(*arms.values()), "share of weights that L1 makes 0": zeros_of_l1} | (
        _ends(arms)
    )


def dropout_against_lp(seed: int, task: str) -> dict[str, float]:
    """Compare dropout with sparse Lp, with p tuned, on spectra of sounds."""
    arms = {"dropout": trials(task, "dropout", seed), "Lp": best_p(task, seed)}
    none = trials(task, "none", seed)
    return {
        "relative gain of dropout over the best p": gain(*arms.values()),
        **{f"relative gain over none, {name}": gain(each, none) for name, each in arms.items()},
        **_ends(arms),
    }


def hoyer(weights: Sequence[np.ndarray]) -> float:
    """Return the mean over arrays of Hoyer's sparsity: 0 if all numbers are equally large, and 1 if all but one are 0.

        (sqrt(n) - sum |w| / sqrt(sum w^2)) / (sqrt(n) - 1)

    Source: Hoyer, Non-negative matrix factorization with sparseness constraints, 2004.
    """
    roots = [np.sqrt(w.size) for w in weights]
    norms = [np.abs(w).sum() / np.sqrt(np.square(w).sum()) for w in weights]
    return float(np.mean([(root - norm) / (root - 1) for root, norm in zip(roots, norms, strict=True)]))


def sparsity_under_dropout(seed: int) -> dict[str, float]:
    """Train with a ratio of 0.5 and without dropout on digits, each with its best of six learning rates.

    Return the exact zeros of the first, and how much sparser than the second its weights and its hidden activations on
    test data are, by Hoyer's measure.
    """
    data, rates = TASKS["digits"].data(seed), np.geomspace(RATES[2], RATES[6], 6)
    several, given = data.take(np.zeros(len(rates), int)), {"strength": 0.0, "other": 0.0}
    weights, activations, exact = [], [], []
    for ratio in (np.full(len(rates), 0.5), np.zeros(len(rates))):
        history = train("digits", "dropout", data, seed, rate=rates, ratio=ratio, **given)
        best = int(np.nan_to_num(history.loss(several, "validation"), nan=np.inf).argmin())
        first, *_, last = (layer for layer in history.worlds([best]).parameters if layer)
        x = data.part("test")[0][0]
        weights.append(hoyer([first["weight"][0], last["weight"][0]]))
        activations.append(hoyer([np.maximum(x @ first["weight"][0].T + first["bias"][0], 0)]))
        exact.append(float(zeros(history)[best]))
    return {
        "exact zeros": exact[0],
        "change of Hoyer's sparsity": weights[0] - weights[1],
        "change of Hoyer's sparsity of activations": activations[0] - activations[1],
        "Hoyer's sparsity without dropout": weights[1],
    }
