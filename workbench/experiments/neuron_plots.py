"""Pictures of neurons: what a similarity sees, copies and diversity, pruned twins, robustness, ensembles."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench import drawing
from workbench.experiments.diverse_networks import CORRUPTIONS, STRENGTHS
from workbench.experiments.ensembles import parts_of_the_error
from workbench.experiments.neuron_statistics import UNITS, population
from workbench.measures import effective_rank, entropy, similarity
from workbench.training.statistics import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 600
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"
RELATIONS = {
    "line": lambda x: x,
    "monotone curve": lambda x: np.exp(2 * x) / 4,
    "parabola": lambda x: 2 * x**2 - 1.5,
    "circle": lambda x: np.sqrt(np.maximum(2.5 - x**2, 0)) * np.where(np.arange(len(x)) % 2, 1, -1),
    "none": lambda x: np.zeros(len(x)),
}
DRAWS = 200  # examples of the ensemble in the figure with sliders; its errors are exact with any number of them


def two_units(relation: str, noise: float, outliers: int, seed: int = 0) -> np.ndarray:
    """Return activations (POINTS, 2) of two units: the second follows the first one, with noise and with outliers."""
    rng = np.random.default_rng(seed)
    x = rng.permutation(np.linspace(-1.5, 1.5, POINTS))
    y = RELATIONS[relation](x) + (1.0 if relation == "none" else noise) * rng.normal(size=POINTS)
    x[:outliers], y[:outliers] = 8 + 0.1 * rng.normal(size=outliers), -8 + 0.1 * rng.normal(size=outliers)
    return np.stack([x, y], axis=1)


@drawing.plot(size=(6.4, 3.8))
def similarities(relation: str, noise: float, outliers: int, *, ax: "Axes") -> None:
    """Draw the activations of two units, with what three measures say of them."""
    y = two_units(relation, noise, outliers)
    pearson, spearman, information = (
        similarity(y, kind)[0, 1] for kind in ("pearson", "spearman", "mutual information")
    )
    drawing.line(ax, "units", y[:, 0], y[:, 1], color=BLUE, marker=".", linestyle="", alpha=0.5)
    title = f"Pearson {pearson:+z.2f}, Spearman {spearman:+z.2f}, mutual information {information:.2f} bits"
    ends = {"xlim": (-9, 9), "ylim": (-9, 9)} if outliers else {"xlim": (-2, 2), "ylim": (-3.5, 5.5)}
    drawing.label(ax, title, "activation of unit 1", "activation of unit 2", **ends)


@drawing.plot(size=(6.8, 3.2))
def copies(copies: int, correlation: float, *, ax: "Axes") -> None:
    """Draw three measures of eight units, `copies` of which are one unit, as shares of the largest that is possible.

    The dashes are eight independent units.
    """
    measured, independent = (
        _measures(population(0, shared, count)) for shared, count in ((correlation, copies), (0, 1))
    )
    names = ("entropy of shares,\nof 3 bits", f"joint entropy,\nof {UNITS} bits", f"effective rank,\nof {UNITS}")
    drawing.bars(ax, "measures", range(3), measured, [ORANGE, BLUE, BLUE], width=0.55)
    for place, value in enumerate(independent):
        look = {"color": "#222222", "linestyle": "--", "linewidth": 1}
        label = {} if place else {"label": f"{UNITS} independent units"}
        drawing.line(ax, f"independent {place}", (place - 0.4, place + 0.4), (value, value), **look, **label)
    which = f"{copies} of {UNITS} units are copies of one" if copies > 1 else f"{UNITS} different units"
    title = f"{which}; correlation of different units {correlation:.2f}"
    drawing.label(ax, title, "", "share of the largest", ylim=(0, 1.35))
    ax.set_xticks(range(3), names)
    drawing.legend(ax, loc="upper right")


def _measures(y: np.ndarray) -> list[float]:
    return [entropy(y) / np.log2(UNITS), entropy(y, "joint") / UNITS, effective_rank(y) / UNITS]


@drawing.plot(size=(7.2, 3.6))
def pruning(losses: Mapping[str, Mapping[float, Sequence[float]]], whole: float, *, ax: "Axes") -> None:
    """Draw the test loss of pruned networks by the share of units that are gone, with 99 % intervals.

    `losses` has, for each way to prune, the losses of all worlds by share; `whole` is the loss before.
    """
    looks = {"random": (GREY, "-"), "random, folded": (GREY, "--"), "dropped": (ORANGE, "-"), "folded": (ORANGE, "--")}
    for place, (name, by_share) in enumerate(losses.items()):
        colour, line = looks.get(name, (BLUE, "-"))
        shares, values = np.array(list(by_share)) * 100 + 0.5 * place - 1, list(by_share.values())
        means, (low, high) = np.mean(values, axis=1), np.transpose([interval(each) for each in values])
        ax.errorbar(shares, means, (means - low, high - means), color=colour, linestyle=line, capsize=3, label=name)
    ax.axhline(whole, color="#222222", linewidth=1, linestyle=":", label="nothing pruned")
    drawing.label(
        ax, "What a network loses with its hidden units", "hidden units removed, %", "test loss", yscale="log"
    )
    ticks = (0.2, 0.3, 0.5, 1.0)
    ax.set_yticks(ticks, list(map(str, ticks)))
    ax.minorticks_off()
    ax.legend(ncols=2)


@drawing.plot(columns=2, size=(9.2, 3.4))
def robustness(numbers: Mapping[str, Sequence[Mapping[str, float]]], *, ax: "Axes") -> None:
    """Draw effective rank and accuracies by the strength of a decorrelation penalty, from the numbers of worlds.

    `numbers` has those of each corruption; an accuracy is drawn as a change from that without a penalty.
    """
    places = range(len(STRENGTHS))
    clean = numbers[CORRUPTIONS[0]]
    ax[0].plot(
        places, [np.mean([each[f"effective rank at {s:g}"] for each in clean]) for s in STRENGTHS], "o-", color=BLUE
    )
    drawing.label(ax[0], "Diversity", "strength of the penalty", "effective rank", ylim=(0, None))
    for name, kind in (("clean", "clean"), *((each, "robust") for each in CORRUPTIONS)):
        worlds = numbers.get(name, clean)
        changes = [
            [100 * (w[f"{kind} accuracy at {s:g}"] - w[f"{kind} accuracy at 0"]) for w in worlds] for s in STRENGTHS
        ]
        look = {"color": "#222222", "linestyle": ":"} if kind == "clean" else {}
        ax[1].plot(places, np.mean(changes, axis=1), "o-" if kind != "clean" else "o", label=name, **look)
    drawing.label(ax[1], "Accuracy", "strength of the penalty", "change, percentage points")
    ax[1].axhline(0, color="#222222", linewidth=1)
    ax[1].legend()
    for each in ax:
        each.set_xticks(places, [f"{s:g}" for s in STRENGTHS])


def members(count: int, correlation: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions (count, DRAWS, 1) whose errors have a mean square of 1 and a correlation, and the targets."""
    rng = np.random.default_rng(seed)
    targets, drawn = rng.normal(size=(DRAWS, 1)), rng.normal(size=(DRAWS, 1 + count))
    common, *own = np.sqrt(DRAWS) * np.linalg.qr(drawn)[0].T  # uncorrelated to the last digits
    errors = [np.sqrt(correlation) * common + np.sqrt(1 - correlation) * each for each in own]
    return targets + np.array(errors)[:, :, None], targets


@drawing.plot(size=(6.8, 3.2))
def ambiguity(count: int, correlation: float, *, ax: "Axes") -> None:
    """Draw the squared error of an ensemble as the mean error of its members less their ambiguity."""
    error, mean_error, distance = parts_of_the_error(*members(count, correlation))
    drawing.bars(ax, "parts", range(3), (mean_error, distance, error), [GREY, BLUE, ORANGE], width=0.55)
    title = f"{mean_error:.2f} - {distance:.2f} = {error:.2f}"
    drawing.label(ax, title, "", "mean squared error", ylim=(0, 1.2))
    ax.set_xticks(range(3), ["mean error\nof members", "ambiguity", "error of\nthe ensemble"])
