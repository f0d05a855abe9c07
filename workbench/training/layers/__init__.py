"""The layers of a network, each with its pass forward and back. `fit` trains a list of them."""

from workbench.training.layers.activations import ELU, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from workbench.training.layers.dense import Dense, Flatten
from workbench.training.layers.layer import Layer
from workbench.training.layers.normalization import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LocalResponseNorm,
    PixelNorm,
    WeightNorm,
)

__all__ = [
    "ELU",
    "BatchNorm",
    "Dense",
    "Flatten",
    "GroupNorm",
    "Identity",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LocalResponseNorm",
    "PixelNorm",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "WeightNorm",
]
