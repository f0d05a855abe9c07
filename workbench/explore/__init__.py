"""Sliders bound to a figure, built from an operator's declaration."""

from workbench.explore.explorer import Explorer, explore

__all__ = ["Explorer", "explore"]
