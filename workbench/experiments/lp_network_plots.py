"""Pictures of sparse Lp in networks: arms beside each other, pruning, sensitivity, returning weights, and costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import drawing
from workbench.cost.record import Cost
from workbench.training.statistics import MARGIN, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONTROL = "L2"
COLOURS = {"digits": "#E69F00", "vowels": "#56B4E9"}  # digits as in the other pictures of data sets


@drawing.plot(size=(7.2, 4.4))
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
    ax.legend(loc="lower left")


@drawing.plot(size=(6.4, 3.6))
def pruning(losses: Mapping[str, Sequence[Mapping[str, float]]], *, ax: "Axes") -> None:
    """Draw the mean test loss by the share of zeros, over that of the dense network, for each task.

    `losses` has what lp_network_sensitivity.pruned returns, one for each world, by task.
    """
    for task, worlds in losses.items():
        names = [name for name in worlds[0] if name.startswith("test loss, ")]
        shares = [float(name.split()[2]) for name in names]
        table = np.array([[each[name] for name in names] for each in worlds])
        _with_spread(ax, 100 * (1 - np.array(shares)), table / table[:, :1], task)
    ax.axhline(1, color="#222222", linewidth=1)
    drawing.label(
        ax, "", "weights that are left, %", "test loss over that of the dense one", xscale="log", yscale="log"
    )
    ax.invert_xaxis()
    ax.legend()


@drawing.plot(size=(6.4, 3.6))
def sensitivity(rises: Mapping[str, Sequence[Mapping[str, float]]], *, ax: "Axes") -> None:
    """Draw by how much the mean test loss rises when a hyperparameter is moved from its best value by a factor.

    `rises` has what lp_network_sensitivity.sensitivity returns, one for each world, by hyperparameter.
    """
    for name, worlds in rises.items():
        factors = [float(each.split()[2]) for each in worlds[0]]
        _with_spread(ax, factors, 100 * np.array([list(each.values()) for each in worlds]), name)
    ax.axhline(100 * MARGIN, color="#222222", linestyle="--", linewidth=1)
    drawing.label(ax, "", "times its best value", "test loss higher by, %", xscale="log")
    ax.set_yscale("symlog", linthresh=10)
    ax.legend()


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


@drawing.plot(1, 2, (9.6, 3.4))
def added(costs: Mapping[int, Mapping[str, Cost]], *, ax: np.ndarray) -> None:
    """Draw what each way to regularize adds to a training step, in operations and in bytes, by the size of the batch.

    `costs` has what lp_optimizers.step_costs returns by batch. The first cost is that of the step without.
    """
    counts = {"operations": lambda cost: cost.flops + cost.comparisons, "bytes": lambda cost: cost.bytes}
    batches = list(costs)
    step, *names = next(iter(costs.values()))
    for panel, (what, count) in zip(ax, counts.items(), strict=True):
        for place, name in enumerate(names):
            shares = [100 * count(each[name]) / count(each[step]) for each in costs.values()]
            if any(shares):
                panel.plot(batches, shares, "o-", color=f"C{place}", label=name)
        drawing.label(
            panel, what.capitalize(), "examples in a batch", "added, % of the step", xscale="log", yscale="log"
        )
    ax[1].legend(*ax[0].get_legend_handles_labels(), fontsize="small", loc="center left", bbox_to_anchor=(1.02, 0.5))


def _with_spread(ax: "Axes", x: Sequence[float] | np.ndarray, table: np.ndarray, name: str) -> None:
    """Draw the mean over worlds of a table (worlds, places), and the range of four fifths of the worlds."""
    ax.plot(x, table.mean(axis=0), "o-", label=name)
    ax.fill_between(x, *np.quantile(table, (0.1, 0.9), axis=0), alpha=0.15)
