"""Define what every layer has: a shape rule, initial parameters, and a pass in each direction."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.training.random import Random as Random
from workbench.training.random import Shape as Shape

Parameters = dict[str, np.ndarray]
Named = Mapping[str, np.ndarray]  # the parameters of a layer
Passed = tuple[np.ndarray, Any]  # y, and what the pass back needs


class Layer:
    """A layer without parameters that keeps the shape of its input. Subclasses are frozen dataclasses.

    The leading axis of every array is the worlds: x is (worlds, batch, *shape) and a parameter is (worlds, ...).
    Nothing in a layer mixes worlds, so that a world's numbers do not depend on the worlds beside it.
    """

    takes_ids = False  # whether x may hold whole numbers, ids of lists

    def output(self, shape: Shape) -> Shape:
        """Return the shape of one example after this layer.

        Raises:
            ValueError: the layer does not accept examples of this shape.
        """
        return shape

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        """Return the initial parameters for examples of `shape`, each with the leading axis `worlds`."""
        return {}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        """Return the output y, and what `backward` needs.

        `seed` is a whole number, or one for each world, shape (worlds,); only layers that draw random numbers use it.
        """
        raise NotImplementedError

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        """Return the loss's derivatives with respect to x, and a dict of those with respect to the parameters.

        A parameter that is not in the dict is not trained.
        """
        raise NotImplementedError

    def gradients(self, parameters: Named, saved: Any, dy: np.ndarray) -> Parameters:
        """Return only the derivatives with respect to the parameters, for a layer that no trained layer precedes."""
        return self.backward(parameters, saved, dy)[1]
