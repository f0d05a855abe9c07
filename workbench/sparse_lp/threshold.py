"""Where the proximal operator of weight |z|^p lets go of zero: both engines ask here, so both decide alike."""

import math


def lp_threshold(weight: float, p: float) -> float:
    """Return the largest |x| that the proximal operator of weight |z|^p maps to 0.

    p = 0: sqrt(2 weight); p = 1: weight; in between (2 - p) / (2 - 2p) * (2 weight (1 - p))^(1 / (2 - p)), where the
    minimum at 0 and that away from 0 are equal; above 1, where only 0 itself becomes 0: 0.
    """
    if p > 1 or weight == 0:
        return 0.0
    if p == 1:
        return weight
    return (2 - p) / (2 * (1 - p)) * smallest_nonzero(weight, p)


def smallest_nonzero(weight: float, p: float) -> float:
    """Return the smallest value but 0 that the proximal operator gives, for p < 1: (2 weight (1 - p))^(1 / (2 - p))."""
    # The factor 2 is taken out so that no weight overflows.
    return math.exp2(1 / (2 - p)) * (weight * (1 - p)) ** (1 / (2 - p))
