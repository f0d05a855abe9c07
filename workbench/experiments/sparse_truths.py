"""An experiment: which penalty predicts best when the truth is sparse, and which when it is not?

The data are linear, with more features than examples. In one world a few features matter; in the other all matter, a
little each. The signal is equally strong. Each penalty is fitted at many strengths. Validation data choose a strength,
and only its weights are tested, once, on new examples.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from workbench.operator import checked_choice
from workbench.solvers.penalties import Lp
from workbench.solvers.solve import solve

TRUTHS = ("few features matter", "all features matter")
TRAINING, VALIDATION, TEST = 80, 400, 2000  # number of examples
FEATURES, RELEVANT = 120, 6
NOISE = 0.5  # standard deviation of the noise; that of the signal is 1


@dataclasses.dataclass(frozen=True)
class Errors:
    """Quality of each fit; arrays have shape (seeds, strengths), but for the last two.

    `validation` and `training` are mean squared errors; predicting 0 gives an expected error of 1 + NOISE^2 on new
    data. `nonzeros` counts the non-zero weights, and `first_six` those among the first six features. `chosen`, of shape
    (seeds,), is the place of the strength with the lowest validation error, and `test`, of the same shape, the mean
    squared error of its weights on test data.
    """

    validation: np.ndarray
    training: np.ndarray
    nonzeros: np.ndarray
    first_six: np.ndarray
    chosen: np.ndarray
    test: np.ndarray

    def at_chosen(self, values: np.ndarray) -> np.ndarray:
        """Return the values (seeds, strengths) at each seed's chosen strength, shape (seeds,)."""
        return np.take_along_axis(values, self.chosen[:, None], axis=1)[:, 0]

    def rise(self, steps: int) -> np.ndarray:
        """Return by which share the validation error rises `steps` strengths before and after the chosen one.

        The shape is (2, seeds). At an end of the strengths, the last one counts.
        """
        places = np.clip(self.chosen + np.array([[-steps], [steps]]), 0, self.validation.shape[1] - 1)
        return self.validation[np.arange(len(self.chosen)), places] / self.at_chosen(self.validation) - 1


def measure(truth: str, p: float, alphas: Sequence[float], seeds: Sequence[int]) -> Errors:
    """Fit the penalty alpha |w|^p at each strength for each seed, the strongest first, and return the errors."""
    checked_choice("truth", truth, TRUTHS)
    fits, chosen, tests = zip(*(_fit(truth, p, alphas, seed) for seed in seeds), strict=True)
    return Errors(*np.moveaxis(np.array(fits), -1, 0), np.array(chosen), np.array(tests))


def _fit(truth: str, p: float, alphas: Sequence[float], seed: int) -> tuple[list[tuple[float, ...]], int, float]:
    """Return the first four numbers of `Errors` for each strength, the place of the chosen one, and its test error."""
    rng = np.random.default_rng(seed)
    true = np.zeros(FEATURES)
    relevant = RELEVANT if truth == TRUTHS[0] else FEATURES
    true[:relevant] = rng.choice([-1.0, 1.0], relevant) / np.sqrt(relevant)
    training, validation, test = (_examples(rng, count, true) for count in (TRAINING, VALIDATION, TEST))
    weights, found = np.zeros(FEATURES), {}
    for alpha in sorted(alphas, reverse=True):
        weights = solve(*training, Lp(alpha, p), start=weights, tolerance=1e-4).weights
        found[alpha] = weights
    measured = [
        (_error(validation, w), _error(training, w), np.count_nonzero(w), np.count_nonzero(w[:RELEVANT]))
        for w in (found[alpha] for alpha in alphas)
    ]
    chosen = int(np.argmin([each[0] for each in measured]))
    return measured, chosen, _error(test, found[alphas[chosen]])


def _examples(rng: np.random.Generator, count: int, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features = rng.standard_normal((count, len(true)))
    return features, features @ true + NOISE * rng.standard_normal(count)


def _error(examples: tuple[np.ndarray, np.ndarray], weights: np.ndarray) -> float:
    features, targets = examples
    return float(np.mean((targets - features @ weights) ** 2))
