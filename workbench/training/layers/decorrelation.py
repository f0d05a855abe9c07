"""A layer that asks the units before it to be less alike, or more."""

import dataclasses
from typing import Any

import numpy as np

from workbench.training.layers.layer import Layer, Named, Parameters, Passed, Random, Shape
from workbench.training.trees import Rate, by_world, column


@dataclasses.dataclass(frozen=True, eq=False)
class Decorrelation(Layer):
    """Leave units as they are, and add strength * mean over pairs i != j of C_ij^2 to the loss in training.

    C is the covariance of the units over the batch, C_ij = mean of (x_i - mean x_i) (x_j - mean x_j). This is DeCov
    (Cogswell, Ahmed, Girshick, Zitnick and Batra, "Reducing overfitting in deep networks by decorrelating
    representations", 2016), which has half the sum over pairs for the mean. The losses of the history are without it.

    `strength` is one number, or one for each world. A negative one rewards units that are alike. Larger units then earn
    more, so that only units with bounds stay finite, as those of `Sigmoid`.

    Raises:
        ValueError: an example is not (units,) with two units or more, or, when training starts, `strength` is not
            finite or has another number of worlds.
    """

    strength: Rate

    def output(self, shape: Shape) -> Shape:
        if len(shape) != 1 or shape[0] < 2:
            raise ValueError(f"Decorrelation gets examples of shape {shape}: must be (units,), with at least 2 units")
        return shape

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        strengths = by_world("strength", self.strength, worlds, lowest=-np.inf)
        return {"strength": strengths} if np.ndim(self.strength) else {}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        return x, (x - x.mean(axis=1, keepdims=True)) if training else None

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        if saved is None:
            return dy, {}
        _, batch, units = saved.shape
        covariance = saved.swapaxes(1, 2) @ saved / batch
        covariance[:, np.arange(units), np.arange(units)] = 0
        # Each pair stands there twice: the sum of C_ij^2 has the derivative 4 sum_j C_ij (x_j - mean) / batch in x_i.
        factor = 4 * np.asarray(parameters.get("strength", self.strength), np.float64) / (batch * units * (units - 1))
        return dy + column(np.broadcast_to(factor, len(dy)), dy) * (saved @ covariance), {}
