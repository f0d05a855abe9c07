"""Pictures with sliders of what dropout does to a sum and to a gradient, for the notebook on dropout in training."""

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from workbench import drawing
from workbench.experiments.signals_in_depth import Networks, networks, with_over_without
from workbench.sparse_dropout import dropout_with_replacement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INPUTS, MASKS = 1000, 2000
BINS = np.linspace(0.0, 3.0, 92)  # no edge at 1, where sums without noise are
MANY, FEW = "#0072B2", "#D55E00"
NETWORKS = 8  # of each depth


@functools.lru_cache(maxsize=2)  # a slider moves one of the two
def sums(ratio: float, ones: int, seed: int = 0) -> np.ndarray:
    """Return sums (masks,) of weighted ones under scaled dropout, over the sum without dropout."""
    weights = np.random.default_rng(seed).uniform(0.5, 1.5, ones)
    kept = dropout_with_replacement(np.ones((MASKS, ones)), ratio, seed=seed, scaled=True)[0]
    return kept @ weights / weights.sum()


@drawing.plot(size=(7.2, 3.4))
def noise_of_a_sum(ratio: float, ones: int, *, ax: "Axes") -> None:
    """Draw how often dropout gives each value of a neuron's sum, with 1000 ones and with fewer."""
    middles, noise = (BINS[1:] + BINS[:-1]) / 2, {}
    for name, count, colour in (("many", INPUTS, MANY), ("few", ones, FEW)):
        found = sums(ratio, count)
        heights = np.histogram(np.minimum(found, BINS[-1]), BINS)[0]
        noise[name] = found.std()
        look = {"color": colour, "drawstyle": "steps-mid", "label": "1000 ones" if count == INPUTS else "few ones"}
        drawing.line(ax, name, middles, heights / heights.max(), **look)
    title = f"Relative noise: {noise['many']:.3f} with 1000 ones, {noise['few']:.3f} with {ones}"
    drawing.label(ax, title, "sum with dropout over sum without", "how often, highest = 1", xlim=(0, 3))
    drawing.legend(ax)


@functools.lru_cache(maxsize=4)  # while a slider moves, drawing weights would take longest
def _networks(deepest: int) -> list[Networks]:
    return networks(0, "ReLU", range(1, deepest + 1), NETWORKS)


@drawing.plot(size=(7.2, 3.4))
def gradient_by_depth(ratio: float, layers: int, scaled: bool, *, ax: "Axes") -> None:
    """Draw the squared gradient at the input of a deep ReLU network, with dropout after each layer over that without.

    The line is the formula, and the dots are medians over networks.
    """
    depths, measured = np.arange(layers + 1), np.unique(np.linspace(1, layers, 5).astype(int))
    known = _networks(10 * math.ceil(layers / 10))
    dots = [with_over_without(0, "ReLU", scaled, ratio, known[depth - 1]) for depth in measured]
    kept = 1 - ratio
    drawing.line(ax, "formula", depths, kept ** (-depths if scaled else depths), color=MANY, label="formula")
    drawing.line(ax, "measured", measured, dots, color=FEW, marker="o", linestyle="", label="networks")
    factor = kept ** (-1 if scaled else 1)
    title = f"A factor of {factor:.2f} for each layer: {factor**layers:.1e} in {layers} layers"
    drawing.label(ax, title, "layers", "squared gradient, relative", yscale="log")
    ax.set(xlim=(0, layers + 0.5), ylim=(min(0.5, 0.5 * min(dots)), max(2, 2 * max(dots))))
    drawing.legend(ax)
