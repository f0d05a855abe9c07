"""Pictures for the notebook on embeddings: missing lists, rare rows, and rows that can go."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench import drawing
from workbench.experiments import rare_rows
from workbench.experiments.recommender import GONE, WITHOUT, gains_in_use
from workbench.training.statistics import MARGIN, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EDGES = (1.5, 3.0, 6.0, 9.0)  # batches of an epoch that name a row
LABELS = ("never", "1 to 1.5", "to 3", "to 6", "to 9", "over 9")
LAZY, FULL, GREY = "#0072B2", "#D55E00", "#767676"


@drawing.plot(1, 2, (9.6, 3.8))
def losses_in_use(losses: Mapping[str, np.ndarray], *, ax: Any) -> None:
    """Draw the mean test losses by the share of lists that are missing, and the gains over training without dropout.

    `losses` are (worlds, shares) by arm; the bands are 99 % intervals.
    """
    ax[0].plot(GONE, losses[WITHOUT].mean(axis=0), color=GREY, linestyle="--", label=WITHOUT)
    for place, (name, gains) in enumerate(gains_in_use(losses).items()):
        look = {"color": f"C{place}"}
        ax[0].plot(GONE, losses[name].mean(axis=0), label=name, **look)
        low, high = np.transpose([interval(each) for each in gains.T])
        ax[1].fill_between(GONE, low, high, alpha=0.15, linewidth=0, **look)
        ax[1].plot(GONE, gains.mean(axis=0), **look)
    ax[1].axhspan(-MARGIN, MARGIN, color=GREY, alpha=0.18, linewidth=0)
    drawing.label(ax[0], "Loss in use", "share of lists that are missing", "log loss")
    drawing.label(ax[1], "Relative gain over training without dropout", "share of lists that are missing", "gain")
    ax[0].legend(loc="upper left")


@drawing.plot(size=(7.4, 3.8))
def rows_by_use(p: float, reg_lambda: float, epochs: int, start: float = 1.0, seed: int = 0, *, ax: "Axes") -> None:
    """Draw how large rows are, over their size without a penalty, by how often they are used.

    A dot is the median of the rows of its group.
    """
    sizes = rare_rows.sizes(p, reg_lambda, start, seed)
    uses = rare_rows.uses(seed)
    group = np.where(uses == 0, 0, np.digitize(uses, EDGES, right=True) + 1)
    places = np.arange(len(LABELS))
    for name, colour in ((rare_rows.LAZY, LAZY), (rare_rows.FULL, FULL)):
        ratios = sizes[name][epochs] / sizes[rare_rows.NONE][epochs]
        medians = [np.median(ratios[group == place]) if np.any(group == place) else np.nan for place in places]
        drawing.line(ax, name, places, medians, color=colour, marker="o", label=name)
    drawing.line(ax, "no penalty", places[[0, -1]], [1, 1], color=GREY, linestyle="--", label="no penalty")
    title = f"After {epochs} epochs, p = {p:g}, lambda = {reg_lambda:.3g}"
    drawing.label(ax, title, "batches of an epoch that name the row", "size over that without penalty", ylim=(0, 1.3))
    ax.set_xticks(places, LABELS)
    drawing.legend(ax, loc="upper center", ncols=3)


@drawing.plot(1, 2, (9.6, 3.8))
def without_rows(courses: Mapping[str, Mapping[str, np.ndarray]], *, ax: Any) -> None:
    """Draw the mean loss over that of the whole table, less 1, by the share of rows removed; a panel for each title.

    The losses are (worlds, shares) by title and arm.
    """
    for panel, (title, arms) in zip(ax, courses.items(), strict=True):
        panel.axhspan(-MARGIN, MARGIN, color=GREY, alpha=0.18, linewidth=0)
        for name, losses in arms.items():
            panel.plot(rare_rows.SHARES, (losses / losses[:, :1]).mean(axis=0) - 1, marker=".", label=name)
        drawing.label(panel, title, "share of rows removed", "rise of the loss", ylim=(-0.2, 0.4))
        panel.legend(loc="upper left")


@drawing.plot(size=(7.2, 3.2))
def bars_of_shares(rows: Mapping[str, Sequence[float]], *, ax: "Axes") -> None:
    """Draw the mean share of rows that can go and its 99 % interval, by arm."""
    for place, values in enumerate(rows.values()):
        low, high = interval(values)
        ax.plot(
            [max(low, 0.0), min(high, 1.0)], [place, place], color=LAZY, linewidth=6, solid_capstyle="butt", alpha=0.5
        )
        ax.plot(np.mean(values), place, color="#222222", marker="D")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    drawing.label(ax, "Rows that can go, with 99 % interval", "share of rows", "", xlim=(0, 1))
