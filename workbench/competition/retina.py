"""A row of light detectors that inhibit their neighbours, as in the compound eye of the horseshoe crab.

H. K. Hartline and F. Ratliff found that the answers of such detectors solve r_i = e_i - sum_j k_ij r_j, where e_i is
the answer to light on detector i alone. F. Ratliff, H. K. Hartline, *The responses of Limulus optic nerve fibers to
patterns of illumination on the receptor mosaic*, Journal of General Physiology 42, 1959.
"""

import numpy as np
from scipy.linalg import toeplitz

from workbench.competition import settling

UNITS = 60
MARGIN = 40  # detectors beyond each end that see the light of the end, so that the ends have neighbours too
DIM, BRIGHT = 1.0, 2.0


def pattern(name: str, units: int = UNITS) -> np.ndarray:
    """Return light along a row, shape (units,): one of PATTERNS, between DIM and BRIGHT."""
    place = np.arange(units) / units
    if name not in PATTERNS:
        raise ValueError(f"name={name!r}: must be one of {', '.join(map(repr, PATTERNS))}")
    if name == "edge":
        shape = (place >= 0.5).astype(float)
    elif name == "ramp":
        shape = np.clip(3 * place - 1, 0, 1)
    elif name == "stairs":
        shape = np.floor(5 * place) / 4
    else:  # two equal greys, on a dark and on a bright ground
        shape = np.where(np.abs(place % 0.5 - 0.25) < 0.06, 0.5, (place >= 0.5).astype(float))
    return DIM + (BRIGHT - DIM) * shape


PATTERNS = ("edge", "ramp", "stairs", "two greys")


def neighbours(units: int, strength: float, reach: float) -> np.ndarray:
    """Return a matrix (units, units) with which detectors inhibit each other, by exp(-distance / reach).

    In an endless row, a detector would get the inhibition `strength` times the answer of the others, if all answer
    alike. No detector inhibits itself.
    """
    row = np.exp(-np.arange(units) / reach)
    row[0] = 0.0
    endless = 2 / np.expm1(1 / reach)  # the geometric series exp(-1/reach) + exp(-2/reach) + ..., on both sides
    return strength / endless * toeplitz(row)


def answers(light: np.ndarray, strength: float = 1.0, reach: float = 3.0) -> np.ndarray:
    """Return the answers of a row at rest, shape (units,), if none is silent: the equations of Hartline and Ratliff."""
    drive = _beyond(light)
    return settling.rest(drive, neighbours(len(drive), strength, reach))[MARGIN:-MARGIN]


def settle(
    light: np.ndarray, strength: float = 1.0, reach: float = 3.0, *, steps: int, pace: float = 0.1
) -> np.ndarray:
    """Return the answers of a row after a light goes on, step by step, shape (steps + 1, units)."""
    drive = _beyond(light)
    return settling.settle(drive, neighbours(len(drive), strength, reach), steps, pace)[:, MARGIN:-MARGIN]


def _beyond(light: np.ndarray) -> np.ndarray:
    return np.pad(light, MARGIN, mode="edge")
