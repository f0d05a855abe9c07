"""Units that inhibit each other, and settle: the more one answers, the less the others do.

The answers follow dr/dt = max(drive - inhibition @ r, 0) - r. What is below zero is cut off, since nerve cells cannot
fire less than never.
"""

import numpy as np


def everyone(units: int, weight: float) -> np.ndarray:
    """Return a matrix (units, units) with which each unit inhibits every other one by `weight`, and not itself."""
    return weight * (1.0 - np.eye(units))


def settle(drive: np.ndarray, inhibition: np.ndarray, steps: int, pace: float = 0.1) -> np.ndarray:
    """Return the answers step by step, shape (steps + 1, units), from silence on.

    `drive` (units,) is what excites each unit. Entry (i, j) of `inhibition` says how much an answer of unit j takes
    away from unit i. `pace` is the length of a step.
    """
    answers = np.zeros((steps + 1, len(drive)))
    for step in range(steps):
        excess = drive - inhibition @ answers[step]
        answers[step + 1] = answers[step] + pace * (np.maximum(excess, 0.0) - answers[step])
    return answers


def rest(drive: np.ndarray, inhibition: np.ndarray) -> np.ndarray:
    """Return the answers that no longer change if no unit is silent: the solution of (1 + inhibition) r = drive."""
    return np.linalg.solve(np.eye(len(drive)) + inhibition, drive)
