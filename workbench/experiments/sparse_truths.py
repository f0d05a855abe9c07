"""An experiment: which penalty predicts best when the truth is sparse, and which when it is not?

The data are linear, with more features than examples. In one world a few features matter; in the other all matter, a
little each. The signal is equally strong. Each penalty is fitted at many strengths and tested on new examples.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from workbench.operator import checked_choice
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

TRUTHS = ("few features matter", "all features matter")
TRAINING, TEST = 80, 2000  # number of examples
FEATURES, RELEVANT = 120, 6
NOISE = 0.5  # standard deviation of the noise; that of the signal is 1


@dataclasses.dataclass(frozen=True)
class Errors:
    """Quality of each fit; every array has shape (seeds, strengths).

    `test` and `training` are mean squared errors; predicting 0 gives an expected test error of 1 + NOISE^2. `nonzeros`
    counts the non-zero weights, and `first_six` those among the first six features.
    """

    test: np.ndarray
    training: np.ndarray
    nonzeros: np.ndarray
    first_six: np.ndarray


def measure(truth: str, p: float, alphas: Sequence[float], seeds: Sequence[int]) -> Errors:
    """Fit the penalty alpha |w|^p at each strength for each seed, the strongest first, and return the errors."""
    checked_choice("truth", truth, TRUTHS)
    fits = [_fit(truth, p, alphas, seed) for seed in seeds]
    return Errors(*np.moveaxis(np.array(fits), -1, 0))


def _fit(truth: str, p: float, alphas: Sequence[float], seed: int) -> list[tuple[float, ...]]:
    """Return the four numbers of `Errors` for each strength."""
    rng = np.random.default_rng(seed)
    true = np.zeros(FEATURES)
    relevant = RELEVANT if truth == TRUTHS[0] else FEATURES
    true[:relevant] = rng.choice([-1.0, 1.0], relevant) / np.sqrt(relevant)
    features, targets = _examples(rng, TRAINING, true)
    new_features, new_targets = _examples(rng, TEST, true)
    weights, found = np.zeros(FEATURES), {}
    for alpha in sorted(alphas, reverse=True):
        weights = solve(features, targets, Lp(alpha, p), start=weights, tolerance=1e-4).weights
        test = float(np.mean((new_targets - new_features @ weights) ** 2))
        training = float(np.mean((targets - features @ weights) ** 2))
        found[alpha] = test, training, np.count_nonzero(weights), np.count_nonzero(weights[:RELEVANT])
    return [found[alpha] for alpha in alphas]


def _examples(rng: np.random.Generator, count: int, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features = rng.standard_normal((count, len(true)))
    return features, features @ true + NOISE * rng.standard_normal(count)
