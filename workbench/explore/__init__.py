"""Tools for notebooks: sliders that move a figure, and functions to show figures, record results and check predictions.

The sliders are made from an operator's declaration. The plot functions beside each operator do the drawing.
"""

from workbench.lazily import lazily

__all__, __getattr__ = lazily(__name__, explorer="Explorer explore", notebook="check record show")
