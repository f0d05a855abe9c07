"""Plot what stored weights cost against the share of zeros."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from workbench import drawing
from workbench.sparse_inference.cost import crossing

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MUTED = "#8C8C8C"


@drawing.plot(size=(7.2, 4.4))
def time_over_dense(
    zeros: Sequence[float],
    ratios: Mapping[str, Sequence[float]],
    predicted: Mapping[str, Sequence[float]] | None = None,
    *,
    title: str = "Time of a product over that with dense weights",
    ax: Axes,
) -> None:
    """Draw times over dense by the share of zeros, measured and predicted (dashed), and where they cross 1.

    Args:
        zeros: shares of zeros, rising, from 0 to 1.
        ratios: for each form, its time over that of dense weights at each share.
        predicted: the same as predicted, for some of the forms; a form has one colour.
    """
    predicted = predicted or {}
    names = list(dict.fromkeys([*ratios, *predicted]))
    for i, name in enumerate(names):
        look = {"color": f"C{i % 7}"}
        if name in ratios:
            marker = {"marker": MARKERS[i % len(MARKERS)], "markersize": 5}
            at = crossing(zeros, ratios[name])
            words = "never faster" if at is None else f"faster from {at:.0%}"
            drawing.line(ax, f"measured {name}", zeros, ratios[name], label=f"{name}: {words}", **marker, **look)
            _mark(ax, f"crossing {name}", at, markersize=11, **look)
        if name in predicted:
            label = {} if name in ratios else {"label": name}
            drawing.line(ax, f"predicted {name}", zeros, predicted[name], linestyle="--", linewidth=1, **look, **label)
            _mark(ax, f"predicted crossing {name}", crossing(zeros, predicted[name]), markersize=7, **look)
    drawing.line(ax, "dense", [0, 1], [1, 1], color=MUTED, linewidth=1)
    dashed = "; dashed: predicted" if predicted and ratios else ""
    drawing.label(ax, title, f"share of zeros (circle: where a form becomes faster{dashed})", "time over dense")
    ax.set(xlim=(-0.03, 1.03), yscale="log")
    drawing.legend(ax, fontsize=8)


def _mark(ax: Axes, key: str, at: float | None, **look: object) -> None:
    """Draw a circle where a curve crosses 1; none if it does not, or if the form is faster without any zeros."""
    place = [at] if at else [float("nan")]
    drawing.line(ax, key, place, [1.0], marker="o", markerfacecolor="none", linestyle="", **look)
