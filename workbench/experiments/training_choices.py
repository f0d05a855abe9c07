"""Experiments on the choices of training: the learning rate, augmentation, early stopping, and the size of batches.

Each function takes a seed, which makes the world, and returns numbers by name. The trials of a world (learning rates,
penalties) are trained beside each other in one fit. Each arm has the same trials; validation data choose one of them,
and test data judge it. Losses are cross-entropies in evaluation mode.
"""

import functools
import tracemalloc
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.data.catalog import digits, patches
from workbench.data.splits import Data, Dataset, split
from workbench.experiments.arms import sgd
from workbench.experiments.signals_in_depth import noise_of_batches
from workbench.training import network as networks
from workbench.training.augmentation import Flip, Shift
from workbench.training.fit import Training, fit
from workbench.training.layers import Dense, Dropout, Flatten, Identity, Layer, ReLU
from workbench.training.losses import cross_entropy
from workbench.training.optimizers import SGD
from workbench.training.stopping import EarlyStopping, Watch

UNITS = 32
VALIDATION, TEST = 150, 400  # examples
RATES = 0.001 * 3.0 ** np.arange(7)  # with momentum
ALL_RATES = 10 ** np.arange(-4, 1.1, 0.5)  # 1e-4 to 10, without momentum
RATIOS = (0.0, 0.3, 0.5, 0.7)

AUGMENTATIONS = {
    "none": None,
    "shift": Shift(1),
    "horizontal flip": Flip("horizontal"),
    "vertical flip": Flip("vertical"),
}
WITHOUT, WITH = DROPOUT = (0.0, 0.5)
SHORT, PARTS, SMALL_BATCH = 75, 4, 16  # updates of a short run; a long one has four times as many

STRENGTHS: dict[str, Sequence[float]] = {"none": (0.0,), "L2": (1e-3, 1e-2, 1e-1), "dropout": (0.25, 0.5, 0.75)}
EPOCHS = 100
RULES = {
    f"patience {patience}{', smoothed' if smoothing else ''}": EarlyStopping(patience, smoothing)
    for patience in (1, 5, 20)
    for smoothing in (0.0, 0.5)
}

BATCHES = {8: 20, 128: 80}  # examples in a batch, and the most epochs
BATCH_RATES = 0.01 * 3.0 ** np.arange(7)  # without momentum
TARGET = 0.05  # of the training loss
OTHER_WORLD = 1 << 20  # added to a seed for the world that tunes


def learning_rates(seed: int) -> dict[str, float]:
    """Train with rates from 1e-4 to 10 for 200 updates, at each ratio; compare both ends with the best rate."""
    ratios, rates = (grid.ravel() for grid in np.meshgrid(RATIOS, ALL_RATES, indexing="ij"))
    course = _course(_network(ratios), _examples(seed, 300), SGD(rates), seed, epochs=20, every=20)
    validation, test = (course[name].reshape(len(RATIOS), -1) for name in ("validation", "loss"))
    best = validation.argmin(axis=1)
    lowest = test[np.arange(len(RATIOS)), best]
    return {
        "both ends lose at least twice the minimum": float(np.all(test[:, [0, -1]] >= 2 * lowest[:, None])),
        "loss at the lowest rate over the minimum": float((test[:, 0] / lowest).min()),
        **{f"best rate at ratio {ratio}": ALL_RATES[place] for ratio, place in zip(RATIOS, best, strict=True)},
    }


def augmentation(seed: int, kind: str, data: str, examples: int, ratio: float) -> dict[str, float]:
    """Train with and without an augmentation; compare after a short run, and after the best part of a long one."""
    none, augmented = (_short_and_long(seed, data, examples, each)[ratio] for each in ("none", kind))
    return {
        "relative gain over none": 1 - augmented[1] / none[1],
        "relative gain after a short run": 1 - augmented[0] / none[0],
    }


@functools.cache
def _short_and_long(seed: int, data: str, examples: int, kind: str) -> dict[float, tuple[float, float]]:
    """Return the tuned test losses of a short run and of a long one for each ratio; several settings need them."""
    parts, every = _examples(seed, examples, data), max(1, SHORT * SMALL_BATCH // examples)
    ratios, rates = (grid.ravel() for grid in np.meshgrid(DROPOUT, RATES, indexing="ij"))
    network, optimizer = _network(ratios, parts.classes), sgd(rates)
    options = {"epochs": PARTS * every, "batch": SMALL_BATCH, "augment": AUGMENTATIONS[kind]}
    course = _course(network, parts, optimizer, seed, every=every, **options)
    courses = {ratio: {name: each[ratios == ratio] for name, each in course.items()} for ratio in DROPOUT}
    return {ratio: (_chosen(each, 1), _chosen(each)) for ratio, each in courses.items()}


def early_stopping(seed: int, penalty: str) -> dict[str, float]:
    """Train for a hundred epochs, and see when each rule would have stopped, and at what loss on other data."""
    rates, strengths = (grid.ravel() for grid in np.meshgrid(RATES, STRENGTHS[penalty]))
    decay = {"weight_decay": strengths} if penalty == "L2" else {}
    network = _network(strengths if penalty == "dropout" else 0.0)
    optimizer = sgd(rates, **decay)
    course = _course(network, _examples(seed, 300), optimizer, seed, epochs=EPOCHS, every=1)
    last = course["validation"][:, -1].argmin()
    numbers = {}
    for name, rule in RULES.items():
        trial, epoch = _stopped(course["validation"], rule)
        loss, error = course["loss"][trial], course["error"][trial]
        numbers[f"{name}: loss over the oracle's, less 1"] = loss[epoch] / loss.min() - 1
        if rule == EarlyStopping(5):
            numbers["loss at the end over the loss when stopped, less 1"] = course["loss"][last, -1] / loss[epoch] - 1
            numbers["the same at the rate of stopping"] = loss[-1] / loss[epoch] - 1
            numbers["error at the end less the error when stopped"] = course["error"][last, -1] - error[epoch]
    return numbers


def batches(seed: int, counted: str) -> dict[str, float]:
    """Return what the size of a batch does to noise and memory, and to the "updates" or "epochs" to a target loss."""
    small, large = BATCHES
    needed = {
        size: _epochs_to_target(seed, size)[0] * (-(-300 // size) if counted == "updates" else 1) for size in BATCHES
    }
    return {
        **noise_of_batches(seed),
        "exponent in the memory": memory_of_batches(),
        "small batch's count over the large one's, less 1": needed[small] / needed[large] - 1,
    }


def memory_of_batches() -> float:
    """Return the exponent of the batch's size in the peak memory of a pass forward and back, beside a constant."""
    network = _network(0.0)
    parameters = networks.initial(network, (1, 8, 8), np.zeros(1, np.uint64), np.float64)
    peaks = []
    for size in (256, 256, 512, 1024):  # the first pass warms up
        tracemalloc.start()
        x, y = np.zeros((1, size, 1, 8, 8)), np.zeros((1, size), int)
        output, saved = networks.forward(network, parameters, x, training=True)
        networks.backward(network, parameters, saved, cross_entropy(output, y)[1])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return float(np.log2((peaks[3] - peaks[2]) / (peaks[2] - peaks[1])))


@functools.cache
def _epochs_to_target(seed: int, batch: int) -> tuple[int, float]:
    """Return the epochs that a batch's size needs to the target, and the rate, which is tuned in another world."""
    seeds, trials = np.array([seed + OTHER_WORLD, seed]), len(BATCH_RATES)
    data = split(_images("digits"), seeds.tolist(), train=300, validation=0, test=0, standardize=False)
    data, rates = data.take(np.repeat([0, 1], trials)), np.tile(BATCH_RATES, 2)
    history = fit(_network(0.0), data, SGD(rates), epochs=BATCHES[batch], batch=batch, seed=seeds.repeat(trials))
    reached = np.pad(history.train_loss <= TARGET, ((0, 0), (0, 1)), constant_values=True)
    tuning, judged = 1 + reached.argmax(axis=1).reshape(2, trials)
    best = tuning.argmin()
    return int(judged[best]), float(BATCH_RATES[best])


def _network(ratio: Any, classes: int = 10) -> list[Layer]:
    return [Flatten(), Dense(UNITS), ReLU(), Dropout(ratio) if np.any(ratio) else Identity(), Dense(classes)]


@functools.cache
def _images(name: str) -> Dataset:
    return digits(images=True) if name == "digits" else patches()


def _examples(seeds: int | list[int], train: int, name: str = "digits") -> Data:
    """Return grey values from 0 to 1: standardized, a pixel that is mostly 0 would be far from 0 after a shift."""
    return split(_images(name), seeds, train=train, validation=VALIDATION, test=TEST, standardize=False)


def _course(
    network: Sequence[Layer], data: Data, optimizer: SGD, seed: int, *, every: int, **options: Any
) -> dict[str, np.ndarray]:
    """Train all trials of a world; return the losses on validation data, and losses and errors on test data.

    Each is (trials, evaluations), with one evaluation in `every` epochs, and infinite where training diverged.
    """
    seen: list[dict[str, np.ndarray]] = []

    def see(training: Training) -> None:
        if training.epoch % every == 0:
            seen.append(training.evaluate("test") | {"validation": training.evaluate("validation")["loss"]})

    seeds = [seed] * len(np.atleast_1d(optimizer.learning_rate))
    fit(network, data, optimizer, seed=seeds, evaluate_every=0, callbacks=[see], **options)
    course = {name: np.stack([each[name] for each in seen], axis=1) for name in seen[0]}
    return {name: np.nan_to_num(values, nan=np.inf) for name, values in course.items()}


def _chosen(course: dict[str, np.ndarray], evaluations: int | None = None) -> float:
    """Return the test loss of the trial and evaluation with the lowest validation loss, among the first ones."""
    validation, test = (course[name][:, :evaluations] for name in ("validation", "loss"))
    return float(test.flat[validation.argmin()])


def _stopped(validation: np.ndarray, rule: EarlyStopping) -> tuple[int, int]:
    """Return the trial with the lowest validation loss when a rule stops it, and the place of its best epoch."""
    watch = Watch(len(validation), rule)
    for epoch, losses in enumerate(validation.T, 1):
        watch.see(losses, epoch)
    places = watch.best_epoch - 1
    trial = int(validation[np.arange(len(validation)), places].argmin())
    return trial, int(places[trial])
