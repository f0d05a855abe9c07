"""Pictures with sliders of sparse Lp: a corner, numbers of weights, widths, strengths, supports, a ball, and time."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from workbench import drawing
from workbench.experiments import lp_models, sparse_truths
from workbench.experiments.lp_models import WIDTHS
from workbench.experiments.lp_supports import overlap
from workbench.machines.published import SMALL_CORE
from workbench.solvers.penalties import Lp, l1_ball_projection
from workbench.solvers.solve import solve
from workbench.sparse_inference import cost
from workbench.sparse_lp import lp_prox

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, RED, GREEN, DARK = "#0072B2", "#D55E00", "#009E73", "#555555"
WORLDS = 5
ALPHAS = np.geomspace(2.0, 2e-3, 25)
EXAMPLES, NEW = 80, 1000
TINIEST = 1e-12  # result that the picture of the corner still shows
PAIRS, OTHERS = 6, 18  # features that matter, each with a twin that does not; further features
BOOTSTRAPS = 30
LAYER = (512, 784)  # weights (out, in) of the layer whose time is predicted
ZEROS = np.linspace(0, 1, 41)


def smoothed_prox(x: np.ndarray, weight: float, smoothing: float) -> np.ndarray:
    """Return argmin_z 1/2 (z - x)^2 + weight h(z), where h is |z| with its corner rounded.

    h(z) is z^2 / (2 smoothing) up to `smoothing`, and |z| - smoothing / 2 beyond (Huber 1964).
    """
    inside = np.abs(x) <= smoothing + weight
    return np.where(inside, x * smoothing / (smoothing + weight), x - weight * np.sign(x))


@drawing.plot(size=(7.2, 3.8))
def corner(p: float, smoothing: float, *, ax: "Axes") -> None:
    """Draw on a logarithmic scale what is left of a number: with p = 1, with another p, and with |w| smoothed at 0."""
    x = np.linspace(0.01, 2.5, 500)
    results = {
        "p = 1": (lp_prox(x, 1.0, 1.0), DARK, "-"),
        "the p of the slider": (lp_prox(x, 1.0, p), BLUE, "--"),
        "|w| with its corner rounded": (smoothed_prox(x, 1.0, smoothing), RED, "-."),
    }
    for name, (z, colour, dashes) in results.items():
        drawing.line(
            ax, name, x, np.where(z == 0, np.nan, z), color=colour, linestyle=dashes, linewidth=2.2, label=name
        )
    shares = [np.mean(z == 0) for z, _, _ in results.values()]
    title = f"Exact zeros: {shares[0]:.0%} with p = 1, {shares[1]:.0%} with p = {p:g}, {shares[2]:.0%} rounded"
    drawing.label(ax, title, "number before a proximal step of weight 1", "what is left of it", yscale="log")
    ax.set(xlim=(0, 2.5), ylim=(TINIEST, 3))
    drawing.legend(ax, loc="lower right")


@drawing.plot(columns=2, size=(9.6, 3.8))
def by_number_of_weights(p: float, worlds: int = WORLDS, *, ax: np.ndarray) -> None:
    """Draw training error and error on new data by the number of weights, along paths in a sparse and a dense truth.

    A faint line is a world, and the thick ones are means over the worlds at equal strengths.
    """
    for panel, truth in zip(ax, sparse_truths.TRUTHS, strict=True):
        fits = _paths(truth, p, worlds)
        for world, (counts, errors) in enumerate(zip(fits.nonzeros, fits.validation, strict=True)):
            drawing.line(panel, f"world {world}", counts, errors, color=BLUE, linewidth=0.8, alpha=0.3)
        counts, new, training = (each.mean(axis=0) for each in (fits.nonzeros, fits.validation, fits.training))
        drawing.line(panel, "new", counts, new, color=BLUE, linewidth=2.4, label="new data")
        drawing.line(panel, "training", counts, training, color=RED, linestyle="--", linewidth=2, label="training data")
        best = new.argmin()
        drawing.vertical(panel, "best", counts[best], color=DARK, linestyle=":", linewidth=1.2)
        title = f"{truth}: {counts[best]:.0f} weights are best"
        drawing.label(panel, title, "weights that are not zero", "mean squared error", xlim=(-2, 100), ylim=(0, 1.75))
        drawing.legend(panel)


@functools.cache
def _paths(truth: str, p: float, worlds: int) -> sparse_truths.Errors:
    return sparse_truths.measure(truth, p, ALPHAS, range(worlds))


def error_by_width(ridge: float, worlds: int = WORLDS) -> np.ndarray:
    """Return the squared error on new data, shape (worlds, widths), of linear models on random ReLU features.

    A ridge of 0 gives the smallest weights of those that fit best.
    """
    errors = []
    for seed in range(worlds):
        for u_y, s, new_v, new_y in _decomposed(seed):
            kept = s > 1e-9 * s[0]
            shrunk = np.divide(s, s**2 + ridge * EXAMPLES, out=np.zeros_like(s), where=kept)
            errors.append(np.mean((new_y - new_v @ (shrunk * u_y)) ** 2))
    return np.reshape(errors, (worlds, len(WIDTHS)))


@functools.cache
def _decomposed(seed: int) -> list[tuple[np.ndarray, ...]]:
    """Return what the error of any ridge needs, for each width: U'y, singular values, new features times V, new y."""
    with threadpool_limits(1):  # more threads would mostly wait for each other
        return [
            (u.T @ parts.train[1], s, parts.test[0] @ v.T, parts.test[1]) for parts, u, s, v in lp_models.by_width(seed)
        ]


@drawing.plot(size=(7.2, 3.8))
def by_width(ridge: float, *, ax: "Axes") -> None:
    """Draw the error on new data by the number of features, without a penalty and with a ridge."""
    for name, strength, colour, dashes in (("no penalty", 0.0, RED, "--"), ("ridge", ridge, BLUE, "-")):
        errors = error_by_width(strength).mean(axis=0)
        drawing.line(ax, name, WIDTHS, errors, color=colour, linestyle=dashes, marker="o", markersize=4, label=name)
    drawing.vertical(ax, "examples", EXAMPLES, color=DARK, linestyle=":", linewidth=1.2)
    title = f"{EXAMPLES} examples (dotted line), ridge {ridge:.2g}: at most {errors.max():.2g}"
    drawing.label(ax, title, "number of features", "mean squared error on new data", xscale="log", yscale="log")
    ax.set_ylim(0.3, 100)
    drawing.legend(ax)


def supports(correlation: float, p: float, seed: int = 0) -> np.ndarray:
    """Return which features have a weight, shape (bootstraps, features), in samples of the same 80 examples.

    The first six features matter. The next six do not; each of them is correlated with one that does. The strength is
    the best of some on new data.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(EXAMPLES + NEW, 2 * PAIRS + OTHERS))
    twins = slice(PAIRS, 2 * PAIRS)
    X[:, twins] = correlation * X[:, :PAIRS] + np.sqrt(1 - correlation**2) * X[:, twins]
    y = X[:, :PAIRS].sum(1) / np.sqrt(PAIRS) + sparse_truths.NOISE * rng.normal(size=len(X))
    old, new = slice(EXAMPLES), slice(EXAMPLES, None)
    fits = {alpha: solve(X[old], y[old], Lp(alpha, p), tolerance=1e-4).weights for alpha in np.geomspace(0.5, 0.01, 15)}
    alpha = min(fits, key=lambda each: float(np.mean((y[new] - X[new] @ fits[each]) ** 2)))
    rows = rng.integers(0, EXAMPLES, (BOOTSTRAPS, EXAMPLES))
    return np.array([solve(X[each], y[each], Lp(alpha, p), tolerance=1e-4).weights != 0 for each in rows])


@drawing.plot(size=(7.6, 3.6))
def kept_in_bootstraps(correlation: float, p: float, *, ax: "Axes") -> None:
    """Draw how often each feature is kept, if the examples are drawn again and again from the same 80."""
    kept = supports(correlation, p)
    colours = [BLUE] * PAIRS + [RED] * PAIRS + ["#BBBBBB"] * OTHERS
    places = np.arange(kept.shape[1])
    drawing.bars(ax, "share", places, kept.mean(axis=0), colours)
    for name, middle in (("these matter", 2.5), ("their twins do not", 8.5), ("neither do the others", 20.5)):
        drawing.write(ax, name, middle, 1.03, name, ha="center", fontsize=9)
    title = f"Correlation {correlation:.2f}, p = {p:g}: two samples share {overlap(kept):.0%} of what either keeps"
    drawing.label(ax, title, "feature", "share of samples that keep it", ylim=(0, 1.12))
    ax.grid(axis="x", visible=False)


@drawing.plot(columns=2, size=(9.6, 4.6))
def ball_and_soft_threshold(radius: float, weight: float, *, ax: np.ndarray) -> None:
    """Draw where points of the plane go: by projection on an L1 ball, and by the soft threshold."""
    points = np.random.default_rng(1).uniform(-2, 2, (14, 2))
    points[:4] *= 0.3  # some begin in the ball
    ends = {
        f"projection on the ball of radius {radius:g}": np.array([l1_ball_projection(each, radius) for each in points]),
        f"soft threshold of {weight:g}": lp_prox(points, weight, 1.0),
    }
    corners = radius * np.array([[1, 0, -1, 0, 1], [0, 1, 0, -1, 0]])
    for panel, (name, reached) in zip(ax, ends.items(), strict=True):
        drawing.line(panel, "ball", *corners, color=DARK, linewidth=1.2)
        for i, (start, end) in enumerate(zip(points, reached, strict=True)):
            drawing.line(panel, f"way {i}", *np.stack([start, end], 1), color="#999999", linewidth=1)
        drawing.line(panel, "points", *points.T, color=BLUE, marker="o", linestyle="", label="before")
        drawing.line(panel, "ends", *reached.T, color=RED, marker="x", markersize=8, linestyle="", label="after")
        inside = np.mean(np.abs(reached).sum(axis=1) <= radius + 1e-9)
        title = f"{name[0].upper()}{name[1:]}: {inside:.0%} end in the ball"
        drawing.label(panel, title, "first weight", "second weight", xlim=(-2.2, 2.2), ylim=(-2.2, 2.2))
        panel.set_aspect("equal")
        drawing.legend(panel, loc="upper right")


@drawing.plot(size=(7.4, 3.8))
def loss_by_share(shares: Sequence[float], losses: Mapping[str, np.ndarray], share: float, *, ax: "Axes") -> None:
    """Draw the loss of each strength over the lowest, less 1, for mean losses (strengths,) of several data sets.

    A strength is a share of the one that makes all weights zero. The title says what `share` loses.
    """
    looks = zip((BLUE, RED, GREEN, "#CC79A7", "#E69F00"), ("-", "--", "-.", ":", (0, (5, 1, 1, 1))), strict=True)
    lost = []
    for (name, values), (colour, dashes) in zip(losses.items(), looks, strict=False):
        rises = 100 * (values / values.min() - 1)
        drawing.line(ax, name, shares, rises, color=colour, linestyle=dashes, linewidth=2, label=name)
        lost.append(np.interp(-np.log(share), -np.log(shares), rises))
    drawing.vertical(ax, "share", share, color=DARK, linewidth=1.2)
    title = f"At {share:.2g} of the strongest alpha, {min(lost):.0f} % to {max(lost):.0f} % are lost"
    drawing.label(ax, title, "alpha over the alpha at which all weights are zero", "test loss over the lowest, in %")
    ax.set(xscale="log", xlim=(shares[-1], shares[0]), ylim=(-3, 120))
    drawing.legend(ax)


@drawing.plot(size=(7.2, 4.0))
def time_by_zeros(batch: int, *, ax: "Axes") -> None:
    """Draw the predicted time of a layer on one core of a small computer, over that with dense weights."""
    looks = {"CSR, int16": (RED, "--"), "bitmap": ("#CC79A7", "-."), "rows": (BLUE, "-")}
    crossings, dense = [], cost.predicted("dense", LAYER, 0.0, batch, SMALL_CORE).seconds
    for form, (colour, dashes) in looks.items():
        ratios = [cost.predicted(form, LAYER, zeros, batch, SMALL_CORE).seconds / dense for zeros in ZEROS.tolist()]
        name = "whole rows are zero" if form == "rows" else form
        drawing.line(ax, form, 100 * ZEROS, ratios, color=colour, linestyle=dashes, linewidth=2.2, label=name)
        at = cost.crossing(ZEROS.tolist(), ratios)
        crossings.append("never" if at is None else f"from {at:.0%}")
    drawing.line(ax, "dense", [0, 100], [1, 1], color=DARK, linewidth=1)
    title = f"Batch of {batch}: CSR is faster {crossings[0]}, a bitmap {crossings[1]}, rows {crossings[2]}"
    drawing.label(ax, title, "weights that are zero, in %", "predicted time over that of dense", xlim=(0, 100))
    ax.set_ylim(0, 3)
    drawing.legend(ax)
