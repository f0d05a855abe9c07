"""Plots of competition: units side by side, units that settle, retina and cortex, and a bandit that learns."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from workbench import drawing
from workbench.competition import bandit, cortex, retina, settling, units
from workbench.competition.units import UNITS, Layer
from workbench.measures import influence
from workbench.operator import Arg

COUNT, EXAMPLES = 8, 200  # units of a layer, and inputs that it sees
STEPS = 200  # of a race, at the right end of its slider
SUPPRESSED = colormaps["PuOr_r"].with_extremes(bad="0.85")
REACH = 3.0  # response curves are drawn from -3 to 3
SCALES = np.geomspace(0.1, 30, 40)
OWN, OTHER, QUIET = "#0072B2", "#D55E00", "0.55"
# Nine curves need more than the seven colours of the style.
LOOKS = {
    "linear": {"color": "0.7", "linewidth": 6},
    "ReLU": {"color": "0.35", "linestyle": ":"},
    "tanh": {"color": "#56B4E9"},
    "sigmoid": {"color": "#CC79A7"},
    "softmax": {"color": "#D55E00"},
    "LRN": {"color": "#0072B2"},
    "max pooling": {"color": "#009E73"},
    "winner-take-all": {"color": "#000000", "linestyle": "--"},
    "dropout": {"color": "#E69F00"},
}
ARGS = (
    Arg(
        "scale", float, 1.0, "what all inputs are multiplied by", low=0.01, high=100.0, slider=(0.1, 30.0), scale="log"
    ),
    Arg("others", float, 1.0, "input of the other units", low=-3.0, high=3.0),
    Arg("alpha", float, 1.0, "strength of local response normalization", low=0.0, high=100.0, slider=(0.0, 10.0)),
    Arg("ratio", float, 0.5, "share of inputs that dropout replaces by 0", low=0.0, high=0.95),
    Arg("move", float, 1.0, "by how much an input is moved", low=1e-6, high=10.0, slider=(1e-5, 10.0), scale="log"),
    Arg("spread", float, 0.9, "inputs lie between 1 - spread and 1", low=0.05, high=1.0),
    Arg("pattern", str, "edge", "light on the row", choices=retina.PATTERNS),
    Arg("strength", float, 1.0, "how much all others together inhibit a detector", low=0.0, high=3.0),
    Arg("reach", float, 3.0, "distance over which inhibition fades", low=0.5, high=12.0),
    Arg("weight", float, 1.1, "how much each unit inhibits each other one", low=0.0, high=3.0, step=0.05),
    Arg("lead", float, 0.05, "by how much the strongest drive exceeds the next one", low=0.0, high=1.0),
    Arg("contrast", float, 0.5, "contrast of bars at 0 degrees", low=0.01, high=1.0),
    Arg("mask", float, 0.25, "contrast of bars at 90 degrees", low=0.0, high=1.0),
    Arg("exponent", float, 2.0, "power of each cell's drive", low=0.5, high=6.0, step=0.1),
    Arg("sigma", float, 0.1, "contrast that gives half of the largest answer", low=0.01, high=1.0),
    Arg("rate", float, 0.2, "learning rate", low=0.01, high=2.0, scale="log"),
    Arg("noise", float, 1.0, "standard deviation of a reward", low=0.0, high=3.0),
    Arg("offset", float, 0.0, "what is added to all rewards", low=-8.0, high=8.0),
    Arg("seed", int, 3, "seed of the arms and of the pulls", low=0, high=1000, slider=(0, 20)),
    Arg("step", int, STEPS, "steps so far", low=0, high=1000, slider=(0, STEPS)),
)
DRIVES = np.array([0.88, 0.95, 0.84, 0.97, 0.9, 1.0, 0.86, 0.93])  # of eight units that compete; the sixth leads
METHODS = ("expected gradient", "REINFORCE", "gradient bandit", "replicator")


def layers(scale: float = 1.0, alpha: float = 1.0, ratio: float = 0.5) -> dict[str, Layer]:
    """Return all units by name, as functions of inputs that are multiplied by `scale` first."""
    own = {"LRN": partial(units.lrn, alpha=alpha), "dropout": partial(units.dropout, ratio=ratio)}
    return {name: _scaled(layer, scale) for name, layer in (UNITS | own).items()}


def _scaled(layer: Layer, scale: float) -> Layer:
    return lambda x: layer(scale * x)


def positive_inputs(seed: int = 0, spread: float = 0.9) -> np.ndarray:
    """Return inputs (EXAMPLES, COUNT) between 1 - spread and 1."""
    return np.random.default_rng(seed).uniform(1 - spread, 1, (EXAMPLES, COUNT))


@drawing.plot(3, 3, (9.6, 7.2))
def response_curves(
    scale: float = 1.0, others: float = 1.0, alpha: float = 1.0, ratio: float = 0.5, *, ax: np.ndarray
) -> None:
    """Draw what a unit answers to its own input, and what its neighbour answers, whose input stays the same."""
    own = np.linspace(-REACH, REACH, 241)
    x = np.full((len(own), COUNT), others)
    x[:, 1] = own
    for panel, (name, layer) in zip(ax.flat, layers(scale, alpha, ratio).items(), strict=True):
        y = layer(x)
        look = {"marker": ".", "markersize": 2, "linestyle": "none"} if name == "dropout" else {}
        drawing.line(panel, "own", own, y[:, 1], color=OWN, label="the unit", **look)
        drawing.line(panel, "other", own, y[:, 2], color=OTHER, label="its neighbour", **look)
        panel.set_title(name)
        low, high = min(-0.1, np.min(y[:, 1:3])), max(0.1, np.max(y[:, 1:3]))
        panel.set(xlim=(-REACH, REACH), ylim=(low - 0.05 * (high - low), high + 0.08 * (high - low)))
    for panel in ax[-1]:
        panel.set_xlabel("input of the unit")
    for panel in ax[:, 0]:
        panel.set_ylabel("answer")
    drawing.legend(ax[0, 0], loc="upper left")


@drawing.plot(3, 3, (9.6, 8.4))
def influences(matrices: Mapping[str, np.ndarray], *, ax: np.ndarray) -> None:
    """Draw who suppresses whom: a matrix (units, units) for each kind of unit, orange where column j suppresses row i.

    Each matrix is shown in parts of its largest entry beside the diagonal; the diagonal, what a unit does to itself, is
    left grey.
    """
    for panel, (name, matrix) in zip(ax.flat, matrices.items(), strict=True):
        shown = np.array(matrix, dtype=float)
        np.fill_diagonal(shown, np.nan)
        most = float(np.nanmax(np.abs(shown)))
        if not panel.images:  # ticks that are set again take as long as the matrix
            panel.set(xticks=range(len(shown)), yticks=range(len(shown)))
            panel.tick_params(labelbottom=False, labelleft=False)
        drawing.image(panel, "matrix", shown / max(most, 1e-9), -1, 1, cmap=SUPPRESSED)
        panel.set_title(f"{name}: at most {most:.2g}" if most > 1e-9 else f"{name}: nobody", fontsize=10)
    for panel in ax[-1]:
        panel.set_xlabel("by unit j")
    for panel in ax[:, 0]:
        panel.set_ylabel("unit i is suppressed")


def suppression(
    move: float = 1.0, scale: float = 1.0, alpha: float = 1.0, ratio: float = 0.5, *, ax: np.ndarray | None = None
) -> np.ndarray:
    """Draw who suppresses whom, for eight units of each kind and many random inputs, moved up and down by `move`."""
    x = np.random.default_rng(0).normal(1, 1, (EXAMPLES, COUNT))
    return influences({name: influence(layer, x, move) for name, layer in layers(scale, alpha, ratio).items()}, ax=ax)


@drawing.plot(size=(8.4, 4.4))
def strongest(scale: float = 1.0, spread: float = 0.9, alpha: float = 1.0, *, ax: Axes) -> None:
    """Draw the share of the strongest unit after each kind of unit over its share before, by scale of the inputs."""
    for name, values in shares(spread, alpha).items():
        drawing.line(ax, name, SCALES, values, label=name, **LOOKS[name])
    drawing.vertical(ax, "scale", scale, color="0.25", linestyle="--", linewidth=1)
    ax.set(title="Above 1, the strongest gets stronger", xlabel="scale of the inputs", ylabel="share, after / before")
    ax.set(xscale="log", yscale="log", xlim=(SCALES[0], SCALES[-1]), ylim=(0.5, 10))
    ax.set_yticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.minorticks_off()
    drawing.legend(ax, loc="center left", bbox_to_anchor=(1.0, 0.5))


def shares(
    spread: float = 0.9, alpha: float = 1.0, scales: Sequence[float] | np.ndarray = SCALES
) -> dict[str, np.ndarray]:
    """Return by kind of unit the mean share of the strongest after over that before, for each scale."""
    at = tuple(map(float, scales))
    return {name: _shares(name, spread, alpha if name == "LRN" else 1.0, at) for name in UNITS}


@lru_cache(maxsize=32)  # while a slider moves, most or all curves stay
def _shares(name: str, spread: float, alpha: float, scales: tuple[float, ...]) -> np.ndarray:
    x = positive_inputs(spread=spread)
    before = units.share_of_strongest(x, x)
    after = (units.share_of_strongest(x, layers(scale, alpha)[name](x)) for scale in scales)
    return np.array([np.mean(each / before) for each in after])


@drawing.plot(3, 1, (8.4, 4.8))
def row_of_detectors(
    pattern: str = "edge", strength: float = 1.0, reach: float = 3.0, step: int = 60, *, ax: np.ndarray
) -> None:
    """Draw the light on a row of detectors, and what they answer while they inhibit each other."""
    light = retina.pattern(pattern)
    answers = (1 + strength) * retina.settle(light, strength, reach, steps=step)[-1]
    low, high = retina.DIM - 0.5, retina.BRIGHT + 0.5
    for panel, title, values in ((ax[0], "Light", light), (ax[1], "What the row answers", answers)):
        picture = drawing.image(panel, "strip", values[None], low, high, cmap="gray", aspect="auto")
        picture.set_extent((-0.5, len(light) - 0.5, 0, 1))
        picture.set_interpolation("bilinear" if pattern == "ramp" else "nearest")  # a ramp must not look like stairs
        panel.set(title=title, yticks=[], xticks=[])
    place = np.arange(len(light))
    drawing.line(ax[2], "light", place, light, color=QUIET, linestyle=":", label="light", drawstyle="steps-mid")
    drawing.line(ax[2], "answers", place, answers, color=OWN, marker="o", markersize=3, linewidth=1, label="answer")
    ax[2].set(xlabel="detector", ylabel=f"answer · {1 + strength:.3g}", xlim=(-0.5, len(light) - 0.5))
    ax[2].set(ylim=(min(low, np.min(answers)) - 0.1, max(high, np.max(answers)) + 0.1))
    drawing.legend(ax[2], loc="upper left", ncols=2)
    if ax[0].get_subplotspec().get_gridspec().get_height_ratios() == [1, 1, 1]:
        ax[0].get_subplotspec().get_gridspec().set_height_ratios([1, 1, 4])


@drawing.plot(1, 2, (9.6, 3.6))
def contest(step: int = 150, weight: float = 1.1, lead: float = 0.05, pace: float = 0.1, *, ax: np.ndarray) -> None:
    """Draw eight units that all inhibit each other, at one step and over time; the leader is orange."""
    drive = drives(lead)
    path = settling.settle(drive, settling.everyone(len(drive), weight), max(step, 1), pace)[: step + 1]
    leader, place = int(np.argmax(DRIVES)), np.arange(len(drive))
    colours = [OTHER if i == leader else OWN for i in place]
    drawing.bars(ax[0], "drive", place, drive, "0.85")
    drawing.bars(ax[0], "answer", place, path[-1], colours, width=0.5)
    top = 1.05 * max(np.max(drive), np.max(path))
    title = f"Step {step}: {alive(path[-1])} of {len(drive)} answer"
    drawing.label(ax[0], title, "unit", "answer (grey: its drive)", ylim=(0, top))
    ax[0].set_xticks(place, [str(i + 1) for i in place])
    for i in place:
        drawing.line(
            ax[1], f"unit {i}", np.arange(step + 1), path[:, i], color=colours[i], linewidth=2 if i == leader else 1
        )
    drawing.label(ax[1], f"Inhibition {weight:g}, lead {lead:.0%}", "step", "answer", ylim=(0, top))
    ax[1].set_xlim(0, max(step, 150))


def drives(lead: float) -> np.ndarray:
    """Return DRIVES, with the leader's so much above the next one's; `lead` is in proportion."""
    drive = DRIVES.copy()
    drive[drive.argmax()] = (1 + lead) * np.sort(drive)[-2]
    return drive


def alive(answers: np.ndarray) -> int:
    """Return how many units answer more than a hundredth of the strongest."""
    return int(np.sum(answers > 0.01 * np.max(answers)))


@drawing.plot(1, 2, (9.6, 3.8))
def contrasts(
    contrast: float = 0.5, mask: float = 0.25, exponent: float = 2.0, sigma: float = 0.1, *, ax: np.ndarray
) -> None:
    """Draw a cell's answer by contrast, alone and with a mask at a right angle, and what all cells answer."""
    own = np.geomspace(0.01, 1, 60)
    middle = int(np.argmin(np.abs(cortex.PREFERRED)))
    for key, covered, label in (("alone", 0.0, "its bars alone"), ("masked", mask, "with a mask across")):
        driven = np.array([cortex.drive((c, covered), (0, 90)) for c in own])
        answers = cortex.answers(driven, exponent, sigma)[:, middle]
        drawing.line(ax[0], key, own, answers, color=OWN if key == "alone" else OTHER, label=label)
    undivided = own**exponent / sigma**exponent
    drawing.line(ax[0], "undivided", own, undivided, color=QUIET, linestyle=":", label="nothing divided")
    drawing.vertical(ax[0], "contrast", contrast, color="0.25", linestyle="--", linewidth=1)
    drawing.label(ax[0], f"A cell for bars at 0°, mask {mask:.0%}", "contrast of its bars", "answer", xscale="log")
    ax[0].set_xticks([0.01, 0.1, 1], ["1 %", "10 %", "100 %"])
    ax[0].set_ylim(0, 1.3)
    ax[0].minorticks_off()
    drawing.legend(ax[0], loc="upper left")
    both = cortex.drive((contrast, mask), (0, 90))
    drawing.line(
        ax[1], "drive", cortex.PREFERRED, both / max(contrast, mask), color=QUIET, linestyle=":", label="drive"
    )
    answers = cortex.answers(both, exponent, sigma)
    drawing.line(ax[1], "answers", cortex.PREFERRED, answers / np.max(answers), color=OWN, label="answer")
    drawing.label(
        ax[1], "All cells", "orientation a cell prefers", "in parts of the largest", xlim=(-90, 85), ylim=(0, 1.3)
    )
    ax[1].set_xticks([-90, -45, 0, 45], ["-90°", "-45°", "0°", "45°"])
    drawing.legend(ax[1], loc="upper right", ncols=2)


@drawing.plot(2, 4, (10.4, 4.8))
def race(
    step: int = STEPS,
    rate: float = 0.2,
    noise: float = 1.0,
    offset: float = 0.0,
    seed: int = 3,
    *,
    ax: np.ndarray,
) -> None:
    """Draw how four ways to learn share their pulls among ten arms: at one step, and over time."""
    rewards = bandit.rewards_of_arms(seed, offset)
    order = np.argsort(-rewards)
    for column, (name, chances) in enumerate(learned(rewards, rate, step, noise, seed).items()):
        now, bars, path = chances[-1][order], ax[0, column], ax[1, column]
        # Few artists make a quick picture: the bars of nine arms are one outline, and their curves one line with gaps.
        for key, color, arms in (("others", OWN, range(1, len(order))), ("best", OTHER, range(1))):
            corners = np.add.outer(arms, [-0.4, -0.4, 0.4, 0.4]), np.multiply.outer(now[arms], [0, 1, 1, 0])
            drawing.area(bars, key, *map(np.ravel, corners), color=color, linewidth=0)
            steps = np.tile([*range(step + 1), np.nan], len(arms))
            shares = np.pad(chances[:, order[arms]].T, ((0, 0), (0, 1)), constant_values=np.nan).ravel()
            drawing.line(path, key, steps, shares, color=color, linewidth=2 if key == "best" else 0.8)
        drawing.label(bars, name, "arm, best first", "", ylim=(0, 1), xlim=(-0.9, len(order) - 0.1))
        bars.set_xticks([])
        drawing.label(path, f"best arm: {now[0]:.0%}", "step", "", ylim=(0, 1), xlim=(0, max(step, STEPS)))
        path.locator_params("x", nbins=2)
    for row in ax:
        row[0].set_ylabel("chance")
        for panel in row:  # few ticks: they are what takes the time of a frame
            panel.set_yticks([0, 0.5, 1], ["0", "0.5", "1"] if panel is row[0] else ["", "", ""])


def learned(rewards: np.ndarray, rate: float, steps: int, noise: float = 1.0, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the chances (steps + 1, arms) of each of METHODS; the second and third play one run with one seed."""
    whole = STEPS * math.ceil(steps / STEPS)
    return {name: each[: steps + 1] for name, each in _learned(tuple(rewards), rate, whole, noise, seed).items()}


@lru_cache(maxsize=4)  # a shorter run is the beginning of a longer one: only the first move of its slider takes long
def _learned(of_arms: tuple[float, ...], rate: float, steps: int, noise: float, seed: int) -> dict[str, np.ndarray]:
    rewards = np.array(of_arms)
    plain, gradient = (
        bandit.play(rewards, rate, steps, baseline=baseline, noise=noise, seed=seed).chances[0]
        for baseline in bandit.BASELINES
    )
    ways = (bandit.ascend(rewards, rate, steps), plain, gradient, bandit.replicate(rewards, rate, steps))
    return dict(zip(METHODS, ways, strict=True))


@drawing.plot(size=(7.2, 4.0))
def learning_curves(curves: Mapping[str, np.ndarray], *, ax: Axes) -> None:
    """Draw how often the best arm is pulled, by step; each curve is a mean over runs."""
    for i, (name, values) in enumerate(curves.items()):
        look = {"linestyle": "-" if i % 2 else "--", "color": f"C{i // 2}"}
        drawing.line(ax, name, np.arange(1, len(values) + 1), values, label=name, **look)
    drawing.label(ax, "A baseline makes the difference", "pull", "best arm chosen", ylim=(0, 1))
    ax.set_xlim(0, max(map(len, curves.values())))
    drawing.legend(ax, loc="upper left")


@drawing.plot(1, 2, (9.0, 4.2))
def kinship(expected: np.ndarray, others: Mapping[str, np.ndarray], *, ax: np.ndarray) -> None:
    """Draw the expected policy gradient against other gradients, entry by entry; on the line they are equal."""
    most = 1.05 * float(np.max(np.abs([expected, *others.values()])))
    for panel, (name, other) in zip(ax, others.items(), strict=True):
        drawing.line(panel, "equal", (-most, most), (-most, most), color=QUIET, linewidth=1)
        drawing.line(panel, "entries", np.ravel(other), np.ravel(expected), linestyle="none", marker=".", markersize=4)
        drawing.label(panel, name, "its entry", "", xlim=(-most, most), ylim=(-most, most), aspect="equal")
    ax[0].set_ylabel("expected policy gradient")
