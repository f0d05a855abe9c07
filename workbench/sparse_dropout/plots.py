"""Plot dropout with replacement."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from workbench import drawing
from workbench.sparse_dropout import (
    dropout_with_replacement,
    dropout_with_replacement_gradient,
    sparse_dropout_with_replacement,
)
from workbench.sparse_dropout.strategies import STRATEGIES

KEPT, DROPPED, REPLACED, EMPTY = "#0072B2", "#8C8C8C", "#D55E00", "#FFFFFF"
CELLS = ListedColormap([EMPTY, KEPT, DROPPED, REPLACED])
EMPTY_CELL, KEPT_CELL, DROPPED_CELL, REPLACED_CELL = range(4)
CELLS_AND_ZEROS = ListedColormap([*CELLS.colors, "#F0E442"])
WASTED_CELL = 4  # a zero was dropped here
PICTURE = (24, 32)  # examples and features
FIELD = 64  # elements along each side of a mask field
FIELD_RATIOS = (0.1, 0.3, 0.5, 0.9)
BINS = np.linspace(-1.0, 7.0, 81)
NUMBERED = 14  # longest row, in cells, in which the numbers fit into their cells


@drawing.plot(columns=2, size=(9.6, 4.4))
def ragged(
    values: np.ndarray, lengths: np.ndarray, ratio: float = 0.3, seed: int = 1, *, new: int = -1, ax: np.ndarray
) -> None:
    """Draw the segments of a ragged array as rows, before and after dropout: kept, dropped, replaced."""
    y, output_lengths = sparse_dropout_with_replacement(values, lengths, ratio, new, seed=seed)
    marks, _ = dropout_with_replacement(np.zeros(len(lengths)), ratio, 1.0, seed=seed)  # the same draws
    dropped = marks == 1
    width = max(1, int(lengths.max(initial=0)))
    before = _cells(lengths, np.where(dropped, DROPPED_CELL, KEPT_CELL), width)
    after = _cells(output_lengths, np.where(dropped, REPLACED_CELL, KEPT_CELL), width)
    panels = (("before", before, values, lengths), ("after", after, y, output_lengths))
    for panel, (name, cells, numbers, counts) in zip(ax, panels, strict=True):
        drawing.image(panel, "cells", cells, 0, len(CELLS.colors) - 1, cmap=CELLS, aspect="auto")
        _write_numbers(panel, numbers, counts, width)
        panel.set(title=f"{name}: {len(numbers)} values in {len(counts)} segments")
        panel.set_yticks(range(len(counts)))
        panel.set_xticks(range(0, width, 1 + width // NUMBERED))
        panel.tick_params(length=0)
    ax[0].set(ylabel="segment", xlabel="place in the segment (grey: to be dropped)")
    ax[1].set(
        title=f"after: {int(dropped.sum())} of {len(lengths)} segments are one value each, {len(y)} values",
        xlabel="place in the segment (orange: the replacement)",
    )


def _cells(lengths: np.ndarray, kinds: np.ndarray, width: int) -> np.ndarray:
    inside = np.arange(width) < np.asarray(lengths)[:, None]
    return np.where(inside, kinds[:, None], EMPTY_CELL)


def _write_numbers(panel: Axes, numbers: np.ndarray, lengths: np.ndarray, width: int) -> None:
    rows = np.split(numbers, np.cumsum(lengths)[:-1]) if width <= NUMBERED else []
    words = {f"number {i} {j}": (j, i, str(number)) for i, row in enumerate(rows) for j, number in enumerate(row)}
    for text in panel.texts:
        words.setdefault(text.get_gid(), (*text.get_position(), ""))
    for key, word in words.items():
        drawing.write(panel, key, *word, ha="center", va="center", fontsize=8, color="white")


@drawing.plot(columns=len(FIELD_RATIOS), size=(9.6, 3.0))
def mask_fields(seed: int = 1, *, ratios: Sequence[float] = FIELD_RATIOS, ax: np.ndarray) -> None:
    """Draw which of 64 x 64 elements are dropped (dark) at several ratios with one seed: a larger ratio only adds."""
    for panel, ratio in zip(ax, ratios, strict=True):
        _, dropped = dropout_with_replacement(np.zeros((FIELD, FIELD), np.float32), ratio, seed=seed)
        drawing.image(panel, "field", dropped, 0, 1, cmap=ListedColormap(["#F1F1F1", "#222222"]))
        panel.set_axis_off()
        panel.set_title(f"ratio {ratio:g}: {dropped.mean():.1%} dropped", fontsize=10)


def sparse_responses(sparsity: float = 0.6, examples: int = 400, features: int = 50) -> np.ndarray:
    """Return responses (examples, features) like those of a rectifier: some zeros, the rest positive and skewed."""
    rng = np.random.default_rng(7)
    responses = rng.gamma(2.0, 0.8, (examples, features)) + 0.2
    return np.where(rng.random((examples, features)) < sparsity, 0.0, responses)


@drawing.plot(columns=3, size=(9.6, 3.6))
def dropped_elements(
    sparsity: float = 0.6,
    ratio: float = 0.3,
    replacement: str = "mean",
    seed: int = 1,
    part: str = "all",
    *,
    ax: np.ndarray,
) -> None:
    """Draw a matrix with many zeros, its dropped elements, and the output.

    `part` is "all" (every element) or "stored" (zeros are not stored and are never dropped).
    """
    x = sparse_responses(sparsity, *PICTURE)
    y, dropped = dropout_with_replacement(x, ratio, replacement, seed=seed)
    if part == "stored":
        there = x != 0
        y, dropped = np.where(there, y, 0.0), dropped & there
    kinds = np.where(dropped, np.where(x == 0, WASTED_CELL, REPLACED_CELL), np.where(x == 0, EMPTY_CELL, KEPT_CELL))
    drawing.image(ax[0], "picture", x, 0.0, 5.0, aspect="auto")
    drawing.image(ax[1], "picture", kinds, 0, WASTED_CELL, cmap=CELLS_AND_ZEROS, aspect="auto")
    drawing.image(ax[2], "picture", y, 0.0, 5.0, aspect="auto")
    draws = x.size if part == "all" else int((x != 0).sum())
    wasted = int((x == 0).sum()) if part == "all" else 0
    ax[0].set(title=f"x: {np.mean(x == 0):.0%} zeros", ylabel="example")
    ax[1].set(title=f"{draws} draws, {wasted} of them for zeros")
    ax[2].set(title=f"y: {np.mean(y == 0):.0%} zeros")
    for panel in ax:
        panel.set_xlabel("feature")
    ax[1].set_xlabel("feature (orange: replaced, yellow: a zero replaced)")


def mean_and_variance(x: np.ndarray, ratio: float, value: float, scaled: bool = False) -> tuple[float, float]:
    """Return the mean and variance of y for a random element of x and a random draw.

    With the mean m and variance s^2 of x, the ratio p, q = 1 - p and the value v, they are q m + p v and
    q s^2 + p q (m - v)^2; if scaled, m and (s^2 + p (m - v)^2) / q.
    """
    mean, variance = float(np.mean(x)), float(np.var(x))
    kept = 1 - ratio
    if scaled and 0 < ratio < 1:
        return mean, (variance + ratio * (mean - value) ** 2) / kept
    return kept * mean + ratio * value, kept * variance + ratio * kept * (mean - value) ** 2


@drawing.plot(columns=len(STRATEGIES), size=(9.6, 3.5))
def output_distribution(
    sparsity: float = 0.6, ratio: float = 0.3, seed: int = 1, scaled: bool = False, part: str = "all", *, ax: np.ndarray
) -> None:
    """Draw the distribution of the output for each strategy, with its derived and measured mean and variance.

    `part` is "all" (every element) or "stored" (only the non-zero elements).
    """
    x = sparse_responses(sparsity)
    x = x if part == "all" else x[x != 0]
    for panel, strategy in zip(ax, STRATEGIES, strict=True):
        y, dropped = dropout_with_replacement(x, ratio, strategy, seed=seed, scaled=scaled)
        value = float(y[dropped][0]) if dropped.any() else 0.0
        mean, variance = mean_and_variance(x, ratio, value, scaled)
        for name, numbers, color in (("x", x, "0.75"), ("y", y, "C0")):
            share = np.histogram(numbers, BINS)[0] / max(numbers.size, 1)
            drawing.line(panel, name, BINS[:-1], share, drawstyle="steps-post", color=color, label=name, linewidth=1.6)
        drawing.vertical(panel, "value", value, color="C1", linestyle="--", linewidth=1.4, label="new value")
        derived = f"mean      {mean:8.3f}  {y.mean():8.3f}\nvariance  {variance:8.3f}  {y.var():8.3f}"
        words = f"          derived  measured\n{derived}"
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
        look = {"ha": "right", "va": "top", "multialignment": "left", "fontsize": 8, "family": "monospace", "bbox": box}
        drawing.write(panel, "moments", 0.98, 0.97, words, transform=panel.transAxes, **look)
        limits = {"xlim": (-1.1, 7.1), "ylim": (5e-4, 2)}
        drawing.label(panel, f"replaced by {strategy}", "value", "", yscale="log", **limits)
    ax[0].set_ylabel("share of elements")
    drawing.legend(ax[0], loc="center right")


@drawing.plot(columns=3, size=(9.6, 3.4))
def gradient_flow(ratio: float = 0.3, seed: int = 1, scaled: bool = False, *, ax: np.ndarray) -> None:
    """Draw where a gradient of ones flows: to the input if it was kept, to the replacement if it was dropped."""
    examples, features = 8, 12
    x = np.random.default_rng(3).standard_normal((examples, features))
    _, dropped = dropout_with_replacement(x, ratio, np.zeros(features), seed=seed, scaled=scaled)
    dx, dreplacement = dropout_with_replacement_gradient(
        np.ones_like(x), dropped, ratio=ratio, scaled=scaled, replacement_shape=(features,)
    )
    largest = max(2.0, float(dx.max()))
    panels = (("dropped", dropped, 1.0, "gray_r"), (f"to the input: 0 or {dx.max():.3g}", dx, largest, "cividis"))
    for panel, (title, picture, high, colors) in zip(ax, panels, strict=False):
        drawing.image(panel, "picture", picture, 0.0, high, cmap=colors, aspect="auto")
        panel.set(title=title, xlabel="feature", xticks=range(0, features, 2))
    ax[0].set_ylabel("example")
    drawing.bars(ax[2], "feature", np.arange(features), dreplacement, "#D55E00")
    ax[2].set(
        title="to the replacement, summed",
        xlabel="feature",
        xticks=range(0, features, 2),
        ylim=(min(-1.1 * examples, 1.1 * dreplacement.min()) if scaled else 0, 1.1 * examples),
    )


@drawing.plot(size=(7.2, 3.6))
def draws(counts: Mapping[str, Mapping[str, float]], *, ax: Axes) -> None:
    """Draw the number of decisions per example, {data: {operator: draws}}, as bars on a log scale."""
    operators = list(dict.fromkeys(operator for of in counts.values() for operator in of))
    colors = dict(zip(operators, ("#999999", "#0072B2", "#D55E00"), strict=False))
    place = 0
    places, labels = [], []
    for data, of in counts.items():
        for operator in operators:
            if operator in of:
                drawing.bars(ax, f"{data} {operator}", [place], [of[operator]], colors[operator], width=0.8)
                drawing.write(
                    ax, f"{data} {operator} count", place, of[operator] * 1.12, f"{of[operator]:,.0f}", ha="center"
                )
                places.append(place)
                labels.append(operator)
                place += 1
        middle = place - 1 - (len(of) - 1) / 2
        drawing.write(
            ax, data, middle, 0.98, data, transform=ax.get_xaxis_transform(), ha="center", va="top", weight="bold"
        )
        place += 1
    ax.set_xticks(places, [label.replace(" ", "\n") for label in labels])
    ax.set(yscale="log", ylim=(1, 8 * max(max(of.values()) for of in counts.values())), ylabel="decisions per example")
    ax.set_title("Random decisions that dropout makes")


@drawing.plot(columns=4, size=(10.4, 3.4))
def losses_by_ratio(ratios: Sequence[float], losses: Mapping[str, Mapping[str, np.ndarray]], *, ax: np.ndarray) -> None:
    """Draw log losses {method: {condition: (seeds, ratios)}}: one panel per condition, one line per method.

    The error bars are standard errors over the seeds.
    """
    conditions = list(next(iter(losses.values())))
    for panel, condition in zip(ax, conditions, strict=True):
        panel.clear()
        for method, of in losses.items():
            values = of[condition]
            spread = values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.zeros(len(ratios))
            panel.errorbar(ratios, values.mean(axis=0), spread, marker="o", markersize=5, capsize=3, label=method)
        panel.set(title=condition, xlabel="ratio dropped in training")
    ax[0].set_ylabel("log loss of new examples")
    ax[0].legend()
