"""Draw the results of a bench: ratios as bars beside their targets, curves over stored entries, and the peers."""

import functools
import math
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import workbench
from workbench.architectures.plots import predicted_and_measured
from workbench.bench.inference import Curves, curves
from workbench.bench.results import PREDICTION, Ratio, Row, dimensions, threads_of
from workbench.files import write_whole
from workbench.sparse_inference.plots import time_over_dense

STYLE = Path(workbench.__file__).parent / "plots.mplstyle"
MET, MISSED, PEER, FREE = "#0072B2", "#D55E00", "#009E73", "#767676"  # Okabe-Ito, and grey where there is no target

COLUMNS = 2
PEERS = "peers"
LABEL = 54  # characters per line of a bar's label
CURVE_LINES = 10  # height of a panel of curves, in lines of labels
SCATTER_LINES = 26  # height of a panel of dots, in lines of labels
LEGEND_ROOM = 0.7  # free space above the curves, as a share of their height

Panel = tuple[int, Callable]  # its height in lines of labels, and a function that draws it on axes


def draw_ratios(rows: tuple[Row, ...], file: Path) -> None:
    """Draw bars of all our ratios, and all peers' times over ours, and write them to `file`.

    The times of sparse matrices are drawn as curves over their stored entries.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grid, panels = _arrange(rows)
    heights = [max(panels[name][0] for name in line) for line in grid]
    with style.context(STYLE):
        figure = Figure(figsize=(14, len(heights) + 0.25 * sum(heights)), layout="constrained")
        FigureCanvasAgg(figure)
        filled = [line + ["."] * (COLUMNS - len(line)) for line in grid]
        axes = figure.subplot_mosaic(filled, height_ratios=[height + 2 for height in heights])
        for name, (_, draw) in panels.items():
            draw(axes[name])
        kind = file.suffix.lstrip(".") or "png"
        write_whole(file, lambda to: figure.savefig(to, format=kind))


def _arrange(rows: tuple[Row, ...]) -> tuple[list[list[str]], dict[str, Panel]]:
    """Return the rows of panel names, and the panels: two in a row; the peers' panel is last and fills a row."""
    predicted = [row for row in rows if any(ratio.name == PREDICTION for ratio in row.ratios)]
    products = [row for row in rows if "zeros" in row.arguments]
    rows = tuple(row for row in rows if row not in predicted and row not in products)
    several = len({row.operator for row in rows}) > 1
    panels: dict[str, Panel] = {}
    bars_of: dict[str, list[tuple[Row, Ratio]]] = {}
    for row in rows:
        for ratio in row.ratios:
            if not ratio.at_least and "stored" not in row.arguments:
                bars_of.setdefault(f"{row.operator}\n{ratio.name}" if several else ratio.name, []).append((row, ratio))
    for name, bars in bars_of.items():
        labels, ratios = [textwrap.fill(row.label, LABEL) for row, _ in bars], [ratio for _, ratio in bars]
        panels[name] = (_lines(labels), functools.partial(_draw_bars, name=name, labels=labels, ratios=ratios))
    stored = [row for row in rows if "stored" in row.arguments]
    if stored:
        panels["stored"] = (CURVE_LINES, lambda ax: _draw_curves(ax, stored))
    for where, each in curves(products).items():
        panels[where] = (SCATTER_LINES, functools.partial(_draw_products, where=where, curves=each))
    if predicted:
        times = [row.predicted_seconds for row in predicted], [row.seconds for row in predicted]
        groups = [f"{row.operator} {row.direction}" for row in predicted]
        panels["predictions"] = (SCATTER_LINES, lambda ax: predicted_and_measured(*times, groups, ax=ax))
        panels["errors"] = (SCATTER_LINES, lambda ax: _draw_errors(ax, predicted))
    names = list(panels)
    grid = [names[i : i + COLUMNS] for i in range(0, len(names), COLUMNS)]
    peers = _peer_ratios(rows, several)
    if peers:
        panels[PEERS] = (_lines(peers), lambda ax: _draw_peers(ax, peers))
        grid.append([PEERS] * COLUMNS)
    return grid, panels


def _peer_ratios(rows: tuple[Row, ...], several: bool) -> dict[str, list[Ratio]]:
    """Return the peers' times over ours in every configuration, by peer and case."""
    ratios: dict[str, list[Ratio]] = {}
    for row in rows:
        targets = {ratio.name: ratio.target for ratio in row.ratios if ratio.at_least}
        for name, seconds in row.peers.items():
            ratio = Ratio(name, seconds / row.seconds, targets.get(f"{name} / ours"), at_least=True)
            case = f"{row.operator} {row.case}" if several else row.case
            ratios.setdefault(textwrap.fill(f"{name}, {case}", LABEL), []).append(ratio)
    return dict(sorted(ratios.items()))


def _lines(labels: Iterable[str]) -> int:
    """Return the lines that labels take up if each gets the height of the highest."""
    heights = [1 + label.count("\n") for label in labels]
    return len(heights) * max(heights)


def _draw_bars(ax, name: str, labels: list[str], ratios: list[Ratio]) -> None:
    targets = sorted({ratio.target for ratio in ratios if ratio.target is not None})
    title = f"{name}: at most {' or '.join(f'{target:g}' for target in targets)}" if targets else name
    widest = max([ratio.value for ratio in ratios] + [ratio.target or 0 for ratio in ratios])
    colours = [FREE if ratio.target is None else MISSED if ratio.missed else MET for ratio in ratios]
    bars = ax.barh(range(len(ratios)), [ratio.value for ratio in ratios], color=colours)
    over_the_target = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    ax.bar_label(bars, fmt="%.2f", padding=3, bbox=over_the_target)
    for place, ratio in enumerate(ratios):
        _mark_target(ax, place, ratio)
    ax.set(xlim=(0, 1.15 * widest), title=title, xlabel="ratio of times")
    _name_lines(ax, labels)


def _draw_curves(ax, rows: list[Row]) -> None:
    """Draw seconds of the operator and of the copy against stored entries, two lines per number of threads."""
    for i, threads in enumerate(sorted({row.threads for row in rows})):
        own = sorted((row for row in rows if row.threads == threads), key=lambda row: row.arguments["stored"])
        stored = [row.arguments["stored"] for row in own]
        ax.plot(stored, [row.seconds for row in own], "o-", color=f"C{i}", label=f"dropout, {threads_of(threads)}")
        copies = [row.copy_seconds for row in own]
        ax.plot(stored, copies, "s--", color=f"C{i}", markersize=4, linewidth=1, label=f"copy, {threads_of(threads)}")
    where = f"{dimensions(rows[0].shape)} {rows[0].layout}, ratio {rows[0].arguments['ratio']:g}"
    title = f"{rows[0].operator}\n{where}"
    ax.set(xscale="log", yscale="log", title=title, xlabel="stored entries", ylabel="seconds")
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** LEGEND_ROOM)
    ax.legend(loc="upper left")


def _draw_products(ax, where: str, curves: Curves) -> None:
    """Draw the times of stored weights over dense ones against the share of zeros."""
    zeros, measured, predicted = curves
    time_over_dense(zeros, measured, predicted, title=where, ax=ax)


def _draw_peers(ax, peers: dict[str, list[Ratio]]) -> None:
    for place, ratios in enumerate(peers.values()):
        colours = [MISSED if ratio.missed else PEER for ratio in ratios]
        ax.scatter([ratio.value for ratio in ratios], [place] * len(ratios), color=colours, alpha=0.7)
        for ratio in ratios:
            _mark_target(ax, place, ratio)
    ax.axvline(1, color="black", linestyle="--")
    targets = sorted({ratio.target for ratios in peers.values() for ratio in ratios if ratio.target is not None})
    wanted = "".join(f"; at least {target:g} where marked" for target in targets)
    title = f"peers / workbench: a dot is one shape, layout and number of threads{wanted}"
    ax.set(xscale="log", title=title, xlabel="ratio of times")
    _name_lines(ax, list(peers))


def _draw_errors(ax, rows: list[Row]) -> None:
    """Draw predicted / measured against elements, one dot per row, with lines at a factor of two."""
    for i, threads in enumerate(sorted({row.threads for row in rows})):
        own = [row for row in rows if row.threads == threads]
        elements = [math.prod(row.shape) * 1.07**i for row in own]  # shifted, so that dots lie side by side
        found = [row.predicted_seconds / row.seconds for row in own]
        ax.scatter(elements, found, color=f"C{i}", alpha=0.6, label=threads_of(threads))
    for factor, line in ((1, "-"), (2, ":"), (0.5, ":")):
        ax.axhline(factor, color="black", linestyle=line, linewidth=1)
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter("{x:g}")
    title = "Predicted over measured: a dot is one operator, direction and size"
    ax.set(xscale="log", title=title, xlabel="elements", ylabel="predicted / measured")
    ax.legend()


def _mark_target(ax, place: int, ratio: Ratio) -> None:
    if ratio.target is not None:
        ax.plot([ratio.target] * 2, [place - 0.5, place + 0.5], color="black", linestyle="--", linewidth=1.5)


def _name_lines(ax, labels: list[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
