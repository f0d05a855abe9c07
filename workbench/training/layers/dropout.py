"""Dropout with replacement as a layer, and what every layer that drops something shares."""

import dataclasses
from typing import Any

import numpy as np

from workbench.arrays import WIDE_FLOATS, native_array
from workbench.operator import checked_choice
from workbench.training.layers import dropout_loops
from workbench.training.layers.layer import Layer, Named, Parameters, Passed, Random, Shape
from workbench.training.trees import Rate, by_world


class Dropping(Layer):
    """A layer that drops a share `ratio` in training: one number, or one for each world, which is a parameter.

    A wrong ratio raises ValueError when the layer draws its initial parameters.
    """

    ratio: Rate
    highest = 1.0

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        ratios = by_world("ratio", self.ratio, worlds, self.highest)
        return {"ratio": ratios} if np.ndim(self.ratio) else {}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        return self.noisy(parameters, x, seed) if training else (x, None)

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return (dy, {}) if saved is None else self.carry_back(saved, dy)

    def noisy(self, parameters: Named, x: np.ndarray, seed: Any) -> Passed:
        """Return y in training, and what `carry_back` needs, by default the mask and the scale of each world."""
        raise NotImplementedError

    def carry_back(self, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        """Return dx and the gradients in training."""
        return kept(dy, *saved), {}

    def ratios(self, parameters: Named, worlds: int) -> np.ndarray:
        """Return the ratio of each world, float64."""
        return np.full(worlds, parameters.get("ratio", self.ratio), np.float64)


@dataclasses.dataclass(frozen=True, eq=False)
class DropoutWithReplacement(Dropping):
    """Replace each element with chance `ratio`, as `workbench.dropout_with_replacement` does in each world.

    Args:
        ratio: from 0 to 1, or one for each world.
        replacement: a finite number; an array that broadcasts to an example, or one for each world, (worlds, *shape);
            "mean" or "median" of the finite non-zero values of the world's batch, through which no gradient flows; or
            "trained", the parameter `replacement`, which starts at 0.
        scaled: whether kept elements are scaled so that the expectation of y is x.
        per_feature: one mean, median or trained number for each feature or channel, the first axis of an example.

    A world's mask and y have the bits of the operator with the same seed, but a float64 mean may differ in the last.

    Raises:
        TypeError: x is not float32 or float64.
        ValueError: the ratio or replacement is none of the above.
    """

    ratio: Rate = 0.5
    replacement: Any = 0.0
    scaled: bool = False
    per_feature: bool = False

    def __post_init__(self) -> None:
        if self._named:
            checked_choice("replacement", self.replacement, ("mean", "median", "trained"))
        elif self.per_feature:
            raise ValueError("per_feature=True: needs replacement='mean', 'median' or 'trained'; or give an array")
        elif not np.isfinite(np.asarray(self.replacement, np.float64)).all():
            raise ValueError(f"replacement={self.replacement!r}: must be finite")

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        parameters = super().initial(shape, rng, worlds)
        if self._named == "trained":
            parameters["replacement"] = np.zeros((worlds, *self._features(shape)))
        elif not self._named and np.ndim(self.replacement):
            parameters["replacement"] = self._given(shape, worlds)
        return parameters

    def noisy(self, parameters: Named, x: np.ndarray, seed: Any) -> Passed:
        new = self._replacement(parameters, x)
        rows = np.broadcast_to(new, (len(new), *x.shape[2:])).reshape(len(new), -1)
        y, *drawn = dropped_out(x, seed, self.ratios(parameters, len(x)), rows, self.scaled)
        return y, (*drawn, new.shape)

    def carry_back(self, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        *drawn, shape = saved
        dx = kept(dy, *drawn)
        if self._named != "trained":
            return dx, {}
        # A kept element is new + (x - new) * scale, whose derivatives in x and new add up to 1.
        axes = tuple(i for i in range(1, dy.ndim) if i == 1 or shape[i - 1] == 1)
        return dx, {"replacement": (dy - dx).astype(np.float64).sum(axis=axes).reshape(shape).astype(dy.dtype)}

    @property
    def _named(self) -> str:
        return self.replacement if isinstance(self.replacement, str) else ""

    def _features(self, shape: Shape) -> Shape:
        """Return the shape that holds one number, or one for each feature, and broadcasts to an example."""
        return (shape[0] if self.per_feature else 1, *(1,) * (len(shape) - 1))

    def _given(self, shape: Shape, worlds: int) -> np.ndarray:
        try:
            return np.array(np.broadcast_to(np.asarray(self.replacement, np.float64), (worlds, *shape)))
        except ValueError:
            wanted = f"must broadcast to an example, {shape}, or to one for each world, {(worlds, *shape)}"
            raise ValueError(f"replacement has shape {np.shape(self.replacement)}: {wanted}") from None

    def _replacement(self, parameters: Named, x: np.ndarray) -> np.ndarray:
        """Return the replacements (worlds, ...), or (1, ...) for all worlds; what follows broadcasts to an example."""
        if "replacement" in parameters or self._named == "trained":
            return parameters["replacement"]
        if not self._named:
            return self._given(x.shape[2:], len(x) if np.ndim(self.replacement) else 1)
        features = self._features(x.shape[2:])
        values = np.moveaxis(x, 2, 1) if self.per_feature else x
        return _typical(self._named, values.reshape(len(x), features[0], -1)).reshape(len(x), *features)


@dataclasses.dataclass(frozen=True, eq=False)
class Dropout(DropoutWithReplacement):
    """Replace each element by 0 with chance `ratio` and scale the others: inverted dropout, `baselines.dropout`."""

    scaled: bool = True


def dropped_out(x: np.ndarray, seed: Any, ratios: np.ndarray, rows: np.ndarray, scaled: bool) -> tuple:
    """Return y, the mask `dropped`, and the scale of each world (worlds,), for x (worlds, ...).

    `rows` are the replacements of an example, flat, (1 or worlds, 1 or size). A single seed has one stream for all
    worlds, one after the other.
    """
    flat = np.require(native_array("x", x, WIDE_FLOATS).reshape(len(x), -1), requirements=["C", "W"])
    y, dropped, scale = np.empty_like(flat), np.empty(flat.shape, np.bool_), np.empty(len(x), x.dtype)
    seeds, words = np.full(len(x), seed, np.uint64), 0 if np.ndim(seed) else flat.shape[1]
    dropout_loops.stacks(flat, y, dropped, rows.astype(x.dtype), ratios, scaled, scale, seeds, words)
    return y.reshape(x.shape), dropped.reshape(x.shape), scale


def drawn(shape: Shape, dtype: Any, seed: Any, ratios: np.ndarray) -> tuple:
    """Return the mask that `dropped_out` draws for an array of this shape, and the scale of each world."""
    return dropped_out(np.zeros(shape, dtype), seed, ratios, np.zeros((1, 1)), True)[1:]


def kept(x: np.ndarray, dropped: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return 0 where dropped, else x times the world's scale (worlds,)."""
    flat = np.require(x.reshape(len(x), -1), requirements=["C", "W"])
    y = np.empty_like(flat)
    dropout_loops.stacks_back(flat, y, dropped.reshape(flat.shape), scale)
    return y.reshape(x.shape)


def _typical(name: str, x: np.ndarray) -> np.ndarray:
    """Return the mean or median over the last axis of the finite values that are not 0; 0 where there are none."""
    present = (x != 0) & np.isfinite(x)
    counts = present.sum(axis=-1, keepdims=True)
    if name == "mean":
        return (np.where(present, x, 0).astype(np.float64) / np.maximum(counts, 1)).sum(axis=-1)
    ranked = np.sort(np.where(present, x, np.inf), axis=-1)
    places = np.concatenate([np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, x.shape[-1] - 1)], axis=-1)
    middle = np.take_along_axis(ranked, places, axis=-1).astype(np.float64) / 2
    return np.where(counts[..., 0] > 0, middle.sum(axis=-1), 0)
