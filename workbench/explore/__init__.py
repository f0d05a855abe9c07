"""Tools for notebooks: sliders that move a figure, and functions to show figures, record results and check predictions.

The sliders are made from an operator's declaration. The plot functions beside each operator do the drawing. The
playground is an explorer of a network in training.
"""

from typing import TYPE_CHECKING

from workbench.lazily import lazily

if TYPE_CHECKING:
    from workbench.explore.animation import animate as animate
    from workbench.explore.explorer import Explorer as Explorer
    from workbench.explore.explorer import explore as explore
    from workbench.explore.notebook import check as check
    from workbench.explore.notebook import record as record
    from workbench.explore.notebook import show as show
    from workbench.explore.playground import Playground as Playground

__all__, __getattr__ = lazily(
    __name__, animation="animate", explorer="Explorer explore", notebook="check record show", playground="Playground"
)
