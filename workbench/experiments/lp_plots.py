"""Pictures of sparse Lp: loss by exponent in linear models; gains of ways to train a network, and their courses."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import drawing
from workbench.training.statistics import MARGIN, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vP"
CONTROL = "L2"
COLOURS = {"digits": "#E69F00", "vowels": "#56B4E9"}  # digits as in the other pictures of data sets


@drawing.plot(size=(6.8, 4.0))
def by_exponent(exponents: Sequence[float], losses: Mapping[str, np.ndarray], *, ax: "Axes") -> None:
    """Draw the test loss (worlds, exponents) over that of p = 2, the last exponent: means and their 99 % intervals."""
    for (name, values), marker in zip(losses.items(), MARKERS, strict=False):
        ratios = values / values[:, -1:]
        (curve,) = ax.plot(exponents, ratios.mean(axis=0), marker=marker, markersize=5, label=name)
        ax.fill_between(exponents, *np.transpose(list(map(interval, ratios.T))), color=curve.get_color(), alpha=0.18)
    ax.axhline(1, color="#222222", linestyle="--", linewidth=1)
    ax.set(xlabel="p", ylabel=f"test loss over that of p = {exponents[-1]:g}", title="Which p predicts best?")
    ax.legend()


@drawing.plot(size=(7.2, 6.0))
def gains(losses: Mapping[str, Mapping[str, np.ndarray]], control: str = CONTROL, *, ax: "Axes") -> None:
    """Draw each arm's mean relative gain over the control with its 99 % interval, for each task.

    `losses` has test losses (worlds,) by task and arm, as lp_in_networks.by_task returns them. The grey band is the
    margin.
    """
    arms = [arm for arm in next(iter(losses.values())) if arm != control]
    places = np.arange(len(arms), 0, -1.0)
    shifts = 0.16 * ((len(losses) - 1) / 2 - np.arange(len(losses)))
    for shift, (task, by_arm) in zip(shifts, losses.items(), strict=True):
        each = [1 - by_arm[arm] / by_arm[control] for arm in arms]
        means = np.array([values.mean() for values in each])
        away = np.abs(np.array([interval(values) for values in each]).T - means)
        look = {"color": COLOURS.get(task), "markersize": 4, "linewidth": 1.2}
        ax.errorbar(100 * means, places + shift, xerr=100 * away, fmt="o", label=task, **look)
    ax.axvspan(-100 * MARGIN, 100 * MARGIN, color="#BBBBBB", alpha=0.4)
    ax.set_yticks(places, arms)
    drawing.label(ax, "", f"test loss lower than with {control}, %", "")
    ax.legend(loc="lower right")


@drawing.plot(1, 3, (9.6, 3.2))
def courses(ways: Mapping[str, Any], *, ax: np.ndarray) -> None:
    """Draw the objective, the share of zeros, and the share of them that return, by epoch, as means over worlds.

    `ways` has the lp_optimizers.Courses of each way.
    """
    titles = ("Objective", "Weights that are 0", "Zeros that return within an epoch")
    for panel, title, index in zip(ax, titles, range(3), strict=True):
        for name, found in ways.items():
            mean = found[index].mean(axis=0)
            panel.plot(np.arange(1, len(mean) + 1), mean if index == 0 else 100 * mean, label=name)
        drawing.label(panel, title, "epoch", "loss + alpha sum |w|" if index == 0 else "%")
    ax[0].legend()
