"""Pictures with sliders of trained networks: their feature maps before and after normalization, and how they learn."""

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from workbench import drawing
from workbench.data.splits import Data, side_by_side
from workbench.experiments.arms import sgd
from workbench.experiments.normalization_in_networks import CHANNELS, NORMALIZATIONS, network, world
from workbench.training import network as networks
from workbench.training.fit import fit
from workbench.training.history import History
from workbench.training.layers import LocalResponseNorm
from workbench.training.plots import learning_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = ("LRN", *NORMALIZATIONS)
LEARNING = ("none", "LRN", "batch", "layer", "weight")
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
EPOCHS, RATE, ALPHA, BETA = 20, 0.03, 1.0, 0.75
KINDS = (LocalResponseNorm, *map(type, NORMALIZATIONS.values()))
SEED = 0  # of the world whose feature maps are shown


@functools.cache
def trained_network(normalization: str) -> tuple[History, Data]:
    """Return a network trained on 300 digits of different contrasts, and its data; alpha is 1 and beta 0.75."""
    data = world(SEED, contrast=1.0)
    layers = network(normalization, data.x.shape[1:], data.classes, ALPHA, BETA)
    return fit(layers, data, sgd(RATE), epochs=EPOCHS, batch=30, evaluate_every=0, seed=SEED), data


def changed_network(normalization: str, size: int, alpha: float, beta: float, region: str) -> tuple[History, Data]:
    """Return a trained network and its data; LRN gets other arguments than in training, where it has any."""
    history, data = trained_network(normalization)
    new = LocalResponseNorm(size, alpha, beta, region=region)
    layers = [new if isinstance(layer, LocalResponseNorm) else layer for layer in history.network]
    return dataclasses.replace(history, network=layers), data


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
    _grey(ax[0, 0], x[0, image, 0], f"a {y[0, image]}, read as {history.predict(x[:, image : image + 1]).argmax()}")
    _signed(ax[1, 0], weights, f"filter {channel}")
    for row, maps in enumerate((before, after)):
        for panel, each, number in zip(ax[row, 1:], maps, range(CHANNELS), strict=True):
            _signed(panel, each, f"channel {number}" if row == 0 else "", float(np.abs(maps).max()))
            panel.title.set_fontweight("bold" if number == channel else "normal")
        words = f"{('before', 'after')[row]}\nup to {np.abs(maps).max():.2g}"
        look = {"rotation": 90, "va": "center", "ha": "right", "multialignment": "center", "fontsize": 9}
        drawing.write(ax[row, 1], "row", -0.08, 0.5, words, transform=ax[row, 1].transAxes, **look)
    right = 1 - history.error(data)[0]
    ax[0, 0].figure.suptitle(f"{normalization}: {right:.0%} of 800 test digits are read right", fontsize=11)


def _grey(ax: "Axes", pixels: np.ndarray, title: str) -> None:
    drawing.image(ax, "pixels", pixels, 0.0, max(float(pixels.max()), 1e-9), cmap="gray", aspect="equal")
    ax.set_axis_off()
    ax.set_title(title, fontsize=9)


def _signed(ax: "Axes", pixels: np.ndarray, title: str, largest: float = 0.0) -> None:
    """Draw a map in which white is 0, up to `largest` on either side, or by default the map's own largest."""
    largest = max(largest or float(np.abs(pixels).max()), 1e-9)
    drawing.image(ax, "pixels", pixels, -largest, largest, cmap="PuOr_r", aspect="equal")
    ax.set_axis_off()
    ax.set_title(title, fontsize=9)


@functools.cache
def courses(worlds: int, contrast: float) -> dict[str, np.ndarray]:
    """Return the training loss of each arm, (rates, worlds, epochs), in worlds with one seed each from 0 on."""
    seeds = np.tile(np.arange(worlds), len(RATES))
    data, found = side_by_side([world(seed, contrast=contrast) for seed in range(worlds)]), {}
    for arm in LEARNING:
        layers = network(arm, data.x.shape[1:], data.classes, ALPHA, BETA)
        options = {"epochs": EPOCHS, "batch": 30, "seed": seeds}
        history = fit(layers, data.take(seeds), sgd(np.repeat(RATES, worlds)), **options)
        found[arm] = history.train_loss.reshape(len(RATES), worlds, EPOCHS)
    return found


@drawing.plot(size=(7.6, 4.2))
def courses_at(rate: float, worlds: int, contrast: float, *, ax: "Axes") -> None:
    """Draw the training loss by epoch for each normalization, at the learning rate of RATES nearest to `rate`."""
    nearest = int(np.abs(np.log(RATES) - np.log(rate)).argmin())
    shown = {arm: losses[nearest] for arm, losses in courses(worlds, contrast).items()}
    learning_curves({}, shown, epochs=range(1, EPOCHS + 1), measure="training loss", ax=ax)
    last = {arm: np.median(losses[:, -1]) for arm, losses in shown.items()}
    lowest = min(last, key=lambda arm: np.nan_to_num(last[arm], nan=np.inf))
    drawing.label(ax, f"Learning rate {RATES[nearest]:g}: lowest with {lowest}", "epoch", "training loss", yscale="log")
    ax.set_ylim(1e-3, 5)
