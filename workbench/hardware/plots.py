"""Plots of masks from a hardware generator and from Philox, of the generator's size, and of software timings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from workbench import drawing
from workbench.hardware import mask_generator, mask_statistics
from workbench.hardware.mask_generator import MaskGenerator

LANE_STEPS = tuple(2**power for power in range(9))  # 1 to 256
STAIRS = (2, 3, 4)  # numbers of bits for which the steps are wide enough to see
MOST_BITS = 16

# Markers of different sizes tell feeds apart whose curves coincide.
LOOKS = {
    "separate": {"marker": "o", "markersize": 10},
    "shared": {"marker": "s", "markersize": 7},
    "leap": {"marker": "^", "markersize": 4},
    "leap, flat": {"marker": "D", "markersize": 4, "linestyle": "--"},
}


def _words_of_feeds(width: int, bits: int, lanes: int, step: str, seed: int, clocks: int) -> Mapping[str, np.ndarray]:
    """Return the words (clocks, lanes) of each feed and of Philox, by the panel's title; a leap ignores `step`."""
    titles = {
        "separate registers": MaskGenerator(width, bits, lanes, "separate", step),
        "one shared register": MaskGenerator(width, bits, lanes, "shared", step),
        "one leaping register": MaskGenerator(width, bits, lanes, "leap"),
    }
    words = {title: generator.words(clocks, generator.start(seed)) for title, generator in titles.items()}
    return words | {"Philox": mask_generator.philox_words(seed, clocks, lanes, bits)}


def _words_one_by_one(width: int, bits: int, seed: int, clocks: int) -> list[np.ndarray]:
    """Return the words (clocks,) of registers that move one bit and `bits` bits per clock, and of Philox."""
    generators = [MaskGenerator(width, bits, 1, step=step) for step in mask_generator.STEPS]
    words = [generator.words(clocks, generator.start(seed)) for generator in generators]
    return [each[:, 0] for each in (*words, mask_generator.philox_words(seed, clocks, 1, bits))]


def _draw_lanes(panel: Axes, what: str, values: np.ndarray, low: float, title: str, **look: Any) -> AxesImage:
    """Draw an array with a row for each clock or lane, and a column for each lane."""
    rows, lanes = values.shape
    picture = drawing.image(panel, what, values, low, 1, **look)
    picture.set_extent((-0.5, lanes - 0.5, rows - 0.5, -0.5))
    panel.set(xlabel="lane", xlim=(-0.5, lanes - 0.5), ylim=(rows - 0.5, -0.5))
    panel.set_title(title, fontsize=10)
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return picture


@drawing.plot(columns=3, size=(9.6, 3.6))
def lattice(width: int = 16, bits: int = 8, seed: int = 1, *, clocks: int = 1500, ax: np.ndarray) -> None:
    """Draw each word against the one before it, as numbers in [0, 1): an LFSR's one-bit and word steps, and Philox."""
    titles = ("LFSR, one bit per clock", f"LFSR, {bits} bits per clock", "Philox")
    for panel, title, words in zip(ax, titles, _words_one_by_one(width, bits, seed, clocks), strict=True):
        uniform = words / 2.0**bits
        drawing.line(panel, "pairs", uniform[:-1], uniform[1:], linestyle="none", marker=".", markersize=2.5)
        panel.set(title=title, xlabel="word t", xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax[0].set_ylabel("word t + 1")


@drawing.plot(columns=4, size=(9.6, 4.0))
def mask_fields(
    width: int = 16,
    bits: int = 8,
    lanes: int = 16,
    ratio: float = 0.3,
    step: str = "bit",
    seed: int = 1,
    *,
    clocks: int = 48,
    ax: np.ndarray,
) -> None:
    """Draw which elements each feed drops: a row for each clock, a column for each lane, dark if dropped."""
    threshold = MaskGenerator(width, bits).threshold(ratio)
    fields = _words_of_feeds(width, bits, lanes, step, seed, clocks)
    for panel, (title, words) in zip(ax, fields.items(), strict=True):
        dropped = words < threshold
        title = f"{title}\n{dropped.mean():.3f} dropped"
        _draw_lanes(panel, "mask", ~dropped, 0, title, cmap="gray", aspect="auto")
    ax[0].set_ylabel("clock")


@drawing.plot(size=(6.8, 4.0))
def serial_correlation(
    width: int = 32, bits: int = 8, seed: int = 1, *, clocks: int = 8192, lags: int = 16, ax: Axes
) -> None:
    """Draw how a word correlates with the one some clocks later, for one-bit steps, word steps and Philox."""
    looks = (
        ("one bit", "LFSR, one bit per clock", "o"),
        ("word", "LFSR, a word per clock", "^"),
        ("philox", "Philox", "s"),
    )
    lag = np.arange(1, lags + 1)
    chance = 2 / np.sqrt(clocks)
    # The word `lag` clocks later shares b - lag of the b bits, and each has 2^-lag of its former value.
    shared = np.where(lag < bits, 0.5**lag * (1 - 0.25 ** np.maximum(bits - lag, 0)) / (1 - 0.25**bits), 0.0)
    drawing.line(ax, "theory", lag, shared, color="0.5", linestyle=":", label="from the bits that two words share")
    streams = _words_one_by_one(width, bits, seed, clocks)
    for (key, label, marker), words in zip(looks, streams, strict=True):
        found = mask_statistics.serial_correlation(words, lag)
        drawing.line(ax, key, lag, found, marker=marker, markersize=5, linewidth=1, label=label)
    if ax.get_legend() is None:
        ax.axhspan(-chance, chance, color="0.9", zorder=0, label="95% of random results")
        ax.legend(loc="upper right")
    ax.set(title="Words that overlap are alike", xlabel="lag (clocks)", ylabel="correlation")
    ax.set(xlim=(0.5, lags + 0.5), ylim=(-0.1, 0.6))


@drawing.plot(columns=4, size=(10.4, 3.1))
def lane_correlations(
    width: int = 16,
    bits: int = 8,
    lanes: int = 16,
    step: str = "word",
    seed: int = 1,
    *,
    clocks: int = 4096,
    ax: np.ndarray,
) -> None:
    """Draw the correlation between all pairs of lanes, for each feed and for Philox, without the diagonal."""
    for panel, (title, words) in zip(ax, _words_of_feeds(width, bits, lanes, step, seed, clocks).items(), strict=True):
        found = mask_statistics.lane_correlation(words)
        np.fill_diagonal(found, np.nan)
        title = f"{title}\nlargest {np.nanmax(np.abs(found)):.2f}" if lanes > 1 else f"{title}\nno pair of lanes"
        picture = _draw_lanes(panel, "matrix", found, -1, title, cmap="PuOr_r", aspect="equal")
        panel.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax[0].set_ylabel("lane")
    if len(ax[0].figure.axes) == len(ax):
        ax[0].figure.colorbar(picture, ax=list(ax), label="correlation", shrink=0.85)


@drawing.plot(columns=2, size=(9.6, 3.8))
def quantized_ratio(ratio: float = 0.3, bits: int = 8, *, ax: np.ndarray) -> None:
    """Draw the ratio that a comparator gives against the wanted ratio for few bits, and its error against bits."""
    wanted = np.linspace(0, 1, 1001)
    drawing.line(ax[0], "identity", (0, 1), (0, 1), color="0.6", linestyle=":", linewidth=1.2, label="as wanted")
    for count in STAIRS:
        generator = MaskGenerator(mask_generator.WIDTH.default, count)
        stairs = [generator.quantized_ratio(value) for value in wanted]
        drawing.line(ax[0], f"{count} bits", wanted, stairs, linewidth=1.4, label=f"{count} bits")
    ax[0].set(title="A ratio becomes a step", xlabel="wanted ratio", ylabel="ratio given", xlim=(0, 1), ylim=(0, 1))
    counts = np.arange(1, MOST_BITS + 1)
    errors = [abs(MaskGenerator(MOST_BITS, int(count)).quantized_ratio(ratio) - ratio) for count in counts]
    visible = np.maximum(errors, 2.0 ** -(MOST_BITS + 4))  # an exact ratio has no logarithm
    drawing.line(ax[1], "bound", counts, 2.0 ** -(counts + 1), color="0.5", linestyle="--", label="bound: 2^-(b + 1)")
    drawing.line(ax[1], "error", counts, visible, marker="o", markersize=5, linewidth=1, label="error")
    here = visible[bits - 1] if bits <= MOST_BITS else np.nan
    drawing.line(ax[1], "here", [bits], [here], marker="o", markersize=9, color="C1", linestyle="none", label="as set")
    ax[1].set(title=f"Error at ratio {ratio:.3g}", xlabel="bits b of the comparator", ylabel="|given - wanted|")
    ax[1].set(yscale="log", ylim=(2.0 ** -(MOST_BITS + 5), 1), xlim=(0.5, MOST_BITS + 0.5))
    drawing.legend(ax[0], loc="upper left")
    drawing.legend(ax[1], loc="upper right")


@drawing.plot(columns=3, size=(10.4, 3.8))
def area_per_lane(width: int = 32, bits: int = 8, lanes: int = 16, step: str = "word", *, ax: np.ndarray) -> None:
    """Draw flip-flops per lane, gates per lane and levels of XORs against the number of lanes, for each feed."""
    areas = {
        "separate": [MaskGenerator(width, bits, count, "separate", step).area() for count in LANE_STEPS],
        "shared": [MaskGenerator(width, bits, count, "shared", step).area() for count in LANE_STEPS],
        "leap": [MaskGenerator(width, bits, count, "leap").area() for count in LANE_STEPS],
        "leap, flat": [MaskGenerator(width, bits, count, "leap").area(flat=True) for count in LANE_STEPS],
    }
    for feed, counted in areas.items():
        look = {"label": feed, "linewidth": 1.4, **LOOKS[feed]}
        for panel, quantity in zip(ax, ("flip_flops_per_lane", "gates_per_lane", "xor_levels"), strict=True):
            drawing.line(panel, feed, LANE_STEPS, [getattr(area, quantity) for area in counted], **look)
    comparator = (4 * bits - 2,) * 2
    drawing.line(ax[1], "comparator", (1, LANE_STEPS[-1]), comparator, color="0.5", linewidth=1, label="comparator")
    for panel, title, unit, limits in (  # fixed limits, so that the curves are seen to move; the legend needs the top
        (ax[0], "Memory", "flip-flops per lane", (1 / 32, 1024)),
        (ax[1], "Logic", "two-input gates per lane", (1, 4096)),
        (ax[2], "Depth", "XORs in a row", (0.5, 2**14)),
    ):
        drawing.vertical(panel, "here", lanes, color="0.25", linestyle="--", linewidth=1)
        if panel.get_legend() is None:
            panel.set_xscale("log", base=2)
            panel.set_xticks(LANE_STEPS[::2], [str(count) for count in LANE_STEPS[::2]])
            panel.legend(loc="upper right", ncols=2, columnspacing=1.0, frameon=True, framealpha=1, edgecolor="none")
        _in_doublings(panel)
        panel.set(title=title, xlabel="lanes", ylabel=unit, ylim=limits)


@drawing.plot(size=(8.4, 4.0))
def trick_times(times: Mapping[int, Mapping[str, float]], *, ax: Axes) -> None:
    """Draw times by trick and number of threads, divided by the time of a `copy` with as many threads."""
    names = [name for name in next(iter(times.values())) if name != "copy"]
    places = np.arange(len(names))
    width = 0.8 / len(times)
    for i, (threads, measured) in enumerate(times.items()):
        heights = [measured[name] / measured["copy"] for name in names]
        label = "1 thread" if threads == 1 else f"{threads} threads"
        x = places + (i - (len(times) - 1) / 2) * width
        drawing.bars(ax, label, x, heights, f"C{i}", width=0.94 * width, label=label)
        for place, height, name in zip(x, heights, names, strict=True):
            drawing.write(ax, f"{label} {name}", place, height, f"{height:.1f}", ha="center", va="bottom", fontsize=8)
    ax.axhline(1, color="0.25", linestyle="--", linewidth=1, gid="copy")
    most = max(value / measured["copy"] for measured in times.values() for value in measured.values())
    ax.set(title="Time over that of a plain copy", ylabel="time / copy", ylim=(0, 1.15 * most))
    ax.set_xticks(places, [name.replace("_", "\n") for name in names])
    ax.grid(False, axis="x")
    drawing.legend(ax, loc="upper right")


@drawing.plot(size=(6.8, 4.0))
def times_by_ratio(ratios: Sequence[float], times: Mapping[str, Sequence[float]], *, ax: Axes) -> None:
    """Draw times against the ratio, divided by the time of the `copy` at that ratio."""
    for name, measured in times.items():
        relative = np.divide(measured, times["copy"])
        look = {"color": "0.4", "linestyle": "--"} if name == "copy" else {"marker": "o", "markersize": 5}
        drawing.line(ax, name, ratios, relative, label=name.replace("_", " "), linewidth=1.4, **look)
    ax.set(title="Time of each, by ratio", xlabel="ratio", ylabel="time / copy", xscale="log")
    _in_doublings(ax)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    drawing.legend(ax, loc="upper left")


def _in_doublings(ax: Axes) -> None:
    """Make the vertical axis logarithmic, with powers of 2 as ticks, written as plain numbers."""
    ax.set_yscale("log", base=2)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
