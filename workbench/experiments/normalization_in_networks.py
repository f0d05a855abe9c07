"""Experiments on local response normalization (LRN) in trained networks: alone, and with other normalizations.

Each function takes a seed, which is one world, and returns numbers by name. A network has one convolution of eight
filters, ReLU, pooling and a dense layer; an arm says what normalizes its responses. Every arm is tuned with as many
trials as those of LRN, which are its rates, alphas and betas; the others have more learning rates. The mean square of
an input is 1, so that the responses have a size for which alpha means something. Tuned networks are kept, so that all
numbers of a world come from the same ones.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.architectures import layer_costs
from workbench.architectures import network as counted
from workbench.cost.loop_cost import DIRECTIONS
from workbench.cost.record import Cost
from workbench.data.catalog import load
from workbench.data.splits import Data, Dataset, split
from workbench.experiments.arms import Built, Tuned, gain, sgd, tune
from workbench.machines.prediction import predict
from workbench.machines.published import known_machine
from workbench.measures import effective_rank
from workbench.training import network as networks
from workbench.training.history import History
from workbench.training.layers import (
    BatchNorm,
    Convolution,
    Dense,
    Flatten,
    GroupNorm,
    InstanceNorm,
    Layer,
    LayerNorm,
    LocalResponseNorm,
    MaxPool,
    ReLU,
    WeightNorm,
)

CHANNELS, SIZE, WITHIN = 8, 5, 3  # filters; the window's channels across, and its rows and columns within
JUDGED = {"validation": 300, "test": 800}  # examples
TRAINING: Mapping[str, Any] = {"epochs": 40, "batch": 30, "evaluate_every": 5}

RATES, ALPHAS, BETAS = (0.02, 0.07, 0.25), (0.1, 3.0), (0.5, 0.75)  # of LRN
TRIALS = len(RATES) * len(ALPHAS) * len(BETAS)
PLAIN_RATES = tuple(np.geomspace(0.007, 0.3, TRIALS).tolist())  # of all others, but for
DECAYED = {"rate": (0.01, 0.03, 0.1), "decay": (0.0, 1e-3, 3e-3, 1e-2)}  # weight decay

NORMALIZATIONS: Mapping[str, Layer] = {  # between the convolution and ReLU
    "batch": BatchNorm(),
    "layer": LayerNorm(),
    "group": GroupNorm(2),
    "instance": InstanceNorm(),
}
ARMS = ("LRN", "LRN within", *NORMALIZATIONS, "weight", "image by its norm", "logarithm", "weight decay")
FEW_ARMS = ("LRN", "image by its norm", "weight decay")

PLACES = ("first convolution", "second convolution", "dense", "logits")
STRONG, HIDDEN = (1.0, 10.0), 32  # alphas that do something; units of the dense layer
PERMUTED = ("none", "batch", "layer")

CORRUPTIONS: Mapping[str, float] = {"contrast": 1.0, "brightness": 1.0, "shift": 1.0, "rotation": 15.0, "noise": 0.8}
SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
PROBE = {"rate": (0.03, 0.1, 0.3), "decay": (0.0, 3e-3)}
PROBED = ("none", "LRN", "batch", "layer", "image by its norm")
TARGET = 0.3  # training loss

BATCH = 32
COUNTED = {  # networks whose first two layers are a convolution and ReLU; the second is a part of a larger network
    "1 to 8 channels": counted.Network(
        "digits",
        (1, 8, 8),
        (counted.Convolution(CHANNELS, 3, padding=1), counted.ReLU(), counted.MaxPool(2), counted.Dense(10)),
    ),
    "64 to 64 channels": counted.Network(
        "part", (64, 56, 56), (counted.Convolution(64, 3, padding=1), counted.ReLU()), input_gradient=True
    ),
}


@functools.cache
def _images(name: str) -> Dataset:
    """Return digits (1, 8, 8), or patches of photographs averaged to this size, with a mean square of 1."""
    found = load("digits", images=True) if name == "digits" else load("patches")
    x = found.x if name == "digits" else found.x.reshape(-1, 1, 8, 2, 8, 2).mean(axis=(3, 5))
    return dataclasses.replace(found, x=x / np.sqrt(np.mean(x**2)))


@functools.lru_cache(maxsize=8)
def world(seed: int, data: str = "digits", contrast: float = 0.0, train: int = 300) -> Data:
    """Return the split of a world: examples (1, rows, columns), each multiplied by exp(contrast z), z standard normal.

    Sounds are one row of 64 bands, and new in each world.
    """
    if data == "vowels":
        sounds = load(data, seed=seed, examples=train + sum(JUDGED.values()))
        found = dataclasses.replace(sounds, x=sounds.x[:, None, None] / np.sqrt(np.mean(sounds.x**2)))
    else:
        found = _images(data)
    z = np.random.default_rng([seed, 1]).standard_normal(len(found.x))
    x = found.x * np.exp(contrast * z)[:, None, None, None]
    return split(dataclasses.replace(found, x=x.astype(np.float32)), seed, train=train, standardize=False, **JUDGED)


def network(arm: str, shape: Sequence[int], classes: int, alpha: Any = 1.0, beta: float = 0.75) -> list[Layer]:
    """Return the network of an arm, such as "none", "LRN", "batch", or "batch + LRN".

    LRN follows ReLU, but for "LRN before ReLU". The others stand between the convolution and ReLU; weight normalization
    is one of both layers with weights.
    """
    parts = arm.split(" + ")
    wrap = WeightNorm if "weight" in parts else lambda layer: layer
    lrn = LocalResponseNorm(SIZE, alpha, beta)
    within = LocalResponseNorm(WITHIN, alpha, beta, region="within")
    before = {**NORMALIZATIONS, "LRN before ReLU": lrn}
    after = {"LRN": lrn, "LRN within": within}
    pool = MaxPool(2, 2, padding=int(shape[1] == 1))  # a single row is pooled along itself
    return [
        wrap(Convolution(CHANNELS, 3, padding=1)),
        *(before[part] for part in parts if part in before),
        ReLU(),
        *(after[part] for part in parts if part in after),
        pool,
        Flatten(),
        wrap(Dense(classes)),
    ]


def as_taken(x: np.ndarray, arm: str) -> np.ndarray:
    """Return images (images, channels, rows, columns) as an arm takes them: two arms change them beforehand."""
    if arm == "image by its norm":
        return x / np.maximum(np.sqrt((x**2).mean(axis=(1, 2, 3), keepdims=True)), 1e-6)
    if arm == "logarithm":
        return np.sign(x) * np.log1p(np.abs(x))
    return x


@functools.cache
def trained(seed: int, arm: str, data: str = "digits", contrast: float = 0.0, train: int = 300) -> Tuned:
    """Return the tuned network of an arm in a world."""
    parts = world(seed, data, contrast, train)
    parts = dataclasses.replace(parts, x=as_taken(parts.x, arm))
    if "LRN" not in arm:
        grid = DECAYED if arm == "weight decay" else {"rate": PLAIN_RATES, "decay": (0.0,)}

        def plain(rate: np.ndarray, decay: np.ndarray) -> Built:
            return network(arm, parts.x.shape[1:], parts.classes), sgd(rate, weight_decay=decay), {}

        return tune(plain, grid, parts, seed, **TRAINING)
    found = []
    for beta in BETAS:

        def build(rate: np.ndarray, alpha: np.ndarray, beta: float = beta) -> Built:
            return network(arm, parts.x.shape[1:], parts.classes, alpha, beta), sgd(rate), {}

        one = tune(build, {"rate": RATES, "alpha": ALPHAS}, parts, seed, **TRAINING)
        found.append(dataclasses.replace(one, chosen={**one.chosen, "beta": beta}))
    return min(found, key=lambda one: one.validation_loss)


def generalization(seed: int, contrast: float = 0.0, examples: int = 300, data: str = "digits") -> dict[str, float]:
    """Return what LRN gains over none on test data, what other arms gain, and how the trained networks differ.

    The gap is test loss less training loss. The similarity of filters is the mean size of the cosine of two filters of
    a network. Epochs are counted to a training loss of TARGET, with the chosen trial; a network that does not get there
    counts as if it did in the last epoch. All arms are trained on 300 digits only, and few on other data.
    """
    parts, arms = world(seed, data, contrast, examples), ARMS if (data, examples) == ("digits", 300) else FEW_ARMS
    tuned = {arm: trained(seed, arm, data, contrast, examples) for arm in ("none", *arms)}
    none, lrn = tuned["none"], tuned["LRN"]
    shown = {arm: tuned[arm] for arm in ("none", "LRN", "batch", "layer") if arm in tuned}
    return {
        "relative gain over none": gain(lrn, none),
        "relative gain over weight decay": gain(lrn, tuned["weight decay"]),
        "relative gain over images of norm 1": gain(lrn, tuned["image by its norm"]),
        **{f"relative gain, {arm}": gain(tuned[arm], none) for arm in arms[1:]},
        **{f"test loss, {arm}": each.test_loss for arm, each in shown.items()},
        **{f"gap, {arm}": each.test_loss - float(each.history.loss(parts, "train")[0]) for arm, each in shown.items()},
        **{f"similarity of filters, {arm}": similarity(each.history) for arm, each in shown.items()},
        **{f"effective rank of responses, {arm}": rank(each.history, parts) for arm, each in shown.items()},
        **{f"epochs, {arm}": epochs_to_target(each.history) for arm, each in shown.items()},
        **{f"LRN's {name}": value for name, value in lrn.chosen.items()},
    }


def against_none(seed: int, arm: str = "LRN", contrast: float = 0.0, train: int = 300) -> dict[str, float]:
    """Return what an arm gains over none on test digits, both tuned."""
    tuned, none = (trained(seed, each, "digits", contrast, train) for each in (arm, "none"))
    return {"relative gain over none": gain(tuned, none)}


def similarity(history: History) -> float:
    """Return the mean size of the cosine between two filters of the first layer of a network, its only world."""
    filters = history.parameters[0]["weight"][0].reshape(CHANNELS, -1).astype(np.float64)
    unit = filters / np.linalg.norm(filters, axis=1, keepdims=True)
    return float(np.abs(unit @ unit.T)[np.triu_indices(CHANNELS, 1)].mean())


def rank(history: History, data: Data) -> float:
    """Return the effective rank of what ReLU gives for test data, from 1 for copies of one channel to 8."""
    responses = responses_of(history, data.part("test")[0][:, :200], ReLU)
    return effective_rank(np.moveaxis(responses[0], 1, -1).reshape(-1, CHANNELS).astype(np.float64))


def responses_of(history: History, x: np.ndarray, until: type[Layer]) -> np.ndarray:
    """Return what a network's first layer of the type `until` gives for x (worlds, examples, *shape)."""
    last = next(place for place, layer in enumerate(history.network) if isinstance(layer, until))
    return networks.predict(history.network[: last + 1], history.parameters[: last + 1], x)


def epochs_to_target(history: History) -> float:
    """Return the first epoch after which the training loss is at most TARGET, or the last epoch."""
    there = np.flatnonzero(history.train_loss[0] <= TARGET)
    return float(history.epochs[there[0] if len(there) else -1])


def on_top(seed: int, normalization: str, contrast: float) -> dict[str, float]:
    """Return what LRN gains on top of another normalization, both tuned."""
    both, alone, lrn, none = (
        trained(seed, arm, contrast=contrast) for arm in (f"{normalization} + LRN", normalization, "LRN", "none")
    )
    return {
        "relative gain of LRN on top": gain(both, alone),
        "relative gain of both over none": gain(both, none),
        "relative gain of both over LRN": gain(both, lrn),
    }


def order(seed: int, contrast: float) -> dict[str, float]:
    """Return what LRN after ReLU gains over LRN before it, both tuned."""
    after, before = (trained(seed, arm, contrast=contrast) for arm in ("LRN", "LRN before ReLU"))
    return {"relative gain of LRN after ReLU over ReLU after LRN": gain(after, before)}


def places(seed: int) -> dict[str, float]:
    """Return what LRN gains at each of four places of a network with two convolutions, with an alpha of 1 or 10.

    Return also by how much the test loss of trained networks changes if their channels change places: the filters, what
    belongs to a channel, and the weights that read it are all put in another order.
    """
    parts, tuned = world(seed), {}
    for place in ("", *PLACES):

        def build(rate: np.ndarray, alpha: np.ndarray, place: str = place) -> Built:
            return _deep(place, alpha), sgd(rate), {}

        rates = RATES if place else PLAIN_RATES[:: TRIALS // (len(RATES) * len(STRONG))]
        tuned[place] = tune(build, {"rate": rates, "alpha": STRONG if place else (1.0,)}, parts, seed, **TRAINING)
    another = np.random.default_rng(seed).permutation(CHANNELS)
    return {
        **{f"relative gain, {place}": gain(tuned[place], tuned[""]) for place in PLACES},
        **{f"loss with channels in another order, {arm}": permuted(seed, arm, another) for arm in ("LRN", *PERMUTED)},
    }


def _deep(place: str, alpha: Any) -> list[Layer]:
    """Return a network with two convolutions, and LRN at one place, or at none for an empty text."""
    layers = {
        "first convolution": [Convolution(CHANNELS, 3, padding=1), ReLU()],
        "pooling": [MaxPool(2, 2)],
        "second convolution": [Convolution(CHANNELS, 3, padding=1), ReLU()],
        "flattening": [Flatten()],
        "dense": [Dense(HIDDEN), ReLU()],
        "logits": [Dense(10)],
    }
    if place:
        layers[place] = [*layers[place], LocalResponseNorm(SIZE, alpha)]
    return [layer for block in layers.values() for layer in block]


def permuted(seed: int, arm: str, order: np.ndarray) -> float:
    """Return the test loss of a trained network with its channels in another order, over its own test loss, less 1.

    It was trained on digits of different contrasts, where LRN is strong.
    """
    tuned, parts = trained(seed, arm, contrast=1.0), world(seed, contrast=1.0)
    return float(reordered(tuned.history, order).loss(parts)[0]) / tuned.test_loss - 1


def reordered(history: History, order: Sequence[int]) -> History:
    """Return a network with its channels in another order: filters, what belongs to a channel, and what reads it."""
    *inner, last = history.parameters
    moved = [{name: a[:, order] if a.ndim > 1 else a for name, a in each.items()} for each in inner]
    weight = last["weight"].reshape(*last["weight"].shape[:2], CHANNELS, -1)[:, :, order].reshape(last["weight"].shape)
    return dataclasses.replace(history, parameters=[*moved, {**last, "weight": weight}])


def probes(seed: int, corruption: str) -> dict[str, float]:
    """Return how much better a linear probe of the responses trained with LRN withstands a corruption of the images.

    The probe reads what pooling leaves, and is trained on clean images. Its loss by a corruption is the share of errors
    on corrupted test images less that on clean ones; the gain is relative to the network without normalization.
    """
    found = {arm: _probed(seed, arm) for arm in PROBED}
    lost = {arm: errors[corruption] - errors["clean"] for arm, errors in found.items()}
    clean = {arm: errors["clean"] for arm, errors in found.items()}
    return {
        "relative gain of a linear probe under corruption": 1 - lost["LRN"] / lost["none"],
        **{f"relative gain, {arm}": 1 - lost[arm] / lost["none"] for arm in PROBED[2:]},
        **{f"errors on clean images, {arm}": share for arm, share in clean.items()},
        **{f"further errors, {arm}": share for arm, share in lost.items()},
    }


@functools.cache
def _probed(seed: int, arm: str) -> dict[str, float]:
    """Return the share of errors of a linear probe on clean and on corrupted test images."""
    parts = world(seed)
    history = trained(seed, arm).history

    def features(x: np.ndarray) -> np.ndarray:
        responses = responses_of(history, as_taken(x, arm)[None], MaxPool)[0]
        return responses.reshape(len(x), -1)

    read = features(parts.x)
    mean, scale = read[parts.train[0]].mean(axis=0), read[parts.train[0]].std()  # one scale: some pixels are always 0
    data = dataclasses.replace(parts, x=(read - mean) / scale)

    def build(rate: np.ndarray, decay: np.ndarray) -> Built:
        return [Dense(parts.classes)], sgd(rate, weight_decay=decay), {}

    probe = tune(build, PROBE, data, seed, **TRAINING).history
    (x,), (y,) = parts.part("test")
    images = {"clean": x, **{name: corrupted(x, name, seed) for name in CORRUPTIONS}}
    outputs = {name: probe.predict(((features(each) - mean) / scale)[None])[0] for name, each in images.items()}
    return {name: float(np.mean(each.argmax(axis=1) != y)) for name, each in outputs.items()}


def corrupted(x: np.ndarray, name: str, seed: int) -> np.ndarray:
    """Return images (images, 1, rows, columns) that are changed in a way and with a strength of CORRUPTIONS.

    Contrast multiplies each image by exp(strength z) and brightness adds strength z, with a standard normal z. An image
    is shifted by one pixel to one of four sides, rotated by plus or minus the strength in degrees, or gets noise with
    this standard deviation at each pixel.
    """
    from scipy.ndimage import rotate

    rng, strength = np.random.default_rng([seed, 2]), CORRUPTIONS[name]
    z = rng.standard_normal((len(x), 1, 1, 1))
    if name == "contrast":
        return (x * np.exp(strength * z)).astype(x.dtype)
    if name == "brightness":
        return (x + strength * z).astype(x.dtype)
    if name == "noise":
        return (x + strength * rng.standard_normal(x.shape)).astype(x.dtype)
    choices = [(-strength,), (strength,)] if name == "rotation" else SIDES
    drawn, changed = rng.integers(len(choices), size=len(x)), np.empty_like(x)
    for choice, how in enumerate(choices):
        some = x[drawn == choice]
        turned = _shifted(some, *how) if name == "shift" else rotate(some, how[0], axes=(2, 3), reshape=False, order=1)
        changed[drawn == choice] = turned
    return changed


def _shifted(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """Move images by at most one pixel down and right; zeros fill the gap."""
    rows, columns = x.shape[2:]
    return np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])[:, :, 1 - down :, 1 - right :][:, :, :rows, :columns]


def prices(network: str) -> dict[str, dict[str, float]]:
    """Return what LRN, batch and layer normalization cost in a network of COUNTED, forward and backward together.

    FLOPs and bytes are for each response after ReLU. The time is predicted on a published processor, over that of the
    other layers; one loop in each direction writes the result to new memory.
    """
    rows, machine = COUNTED[network].trace(BATCH), known_machine("laptop")
    shape = rows[1].output_shape
    lrn, flat = counted.OperatorLayer("LRN", {"size": SIZE, "beta": 0.75}), (BATCH, int(np.prod(shape[1:])))
    costs = {
        "LRN": [lrn.cost(each, shape) for each in DIRECTIONS],
        "batch": [layer_costs.batch_norm(each, shape) for each in DIRECTIONS],
        "layer": [layer_costs.layer_norm(each, flat) for each in DIRECTIONS],
    }

    def seconds(parts: Sequence[Cost]) -> float:
        there = [each for each in parts if each != Cost()]
        return sum(predict(each, machine, threads=machine.threads).seconds for each in there)

    others = seconds([cost for row in rows for cost in (row.forward, row.gradient)])
    return {
        name: {
            "FLOPs": sum(each.flops for each in both) / int(np.prod(shape)),
            "bytes": sum(each.bytes for each in both) / int(np.prod(shape)),
            "time over that of the other layers": seconds(both) / others,
        }
        for name, both in costs.items()
    }
