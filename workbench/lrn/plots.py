"""Plot local response normalization."""

import math

import numpy as np
from matplotlib.axes import Axes

from workbench import drawing
from workbench.lrn import local_response_norm, local_response_norm_gradient
from workbench.lrn.ladder import RUNGS, roofline
from workbench.machines import plots as machine_plots
from workbench.machines.published import PROCESSORS, processor_with_one_core
from workbench.operator import Arg

REACH = 10.0  # the responses shown run from -REACH to REACH
ENERGIES = (0.0, 10.0, 100.0)  # sums of squares of the neighbours

LOWEST = 0.001  # nanoseconds per element, below every prediction

# Sliders of `ladder`, in addition to the operator's own.
BATCH = Arg("batch", int, 2, "images", low=1, slider=(1, 32))
CHANNELS = Arg("channels", int, 64, "channels", low=1, slider=(1, 256))
SIDE = Arg("side", int, 224, "rows and columns of an image", low=1, slider=(7, 448))
PROCESSOR = Arg("processor", str, "laptop", "what runs it", choices=tuple(PROCESSORS))


def _curve(x: np.ndarray, energy: float, **arguments) -> np.ndarray:
    """Return y(x) for a response whose neighbours' squares sum to `energy`."""
    if arguments["size"] == 1:
        energy = 0.0  # a window of one channel has no neighbours
    pixels = np.stack([x, np.full_like(x, np.sqrt(energy))])[None]
    return local_response_norm(pixels, **arguments)[0, 0]


@drawing.plot(size=(6.6, 4.2))
def response_curve(size: int = 5, alpha: float = 1.0, beta: float = 0.75, bias: float = 1.0, *, ax: Axes) -> None:
    """Draw the output y(x) of one response, for neighbours that are silent, active and strong."""
    x = np.linspace(-REACH, REACH, 401)
    drawing.line(ax, "identity", x, x, color="0.6", linestyle=":", linewidth=1.2, label="y = x, no normalization")
    for energy in ENERGIES:
        y = _curve(x, energy, size=size, alpha=alpha, beta=beta, bias=bias)
        drawing.line(ax, f"energy {energy}", x, y, label=f"neighbours' sum of squares = {energy:g}")
    ax.set(title="The louder the neighbours, the smaller the response", xlim=(-REACH, REACH), ylim=(-6, 6))
    ax.set(xlabel="response x", ylabel="normalized response y")
    drawing.legend(ax, loc="upper left")


@drawing.plot(columns=2, size=(9.6, 4.0))
def inhibition_and_excitation(
    size: int = 5, alpha: float = 0.1, beta: float = 0.75, bias: float = 1.0, *, energy: float = 10.0, ax: np.ndarray
) -> None:
    """Draw y(x) for |alpha| and for -|alpha|, where the base falls to zero at a finite response: the pole."""
    arguments = {"size": size, "beta": beta, "bias": bias}
    strength = abs(alpha)
    for panel, sign, name in ((ax[0], 1, "Inhibition"), (ax[1], -1, "Excitation")):
        pole = _pole(size, sign * strength, bias, energy)
        end = min(REACH, 0.999 * pole) if np.isfinite(pole) else REACH
        # If the neighbours alone bring the base to zero or below, there is no pole and no curve.
        x = np.zeros(0) if np.isnan(pole) else np.linspace(-end, end, 801)
        y = _curve(x, energy, alpha=sign * strength, **arguments) if x.size else x
        drawing.line(panel, "identity", (-REACH, REACH), (-REACH, REACH), color="0.6", linestyle=":", linewidth=1.2)
        drawing.line(panel, "response", x, y, color="C0" if sign > 0 else "C1")
        for side in (-1, 1):
            shown = side * pole if np.isfinite(pole) and pole < REACH else np.nan
            drawing.vertical(panel, f"pole {side}", shown, color="0.25", linestyle="--", linewidth=1.2)
        if np.isnan(pole):
            note = "no real value: the neighbours alone\nbring the base to zero or below"
        elif np.isfinite(pole):
            note = f"pole at x = ±{pole:.3g}" + ("" if pole < REACH else ", outside the picture")
        else:
            note = "no pole"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        drawing.write(panel, "note", 0.97, 0.04, note, transform=panel.transAxes, ha="right", bbox=box)
        panel.set(title=f"{name}: alpha = {sign * strength:.3g}", xlabel="response x")
        panel.set(xlim=(-REACH, REACH), ylim=(-20, 20))
    ax[0].set_ylabel("normalized response y")


def _pole(size: int, alpha: float, bias: float, energy: float) -> float:
    """Return the x >= 0 where bias + alpha/size * (x^2 + energy) = 0; inf if there is none, NaN if it is never > 0."""
    if alpha >= 0:
        return np.inf
    square = -bias * size / alpha - (energy if size > 1 else 0.0)
    return float(np.sqrt(square)) if square > 0 else np.nan


@drawing.plot(rows=2, size=(6.6, 4.8))
def window_over_channels(
    responses: np.ndarray,
    size: int = 5,
    alpha: float = 1.0,
    beta: float = 0.75,
    bias: float = 1.0,
    *,
    channel: int = 0,
    ax: np.ndarray,
) -> None:
    """Draw the responses (channels,) of one pixel before and after normalization, with one channel's window marked."""
    after = local_response_norm(responses[None], size, alpha, beta, bias)[0]
    channels = np.arange(len(responses))
    inside = np.abs(channels - channel) <= size // 2
    colors = ["#D55E00" if c == channel else "#0072B2" if near else "#B8C4CC" for c, near in enumerate(inside)]
    for panel, values, name in ((ax[0], responses, "before"), (ax[1], after, "after")):
        drawing.bars(panel, "channel", channels, values, colors)
        low, high = max(-0.5, channel - size // 2 - 0.5), min(len(responses) - 0.5, channel + size // 2 + 0.5)
        drawing.band(panel, "window", low, high, color="#0072B2", alpha=0.08, zorder=0)
        top = 1.15 * max(np.max(np.abs(values)), 1e-30)
        panel.set(
            ylabel=f"response, {name}", xlim=(-0.6, len(responses) - 0.4), ylim=(min(0.0, 1.15 * values.min()), top)
        )
    ax[0].set_title(f"Channel {channel} is divided by the sum over its window of {size}")
    ax[1].set_xlabel("channel")


@drawing.plot(rows=2, columns=6, size=(9.6, 2.75))
def feature_maps(
    before: np.ndarray, after: np.ndarray, channels: tuple[int, ...] | None = None, *, ax: np.ndarray
) -> None:
    """Draw six feature maps of (channels, height, width) in two rows, before and after; each row names its scale."""
    channels = tuple(np.linspace(0, len(before) - 1, 6).astype(int)) if channels is None else channels
    for row, (maps, name) in enumerate(((before, "before"), (after, "after"))):
        high = max(float(np.percentile(maps[list(channels)], 99.5)), 1e-30)
        for panel, channel in zip(ax[row], channels, strict=True):
            drawing.image(panel, "map", maps[channel], 0.0, high, aspect="equal")
            panel.set_axis_off()
            if row == 0:
                panel.set_title(f"channel {channel}", fontsize=9)
        look = {"rotation": 90, "va": "center", "ha": "right", "multialignment": "center"}
        words = f"{name}\n0 to {high:.3g}"
        drawing.write(ax[row, 0], "row", -0.06, 0.5, words, transform=ax[row, 0].transAxes, **look)


@drawing.plot(rows=2, columns=6, size=(9.6, 2.75))
def normalized_maps(
    maps: np.ndarray,
    size: int = 5,
    alpha: float = 1.0,
    beta: float = 0.75,
    bias: float = 1.0,
    region: str = "across",
    *,
    ax: np.ndarray,
) -> None:
    """Draw six feature maps of (channels, height, width) before and after normalization."""
    after = local_response_norm(maps[None], size, alpha, beta, bias, region=region)[0]
    feature_maps(maps, after, ax=ax)


@drawing.plot(size=(5.4, 4.4))
def gradient_matrix(
    responses: np.ndarray, size: int = 5, alpha: float = 1.0, beta: float = 0.75, bias: float = 1.0, *, ax: Axes
) -> None:
    """Draw the derivative of every output with respect to every input, for the responses (channels,) of one pixel."""
    count = len(responses)
    # Row j of the identity matrix gives the gradient of output j.
    pixels = np.broadcast_to(responses, (count, count))
    jacobian = local_response_norm_gradient(np.eye(count), pixels.astype(np.float64), size, alpha, beta, bias)
    largest = max(float(np.abs(jacobian).max()), 1e-30)
    picture = drawing.image(ax, "matrix", jacobian, -largest, largest, cmap="PuOr_r")
    ax.set(title="dy/dx: own response up, neighbours down", xlabel="input channel", ylabel="output channel")
    if len(ax.figure.axes) == 1:
        ax.figure.colorbar(picture, ax=ax, label="derivative")


@drawing.plot(columns=4, size=(10.4, 3.0))
def gain_by_argument(
    maps: np.ndarray, size: int = 5, alpha: float = 1.0, beta: float = 0.75, bias: float = 1.0, *, ax: np.ndarray
) -> None:
    """Draw the ratio of mean output to mean input while one argument varies and the others stay fixed."""
    arguments = {"size": size, "alpha": alpha, "beta": beta, "bias": bias}
    ranges = {
        "size": np.arange(1, 2 * len(maps), 4),
        "alpha": np.geomspace(1e-3, 1e2, 11),
        "beta": np.linspace(0, 2, 11),
        "bias": np.geomspace(0.1, 100, 11),
    }
    for panel, (name, values) in zip(ax, ranges.items(), strict=True):
        gains = [_gain(maps, {**arguments, name: value.item()}) for value in values]
        drawing.line(panel, "gain", values, gains, marker="o", markersize=4)
        drawing.line(
            panel, "here", [arguments[name]], [_gain(maps, arguments)], marker="o", markersize=9, color="C1", zorder=3
        )
        panel.set(xlabel=name, ylim=(0, 1.05), xscale="log" if name in ("alpha", "bias") else "linear")
    ax[0].set_ylabel("mean output / mean input")
    ax[0].set_title("Share that is left; orange: the current setting")


def _gain(maps: np.ndarray, arguments: dict) -> float:
    return float(local_response_norm(maps[None], **arguments).mean() / maps.mean())


@drawing.plot(size=(9.6, 4.4))
def ladder(
    size: int = 5, *, batch: int = 2, channels: int = 64, side: int = 224, processor: str = "laptop", ax: Axes
) -> None:
    """Draw the predicted times of the ladder's rungs on a published processor.

    Rungs without threads have one core to themselves; the others have all.
    """
    shape, machine = (batch, channels, side, side), processor_with_one_core(processor)
    to_ns = 1e9 / math.prod(shape)
    least = roofline(shape, size)
    predicted = {rung.name: to_ns * rung.predicted_seconds(machine, machine.threads, shape, size) for rung in RUNGS}
    limits = {"one core": 1, "all cores": machine.threads}
    machine_plots.ladder(
        predicted,
        {name: to_ns * least.predict(machine, threads).seconds for name, threads in limits.items()},
        title=f"Predicted for {machine.name}, {machine.threads} cores",
        lowest=LOWEST,
        ax=ax,
    )
