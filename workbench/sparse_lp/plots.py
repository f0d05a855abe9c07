"""Plot sparse Lp regularization."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from workbench import drawing
from workbench.sparse_lp import ball, lp_prox, sparse_lp_regularizer
from workbench.sparse_lp.reference import lp_threshold, smallest_nonzero

CHOSEN, GONE, KEPT, MUTED = "#D55E00", "#D55E00", "#0072B2", "#8C8C8C"
REACH = 3.0  # the numbers shown run from -REACH to REACH
PENALTY = 4.0  # the penalties shown reach this value
EXPONENTS = {0: "p = 0: counts", 0.5: "p = 1/2", 1: "p = 1: Lasso", 2: "p = 2: ridge"}
DISTANCE = 2.0  # distance of the loss's minimum from the origin
BINS = 80  # bins of a symmetric histogram
MANY, GROUPS = 200, 16  # with more rows than MANY, the medians of GROUPS groups are drawn
NAMED = 7  # number of weights of a path with their own colour


@drawing.plot(size=(5.6, 5.4))
def ball_and_contours(p: float = 1.0, radius: float = 1.0, angle: float = 20.0, *, ax: Axes) -> None:
    """Draw the Lp ball, contours of a loss whose minimum lies at `angle` degrees, and where the two touch."""
    center = DISTANCE * np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    point = ball.touching_point(center, p, radius)
    touching = float(ball.loss(point[None], center)[0])
    for share in (0.25, 1.0, 2.25):
        ellipse = ball.contour(share * touching, center)
        look = {"linewidth": 2, "alpha": 1} if share == 1 else {"linewidth": 1, "alpha": 0.5}
        drawing.line(ax, f"contour {share}", *ellipse.T, color=KEPT, **look)
    edge = ball.boundary(p, radius if p else REACH)
    drawing.area(ax, "ball", *edge.T, facecolor="#56B4E9", edgecolor="0.3", alpha=0.45, linewidth=1.5)
    marks = {"least loss": (center, "x", KEPT), "least loss within the ball": (point, "o", CHOSEN)}
    for name, ((x, y), marker, color) in marks.items():
        drawing.line(ax, name, [x], [y], marker=marker, color=color, markersize=9, linestyle="", label=name)
    zero = [f"w{i + 1} = 0" for i in (0, 1) if abs(point[i]) < 1e-9]
    where = zero[0] if zero else "no weight is zero"
    what = "the least loss lies in the ball" if np.allclose(point, center) else "where a contour touches the ball"
    drawing.label(ax, f"p = {p:.3g}: {what}, {where}", "weight w1", "weight w2")
    ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal")
    drawing.legend(ax, loc="lower left", fontsize=9)


@drawing.plot(size=(6.4, 3.6))
def share_by_exponent(exponents: Sequence[float], shares: Sequence[float], *, ax: Axes) -> None:
    """Draw the share of all directions for which the touching point has a zero coordinate, by p."""
    drawing.line(ax, "shares", exponents, shares, marker="o", color=CHOSEN)
    title = "Below p = 1 corners are sharper and catch more"
    drawing.label(ax, title, "exponent p", "share of directions with a zero", ylim=(-0.03, 1.05))


@drawing.plot(columns=2, size=(9.6, 4.2))
def penalty_and_prox(p: float = 0.5, weight: float = 1.0, *, ax: np.ndarray) -> None:
    """Draw the penalty weight |z|^p, and its proximal operator beside the hard and the soft threshold."""
    z = np.linspace(-REACH, REACH, 601)
    for (exponent, name), dashes in zip(EXPONENTS.items(), (":", "-.", "--", "-"), strict=True):
        look = {"color": MUTED, "linewidth": 1.2, "linestyle": dashes, "label": name}
        drawing.line(ax[0], name, z, _penalty(z, weight, exponent), **look)
    drawing.line(ax[0], "chosen", z, _penalty(z, weight, p), color=CHOSEN, linewidth=2.4, label="chosen p")
    drawing.label(ax[0], f"penalty weight · |z|^p, p = {p:.3g}", "z", "penalty", xlim=(-REACH, REACH))
    ax[0].set_ylim(-0.2, max(PENALTY, 1.2 * weight))
    x = np.linspace(-REACH, REACH, 1201)
    drawing.line(ax[1], "identity", x, x, color=MUTED, linestyle=":", linewidth=1.2, label="z = x, no penalty")
    for exponent, name, color in ((1, "p = 1: soft threshold", "#009E73"), (0, "p = 0: hard threshold", KEPT)):
        drawing.line(ax[1], name, x, _broken(x, weight, exponent), color=color, linewidth=1.4, label=name)
    drawing.line(ax[1], "chosen", x, _broken(x, weight, p), color=CHOSEN, linewidth=2.4, label="chosen p")
    threshold = lp_threshold(weight, p)
    for side in (-1, 1):
        at = side * threshold if threshold else np.nan
        drawing.vertical(ax[1], f"threshold {side}", at, color="0.4", linestyle="--", linewidth=1)
    jump = f", then jumps to {smallest_nonzero(weight, p):.3g}" if p < 1 else ""
    note = f"0 up to {threshold:.3g}{jump}" if threshold else "0 only at x = 0"
    drawing.label(ax[1], f"its prox: {note}", "x", "z", xlim=(-REACH, REACH), ylim=(-REACH, REACH))
    for panel in ax:
        drawing.legend(panel, loc="lower right" if panel is ax[1] else "upper center", fontsize=8)


def _penalty(z: np.ndarray, weight: float, p: float) -> np.ndarray:
    if weight == 0:
        return np.zeros_like(z)
    with np.errstate(over="ignore"):
        return weight * ((z != 0) if p == 0 else np.abs(z) ** p)


def _broken(x: np.ndarray, weight: float, p: float) -> np.ndarray:
    """Return the proximal operator with a gap in the line where it jumps."""
    z = lp_prox(x, weight, p)
    if p < 1 and weight:
        lands = np.flatnonzero((z[1:] == 0) != (z[:-1] == 0))
        z[lands + (z[lands] != 0)] = np.nan  # the zero of the two values at a jump
    return z


@drawing.plot(columns=2, size=(9.6, 3.9))
def weight_histogram(weights: np.ndarray, sparsity_threshold: float = 0.1, *, ax: np.ndarray) -> None:
    """Draw the distribution of weights with the threshold, and the share that each threshold would set to zero."""
    size = np.sort(np.abs(np.ravel(weights)))
    reach = float(np.max(size, where=np.isfinite(size), initial=0)) or 1.0
    counts, edges = np.histogram(weights, bins=BINS, range=(-reach, reach))
    centers = (edges[1:] + edges[:-1]) / 2
    gone = np.abs(centers) <= sparsity_threshold
    for name, color, shown in (("kept", KEPT, ~gone), ("gone", GONE, gone)):
        steps = np.repeat(np.where(shown, counts, 0), 2)
        drawing.area(ax[0], name, np.repeat(edges, 2), [0, *steps, 0], color=color, linewidth=0)
    drawing.band(ax[0], "zeroed", -sparsity_threshold, sparsity_threshold, color=GONE, alpha=0.12)
    share = np.searchsorted(size, sparsity_threshold, side="right") / max(1, size.size)
    title = f"|w| up to {sparsity_threshold:.3g} becomes 0: {share:.1%} of {size.size:,}"
    highest = max(1, 1.05 * counts.max())
    drawing.label(ax[0], title, "weight", "weights", xlim=(-reach, reach), ylim=(0, highest))
    up_to = np.arange(1, size.size + 1) / max(1, size.size)
    drawing.line(ax[1], "shares", size, up_to, color=KEPT, drawstyle="steps-post")
    drawing.vertical(ax[1], "threshold", sparsity_threshold, color=GONE, linestyle="--")
    drawing.line(ax[1], "here", [sparsity_threshold], [share], marker="o", color=GONE, linestyle="")
    drawing.label(ax[1], "A larger threshold is sparser", "sparsity threshold", "share of zeros", xlim=(0, reach))
    ax[1].set_ylim(-0.03, 1.03)


@drawing.plot(columns=2, size=(9.6, 4.0))
def regularization_path(
    alphas: np.ndarray, weights: np.ndarray, alpha: float | None = None, *, names: Sequence[str] = (), ax: np.ndarray
) -> None:
    """Draw the weights (alphas, features) along a path of strengths, and how many are not zero; one alpha is marked.

    The largest weights are labelled if `names` is given. The title counts the weights at the path's nearest alpha.
    """
    alphas, weights = np.asarray(alphas), np.asarray(weights)
    shown = set(np.argsort(-np.abs(weights).max(axis=0))[:NAMED])
    for j in range(weights.shape[1]):
        label = {"label": names[j]} if j < len(names) and j in shown else {}
        look = {"linewidth": 1.4} if j in shown else {"linewidth": 0.8, "color": MUTED, "alpha": 0.7}
        drawing.line(ax[0], f"weight {j}", alphas, weights[:, j], **look, **label)
    drawing.line(ax[1], "nonzeros", alphas, np.count_nonzero(weights, axis=1), color=KEPT, drawstyle="steps-mid")
    for panel in ax:
        drawing.vertical(panel, "alpha", np.nan if alpha is None else alpha, color=CHOSEN, linestyle="--")
        panel.set(xscale="log", xlabel="strength alpha")
    ax[0].set(title="Weights leave zero one by one as alpha falls", ylabel="weight")
    ax[1].set(title=_title_of_path(alphas, weights, alpha), ylabel="weights that are not zero")
    if len(names):
        drawing.legend(ax[0], fontsize=8, ncols=2)


def _title_of_path(alphas: np.ndarray, weights: np.ndarray, alpha: float | None) -> str:
    if alpha is None:
        return f"{weights.shape[1]} weights"
    nearest = int(np.argmin(np.abs(np.log(alphas / alpha))))
    return f"{np.count_nonzero(weights[nearest])} of {weights.shape[1]} weights at alpha = {alphas[nearest]:.3g}"


@drawing.plot(columns=2, size=(9.6, 4.2))
def convergence(runs: Mapping[str, tuple[np.ndarray, np.ndarray]], floor: float = 1e-12, *, ax: np.ndarray) -> None:
    """Draw the gap between each solver's objective and the best one, by iteration and by time.

    `runs` holds (seconds, gaps) for each solver, arrays of equal length; a gap below `floor` is drawn at `floor`.
    """
    for i, (name, (seconds, gaps)) in enumerate(runs.items()):
        gaps = np.maximum(gaps, floor)
        look = {"color": f"C{i % 7}", "linestyle": ("-", "--", ":", "-.")[i // 7 % 4]}
        drawing.line(ax[0], name, 1 + np.arange(len(gaps)), gaps, label=name, **look)
        drawing.line(ax[1], name, 1e3 * np.maximum(seconds, 1e-6), gaps, **look)
    for panel, label in zip(ax, ("iteration", "time in ms"), strict=True):
        panel.set(xscale="log", yscale="log", xlabel=label, ylabel="objective above the best")
    ax[0].set_title("by iteration")
    ax[1].set_title("by time")
    if not ax[0].figure.legends:
        ax[0].figure.legend(*ax[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)


@drawing.plot(columns=2, size=(9.6, 4.2))
def touched_rows(
    table: np.ndarray, indices: np.ndarray, p: float = 1.0, reg_lambda: float = 0.1, *, ax: np.ndarray
) -> None:
    """Draw a table after a batch shrank some of its rows, the share that each row lost, and how often it was named."""
    after = table.copy()
    sparse_lp_regularizer(after, indices, p, reg_lambda)
    times = np.bincount(np.ravel(indices), minlength=len(table))
    named = np.flatnonzero(times)
    reach = float(np.abs(table).max())
    drawing.image(ax[0], "table", after, -reach, reach, cmap="PuOr_r", aspect="auto", interpolation="nearest")
    size = np.abs(table).sum(axis=1)
    lost = 1 - np.abs(after).sum(axis=1) / np.where(size == 0, 1, size)
    lost[size == 0] = 0  # a row of zeros cannot lose anything
    colors = [GONE if count else MUTED for count in times]
    drawing.bars(ax[1], "lost", np.arange(len(table)), lost, colors, width=0.8)
    for row, count in enumerate(times):
        drawing.write(ax[1], f"count {row}", row, lost[row] + 0.02, str(count or ""), ha="center", fontsize=8)
    title = f"the table after: {len(named)} of {len(table)} rows were named"
    drawing.label(ax[0], title, "column", "rows that were named")
    ax[0].set_yticks(named)
    title = f"{np.mean(after == 0):.0%} of the table is 0; above a bar: times named"
    drawing.label(ax[1], title, "row", "share of the row that is lost", ylim=(0, 1.1))
    ax[1].set_xticks(range(0, len(table), 1 + len(table) // 12))


@drawing.plot(size=(6.8, 4.2))
def by_frequency(
    frequencies: np.ndarray, values: Mapping[str, np.ndarray], *, ylabel: str = "size of the row", ax: Axes
) -> None:
    """Draw a value of each row against the frequency of its id; for many rows, the medians of groups as well."""
    many = len(frequencies) > MANY
    for i, (name, each) in enumerate(values.items()):
        look = {"linestyle": "", "marker": "os^Dv"[i % 5], "color": f"C{i}"}
        look |= {"markersize": 2, "alpha": 0.25} if many else {"markersize": 5, "alpha": 0.75, "label": name}
        drawing.line(ax, name, frequencies, each, **look)
        if many:
            medians = _medians(np.asarray(frequencies), np.asarray(each))
            drawing.line(ax, f"{name}, medians", *medians, color=f"C{i}", linewidth=2.5, label=f"{name}, median")
    ax.set(xscale="log", xlabel="chance that a batch names the row", ylabel=ylabel)
    drawing.legend(ax, fontsize=9)


def _medians(frequencies: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return medians of frequencies and values in groups of similar frequency, starting with the rarest."""
    edges = np.geomspace(frequencies.min(), frequencies.max(), GROUPS + 1)[1:-1]
    group = np.digitize(frequencies, edges)
    there = np.unique(group)
    return tuple(np.array([np.median(of[group == g]) for g in there]) for of in (frequencies, values))


@drawing.plot(columns=2, size=(9.6, 3.9))
def decay_and_prox(reg_lambda: float = 0.1, steps: int = 20, *, ax: np.ndarray) -> None:
    """Draw the factor of one step of decay and of the proximal operator, and the share left after several steps."""
    strengths = np.linspace(1e-3, 0.999, 400)
    factors = {"decay: 1 - lambda": lambda s: 1 - s, "proximal operator: 1 / (1 + lambda)": lambda s: 1 / (1 + s)}
    count = np.arange(steps + 1)
    for i, (name, factor) in enumerate(factors.items()):
        drawing.line(ax[0], name, strengths, factor(strengths), color=f"C{i}", label=name)
        drawing.line(ax[0], f"here {i}", [reg_lambda], [factor(reg_lambda)], color=f"C{i}", marker="o", linestyle="")
        drawing.line(ax[1], name, count, factor(reg_lambda) ** count, color=f"C{i}", marker=".", label=name)
    drawing.vertical(ax[0], "lambda", reg_lambda, color="0.4", linestyle="--", linewidth=1)
    drawing.label(ax[0], "One step", "reg_lambda", "factor for the weight", xlim=(0, 1), ylim=(0, 1.03))
    drawing.label(ax[1], f"lambda = {reg_lambda:.3g}", "steps", "share of the weight that is left")
    ax[1].set(xlim=(0, max(steps, 1)), ylim=(0, 1.03))
    drawing.legend(ax[0], fontsize=9, loc="lower left")


@drawing.plot(columns=2, size=(9.6, 4.0))
def error_by_strength(
    alphas: np.ndarray, errors: Mapping[str, Mapping[str, np.ndarray]], noise: float, *, ax: np.ndarray
) -> None:
    """Draw validation errors (data sets, alphas) against alpha: one panel per truth, one line per penalty."""
    for panel, (truth, of) in zip(ax, errors.items(), strict=True):
        for i, (name, each) in enumerate(of.items()):
            drawing.line(panel, name, alphas, np.mean(each, axis=0), color=f"C{i}", label=name)
        level = np.full(len(alphas), noise)
        drawing.line(panel, "noise", alphas, level, color=MUTED, linestyle=":", label="noise alone")
        panel.set(title=truth, xscale="log", xlabel="strength alpha", ylabel="squared error, validation data")
    drawing.legend(ax[0], fontsize=9)


@drawing.plot(size=(6.8, 4.2))
def error_with_spread(alphas: np.ndarray, errors: Mapping[str, np.ndarray], *, ax: Axes) -> None:
    """Draw mean errors (folds, alphas) on left-out data against alpha, with bands of one standard error."""
    for i, (name, each) in enumerate(errors.items()):
        mean, error = np.mean(each, axis=0), np.std(each, axis=0, ddof=1) / math.sqrt(len(each))
        around = np.concatenate([alphas, alphas[::-1]]), np.concatenate([mean - error, (mean + error)[::-1]])
        drawing.area(ax, f"{name}, spread", *around, color=f"C{i}", alpha=0.15, linewidth=0)
        drawing.line(ax, name, alphas, mean, color=f"C{i}", label=name)
    ax.set(xscale="log", xlabel="strength alpha", ylabel="squared error on left-out data")
    drawing.legend(ax, fontsize=9)
