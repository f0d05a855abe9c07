"""Plot the times of a ladder's rungs, predicted and measured, under the limits of the machine."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter

from workbench import drawing

MEASURED, PREDICTED = "#0072B2", "#D55E00"
ROOM = 2.5  # factor between the highest bar and the top, for the numbers on the bars


@drawing.plot(size=(9.6, 4.4))
def ladder(
    predicted: Mapping[str, float],
    roofs: Mapping[str, float],
    measured: Mapping[str, float] | None = None,
    *,
    title: str,
    lowest: float = 0.01,
    ax: Axes,
) -> None:
    """Draw nanoseconds per element by rung: bars of measured times with marks of predicted ones.

    Without measured times, bars are predicted times. `roofs` are limits by name, drawn as lines. The axis begins at
    `lowest` nanoseconds.
    """
    names, x = list(predicted), np.arange(len(predicted))
    bars = predicted if measured is None else measured
    label, color = ("predicted", PREDICTED) if measured is None else ("measured", MEASURED)
    heights = [bars[name] for name in names]
    drawing.bars(ax, label, x, heights, color, width=0.62, label=label, alpha=0.85)
    for place, name in zip(x, names, strict=True):
        above = 1.15 * max(bars[name], predicted[name])
        look = {"ha": "center", "va": "bottom", "fontsize": 8}
        back = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
        drawing.write(ax, f"time {name}", place, above, _short(bars[name]), bbox=back, **look)
    if measured is not None:
        look = {"marker": "_", "markersize": 34, "markeredgewidth": 2.5, "linestyle": "", "color": PREDICTED}
        drawing.line(ax, "predicted", x, [predicted[name] for name in names], label="predicted", **look)
    for i, (name, limit) in enumerate(roofs.items()):
        line = {"color": "0.25", "linestyle": ("--", ":")[i % 2], "linewidth": 1.2}
        drawing.line(ax, f"roof {name}", [-0.5, len(names) - 0.5], [limit, limit], label=f"limit, {name}", **line)
    ax.set(title=title, ylabel="nanoseconds per element", yscale="log", xlim=(-0.6, len(names) - 0.4))
    ax.set_ylim(lowest, ROOM * max(*heights, *predicted.values()))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.set_xticks(x, [name.replace(" ", "\n") for name in names])
    ax.grid(False, axis="x")
    drawing.legend(ax, loc="upper right", markerscale=0.5)


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


@drawing.plot(size=(6.8, 3.6))
def by_length(lengths: Sequence[int], times: Sequence[float], *, x: str, title: str, ax: Axes) -> None:
    """Draw nanoseconds per element against a length."""
    drawing.line(ax, "times", lengths, times, marker="o", markersize=5, color=MEASURED)
    ax.set(title=title, xlabel=x, ylabel="nanoseconds per element", ylim=(0, 1.15 * max(times)))
    ax.set_xscale("log", base=2)
    ax.set_xticks(lengths, [f"{each:,}" for each in lengths], rotation=30)
    ax.minorticks_off()
