"""For notebooks: sliders bound to a figure, built from a declaration; and to show, record and check what was found.

Drawing itself belongs to the plot functions beside each operator.
"""

from workbench.lazily import lazily

__all__, __getattr__ = lazily(__name__, explorer="Explorer explore", notebook="check record show")
