"""The playground: a small network that learns two classes of points in the plane, while its reader watches.

The picture is a function of the controls alone, `epochs` among them: to play is to raise `epochs`.
"""

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np
from contourpy import contour_generator
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from workbench import drawing
from workbench.data.generated import PLANES, plane
from workbench.data.splits import split
from workbench.explore.explorer import Explorer
from workbench.operator import Arg
from workbench.training import initializers, layers
from workbench.training.fit import Training
from workbench.training.layers.activations import logistic
from workbench.training.optimizers import Adam
from workbench.training.penalties import LpProx

TRAIN, VALIDATION, BATCH = 100, 300, 20  # examples
PACE, MOST_EPOCHS = 2, 500  # epochs from one picture to the next while it plays, and the last epoch
HASTE = 3  # epochs that are trained at most for a picture while a control moves; its title has the number
PIXELS, REACH = 60, 2.0  # a map has 60 x 60 pixels; the plane is shown from -2 to 2
COLOURS = LinearSegmentedColormap.from_list("classes", ["#0072B2", "#FFFFFF", "#D55E00"]).with_extremes(bad="#D0D0D0")

INITIALIZERS = {
    "he_uniform": initializers.he_uniform,
    "glorot_uniform": initializers.glorot_uniform,
    "normal(3)": initializers.normal(3),
    "constant(0.5)": initializers.constant(0.5),
    "zeros": initializers.zeros,
}
ARGS = (
    Arg("problem", str, "two moons", "where the points of the two classes lie", choices=PLANES),
    Arg("noise", float, 0.25, "standard deviation of what is added to each coordinate", low=0.0, high=1.0),
    Arg("depth", int, 2, "number of hidden layers", low=0, high=5),
    Arg("width", int, 6, "units of a hidden layer", low=1, high=12),
    Arg("activation", str, "Tanh", "what a hidden unit does", choices=("ReLU", "Tanh", "Sigmoid", "Identity")),
    Arg("initializer", str, "he_uniform", "where the weights start", choices=tuple(INITIALIZERS)),
    Arg("ratio", float, 0.0, "share of hidden units that is dropped", low=0.0, high=0.9),
    Arg("replacement", str, "zero", "what a dropped unit becomes", choices=("zero", "mean", "median", "trained")),
    Arg("learning_rate", float, 0.03, "Adam's learning rate", low=0.0, high=10.0, slider=(1e-4, 10.0), scale="log"),
    Arg("penalty", float, 0.0, "strength of a penalty on |weight|^p", low=0.0, high=1.0, slider=(0.0, 0.1)),
    Arg("p", float, 2.0, "the penalty's exponent: at 1 and below, weights become 0", low=0.5, high=2.0, step=0.1),
    Arg("worlds", int, 1, "number of worlds; each has examples and initial weights of its own", low=1, high=5),
    Arg("seed", int, 0, "seed of the points, and of the first world", low=0, high=1000, slider=(0, 20)),
    Arg("epochs", int, 60, "passes over the training examples so far", low=0, high=MOST_EPOCHS),
)


class Playground(Explorer):
    """A network in training, with controls, and with buttons to play, pause, step and restart.

    The background is what the first world's network says of each place, and a line is where a world's network changes
    its mind. Each hidden unit has a small map: blue below 0, white at 0, orange above.

    Args:
        notebook: the notebook that the shown `workbench run` command names.
        parameters: names of controls that are parameters of the notebook.
        name: the figure's name, used for the files of a report run.
        alt: alt text of the first picture.
        **settings: initial values of controls, see `ARGS`; `Playground(depth=3, epochs=200)` shows epoch 200 at once.

    Raises:
        TypeError: there is no control of this name, or its value has a wrong type.
        ValueError: a value is not allowed.
    """

    _training: Training
    children: Any

    def __init__(
        self,
        *,
        notebook: str | None = None,
        parameters: tuple[str, ...] = (),
        name: str = "playground",
        alt: str | None = None,
        **settings: Any,
    ) -> None:
        unknown = settings.keys() - {arg.name for arg in ARGS}
        if unknown:
            names = ", ".join(arg.name for arg in ARGS)
            raise TypeError(f"{min(unknown)} is not a control of the playground: choose from {names}")
        at = {arg.name: arg.check(settings.get(arg.name, arg.default)) for arg in ARGS}
        self._at: dict[str, Any] = {}
        super().__init__(
            None, self._plot_at, ARGS, at, {}, notebook, parameters, None, name, alt, play="epochs", pace=PACE
        )
        *rows, buttons, stack, words, lines = self.children
        for control in self.sliders.values():
            if isinstance(control, widgets.ToggleButtons):
                control.style.button_width = "auto"
        half = len(rows) // 2
        controls = widgets.HBox([widgets.VBox(rows[:half]), widgets.VBox(rows[half:])])
        self.children = [controls, buttons, stack, words, lines]

    @property
    def code(self) -> str:
        """Return the lines of Python that train the first picture's networks without a playground."""
        return written(**self.values)

    def python_at(self, values: Mapping[str, Any]) -> str:
        """Return the line of Python that makes a playground with the picture at `values`."""
        moved = {arg.name: values[arg.name] for arg in ARGS if values[arg.name] != arg.default}
        return f"Playground({', '.join(f'{name}={value!r}' for name, value in moved.items())})"

    def lines_at(self, values: Mapping[str, Any]) -> list[str]:
        """Return the lines that reproduce the picture at `values`, those without a playground too."""
        return [*super().lines_at(values), written(**values)]

    def _hasty(self, values: dict[str, Any]) -> dict[str, Any]:
        settings = {name: value for name, value in values.items() if name != "epochs"}
        goes_on = settings == self._at and self._training.epoch <= values["epochs"]
        return values | {"epochs": min(values["epochs"], HASTE + (self._training.epoch if goes_on else 0))}

    def _plot_at(self, *, ax: Any = None, epochs: int, **settings: Any) -> Any:
        """Points of two classes with the network's decision, its hidden units, and the losses by epoch."""
        if settings != self._at or self._training.epoch > epochs:
            self._at, self._training = settings, training(**settings)
        while self._training.epoch < epochs:
            self._training.run_epoch()
        return plot_training(self._training, ax=ax)


def training(**settings: Any) -> Training:
    """Return the training that the playground shows, before its first epoch. `settings` are those of `ARGS`."""
    of = {arg.name: arg.default for arg in ARGS} | settings
    points = plane(of["problem"], noise=of["noise"], seed=of["seed"])
    seeds = range(of["seed"], of["seed"] + of["worlds"])
    data = split(points, seeds, train=TRAIN, validation=VALIDATION, standardize=False)
    hidden = [layers.Dense(of["width"], INITIALIZERS[of["initializer"]]), getattr(layers, of["activation"])()]
    if of["ratio"]:
        replacement = 0.0 if of["replacement"] == "zero" else of["replacement"]
        hidden.append(layers.DropoutWithReplacement(of["ratio"], replacement, scaled=True))
    network = of["depth"] * hidden + [layers.Dense(2, INITIALIZERS[of["initializer"]])]
    penalties = [LpProx(of["penalty"], of["p"])] if of["penalty"] else []
    options: dict[str, Any] = {"epochs": MOST_EPOCHS, "batch": BATCH, "seed": seeds, "penalties": penalties}
    return Training(network, data, Adam(of["learning_rate"]), **options)


def written(**settings: Any) -> str:
    """Return the lines of Python that do what `training` does, for all epochs."""
    of = {arg.name: arg.default for arg in ARGS} | settings
    replacement = 0.0 if of["replacement"] == "zero" else of["replacement"]
    drop = f", DropoutWithReplacement({of['ratio']}, {replacement!r}, scaled=True)" if of["ratio"] else ""
    hidden = f"{of['depth']} * [Dense({of['width']}, {of['initializer']}), {of['activation']}(){drop}] + "
    seeds = f"range({of['seed']}, {of['seed'] + of['worlds']})"
    penalties = f", penalties=[LpProx({of['penalty']}, {of['p']})]" if of["penalty"] else ""
    options = f"epochs={of['epochs']}, batch={BATCH}, seed={seeds}{penalties}"
    return (
        f"points = plane({of['problem']!r}, noise={of['noise']}, seed={of['seed']})\n"
        f"data = split(points, {seeds}, train={TRAIN}, validation={VALIDATION}, standardize=False)\n"
        f"network = {hidden if of['depth'] else ''}[Dense(2, {of['initializer']})]\n"
        f"history = fit(network, data, Adam({of['learning_rate']}), {options})"
    )


@drawing.plot(1, 3, (9.6, 3.3))
def plot_training(of: Training, *, ax: Any = None) -> None:
    """Points of two classes with the network's decision, its hidden units, and the losses by epoch."""
    for each in ax:
        for artist in (*each.images, *each.lines, *each.collections, *each.texts):
            artist.remove()
    hidden, chances = maps(of)
    _plot_plane(ax[0], of, chances)
    _plot_units(ax[1], hidden)
    _plot_losses(ax[2], of)


def maps(of: Training) -> tuple[list[np.ndarray], np.ndarray]:
    """Return what units and networks answer at each place of the plane; the rows go from its bottom to its top.

    The answers of a hidden layer in the first world have the shape (rows, columns, units), and the chances of the
    second class (worlds, rows, columns).
    """
    places = (np.arange(PIXELS) + 0.5) / PIXELS * 2 * REACH - REACH
    grid = np.stack(np.meshgrid(places, places), axis=-1, dtype=of.dtype).reshape(-1, 2)
    x, hidden, before = np.broadcast_to(grid, (len(of.seeds), *grid.shape)), [], None
    for layer, own in zip(of.network, of.parameters, strict=True):
        x, _ = layer.forward(own, x, training=False)
        if isinstance(before, layers.Dense):
            hidden.append(x[0].reshape(PIXELS, PIXELS, -1))
        before = layer
    return hidden, logistic(x[..., 1] - x[..., 0]).reshape(-1, PIXELS, PIXELS)


def _plot_plane(ax: Any, of: Training, chances: np.ndarray) -> None:
    look: dict[str, Any] = {"origin": "lower", "extent": (-REACH, REACH, -REACH, REACH)}
    ax.imshow(chances[0], cmap=COLOURS, vmin=-0.3, vmax=1.3, interpolation="bilinear", **look)
    places = (np.arange(PIXELS) + 0.5) / PIXELS * 2 * REACH - REACH
    for world, chance in enumerate(chances):
        if chance.min() < 0.5 < chance.max():
            boundary: Any = contour_generator(places, places, chance).lines(0.5)
            ax.add_collection(LineCollection(boundary, colors="black", linewidths=1 if world else 2), autolim=False)
    x, y = of.data.part("train")
    for label, (colour, marker) in enumerate((("#0072B2", "o"), ("#D55E00", "^"))):
        ax.scatter(*x[0][y[0] == label].T, s=22, c=colour, marker=marker, edgecolors="white", linewidths=0.6)
    error = of.evaluate("validation")["error"].mean()
    drawing.label(ax, f"Epoch {of.epoch}: {error:.1%} of new points wrong", "first feature", "second feature")
    ax.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH))
    ax.grid(False)
    ax.locator_params(nbins=4)


def _plot_units(ax: Any, hidden: list[np.ndarray]) -> None:
    drawing.label(ax, "What each hidden unit answers", "unit", "layer")
    ax.grid(False)
    if not hidden:
        ax.text(0.5, 0.5, "There are no hidden units.", ha="center", va="center", transform=ax.transAxes)
        ax.set(xticks=[], yticks=[])
        return
    depth, width, size = len(hidden), hidden[0].shape[-1], PIXELS // 2 + 2
    tiles = np.full((depth, size, width, size), np.nan)
    for layer, answers in enumerate(hidden):
        coarse = answers[::-2, ::2].swapaxes(1, 2)  # the first row of an image is at the top
        largest = np.abs(coarse).max(axis=(0, 2), keepdims=True)
        tiles[layer, :-2, :, :-2] = coarse / np.where(largest > 0, largest, 1)
    ends = (-0.5, width - 0.5, depth - 0.5, -0.5)
    ax.imshow(tiles.reshape(depth * size, width * size), cmap=COLOURS, vmin=-1, vmax=1, extent=ends)
    ax.set_adjustable("datalim")  # the panel keeps its place, so that it need not be drawn anew as a whole
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks(range(width), [str(unit + 1) for unit in range(width)])
    ax.set_yticks(range(depth), [str(layer + 1) for layer in range(depth)])


def _plot_losses(ax: Any, of: Training) -> None:
    history = of.history()
    for name, losses, colour, style in (
        ("training", history.train_loss, "#0072B2", "-"),
        ("validation", history.validation_loss, "#D55E00", "--"),
    ):
        for world, each in enumerate(losses):
            look: dict[str, Any] = {"linewidth": 0.8} if world else {"label": name}
            ax.plot(history.epochs, each, color=colour, linestyle=style, **look)
    drawing.label(ax, "Losses", "epoch", "cross-entropy", xlim=(0, max(60, of.epoch)), ylim=(0, 1.1))
    drawing.legend(ax, loc="upper center", ncols=2)
