"""Learning-rate schedules: each returns a function of the share of training that is done, in [0, 1), to a factor."""

import math
from collections.abc import Callable

Schedule = Callable[[float], float]


def constant() -> Schedule:
    """Return a schedule that keeps the learning rate."""
    return lambda done: 1.0


def step(at: float = 0.5, factor: float = 0.1) -> Schedule:
    """Return a schedule that multiplies the learning rate by `factor` from the share `at` of training on."""
    return lambda done: factor if done >= at else 1.0


def cosine(last: float = 0.0) -> Schedule:
    """Return a schedule that falls from 1 to `last` along half a cosine (Loshchilov and Hutter, SGDR, 2017)."""
    return lambda done: last + (1 - last) * (1 + math.cos(math.pi * done)) / 2


def warm_up(share: float = 0.1, then: Schedule | None = None) -> Schedule:
    """Return a schedule that rises evenly from 0 during the first `share` of training, then follows `then`.

    Raises:
        ValueError: `share` is outside [0, 1).
    """
    if not 0 <= share < 1:
        raise ValueError(f"share={share}: must be at least 0 and below 1")
    after = then or constant()
    return lambda done: done / share if done < share else after((done - share) / (1 - share))
