"""The layers of a network, each with its pass forward and back. `fit` trains a list of them."""

from workbench.training.layers.activations import ELU, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from workbench.training.layers.convolution import Convolution
from workbench.training.layers.dense import Dense, Flatten
from workbench.training.layers.embedding import EmbeddingBag
from workbench.training.layers.layer import Layer
from workbench.training.layers.pooling import AveragePool, MaxPool

__all__ = [
    "ELU",
    "AveragePool",
    "Convolution",
    "Dense",
    "EmbeddingBag",
    "Flatten",
    "Identity",
    "Layer",
    "LeakyReLU",
    "MaxPool",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]
