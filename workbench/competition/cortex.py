"""Divisive normalization: cells of the visual cortex, which divide their answers by the activity of their neighbours.

Cell i answers D_i^n / (sigma^n + pool), where D_i is how strongly the picture drives it, and the pool is the mean of
D_j^n over all cells, times a constant. D. J. Heeger, *Normalization of cell responses in cat striate cortex*, Visual
Neuroscience 9, 1992; M. Carandini, D. J. Heeger, *Normalization as a canonical neural computation*, Nature Reviews
Neuroscience 13, 2012.
"""

from collections.abc import Sequence

import numpy as np

CELLS = 36
PREFERRED = np.arange(CELLS) * 180.0 / CELLS - 90.0  # degrees: the orientation of bars that drives a cell most
NARROW = 6  # exponent of the tuning: at 0, all orientations would drive a cell alike


def tuning(angle: float, preferred: np.ndarray = PREFERRED) -> np.ndarray:
    """Return how strongly bars of an orientation drive cells, between 0 and 1, as a power of the cosine."""
    return np.cos(np.deg2rad(angle - preferred)) ** NARROW


def drive(contrasts: Sequence[float], angles: Sequence[float], preferred: np.ndarray = PREFERRED) -> np.ndarray:
    """Return the drive of cells by gratings that lie over each other: the sum of contrast times tuning."""
    return sum((c * tuning(angle, preferred) for c, angle in zip(contrasts, angles, strict=True)), np.zeros(CELLS))


def answers(driven: np.ndarray, exponent: float = 2.0, sigma: float = 0.1, pooled: float = 1.0) -> np.ndarray:
    """Return what cells answer, of the same shape as `driven` (..., cells).

    `sigma` is the contrast at which a cell gives half of its largest answer to its own grating. `pooled` is how much
    the others count: at 0 nothing is divided by, but sigma^n.
    """
    powers = np.power(driven, exponent)
    alone = np.mean(np.power(tuning(0.0), exponent))  # so that one grating of contrast c gives a pool of c^n
    pool = np.mean(powers, axis=-1, keepdims=True) / alone
    return powers / (sigma**exponent + pooled * pool)


def saturating(contrast: np.ndarray, exponent: float = 2.0, sigma: float = 0.1) -> np.ndarray:
    """Return c^n / (sigma^n + c^n): what a cell answers to its own grating alone."""
    return contrast**exponent / (sigma**exponent + contrast**exponent)
