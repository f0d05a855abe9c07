"""Experiments on how a penalty enters training: by its slope, a proximal operator, a projection, or a threshold.

Each function takes a seed, which is one world, and returns numbers by name. Gradient descent has no momentum here, so
that all ways minimize the same sum: the loss and alpha times the sum of |w|. A seed makes the split, the first weights
and the batches, which all ways share.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from workbench.architectures.layer_costs import dropout, optimizer_step
from workbench.cost.loop_cost import DIRECTIONS
from workbench.cost.record import Cost
from workbench.data.splits import Data, as_data, side_by_side
from workbench.experiments import sparse_truths
from workbench.experiments.dropout_in_networks import LARGE
from workbench.experiments.replacement_in_networks import examples
from workbench.sparse_lp import lp_gradient, sparse_lp
from workbench.sparse_lp.cost import gradient_cost, penalty_cost, prox_cost
from workbench.training import network as networks
from workbench.training.fit import Training, fit
from workbench.training.layers import Dense, Layer, ReLU
from workbench.training.losses import cross_entropy
from workbench.training.optimizers import SGD
from workbench.training.penalties import ElasticNetProx, L1Ball, LpGradient, Penalty, SparseLpThreshold

HIDDEN, BATCH = 32, 30
NETWORK: Sequence[Layer] = (Dense(HIDDEN), ReLU(), Dense(10))
MODELS: Mapping[str, Sequence[Layer]] = {"network": NETWORK, "logistic regression": (Dense(10),)}

BEFORE, RATE, ALPHA = 20, 0.3, 1e-4  # epochs before weights are set to 0, and how those and the next steps are made
CUT = 0.5  # share of each layer's weights that the threshold sets to 0
AFTER = (1, 10)  # steps

TARGET = 1.05  # times the lowest objective that any trial reaches
SPEED_RATES = 0.003 * 3.0 ** np.arange(7)
ALPHAS = {"linear model": 0.1, "network": 1e-3}
EPOCHS = {"linear model": 600, "network": 120}

WAYS: Mapping[str, Penalty] = {  # in a network on digits
    "slope": LpGradient(ALPHAS["network"]),
    "proximal step": ElasticNetProx(ALPHAS["network"], 1.0),
    "projection": L1Ball(300.0),  # about the sum that the others reach
    "threshold": SparseLpThreshold(ALPHAS["network"], sparsity_threshold=0.01),
    "threshold, mask kept": SparseLpThreshold(ALPHAS["network"], sparsity_threshold=0.01, keep_mask=True),
}


def returning(seed: int, mask: str) -> dict[str, float]:
    """Set the smaller half of trained weights to 0, take steps, and count how many of them are not 0 any more.

    With "mask kept", each step ends with the same mask. With "mask not kept", the steps are those of the loss and the
    penalty alone; for comparison, a threshold is applied anew after each of them. All are shares of the weights that
    were set to 0. Inputs that are 0 in all training images give their weights no gradient.
    """
    data, found = examples("digits", seed, 300), {}
    for model, layers in MODELS.items():
        history = fit(
            layers, data, SGD(RATE), epochs=BEFORE, seed=seed, evaluate_every=0, penalties=[LpGradient(ALPHA)]
        )
        back = _returned(layers, history.parameters, data, seed, mask == "mask kept", threshold_again=False)
        again = _returned(layers, history.parameters, data, seed, mask == "mask kept", threshold_again=True)
        found |= {f"{model}, after {steps}": share for steps, share in back.items()}
        found[f"{model}, after {AFTER[1]}, with a threshold after each"] = again[AFTER[1]]
    return {"share of zeroed weights that return": found[f"network, after {AFTER[1]}"], **found}


def _returned(
    layers: Sequence[Layer], trained: Sequence[Any], data: Data, seed: int, kept: bool, threshold_again: bool
) -> dict[int, float]:
    """Return the share of the weights set to 0 that are not 0 after some numbers of steps."""
    parameters = [{name: array.copy() for name, array in layer.items()} for layer in trained]
    weights = [layer["weight"] for layer in parameters if layer]
    thresholds = [float(np.quantile(np.abs(w), CUT)) for w in weights]
    masks = [sparse_lp(w, ALPHA, 1.0, t)[1] for w, t in zip(weights, thresholds, strict=True)]
    (x, *_), (y, *_) = data.part("train")
    rng, optimizer, back = np.random.default_rng(seed), SGD(RATE), {}
    state = optimizer.start(parameters)
    for step in range(1, AFTER[-1] + 1):
        rows = rng.choice(len(x), BATCH, replace=False)
        output, saved = networks.forward(layers, parameters, x[None, rows], training=True)
        gradients = networks.backward(layers, parameters, saved, cross_entropy(output, y[None, rows])[1])
        for own, slopes in zip(parameters, gradients, strict=True):
            if own:
                slopes["weight"] += lp_gradient(own["weight"], ALPHA, 1.0)
        optimizer.step(parameters, gradients, state)
        for w, mask, threshold in zip(weights, masks, thresholds, strict=True):
            if threshold_again:
                sparse_lp(w, ALPHA, 1.0, threshold)
            if kept:
                w[~mask] = 0
        if step in AFTER:
            gone = sum(np.count_nonzero(~mask) for mask in masks)
            back[step] = sum(np.count_nonzero(w[~mask]) for w, mask in zip(weights, masks, strict=True)) / gone
    return back


def speed(seed: int, model: str) -> dict[str, float]:
    """Count updates to 1.05 times the lowest objective, by proximal steps over those by subgradients.

    The objective is that of p = 1. Each way has seven learning rates, and the fastest of them counts. The linear model
    sees all its examples in each step, the network thirty. A way that does not get there counts as if it did at the
    end. Zeros are those of the fastest rate at the end.
    """
    ways = {"proximal steps": ElasticNetProx(ALPHAS[model], 1.0), "subgradients": LpGradient(ALPHAS[model])}
    courses = {name: _course(seed, model, penalty) for name, penalty in ways.items()}
    target = TARGET * min(float(np.nanmin(objective)) for objective, _ in courses.values())
    found: dict[str, float] = {}
    for name, (objective, zeros) in courses.items():
        there = objective <= target
        epochs = np.where(there.any(axis=1), there.argmax(axis=1) + 1, EPOCHS[model])
        fastest = int(epochs.argmin())
        found[f"epochs, {name}"] = int(epochs[fastest])
        found[f"not there, {name}"] = float(not there.any())
        found[f"rate at an end, {name}"] = float(fastest in (0, len(epochs) - 1))
        found[f"exact zeros, {name}"] = float(zeros[fastest])
    ratio = found["epochs, proximal steps"] / found["epochs, subgradients"]
    return {"updates to the target, over those of subgradients": ratio, **found}


def _course(seed: int, model: str, penalty: Penalty) -> tuple[np.ndarray, np.ndarray]:
    """Return the objective after each epoch, (rates, epochs), and the share of zeros at the end, (rates,)."""
    data, layers = _linear(seed) if model == "linear model" else (examples("digits", seed, 300), NETWORK)
    batch = data.train.shape[1] if model == "linear model" else BATCH
    objectives: list[np.ndarray] = []

    def see(training: Training) -> None:
        weights = (layer["weight"] for layer in training.parameters if layer)
        with np.errstate(over="ignore"):  # of the highest rates
            sizes = sum(np.abs(w).sum(axis=(1, 2)) for w in weights)
        objectives.append(training.evaluate("train")["loss"] + ALPHAS[model] * sizes)

    options: dict[str, Any] = {"epochs": EPOCHS[model], "batch": batch, "evaluate_every": 0, "callbacks": [see]}
    seeds = [seed] * len(SPEED_RATES)
    history = fit(layers, data, SGD(SPEED_RATES), seed=seeds, penalties=[penalty], **options)
    weights = [layer["weight"].reshape(len(seeds), -1) for layer in history.parameters if layer]
    return np.stack(objectives, axis=1), np.mean(np.concatenate(weights, axis=1) == 0, axis=1)


def _linear(seed: int) -> tuple[Data, Sequence[Layer]]:
    """Return 80 examples of 120 features, six of which matter, and a linear model."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((sparse_truths.TRAINING, sparse_truths.FEATURES))
    y = x[:, : sparse_truths.RELEVANT].sum(axis=1) / np.sqrt(sparse_truths.RELEVANT)
    return as_data(x, y + sparse_truths.NOISE * rng.standard_normal(len(x))), [Dense(1, bias=False)]


class Courses(NamedTuple):
    """What happens by epoch, each (worlds, epochs): the objective, the share of weights that are exactly 0, and the
    share of those that were 0 one epoch before and are not now (NaN where none was)."""

    objective: np.ndarray
    zeros: np.ndarray
    returned: np.ndarray


def courses(seeds: Sequence[int], way: str, *, epochs: int = 40, rate: float = RATE) -> Courses:
    """Train a network on digits with one of WAYS to treat p = 1, in one world for each seed."""
    found: list[tuple[np.ndarray, np.ndarray]] = []

    def see(training: Training) -> None:
        weights = [layer["weight"].reshape(len(seeds), -1) for layer in training.parameters if layer]
        joined = np.concatenate(weights, axis=1)
        penalty = ALPHAS["network"] * np.abs(joined).sum(axis=1)
        found.append((training.evaluate("train")["loss"] + penalty, joined == 0))

    data = side_by_side([examples("digits", seed, 300) for seed in seeds])
    options: dict[str, Any] = {"epochs": epochs, "batch": BATCH, "evaluate_every": 0, "callbacks": [see]}
    fit(NETWORK, data, SGD(rate), seed=list(seeds), penalties=[WAYS[way]], **options)
    objective, zero = (np.stack(each, axis=1) for each in zip(*found, strict=True))  # zero: (worlds, epochs, weights)
    before = np.concatenate([np.zeros_like(zero[:, :1]), zero[:, :-1]], axis=1)
    with np.errstate(invalid="ignore"):
        returned = (before & ~zero).sum(axis=2) / before.sum(axis=2)
    return Courses(objective, zero.mean(axis=2), returned)


def step_costs(batch: int) -> dict[str, Cost]:
    """Count a training step of dropout_in_networks.LARGE with momentum, and what each way to regularize adds to it.

    A penalty is for all weights, as if they were one array. L2 in the optimizer's step adds a multiply-add for each
    weight and no bytes, as the weights are read and written anyway.
    """
    rows, weights = LARGE.trace(batch), (LARGE.parameters,)
    step = sum((row.forward + row.gradient for row in rows), optimizer_step("momentum", LARGE.parameters))
    masks = sum((dropout(way, (batch, 512)) for way in DIRECTIONS), Cost())
    return {
        "step without": step,
        "L2, in the optimizer": Cost(multiply_adds=LARGE.parameters),
        "slope, p = 1": gradient_cost(weights, 1.0),
        "proximal step, p = 1": prox_cost(weights, 1.0),
        "proximal step, p = 1/2": prox_cost(weights, 0.5),
        "slope and threshold, p = 1": gradient_cost(weights, 1.0) + penalty_cost(weights, 1.0),
        "dropout, twice": 2 * masks,
    }
