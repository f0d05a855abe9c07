"""Measure a population of units by one number: how many directions it uses, and how much its strongest unit has."""

from typing import Any

import numpy as np

from workbench.measures.activations import checked_activations, scaled, shares


def effective_rank(y: Any) -> float:
    """Return the participation ratio of the units' covariance: 1 for copies of a unit, `units` for white noise.

    It is (sum of eigenvalues)^2 / (sum of their squares), for y (examples, units). It can be at most examples - 1.

    Raises:
        TypeError: y is masked, or holds no numbers.
        ValueError: y has not two axes, two examples and a unit; a number is NaN or infinite; or all units are constant.
    """
    y = checked_activations("y", y, least=2)
    if (y == y[0]).all():
        raise ValueError("y: all units are constant, so their covariance is 0 and has no rank; give units that vary")
    y = scaled(y)
    centred = y - y.mean(axis=0)
    centred /= np.abs(centred).max()
    covariance = centred.T @ centred
    return float(np.trace(covariance) ** 2 / np.sum(covariance**2))


def winner_share(y: Any) -> float:
    """Return the mean over examples of the strongest unit's share of the sum, for y (examples, units) from 0.

    It is 1 / units if all units are equally active, and 1 if a single unit is. Give y**2 for shares of energy.

    Raises:
        TypeError: y is masked, or holds no numbers.
        ValueError: y has not two axes, an example and a unit; a number is NaN, infinite or negative; or no unit is
            active in an example.
    """
    return float(shares(y).max(axis=1).mean())
