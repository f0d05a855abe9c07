"""Make a widget for a declared argument: a slider, buttons or a check box."""

import dataclasses
import math

import ipywidgets as widgets

from workbench.operator import Arg

WIDTH, CHARACTER = 64, 8  # pixels: the least width of a control's name, and the width of one character


def control(arg: Arg, value: object) -> widgets.Widget:
    """Return the widget that moves `arg`, at `value`: a slider for a number, buttons for a choice, a box for a bool.

    The range is the declared slider range, widened if `value` lies outside it. The tooltip is the argument's meaning.
    """
    common = {
        "description": arg.name,
        "tooltip": f"{arg.name}: {arg.meaning}",
        "style": {"description_width": f"{max(WIDTH, CHARACTER * len(arg.name))}px"},
    }
    wide = widgets.Layout(width="420px")
    if arg.type is bool:
        return widgets.Checkbox(value=value, layout=wide, **common)
    if arg.type is str:
        return widgets.ToggleButtons(value=value, options=list(arg.choices), **common)
    if arg.scale == "log" and value <= 0:  # it has no logarithm: use a linear range around it
        arg = dataclasses.replace(
            arg, scale="linear", step=None, slider=(-2 * abs(value) or -1.0, 2 * abs(value) or 1.0)
        )
    low, high = _slider_range(arg, value)
    if arg.type is int:
        return widgets.IntSlider(value=value, min=low, max=high, step=arg.step or 1, layout=wide, **common)
    if arg.scale == "log":
        low, high = math.log10(low), math.log10(high)
        return widgets.FloatLogSlider(
            value=value, min=low, max=high, step=0.05, readout_format=".3g", layout=wide, **common
        )
    step = arg.step or (high - low) / 100
    return widgets.FloatSlider(value=value, min=low, max=high, step=step, readout_format=".3g", layout=wide, **common)


def _slider_range(arg: Arg, value: float) -> tuple[float, float]:
    low, high = arg.slider or (arg.low, arg.high)
    if low is None or high is None:
        raise ValueError(f"{arg.name}: a slider needs a range; give one with sliders={{{arg.name!r}: (low, high)}}")
    return min(low, value), max(high, value)
