"""Pictures with sliders of trained networks: their feature maps before and after normalization, and how they learn."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench import drawing
from workbench.data.splits import Data, side_by_side
from workbench.experiments.arms import sgd
from workbench.experiments.normalization_in_networks import CHANNELS, NORMALIZATIONS, network, reordered, world
from workbench.training import network as networks
from workbench.training.fit import fit
from workbench.training.history import History
from workbench.training.layers import LocalResponseNorm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = ("LRN", *NORMALIZATIONS)
LEARNING = ("none", "LRN", "batch", "layer", "weight")
RATES = (0.00316, 0.01, 0.0316, 0.1, 0.316, 1.0)  # two for each power of ten
EPOCHS, ALPHA, BETA = 20, 3.0, 0.75
RATE, RATE_OF_LRN = 0.05, 0.2  # of the networks whose maps are drawn
KINDS = (LocalResponseNorm, *map(type, NORMALIZATIONS.values()))
SEED = 0  # of the world whose feature maps are shown


@functools.cache
def trained_network(normalization: str) -> tuple[History, Data]:
    """Return a network trained on 300 digits of different contrasts, and its data; LRN has an alpha of ALPHA."""
    data = world(SEED, contrast=1.0)
    layers = network(normalization, data.x.shape[1:], data.classes, ALPHA, BETA)
    rate = RATE_OF_LRN if normalization == "LRN" else RATE
    return fit(layers, data, sgd(rate), epochs=EPOCHS, batch=30, evaluate_every=0, seed=SEED), data


def changed_network(normalization: str, size: int, alpha: float, beta: float, region: str) -> tuple[History, Data]:
    """Return a trained network and its data; LRN gets other arguments than in training, where it has any."""
    history, data = trained_network(normalization)
    new = LocalResponseNorm(size, alpha, beta, region=region)
    layers = [new if isinstance(layer, LocalResponseNorm) else layer for layer in history.network]
    return dataclasses.replace(history, network=layers), data


def share_right(normalization: str, size: int = 5, alpha: float = ALPHA, beta: float = BETA) -> float:
    """Return the share of test digits that a trained network reads right, given LRN's arguments after training."""
    history, data = changed_network(normalization, size, alpha, beta, "across")
    return 1 - float(history.error(data)[0])


def change_by_order(normalization: str, order: Sequence[int]) -> float:
    """Return by how much, relatively, the test loss of a trained network changes with its channels in another order."""
    history, data = trained_network(normalization)
    return float(reordered(history, order).loss(data)[0] / history.loss(data)[0]) - 1


@drawing.plot(rows=2, columns=CHANNELS + 1, size=(10.4, 3.1))
def maps_before_and_after(
    normalization: str,
    image: int,
    channel: int,
    size: int = 5,
    alpha: float = ALPHA,
    beta: float = BETA,
    region: str = "across",
    *,
    ax: np.ndarray,
) -> None:
    """Draw a test image and a filter of a trained network, and its feature maps before and after normalization.

    Size, alpha, beta and region are those of LRN after training; the other normalizations do not have them.
    """
    history, data = changed_network(normalization, size, alpha, beta, region)
    x, y = data.part("test")
    place = next(place for place, layer in enumerate(history.network) if isinstance(layer, KINDS))
    before, after = (
        networks.predict(history.network[:end], history.parameters[:end], x[:, image : image + 1])[0, 0]
        for end in (place, place + 1)
    )
    weights = history.parameters[0]["weight"][0, channel, 0]
    _signed(ax[0, 0], x[0, image, 0], f"a {y[0, image]}, read as {history.predict(x[:, image : image + 1]).argmax()}")
    _signed(ax[1, 0], weights, f"filter {channel}")
    for row, maps in enumerate((before, after)):
        for panel, each, number in zip(ax[row, 1:], maps, range(CHANNELS), strict=True):
            title, weight = f"channel {number}" * (row == 0), "bold" if number == channel else "normal"
            _signed(panel, each, title, float(np.abs(maps).max()), weight)
        words = f"{('before', 'after')[row]}\nup to {np.abs(maps).max():.2g}"
        look = {"rotation": 90, "va": "center", "ha": "right", "multialignment": "center", "fontsize": 9}
        drawing.write(ax[row, 1], "row", -0.08, 0.5, words, transform=ax[row, 1].transAxes, **look)
    right = 1 - history.error(data)[0]
    ax[0, 0].figure.suptitle(f"{normalization}: {right:.0%} of 800 test digits are read right", fontsize=11)


def _signed(ax: "Axes", pixels: np.ndarray, title: str, largest: float = 0.0, weight: str = "normal") -> None:
    """Draw a map in which white is 0, up to `largest` on either side, or by default the map's own largest."""
    largest = max(largest or float(np.abs(pixels).max()), 1e-9)
    drawing.image(ax, "pixels", pixels, -largest, largest, cmap="PuOr_r", aspect="equal")
    ax.set_axis_off()
    ax.set_title(title, fontsize=9, fontweight=weight)


@functools.cache
def _courses(arm: str, worlds: int, contrast: float) -> np.ndarray:
    """Return the mean losses of the batches (rates, worlds, epochs) of an arm, in worlds with the seeds from 0 on."""
    seeds = np.tile(np.arange(worlds), len(RATES))
    data = side_by_side([world(seed, contrast=contrast) for seed in range(worlds)])
    layers = network(arm, data.x.shape[1:], data.classes, ALPHA, BETA)
    options = {"epochs": EPOCHS, "batch": 30, "seed": seeds, "evaluate_every": 0}
    history = fit(layers, data.take(seeds), sgd(np.repeat(RATES, worlds)), **options)
    return history.batch_loss.reshape(len(RATES), worlds, EPOCHS)


def at_rate(arm: str, rate: float, worlds: int, contrast: float) -> np.ndarray:
    """Return the training losses (worlds, epochs) at the rate of RATES that is nearest; infinity after a divergence."""
    losses = _courses(arm, worlds, contrast)[_nearest(rate)]
    return np.where(np.isnan(losses), np.inf, losses)


def _nearest(rate: float) -> int:
    return int(np.abs(np.log(RATES) - np.log(rate)).argmin())


@drawing.plot(size=(7.6, 4.2))
def courses_at(rate: float, worlds: int, contrast: float, *, ax: "Axes") -> None:
    """Draw the training loss by epoch for each normalization, at the learning rate of RATES nearest to `rate`."""
    shown = {arm: at_rate(arm, rate, worlds, contrast) for arm in LEARNING}
    for place, (arm, losses) in enumerate(shown.items()):
        middle, epochs = np.median(losses, axis=0), np.arange(1, EPOCHS + 1)
        drawing.line(ax, arm, epochs, middle, color=f"C{place}", linewidth=2, label=arm)
    last = {arm: np.median(losses[:, -1]) for arm, losses in shown.items()}
    title = f"Learning rate {RATES[_nearest(rate)]:g}: lowest in the end with {min(last, key=last.get)}"
    drawing.label(ax, title, "epoch", f"training loss, median of {worlds} worlds", yscale="log")
    ax.set(xlim=(1, EPOCHS), ylim=(2e-3, 4), xticks=[1, *range(5, EPOCHS + 1, 5)])
    drawing.legend(ax)
