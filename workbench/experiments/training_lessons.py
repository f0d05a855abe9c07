"""Small experiments on how networks learn, for the notebook on training, with their pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench import drawing
from workbench.training import network as networks
from workbench.training.initializers import Initializer
from workbench.training.layers import Dense, Layer
from workbench.training.optimizers import Optimizer
from workbench.training.random import WorldRandom, world_seeds

WIDTH, EXAMPLES = 128, 8
STEEP, FLAT = 30.0, 1.0  # curvatures of the valley
START = (-1.5, 0.6)
REACH = (2.0, 1.0)  # of the drawn part of the valley


def signals(
    initializer: Initializer, unit: Layer, *, depth: int = 20, worlds: Sequence[int] = range(10)
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean squares of the activations before and after each layer, and those of the gradients.

    Both have the shape (worlds, depth + 1), over the square at the end where they begin: the activations' course begins
    at the input, and the gradients' at the output. Inputs and the gradient at the output are standard normal numbers.
    """
    seeds = world_seeds(list(worlds))
    network = [Dense(WIDTH, initializer), unit] * depth
    parameters = networks.initial(network, (WIDTH,), seeds, np.float64)
    x, dy = WorldRandom(seeds).normal(size=(len(seeds), 2, EXAMPLES, WIDTH)).swapaxes(0, 1)
    forward, saved = [x], []
    for layer, own in zip(network, parameters, strict=True):
        x, kept = layer.forward(own, x, training=True)
        forward.append(x)
        saved.append(kept)
    backward = [dy]
    for layer, own, kept in zip(network[::-1], parameters[::-1], saved[::-1], strict=True):
        dy, _ = layer.backward(own, kept, dy)
        backward.append(dy)
    activations, gradients = (np.square(each[::2]).mean(axis=(2, 3)).T for each in (forward, backward))
    return activations / activations[:, :1], (gradients / gradients[:, :1])[:, ::-1]


@drawing.plot(1, 2, (9.6, 3.6))
def plot_signals(arms: Mapping[str, tuple[np.ndarray, np.ndarray]], *, ax: Any) -> None:
    """Draw the median over worlds of the mean squares by layer: activations on the left, gradients on the right."""
    titles = ("Activations, from the input on", "Gradients, from the output back")
    for place, (panel, title) in enumerate(zip(ax, titles, strict=True)):
        for name, courses in arms.items():
            panel.plot(np.median(courses[place], axis=0), label=name)
        drawing.label(panel, title, "layer", "mean square, relative", yscale="log")
        panel.xaxis.get_major_locator().set_params(integer=True)
    ax[0].legend(loc="lower left")


def valley(w: np.ndarray) -> np.ndarray:
    """Return (w_0^2 + 30 w_1^2) / 2 for w (..., 2), a valley that is steep across and flat along."""
    return (FLAT * w[..., 0] ** 2 + STEEP * w[..., 1] ** 2) / 2


def descent(optimizer: Optimizer, steps: int = 40) -> np.ndarray:
    """Return the places (steps + 1, 2) that an optimizer visits in the valley."""
    parameters = {"w": np.array([START])}
    state, path = optimizer.start(parameters), [np.array(START)]
    for _ in range(steps):
        optimizer.step(parameters, {"w": parameters["w"] * (FLAT, STEEP)}, state)
        path.append(parameters["w"][0].copy())
    return np.array(path)


@drawing.plot(1, 2, (9.6, 3.6))
def plot_descents(paths: Mapping[str, np.ndarray], *, ax: Any) -> None:
    """Draw the paths of optimizers over the valley's contours, and the height by step."""
    x, y = np.meshgrid(*(np.linspace(-reach, reach, 81) for reach in REACH))
    heights, levels = valley(np.stack([x, y], axis=-1)), np.geomspace(0.01, 20, 12)
    ax[0].contour(x, y, heights, levels, colors="#BBBBBB", linewidths=0.8)
    for name, path in paths.items():
        left = np.abs(path[:, 1]) > REACH[1]  # the first step that leads out is the last one drawn
        inside = path[: left.argmax() + 1] if left.any() else path
        ax[0].plot(*inside.T, marker=".", linewidth=1.2)
        ax[1].plot(valley(path), label=name)
    drawing.label(ax[0], "Paths down the valley", "flat direction", "steep direction")
    ax[0].set(xlim=(-REACH[0], REACH[0]), ylim=(-REACH[1], REACH[1]))
    drawing.label(ax[1], "Height", "step", "height above the bottom", yscale="log")
    ax[1].legend(loc="lower left")


def distinct_units(weight: np.ndarray) -> np.ndarray:
    """Return how many units of each world differ, shape (worlds,); weight is (worlds, units, features)."""
    return np.array([len(np.unique(np.round(each, 9), axis=0)) for each in weight])
