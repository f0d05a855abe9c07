"""Pictures of the traps: what the mistake shows, beside what the right design shows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.drawing import plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MISTAKE, RIGHT = "#D55E00", "#0072B2"


@plot(size=(6.4, 3.4))
def luck(counts: Sequence[int], mistaken: np.ndarray, right: np.ndarray, *, ax: "Axes") -> None:
    """Draw the share of right guesses of the best classifier, by how many there were to choose from."""
    for values, colour, name in (
        (mistaken, MISTAKE, "test data choose and judge"),
        (right, RIGHT, "validation data choose, test data judge"),
    ):
        ax.plot(counts, values.mean(0), "o-", color=colour, label=name)
        ax.fill_between(counts, *np.quantile(values, (0.1, 0.9), axis=0), color=colour, alpha=0.15)
    ax.axhline(0.5, color="#222222", linestyle="--", linewidth=1, label="the truth")
    ax.set(xscale="log", xlabel="classifiers to choose from", ylabel="share of right guesses")
    ax.set_xticks(counts, [str(count) for count in counts])
    ax.minorticks_off()
    ax.legend()


@plot(size=(6.4, 3.2))
def first_seeds(values: Sequence[float], bound: float, *, ax: "Axes") -> None:
    """Draw a bar for each seed, coloured by the answer that this seed alone would give."""
    colours = [RIGHT if value > bound else MISTAKE for value in values]
    ax.bar(range(len(values)), values, color=colours)
    ax.axhline(bound, color="#222222", linestyle="--", linewidth=1)
    ax.text(len(values) - 0.4, bound, "margin", va="bottom")
    ax.set(xlabel="seed", ylabel="relative gain", title="blue: this seed says yes; orange: it says no")
    ax.set(xticks=range(len(values)), xlim=(-0.6, len(values) + 1))


@plot(size=(6.4, 3.2))
def wrong_verdicts(levels: Sequence[float], wrong: np.ndarray, *, ax: "Axes") -> None:
    """Draw how often a ledger has each number of wrong verdicts, for each level of its intervals."""
    places = np.arange(wrong.max() + 1)
    for i, (level, counts) in enumerate(zip(levels, wrong, strict=True)):
        shares = np.bincount(counts, minlength=len(places)) / len(counts)
        ax.bar(places + 0.4 * (i - 0.5), shares, 0.4, color=(MISTAKE, RIGHT)[i], label=f"{level:.0%} intervals")
    ax.set(xlabel="wrong verdicts among the claims", ylabel="share of ledgers", xticks=places)
    ax.legend()


@plot(size=(6.4, 3.4))
def by_strength(
    alphas: Sequence[float], errors: Mapping[float, np.ndarray], tuned: Mapping[float, np.ndarray], *, ax: "Axes"
) -> None:
    """Draw the mean error by strength for each p, and as a dashed line the error at the strength that was validated."""
    for p, colour in zip(errors, (RIGHT, MISTAKE), strict=True):
        ax.plot(alphas, errors[p].mean(0), "o-", color=colour, label=f"p = {p:g}")
        ax.axhline(tuned[p].mean(), color=colour, linestyle="--", linewidth=1, label=f"p = {p:g}, alpha validated")
    ax.set(xscale="log", xlabel="alpha", ylabel="squared error on new examples")
    ax.legend()
