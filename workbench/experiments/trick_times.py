"""Time the software tricks of dropout beside a plain copy; the notebook on hardware shows what this finds."""

from collections.abc import Callable, Mapping

import numpy as np

from workbench.hardware.tricks import TRICKS
from workbench.machines import plain_loops
from workbench.machines.timing import Contender, measure
from workbench.parallel import thread_limit


def time_tricks(
    x: np.ndarray,
    ratio: float,
    seed: int,
    *,
    rounds: int = 9,
    threads: int = 1,
    tricks: Mapping[str, Callable] = TRICKS,
) -> dict[str, float]:
    """Time each trick, and a plain copy of x, in turns: medians of `rounds`, in seconds, with `threads` threads."""
    contenders = {"copy": Contender(lambda: plain_loops.copy(x), (x,))}
    for name, trick in tricks.items():
        contenders[name] = Contender(lambda trick=trick: trick(x, ratio, seed), (x,))
    with thread_limit(threads):
        return {name: timing.seconds for name, timing in measure(contenders, rounds).items()}
