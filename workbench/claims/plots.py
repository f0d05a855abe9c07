"""Pictures of verdicts: how many claims of each text hold, fail, depend or are open, and the numbers behind one."""

import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from workbench import drawing
from workbench.claims.claim import KINDS, TEXTS, Verdict
from workbench.claims.evidence import saved
from workbench.claims.ledger import find
from workbench.claims.rules import MARGIN, VERDICTS, Apart, Exact, Interval, Rule, interval, judge
from workbench.drawing import plot
from workbench.training.plots import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DARK, LIVE = "#555555", "#0072B2"
WIDTH, ROW, LEFT = 160, 22, 6  # size of a strip in pixels
DECADES = 2.0  # numbers that are all positive and spread over more than this are drawn on a logarithmic axis


@plot(columns=2, size=(9.6, 3.6))
def summary(verdicts: Sequence[Verdict], *, ax: "Axes") -> None:
    """Draw how many claims have each verdict, by source text on the left and by kind on the right."""
    _bars(ax[0], "by source text", [(text, [v for v in verdicts if v.claim.text == text]) for text in TEXTS])
    _bars(ax[1], "by kind of claim", [(kind, [v for v in verdicts if v.claim.kind == kind]) for kind in KINDS])
    handles, labels = ax[0].get_legend_handles_labels()
    ax[0].figure.legend(handles, labels, ncols=len(VERDICTS), loc="outside lower center")


def _bars(ax: "Axes", title: str, groups: Sequence[tuple[str, list[Verdict]]]) -> None:
    names = [name for name, _ in groups]
    left = [0] * len(groups)
    for verdict in VERDICTS:
        counts = [Counter(each.verdict for each in members)[verdict] for _, members in groups]
        bars = ax.barh(names, counts, left=left, color=COLOURS[verdict], label=verdict)
        ax.bar_label(bars, [str(count) if count else "" for count in counts], label_type="center", fontsize=9)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    ax.invert_yaxis()
    ax.set(title=title, xlabel="number of claims")
    ax.grid(axis="y", visible=False)


@plot(size=(7.2, 2.6))
def decision(seeds: int, gain: float, spread: float, *, ax: "Axes") -> None:
    """Draw made-up gains of some seeds, the 99 % interval of their mean, and the margin that it is compared with."""
    values = gain + spread * np.random.default_rng(0).standard_normal(100)[:seeds]
    (low, high), verdict = interval(values), Interval("gain", above=MARGIN).judge(values)
    drawing.band(ax, "margin", MARGIN, 10.0, color=COLOURS["holds"], alpha=0.12)
    drawing.vertical(ax, "bound", MARGIN, color="#222222", linestyle="--", linewidth=1)
    drawing.line(ax, "seeds", values, np.ones(seeds), color="#0072B2", marker="o", linestyle="", alpha=0.5)
    for name, colour in COLOURS.items():
        ends = (low, high) if name == verdict else (np.nan, np.nan)
        drawing.line(ax, name, ends, (0, 0), color=colour, linewidth=7, solid_capstyle="butt")
    drawing.line(ax, "mean", [values.mean()], [0], color="#222222", marker="|", markersize=16, linestyle="")
    title = f"The interval is {low:+.3f} to {high:+.3f}: {verdict}"
    drawing.label(ax, title, "relative gain; the margin is the dashed line", "", xlim=(-0.3, 0.4), ylim=(-0.8, 1.6))
    ax.set_yticks([0, 1], ["interval\nof the mean", "seeds"])


@plot(size=(7.2, 2.8))
def numbers(verdict: Verdict, number: str, *, scale: str = "linear", ax: "Axes") -> None:
    """Draw one number of a verdict: a dot for each seed, a row for each setting, dashed lines for the rule's bounds.

    A bar is the 99 % interval of the mean, where the rule looks at it. The colour says what the rule answers.
    """
    rule = next(each for each in verdict.claim.rule if each.number == number)
    names = list(verdict.numbers)
    for row, seeds in enumerate(verdict.numbers.values()):
        values = [each[number] for each in seeds]
        colour = COLOURS[rule.judge(values)]
        ax.plot(values, np.full(len(values), row), "o", color=colour, alpha=0.6, label=rule.judge(values))
        if isinstance(rule, Interval):
            ax.plot(interval(values), (row + 0.3, row + 0.3), color=colour, linewidth=5, solid_capstyle="butt")
    for bound in filter(math.isfinite, _bounds(rule)):
        ax.axvline(bound, color="#222222", linestyle="--", linewidth=1)
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(
        *zip(*{label: (handle, label) for handle, label in zip(handles, labels, strict=True)}.values(), strict=True)
    )
    ax.set_yticks(range(len(names)), [name or f"{len(verdict.numbers[name])} seeds" for name in names])
    ax.set(xlabel=number, title=textwrap.fill(str(rule), 74), ylim=(len(names) - 0.4, -0.6), xscale=scale)


@plot(size=(7.6, 3.6))
def intervals(
    recorded: Mapping[str, Sequence[float]],
    live: Mapping[str, Sequence[float]] | None = None,
    *,
    measure: str = "relative gain",
    bounds: Sequence[float] = (MARGIN,),
    answers: Mapping[str, str] | None = None,
    ax: "Axes",
) -> None:
    """Draw a row for each name: a dot for each recorded world, and as a bar the 99 % interval of the mean.

    The worlds of a live run are drawn below, by the same names, in blue. Dashed lines are the bounds. The colour is the
    verdict that `answers` has for the row; by default, whether the interval lies above the first bound; grey without.
    """
    ax.figure.set_figheight(1.2 + (0.62 if live else 0.42) * len(recorded))
    if answers is None and bounds:
        answers = {name: judge(*interval(values), bounds[0]) for name, values in recorded.items()}
    for row, (name, values) in enumerate(recorded.items()):
        answer = (answers or {}).get(name, "recorded")
        _row(ax, name, row - 0.3 * bool(live), values, COLOURS.get(answer, DARK), answer)
        if live and name in live:
            _row(ax, f"live {name}", row + 0.12, live[name], LIVE, f"{len(live[name])} new worlds")
    for bound in bounds:
        drawing.vertical(ax, f"bound {bound}", bound, color="#222222", linestyle="--", linewidth=1)
    handles = dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    if ax.get_legend() is None or [text.get_text() for text in ax.get_legend().texts] != list(handles):
        ax.legend(handles.values(), handles.keys())
    ax.set_yticks(range(len(recorded)), list(recorded))
    ax.set(xlabel=measure, ylim=(len(recorded) - 0.4, -0.6))


def _row(ax: "Axes", name: str, place: float, values: Sequence[float], colour: str, label: str) -> None:
    dots = {"marker": "o", "linestyle": "", "alpha": 0.35, "markersize": 4}
    drawing.line(ax, f"{name}: worlds", values, np.full(len(values), place), color=colour, **dots)
    bar = {"linewidth": 5, "solid_capstyle": "butt", "label": label}
    drawing.line(ax, f"{name}: interval", interval(values), (place + 0.2, place + 0.2), color=colour, **bar)


@plot(size=(7.6, 3.8))
def first_worlds(claim: str, recorded: int, *, ax: "Axes") -> None:
    """Draw the first number that a claim is judged by, in the first worlds of its saved evidence."""
    verdict = saved(find(claim))
    rule, part = verdict.claim.rule[0], {name: seeds[:recorded] for name, seeds in verdict.numbers.items()}
    rows = {name or "one setting": [each[rule.number] for each in seeds] for name, seeds in part.items()}
    answers = {name: rule.judge(values) for name, values in rows.items()}
    if ax.get_gid() != claim:  # other rows and bounds
        ax.clear()
        ax.set_gid(claim)
    intervals(rows, measure=rule.number, bounds=_bounds(rule), answers=answers, ax=ax)
    ax.relim()
    ax.autoscale_view(scaley=False)
    ax.figure.set_figheight(3.8)
    ax.set_title(f"{claim} with {recorded} worlds: {verdict.claim.judge(part).verdict}")


@plot(size=(7.2, 3.4))
def growing(values: Sequence[float], bound: float, *, ax: "Axes") -> None:
    """Draw the mean of the first seeds and its 99 % interval, by the number of seeds."""
    counts = range(3, len(values) + 1)
    low, high = np.array([interval(values[:count]) for count in counts]).T
    ax.fill_between(counts, low, high, color="#0072B2", alpha=0.2, label="99 % interval")
    ax.plot(counts, [np.mean(values[:count]) for count in counts], color="#0072B2", label="mean")
    ax.axhline(bound, color="#222222", linestyle="--", linewidth=1, label="margin")
    places = np.arange(1, len(values) + 1)
    ax.plot(places, values, ".", color="#555555", alpha=0.4, label="one seed; some lie outside")
    ticks = [count for count in (1, 3, 10, 30, 100, 300, 1000) if count <= len(values)]
    ax.set(xscale="log", xlabel="seeds", ylabel="relative gain", ylim=np.quantile(values, (0.03, 0.97)))
    ax.set_xticks(ticks, [str(count) for count in ticks])
    ax.minorticks_off()
    ax.legend()


def strip(rule: Rule, values: Sequence[float]) -> Markup:
    """Return an SVG picture of the values of a rule's number: a dot for each seed, dashed lines for the rule's bounds.

    A bar is the 99 % interval of the mean, where the rule looks at it.
    """
    bounds = [bound for bound in _bounds(rule) if math.isfinite(bound)]
    finite = [value for value in values if math.isfinite(value)]
    ends = [end for end in interval(values) if math.isfinite(end)] if isinstance(rule, Interval) else []
    place = _axis([*finite, *bounds, *ends])
    dots = [Markup('<circle cx="{:.1f}" cy="11" r="3"/>').format(place(value)) for value in finite]
    lines = [Markup('<line class="bound" x1="{0:.1f}" x2="{0:.1f}" y1="1" y2="21"/>').format(place(b)) for b in bounds]
    if ends:
        lines.append(Markup('<line class="mean" x1="{:.1f}" x2="{:.1f}" y1="11" y2="11"/>').format(*map(place, ends)))
    words = f"{rule.number} of {len(values)} seeds: {_span(values)}"
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, ROW, words, Markup("").join([*lines, *dots])
    )


def _bounds(rule: Rule) -> tuple[float, ...]:
    if isinstance(rule, Exact):
        return (rule.least, rule.most)
    if isinstance(rule, Interval):
        return tuple(bound for bound in (rule.above, rule.below) if bound is not None)
    if isinstance(rule, Apart):
        return (-rule.by, rule.by)
    return ()


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"all {low:.3g}" if low == high else f"from {low:.3g} to {high:.3g}"


def _axis(values: Sequence[float]):
    """Return a function from a value to its place in pixels, logarithmic where positive values span many decades."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    logarithmic = low > 0 and math.log10(high) - math.log10(low) > DECADES
    if logarithmic:
        low, high = math.log10(low), math.log10(high)
    width = high - low if math.isfinite(high - low) else math.inf

    def place(value: float) -> float:
        at = (math.log10(value) if logarithmic else value) - low
        return LEFT + (WIDTH - 2 * LEFT) * (at / width if width > 0 else 0.5)

    return place
