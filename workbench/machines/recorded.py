"""Read times that were recorded once, on a machine that the reader may not have: an NVIDIA H200 with PyTorch.

The file says how they were recorded. They are quoted, and never measured again here.
"""

import json
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("recorded_h200.json")
MICRO = 1e-6


class Recorded(NamedTuple):
    """The time of one operation of the worked example on `images` images: median and quartiles, in seconds."""

    images: int
    operation: str
    tf32: bool
    seconds: float
    quartiles: tuple[float, float]


def recorded_h200() -> list[Recorded]:
    """Return the rows of the recording; `tf32` is true if the convolution multiplied in TF32."""
    return [
        Recorded(
            row["N"],
            row["op"],
            row.get("tf32", False),
            row["median_us"] * MICRO,
            (row["q1_us"] * MICRO, row["q3_us"] * MICRO),
        )
        for row in json.loads(FILE.read_text(encoding="utf-8"))["rows"]
    ]
