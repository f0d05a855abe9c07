"""Plot costs: rooflines, shares of a network, times against sizes, predicted against measured times."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter

from workbench import drawing
from workbench.architectures.layer_costs import convolution, relu
from workbench.architectures.overhead import Overhead
from workbench.cost.loop_cost import DIRECTIONS
from workbench.cost.record import Cost
from workbench.lrn.cost import cost as lrn_cost
from workbench.machines.limits import Limits, Machine, rate_at
from workbench.machines.prediction import TILE, predict
from workbench.machines.published import KNOWN, known_machine
from workbench.operator import Arg

QUANTITIES = {"flops": "FLOPs", "bytes": "bytes", "seconds": "time", "memory": "memory at the peak"}
BEFORE, AFTER, ROOF = "#D55E00", "#0072B2", "0.25"
COLOURS, MARKERS = 7, "os^D"  # groups get different colours, then the next marker
SIZES = range(1, 32, 2)
FILTER = 3  # rows and columns of the convolution's filters
FORMS = {"direct": "n terms per sum", "running": "running sums"}

# Sliders of `layers_time`, in addition to those of the operator's own arguments.
CHANNELS = Arg("channels", int, 64, "channels of the convolution and of LRN", low=1, slider=(1, 512))
PIXELS = Arg("pixels", int, 224, "rows and columns of the image", low=1, slider=(7, 448))
ORDER = Arg("order", str, "NCHW", "where the channels are", choices=("NCHW", "NHWC"))
BATCH = Arg("batch", int, 1, "images at once", low=1, slider=(1, 64))
MACHINE = Arg("machine", str, "example-gpu", "what runs it", choices=tuple(KNOWN))


@drawing.plot(size=(9.0, 4.8))
def roofline(
    limits: Limits,
    before: Mapping[str, tuple[float, float]],
    after: Mapping[str, tuple[float, float]],
    *,
    memory: float,
    ax: Axes,
) -> None:
    """Draw the roofs of a machine and operators under them, each as (operations per byte, operations per second).

    `before` may lack some operators of `after`. `memory` is the bytes per second of the roof "from memory".
    """
    points = [*before.values(), *after.values()]
    peak = limits.flops["float32"]
    low, high = min(x for x, _ in points) / 3, max(max(x for x, _ in points), peak / memory) * 3
    x = np.geomspace(low, high, 200)
    near = rate_at(limits.copy_again, TILE)
    for name, rate, style in (("from memory", memory, "-"), ("from the second-level cache", near, "--")):
        roof = np.minimum(x * rate, peak)
        drawing.line(ax, name, x, roof, color=ROOF, linestyle=style, linewidth=1.6, label=f"roof, {name}")
    for number, name in enumerate(after, start=1):
        places = [(before.get(name), BEFORE), (after[name], AFTER)]
        way = [place for place, _ in places if place]
        drawing.line(ax, f"way {name}", *zip(*way, strict=True), color="0.75", linewidth=1)
        label = f"{number}  {name}"
        drawing.line(ax, f"name {name}", [], [], linestyle="", label=label)  # for the legend alone
        look = {"color": "white", "fontsize": 8, "ha": "center", "va": "center", "zorder": 4}
        for at, color in places:
            if at:
                drawing.write(ax, f"{color} {name}", *at, str(number), **look)
    for which, found, color in (("NumPy", before, BEFORE), ("compiled", after, AFTER)):
        xs, ys = zip(*found.values(), strict=True)
        drawing.line(ax, which, xs, ys, linestyle="", marker="o", markersize=12, color=color, label=which, zorder=3)
    ax.set(
        title="Compiled, operators move right and up: fewer bytes for the same operations",
        xlabel="operations per byte moved",
        ylabel="operations per second",
        xscale="log",
        yscale="log",
        xlim=(low, high),
    )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, handlelength=1.6)


@drawing.plot(columns=2, size=(9.6, 3.6))
def shares(overheads: Sequence[Overhead], *, ax: np.ndarray) -> None:
    """Draw what an operator adds to networks, as a share of the network without it, forward and gradient."""
    width = 0.8 / len(overheads)
    for panel, direction in zip(ax, DIRECTIONS, strict=True):
        parts = [getattr(each, direction) for each in overheads]
        names = [name for name in QUANTITIES if name in parts[0].shares]
        for i, (each, part) in enumerate(zip(overheads, parts, strict=True)):
            x = np.arange(len(names)) + (i - (len(overheads) - 1) / 2) * width
            heights = [100 * part.shares[name] for name in names]
            drawing.bars(panel, f"{each.network} {i}", x, heights, f"C{i}", width=width, label=each.network)
        panel.set(title=direction, ylabel="added, percent", xticks=range(len(names)))
        panel.set_xticklabels([QUANTITIES[name].replace(" at", "\nat") for name in names])
    ax[0].legend()


@drawing.plot(columns=2, size=(9.6, 4.0))
def layers_time(
    size: int = 5,
    beta: float = 0.75,
    order: str = "NCHW",
    *,
    channels: int = 64,
    pixels: int = 224,
    batch: int = 1,
    machine: str = MACHINE.default,
    ax: np.ndarray,
) -> None:
    """Draw the predicted times of a 3 x 3 convolution, ReLU and LRN, and LRN's share of them against n."""
    place = (channels, pixels, batch, known_machine(machine))
    arguments = {"beta": beta, "order": order}
    around = _around(*place)
    times = around | _lrn(size, arguments, *place)
    for i, direction in enumerate(DIRECTIONS):
        heights = [1e3 * seconds[i] for seconds in times.values()]
        x = np.arange(len(times)) + (i - 0.5) * 0.4
        drawing.bars(ax[0], direction, x, heights, f"C{i}", width=0.4, label=direction)
    ax[0].set(
        title=f"LRN takes {_share(times):.1%} of the step",
        ylabel="predicted milliseconds",
        xticks=range(len(times)),
        yscale="log",
        ylim=_enclosing((1e-3, 1e6), [1e3 * seconds for each in times.values() for seconds in each]),
    )
    ax[0].set_xticklabels(times)
    shares = []
    for i, (form, words) in enumerate(FORMS.items()):
        curve = [100 * _share(around | _lrn(n, {**arguments, "form": form}, *place)) for n in SIZES]
        drawing.line(ax[1], form, SIZES, curve, color=f"C{i + 2}", linestyle="-" if i == 0 else "--", label=words)
        shares += curve
    drawing.vertical(ax[1], "size", size, color="0.4", linestyle=":", linewidth=1.2)
    ax[1].set(title="A wider window takes more time", xlabel="n", ylabel="share of the step, percent", yscale="log")
    ax[1].set(ylim=_enclosing((0.1, 100.0), shares))
    ax[1].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    for panel in ax:
        drawing.legend(panel)


def _enclosing(ends: tuple[float, float], values: Sequence[float]) -> tuple[float, float]:
    """Return limits of a log axis: `ends`, so that the axis stays as sliders move, or wider ones that hold `values`."""
    low, high = min(values), max(values)
    return ends[0] if low > ends[0] else low / 5, ends[1] if high < ends[1] else high * 5


def _lrn(
    size: int, arguments: dict, channels: int, pixels: int, batch: int, machine: Machine
) -> dict[str, list[float]]:
    """Return LRN's predicted seconds, forward and backward, by its name."""
    shape = (batch, channels, pixels, pixels)
    last = (batch, pixels, pixels, channels) if arguments["order"] == "NHWC" else shape
    costs = [lrn_cost(direction, last, size, **arguments) + Cost(launches=1) for direction in DIRECTIONS]
    return {"LRN": _seconds(costs, machine)}


def _around(channels: int, pixels: int, batch: int, machine: Machine) -> dict[str, list[float]]:
    """Return the predicted seconds, forward and backward, by name of the layers before LRN."""
    shape = (batch, channels, pixels, pixels)
    convolved = [convolution(direction, shape, channels, FILTER, padding=1) for direction in DIRECTIONS]
    return {
        "convolution": _seconds(convolved, machine),
        "ReLU": _seconds([relu(direction, shape) for direction in DIRECTIONS], machine),
    }


def _seconds(costs: Sequence[Cost], machine: Machine) -> list[float]:
    return [predict(cost, machine, threads=machine.threads).seconds for cost in costs]


def _share(times: dict[str, list[float]]) -> float:
    return sum(times["LRN"]) / sum(map(sum, times.values()))


@drawing.plot(size=(5.6, 5.2))
def predicted_and_measured(
    predicted: Sequence[float], measured: Sequence[float], groups: Sequence[str], *, ax: Axes
) -> None:
    """Draw predicted against measured seconds, coloured by group, with the lines of a factor of two."""
    ends = np.array([min(*predicted, *measured) / 2, max(*predicted, *measured) * 2])
    for factor, style in ((1, "-"), (2, ":"), (1 / 2, ":")):
        drawing.line(ax, f"factor {factor}", ends, factor * ends, color=ROOF, linestyle=style, linewidth=1)
    for i, group in enumerate(dict.fromkeys(groups)):
        mine = [k for k, each in enumerate(groups) if each == group]
        xs, ys = [measured[k] for k in mine], [predicted[k] for k in mine]
        look = {"marker": MARKERS[i // COLOURS % len(MARKERS)], "color": f"C{i % COLOURS}"}
        drawing.line(ax, group, xs, ys, linestyle="", markersize=4, alpha=0.7, label=group, **look)
    ax.set(
        title="Predicted against measured; dotted: a factor of two",
        xlabel="measured seconds",
        ylabel="predicted seconds",
        xscale="log",
        yscale="log",
        xlim=ends,
        ylim=ends,
    )
    ax.legend(loc="upper left", fontsize=8)
