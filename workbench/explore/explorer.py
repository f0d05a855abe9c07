"""The explorer: sliders that move one figure, with the Python and command lines that reproduce it."""

import base64
import dataclasses
import html
import inspect
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from workbench import drawing
from workbench.explore.controls import control
from workbench.operator import OPERATORS, Arg, Operator

_numbers = itertools.count(1)  # gives each explorer without a name its own number

CODE = "<code style='user-select: all; font-family: monospace; font-size: 12px; white-space: pre-wrap'>{}</code>"
MESSAGE = (
    "<div role='alert' style='max-width: 560px; padding: 12px 16px; border-left: 4px solid #D55E00;"
    " background: #FDF1EA; color: #222'>{}</div>"
)


def explore(
    operator: str | Operator,
    plot: Callable,
    *,
    notebook: str | None = None,
    parameters: Sequence[str] = (),
    python: str | None = None,
    name: str | None = None,
    alt: str | None = None,
    extra: Sequence[Arg] = (),
    sliders: Mapping[str, tuple[float, float]] | None = None,
    **values: Any,
) -> "Explorer":
    """Return a figure with sliders that redraw it with a plot function.

    Args:
        operator: a declared operator, or its name. Each of its arguments that `plot` takes gets a control.
        plot: a plot function (`workbench.drawing.plot`); it is called with `ax` to redraw its figure.
        notebook: the notebook that the shown `workbench run` command names.
        parameters: names of controls that are parameters of the notebook, in addition to the operator's arguments.
        python: the line of Python to show instead of a call of the operator, with names of controls in braces.
        name: the figure's name, used for the files of a report run.
        alt: alt text of the first picture, for readers who cannot see it.
        extra: declarations of further arguments of `plot` to control; they replace the operator's own of the same name.
        sliders: linear ranges that replace the declared ones, by argument.
        values: the initial values of controls, and other arguments of `plot`, such as data.

    Returns:
        An `Explorer`, a widget; `sliders` holds its controls by name.

    Raises:
        ValueError: `operator` is not declared, an initial value is not allowed, or a number has no range for a slider.
    """
    if isinstance(operator, str):
        if operator not in OPERATORS:
            raise ValueError(f"operator={operator!r}: must be one of {', '.join(map(repr, OPERATORS))}")
        operator = OPERATORS[operator]
    taken = inspect.signature(plot).parameters
    declared = {arg.name: arg for arg in (*operator.args, *extra)}
    for moved, ends in (sliders or {}).items():
        declared[moved] = dataclasses.replace(declared[moved], slider=ends, scale="linear", step=None)
    args = [arg for arg in declared.values() if arg.name in taken]
    names = {arg.name for arg in args}
    defaults = {name: taken[name].default for name in names if taken[name].default is not inspect.Parameter.empty}
    start = {**{arg.name: arg.default for arg in args}, **defaults, **values}
    controlled = {arg.name: control(arg, arg.check(start[arg.name])) for arg in args}
    data = {name: value for name, value in values.items() if name not in names}
    return Explorer(operator, plot, controlled, data, notebook, parameters, python, name, alt)


class Explorer(widgets.VBox):
    """A figure that follows its sliders.

    `sliders` holds the controls by name. `frame` is the newest picture as PNG bytes, kept while a message is shown;
    `message` says what is wrong with the values, or is None. `wait()` blocks until the newest values are drawn. Without
    a kernel, the notebook shows the first frame as a picture.
    """

    def __init__(
        self,
        operator: Operator,
        plot: Callable,
        controls: dict[str, widgets.Widget],
        data: dict[str, Any],
        notebook: str | None,
        parameters: Sequence[str],
        python: str | None,
        name: str | None,
        alt: str | None,
    ) -> None:
        self.operator = operator
        self.sliders = controls
        self.frame = b""
        self.message: str | None = None
        self._plot = plot
        self._start = {name: slider.value for name, slider in controls.items()}
        self._data = data
        self._notebook = notebook
        self._parameters = tuple(parameters)
        self._python = python
        self._name = name or f"explore-{next(_numbers)}"
        at = ", ".join(f"{name} = {value}" for name, value in self.values.items())
        self._alt = alt or f"{plot.__doc__.splitlines()[0]} At {at}."
        self._axes = None
        self._picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._alert = widgets.HTML()
        self._lines = widgets.HTML()
        self._renderer = Renderer(self._draw)
        self._draw(self.values)
        super().__init__([*controls.values(), self._picture, self._alert, self._lines])
        for slider in controls.values():
            slider.observe(lambda _: self._renderer.request(self.values), names="value")

    @property
    def values(self) -> dict[str, Any]:
        """Return the current values of the controls by name."""
        return {name: self._shown(name, slider.value) for name, slider in self.sliders.items()}

    @property
    def python(self) -> str:
        """Return the line of Python that computes what the figure shows."""
        if self._python is not None:
            return self._python.format(**self.values)
        inputs = ", ".join(self.operator.inputs)
        chosen = "".join(f", {name}={value!r}" for name, value in self._operator_values().items())
        return f"workbench.{self.operator.function}({inputs}{chosen})"

    @property
    def command(self) -> str | None:
        """Return the command that runs the notebook with the current values, or None if no notebook was given."""
        if self._notebook is None:
            return None
        chosen = "".join(
            f" -p {name} {value}"
            for name, value in self.values.items()
            if name in self._parameters or name in self._operator_values()
        )
        return f"workbench run {self._notebook}{chosen}"

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the newest values are drawn; return whether they are."""
        return self._renderer.wait(timeout)

    def _shown(self, name: str, value: Any) -> Any:
        """Return a slider's value rounded as its readout shows it, so that the lines below agree with the picture."""
        if isinstance(value, float) and value != self._start[name]:
            return float(f"{value:.3g}")
        return value

    def _operator_values(self) -> dict[str, Any]:
        declared = {arg.name for arg in self.operator.args}
        return {name: value for name, value in self.values.items() if name in declared}

    def _draw(self, values: dict[str, Any]) -> None:
        try:
            self._axes = self._plot(**self._data, **values, ax=self._axes)
            figure = drawing.figure_of(self._axes)
            frame = drawing.encode(figure)
            figure.set_layout_engine("none")  # lay out only once, so that the axes keep their places
        except Exception as problem:  # show any error to the reader; the sliders keep working
            self.message = f"{type(problem).__name__}: {problem}"
            self._alert.value = MESSAGE.format(html.escape(str(problem)))
            self._picture.layout.display = "none"
        else:
            self.message = None
            self.frame = frame
            self._picture.value = frame
            self._picture.layout.width = f"{figure.bbox.width:.0f}px"
            self._picture.layout.display = ""
            self._alert.value = ""
        lines = [self.python, self.command] if self.command else [self.python]
        self._lines.value = "<br>".join(CODE.format(html.escape(line)) for line in lines)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict, dict]:
        bundle = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = "\n".join(filter(None, (self.python, self.command)))
        if not self.frame:
            return bundle, {}
        bundle["image/png"] = base64.b64encode(drawing.compact(self.frame)).decode()
        drawing.keep(drawing.figure_of(self._axes), self._name)
        return bundle, {"image/png": {"alt": self._alt}, "workbench": {"figure": self._name}}


class Renderer:
    """Call `draw(values)` in its own thread, for the newest requested values only.

    Values that arrive during a drawing replace one another, so that no queue builds up; the last is drawn next.
    """

    def __init__(self, draw: Callable[[dict[str, Any]], None]) -> None:
        self._draw = draw
        self._changed = threading.Condition()
        self._wanted: dict[str, Any] | None = None
        self._busy = False
        self._thread: threading.Thread | None = None

    def request(self, values: dict[str, Any]) -> None:
        with self._changed:
            self._wanted = values
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="workbench-explore", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the newest values are drawn; return whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self._wanted is None and not self._busy, timeout)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted is not None)
                values, self._wanted = self._wanted, None
                self._busy = True
            try:
                self._draw(values)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
