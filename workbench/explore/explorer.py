"""The explorer: sliders that move one figure, with the Python and command lines that reproduce it."""

import dataclasses
import html
import inspect
import itertools
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any

import ipywidgets as widgets
import numpy as np
from PIL import Image

from workbench import drawing
from workbench.ahead import compile_ahead
from workbench.explore import frames
from workbench.explore.controls import control, field, row
from workbench.explore.drafts import Drafts
from workbench.explore.renderer import Renderer
from workbench.operator import OPERATORS, Arg, Operator

SHOWN: dict[str, "Explorer"] = {}  # explorers that this process has shown, by the name of their figure

_numbers = itertools.count(1)  # gives each explorer without a name its own number

CODE = (
    "<code style='user-select: all; font-family: monospace; font-size: 12px; white-space: pre-wrap;"
    " display: inline-block; line-height: 1.5'>{}</code>"
)
BOX = "max-width: 560px; padding: 12px 16px; line-height: 1.4; color: #222; background: {}; border-left: 4px solid {}"
MESSAGE = f"<div role='alert' style='{BOX.format('#FDF1EA', '#D55E00')}'>{{}}</div>"
BUSY = (
    f"<div role='status' style='{BOX.format('#EAF3FA', '#0072B2')}'>Busy: the first picture of its kind may take"
    " some seconds, for its loops are compiled.</div>"
)
INTERVAL = 100  # milliseconds between the pictures that are played
PATIENCE = 0.4  # seconds of drawing after which the picture says that it is busy
ALT = "<span class='workbench-alt' style='position: absolute; clip-path: inset(50%)'>{}</span>"
# The link takes the picture from the page. What the styles add is heard, but not seen: the names of buttons.
SAVE = """<style>
.workbench-explorer .widget-play button::after, .workbench-explorer .mod-active::after {{
  content: "(chosen)"; position: absolute; clip-path: inset(50%) }}
.workbench-explorer .widget-play button:first-child::after {{ content: "Play or pause" }}
.workbench-explorer .widget-play button:nth-child(2)::after {{ content: "Stop, and back to the start" }}
.workbench-explorer .widget-play button:nth-child(3)::after {{ content: "Repeat" }}
</style><a class="jupyter-button widget-button" style="text-decoration: none" download="{name}.png" href="#"
onclick="this.href = this.closest('.workbench-explorer').querySelector('img').src">Save picture</a>"""
# The note, styles and script that are shown beside each explorer, in one line of the notebook's file.
BESIDE = " ".join(Path(__file__).with_name("beside.html").read_text(encoding="utf-8").split())


def explore(
    operator: str | Operator | None,
    plot: Callable,
    *,
    notebook: str | None = None,
    parameters: Sequence[str] = (),
    python: str | None = None,
    name: str | None = None,
    alt: str | None = None,
    extra: Sequence[Arg] = (),
    sliders: Mapping[str, tuple[float, float]] | None = None,
    grid: Sequence[str] = (),
    play: str | None = None,
    pace: int = 1,
    **values: Any,
) -> "Explorer":
    """Return a figure with sliders that redraw it with a plot function.

    Args:
        operator: a declared operator, or its name. Each of its arguments that `plot` takes gets a control. With None,
            `extra` declares all of them.
        plot: a plot function (`workbench.drawing.plot`); it is called with `ax` to redraw its figure.
        notebook: the notebook that the shown `workbench run` command names.
        parameters: names of controls that are parameters of the notebook, in addition to the operator's arguments.
        python: the line of Python to show instead of a call of the operator, with names of controls in braces.
        name: the figure's name, used for the files of a report run.
        alt: alt text of the first picture, for readers who cannot see it; later ones are described by their values, and
            so is the first one of a run with parameters.
        extra: declarations of further arguments of `plot` to control; they replace the operator's own of the same name.
        sliders: linear ranges that replace the declared ones, by argument.
        grid: two controls that a report's reader can move together; the others move one at a time there.
        play: a whole number, such as a step of time, that buttons move: play and pause, one step on, back to the start.
        pace: by how much it moves from one picture to the next.
        values: the initial values of controls, and other arguments of `plot`, such as data.

    Returns:
        An `Explorer`, a widget; `sliders` holds its controls by name.

    Raises:
        ValueError: `operator` is not declared, an initial value is not allowed, a number has no range for a slider,
            `sliders`, `parameters`, `python`, `grid` or `play` names something that is not controlled, or `grid` has
            not two names.
    """
    if isinstance(operator, str):
        if operator not in OPERATORS:
            raise ValueError(f"operator={operator!r}: must be one of {', '.join(map(repr, OPERATORS))}")
        operator = OPERATORS[operator]
    taken = inspect.signature(plot).parameters
    declared = operator.args if operator else ()
    args = {arg.name: arg for arg in (*declared, *extra) if arg.name in taken}
    _check_names("sliders", sliders or (), args)
    for moved, ends in (sliders or {}).items():
        args[moved] = dataclasses.replace(args[moved], slider=ends, scale="linear", step=None)
    defaults = {name: taken[name].default for name in args if taken[name].default is not inspect.Parameter.empty}
    start = {**{name: arg.default for name, arg in args.items()}, **defaults, **values}
    at = {name: arg.check(start[name]) for name, arg in args.items()}
    data = {name: value for name, value in values.items() if name not in args}
    _check_names("parameters", parameters, args)
    _check_names("python", _fields(python or ""), args)
    _check_names("grid", grid, args)
    if len(set(grid)) not in (0, 2):
        raise ValueError(f"grid={tuple(grid)}: must be the names of two controls, or empty")
    _check_names("play", [play] if play else (), args)
    shown = notebook, parameters, python, name, alt, grid, play, pace
    return Explorer(operator, plot, list(args.values()), at, data, *shown)


def _check_names(argument: str, names: Iterable[str], args: Mapping[str, Arg]) -> None:
    unknown = [name for name in names if name not in args]
    if unknown:
        raise ValueError(f"{argument}: {unknown[0]!r} is not controlled; choose from {', '.join(map(repr, args))}")


def content(plot: Callable) -> str:
    """Return a sentence that says what a plot function's picture shows: its docstring's first line without "Draw"."""
    said = (inspect.getdoc(plot) or "").strip() or getattr(plot, "__name__", "A figure").replace("_", " ")
    said = said.splitlines()[0].removeprefix("Draw ").removesuffix(".")
    return f"{said[0].upper()}{said[1:]}."


def _fields(template: str) -> list[str]:
    return [re.split(r"[.\[]", part[1])[0] for part in Formatter().parse(template) if part[1]]


class Explorer(widgets.VBox):
    """A figure that follows its sliders.

    `sliders` holds the controls by name, and `fields` the fields that show a slider's number. `frame` is the newest
    picture, a PNG file, or a JPEG file while a control moves, and is kept while a message is shown; `message` says what
    is wrong with the values, or is None. `wait()` blocks until the newest values are drawn. The button `reset` moves
    all controls to their `start`. Without a kernel, the notebook shows the first picture.
    """

    def __init__(
        self,
        operator: Operator | None,
        plot: Callable,
        args: Sequence[Arg],
        at: Mapping[str, Any],
        data: Mapping[str, Any],
        notebook: str | None,
        parameters: Sequence[str],
        python: str | None,
        name: str | None,
        alt: str | None,
        grid: Sequence[str] = (),
        play: str | None = None,
        pace: int = 1,
    ) -> None:
        self.operator = operator
        self.sliders = {arg.name: control(arg, at[arg.name]) for arg in args}
        self.fields = {arg.name: field(arg, self.sliders[arg.name]) for arg in args if arg.type in (int, float)}
        self.frame = b""
        self.message: str | None = None
        self.grid = tuple(grid)
        self.played, self.pace = play, pace
        self._plot = plot
        self._args = tuple(args)
        self._data = dict(data)
        self._notebook = notebook
        self._parameters = tuple(parameters)
        self._python = python
        self.name = str(name or f"explore-{next(_numbers)}")
        self._alt = None if os.environ.get("WORKBENCH_PARAMETERS") else alt  # it is of the notebook's own parameters
        self.start = self.values
        self._axes: Any = None
        self._layout_engine: Any = None
        self._drafts = Drafts()
        self._picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", grid_area="1 / 1"))
        self._alert = widgets.HTML(layout=widgets.Layout(grid_area="1 / 1", align_self="flex-start"))
        self._words = widgets.HTML()
        self._lines = widgets.HTML()
        self._renderer = Renderer(self._draw)
        self._draw(self.values, final=True)
        moved = [self.fields.get(name, slider) for name, slider in self.sliders.items()]
        rows = [row(self.fields[name], each) if name in self.fields else each for name, each in self.sliders.items()]
        stack = widgets.GridBox([self._picture, self._alert])
        buttons = widgets.HBox([*(self._playing(play, pace) if play else []), *self._buttons()])
        super().__init__([*rows, buttons, stack, self._words, self._lines], _view_count=0)
        self.add_class("workbench-explorer")
        self.observe(self._seen, "_view_count")
        for each in moved:
            each.observe(lambda _: self._renderer.request(self.values), names="value")

    @property
    def values(self) -> dict[str, Any]:
        """Return the current values of the controls by name."""
        return {name: self.fields.get(name, slider).value for name, slider in self.sliders.items()}

    @property
    def python(self) -> str:
        """Return the line of Python that computes what the figure shows."""
        return self.python_at(self.values)

    @property
    def command(self) -> str | None:
        """Return the command that runs the notebook with the current values, or None if no notebook was given."""
        return self.command_at(self.values)

    @property
    def alt(self) -> str:
        """Return the text that describes the newest picture."""
        return self.alt_at(self.values)

    def python_at(self, values: Mapping[str, Any]) -> str:
        """Return the line of Python that computes what the figure shows at `values`."""
        if self._python is not None or self.operator is None:
            return (self._python or "").format(**values)
        inputs = ", ".join(self.operator.inputs)
        chosen = "".join(f", {name}={value!r}" for name, value in self._operator_values(values).items())
        return f"workbench.{self.operator.function}({inputs}{chosen})"

    def command_at(self, values: Mapping[str, Any]) -> str | None:
        """Return the command that runs the notebook with `values`, or None if no notebook was given."""
        if self._notebook is None:
            return None
        words = ["workbench", "run", self._notebook]
        for name, value in values.items():
            if name in self._parameters or name in self._operator_values(values):
                words += ["-p", name, str(value)]
        return shlex.join(words)

    def alt_at(self, values: Mapping[str, Any]) -> str:
        """Return the text that describes the picture at `values`."""
        if self._alt and values == self.start:
            return self._alt
        at = ", ".join(f"{name} = {value}" for name, value in values.items())
        return f"{content(self._plot)} At {at}."

    def lines_at(self, values: Mapping[str, Any]) -> list[str]:
        """Return the lines of Python and of a shell that reproduce the picture at `values`."""
        return [line for line in (self.python_at(values), self.command_at(values)) if line]

    def picture_at(self, values: dict[str, Any], density: float, final: bool = False) -> bytes:
        """Draw the picture at `values`, laid out anew if it is `final`, and return it as PNG bytes.

        Raises ValueError if a value is not allowed, and any error of the plot function.
        """
        return drawing.encode(self._figure_at(values, final), density)

    def _final_picture(self, values: dict[str, Any]) -> bytes | None:
        """Return the picture of a control that rests, or None if it moves on while the figure is laid out."""
        figure = self._figure_at(values, final=True)
        drawing.lay_out(figure, 2)
        if self._renderer.waits():
            return None
        picture = drawing.encode(figure, 2)
        self._drafts.note_whole(figure, 2)
        return picture

    def draft_at(self, values: dict[str, Any]) -> bytes:
        """Draw the picture at `values` as while a control moves, and return it as JPEG bytes; raise as `picture_at`."""
        with drawing.styled():  # once for both: to set all settings takes a millisecond
            return self._drafts.encode(self._figure_at(self._hasty(values), final=False))

    def frame_at(self, values: dict[str, Any], density: float) -> Image.Image:
        """Draw the picture at `values` for a recording, which keeps many of them; raise as `picture_at`."""
        figure = self._figure_at(values, final=False)
        with drawing.dense(figure, density):
            return Image.fromarray(np.asarray(self._drafts.draw(figure, keeps=True).buffer_rgba())).convert("RGB")

    def move(self, name: str, value: Any) -> None:
        """Move a control as a reader does: a number is typed into its field."""
        self.fields.get(name, self.sliders[name]).value = value

    def wait(self, timeout: float | None = None, final: bool = False) -> bool:
        """Wait until the newest values are drawn, with `final` also laid out; return whether they are."""
        return self._renderer.wait(timeout, final)

    def _buttons(self) -> list[widgets.Widget]:
        """Return the buttons that every explorer has: all controls back to the start, and save the picture."""
        self.reset = widgets.Button(description="Reset", tooltip="all controls: back to the start")
        self.reset.on_click(lambda _: self._to_start())
        return [self.reset, widgets.HTML(SAVE.format(name=html.escape(self.name)))]

    def _to_start(self) -> None:
        if self.played:
            self.play.playing = False
        for name, value in self.start.items():
            self.move(name, value)

    def _playing(self, moved: str, pace: int) -> list[widgets.Widget]:
        """Return buttons that move a control; the browser keeps the time while it plays."""
        field, slider = self.fields[moved], self.sliders[moved]
        times: dict[str, Any] = {"min": slider.min, "max": slider.max, "step": pace, "interval": INTERVAL}
        self.play = widgets.Play(value=field.value, show_repeat=False, tooltip="play or pause; end", **times)
        widgets.link((field, "value"), (self.play, "value"))
        self.step = widgets.Button(description="Step", icon="step-forward", tooltip=f"{moved}: one more")
        self.restart = widgets.Button(description="Restart", icon="undo", tooltip=f"{moved}: back to the start")
        self.step.on_click(lambda _: setattr(field, "value", min(field.value + 1, slider.max)))
        self.restart.on_click(lambda _: setattr(field, "value", slider.min))
        return [self.play, self.step, self.restart]

    def _operator_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        declared = {arg.name for arg in self.operator.args} if self.operator else ()
        return {name: value for name, value in values.items() if name in declared}

    def _draw(self, values: dict[str, Any], final: bool) -> None:
        busy = threading.Timer(PATIENCE, lambda: self._alert.set_trait("value", BUSY))
        busy.start()
        try:
            self._check(values)
            frame = self._final_picture(values) if final else self.draft_at(values)
            if frame is None:
                return  # the draft of the newer values is next
            alert, self.message = "", None
        except Exception as problem:  # show any error to the reader; the sliders keep working
            frame, self.message = b"", f"{type(problem).__name__}: {problem}"
            alert = MESSAGE.format(html.escape(str(problem)))
        finally:
            busy.cancel()
            busy.join()  # so that it cannot replace what follows
        self._alert.value = alert
        if frame:
            self.frame = frame
            with self._picture.hold_sync():
                self._picture.value, self._picture.format = frame, "png" if final else "jpeg"
        self._picture.layout.visibility = "visible" if frame else "hidden"  # hidden, it keeps its place on the page
        self._picture.layout.display = "" if self.frame else "none"
        if not final:
            return  # each text is a message to the browser and a new layout of the page; they follow when it rests
        self._words.value = ALT.format(html.escape(self.message or self.alt))
        self._lines.value = "<br>".join(CODE.format(html.escape(line)) for line in self.lines_at(self.values))

    def _figure_at(self, values: dict[str, Any], final: bool) -> Any:
        """Draw the figure at `values`; laying it out takes long and is left to the final one."""
        self._check(values)
        self._axes = self._plot(**self._data, **values, ax=self._axes)
        figure = drawing.figure_of(self._axes)
        self._drafts.note(figure)
        self._layout_engine = self._layout_engine or figure.get_layout_engine()
        figure.set_layout_engine(self._layout_engine if final else "none")
        self._picture.layout.width = f"{figure.bbox.width:.0f}px"
        return figure

    def _check(self, values: Mapping[str, Any]) -> None:
        for arg in self._args:
            arg.check(values[arg.name])

    def _hasty(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values to draw while a control moves; those of `values` are drawn when it rests."""
        return values

    def _seen(self, _: object) -> None:
        """Compile what the sliders can reach, once somebody sees them."""
        self.unobserve(self._seen, "_view_count")
        if self.operator and hasattr(self._plot, "__qualname__"):  # another process can import it
            compile_ahead(self._plot, self.operator, self._args, {**self._data, **self.values})

    def outputs(self) -> list[tuple[dict, dict]]:
        """Return the outputs of a cell that shows the explorer, as (data, metadata): sliders, picture, note.

        JupyterLab shows one kind of data for each output, and an error for a widget without a kernel. The picture is
        therefore an output of its own, which the note's styles hide as long as there are sliders.
        """
        SHOWN[self.name] = self
        view = {kind: data for kind, data in super()._repr_mimebundle_().items() if kind != "text/plain"}
        picture = {"text/plain": "\n".join(filter(None, (self.message, *self.lines_at(self.values))))}
        about = {}
        if self.frame:
            figure = drawing.figure_of(self._axes)
            drawing.keep(figure, self.name)
            frames.keep(self)
            picture["image/png"], size = drawing.stored(self.frame, figure)
            about = {"image/png": {"alt": self._alt or self.alt, **size}, "workbench": {"figure": self.name}}
        return [(view, {}), (picture, about), ({"text/html": BESIDE}, {})]

    def _ipython_display_(self) -> None:
        from IPython.display import display

        for data, metadata in self.outputs():
            display(data, metadata=metadata, raw=True)
