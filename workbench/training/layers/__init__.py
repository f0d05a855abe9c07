"""The layers of a network, each with its pass forward and back. `fit` trains a list of them."""

from workbench.training.layers.activations import ELU, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Softplus, Tanh
from workbench.training.layers.convolution import Convolution
from workbench.training.layers.dense import Dense, Flatten
from workbench.training.layers.dropout import Dropout, DropoutWithReplacement
from workbench.training.layers.embedding import EmbeddingBag
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
from workbench.training.layers.pooling import AveragePool, MaxPool
from workbench.training.layers.relatives import (
    AlphaDropout,
    DropConnect,
    FeatureDropout,
    GaussianDropout,
    IdDropout,
    SubsampleIds,
    VariationalDropout,
)

__all__ = [
    "ELU",
    "AlphaDropout",
    "AveragePool",
    "BatchNorm",
    "Convolution",
    "Dense",
    "DropConnect",
    "Dropout",
    "DropoutWithReplacement",
    "EmbeddingBag",
    "FeatureDropout",
    "Flatten",
    "GaussianDropout",
    "GroupNorm",
    "IdDropout",
    "Identity",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LocalResponseNorm",
    "MaxPool",
    "PixelNorm",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SubsampleIds",
    "Tanh",
    "VariationalDropout",
    "WeightNorm",
]
