"""Pictures of sparse Lp in linear models: loss by number of weights, strength and exponent; supports by correlation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.drawing import plot
from workbench.experiments.lp_sensitivity import Curve
from workbench.training.statistics import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TEST, TRAINING = "#D55E00", "#0072B2"
MARKERS = "osD^vP"


@plot(columns=4, size=(11.0, 3.0))
def by_weights(paths: Mapping[str, Sequence[Curve]], *, ax: np.ndarray) -> None:
    """Draw training and test loss along the paths of several worlds against the number of weights; four data sets."""
    for panel, (name, curves) in zip(ax, paths.items(), strict=True):
        for i, curve in enumerate(curves):
            for losses, colour, part in ((curve.training, TRAINING, "training"), (curve.test, TEST, "test")):
                label = part if i == 0 else None
                panel.plot(curve.nonzeros, losses, color=colour, alpha=0.6, linewidth=1, label=label)
        panel.set(title=name, xlabel="weights that are not zero", ylim=(0, None))
    ax[0].set_ylabel("loss")
    ax[0].legend()


@plot(size=(6.8, 4.0))
def by_share(shares: Sequence[float], losses: Mapping[str, np.ndarray], *, ax: "Axes") -> None:
    """Draw the mean test loss (worlds, shares), over each world's lowest, against alpha over the largest useful one."""
    for (name, values), marker in zip(losses.items(), MARKERS, strict=False):
        risen = values / values.min(axis=1, keepdims=True)
        ax.plot(shares, risen.mean(axis=0), marker=marker, markersize=4, markevery=3, label=name)
    ax.set(xscale="log", yscale="log", xlabel="alpha over the alpha that makes all weights zero")
    ax.set(ylabel="test loss over the lowest", title="Sensitivity to alpha")
    ax.legend()


@plot(size=(6.8, 4.0))
def by_exponent(exponents: Sequence[float], losses: Mapping[str, np.ndarray], *, ax: "Axes") -> None:
    """Draw the test loss (worlds, exponents) over that of p = 2, the last exponent: means and their 99 % intervals."""
    for (name, values), marker in zip(losses.items(), MARKERS, strict=False):
        ratios = values / values[:, -1:]
        (curve,) = ax.plot(exponents, ratios.mean(axis=0), marker=marker, markersize=5, label=name)
        ax.fill_between(exponents, *np.transpose(list(map(interval, ratios.T))), color=curve.get_color(), alpha=0.18)
    ax.axhline(1, color="#222222", linestyle="--", linewidth=1)
    ax.set(xlabel="p", ylabel=f"test loss over that of p = {exponents[-1]:g}", title="Which p predicts best?")
    ax.legend()


@plot(columns=3, size=(10.4, 3.2))
def supports(correlations: Sequence[float], found: Mapping[str, Mapping[str, np.ndarray]], *, ax: np.ndarray) -> None:
    """Draw measures of supports against the correlation: a panel for each of three, a line for each penalty.

    `found` has the values (correlations, worlds) by measure and penalty.
    """
    for panel, (measure, penalties) in zip(ax, found.items(), strict=True):
        for (name, values), marker in zip(penalties.items(), MARKERS, strict=False):
            panel.plot(correlations, values.mean(axis=1), marker=marker, label=name)
        panel.set(title=measure, xlabel="correlation with the twin", ylim=(0, 1.05), xticks=correlations)
    ax[0].legend()


@plot(size=(6.4, 3.4))
def zeros_by_width(widths: Sequence[float], zeros: np.ndarray, features: int, *, ax: "Axes") -> None:
    """Draw the exact zeros (worlds, widths) of the minimum against the width over which the kink is rounded off."""
    ax.bar(range(len(widths)), zeros.mean(axis=0), color=[TEST if width == 0 else TRAINING for width in widths])
    ax.set_xticks(range(len(widths)), ["kink" if width == 0 else f"{width:g}" for width in widths])
    ax.set(xlabel="width of the rounded corner", ylabel=f"zeros among {features} weights", ylim=(0, features))


@plot(size=(6.4, 3.6))
def by_width(widths: Sequence[int], errors: Mapping[str, np.ndarray], examples: int, *, ax: "Axes") -> None:
    """Draw the median test error (worlds, widths) against the number of random features, for each penalty."""
    for (name, values), marker in zip(errors.items(), MARKERS, strict=False):
        ax.plot(widths, np.median(values, axis=0), marker=marker, markersize=5, label=name)
    ax.axvline(examples, color="#222222", linestyle="--", linewidth=1, label="as many features as examples")
    ax.set(xscale="log", yscale="log", xlabel="random features", ylabel="squared error on new examples")
    ax.legend()
