"""The relatives of dropout as layers: other noise in training, dropped connections, and dropped ids of lists.

Each does for every world what the function of `workbench.baselines` or the operator that it names does with the world's
seed. In evaluation, all but `VariationalDropout` do nothing.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench import philox
from workbench.arrays import WIDE_FLOATS, native_array
from workbench.baselines.elementwise import LOWEST, affine
from workbench.baselines.variational_dropout import EPSILON, log_alpha, pruned
from workbench.cost.record import checked_count
from workbench.training.layers.dense import Dense
from workbench.training.layers.dropout import Dropping, drawn, dropped_out, kept
from workbench.training.layers.layer import Layer, Named, Parameters, Passed, Random, Shape
from workbench.training.random import words
from workbench.training.trees import Rate, column


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureDropout(Dropping):
    """Drop each channel of each example with chance `ratio` and scale the others: `baselines.feature_dropout`."""

    ratio: Rate = 0.5

    def noisy(self, parameters: Named, x: np.ndarray, seed: Any) -> Passed:
        dropped, scale = drawn(x.shape[:3], x.dtype, seed, self.ratios(parameters, len(x)))
        dropped = np.repeat(dropped, x[0, 0, 0].size, axis=-1).reshape(x.shape)
        return kept(x, dropped, scale), (dropped, scale)


@dataclasses.dataclass(frozen=True, eq=False)
class AlphaDropout(Dropping):
    """Replace elements by SELU's lowest value, then restore mean 0 and variance 1: `baselines.alpha_dropout`."""

    ratio: Rate = 0.5

    def noisy(self, parameters: Named, x: np.ndarray, seed: Any) -> Passed:
        ratios = self.ratios(parameters, len(x))
        a, b = affine(ratios)
        scaled, lowest = x * column(a, x) + column(b, x), (a * LOWEST + b)[:, None]
        y, dropped, _ = dropped_out(scaled, seed, ratios, lowest, False)
        return y, (dropped, a.astype(x.dtype))


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianDropout(Dropping):
    """Multiply by normal noise of mean 1 and variance ratio / (1 - ratio), ratio < 1: `baselines.gaussian_dropout`."""

    ratio: Rate = 0.5
    highest = 1 - 2.0**-32  # a ratio of 1 gives an infinite variance

    def noisy(self, parameters: Named, x: np.ndarray, seed: Any) -> Passed:
        x = native_array("x", x, WIDE_FLOATS)
        ratios, normal = self.ratios(parameters, len(x)), _normals(seed, x.shape)
        noise = (1 + column(np.sqrt(ratios / (1 - ratios)), normal) * normal).astype(x.dtype)
        return x * noise, noise

    def carry_back(self, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        return dy * saved, {}


@dataclasses.dataclass(frozen=True, eq=False)
class DropConnect(Dropping):
    """Drop each weight of another layer with chance `ratio` and scale the others: `baselines.dropconnect` for a Dense.

    A world's batch shares one mask. Biases are not dropped.
    """

    layer: Layer
    ratio: Rate = 0.5

    def output(self, shape: Shape) -> Shape:
        return self.layer.output(shape)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        parameters = self.layer.initial(shape, rng, worlds)
        if "weight" not in parameters:
            raise ValueError(f"layer={self.layer!r}: must have a parameter `weight`, as Dense has")
        return parameters | super().initial(shape, rng, worlds)

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        used: Named = parameters
        mask: Sequence[Any] = ()
        if training:
            ratios = self.ratios(parameters, len(x))
            weight, *mask = dropped_out(parameters["weight"], seed, ratios, np.zeros((1, 1)), True)
            used = {**parameters, "weight": weight}
        y, saved = self.layer.forward(used, x, training=training, seed=seed)
        return y, (used, saved, mask)

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        used, inner, mask = saved
        dx, gradients = self.layer.backward(used, inner, dy)
        return dx, gradients | {"weight": kept(gradients["weight"], *mask)} if mask else gradients


@dataclasses.dataclass(frozen=True, eq=False)
class VariationalDropout(Layer):
    """Give each weight of a Dense its own learned noise: `baselines.variational_dropout`, and the Dense's bias.

    The parameter `log_sigma2` starts at the number given here. Weights with log alpha > 3 are left out in evaluation;
    train with the penalty `VariationalKL`, without which none gets there.
    """

    layer: Dense
    log_sigma2: float = -10.0

    def output(self, shape: Shape) -> Shape:
        return self.layer.output(shape)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        parameters = self.layer.initial(shape, rng, worlds)
        return {**parameters, "log_sigma2": np.full_like(parameters["weight"], self.log_sigma2)}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        used, log_sigma2 = parameters, parameters["log_sigma2"]
        if not training:
            noisy = pruned(log_alpha(parameters["weight"], log_sigma2))
            used = {**parameters, "weight": np.where(noisy, log_sigma2.dtype.type(0), parameters["weight"])}
        y, saved = self.layer.forward(used, x, training=training)
        if not training:
            return y, (used, saved, None)
        sigma2, normal = np.exp(log_sigma2), _normals(seed, y.shape).astype(y.dtype)
        deviation = np.sqrt(np.matmul(x * x, sigma2.swapaxes(1, 2)) + x.dtype.type(EPSILON))
        return y + deviation * normal, (used, saved, (x, sigma2, normal / (2 * deviation)))

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        used, inner, noise = saved
        dx, gradients = self.layer.backward(used, inner, dy)
        if noise is None:
            return dx, gradients | {"weight": gradients["weight"] * (used["weight"] != 0)}
        x, sigma2, slope = noise
        g = dy * slope  # the derivative in the variance of each sum
        gradients["log_sigma2"] = sigma2 * np.matmul(g.swapaxes(1, 2), x * x)
        return dx + 2 * x * np.matmul(g, sigma2), gradients


@dataclasses.dataclass(frozen=True, eq=False)
class IdDropout(Dropping):
    """Replace ids of lists with chance `ratio`: `sparse_itemwise_dropout_with_replacement` of each world.

    x is (worlds, batch, ids), whole numbers padded with -1. An example may hold several `lists` of equal width, one
    after the other. With whole=True each list is dropped as a whole and becomes the one id `replacement`:
    `sparse_dropout_with_replacement`. The replacement -1 removes an id or a list; each list may have one of its own.
    """

    ratio: Rate = 0.5
    replacement: int | Sequence[int] = -1
    whole: bool = False
    lists: int = 1
    takes_ids = True

    def __post_init__(self) -> None:
        checked_count("lists", self.lists, 1)
        if np.shape(self.replacement) not in ((), (self.lists,)):
            words = f"must be one number, or one for each of {self.lists} lists"
            raise ValueError(f"replacement={self.replacement!r}: {words}")

    def output(self, shape: Shape) -> Shape:
        if not shape or shape[-1] % self.lists:
            raise ValueError(f"IdDropout: shape {tuple(shape)} does not hold {self.lists} lists of equal width")
        return shape

    def noisy(self, parameters: Named, x: np.ndarray, seed: Any) -> Passed:
        ratios = self.ratios(parameters, len(x))
        if not ratios.any():
            return x, None
        lists = x.reshape(*x.shape[:2], self.lists, -1)
        new = np.broadcast_to(np.asarray(self.replacement, x.dtype), self.lists)[:, None]
        if self.whole:
            dropped = drawn(lists.shape[:3], np.float32, seed, ratios)[0][..., None]
            first = np.arange(lists.shape[3]) == 0
            return np.where(dropped, np.where(first, new, x.dtype.type(-1)), lists).reshape(x.shape), None
        dropped = _of_ids(drawn((len(x), x[0].size), np.float32, seed, ratios)[0], x).reshape(lists.shape)
        return np.where(dropped & (lists >= 0), new, lists).reshape(x.shape), None


@dataclasses.dataclass(frozen=True, eq=False)
class SubsampleIds(Dropping):
    """Keep at most `keep` ids of each list, chosen at random: `baselines.subsample_lists` of each world.

    x is as for `IdDropout`; an id that is not kept becomes -1.
    """

    keep: int
    takes_ids = True

    def __post_init__(self) -> None:
        checked_count("keep", self.keep, 1)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        return {}

    def noisy(self, parameters: Named, x: np.ndarray, seed: Any) -> Passed:
        drawn = _of_ids(_words(seed, len(x), x[0].size), x)
        order = np.argsort(np.where(x >= 0, drawn, 2.0**32), axis=-1, kind="stable")
        y = x.copy()
        np.put_along_axis(y, order[..., self.keep :], -1, axis=-1)
        return y, None


def _words(seed: Any, worlds: int, count: int) -> np.ndarray:
    """Return the next `count` words for each world, (worlds, count), of its own stream or of the one stream of all."""
    seeds = np.atleast_1d(np.asarray(seed, np.uint64))
    return words(seeds, worlds * count // len(seeds)).reshape(worlds, count)


def _normals(seed: Any, shape: Shape) -> np.ndarray:
    """Return the numbers of `philox.normals`, for an array that starts with worlds."""
    drawn = _words(seed, shape[0], 2 * math.prod(shape[1:])).reshape(*shape, 2) * philox.UNIT
    return np.sqrt(-2 * np.log1p(-drawn[..., 0])) * np.cos(2 * np.pi * drawn[..., 1])


def _of_ids(drawn: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return for each id in x what was drawn for it: id k of a world's lists, without padding, has drawn[:, k]."""
    places = np.maximum(np.cumsum((x >= 0).reshape(len(x), -1), axis=1) - 1, 0)
    return np.take_along_axis(drawn, places, axis=1).reshape(x.shape)
