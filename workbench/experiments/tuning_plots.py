"""Plots of tuning: progress of samplers, effect of hyperparameters, differences between folds, savings of pruning."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from workbench import drawing
from workbench.sweep.points import Points

COLOURS = {"grid": "C6", "random": "C5", "qmc": "C2", "tpe": "C1", "gp": "C3"}
MARKERS = {"grid": "s", "random": "o", "qmc": "^", "tpe": "D", "gp": "v"}
CLOSE, FAR = "#D55E00", "#999999"


@drawing.plot(columns=2, size=(9.6, 4.0))
def samplers(problems: Mapping[str, Mapping[str, np.ndarray]], *, ax: np.ndarray) -> None:
    """Draw the best loss so far (seeds, trials) by problem and sampler: the mean over seeds, and each seed thinly."""
    for panel, (problem, curves) in zip(ax, problems.items(), strict=True):
        for name, curve in curves.items():
            steps = np.arange(1, curve.shape[1] + 1)
            panel.plot(steps, curve.T, color=COLOURS[name], alpha=0.35, linewidth=0.8)
            look = {"marker": MARKERS[name], "markevery": max(1, len(steps) // 8), "markersize": 5}
            if name == "random":  # dashed, since tpe starts with the same trials
                look |= {"linestyle": (0, (2, 2)), "zorder": 3}
            panel.plot(steps, curve.mean(axis=0), color=COLOURS[name], label=name, **look)
        panel.set(title=problem, xlabel="trials", ylabel="best loss so far", yscale="log")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain_log(panel)
    ax[0].legend(title="mean over seeds")


@drawing.plot(rows=2, columns=4, size=(11.0, 5.6))
def responses(problems: Mapping[str, tuple[Points, np.ndarray, Mapping[str, float]]], *, ax: np.ndarray) -> None:
    """Draw the loss against each hyperparameter, at most four of them, with a row for each problem.

    A problem is given by its trials, whether each is known to be worse than the best, and `main_effects`.
    """
    for row, (problem, (points, worse, shares)) in zip(ax, problems.items(), strict=True):
        for panel, name in zip(row, points.parameters, strict=False):
            axis, loss = points.axis(name), points.values[:, 0]
            panel.plot(axis.places[worse], loss[worse], "o", color=FAR, markersize=4, alpha=0.7, label="worse")
            panel.plot(axis.places[~worse], loss[~worse], "o", color=CLOSE, markersize=4, label="perhaps as good")
            panel.set(title=f"{name}: {shares[name]:.2f}", yscale="log", xscale="log" if axis.log else "linear")
            _plain_log(panel)
        for panel in row[len(points.parameters) :]:
            panel.set_axis_off()
        row[0].set_ylabel(f"{problem}\nloss")
    spare = [panel for panel in ax.flat if not panel.axison]
    shown = ax[-1, 0].get_legend_handles_labels()
    (spare[0] if spare else ax[0, 0]).legend(*shown, title="compared with the best", loc="center")
    drawing.figure_of(ax).suptitle("Loss by hyperparameter, and its share of the loss's variance", x=0.01, ha="left")


@drawing.plot(size=(7.2, 4.0))
def folds(scores: np.ndarray, shown: int = 8, *, ax: Axes) -> None:
    """Draw the `shown` best trials of `scores` (trials, folds) fold by fold, with the best one in colour."""
    best = np.argsort(scores.mean(axis=1), kind="stable")[:shown]
    places = np.arange(1, scores.shape[1] + 1)
    for i, trial in enumerate(best[:0:-1]):
        label = f"the next {len(best) - 1}" if i == 0 else None
        ax.plot(places, scores[trial], "o-", color=FAR, linewidth=1, markersize=3, label=label)
    ax.plot(places, scores[best[0]], "o-", color=CLOSE, label="the best trial")
    ax.set(
        title=f"The best {len(best)} trials, fold by fold", xlabel="fold", ylabel="loss", ylim=(0, None), xticks=places
    )
    ax.legend()


@drawing.plot(size=(6.8, 4.0))
def winners_curse(trials: Sequence[int], seeming: Sequence[float], true: Sequence[float], *, ax: Axes) -> None:
    """Draw the seeming and the true loss of the best of several trials against their number."""
    ax.fill_between(trials, seeming, true, color="#E5E5E5")
    ax.plot(trials, true, "o-", color="C0", label="on folds that did not choose it")
    ax.plot(trials, seeming, "s-", color="C1", label="on the folds that chose it")
    ax.set(title="The winner's curse", xlabel="trials to choose from", ylabel="loss of the best", xscale="log")
    ax.set_yscale("log")
    ax.set_xticks(trials, list(map(str, trials)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    _plain_log(ax)
    ax.legend()


@drawing.plot(size=(5.6, 5.0))
def best_of(scores: np.ndarray, tried: int, draw: int, *, ax: Axes) -> None:
    """Draw trials by their loss on the half of the folds that chooses the best, and on the half that judges it.

    `scores` has the shape (trials, folds). `draw` is the seed that selects the trials that are `tried`, and divides the
    folds.
    """
    rng = np.random.default_rng(draw)
    chosen = rng.permutation(len(scores))[:tried]
    choosing, judging = (scores[:, part].mean(axis=1) for part in np.array_split(rng.permutation(scores.shape[1]), 2))
    best = chosen[choosing[chosen].argmin()]
    low = scores.mean(axis=1).min()
    limits = (0.3 * low, 6 * low)  # the same for all draws; trials that are much worse are not shown
    drawing.line(ax, "equal", limits, limits, color="0.6", linestyle=":", linewidth=1.2, label="as good as it seems")
    for key, of, look in (
        ("others", slice(None), {"color": "#CCCCCC", "markersize": 3, "label": "not tried"}),
        ("tried", chosen, {"color": "C0", "markersize": 5, "label": "tried"}),
        ("best", [best], {"color": CLOSE, "markersize": 10, "marker": "D", "label": "the best of them, it seems"}),
    ):
        drawing.line(ax, key, choosing[of], judging[of], **{"linestyle": "none", "marker": "o"} | look)
    title = f"The best of {len(chosen)} seems to have {choosing[best]:.3f}, and has {judging[best]:.3f}"
    drawing.label(ax, title, "loss on the folds that choose", "loss on the other folds", xlim=limits, ylim=limits)
    ax.set(xscale="log", yscale="log", aspect="equal")
    _plain_log(ax, "x")
    _plain_log(ax)
    drawing.legend(ax, loc="upper left")


@drawing.plot(columns=4, size=(10.4, 2.9))
def pruned(folds_of: Mapping[str, Sequence[int]], best: Mapping[str, int], *, ax: np.ndarray) -> None:
    """Draw how many folds each trial computed, for four pruners, with the best trial in colour."""
    for panel, (name, counts) in zip(ax, folds_of.items(), strict=True):
        colours = [CLOSE if number == best[name] else "C5" for number in range(len(counts))]
        panel.bar(range(len(counts)), counts, color=colours, width=0.9)
        panel.set(title=f"{name}: {sum(counts)} folds", xlabel="trial", ylim=(0, max(max(folds_of["none"]), 1)))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(axis="x", visible=False)
    ax[0].set_ylabel("folds computed")


@drawing.plot(size=(7.0, 4.2))
def front(points: Points, name: str, *, ax: Axes) -> None:
    """Draw two objectives against each other, coloured by a hyperparameter, and the Pareto front."""
    values, best = points.values, points.front()
    ax.plot(values[best, 0], values[best, 1], color="black", linewidth=1, drawstyle="steps-post", label="Pareto front")
    drawn = ax.scatter(values[:, 0], values[:, 1], c=points.parameters[name], s=28, edgecolors="white", linewidths=0.5)
    ax.figure.colorbar(drawn, ax=ax, label=name)
    first, second = points.objectives
    ax.set(title=f"{len(best)} trials on the front", xlabel=first.name, ylabel=second.name, xscale="log")
    _plain_log(ax, "x")
    ax.legend()


def _plain_log(ax: Axes, which: str = "y") -> None:
    """Write numbers such as 0.1 instead of powers of ten on a logarithmic axis, at few places."""
    axis = getattr(ax, f"{which}axis")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())
