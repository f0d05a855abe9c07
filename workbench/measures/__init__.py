"""Measures of a population of units: how similar, how diverse, how dominated by one, and which suppresses which.

They take activations (examples, units), or a function that returns them; where activations come from is no matter here.
"""

from workbench.measures.derivatives import influence, slopes
from workbench.measures.entropies import entropy
from workbench.measures.populations import effective_rank, winner_share
from workbench.measures.similarities import pairs, similarity

__all__ = ["effective_rank", "entropy", "influence", "pairs", "similarity", "slopes", "winner_share"]
