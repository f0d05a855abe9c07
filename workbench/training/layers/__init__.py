"""The layers of a network, each with its pass forward and back. `fit` trains a list of them."""

from workbench.training.layers.layer import Layer

__all__ = ["Layer"]
