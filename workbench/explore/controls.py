"""Make a widget for a declared argument: a slider with a number field, buttons or a check box."""

import dataclasses
import math
from typing import Any

import ipywidgets as widgets

from workbench.operator import Arg

WIDTH, CHARACTER = 64, 8  # pixels: the least width of a control's name, and the width of one character
FIELD = 88  # pixels: the width of a number field


def control(arg: Arg, value: Any) -> widgets.Widget:
    """Return the widget that moves `arg`, at `value`: a slider for a number, buttons for a choice, a box for a bool.

    The range is the declared slider range, widened if `value` lies outside it. The tooltip is the argument's meaning.
    """
    common: dict[str, Any] = {"tooltip": f"{arg.name}: {arg.meaning}"}
    named = {**common, "description": arg.name, "style": {"description_width": f"{_width(arg)}px"}}
    wide = widgets.Layout(width="420px")
    if arg.type is bool:
        return widgets.Checkbox(value=value, layout=wide, **named)
    if arg.type is str:
        heard = [f"{arg.name}: {choice}" for choice in arg.choices]
        return widgets.ToggleButtons(value=value, options=list(arg.choices), tooltips=heard, **named)
    common |= {"readout": False, "layout": widgets.Layout(width="260px")}  # a field beside it shows the number
    if arg.scale == "log" and value <= 0:  # it has no logarithm: use a linear range around it
        arg = dataclasses.replace(
            arg, scale="linear", step=None, slider=(-2 * abs(value) or -1.0, 2 * abs(value) or 1.0)
        )
    low, high = _slider_range(arg, value)
    if arg.type is int:
        return widgets.IntSlider(value=value, min=low, max=high, step=arg.step or 1, **common)
    if arg.scale == "log":
        return widgets.FloatLogSlider(
            value=value, min=math.log10(low), max=math.log10(high), step=arg.step or 0.05, **common
        )
    return widgets.FloatSlider(value=value, min=low, max=high, step=arg.step or (high - low) / 100, **common)


def field(arg: Arg, slider: widgets.Widget) -> widgets.Widget:
    """Return a field with the slider's number: it takes any number, and the slider follows if the number is allowed.

    A number that is typed is kept to the last digit; one that the slider gives is rounded to three digits. The
    slider's range grows to hold a number outside it.
    """
    kind = widgets.IntText if arg.type is int else widgets.FloatText
    usual_step = 1 if arg.type is int else None
    box = kind(
        value=slider.value,
        step=usual_step if arg.scale == "log" else arg.step or usual_step,
        description=arg.name,
        tooltip=slider.tooltip,
        style={"description_width": f"{_width(arg)}px"},
        layout=widgets.Layout(width=f"{_width(arg) + FIELD}px"),
    )

    typed = [slider.value]  # the number that the slider was last put to; a browser moves it on to a step near it

    def read_slider(_: object) -> None:
        is_put = typed == [box.value] and _steps_between(slider, box.value) <= 0.5 + 1e-9
        if not is_put and rounded(slider.value) != rounded(box.value):
            box.value = rounded(slider.value)

    def move_slider(_: object) -> None:
        if rounded(slider.value) != rounded(box.value) and _is_allowed(arg, box.value):
            typed[:] = [box.value]
            _widen(slider, box.value)
            slider.value = box.value

    slider.observe(read_slider, "value")
    box.observe(move_slider, "value")
    return box


def row(name: widgets.Widget, slider: widgets.Widget) -> widgets.Widget:
    """Return a field and its slider side by side; the classes tell the script in beside.html which scale it has."""
    beside = widgets.HBox([name, slider])
    beside.add_class("workbench-log" if isinstance(slider, widgets.FloatLogSlider) else "workbench-linear")
    return beside


def rounded(value: float) -> float:
    """Return a float with three significant digits; an int stays as it is."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _width(arg: Arg) -> int:
    return max(WIDTH, CHARACTER * len(arg.name))


def _is_allowed(arg: Arg, value: float) -> bool:
    try:
        arg.check(value)
    except ValueError:
        return False
    return True


def _steps_between(slider: widgets.Widget, value: float) -> float:
    """Return how many of its steps a slider is away from `value`."""
    if not isinstance(slider, widgets.FloatLogSlider):
        return abs(slider.value - value) / slider.step
    return abs(math.log10(slider.value / value)) / slider.step if value > 0 else math.inf


def _widen(slider: widgets.Widget, value: float) -> None:
    """Let a slider's range hold `value`; a log slider cannot show a number that is not positive."""
    if isinstance(slider, widgets.FloatLogSlider):
        if value <= 0:
            return
        value = math.log10(value)
    slider.min, slider.max = min(slider.min, value), max(slider.max, value)


def _slider_range(arg: Arg, value: float) -> tuple[float, float]:
    low, high = arg.slider or (arg.low, arg.high)
    if low is None or high is None:
        raise ValueError(f"{arg.name}: a slider needs a range; give one with sliders={{{arg.name!r}: (low, high)}}")
    return min(low, value), max(high, value)
