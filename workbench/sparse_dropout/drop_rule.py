"""Who is dropped: the one rule that both engines follow."""

import dataclasses
import math

from workbench.operator import Arg

RATIO = Arg("ratio", float, 0.5, "share that is dropped", low=0.0, high=1.0, slider=(0.0, 1.0), step=0.01)


@dataclasses.dataclass(frozen=True)
class Drop:
    """Drop element i where word start + i of the seed's stream, as a number r in [0, 1), is below the ratio.

    A word w is r = w / 2^32, so r < ratio is w < threshold: ratio 0 drops none and ratio 1 drops all, exactly, and
    between them the chance is threshold / 2^32.
    """

    ratio: float
    seed: int
    start: int = 0

    @property
    def threshold(self) -> int:
        return math.ceil(self.ratio * 2**32)
