"""Draw the ratios of a bench as bars, beside their targets."""

import contextlib
from pathlib import Path

import workbench
from workbench.bench.results import Ratio, Row, write_whole

STYLE = Path(workbench.__file__).parent / "plots.mplstyle"
MET, MISSED, PEER = "#0072B2", "#D55E00", "#009E73"  # Okabe-Ito


COLUMNS = 2


def draw_ratios(rows: tuple[Row, ...], file: Path) -> None:
    """Write bars of every ratio that has a target, and every peer's times over ours, to `file`."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = _ratio_panels(rows)
    peers = _peer_ratios(rows)
    names = list(panels)
    grid = [names[i : i + COLUMNS] for i in range(0, len(names), COLUMNS)]
    heights = [max(len(panels[name]) for name in line) for line in grid]
    if peers:
        grid.append(["peers"] * COLUMNS)
        heights.append(len(peers))
    with style.context(STYLE) if STYLE.exists() else contextlib.nullcontext():
        figure = Figure(figsize=(14, len(heights) + 0.25 * sum(heights)), layout="constrained")
        FigureCanvasAgg(figure)
        filled = [line + ["."] * (COLUMNS - len(line)) for line in grid]
        axes = figure.subplot_mosaic(filled, height_ratios=[height + 2 for height in heights])
        for name, bars in panels.items():
            _draw_panel(axes[name], name, bars)
        if peers:
            _draw_peers(axes["peers"], peers)
        kind = file.suffix.lstrip(".") or "png"
        write_whole(file, lambda to: figure.savefig(to, format=kind))


def _ratio_panels(rows: tuple[Row, ...]) -> dict[str, list[tuple[str, Ratio]]]:
    panels: dict[str, list[tuple[str, Ratio]]] = {}
    for row in rows:
        for ratio in row.ratios:
            panels.setdefault(ratio.name, []).append((row.label, ratio))
    return panels


def _peer_ratios(rows: tuple[Row, ...]) -> dict[str, list[float]]:
    """Return the times over ours in every configuration, by peer and case."""
    ratios: dict[str, list[float]] = {}
    for row in rows:
        for name, seconds in row.peers.items():
            ratios.setdefault(f"{name}, {row.direction} {row.beta:g}", []).append(seconds / row.seconds)
    return dict(sorted(ratios.items()))


def _draw_panel(ax, name: str, bars: list[tuple[str, Ratio]]) -> None:
    target = bars[0][1].target
    values = [ratio.value for _, ratio in bars]
    drawn = ax.barh(range(len(bars)), values, color=[MISSED if ratio.missed else MET for _, ratio in bars])
    ax.bar_label(drawn, fmt="%.2f", label_type="center", color="white")
    ax.axvline(target, color="black", linestyle="--")
    ax.set_xlim(0, 1.15 * max(target, *values))
    ax.set_title(f"{name}: at most {target:g}")
    ax.set_xlabel("ratio of times")
    _name_lines(ax, [label for label, _ in bars])


def _draw_peers(ax, ratios: dict[str, list[float]]) -> None:
    for place, values in enumerate(ratios.values()):
        ax.plot(values, [place] * len(values), "o", color=PEER, alpha=0.7)
    ax.axvline(1, color="black", linestyle="--")
    ax.set_xscale("log")
    ax.set_title("peers / workbench: a dot is one shape, layout and number of threads")
    ax.set_xlabel("ratio of times")
    _name_lines(ax, list(ratios))


def _name_lines(ax, labels: list[str]) -> None:
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.6)
