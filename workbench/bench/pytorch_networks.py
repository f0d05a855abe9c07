"""The networks of `architectures` built from PyTorch's layers, and their passes, for the part "torch" of the bench."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from workbench.architectures import network as counted
from workbench.lrn import LRN


class Branches(nn.ModuleList):
    """Run modules on the same input and concatenate their outputs along the channels."""

    def forward(self, x: Any) -> Any:
        return torch.cat([branch(x) for branch in self], 1)


def built(network: counted.Network) -> nn.Module:
    """Return a counted network as a module with random weights, in training; its softmax is left to the loss."""
    torch.manual_seed(0)
    layers = [layer for layer in network.layers if not isinstance(layer, counted.Softmax)]
    model = _sequence(layers)
    model(torch.zeros(1, *network.input_shape))  # the lazy layers get their shapes
    return model


def _sequence(layers: Any) -> nn.Module:
    return nn.Sequential(*map(_module, layers))


def _module(layer: counted.Layer) -> nn.Module:
    match layer:
        case counted.Branches():
            return Branches(map(_sequence, layer.branches))
        case counted.Convolution():
            return nn.LazyConv2d(layer.filters, layer.kernel, layer.stride, layer.padding, groups=layer.groups)
        case counted.Dense():
            return nn.Sequential(nn.Flatten(), nn.LazyLinear(layer.units))
        case counted.MaxPool():
            return nn.MaxPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
        case counted.AveragePool(kernel=None):
            return nn.AdaptiveAvgPool2d(1)
        case counted.OperatorLayer(operator="LRN"):
            values = LRN.check(layer.arguments)
            return nn.LocalResponseNorm(*(values[name] for name in ("size", "alpha", "beta", "bias")))
        case counted.Dropout():
            return nn.Dropout(layer.ratio)
        case counted.ReLU():
            return nn.ReLU()
    raise TypeError(f"{layer!r} has no counterpart")


def batch_of(network: counted.Network, batch: int) -> tuple:
    """Return random images and the classes that they shall have."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, *network.input_shape, generator=generator), torch.arange(batch)


def passes(model: nn.Module, data: tuple) -> dict[tuple[str], Callable[[], object]]:
    """Return what to time: the forward pass without a graph, and both passes."""

    def forward() -> None:
        with torch.no_grad():
            model(data[0])

    def both() -> None:
        model.zero_grad()
        cross_entropy(model(data[0]), data[1]).backward()

    return {("forward",): forward, ("forward and backward",): both}


def results(model: nn.Module, data: tuple) -> list:
    """Return the output and the gradient of each parameter of a model in float64, with the same dropout each time."""
    torch.manual_seed(2)
    model.zero_grad()
    y = model(data[0].double())
    cross_entropy(y, data[1]).backward()
    return [y.detach(), *(parameter.grad.clone() for parameter in model.parameters())]
