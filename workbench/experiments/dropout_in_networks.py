"""Experiments on dropout between the two layers of a small classifier: reliance, convergence, rate, time, evaluation.

Each function takes a seed, which is one world, and returns numbers by name. Digits are not standardized: a pixel that
is dark in nearly all training images would get a huge scale. Dropout scales what it keeps. The rates of the grids lie
around the best of `arms.RATES` in each arm.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workbench.architectures import network as counted
from workbench.architectures.layer_costs import dropout, optimizer_step
from workbench.cost.loop_cost import DIRECTIONS
from workbench.cost.record import Cost
from workbench.data.catalog import load
from workbench.data.splits import PARTS, Data, Dataset, split
from workbench.experiments.arms import RATES, Built, Tuned, gain, sgd, tune, value_of
from workbench.machines.prediction import predict
from workbench.machines.published import known_machine
from workbench.measures import pairs, similarity, slopes
from workbench.sparse_dropout.cost import cost
from workbench.training import network as networks
from workbench.training.fit import fit
from workbench.training.history import History
from workbench.training.layers import Dense, DropoutWithReplacement, Layer, ReLU
from workbench.training.penalties import LpProx

HIDDEN = 128
USUAL, WIDE, HIGH = RATES[3:6], RATES[2:6], RATES[3:]  # learning rates
TRAINING: dict[str, Any] = {"epochs": 40, "evaluate_every": 2}

SHARES, DRAWS = np.arange(10) / 10, 10  # of the hidden units that are removed, and random choices of them
NINE = tuple(np.geomspace(USUAL[0], USUAL[-1], 9).tolist())
RELIANCE: dict[str, dict[str, Sequence[float]]] = {  # three arms with nine points each
    "none": {"rate": NINE, "ratio": (0.0,), "decay": (0.0,)},
    "L2": {"rate": USUAL, "ratio": (0.0,), "decay": (3e-4, 1e-3, 3e-3)},
    "dropout": {"rate": USUAL, "ratio": (0.5,), "decay": (0.0, 3e-4, 1e-3)},
}

IDS = 150
PENALIZED = {  # rates, and grids of ratios and strengths of one alone; dropout and a penalty together get every fourth
    ("digits", "L1"): (USUAL[1:], np.linspace(0.1, 0.5, 9), np.geomspace(3e-4, 1e-2, 9)),
    ("digits", "L2"): (USUAL[1:], np.linspace(0.1, 0.5, 9), np.geomspace(3e-4, 3e-3, 9)),
    ("id lists", "L1"): (USUAL[:2], np.linspace(0.2, 0.8, 9), np.geomspace(3e-3, 3e-2, 9)),
    ("id lists", "L2"): (USUAL[:2], np.linspace(0.2, 0.8, 9), np.geomspace(3e-3, 3e-2, 9)),
}

TARGET = 0.1  # training loss, without masks
RATIOS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)
HALF = (counted.Dense(512), counted.ReLU())
LARGE = counted.Network("784-512-512-10", (784,), (*HALF, *HALF, counted.Dense(10)))


@functools.cache
def _dataset(name: str) -> Dataset:
    """Return digits; or "id lists", as numbers of occurrences of 150 ids in the lists of 2000 people."""
    found = load(name, **({"vocabulary": IDS // 3} if name == "id lists" else {}))
    x = (found.x[..., None] == np.arange(IDS)).sum(axis=1) if name == "id lists" else found.x
    return dataclasses.replace(found, x=x.astype(np.float32))


def world(seed: int, train: int = 300, data: str = "digits") -> Data:
    """Return the split of a world: `train` examples to train on, 300 to choose with, and the rest to test on."""
    return split(_dataset(data), seed, train=train, validation=300, standardize=False)


def perceptron(ratio: Any, replacement: Any = 0.0, *, hidden: int = HIDDEN, outputs: int = 10) -> list[Layer]:
    return [Dense(hidden), ReLU(), DropoutWithReplacement(ratio, replacement, scaled=True), Dense(outputs)]


def _build(rate: np.ndarray, ratio: np.ndarray, decay: np.ndarray) -> Built:
    return perceptron(ratio), sgd(rate, weight_decay=decay), {}


def reliance(seed: int, train: int) -> dict[str, float]:
    """Remove hidden units at random from tuned networks; return how much more accuracy dropout keeps than the others.

    What is kept is the accuracy over that of the whole network, as a mean over the shares from 0 to 0.9.
    """
    data = world(seed, train)
    tuned = {name: tune(_build, grid, data, seed, **TRAINING) for name, grid in RELIANCE.items()}
    kept, plain = ([_accuracy_kept(each, data, seed, how) for each in tuned.values()] for how in (True, False))
    return {
        "gain of accuracy kept under ablation over the best other": kept[-1] - max(kept[:-1]),
        "the same gain without rescaling": plain[-1] - max(plain[:-1]),
        **{f"accuracy kept, {name}": share for name, share in zip(tuned, kept, strict=True)},
    }


def _accuracy_kept(tuned: Tuned, data: Data, seed: int, rescaled: bool) -> float:
    """Return the mean accuracy without a share of the hidden units, over the accuracy with all of them."""
    (x,), (y,) = data.part("test")
    first, *_, last = tuned.history.parameters
    hidden = np.maximum(x @ first["weight"][0].T + first["bias"][0], 0)
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(HIDDEN), (DRAWS, 1)), axis=1)
    accuracies = []
    for share in SHARES:
        left = order >= share * HIDDEN
        scaled = left / (left.mean() if rescaled else 1)
        logits = hidden @ (last["weight"][0] * scaled[:, None]).swapaxes(1, 2) + last["bias"][0]
        accuracies.append(np.mean(logits.argmax(axis=-1) == y))
    return float(np.mean(accuracies) / accuracies[0])


def competition(seed: int, examples: int) -> dict[str, float]:
    """Compare hidden units of networks tuned with and without dropout: how correlated, and who suppresses whom.

    The derivative of a unit's output in another unit's input is taken with the mask of a training step held fixed.
    """
    data = world(seed, examples)
    tuned = {name: tune(_build, RELIANCE[name], data, seed, **TRAINING) for name in ("none", "dropout")}
    (x,), _ = data.part("test")
    correlation, lateral = {}, 0.0
    for name, each in tuned.items():
        first, *inside, _ = each.history.parameters
        sums = x @ first["weight"][0].T + first["bias"][0]
        correlation[name] = float(np.nanmean(np.abs(pairs(similarity(np.maximum(sums, 0))))))
        activations = functools.partial(_activations, each.history.network[1:3], inside)
        lateral = max(lateral, float(np.max(np.abs(pairs(slopes(activations, sums[:3]))))))
    return {
        "change of mean correlation, dropout less none": correlation["dropout"] - correlation["none"],
        "largest derivative by another unit, given the mask": lateral,
        **{f"mean correlation, {name}": value for name, value in correlation.items()},
    }


def _activations(layers: Sequence[Layer], parameters: Sequence[Any], sums: np.ndarray) -> np.ndarray:
    """Return what ReLU and dropout make of sums (examples, units) in a training step, the same one at each call."""
    return networks.forward(layers, parameters, sums[None], training=True)[0][0]


def convergence(seed: int, ratio: float, replacement: str = "zero") -> dict[str, float]:
    """Return the epochs to a training loss of 0.1, measured without masks, with the fastest rate of each arm.

    An arm that does not get there counts as if it did in the last epoch.
    """
    rates, ratios = np.tile(HIGH, 2), np.repeat([0.0, ratio], len(HIGH))
    network = perceptron(ratios, value_of(replacement))
    history = fit(network, world(seed), sgd(rates), epochs=40, seed=[seed] * len(rates))
    there = history.train_loss <= TARGET
    first = np.where(there.any(axis=1), there.argmax(axis=1) + 1, 40)
    without, dropped = first.reshape(2, -1).min(axis=1)
    return {"epochs to the target, over those without": dropped / without, "epochs without": without}


def regularization(seed: int, train: int) -> dict[str, float]:
    """Train with ratios from 0 to 0.95; return how ratio and training loss, and ratio and gap, are correlated.

    The gap is test loss less training loss. Both are taken after the last epoch, since early stopping regularizes too,
    and at the rate that is best for the validation data.
    """
    from scipy.stats import spearmanr

    ratios, rates = (each.ravel() for each in np.meshgrid(RATIOS, WIDE, indexing="ij"))
    data = world(seed, train).take(np.zeros(len(rates), int))
    options: dict[str, Any] = {"epochs": 60, "evaluate_every": 0, "seed": np.full(len(rates), seed)}
    history = fit(perceptron(ratios), data, sgd(rates), **options)
    losses = {part: history.loss(data, part).reshape(len(RATIOS), -1) for part in PARTS}
    chosen = np.nan_to_num(losses["validation"], nan=np.inf).argmin(axis=1)
    train_loss, test_loss = (losses[part][np.arange(len(RATIOS)), chosen] for part in ("train", "test"))
    return {
        "rank correlation of ratio and training loss": float(spearmanr(RATIOS, train_loss)[0]),
        "rank correlation of ratio and gap": float(spearmanr(RATIOS, test_loss - train_loss)[0]),
        "ratio with the lowest test loss": RATIOS[int(test_loss.argmin())],
        **{f"training loss at {ratio:g}": loss for ratio, loss in zip(RATIOS, train_loss.tolist(), strict=True)},
    }


def time_to_target(seed: int, engine: str) -> dict[str, float]:
    """Return the predicted time to a training loss of 0.1 with a ratio of 0.5, over that without dropout.

    It is the ratio of epochs on digits times the ratio of times of a step of LARGE with a batch of 64.
    """
    forward, others, masks = _seconds(64)
    step, found = 1 + masks[engine] / (forward + others), convergence(seed, 0.5)
    updates = found["epochs to the target, over those without"]
    return {
        "time to the target, over that without": step * updates,
        "updates to the target, over those without": updates,
        "time of a step, over that without": step,
    }


def latency(seed: int, batch: int) -> dict[str, float]:
    """Return the share of dropout in what a training step takes longer than evaluation, predicted for LARGE."""
    forward, others, masks = _seconds(batch)
    return {
        "share of the difference that is dropout's": masks["fused"] / (others + masks["fused"]),
        "the same share, with dropout in NumPy": masks["NumPy"] / (others + masks["NumPy"]),
        "time of a training step over that of evaluation": (forward + others + masks["fused"]) / forward,
    }


def _seconds(batch: int) -> tuple[float, float, dict[str, float]]:
    """Predict a step of LARGE on a published processor: the pass forward; gradients and update; and dropout.

    Dropout is used twice. It is one loop in each direction, as the other layers, or the passes that NumPy takes.
    """
    rows, shape, machine = LARGE.trace(batch), (batch, 512), known_machine("laptop")

    def predicted(costs: Iterable[Cost]) -> float:
        return sum(predict(each, machine, threads=machine.threads).seconds for each in costs)

    others = [*(row.gradient for row in rows), optimizer_step("momentum", LARGE.parameters)]
    masks = {
        "fused": 2 * predicted(dropout(direction, shape) for direction in DIRECTIONS),
        "NumPy": 2 * predicted(cost(each, shape, scaled=True, engine="reference") for each in DIRECTIONS),
    }
    return predicted(row.forward for row in rows), predicted(others), masks


def evaluation(seed: int, masks: int) -> dict[str, float]:
    """Evaluate networks trained with a ratio of 0.5 by the mean of the probabilities over masks, and without masks.

    Each of the two ways has its own rate and number of epochs, which are best for the validation data if judged so. The
    gap of a forecast is the distance of its mean highest probability from the share that it gets right.
    """
    data, trained = world(seed), _with_half_dropped(seed)
    ways = (functools.partial(_judged, data=data, masks=count, seed=seed) for count in (masks, 0))
    judged = [way(min(trained, key=functools.partial(way, part="validation")), part="test") for way in ways]
    losses, errors, gaps = zip(*judged, strict=True)
    return {
        "relative loss of the mean of masks over none": losses[0] / losses[1] - 1,
        "errors more than without masks": errors[0] - errors[1],
        "gap of the mean of masks": gaps[0],
        "gap without masks": gaps[1],
    }


@functools.cache
def _with_half_dropped(seed: int) -> list[History]:
    """Return networks trained with a ratio of 0.5, with two rates and after three numbers of epochs."""
    data, history, trained = world(seed), None, []
    for epochs in (40, 80, 160):
        options: dict[str, Any] = {"epochs": epochs, "seed": [seed, seed], "evaluate_every": 0, "start": history}
        history = fit(perceptron([0.5, 0.5]), data, sgd(USUAL[:2]), **options)
        trained += [history.worlds(0), history.worlds(1)]
    return trained


def _judged(history: History, *, data: Data, part: str, masks: int, seed: int) -> tuple[float, float, float]:
    """Return the log loss, the share of errors, and the gap, with the mean over masks or, for 0, without masks."""
    from scipy.special import softmax

    (x, *_), (y, *_) = data.part(part)
    chances: Any = 0.0
    for mask in range(max(masks, 1)):
        seeds = [1000 * seed + mask] * len(history.network)
        passed = networks.forward(history.network, history.parameters, x[None], training=masks > 0, seeds=seeds)
        chances += softmax(passed[0][0], axis=1) / max(masks, 1)
    wrong = float(np.mean(chances.argmax(axis=1) != y))
    loss = -float(np.mean(np.log(chances[np.arange(len(y)), y])))
    return loss, wrong, abs(float(chances.max(axis=1).mean()) - (1 - wrong))


def combined(seed: int, penalty: str, data: str) -> dict[str, float]:
    """Tune dropout with a penalty, dropout alone and the penalty alone, with equally many points each.

    Return the relative gain over the one of the two that is better on the validation data. L2 is weight decay; L1 is a
    proximal step after each update.
    """
    rates, ratios, strengths = PENALIZED[data, penalty]
    grids: dict[str, dict[str, Any]] = {
        "both": {"rate": rates, "ratio": ratios[::4], "strength": strengths[::4]},
        "dropout": {"rate": rates, "ratio": ratios, "strength": (0.0,)},
        "penalty": {"rate": rates, "ratio": (0.0,), "strength": strengths},
    }
    parts, build = world(seed, data=data), functools.partial(_penalized, penalty, data)
    tuned = {name: tune(build, grid, parts, seed, **TRAINING) for name, grid in grids.items()}
    better = min(("dropout", "penalty"), key=lambda name: tuned[name].validation_loss)
    losses = {f"test loss, {name}": each.test_loss for name, each in tuned.items()}
    return {"relative gain over the better of the two": gain(tuned["both"], tuned[better]), **losses}


def _penalized(penalty: str, data: str, rate: np.ndarray, ratio: np.ndarray, strength: np.ndarray) -> Built:
    network = perceptron(ratio, hidden=64, outputs=len(_dataset(data).classes))
    if penalty == "L2":
        return network, sgd(rate, weight_decay=strength), {}
    return network, sgd(rate), {"penalties": [LpProx(strength)]}
