"""Functions that the application calls in a notebook's kernel, for explorers and exercises."""

import ast
import base64
import contextlib
import io
import json
import math
import re
from typing import Any

import ipywidgets as widgets

from workbench.explore.explorer import SHOWN, Explorer

EXERCISE = re.compile(r"^(my_\w+) = None\b", re.MULTILINE)
DENSITY = 1.5  # pixels along each side of a figure's dot when a control rests; a draft has one


class Answer:
    """What Jupyter carries out of the kernel: data for JSON."""

    def __init__(self, /, **data: Any) -> None:
        self.data = data

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"application/json": self.data, "text/plain": ""}


def explorers() -> Answer:
    """Return the controls of all explorers that the notebook has shown, by the name of their figure."""
    return Answer(**{name: _described(explorer) for name, explorer in SHOWN.items()})


def _described(explorer: Explorer) -> dict[str, Any]:
    return {
        "controls": [
            _control(name, slider) | {"value": explorer.start[name]} for name, slider in explorer.sliders.items()
        ],
        "played": explorer.played,
        "pace": explorer.pace,
        "lines": explorer.lines_at(explorer.start),
    }


def _control(name: str, slider: Any) -> dict[str, Any]:
    about = {"name": name, "meaning": str(slider.tooltip).removeprefix(f"{name}: ")}
    if isinstance(slider, widgets.Checkbox):
        return about | {"kind": "box"}
    if isinstance(slider, widgets.ToggleButtons):
        return about | {"kind": "choice", "options": list(slider.options)}
    kind = {widgets.IntSlider: "whole", widgets.FloatLogSlider: "log"}.get(type(slider), "linear")
    return about | {"kind": kind, "low": slider.min, "high": slider.max, "step": slider.step}


def frame(request: str) -> Answer:
    """Return the picture of a figure at some values, or the message that says what is wrong with them.

    `request` is JSON: the name of a `figure`, the `values` of all its controls, and whether they are `final`.
    """
    asked = json.loads(request)
    if asked["figure"] not in SHOWN:
        raise ValueError(f"figure={asked['figure']!r}: must be one of {', '.join(SHOWN)}")
    explorer = SHOWN[asked["figure"]]
    values = {name: _read(explorer, name, value) for name, value in asked["values"].items()}
    if list(values) != list(explorer.sliders):
        raise ValueError(f"values={list(values)}: must be {list(explorer.sliders)}")
    try:
        final = asked["final"]
        picture = explorer.picture_at(values, DENSITY, final=True) if final else explorer.draft_at(values)
    except Exception as problem:  # the reader sees any error beside the sliders, which keep working
        return Answer(message=str(problem) or type(problem).__name__)
    image = f"data:image/{'png' if final else 'jpeg'};base64,{base64.b64encode(picture).decode()}"
    return Answer(image=image, alt=explorer.alt_at(values), lines=explorer.lines_at(values))


def check(source: str, answer: str) -> Answer:
    """Return what an exercise's cell prints for an answer, which is a number, a text or another literal of Python.

    `source` is the cell; the answer takes the place of None in its line `my_... = None`.
    """
    from IPython import get_ipython

    try:
        value = ast.literal_eval(answer.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = answer.strip()  # a text without quotes
    space, printed = get_ipython().user_ns, io.StringIO()
    space["_given"] = value
    with contextlib.redirect_stdout(printed):
        exec(EXERCISE.sub(r"\1 = _given", source, count=1), space)
    return Answer(said=printed.getvalue().strip().replace(", and run the cell again", ""))  # which nobody can here


def _read(explorer: Explorer, name: str, value: Any) -> Any:
    """Return a value with the type of its control: JavaScript has one kind of number."""
    control, number = explorer.sliders.get(name), isinstance(value, int | float) and not isinstance(value, bool)
    if number and isinstance(control, widgets.FloatSlider | widgets.FloatLogSlider):
        return float(value)
    whole = number and math.isfinite(value) and value == int(value)
    return int(value) if whole and isinstance(control, widgets.IntSlider) else value
