"""Layers that normalize: batch, layer, group, instance, pixel, weight, and local response normalization."""

import dataclasses
from typing import Any

import numpy as np

from workbench.baselines import normalizations as core
from workbench.lrn import ARGS, check_rank, local_response_norm, local_response_norm_gradient
from workbench.operator import Arg
from workbench.training.layers.layer import Layer, Named, Parameters, Passed, Random, Shape
from workbench.training.trees import Rate, by_world, column

_DECLARED = {arg.name: arg for arg in (*ARGS, core.EPS, core.GROUPS)}
_DECLARED["momentum"] = Arg("momentum", float, 0.1, "share of a batch in the running statistics", low=0.0, high=1.0)


class _OfChannels(Layer):
    """A layer for examples (channels, ...), with declared arguments that are checked when it is made."""

    kind = "pixel"
    groups = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            object.__setattr__(self, name, _DECLARED[name].check(value))

    def output(self, shape: Shape) -> Shape:
        core.check_size(self._parts((1, 2, *shape)), (2, *shape))
        return shape

    def _parts(self, shape: Shape) -> core.Groups:
        return core.divided(self.kind, shape, self.groups)


class _Normalization(_OfChannels):
    """A normalization with gamma and beta, both (worlds, channels), which start at 1 and 0."""

    eps: float

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        scales = (worlds, *(shape if self.kind == "layer" else shape[:1]))
        return {"gamma": np.ones(scales), "beta": np.zeros(scales)}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        parts = self._parts(x.shape)
        s, inverse, *_ = core.standardize(x, parts, self.eps)
        y = core.scale_and_shift(s, parameters["gamma"], parameters["beta"], parts)
        return y.reshape(x.shape), (s, inverse)

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        s, inverse, *fixed = saved
        parts = self._parts(dy.shape)
        dx, dgamma, dbeta = core.scale_and_shift_gradient(dy, s, inverse, parameters["gamma"], parts, *fixed)
        return dx, {"gamma": dgamma, "beta": dbeta}


@dataclasses.dataclass(frozen=True)
class BatchNorm(_Normalization):
    """Standardize each channel over the batch and the pixels; in evaluation, by running statistics.

    A forward pass in training moves `running_mean` and `running_var`, both (worlds, channels), towards those of the
    batch by the share `momentum`; there, the variance has Bessel's correction. It raises ValueError for a batch with
    one value for each channel.
    """

    momentum: float = 0.1
    eps: float = 1e-5
    kind = "batch"

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        scales = super().initial(shape, rng, worlds)
        return {**scales, "running_mean": np.zeros((worlds, shape[0])), "running_var": np.ones((worlds, shape[0]))}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        parts = self._parts(x.shape)
        running = parameters["running_mean"], parameters["running_var"]
        if training:
            core.check_size(parts, x.shape[1:])
            s, inverse, mean, variance = core.standardize(x, parts, self.eps)
            others = s.size // mean.size - 1
            for average, new in zip(running, (mean, variance * ((others + 1) / others)), strict=True):
                average += self.momentum * (new.reshape(average.shape) - average)
        else:
            mean, variance = (average.reshape(parts.gamma) for average in running)
            inverse = core.inverse_root(variance, self.eps)
            s = (x.reshape(parts.view) - mean) * inverse
        y = core.scale_and_shift(s, parameters["gamma"], parameters["beta"], parts)
        return y.reshape(x.shape), (s, inverse, not training)


@dataclasses.dataclass(frozen=True)
class LayerNorm(_Normalization):
    """Standardize each example; gamma and beta are (worlds, *shape of an example)."""

    eps: float = 1e-5
    kind = "layer"


@dataclasses.dataclass(frozen=True)
class GroupNorm(_Normalization):
    """Standardize each of `groups` groups of channels of an example."""

    groups: int
    eps: float = 1e-5
    kind = "group"


@dataclasses.dataclass(frozen=True)
class InstanceNorm(_Normalization):
    """Standardize each channel of an example over its pixels."""

    eps: float = 1e-5
    kind = "instance"


@dataclasses.dataclass(frozen=True)
class PixelNorm(_OfChannels):
    """Divide the channels of each pixel by their root mean square; there are no parameters."""

    eps: float = 1e-8

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        s, inverse, *_ = core.standardize(x, self._parts(x.shape), self.eps)
        return s.reshape(x.shape), (s, inverse)

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        (s, inverse), parts = saved, self._parts(dy.shape)
        return core.standardize_gradient(dy.reshape(parts.view), s, inverse, parts).reshape(dy.shape), {}


@dataclasses.dataclass(frozen=True)
class LocalResponseNorm(_OfChannels):
    """Divide each response by the energy of its neighbours; see `workbench.local_response_norm`.

    The neighbours are other channels at the same pixel, or with region="within" other pixels of the same channel of an
    example (channels, rows, columns). `alpha` is one number, or one above 0 for each world, a parameter that is not
    trained.
    """

    size: int = 5
    alpha: Rate = 1e-4
    beta: float = 0.75
    bias: float = 1.0
    region: str = "across"

    def __post_init__(self) -> None:
        alpha = self.alpha
        if np.ndim(alpha):
            object.__setattr__(self, "alpha", 1.0)
        super().__post_init__()
        if np.ndim(alpha):
            alphas = np.asarray(alpha, np.float64)
            if not (alphas > 0).all():
                raise ValueError(f"alpha={alpha!r}: must be above 0 in each world, or one number for all")
            object.__setattr__(self, "alpha", tuple(alphas.tolist()))

    def output(self, shape: Shape) -> Shape:
        check_rank("x", (1, *shape), "NCHW", self.region)
        return super().output(shape)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        return {"alpha": by_world("alpha", self.alpha, worlds)} if np.ndim(self.alpha) else {}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        if "alpha" in parameters:  # alpha x^2 = (sqrt(alpha) x)^2
            root = column(np.sqrt(parameters["alpha"]), x)
            y, saved = self._with_alpha_1().forward({}, x * root, training=training)
            return y / root, saved
        return _planes(local_response_norm(_planes(x), **vars(self)), x.shape), x

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        same = self._with_alpha_1() if "alpha" in parameters else self
        return _planes(local_response_norm_gradient(_planes(dy), _planes(saved), **vars(same)), dy.shape), {}

    def _with_alpha_1(self) -> "LocalResponseNorm":
        return dataclasses.replace(self, alpha=1.0)


@dataclasses.dataclass(frozen=True)
class WeightNorm(Layer):
    """Give the weight of `layer`, Dense or Convolution, as g v / |v|, where |v| is the length of a unit's weights.

    The parameters are v, of the weight's shape, g (worlds, units), and the layer's bias. At first, g v / |v| is the
    weight that the layer would start with.
    """

    layer: Layer

    def output(self, shape: Shape) -> Shape:
        return self.layer.output(shape)

    def initial(self, shape: Shape, rng: Random, worlds: int) -> Parameters:
        own = self.layer.initial(shape, rng, worlds)
        if "weight" not in own:
            raise ValueError(f"layer={self.layer}: must have a weight, as Dense and Convolution have")
        v = own.pop("weight")
        core.check_lengths(v, 2)
        return {"v": v, "g": core.lengths(v, 2).reshape(v.shape[:2]), **own}

    def forward(self, parameters: Named, x: np.ndarray, *, training: bool, seed: Any = 0) -> Passed:
        inner = {**parameters, "weight": core.scale_rows(parameters["v"], parameters["g"])}
        y, saved = self.layer.forward(inner, x, training=training, seed=seed)
        return y, (inner, saved)

    def backward(self, parameters: Named, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, Parameters]:
        inner, kept = saved
        dx, gradients = self.layer.backward(inner, kept, dy)
        dv, dg = core.scale_rows_gradient(gradients.pop("weight"), parameters["v"], parameters["g"])
        return dx, {"v": dv, "g": dg, **gradients}


def _planes(x: np.ndarray, shape: Shape = ()) -> np.ndarray:
    """Return x with the axes (batch, channels, pixels) that the operator takes, or back in `shape`.

    The examples of a world that have no pixels become the pixels of one example, which vector instructions can share.
    """
    if len(shape or x.shape) == 3:
        return np.ascontiguousarray(x.transpose(0, 2, 1))
    return x.reshape(shape or (-1, *x.shape[2:]))
