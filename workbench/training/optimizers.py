"""Optimizers with the update rules of PyTorch, for all worlds at once and in place.

`optimizer.start(parameters)` returns the state, and `optimizer.step(parameters, gradients, state)` changes parameters
and state. Parameters, gradients and state are dicts or lists of arrays, nested at will; a parameter without a gradient
stays as it is. A learning rate or weight decay may be an array (worlds,): a grid is more worlds.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench.training import loops, trees
from workbench.training.trees import Rate, column


@dataclasses.dataclass(frozen=True, eq=False)
class Optimizer:
    """Base class of the optimizers. `learning_rate` and `weight_decay` are numbers or arrays (worlds,), at least 0.

    Raises:
        ValueError: a number is negative, infinite or NaN, or an array does not have one number for each world.
    """

    learning_rate: Rate
    weight_decay: Rate = dataclasses.field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("learning_rate", "weight_decay"):
            trees.by_world(name, getattr(self, name), np.size(getattr(self, name)))
        for name in ("momentum", "alpha", "betas"):
            shares = np.asarray(getattr(self, name, 0.0))
            if not np.all((shares >= 0) & (shares < 1)):
                raise ValueError(f"{name}={getattr(self, name)!r}: must be at least 0 and below 1")

    def start(self, parameters: Any) -> dict[str, Any]:
        """Return the state before the first step: the step count, the rates of each world, and the averages."""
        worlds = len(next(trees.leaves(parameters), ()))
        return {
            "step": np.zeros(worlds, np.int64),
            "learning_rate": trees.by_world("learning_rate", self.learning_rate, worlds),
            "weight_decay": trees.by_world("weight_decay", self.weight_decay, worlds),
            "averages": trees.changed(
                parameters, lambda w: {kept: np.zeros_like(_rows(w)) for kept in self.averages()}
            ),
        }

    def step(self, parameters: Any, gradients: Any, state: dict[str, Any], factor: float = 1.0) -> None:
        """Change parameters and state in place by one step with `factor` times the learning rate."""
        state["step"] += 1
        worlds = len(state["step"])
        numbers = _Numbers(state["step"], factor * state["learning_rate"], state["weight_decay"])
        for w, g, averages in _with_gradients(parameters, gradients, state["averages"]):
            self.update(_rows(w), g.reshape(worlds, -1), averages, numbers)

    def averages(self) -> tuple[str, ...]:
        """Return the names of the averages that are kept for each parameter."""
        return ()

    def update(self, w: np.ndarray, g: np.ndarray, averages: dict[str, np.ndarray], numbers: "_Numbers") -> None:
        """Change w (worlds, n) and its averages of the same shape in place, given its gradient g."""
        raise NotImplementedError


class _Numbers:
    """The numbers of a step for each world, float64, shape (worlds,)."""

    def __init__(self, count: np.ndarray, rate: np.ndarray, decay: np.ndarray) -> None:
        self.count, self.rate, self.decay = count, rate, decay
        self.first = bool((count == 1).all())
        self.decays = bool(decay.any())
        self._corrected: tuple[np.ndarray, np.ndarray] | None = None

    def decayed(self, w: np.ndarray, g: np.ndarray) -> np.ndarray:
        """Return g + weight_decay w, the gradient with weight decay in the loss."""
        return g + column(self.decay, w) * w if self.decays else g

    def corrected(self, betas: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Return the rate over the bias correction of the first average, and 1 over the root of the second's."""
        if self._corrected is None:
            self._corrected = self.rate / (1 - betas[0] ** self.count), 1 / np.sqrt(1 - betas[1] ** self.count)
        return self._corrected


@dataclasses.dataclass(frozen=True, eq=False)
class SGD(Optimizer):
    """Gradient descent: w -= rate g; with momentum, w -= rate v after v = momentum v + (1 - dampening) g.

    The first step sets v = g. With `nesterov`, the step is g + momentum v instead of v.
    """

    momentum: float = 0.0
    dampening: float = 0.0
    nesterov: bool = False

    def averages(self) -> tuple[str, ...]:
        return ("velocity",) if self.momentum else ()

    def update(self, w: np.ndarray, g: np.ndarray, averages: dict[str, np.ndarray], numbers: _Numbers) -> None:
        g = numbers.decayed(w, g)
        if self.momentum:
            v = averages["velocity"]
            v *= self.momentum
            v += g if numbers.first else (1 - self.dampening) * g
            g = g + self.momentum * v if self.nesterov else v
        w -= column(numbers.rate, w) * g


@dataclasses.dataclass(frozen=True, eq=False)
class RMSprop(Optimizer):
    """w -= rate g / (sqrt(s) + eps) with the average s = alpha s + (1 - alpha) g^2.

    `centered` takes the square of the gradient's average from s. With momentum, the step is averaged as in SGD.
    Source: Tieleman and Hinton, Lecture 6.5, 2012; Graves, Generating sequences with recurrent neural networks, 2013.
    """

    alpha: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    def averages(self) -> tuple[str, ...]:
        return "square", *(("velocity",) if self.momentum else ()), *(("gradient",) if self.centered else ())

    def update(self, w: np.ndarray, g: np.ndarray, averages: dict[str, np.ndarray], numbers: _Numbers) -> None:
        g = numbers.decayed(w, g)
        square = averages["square"]
        _average(square, g * g, self.alpha)
        if self.centered:
            mean = averages["gradient"]
            _average(mean, g, self.alpha)
            square = square - mean * mean
        step = g / (np.sqrt(square) + self.eps)
        if self.momentum:
            averages["velocity"] *= self.momentum
            averages["velocity"] += step
            step = averages["velocity"]
        w -= column(numbers.rate, w) * step


@dataclasses.dataclass(frozen=True, eq=False)
class Adam(Optimizer):
    """w -= rate m / (sqrt(v) + eps) with bias-corrected averages m of g and v of g^2.

    `weight_decay` adds weight_decay w to the gradient. `amsgrad` divides by the largest v so far.
    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015; for amsgrad Reddi, Kale and Kumar, On the
    Convergence of Adam and Beyond, 2018.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    amsgrad: bool = False

    def averages(self) -> tuple[str, ...]:
        return ("gradient", "square", "largest") if self.amsgrad else ("gradient", "square")

    def update(self, w: np.ndarray, g: np.ndarray, averages: dict[str, np.ndarray], numbers: _Numbers) -> None:
        self.adaptive_step(w, numbers.decayed(w, g), averages, numbers)

    def adaptive_step(self, w: np.ndarray, g: np.ndarray, averages: dict[str, np.ndarray], numbers: _Numbers) -> None:
        kept = [averages[name] for name in self.averages()]
        rate, root = numbers.corrected(self.betas)
        shares = [w.dtype.type(number) for number in (*self.betas, self.eps)]
        loops.adam(w, g, *kept[:2], tuple(kept[2:]), rate.astype(w.dtype), root.astype(w.dtype), *shares)


@dataclasses.dataclass(frozen=True, eq=False)
class AdamW(Adam):
    """Adam that shrinks the weights by the factor 1 - rate weight_decay, apart from the gradient.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.
    """

    weight_decay: Rate = dataclasses.field(default=0.01, kw_only=True)

    def update(self, w: np.ndarray, g: np.ndarray, averages: dict[str, np.ndarray], numbers: _Numbers) -> None:
        if numbers.decays:
            w *= column(1 - numbers.rate * numbers.decay, w)
        self.adaptive_step(w, g, averages, numbers)


@dataclasses.dataclass(frozen=True, eq=False)
class Adagrad(Optimizer):
    """w -= rate g / (sqrt(s) + eps) with the sum s of g^2 over all steps (Duchi, Hazan and Singer, 2011)."""

    eps: float = 1e-10

    def averages(self) -> tuple[str, ...]:
        return ("square",)

    def update(self, w: np.ndarray, g: np.ndarray, averages: dict[str, np.ndarray], numbers: _Numbers) -> None:
        g = numbers.decayed(w, g)
        averages["square"] += g * g
        w -= column(numbers.rate, w) * (g / (np.sqrt(averages["square"]) + self.eps))


def _rows(w: np.ndarray) -> np.ndarray:
    """Return w as (worlds, n); a view, since a step changes it in place."""
    return w.reshape(len(w), -1, copy=False)


def _average(kept: np.ndarray, new: np.ndarray, share: float) -> None:
    """Set kept = share kept + (1 - share) new, in place."""
    kept *= share
    kept += kept.dtype.type(1 - share) * new


def _with_gradients(parameters: Any, gradients: Any, averages: Any) -> Iterator[tuple]:
    """Yield each parameter that has a gradient, with the gradient and its averages."""
    if isinstance(gradients, np.ndarray):
        yield parameters, gradients, averages
    else:
        for place in gradients if isinstance(gradients, dict) else range(len(gradients)):
            yield from _with_gradients(parameters[place], gradients[place], averages[place])
