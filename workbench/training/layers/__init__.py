"""The layers of a network, each with its pass forward and back. `fit` trains a list of them."""

from workbench.training.layers.activations import ELU, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from workbench.training.layers.dense import Dense, Flatten
from workbench.training.layers.layer import Layer

__all__ = [
    "ELU",
    "Dense",
    "Flatten",
    "Identity",
    "Layer",
    "LeakyReLU",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
