"""Change the loss or the weights in each step of `fit`, by the operators and baselines of the package.

`fit` calls the hooks of a `Penalty`. `parameters` and `gradients` are lists with a dict for each layer of the network;
the state is a dict of arrays, or lists of them. All arrays start with worlds. A strength is one number, or one for each
world; a wrong one raises ValueError when training starts.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from workbench.baselines.pruning import gradual_sparsity
from workbench.baselines.variational_dropout import variational_dropout_kl_gradient
from workbench.solvers.penalties import l1_ball_projection
from workbench.sparse_lp import lp_gradient, lp_prox, sparse_lp_regularizer
from workbench.training.layers.dropout import kept
from workbench.training.layers.layer import Parameters
from workbench.training.trees import Rate, by_world, column

Network = list[Parameters]
State = dict[str, Any]

STAGES = 20  # weights are pruned when another twentieth of the training is done
TILE = 256  # `lp_prox` iterates on so many elements at once; they must not be of two worlds


@dataclasses.dataclass(frozen=True, eq=False)
class Penalty:
    """Base class of the penalties: the parameters with one of `names`, in `layers` (positions), or in all layers.

    `progress` is the share of all steps that are done, from 0 to 1.
    """

    names: tuple[str, ...] = dataclasses.field(default=("weight",), kw_only=True)
    layers: Sequence[int] | None = dataclasses.field(default=None, kw_only=True)

    def start(self, parameters: Network) -> State:
        """Return the state before the first step."""
        return {}

    def add_gradient(self, parameters: Network, gradients: Network, progress: float, state: State) -> None:
        """Add the gradient of the penalty to the gradients, in place."""

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        """Change the parameters in place after the optimizer's step."""

    def chosen(self, network: Network) -> list[np.ndarray]:
        """Return the arrays, of parameters or gradients, that the penalty is for."""
        some = network if self.layers is None else [network[i] for i in self.layers]
        return [layer[name] for layer in some for name in self.names if name in layer]

    def _by_world(self, name: str, parameters: Network, highest: float = np.inf) -> np.ndarray:
        arrays = self.chosen(parameters)
        if not arrays:
            raise ValueError(f"names={self.names}, layers={self.layers}: the network has no such parameters")
        return by_world(name, getattr(self, name), len(arrays[0]), highest)


@dataclasses.dataclass(frozen=True, eq=False)
class _Lp(Penalty):
    weight: Rate
    p: float = 1.0

    def start(self, parameters: Network) -> State:
        return super().start(parameters) | {"weight": self._by_world("weight", parameters)}


@dataclasses.dataclass(frozen=True, eq=False)
class LpGradient(_Lp):
    """Add weight * sum |w|^p to the loss, and `lp_gradient` to its gradient; few weights become exactly 0."""

    def add_gradient(self, parameters: Network, gradients: Network, progress: float, state: State) -> None:
        for w, g in zip(self.chosen(parameters), self.chosen(gradients), strict=True):
            g += column(state["weight"], w) * lp_gradient(w, 1.0, self.p)


@dataclasses.dataclass(frozen=True, eq=False)
class LpProx(_Lp):
    """Apply `lp_prox` with learning_rate * weight after each step; for p <= 1, small weights become exactly 0."""

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        for w in self.chosen(parameters):
            padded = np.zeros((len(w), -(-w[0].size // TILE) * TILE), w.dtype)
            padded[:, : w[0].size] = w.reshape(len(w), -1)
            for strength, worlds in _settings(learning_rate * state["weight"]):
                padded[worlds] = lp_prox(padded[worlds], strength, self.p)
            w[...] = padded[:, : w[0].size].reshape(w.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class ElasticNetProx(Penalty):
    """Apply the proximal operator of weight * (l1_ratio sum |w| + (1 - l1_ratio) / 2 sum w^2) after each step.

    As for `LpProx`, the operator gets learning_rate * weight. `l1_ratio` is in [0, 1].
    """

    weight: Rate
    l1_ratio: Rate = 0.5

    def start(self, parameters: Network) -> State:
        ratio = self._by_world("l1_ratio", parameters, 1.0)
        return {"weight": self._by_world("weight", parameters), "l1_ratio": ratio}

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        strength = learning_rate * state["weight"]
        for w in self.chosen(parameters):
            most = column(strength * state["l1_ratio"], w)
            w -= np.clip(w, -most, most)
            w /= column(1 + strength * (1 - state["l1_ratio"]), w)


@dataclasses.dataclass(frozen=True, eq=False)
class GroupProx(Penalty):
    """Apply the proximal operator of weight * sum of sqrt(numbers in the group) |group|_2 after each step.

    With `axis` 0, a group is a row of a weight (out, in): what comes into a unit or a filter. With 1, it is a column:
    what goes out of an input or a channel. Groups become 0 as a whole. As for `LpProx`, the operator gets learning_rate
    * weight. Source: Yuan and Lin, Model selection and estimation in regression with grouped variables, 2006.

    Raises:
        ValueError: `axis` is neither 0 nor 1, or a chosen parameter does not have this axis.
    """

    weight: Rate
    axis: int = 0

    def start(self, parameters: Network) -> State:
        state = {"weight": self._by_world("weight", parameters)}
        axes = min(w.ndim for w in self.chosen(parameters)) - 1
        if self.axis not in (0, 1) or self.axis >= axes:
            words = "must be 0 for rows, or 1 for columns of parameters that have columns"
            raise ValueError(f"axis={self.axis!r}, and a chosen parameter has {axes} axes: {words}")
        return state

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        for w in self.chosen(parameters):
            groups = np.moveaxis(w, 1 + self.axis, 1)
            others = tuple(range(2, groups.ndim))
            norms = np.sqrt(np.square(groups).sum(axis=others, keepdims=True))
            most = column(learning_rate * state["weight"] * np.sqrt(groups[0, 0].size), norms)
            groups *= np.divide(np.maximum(norms - most, 0), norms, out=np.zeros_like(norms), where=norms > 0)


@dataclasses.dataclass(frozen=True, eq=False)
class L1Ball(Penalty):
    """Move all chosen weights of a world to the nearest ones with sum |w| at most `radius` after each step.

    The learning rate plays no part. Source: Duchi, Shalev-Shwartz, Singer and Chandra, Efficient projections onto the
    L1-ball for learning in high dimensions, 2008.
    """

    radius: Rate

    def start(self, parameters: Network) -> State:
        return {"radius": self._by_world("radius", parameters)}

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        weights = self.chosen(parameters)
        joined = np.concatenate([w.reshape(len(w), -1) for w in weights], axis=1)
        for world, radius in zip(joined, state["radius"].tolist(), strict=True):
            world[...] = l1_ball_projection(world, radius)
        ends = np.cumsum([w[0].size for w in weights])
        for w, part in zip(weights, np.split(joined, ends[:-1], axis=1), strict=True):
            w[...] = part.reshape(w.shape)


@dataclasses.dataclass(frozen=True, eq=False)
class SparseLpThreshold(LpGradient):
    """Add weight * sum |w|^p to the loss and set |w| <= sparsity_threshold to 0 after each step, as `sparse_lp` does.

    With keep_mask=True, what was 0 once stays 0.
    """

    sparsity_threshold: Rate = 0.0
    keep_mask: bool = False

    def start(self, parameters: Network) -> State:
        threshold = self._by_world("sparsity_threshold", parameters)
        return super().start(parameters) | {"threshold": threshold, "removed": _marks(self.chosen(parameters))}

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        for w, removed in zip(self.chosen(parameters), state["removed"], strict=True):
            sizes = np.abs(w, dtype=np.float64)
            small = sizes <= column(state["threshold"], sizes)
            removed[...] = small | removed if self.keep_mask else small
            w[...] = kept(w, removed, np.ones(len(w), w.dtype))


@dataclasses.dataclass(frozen=True, eq=False)
class RowRegularizer(_Lp):
    """Apply `sparse_lp_regularizer` to the rows of tables (worlds, rows, columns) with a gradient that is not 0.

    As in Caffe2, the weight is above 0 and below 1, and is not multiplied by the learning rate.
    """

    p: float = 2.0

    def start(self, parameters: Network) -> State:
        tables = [table[..., 0] for table in self.chosen(parameters)]
        return super().start(parameters) | {"touched": _marks(tables)}

    def add_gradient(self, parameters: Network, gradients: Network, progress: float, state: State) -> None:
        for g, touched in zip(self.chosen(gradients), state["touched"], strict=True):
            np.any(g != 0, axis=-1, out=touched)

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        for w, touched in zip(self.chosen(parameters), state["touched"], strict=True):
            rows = np.reshape(w, (-1, w.shape[-1]), copy=False)
            for strength, worlds in _settings(state["weight"]):
                sparse_lp_regularizer(rows, np.flatnonzero(touched & worlds[:, None]), self.p, strength)


@dataclasses.dataclass(frozen=True, eq=False)
class MagnitudePruning(Penalty):
    """Set the smallest of all chosen weights of a world to 0, as `prune_global` does.

    Args:
        sparsity: share of the weights to remove, from 0 to 1, or one for each world.
        begin, end: the progress between which the share rises by `gradual_sparsity`, 0 <= begin < end < 1.
        gradual: False removes all at once at `begin`.
        keep_mask: whether removed weights stay 0; else they may grow until the next twentieth of the training.
    """

    sparsity: Rate
    begin: float = 0.25
    end: float = 0.75
    gradual: bool = True
    keep_mask: bool = True

    def start(self, parameters: Network) -> State:
        if not 0 <= self.begin < self.end < 1:
            raise ValueError(f"begin={self.begin}, end={self.end}: must be 0 <= begin < end < 1")
        weights, sparsity = self.chosen(parameters), self._by_world("sparsity", parameters, 1.0)
        state = {"sparsity": sparsity, "stage": np.zeros(len(sparsity)), "removed": _marks(weights)}
        return super().start(parameters) | state

    def after_step(self, parameters: Network, learning_rate: Rate, progress: float, state: State) -> None:
        weights, stage = self.chosen(parameters), np.floor(STAGES * progress) / STAGES
        gradual = gradual_sparsity(stage, self.begin, self.end, 0.0, 1.0)
        share = gradual if self.gradual else float(progress >= self.begin)
        if np.any(state["stage"] < share):
            _mark_smallest(weights, share * state["sparsity"], state["removed"])
        elif not self.keep_mask:
            return
        state["stage"][...] = share
        for w, removed in zip(weights, state["removed"], strict=True):
            w[...] = kept(w, removed, np.ones(len(w), w.dtype))


@dataclasses.dataclass(frozen=True, eq=False)
class VariationalKL(Penalty):
    """Add weight * the divergence of the layers `VariationalDropout` from their prior to the loss.

    The weight rises evenly from 0 during the share `warm_up` of the training. For a loss that is a mean over n
    examples, a weight of 1 / n gives the evidence lower bound.
    """

    weight: Rate
    warm_up: float = 0.5
    names: tuple[str, ...] = dataclasses.field(default=("weight", "log_sigma2"), init=False)

    def start(self, parameters: Network) -> State:
        return {"weight": self._by_world("weight", parameters)}

    def chosen(self, network: Network) -> list[np.ndarray]:
        return super().chosen([layer if "log_sigma2" in layer else {} for layer in network])

    def add_gradient(self, parameters: Network, gradients: Network, progress: float, state: State) -> None:
        arrays, sums = self.chosen(parameters), self.chosen(gradients)
        strength = state["weight"] * (min(progress / self.warm_up, 1.0) if self.warm_up else 1.0)
        for at in range(0, len(arrays), 2):
            slopes = variational_dropout_kl_gradient(*arrays[at : at + 2])
            for g, slope in zip(sums[at : at + 2], slopes, strict=True):
                g += column(strength, g) * slope


def _marks(arrays: list[np.ndarray]) -> list[np.ndarray]:
    return [np.zeros(each.shape, bool) for each in arrays]


def _mark_smallest(weights: list[np.ndarray], sparsity: np.ndarray, marks: list[np.ndarray]) -> None:
    """Mark a share of all weights of each world, the smallest; among equal ones the first."""
    sizes = np.concatenate([np.abs(w).reshape(len(w), -1) for w in weights], axis=1)
    removed = np.empty(sizes.shape, bool)
    first = np.arange(sizes.shape[1]) < np.rint(sparsity * sizes.shape[1])[:, None]
    np.put_along_axis(removed, np.argsort(sizes, axis=1, kind="stable"), first, axis=1)
    ends = np.cumsum([mark[0].size for mark in marks])
    for mark, part in zip(marks, np.split(removed, ends[:-1], axis=1), strict=True):
        mark[...] = part.reshape(mark.shape)


def _settings(numbers: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """Yield each different number and the mask of the worlds that have it: an experiment has few settings."""
    for number in sorted(set(numbers.tolist())):  # `np.unique` takes ten times as long for a few
        yield number, numbers == number
